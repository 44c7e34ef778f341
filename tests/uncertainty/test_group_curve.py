"""p-values by group hold what they promise for a unit of a group never seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.uncertainty import group_curve


def _missed(groups: int, units: int, spread: float, level: float, repeats: int) -> np.ndarray:
    """Share of a new group's units with p <= level, for groups whose scales differ by `spread`."""
    rng = np.random.default_rng([groups, units, int(10 * spread)])
    shares = []
    for _ in range(repeats):
        scale = np.exp(spread * rng.normal(size=groups + 1))
        count = rng.integers(max(1, units // 2), 2 * units, size=groups)
        scores = np.concatenate(
            [s * np.abs(rng.normal(size=n)) for s, n in zip(scale[:-1], count, strict=True)]
        )
        curve = group_curve(scores, np.repeat(np.arange(groups), count))
        fresh = scale[-1] * np.abs(rng.normal(size=50))
        shares.append(np.mean(curve.p_value(fresh) <= level))
    return np.array(shares)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("groups", "units"), [(9, 20), (12, 60), (40, 2)])
def test_units_of_a_new_group_are_missed_no_more_often_than_the_level(groups, units, spread):
    missed = _missed(groups, units, spread, level=0.1, repeats=300)
    error = missed.std() / len(missed) ** 0.5
    assert missed.mean() <= 0.1 + 3 * error


@pytest.mark.parametrize("level", [0.05, 0.2, 0.5])
def test_p_values_are_super_uniform_for_exchangeable_groups(level):
    missed = _missed(25, 30, 0.5, level, repeats=300)
    assert missed.mean() <= level + 3 * missed.std() / len(missed) ** 0.5


def test_groups_that_are_alike_are_covered_without_waste():
    missed = _missed(12, 100, 0.0, level=0.1, repeats=200)
    assert missed.mean() > 0.08


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
)
def test_the_threshold_is_where_p_values_cross_the_level(units, level):
    group, scores = (np.array(column) for column in zip(*units, strict=True))
    curve = group_curve(scores.astype(float), group)
    asked = np.linspace(-1.0, 21.0, 45)
    np.testing.assert_array_equal(curve.p_value(asked) > level, asked <= curve.threshold(level))
    assert (np.diff(curve.p_value(asked)) <= 1e-12).all()
    assert curve.p_value(asked).max() <= 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=2, max_size=30))
def test_doubling_every_unit_of_one_group_changes_nothing_but_the_floor(units):
    group, scores = (np.array(column) for column in zip(*units, strict=True))
    scores = scores.astype(float)
    twice = np.concatenate([np.arange(len(group)), np.flatnonzero(group == group[0])])
    once, doubled = group_curve(scores, group), group_curve(scores[twice], group[twice])
    least = max(once.beyond, doubled.beyond)
    np.testing.assert_allclose(
        np.maximum(once.p_values, least), np.maximum(doubled.p_values, least), atol=1e-12
    )


def test_weights_count_like_copies():
    scores, group = np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1])
    weighted = group_curve(scores, group, np.array([2.0, 1.0, 5.0]))
    copied = group_curve(scores[[0, 0, 1, 2]], group[[0, 0, 1, 2]])
    np.testing.assert_allclose(weighted.p_values, copied.p_values)


def test_a_score_that_is_no_number_is_beyond_all():
    curve = group_curve(np.array([1.0, 2.0]), np.array([0, 1]))
    assert curve.p_value(np.array([np.nan])) == curve.beyond


@pytest.mark.parametrize("scores", [np.array([]), np.array([1.0, np.nan])])
def test_scores_that_cannot_calibrate_are_refused(scores):
    with pytest.raises(NearedgeError, match="calibration scores"):
        group_curve(scores, np.arange(len(scores)))
