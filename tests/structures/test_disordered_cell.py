"""What a disordered cell promises: the composition asked for, on the holes of the anion lattice."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.geometry.minkowski_reduction import minkowski_reduce
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError, UsageError
from nearedge.structures import Cation, disordered_cell

SITE_VOLUME_A3 = 18.0
LATTICE_CONSTANT_A = (4 * SITE_VOLUME_A3) ** (1 / 3)
# In half lattice constants.
CELL_OF_56 = [[-4.0, 2.0, 0.0], [3.0, 4.0, 1.0], [1.0, 0.0, -5.0]]
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
    iron=st.integers(1, 5),
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


@pytest.mark.parametrize("sites", [8, 16, 20, 32, 56])
def test_the_cell_is_nearly_cubic(sites):
    cell = small_cell(anions=sites, anion_sites=sites, cations=[Cation("Li", 2, 1.0)])
    lengths, angles = cell.cell.lengths(), cell.cell.angles()
    assert lengths.max() / lengths.min() < 1.35
    assert (np.abs(angles - 90) < 20).all()
    assert cell.cell.volume == pytest.approx(sites * SITE_VOLUME_A3)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_avoid_an_element_have_the_fewest_neighbours_of_it(seed):
    arguments = {"anions": 16, "cations": [Cation("Fe", 3, 1.0), Cation("Li", 6, 1.0)]}
    plain = small_cell(**arguments, seed=seed)
    # A hole next to an anion is half a lattice constant away or less, the next ones 0.83.
    centre, _ = neighbor_list("ij", plain, {("O", "Fe"): 0.6 * LATTICE_CONSTANT_A})
    beside = np.bincount(centre, minlength=len(plain)) * (plain.numbers == 8)
    first, second = neighbor_list("ij", plain, {("O", "O"): 3.6})
    fewest = (beside[first] + beside[second]).min()
    cell = small_cell(**arguments, seed=seed, anion_pairs=1, anion_pairs_avoid="Fe")
    i, j = neighbor_list("ij", cell, {("O", "O"): 1.5})
    assert beside[i[0]] + beside[j[0]] == fewest


@pytest.mark.parametrize("sites", [1, 5, 8, 12])
def test_no_cell_of_the_anion_lattice_is_more_cubic(sites):
    primitive = LATTICE_CONSTANT_A * np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    squares_A2 = []
    for a, b, c in np.ndindex(sites, sites, sites):
        if (a + 1) * (b + 1) * (c + 1) == sites:
            for d, e, f in np.ndindex(b + 1, c + 1, c + 1):
                form = np.array([[a + 1, d, e], [0, b + 1, f], [0, 0, c + 1]])
                squares_A2.append(np.sum(np.square(minkowski_reduce(form @ primitive)[0])))
    cell = small_cell(anions=sites, anion_sites=sites, cations=[Cation("Li", 1, 1.0)])
    assert np.sum(cell.cell.lengths() ** 2) == pytest.approx(min(squares_A2))


def test_the_cell_of_56_anion_sites_is_the_one_that_libraries_were_built_with():
    cell = small_cell(anions=56, anion_sites=56, cations=[Cation("Li", 1, 1.0)])
    half_constants = cell.cell.array / (LATTICE_CONSTANT_A / 2)
    np.testing.assert_allclose(half_constants, CELL_OF_56, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cations": [Cation("Li", 17, 1.0)]}, "no way found to put 17 Li"),
        # Each filled tetrahedral hole needs its four octahedral neighbours empty.
        pytest.param(
            {"cations": [Cation("Li", 13, 1.0), Cation("Fe", 1, 0.0)]},
            "put 13 Li, 1 Fe",
            marks=pytest.mark.slow,
        ),
        # No hole of one kind is left to move to.
        ({"cations": [Cation("Li", 16, 1.0), Cation("Fe", 1, 0.0)]}, "put 16 Li, 1 Fe"),
        ({"cations": [Cation("Li", 32, 0.0), Cation("Fe", 1, 1.0)]}, "put 32 Li, 1 Fe"),
        ({"anion_pairs": 9}, "of 9 O-O pairs"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(NearedgeError, match=message):
        small_cell(**changes)


def test_all_holes_of_one_kind_may_be_filled():
    cell = small_cell(cations=[Cation("Li", 32, 0.0)])
    assert cell.get_chemical_formula("metal") == "Li32O14"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anions": 17}, "17 O atoms do not fit 16 anion sites"),
        ({"anions": 0}, "0 O atoms do not fit"),
        ({"anion": "Ox"}, "'Ox' is no element"),
        ({"anion": "X"}, "'X' is no element"),
        ({"cations": []}, "no cations; give at least one"),
        ({"anion_site_volume_A3": 0.0}, r"anion_site_volume_A3 = 0\.0; give more than 0"),
        ({"anion_site_volume_A3": float("nan")}, "anion_site_volume_A3 = nan"),
        ({"seed": -1}, "seed = -1; give 0 or more"),
        ({"anion_pairs": -1}, "anion_pairs = -1; give 0 or more"),
        ({"anion_pair_distance_A": -1.4}, r"anion_pair_distance_A = -1\.4"),
        ({"anion_pairs_avoid": "Mg"}, "anion_pairs_avoid = 'Mg'; give one of Fe, Li"),
    ],
)
def test_an_argument_that_makes_no_sense_is_a_usage_error(changes, message):
    with pytest.raises(UsageError, match=f"^disordered cell: {message}"):
        small_cell(**changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Lu2", 1, 1.0), "'Lu2' is no element; give a chemical symbol"),
        (("Li", 0, 1.0), "0 atoms of Li; give 1 or more"),
        (("Li", -2, 1.0), "-2 atoms of Li"),
        (("Li", 2, 1.1), r"octahedral = 1\.1 for Li; give a share from 0 to 1"),
        (("Li", 2, -0.1), r"octahedral = -0\.1 for Li"),
        (("Li", 2, float("nan")), "octahedral = nan for Li"),
    ],
)
def test_a_cation_that_makes_no_sense_is_a_usage_error(arguments, message):
    with pytest.raises(UsageError, match=f"^disordered cell: {message}"):
        Cation(*arguments)
