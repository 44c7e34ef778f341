"""Every command and every line of Python in the README is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nearedge.cli import main

_ROOT = Path(__file__).parents[1]
_BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [text for name, text in _BLOCKS if name == language]


@pytest.mark.parametrize("text", _blocks("python"))
def test_python_in_the_readme_prints_what_it_says(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(_ROOT)
    exec(compile(text, "README.md", "exec"), {})
    printed = capsys.readouterr().out.strip().splitlines()
    promised = re.findall(r"^# -> (.*)$", text, re.MULTILINE)
    assert printed == promised


_COMMANDS = [
    line
    for text in _blocks("sh")
    for line in text.splitlines()
    # The study takes minutes, and the server runs until it is ended (tests/web runs it).
    if line.startswith("nearedge ") and line.split()[1] not in ("reproduce", "serve")
]


@pytest.mark.parametrize("line", _COMMANDS)
def test_commands_in_the_readme_succeed(
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(_ROOT)
    words = [w.replace("my_library.zarr", str(tmp_path / "l.zarr")) for w in shlex.split(line)[1:]]
    assert main(words) == 0
    assert capsys.readouterr().out


def test_the_make_targets_that_the_readme_names_exist() -> None:
    makefile = (_ROOT / "Makefile").read_text()
    named = re.findall(r"^make ([\w-]+)", "\n".join(_blocks("sh")), re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_files_that_the_readme_shows_exist() -> None:
    text = (_ROOT / "README.md").read_text()
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (_ROOT / path).exists(), path
