"""The crystals of the examples are what chemistry knows: coordination, charges, distances."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

FOLDER = Path(__file__).parents[2] / "examples" / "many-compounds"

# Lengths of a bond of valence 1 to oxygen, in Å: N. E. Brese, M. O'Keeffe, Acta Cryst. B 47, 192
# (1991). For elements of more than one charge their middle one.
BOND_A = {
    "V": 1.78, "Mn": 1.765, "Fe": 1.757, "Ti": 1.815, "Cr": 1.724, "Ni": 1.654, "Cu": 1.593,
    "Zn": 1.704, "Al": 1.651, "P": 1.604, "Ba": 2.285, "Sr": 2.118, "Ca": 1.967, "Mg": 1.693,
    "La": 2.172, "Y": 2.014, "Lu": 1.971, "Yb": 1.985, "Sc": 1.849, "Na": 1.803, "Li": 1.466,
}  # fmt: skip

# Charge and coordination of every kind of site of the three metals, in the order of the crystal.
METALS = {
    "magnetite": {"Fe": [(3, 4), (2.5, 6)]},
    "hematite": {"Fe": [(3, 6)]},
    "wustite": {"Fe": [(2, 6)]},
    "yttrium-iron-garnet": {"Fe": [(3, 6), (3, 4)]},
    "ilmenite": {"Fe": [(2, 6)]},
    "strontium-ferrate": {"Fe": [(4, 6)]},
    "iron-phosphate": {"Fe": [(3, 4)]},
    "hercynite": {"Fe": [(2, 4)]},
    "nickel-ferrite": {"Fe": [(3, 4), (3, 6)]},
    "zinc-ferrite": {"Fe": [(3, 6)]},
    "delafossite": {"Fe": [(3, 6)]},
    "sodium-ferrite": {"Fe": [(3, 6)]},
    "ulvospinel": {"Fe": [(2, 4), (3, 6)]},  # the octahedra's distances are a mean of Fe and Ti
    "strontium-iron-dioxide": {"Fe": [(2, 4)]},
    "lutetium-ferrite": {"Fe": [(2.5, 5)]},
    "ytterbium-ferrite": {"Fe": [(2.5, 5)]},
    "brownmillerite": {"Fe": [(3, 6), (3, 4)]},
    "barium-ferrite": {"Fe": [(3, 6), (3, 5), (3, 4), (3, 6), (3, 6)]},
    "lanthanum-ferrite": {"Fe": [(3, 6)]},
    "lithium-ferrite": {"Fe": [(3, 6)]},
    "manganosite": {"Mn": [(2, 6)]},
    "pyrolusite": {"Mn": [(4, 6)]},
    "manganese-sesquioxide": {"Mn": [(3, 6), (3, 6)]},
    "hausmannite": {"Mn": [(2, 4), (3, 6)]},
    "hetaerolite": {"Mn": [(3, 6)]},
    "lanthanum-manganite": {"Mn": [(3, 6)]},
    "calcium-manganite": {"Mn": [(4, 6)]},
    "pyrophanite": {"Mn": [(2, 6)]},
    "lithium-manganate": {"Mn": [(4, 6)]},
    "strontium-manganate": {"Mn": [(4, 6)]},
    "lithium-manganese-spinel": {"Mn": [(3.5, 6)]},
    "galaxite": {"Mn": [(2, 4)]},
    "manganese-chromite": {"Mn": [(2, 4)]},
    "jacobsite": {"Mn": [(2, 4)], "Fe": [(3, 6)]},
    "yttrium-manganite": {"Mn": [(3, 5)]},
    "yttrium-dimanganite": {"Mn": [(4, 6), (3, 5)]},
    "vanadium-dioxide": {"V": [(4, 6)]},
    "hot-vanadium-dioxide": {"V": [(4, 6)]},
    "karelianite": {"V": [(3, 6)]},
    "strontium-vanadate": {"V": [(4, 6)]},
    "layered-strontium-vanadate": {"V": [(4, 6)]},
    "lanthanum-vanadate": {"V": [(3, 6)]},
    "magnesium-vanadium-spinel": {"V": [(3, 6)]},
    "manganese-vanadium-spinel": {"Mn": [(2, 4)], "V": [(3, 6)]},
    "yttrium-vanadate": {"V": [(5, 4)]},
    "lutetium-vanadate": {"V": [(5, 4)]},
    "scandium-vanadate": {"V": [(5, 4)]},
    "nickel-vanadate": {"V": [(5, 4)]},
    "shcherbinaite": {"V": [(5, 5)]},
    "sodium-vanadium-oxide": {"V": [(4.5, 5)]},
}


def script():
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make_structures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = script()
CRYSTALS = MAKE.all_crystals()


def oxygens(crystal: Atoms, site: int) -> np.ndarray:
    """Distances from a site to the oxygens within 3.3 Å."""
    first, second, distance = neighbor_list("ijd", crystal, 3.3)
    return distance[(first == site) & (crystal.numbers[second] == 8)]


def test_every_crystal_is_checked() -> None:
    assert set(METALS) == set(CRYSTALS)


@pytest.mark.parametrize("name", METALS)
def test_metals_have_their_neighbours_and_charges(name: str) -> None:
    crystal = CRYSTALS[name]
    for element, expected in METALS[name].items():
        sites = MAKE.kinds(crystal, element)
        assert len(sites) == len(expected)
        for site, (charge, neighbours) in zip(sites, expected, strict=True):
            distance = oxygens(crystal, site)
            assert int((distance < 2.6).sum()) == neighbours
            valence = np.exp((BOND_A[element] - distance) / 0.37).sum()
            assert valence == pytest.approx(charge, abs=0.5)


@pytest.mark.parametrize("name", CRYSTALS)
def test_oxygens_have_two_charges(name: str) -> None:
    crystal = CRYSTALS[name]
    first, second, distance = neighbor_list("ijd", crystal, 3.3)
    for site in MAKE.kinds(crystal, "O"):
        metals = (first == site) & (crystal.numbers[second] != 8)
        lengths = np.array([BOND_A[str(crystal.symbols[other])] for other in second[metals]])
        valence = np.exp((lengths - distance[metals]) / 0.37).sum()
        assert valence == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("name", CRYSTALS)
def test_files_hold_the_crystals_displaced(name: str) -> None:
    perfect = CRYSTALS[name]
    for frame in ase.io.read(FOLDER / "structures" / f"{name}.extxyz", ":"):
        stretch = (frame.get_volume() / perfect.get_volume()) ** (1 / 3)
        assert stretch == pytest.approx(1, abs=0.04)
        moved = frame.positions - perfect.positions * stretch
        assert np.sqrt((moved**2).mean()) == pytest.approx(MAKE.DISPLACEMENT_A, rel=0.35)


@pytest.mark.parametrize("absorber", ["Fe", "Mn", "V", "O"])
def test_recipes_are_those_of_the_script(absorber: str) -> None:
    written = (FOLDER / f"{absorber}.toml").read_text(encoding="utf-8")
    assert written == MAKE.recipe(absorber, CRYSTALS)
    assert len(tomllib.loads(written)["files"]) >= 6
