"""What the libraries in the package hold, and that their cards and recipes say so."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nearedge.data import embedded_library
from nearedge.environments import label_sites, load_scheme
from nearedge.library import load_recipe, names, open_library, open_structures
from nearedge.structures import read_structures

RECIPES = Path(__file__).parents[2] / "examples" / "recipes"
CLASSES = ["0 Fe", "1 Fe", "2 Fe", "3 Fe", "4 Fe", "O-O dimer"]
ENGINES = ["gpaw", "feff"]


def card(engine: str) -> str:
    return embedded_library(engine).with_name(f"li3feo35-{engine}.md").read_text()


def structures(engine: str) -> dict:
    return {s.info["structure_id"]: s for s in open_structures(embedded_library(engine))}


def test_the_gpaw_library_is_large_and_of_many_independent_cells():
    library = open_library(embedded_library("gpaw"))
    assert library.sizes["site"] >= 1100
    assert len(set(names(library, "structure_id"))) >= 24
    assert len(set(names(library, "trajectory_id"))) >= 12


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_is_of_many_atoms_and_no_cell_holds_most_of_it(label):
    library = open_library(embedded_library("gpaw"))
    mine = np.array(names(library, "environment")) == label
    cells = np.array(names(library, "trajectory_id"))[mine]
    atoms = library["atom_index"].values[mine]
    assert mine.sum() >= 60
    assert len(set(zip(cells, atoms, strict=True))) >= 20
    assert len(set(cells)) >= 4
    assert max(Counter(cells).values()) <= mine.sum() / 2


def test_the_libraries_fit_into_the_package():
    assert sum(embedded_library(engine).stat().st_size for engine in ENGINES) <= 6e6


@pytest.mark.parametrize("engine", ENGINES)
def test_card_tells_what_the_library_holds(engine):
    library = open_library(embedded_library(engine))
    sites = library.sizes["site"]
    frames = len(set(names(library, "structure_id")))
    cells = len(set(names(library, "trajectory_id")))
    assert f"{sites} oxygen sites in {frames} structures of {cells} independent cells" in card(
        engine
    )
    told = re.findall(r"^\| (\d Fe|O-O dimer) \| (\d+) \|", card(engine), flags=re.MULTILINE)
    assert {label: int(count) for label, count in told} == Counter(names(library, "environment"))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_committed_recipe_names_the_structures_of_the_library(engine):
    recipe = load_recipe(RECIPES / f"li3feo35-{engine}.toml")
    found = structures(engine)
    expected = 0
    for entry in recipe.files:
        for frame in read_structures(RECIPES / entry.path):
            number = frame.info["snapshot_id"]
            if entry.snapshots is None or number in entry.snapshots:
                expected += 1
                inside = found[f"{entry.trajectory}/{number}"]
                np.testing.assert_allclose(inside.positions, frame.positions, atol=1e-9)
    assert expected == len(found)


def test_both_engines_computed_the_same_sites_with_the_same_labels():
    def labels(engine):
        library = open_library(embedded_library(engine)).load()
        structure, environment = names(library, "structure_id"), names(library, "environment")
        atom = library["atom_index"].values.tolist()
        return dict(zip(zip(structure, atom, strict=True), environment, strict=True))

    assert labels("feff") == labels("gpaw")


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_of_the_library_are_those_of_its_structures(engine):
    library = open_library(embedded_library(engine)).load()
    at = np.array(names(library, "structure_id"))
    environments = np.array(names(library, "environment"))
    scheme = load_scheme("li3feo35_oxygen")
    for name, structure in structures(engine).items():
        labels = label_sites(structure, scheme)
        told = dict(zip(labels.atom_index.tolist(), labels.environment.tolist(), strict=True))
        for atom, environment in zip(
            library["atom_index"].values[at == name], environments[at == name], strict=True
        ):
            assert told[int(atom)] == environment


@pytest.mark.parametrize("engine", ENGINES)
def test_the_cell_that_engines_are_judged_by_is_in_no_library(engine, shared_data):
    [judge] = read_structures(shared_data / "li3feo35_ocean_0K" / "POSCAR")

    def oxygen_distances_A(structure):
        oxygen = np.flatnonzero(structure.symbols == "O")
        return np.sort(structure.get_all_distances(mic=True)[np.ix_(oxygen, oxygen)].ravel())

    for name, structure in structures(engine).items():
        difference_A = np.abs(oxygen_distances_A(structure) - oxygen_distances_A(judge))
        assert difference_A.max() > 0.1, name
