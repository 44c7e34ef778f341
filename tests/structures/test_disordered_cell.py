"""What a disordered cell promises: the composition asked for, on the holes of the anion lattice."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.structures import Cation, disordered_cell

SITE_VOLUME_A3 = 18.0
LATTICE_CONSTANT_A = (4 * SITE_VOLUME_A3) ** (1 / 3)
NEAREST_ANION = {"octahedral": 0.5 * LATTICE_CONSTANT_A, "tetrahedral": 0.433 * LATTICE_CONSTANT_A}


def small_cell(**changes) -> Atoms:
    arguments = {
        "anion": "O",
        "anions": 14,
        "anion_sites": 16,
        "anion_site_volume_A3": SITE_VOLUME_A3,
        "cations": [Cation("Fe", 4, 1.0), Cation("Li", 8, 0.75)],
        "seed": 0,
    }
    return disordered_cell(**(arguments | changes))


def distances_A(cell: Atoms, first: str, second: str) -> np.ndarray:
    """Every distance from an atom of one kind to the other, images included, below 5 Å."""
    i, j, d = neighbor_list("ijd", cell, cutoff=5.0)
    return d[(cell.symbols[i] == first) & (cell.symbols[j] == second)]


def test_the_same_seed_gives_the_same_cell():
    first, second = small_cell(seed=5, anion_pairs=1), small_cell(seed=5, anion_pairs=1)
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.cell.array, second.cell.array)
    np.testing.assert_array_equal(first.numbers, second.numbers)


def test_another_seed_gives_another_cell():
    assert not np.allclose(small_cell(seed=1).positions, small_cell(seed=2).positions)


@settings(deadline=None, max_examples=6)
@given(
    seed=st.integers(0, 2**31),
    anions=st.integers(10, 16),
    iron=st.integers(0, 5),
    lithium=st.integers(1, 8),
    tetrahedral=st.integers(0, 1),
)
def test_the_composition_is_the_one_asked_for(seed, anions, iron, lithium, tetrahedral):
    cations = [Cation("Fe", iron, 1.0), Cation("Li", lithium, 1 - tetrahedral / lithium)]
    cell = small_cell(seed=seed, anions=anions, cations=cations)
    assert cell.get_chemical_symbols() == ["Fe"] * iron + ["Li"] * lithium + ["O"] * anions
    assert cell.pbc.all()
    assert cell.get_volume() == pytest.approx(16 * SITE_VOLUME_A3)


@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 2**31))
def test_no_two_cations_share_a_face_or_a_hole(seed):
    cell = small_cell(seed=seed)
    metal = cell[~(cell.symbols == "O")]
    # Holes that share a face are 0.433 lattice constants apart, all other pairs at least 0.5.
    closest = neighbor_list("d", metal, cutoff=5.0).min()
    assert closest > 0.49 * LATTICE_CONSTANT_A


@pytest.mark.parametrize("seed", range(3))
def test_each_cation_takes_its_share_of_octahedral_and_tetrahedral_holes(seed):
    cell = small_cell(seed=seed, anions=16)
    i, j, d = neighbor_list("ijd", cell, cutoff=0.52 * LATTICE_CONSTANT_A)
    shell = {kind: [] for kind in NEAREST_ANION}
    for atom in np.flatnonzero(~(cell.symbols == "O")):
        around = d[(i == atom) & (cell.symbols[j] == "O")]
        kind = "tetrahedral" if around.min() < 0.46 * LATTICE_CONSTANT_A else "octahedral"
        np.testing.assert_allclose(around.min(), NEAREST_ANION[kind], rtol=1e-3)
        assert np.isclose(around, around.min()).sum() == {"octahedral": 6, "tetrahedral": 4}[kind]
        shell[kind].append(cell.symbols[atom])
    assert sorted(shell["octahedral"]) == ["Fe"] * 4 + ["Li"] * 6
    assert shell["tetrahedral"] == ["Li"] * 2


@pytest.mark.parametrize("anions", [10, 14, 16])
def test_anions_sit_on_a_close_packed_lattice(anions):
    cell = small_cell(anions=anions)
    shell = np.array([0.5**0.5, 1.0]) * LATTICE_CONSTANT_A
    below = distances_A(cell, "O", "O")
    below = below[below < 1.05 * LATTICE_CONSTANT_A]
    assert np.isclose(below[:, None], shell).any(axis=1).all()


@pytest.mark.parametrize("pairs", [1, 3])
@pytest.mark.parametrize("length_A", [1.45, 1.3])
def test_the_anion_pairs_asked_for_are_at_their_distance_and_no_others(pairs, length_A):
    cell = small_cell(anion_pairs=pairs, anion_pair_distance_A=length_A, seed=3)
    i, j, d = neighbor_list("ijd", cell, cutoff=2.0)
    anions = (cell.symbols[i] == "O") & (cell.symbols[j] == "O") & (i < j)
    np.testing.assert_allclose(d[anions], [length_A] * pairs)
    assert len({*i[anions], *j[anions]}) == 2 * pairs


@pytest.mark.parametrize("sites", [8, 16, 20, 32, pytest.param(56, marks=pytest.mark.slow)])
def test_the_cell_is_nearly_cubic(sites):
    cell = small_cell(anions=sites, anion_sites=sites, cations=[Cation("Li", 2, 1.0)])
    lengths, angles = cell.cell.lengths(), cell.cell.angles()
    assert lengths.max() / lengths.min() < 1.35
    assert (np.abs(angles - 90) < 20).all()
    assert cell.cell.volume == pytest.approx(sites * SITE_VOLUME_A3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anions": 17}, "17 O atoms do not fit 16 anion sites"),
        ({"anions": 0}, "0 O atoms do not fit"),
        ({"cations": [Cation("Li", 17, 1.0)]}, "no way found to put 17 Li"),
        # Each filled tetrahedral hole needs its four octahedral neighbours empty.
        pytest.param(
            {"cations": [Cation("Li", 13, 1.0), Cation("Fe", 1, 0.0)]},
            "put 13 Li, 1 Fe",
            marks=pytest.mark.slow,
        ),
        ({"anion_pairs": 9}, "of 9 O-O pairs"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(NearedgeError, match=message):
        small_cell(**changes)
