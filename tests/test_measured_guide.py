"""The guide to measured spectra: its example runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nearedge.spectra import PREPARATION_STEPS

_GUIDE = (Path(__file__).parents[1] / "docs" / "measured-spectra.md").read_text()


def test_the_example_of_the_guide_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", _GUIDE, re.DOTALL)
    exec(code, {})
    said = re.findall(r"^# -> (.*)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == said


def test_the_guide_names_every_step() -> None:
    assert set(PREPARATION_STEPS) <= set(re.findall(r"^\| `(\w+)`", _GUIDE, re.MULTILINE))
