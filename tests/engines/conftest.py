from __future__ import annotations

from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(autouse=True)
def toy_engine_package(monkeypatch):
    """Another package's engine, installed as far as Python can tell."""
    monkeypatch.syspath_prepend(str(PLUGIN))
