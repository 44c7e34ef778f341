"""Splits keep groups whole, parts complete and classes spread."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError, UsageError
from nearedge.mixtures import Parts, check_disjoint, group_folds, split_examples, split_groups

seeds = st.integers(0, 2**32 - 1)


@st.composite
def labelled_groups(draw, least_groups=3, most_groups=12):
    """Group and class of every site, each group of 1 to 9 sites, in any order."""
    count = draw(st.integers(least_groups, most_groups))
    sizes = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    groups = np.repeat(np.arange(count), sizes)
    classes = draw(st.lists(st.integers(0, 5), min_size=len(groups), max_size=len(groups)))
    order = np.array(draw(st.permutations(range(len(groups)))))
    return groups[order], np.array(classes)[order]


def _assert_complete(parts: tuple[np.ndarray, ...], count: int):
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    for part in parts:
        assert np.all(np.diff(part) > 0)
        assert len(part) > 0


def _training_can_hold_every_class(groups, classes) -> bool:
    """Whether two groups exist that are not all that holds some class of several groups."""
    holders = [frozenset(groups[classes == code]) for code in set(classes)]
    return any(frozenset(pair) not in holders for pair in combinations(set(groups), 2))


@settings(deadline=None)
@given(st.integers(5, 300), seeds)
def test_examples_are_split_completely_and_to_within_one_of_the_ratio(count, seed):
    parts = split_examples(count, seed)
    _assert_complete(parts.indices, count)
    for part, share in zip(parts.indices, (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) - count * share) <= 1


def test_a_part_without_examples_is_refused():
    with pytest.raises(UsageError, match="validation part empty"):
        split_examples(3, seed=0)


@settings(deadline=None)
@given(labelled_groups(), seeds, st.booleans())
def test_groups_stay_whole_and_parts_are_complete(library, seed, with_classes):
    groups, classes = library
    assume(_training_can_hold_every_class(groups, classes))
    parts = split_groups(groups, seed, classes=classes if with_classes else None)
    _assert_complete(parts.indices, len(groups))
    for one, other in combinations(parts.indices, 2):
        assert not set(groups[one]) & set(groups[other])


@settings(deadline=None)
@given(labelled_groups(), seeds)
def test_training_has_every_class_of_several_groups(library, seed):
    groups, classes = library
    assume(_training_can_hold_every_class(groups, classes))
    trained = set(classes[split_groups(groups, seed, classes=classes).train])
    for code in set(classes):
        if len(set(groups[classes == code])) > 1:
            assert code in trained


@settings(deadline=None)
@given(labelled_groups(), seeds)
def test_sizes_stray_from_the_ratio_by_at_most_two_groups(library, seed):
    groups, _ = library
    parts = split_groups(groups, seed)
    for part, share in zip(parts.indices, (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) - share * len(groups)) <= 2 * np.bincount(groups).max()


@settings(deadline=None)
@given(seeds)
def test_equal_groups_of_one_class_each_are_spread_exactly_3_1_1(seed):
    classes = np.repeat(np.arange(4), 10)
    parts = split_groups(np.arange(40), seed, classes=classes)
    counts = [np.bincount(classes[part], minlength=4).tolist() for part in parts.indices]
    assert counts == [[6] * 4, [2] * 4, [2] * 4]


def test_over_seeds_a_rare_class_is_validated_as_often_as_tested():
    classes = np.array([1, 1] + [0] * 18)
    splits = [split_groups(np.arange(20), seed, classes=classes) for seed in range(200)]
    tested = sum(1 in classes[parts.test] for parts in splits)
    validated = sum(1 in classes[parts.validation] for parts in splits)
    # One of its two groups is for training, the other is free: binomial, 5 standard deviations.
    assert tested + validated == 200
    assert abs(tested - 100) < 5 * np.sqrt(50)


def test_over_seeds_every_group_is_tested():
    groups = np.repeat(np.arange(6), [20, 19, 18, 17, 16, 15])
    tested = {
        int(group) for seed in range(100) for group in groups[split_groups(groups, seed).test]
    }
    assert tested == set(range(6))


@settings(deadline=None)
@given(labelled_groups(), seeds)
def test_the_same_seed_gives_the_same_split(library, seed):
    groups, _ = library
    first, again = split_groups(groups, seed), split_groups(groups, seed)
    for one, other in zip(first.indices, again.indices, strict=True):
        assert np.array_equal(one, other)


def test_different_seeds_give_different_splits():
    groups = np.arange(50)
    assert not np.array_equal(split_groups(groups, 0).test, split_groups(groups, 1).test)
    assert not np.array_equal(split_examples(50, 0).test, split_examples(50, 1).test)


def test_groups_may_be_named_by_strings():
    numbers = np.repeat(np.arange(5), 3)
    names = np.array(["a", "b", "c", "d", "e"])[numbers]
    by_name, by_number = split_groups(names, 4), split_groups(numbers, 4)
    assert np.array_equal(by_name.train, by_number.train)
    assert np.array_equal(by_name.test, by_number.test)


def test_two_groups_are_too_few_for_three_parts():
    with pytest.raises(NearedgeError, match="at least 3 groups, got 2"):
        split_groups(np.array([0, 0, 1]), seed=0)


def test_groups_too_few_for_their_classes_are_refused():
    # Classes 0, 1 and 2 stand in groups (0, 1), (1, 2) and (0, 2); training gets one group of 3.
    groups = np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(NearedgeError, match="3 groups are too few"):
        split_groups(groups, seed=0, classes=np.array([0, 2, 0, 1, 1, 2]))


@pytest.mark.parametrize("ratio", [(3, 1, 0), (3, -1, 1)])
def test_a_ratio_without_some_part_is_refused(ratio):
    with pytest.raises(UsageError, match="three positive numbers"):
        split_examples(10, seed=0, ratio=ratio)


@settings(deadline=None)
@given(labelled_groups(least_groups=2), st.integers(2, 5), seeds, st.booleans())
def test_every_site_is_tested_in_one_fold_and_no_group_crosses(library, folds, seed, with_classes):
    groups, classes = library
    assume(folds <= len(set(groups)))
    made = group_folds(groups, folds, seed, classes if with_classes else None)
    assert len(made) == folds
    _assert_complete(tuple(test for _, test in made), len(groups))
    for train, test in made:
        _assert_complete((train, test), len(groups))
        assert not set(groups[train]) & set(groups[test])


@settings(deadline=None)
@given(seeds)
def test_folds_share_out_every_class_evenly(seed):
    classes = np.repeat(np.arange(3), 15)
    for _, test in group_folds(np.arange(45), 5, seed, classes):
        assert np.bincount(classes[test]).tolist() == [3, 3, 3]


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_impossible_numbers_of_folds_are_refused(folds):
    with pytest.raises(UsageError, match=f"{folds} folds of 3 groups"):
        group_folds(np.array([0, 1, 2]), folds, seed=0)


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        ([0, 3], [1], [2], r"group 7 is split: site 0 .*training.* site 2 .*test"),
        ([1], [0], [2], r"group 7 is split: site 0 .*validation.* site 2 .*test"),
        ([1, 2], [0], [3], r"group 7 is split: site 2 .*training.* site 0 .*validation"),
    ],
)
def test_a_group_on_both_sides_is_named(train, validation, test, message):
    parts = Parts(np.array(train), np.array(validation), np.array(test))
    with pytest.raises(NearedgeError, match=message):
        check_disjoint(parts, np.array([7, 8, 7, 9]))


@settings(deadline=None)
@given(labelled_groups(), seeds)
def test_the_check_raises_exactly_where_a_group_crosses(library, seed):
    groups, _ = library
    assume(len(groups) >= 5)
    check_disjoint(split_groups(groups, seed), groups)
    pooled = split_examples(len(groups), seed)
    sides = [set(groups[part]) for part in pooled.indices]
    if any(one & other for one, other in combinations(sides, 2)):
        with pytest.raises(NearedgeError, match="is split"):
            check_disjoint(pooled, groups)
    else:
        check_disjoint(pooled, groups)


def test_sites_beyond_the_groups_are_refused():
    with pytest.raises(NearedgeError, match=r"site 9 .* 5 sites only"):
        check_disjoint(Parts(np.array([0]), np.array([1]), np.array([9])), np.arange(5))


def test_overlapping_parts_are_refused():
    with pytest.raises(NearedgeError, match="index 2 stands in two"):
        Parts(np.array([0, 2]), np.array([1]), np.array([2, 3]))


def test_unsorted_parts_are_refused():
    with pytest.raises(NearedgeError, match="test part is not sorted"):
        Parts(np.array([0]), np.array([1]), np.array([3, 2]))
