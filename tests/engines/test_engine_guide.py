"""The guide to writing an engine: its engine runs and conforms."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

_GUIDE = (Path(__file__).parents[2] / "docs" / "engines" / "your-own.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _GUIDE, re.DOTALL)


def test_engine_of_the_guide_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    lines = [f"scratch = {str(tmp_path / 'scratch')!r}", *_blocks("python")]
    (tmp_path / "guide_engine.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert import_module("guide_engine").case.engine.name == "mine"


def test_entry_point_of_the_guide_is_of_the_group_that_is_searched() -> None:
    from nearedge.engines import registry

    [table] = _blocks("toml")
    [group] = tomllib.loads(table)["project"]["entry-points"]
    assert f'"{group}"' in Path(registry.__file__).read_text()
