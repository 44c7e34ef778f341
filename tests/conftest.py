"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def skip_or_fail(reason: str) -> None:
    """Skip a test whose program or data is missing; under CI a missing piece is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (missing pieces are failures where CI is set)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real spectra and structures that are not part of the project."""
    if not _SHARED_DATA.is_dir():
        skip_or_fail("needs the folder ../shared/data")
    return _SHARED_DATA


@pytest.fixture(scope="session")
def missing() -> Callable[[str], None]:
    """Function to call with what a test lacks: skips the test, or fails it under CI."""
    return skip_or_fail
