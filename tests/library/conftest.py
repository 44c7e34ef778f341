"""A cheap engine, small structures and a recipe for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

PLUGIN = Path(__file__).parents[1] / "engines" / "plugin"


@pytest.fixture(autouse=True)
def toy_engine_package(monkeypatch) -> Path:
    """The engine "toy", brought by another package; returns the folder that it is found in."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    return PLUGIN


def _oxide(seed: int, temperature_K: float = 300.0) -> Atoms:
    """Shaken rocksalt Li5Fe3O8 in which every oxygen has 0 to 4 Fe neighbours."""
    rng = np.random.default_rng(seed)
    structure = bulk("LiO", "rocksalt", a=4.2, cubic=True).repeat((2, 1, 1))
    lithium = np.flatnonzero(structure.symbols == "Li")
    # One Fe on each line of cations: no oxygen then sees more than four.
    structure.symbols[lithium[[0, 5, 6]]] = "Fe"
    structure.positions += rng.normal(scale=0.03, size=structure.positions.shape)
    structure.info["temperature_K"] = temperature_K
    return structure


@pytest.fixture
def oxide():
    """Make a small oxide, a different one for each seed."""
    return _oxide


RECIPE = """licence = "CC0-1.0"
scheme = "li3feo35_oxygen"

[engine]
name = "{engine}"
settings = {{ control = "{control}"{settings} }}

[[files]]
path = "frames.extxyz"
trajectory = "t1"
"""


@pytest.fixture
def write_recipe(tmp_path):
    """Write a recipe for some structures; the folder `control` steers the engine."""

    def write(structures=None, engine="toy", settings="") -> Path:
        control = tmp_path / "control"
        control.mkdir(exist_ok=True)
        structures = structures or [_oxide(0), _oxide(1, 1000.0)]
        ase.io.write(tmp_path / "frames.extxyz", structures, format="extxyz")
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(engine=engine, control=control, settings=settings))
        return path

    return write


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def content():
    """Every byte under a path, to see that nothing was touched."""

    def read(path: Path) -> dict[str, bytes]:
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        return {str(f.relative_to(path)): f.read_bytes() for f in files if f.is_file()}

    return read
