"""Guesses from distances: textbook coordination, shown gaps, and equivalent sites counted once."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from nearedge.environments.guess import guess_scheme
from nearedge.errors import NearedgeError


@pytest.fixture(scope="module")
def magnetite() -> Atoms:
    # M. E. Fleet, Acta Cryst. B 37, 917 (1981).
    return crystal(
        ["Fe", "Fe", "O"],
        [(1 / 8,) * 3, (1 / 2,) * 3, (0.2549,) * 3],
        spacegroup=227,
        setting=2,
        cellpar=[8.3941] * 3 + [90] * 3,
        primitive_cell=True,
    )


def test_magnetite_has_iron_among_four_and_six_oxygens(magnetite):
    guess = guess_scheme([magnetite], "Fe", "magnetite")
    assert guess.scheme.neighbours == ("O",)
    assert 2.06 < guess.shells[0].cutoff_A < 3.4
    assert {label: count for label, count in guess.sites.items() if count} == {"4 O": 2, "6 O": 4}
    assert guess.polyhedra["4 O"] == {"tetrahedron": 2}
    assert guess.polyhedra["6 O"] == {"octahedron": 4}


def test_equivalent_sites_are_one_group(magnetite):
    guess = guess_scheme([magnetite], "Fe", "magnetite")
    [groups] = guess.alike
    assert sorted(map(len, groups)) == [2, 4]
    shaken = magnetite.copy()
    shaken.rattle(0.05, seed=0)
    [groups] = guess_scheme([shaken], "Fe", "magnetite").alike
    assert list(map(len, groups)) == [1] * 6


def test_the_published_cell_gets_the_classes_of_the_paper(shared_data):
    from nearedge.structures import read_structures

    [cell] = read_structures(shared_data / "li3feo35_ocean_0K" / "POSCAR")
    guess = guess_scheme([cell], "O", "oxygen")
    # Fe and Li together surround nearly every oxygen six times; Fe alone tells them apart.
    assert guess.scheme.neighbours == ("Fe",)
    assert list(guess.sites.values()) == [9, 17, 15, 7, 1]


def test_a_bond_between_absorbers_is_a_dimer():
    rng = np.random.default_rng(1)
    cell = bulk("MgO", "rocksalt", a=4.2, cubic=True).repeat((3, 1, 1))
    oxygen = np.flatnonzero(cell.symbols == "O")
    a, b = oxygen[0], oxygen[3]
    middle = (cell.positions[a] + cell.positions[b]) / 2
    axis = cell.positions[b] - cell.positions[a]
    axis /= np.linalg.norm(axis)
    cell.positions[a], cell.positions[b] = middle - 0.73 * axis, middle + 0.73 * axis
    cell.positions += rng.normal(scale=0.01, size=cell.positions.shape)
    scheme = guess_scheme([cell], "O", "peroxide").scheme
    assert scheme.neighbours == ("Mg",)
    [(elements, cutoff_A, label)] = scheme.dimers
    assert (elements, label) == (("O",), "O-O dimer")
    assert 1.46 < cutoff_A < 2.4


def test_an_element_by_itself_is_its_own_neighbour():
    guess = guess_scheme([bulk("Cu", "fcc", a=3.61)], "Cu", "copper")
    assert (guess.scheme.neighbours, guess.scheme.dimers) == (("Cu",), ())
    assert guess.sites == {"12 Cu": 1}


def test_several_structures_decide_together():
    four, six = bulk("ZnO", "zincblende", a=4.57), bulk("ZnO", "rocksalt", a=4.28)
    guess = guess_scheme([four, six, bulk("MgO", "rocksalt", a=4.2)], "Zn", "zinc oxides")
    assert guess.scheme.labels == ("4 O", "5 O", "6 O")
    assert guess.sites == {"4 O": 1, "5 O": 0, "6 O": 1}
    assert guess.alike == (((0,),), ((0,),), ())


def test_structures_without_the_absorber_are_refused():
    with pytest.raises(NearedgeError, match=r"no structure has a Fe atom; they have Mg, O"):
        guess_scheme([bulk("MgO", "rocksalt", a=4.2)], "Fe", "none")
