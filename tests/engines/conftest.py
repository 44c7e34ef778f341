from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nearedge.engines.gpaw import Gpaw
from nearedge.engines.ocean import Ocean
from nearedge.engines.xspectra import XSpectra
from nearedge.errors import EngineError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def toy_engine_package(monkeypatch):
    """Another package's engine, installed as far as Python can tell."""
    monkeypatch.syspath_prepend(str(HERE / "plugin"))


def install(source: str, program: Path) -> str:
    """Put a stand-in where a program would be; the name of its folder is its way of failing."""
    program.parent.mkdir(parents=True, exist_ok=True)
    text = (HERE / "stand_ins" / source).read_text()
    program.write_text(f"#!{sys.executable} -IS\n{text}")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def ocean_stand_in(tmp_path: Path) -> Callable[..., Ocean]:
    """An engine that runs the stand-in for OCEAN, with a way of failing."""

    def engine(mode: str = "sound", **settings: Any) -> Ocean:
        program = install("ocean.py", tmp_path / "bin" / mode / "ocean.pl")
        Path(program).with_name("Version").write_text("3.1.0\n")
        return Ocean(executable=program, spectrum_points=401, **settings)

    return engine


@pytest.fixture
def xspectra_stand_in(tmp_path: Path) -> Callable[..., XSpectra]:
    """An engine that runs the stand-ins for Quantum ESPRESSO, with a way of failing."""

    def engine(mode: str = "sound", **settings: Any) -> XSpectra:
        programs = {
            name: install("quantum_espresso.py", tmp_path / "bin" / mode / f"{name}.x")
            for name in ("pw", "xspectra", "ld1")
        }
        if mode == "replay":
            shutil.copytree(
                HERE / "recorded" / "xspectra", tmp_path / "bin" / mode / "recorded",
                dirs_exist_ok=True,
            )  # fmt: skip
        return XSpectra(**programs, **{"spectrum_points": 401, "image_distance_A": 1.0} | settings)

    return engine


@pytest.fixture
def quantum_espresso() -> None:
    """Skip where the programs are not installed; they are optional, so under CI too."""
    absent = [name for name in ("pw.x", "xspectra.x", "ld1.x") if shutil.which(name) is None]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}: make quantum-espresso")


@pytest.fixture
def gpaw() -> None:
    """Skip where GPAW is not installed; it is optional, so under CI too."""
    try:
        Gpaw().version()
    except EngineError as error:
        pytest.skip(str(error))
