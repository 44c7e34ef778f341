"""What a group is, and which sites share one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nearedge.errors import NearedgeError, UsageError
from nearedge.mixtures import site_groups


def _library(trajectories: int, snapshots: int, atoms: int):
    """Trajectory, structure and atom of every site of a library with string identifiers."""
    table = np.array(
        [
            (f"t{t}", f"t{t}-s{s}", a)
            for t in range(trajectories)
            for s in range(snapshots)
            for a in range(atoms)
        ]
    )
    return table[:, 0], table[:, 1], table[:, 2].astype(int)


@pytest.mark.parametrize(
    ("trajectories", "expected"), [(1, "atom"), (4, "atom"), (5, "trajectory")]
)
def test_five_trajectories_are_enough_to_group_by_them(trajectories, expected):
    _, by = site_groups(*_library(trajectories, 2, 3))
    assert by == expected


@pytest.mark.parametrize(
    ("by", "expected"), [("trajectory", 3), ("structure", 3 * 4), ("atom", 3 * 5)]
)
def test_each_choice_gives_one_group_per_unit(by, expected):
    labels, chosen = site_groups(*_library(3, 4, 5), by=by)
    assert chosen == by
    assert sorted(set(labels)) == list(range(expected))


def test_an_atom_is_followed_through_its_own_trajectory_only():
    trajectory, structure, atom = _library(2, 3, 4)
    labels, _ = site_groups(trajectory, structure, atom, by="atom")
    same_group = labels[:, None] == labels
    same_atom = (trajectory[:, None] == trajectory) & (atom[:, None] == atom)
    assert np.array_equal(same_group, same_atom)


@settings(deadline=None)
@given(st.permutations(range(24)), st.sampled_from([None, "trajectory", "atom", "structure"]))
def test_labels_do_not_depend_on_the_order_of_the_sites(order, by):
    columns = _library(2, 3, 4)
    labels, _ = site_groups(*columns, by=by)
    shuffled, _ = site_groups(*(column[order] for column in columns), by=by)
    assert np.array_equal(shuffled, labels[order])


@pytest.mark.parametrize("dtype", [object, np.dtypes.StringDType()])
def test_every_kind_of_string_array_gives_the_same_groups(dtype):
    trajectory, structure, atom = _library(3, 2, 2)
    expected, _ = site_groups(trajectory, structure, atom)
    labels, _ = site_groups(trajectory.astype(dtype), structure.astype(dtype), atom)
    assert np.array_equal(labels, expected)


def test_integers_serve_as_identifiers():
    labels, by = site_groups(np.repeat([7, 3, 9, 5, 1], 2), np.arange(10), np.zeros(10, int))
    assert by == "trajectory"
    assert labels.tolist() == [3, 3, 1, 1, 4, 4, 2, 2, 0, 0]


def test_one_group_is_one():
    labels, _ = site_groups(*_library(1, 3, 4), by="trajectory")
    assert set(labels.tolist()) == {0}


def test_an_unknown_unit_is_refused():
    # Where types are checked, the checker refuses first.
    with pytest.raises((UsageError, TypeCheckError), match="trajectory"):
        site_groups(*_library(2, 2, 2), by="snapshot")  # pyright: ignore[reportArgumentType]


def test_a_site_without_identifier_is_named():
    trajectory, structure, atom = _library(2, 2, 2)
    trajectory[3] = ""
    with pytest.raises(NearedgeError, match="site 3 has no trajectory_id"):
        site_groups(trajectory, structure, atom)


def test_an_identifier_that_is_not_used_may_be_missing():
    trajectory, structure, atom = _library(2, 2, 2)
    labels, _ = site_groups(np.full_like(trajectory, ""), structure, atom, by="structure")
    assert len(set(labels)) == 4
