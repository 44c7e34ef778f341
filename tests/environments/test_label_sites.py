"""What labels promise: the published counts, the same answer as an oracle, and the symmetries."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nearedge.environments import LabelScheme, label_sites, load_scheme, neighbour_counts
from nearedge.errors import NearedgeError
from nearedge.structures import read_structures

SCHEME = load_scheme("li3feo35_oxygen")


def iron_around_oxygen(distances_A: list[float], **kwargs) -> Atoms:
    """One O at the centre of a large box and Fe along the six axes at the given distances."""
    axes = np.concatenate([np.eye(3), -np.eye(3)])[: len(distances_A)]
    positions = np.concatenate([np.zeros((1, 3)), axes * np.array(distances_A)[:, None]])
    symbols = ["O"] + ["Fe"] * len(distances_A)
    return Atoms(symbols, positions=positions + 10.0, cell=[20.0] * 3, pbc=True, **kwargs)


def brute_force_counts(structure: Atoms, element: str, cutoff_A: float) -> np.ndarray:
    """Count by listing every image within reach: slow, and obviously right."""
    height = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell.array), axis=0)
    # Positions may lie outside the cell: their spread adds to the images that can be in reach.
    fractional = structure.get_scaled_positions(wrap=False)
    spread = np.ptp(fractional, axis=0)
    reach = np.where(structure.pbc, np.ceil(cutoff_A / height + spread).astype(int), 0)
    counts = np.zeros(len(structure), dtype=int)
    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        offset = np.array(shift) @ structure.cell.array
        for i, j in itertools.product(range(len(structure)), repeat=2):
            if i == j and shift == (0, 0, 0):
                continue
            distance = np.linalg.norm(structure.positions[j] + offset - structure.positions[i])
            counts[i] += structure[j].symbol == element and distance <= cutoff_A
    return counts


@st.composite
def skewed_structures(draw) -> Atoms:
    """Random cells, many of them smaller than the cutoff, with atoms inside and outside them."""
    edges = np.array(draw(st.lists(st.floats(1.5, 5.0), min_size=3, max_size=3)))
    skew = np.array(draw(st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=3)))
    cell = np.diag(edges)
    cell[1, 0], cell[2, 0], cell[2, 1] = skew * edges[[0, 0, 1]]
    count = draw(st.integers(1, 5))
    scaled = draw(st.lists(st.tuples(*[st.floats(-1.5, 1.5)] * 3), min_size=count, max_size=count))
    symbols = draw(st.lists(st.sampled_from(["O", "Fe", "Li"]), min_size=count, max_size=count))
    pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    structure = Atoms(symbols, scaled_positions=scaled, cell=cell, pbc=pbc)
    # Keep clear of overlaps, and of distances that rounding could put on either side of a cutoff.
    distances = neighbor_list("d", structure, cutoff=3.0)
    assume(not len(distances) or distances.min() > 0.55)
    assume(not np.any(np.abs(distances[:, None] - np.array([1.65, 2.6])) < 1e-6))
    return structure


@settings(deadline=None)
@given(structure=skewed_structures())
def test_counts_agree_with_listing_every_image(structure):
    ours = neighbour_counts(structure, ["Fe"], 2.6)
    np.testing.assert_array_equal(ours, brute_force_counts(structure, "Fe", 2.6))


@settings(deadline=None)
@given(structure=skewed_structures())
def test_counts_agree_with_ase(structure):
    first, second = neighbor_list("ij", structure, cutoff=2.6)
    iron = structure.numbers[second] == 26
    expected = np.bincount(first[iron], minlength=len(structure))
    np.testing.assert_array_equal(neighbour_counts(structure, ["Fe"], 2.6), expected)


@pytest.fixture
def published_cell(shared_data) -> Atoms:
    return read_structures(shared_data / "li3feo35_ocean_0K" / "POSCAR")[0]


def test_the_published_cell_has_its_published_environments(published_cell):
    labels = label_sites(published_cell, SCHEME)
    assert Counter(labels.environment.tolist()) == {
        "0 Fe": 9,
        "1 Fe": 17,
        "2 Fe": 15,
        "3 Fe": 7,
        "4 Fe": 1,
    }
    assert labels.coordination.sum() == 72
    assert labels.coordination.mean() == pytest.approx(1.469, abs=5e-4)
    assert labels.reasons == {}
    assert [published_cell[i].symbol for i in labels.atom_index] == ["O"] * 49


@pytest.mark.parametrize("transformed", ["moved", "wrapped", "moved and wrapped"])
def test_labels_do_not_depend_on_the_origin(published_cell, transformed):
    before = label_sites(published_cell, SCHEME)
    if "moved" in transformed:
        published_cell.translate([3.7, -41.0, 0.123])
    if "wrapped" in transformed:
        published_cell.wrap()
    after = label_sites(published_cell, SCHEME)
    np.testing.assert_array_equal(after.environment, before.environment)
    np.testing.assert_array_equal(after.coordination, before.coordination)


@settings(deadline=None)
@given(seed=st.integers(0, 2**31))
def test_labels_follow_their_atoms_through_a_permutation(seed):
    structure = bulk("FeO", "zincblende", a=4.5).repeat((2, 1, 1))
    structure.rattle(0.3, seed=seed)
    # Atoms closer than that are refused, with or without a permutation.
    assume(len(neighbor_list("i", structure, cutoff=0.5)) == 0)
    order = np.random.default_rng(seed).permutation(len(structure))
    before, after = label_sites(structure, SCHEME), label_sites(structure[order], SCHEME)
    label_of = dict(zip(before.atom_index.tolist(), before.environment.tolist(), strict=True))
    expected = [label_of[int(order[i])] for i in after.atom_index]
    assert after.environment.tolist() == expected


def test_a_repeated_cell_repeats_its_labels(published_cell):
    once = label_sites(published_cell, SCHEME)
    twice = label_sites(published_cell.repeat((2, 1, 1)), SCHEME)
    np.testing.assert_array_equal(twice.environment, np.tile(once.environment, 2))
    np.testing.assert_array_equal(twice.coordination, np.tile(once.coordination, 2))


def test_a_cell_smaller_than_the_cutoff_counts_its_images():
    chain = Atoms("FeO", positions=[[0, 0, 0], [0, 0, 0.8]], cell=[30, 30, 1.6], pbc=True)
    # Along the chain Fe is 0.8 Å and 2.4 Å away from O on both sides.
    assert label_sites(chain, SCHEME).coordination.tolist() == [4]


def test_a_structure_without_a_cell_is_labelled():
    molecule = iron_around_oxygen([2.0, 2.0, 3.0])
    molecule.set_cell(None)
    molecule.pbc = False
    assert label_sites(molecule, SCHEME).environment.tolist() == ["2 Fe"]


@pytest.mark.parametrize("offset_A", [0.0, 0.3, 7.77, 17.5])
def test_a_neighbour_at_exactly_the_cutoff_counts_wherever_it_lies(offset_A):
    structure = iron_around_oxygen([2.6, 2.601])
    structure.translate(offset_A)
    structure.wrap()
    assert label_sites(structure, SCHEME).coordination.tolist() == [1]


@pytest.mark.parametrize("offset_A", [0.0, 0.3, 7.77, 17.5])
def test_a_pair_at_exactly_the_dimer_cutoff_is_no_dimer(offset_A):
    structure = Atoms("O2", positions=[[0, 0, 0], [0, 0, 1.65]], cell=[20] * 3, pbc=True)
    structure.translate(offset_A)
    structure.wrap()
    assert label_sites(structure, SCHEME).environment.tolist() == ["0 Fe", "0 Fe"]


def test_a_dimer_wins_over_the_count_and_keeps_its_coordination_number():
    structure = iron_around_oxygen([2.0, 2.0])
    structure.append("O")
    structure.positions[-1] = structure.positions[0] + [0, 0, 1.45]
    labels = label_sites(structure, SCHEME)
    assert labels.environment.tolist() == ["O-O dimer", "O-O dimer"]
    assert labels.coordination.tolist() == [2, 2]
    assert labels.atom_index.tolist() == [0, 3]


def test_a_dimer_with_more_neighbours_than_the_scheme_has_classes_is_still_a_dimer():
    structure = iron_around_oxygen([2.0] * 6)
    structure.append("O")
    structure.positions[-1] = structure.positions[0] + [0.9, 0.9, 0.0]
    labels = label_sites(structure, SCHEME)
    assert labels.environment[0] == "O-O dimer"
    assert labels.coordination[0] == 6
    assert 0 not in labels.reasons


def test_a_count_beyond_the_scheme_has_no_class_and_says_why():
    labels = label_sites(iron_around_oxygen([2.0] * 6), SCHEME)
    assert labels.environment.tolist() == [""]
    assert labels.coordination.tolist() == [6]
    assert labels.reasons == {
        0: "6 Fe within 2.6 Å; the scheme 'li3feo35_oxygen' has classes for 0 to 4"
    }


def test_a_scheme_that_declares_more_classes_keeps_the_site():
    values = SCHEME.to_dict()
    values["classes"] += [{"label": f"{n} Fe", "coordination": n} for n in (5, 6)]
    labels = label_sites(iron_around_oxygen([2.0] * 6), LabelScheme.from_dict(values))
    assert labels.environment.tolist() == ["6 Fe"]
    assert labels.reasons == {}


def test_the_reason_lists_the_counts_of_a_scheme_with_gaps():
    scheme = LabelScheme(
        name="even",
        absorber="O",
        neighbours=("Fe", "Co"),
        cutoff_A=2.6,
        classes=(("a", 4), ("b", 2)),
    )
    labels = label_sites(iron_around_oxygen([2.0] * 3), scheme)
    assert labels.reasons == {0: "3 Fe or Co within 2.6 Å; the scheme 'even' has classes for 2, 4"}


def test_neighbours_of_several_elements_count_together():
    scheme = LabelScheme(
        name="two", absorber="O", neighbours=("Fe", "Co"), cutoff_A=2.6, classes=(("two", 2),)
    )
    structure = iron_around_oxygen([2.0, 2.0, 2.0])
    structure.symbols[1:3] = "Co", "Li"
    assert label_sites(structure, scheme).environment.tolist() == ["two"]


def test_a_structure_without_the_absorber_is_refused_by_name():
    structure = bulk("Fe")
    structure.info = {"trajectory_id": "run 7", "snapshot_id": 3}
    with pytest.raises(NearedgeError, match=r"Fe \(trajectory run 7, snapshot 3\): has no O atom"):
        label_sites(structure, SCHEME)


@pytest.mark.parametrize("distance_A", [0.0, 0.49])
def test_overlapping_atoms_are_refused_by_name(distance_A):
    structure = iron_around_oxygen([2.0])
    structure.append("Li")
    structure.positions[2] = structure.positions[1] + [0, 0, distance_A]
    with pytest.raises(NearedgeError, match=r"atom 1 \(Fe\) and atom 2 \(Li\) are"):
        label_sites(structure, SCHEME)


def test_an_atom_that_overlaps_with_its_own_image_is_refused():
    structure = Atoms("O", cell=[0.4, 9, 9], pbc=True)
    with pytest.raises(NearedgeError, match=r"atom 0 \(O\) and its own periodic image"):
        label_sites(structure, SCHEME)


@pytest.mark.parametrize(
    "structure",
    [
        Atoms("OFe", positions=[[0, 0, 0], [0, 0, np.nan]], cell=[9] * 3, pbc=True),
        Atoms("OFe", positions=[[0, 0, 0], [0, 0, 2]], pbc=True),
        Atoms("O", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True),
    ],
    ids=["position not finite", "no cell", "flat cell"],
)
def test_a_structure_without_geometry_is_refused(structure):
    with pytest.raises(NearedgeError, match="no neighbours can be found"):
        label_sites(structure, SCHEME)
