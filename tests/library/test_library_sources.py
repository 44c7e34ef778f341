"""Structures of a recipe: from dynamics as from files, and the same atoms after every stop."""

from __future__ import annotations

import os
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from nearedge.compute import local_executor
from nearedge.errors import NearedgeError
from nearedge.library import build_library, load_recipe, names, open_library, open_structures
from nearedge.library.sources import recipe_structures

RECIPE = """licence = "CC0-1.0"
scheme = "li3feo35_oxygen"

[engine]
name = "toy"
settings = {{ control = "{control}" }}

[[cells]]
name = "cell"
seeds = [1, 2]
anion = "O"
anions = 14
anion_sites = 16
anion_site_volume_A3 = 18.0
timestep_fs = 0.5

[[cells.cations]]
element = "Fe"
count = 4
octahedral = 1.0

[[cells.cations]]
element = "Li"
count = 8
octahedral = 0.75

[[cells.stages]]
temperature_K = 1000
equilibration_steps = 3

[[cells.stages]]
temperature_K = 300
equilibration_steps = 3
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch) -> Path:
    """A recipe with cells, and a calculator without forces in place of CHGNet."""
    from ase.calculators.calculator import Calculator

    class Free(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012 - ASE's interface

        def calculate(self, atoms=None, properties=None, system_changes=None):
            assert atoms is not None
            super().calculate(atoms, properties or [], system_changes or [])
            self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

    monkeypatch.setattr("nearedge.structures.chgnet_calculator", Free)
    control = tmp_path / "control"
    control.mkdir()
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(control=control))
    return path


def calls(recipe: Path) -> int:
    path = recipe.parent / "control" / "calls"
    return len(path.read_text().split()) if path.exists() else 0


def test_cells_become_trajectories_at_both_temperatures(recipe, pool):
    build_library(recipe, recipe.parent / "lib.zarr", pool, workers=2)
    library = open_library(recipe.parent / "lib.zarr")
    assert set(names(library, "trajectory_id")) == {"cell-01", "cell-02"}
    assert set(library["temperature_K"].values.tolist()) == {1000.0, 300.0}
    structures = open_structures(recipe.parent / "lib.zarr")
    assert [s.info["structure_id"] for s in structures] == [
        "cell-01/0", "cell-01/1", "cell-02/0", "cell-02/1",
    ]  # fmt: skip
    assert all(s.get_chemical_formula("metal") == "Fe4Li8O14" for s in structures)


def test_atoms_are_the_same_when_a_build_goes_on_later(recipe, pool):
    out = recipe.parent / "lib.zarr"
    first = build_library(recipe, out, pool, workers=2)
    assert first.computed == calls(recipe) > 0
    again = build_library(recipe, out, pool, workers=2)
    assert (again.sites, again.computed) == (first.sites, 0)
    assert calls(recipe) == first.computed


def structures_of(recipe: Path, pool, progress=lambda *step: None):
    work = recipe.parent / "work"
    return recipe_structures(load_recipe(recipe), recipe, work, pool, 2, progress)


def test_progress_counts_trajectories(recipe, pool):
    seen = []
    structures_of(recipe, pool, lambda *step: seen.append(step))
    assert seen == [("trajectories", 1, 2), ("trajectories", 2, 2)]


def test_files_and_cells_stand_side_by_side(recipe, pool):
    ase.io.write(recipe.parent / "frames.xyz", [bulk("LiF", "rocksalt", a=4.0)] * 2, "extxyz")
    files = '\n[[files]]\npath = "frames.xyz"\ntrajectory = "t1"\n'
    recipe.write_text(recipe.read_text() + files)
    found = [structure.info["structure_id"] for structure in structures_of(recipe, pool)]
    assert found == ["t1/0", "t1/1", "cell-01/0", "cell-01/1", "cell-02/0", "cell-02/1"]


def test_only_the_snapshots_that_are_named_are_taken_from_a_file(recipe, pool):
    ase.io.write(recipe.parent / "frames.xyz", [bulk("LiF", "rocksalt", a=4.0)] * 3, "extxyz")
    plain = recipe.read_text()
    entry = '\n[[files]]\npath = "frames.xyz"\ntrajectory = "t1"\nsnapshots = {}\n'
    recipe.write_text(plain + entry.format("[0, 2]"))
    found = [structure.info["structure_id"] for structure in structures_of(recipe, pool)]
    assert found[:2] == ["t1/0", "t1/2"]
    assert "t1/1" not in found
    recipe.write_text(plain + entry.format("[3]"))
    with pytest.raises(NearedgeError, match=r"frames.xyz: no snapshot 3; it has 0, 1, 2"):
        structures_of(recipe, pool)


def test_trajectory_that_fails_ends_the_build_with_its_own_words(recipe, pool):
    recipe.write_text(recipe.read_text().replace("timestep_fs = 0.5", "timestep_fs = 1e9"))
    with pytest.raises(NearedgeError, match=r"cell-0[12]") as error:
        build_library(recipe, recipe.parent / "lib.zarr", pool, workers=2)
    assert "\n" not in str(error.value)
    assert not (recipe.parent / "lib.zarr").exists()


def test_worker_killed_in_the_dynamics_is_a_clear_error(recipe):
    with local_executor(1) as executor:
        executor.submit(os.getpid).result()
        for process in executor._processes.values():
            process.kill()
        with pytest.raises(NearedgeError, match="a worker process died"):
            build_library(recipe, recipe.parent / "lib.zarr", executor, workers=1)
