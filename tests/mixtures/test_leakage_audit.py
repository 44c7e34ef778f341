"""The audit finds every shared spectrum, atom or trajectory, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from ase.io.vasp import read_vasp
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.mixtures import (
    audit,
    classifier_mixtures,
    regressor_mixtures,
    shared_fraction,
    site_groups,
    split_examples,
    split_groups,
)

SITES = 20


@st.composite
def member_tables(draw):
    """Members of 1 to 8 examples with 1 to 4 members each, padded anywhere with -1."""
    rows = draw(
        st.lists(
            st.lists(st.integers(-1, SITES - 1), min_size=4, max_size=4).filter(
                lambda row: max(row) >= 0
            ),
            min_size=1,
            max_size=8,
        )
    )
    return np.array(rows)


@settings(deadline=None)
@given(
    member_tables(),
    member_tables(),
    st.lists(st.sampled_from("abcdefgh"), min_size=SITES, max_size=SITES),
)
def test_the_fraction_agrees_with_a_count_by_hand(train, test, names):
    trained = {names[site] for row in train for site in row if site >= 0}
    shared = [any(site >= 0 and names[site] in trained for site in row) for row in test]
    assert shared_fraction(train, test, np.array(names)) == pytest.approx(sum(shared) / len(shared))


@settings(deadline=None)
@given(member_tables(), member_tables())
def test_a_coarser_key_never_shares_less(train, test):
    sites = np.arange(SITES)
    fractions = audit(train, test, {"sites": sites, "atoms": sites // 2, "all": sites * 0})
    assert fractions["sites"] <= fractions["atoms"] <= fractions["all"] == 1.0


def test_single_sites_count_as_examples_of_one_member():
    assert shared_fraction(np.array([0, 1]), np.array([[1, -1], [2, -1]]), np.arange(3)) == 0.5
    assert shared_fraction(np.array([[0, 1]]), np.array([1, 2]), np.arange(3)) == 0.5


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (np.zeros((0, 2), int), np.array([[0]]), "training part has no examples"),
        (np.array([[0]]), np.array([[1, -1], [-1, -1]]), "example 1 of the test part"),
        (np.array([[0]]), np.array([[3]]), "sites 0 to 2"),
        (np.array([[-2]]), np.array([[1]]), "sites 0 to 2"),
    ],
)
def test_what_cannot_be_audited_is_refused(train, test, message):
    with pytest.raises(NearedgeError, match=message):
        shared_fraction(train, test, np.arange(3))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 9))
def test_held_out_mixtures_share_nothing_of_their_group(seed, trajectories):
    trajectory = np.repeat(np.arange(trajectories), 8)
    atom = np.tile(np.arange(4), 2 * trajectories)
    structure = np.arange(8 * trajectories) // 4
    groups, by = site_groups(trajectory, structure, atom)
    codes = np.random.default_rng(seed).integers(0, 2, len(groups))
    parts = split_groups(groups, seed)
    train, test = (
        regressor_mixtures(np.ones((len(codes), 1)), codes, 20, seed, site_index=part)
        for part in (parts.train, parts.test)
    )
    assert by == "trajectory"
    keys = {"sites": np.arange(len(codes)), "structures": structure, "trajectories": trajectory}
    assert audit(train, test, keys) == {"sites": 0.0, "structures": 0.0, "trajectories": 0.0}


def _li3feo35(shared_data):
    """Spectra of the 49 oxygens of one Li3FeO3.5 cell, and how many Fe lie within 2.6 Å."""
    folder = shared_data / "li3feo35_ocean_0K"
    cell = read_vasp(folder / "POSCAR")
    distance_A = cell.get_all_distances(mic=True)
    oxygen, iron = (np.flatnonzero(cell.symbols == element) for element in ("O", "Fe"))
    coordination = (distance_A[np.ix_(oxygen, iron)] <= 2.6).sum(axis=1)
    return np.loadtxt(folder / "O_K_spectra.dat")[:, 1:].T, coordination


def test_on_the_papers_cell_pooled_leaks_everything_and_held_out_nothing(shared_data):
    intensity, coordination = _li3feo35(shared_data)
    assert np.bincount(coordination).tolist() == [9, 17, 15, 7, 1]
    sites = np.arange(49)
    atoms, by = site_groups(np.full(49, "li3feo35"), np.full(49, "0K"), sites)
    assert by == "atom"
    held_out = split_groups(atoms, seed=0, classes=coordination)
    for mix, count in ((classifier_mixtures, 800), (regressor_mixtures, 1000)):
        pooled = mix(intensity, coordination, count, 0)
        parts = split_examples(count, seed=0)
        leaked = audit(pooled.members[parts.train], pooled.members[parts.test], {"sites": sites})
        assert leaked == {"sites": 1.0}
        train, test = (
            mix(intensity, coordination, count, 0, site_index=part)
            for part in (held_out.train, held_out.test)
        )
        assert audit(train, test, {"sites": sites, "atoms": atoms}) == {"sites": 0.0, "atoms": 0.0}


def test_a_mixture_of_every_oxygen_of_the_papers_cell_is_the_cells_average(shared_data):
    intensity, coordination = _li3feo35(shared_data)
    mixtures = regressor_mixtures(intensity, coordination, 5, seed=0, sizes=(49, 49))
    np.testing.assert_allclose(mixtures.target, coordination.mean())
    np.testing.assert_allclose(mixtures.intensity, np.tile(intensity.mean(0), (5, 1)))
