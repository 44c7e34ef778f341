"""Mixtures are averages of their members, drawn as the design says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nearedge.errors import NearedgeError, UsageError
from nearedge.mixtures import class_fractions, classifier_mixtures, regressor_mixtures

seeds = st.integers(0, 2**32 - 1)
ENERGIES = 4


@st.composite
def libraries(draw, most_sites=30):
    """Raw spectra, class codes (any non-negative integers) and the part to draw from."""
    sites = draw(st.integers(1, most_sites))
    codes = draw(st.lists(st.sampled_from([0, 1, 2, 5]), min_size=sites, max_size=sites))
    part = draw(st.lists(st.integers(0, sites - 1), min_size=1, unique=True))
    width = draw(st.sampled_from([np.float32, np.float64]))
    intensity = np.random.default_rng(draw(seeds)).random((sites, ENERGIES)).astype(width)
    return intensity, np.array(codes), np.array(part)


def _members(mixtures):
    """Members of every mixture, without the padding."""
    return [row[row >= 0] for row in mixtures.members]


@settings(deadline=None)
@given(libraries(), seeds)
def test_a_classifier_mixture_is_the_average_of_members_of_its_class(library, seed):
    intensity, codes, part = library
    mixtures = classifier_mixtures(intensity, codes, 25, seed, site_index=part)
    for spectrum, target, members in zip(
        mixtures.intensity, mixtures.target, _members(mixtures), strict=True
    ):
        np.testing.assert_allclose(spectrum, intensity[members].astype(float).mean(0), rtol=1e-12)
        assert set(codes[members]) == {target}
        assert set(members) <= set(part)


@settings(deadline=None)
@given(libraries(), seeds)
def test_a_regressor_mixture_averages_spectra_and_labels_alike(library, seed):
    intensity, codes, part = library
    mixtures = regressor_mixtures(intensity, codes / 2, 10, seed, site_index=part)
    for spectrum, target, members in zip(
        mixtures.intensity, mixtures.target, _members(mixtures), strict=True
    ):
        np.testing.assert_allclose(spectrum, intensity[members].astype(float).mean(0), rtol=1e-12)
        assert target == pytest.approx((codes[members] / 2).mean(), abs=1e-12)
        assert set(members) <= set(part)


@settings(deadline=None)
@given(libraries(), seeds)
def test_weights_are_equal_sum_to_one_and_vanish_at_the_padding(library, seed):
    intensity, codes, part = library
    mixtures = regressor_mixtures(intensity, codes, 10, seed, (1, 6), site_index=part)
    np.testing.assert_allclose(mixtures.weights.sum(axis=1), 1)
    assert np.array_equal(mixtures.weights == 0, mixtures.members == -1)
    for members, weights in zip(_members(mixtures), mixtures.weights, strict=True):
        np.testing.assert_allclose(weights[: len(members)], 1 / len(members))


@settings(deadline=None)
@given(libraries(), libraries(), seeds, st.floats(-5, 5), st.floats(-5, 5))
def test_mixing_is_linear_in_the_spectra(library, other, seed, a, b):
    intensity, codes, part = library
    one = intensity.astype(float)
    two = np.resize(other[0].astype(float), one.shape)
    for mix in (classifier_mixtures, regressor_mixtures):
        whole, first, second = (
            mix(spectra, codes, 8, seed, site_index=part).intensity
            for spectra in (a * one + b * two, one, two)
        )
        np.testing.assert_allclose(whole, a * first + b * second, atol=1e-12)


def test_averaging_comes_before_normalisation():
    raw = np.array([[1.0, 3.0], [30.0, 10.0]])
    mixture = regressor_mixtures(raw, np.array([0, 1]), 1, seed=0, sizes=(2, 2)).intensity[0]
    mean_of_normalised = (raw / raw.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(mixture, [15.5, 6.5])
    assert np.abs(mixture / mixture.sum() - mean_of_normalised).max() > 0.1


@settings(deadline=None)
@given(libraries(), seeds, st.integers(1, 6), st.integers(0, 6))
def test_sizes_stay_within_their_bounds(library, seed, least, more):
    intensity, codes, _ = library
    for mix in (classifier_mixtures, regressor_mixtures):
        mixtures = mix(intensity, codes, 30, seed, (least, least + more))
        assert mixtures.members.shape == (30, least + more)
        assert all(least <= len(members) <= least + more for members in _members(mixtures))


@pytest.mark.parametrize(
    ("mix", "bounds"), [(classifier_mixtures, (2, 8)), (regressor_mixtures, (20, 70))]
)
def test_the_papers_sizes_are_the_default_and_equally_likely(mix, bounds):
    mixtures = mix(np.ones((80, 1)), np.zeros(80, int), 20_000, seed=0)
    sizes = (mixtures.members >= 0).sum(axis=1)
    assert (sizes.min(), sizes.max()) == bounds
    kinds = bounds[1] - bounds[0] + 1
    counts = np.bincount(sizes)[bounds[0] :]
    assert np.abs(counts - 20_000 / kinds).max() < 5 * np.sqrt(20_000 / kinds)


@settings(deadline=None)
@given(libraries(), seeds)
def test_members_repeat_only_where_the_class_holds_too_few_sites(library, seed):
    intensity, codes, part = library
    mixtures = classifier_mixtures(intensity, codes, 40, seed, site_index=part)
    for target, members in zip(mixtures.target, _members(mixtures), strict=True):
        if len(members) <= np.sum(codes[part] == target):
            assert len(set(members)) == len(members)


@settings(deadline=None)
@given(libraries(), seeds)
def test_members_repeat_only_where_the_part_holds_too_few_sites(library, seed):
    intensity, codes, part = library
    mixtures = regressor_mixtures(intensity, codes, 40, seed, (1, 20), site_index=part)
    for members in _members(mixtures):
        if len(members) <= len(part):
            assert len(set(members)) == len(members)


def test_every_subset_of_sites_is_equally_likely():
    mixtures = regressor_mixtures(np.ones((5, 1)), np.zeros(5), 10_000, seed=3, sizes=(2, 2))
    pairs, counts = np.unique(np.sort(mixtures.members, axis=1), axis=0, return_counts=True)
    assert len(pairs) == 10
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_every_site_is_equally_likely_where_members_repeat():
    mixtures = regressor_mixtures(np.ones((3, 1)), np.zeros(3), 2_000, seed=3, sizes=(5, 5))
    counts = np.bincount(mixtures.members.ravel())
    assert np.abs(counts - 10_000 / 3).max() < 5 * np.sqrt(10_000 / 3)


@settings(deadline=None)
@given(libraries(), seeds, st.integers(1, 50))
def test_classes_are_balanced_however_rare(library, seed, count):
    intensity, codes, part = library
    targets = classifier_mixtures(intensity, codes, count, seed, site_index=part).target
    counts = [np.sum(targets == code) for code in np.unique(codes[part])]
    assert sum(counts) == count
    assert max(counts) - min(counts) <= 1


def test_classes_come_in_random_order():
    targets = classifier_mixtures(np.ones((6, 1)), np.arange(6), 600, seed=0).target
    assert len({tuple(six) for six in targets.reshape(100, 6)}) > 90


@settings(deadline=None)
@given(libraries(), seeds)
def test_the_same_seed_gives_the_same_mixtures(library, seed):
    intensity, codes, part = library
    for mix in (classifier_mixtures, regressor_mixtures):
        first, again = (mix(intensity, codes, 5, seed, site_index=part) for _ in range(2))
        assert np.array_equal(first.intensity, again.intensity)
        assert np.array_equal(first.members, again.members)
        assert np.array_equal(first.target, again.target)


@pytest.mark.parametrize("mix", [classifier_mixtures, regressor_mixtures])
def test_different_seeds_give_different_mixtures(mix):
    first, second = (mix(np.ones((40, 1)), np.arange(40) % 3, 20, seed).members for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("mix", [classifier_mixtures, regressor_mixtures])
def test_drawing_from_a_part_equals_drawing_from_a_library_cut_down_to_it(mix):
    intensity, codes = np.random.default_rng(0).random((12, 3)), np.arange(12) % 3
    part = np.array([1, 2, 5, 6, 9])
    drawn = mix(intensity, codes, 30, 7, site_index=part)
    cut = mix(intensity[part], codes[part], 30, 7)
    assert np.array_equal(drawn.intensity, cut.intensity)
    assert np.array_equal(drawn.members, np.where(cut.members < 0, -1, part[cut.members]))


@settings(deadline=None)
@given(libraries(), seeds)
def test_class_fractions_count_the_members_of_each_class(library, seed):
    intensity, codes, part = library
    mixtures = regressor_mixtures(intensity, codes, 10, seed, (1, 9), site_index=part)
    fractions = class_fractions(mixtures, codes, classes=6)
    for row, members in zip(fractions, _members(mixtures), strict=True):
        expected = np.bincount(codes[members], minlength=6) / len(members)
        np.testing.assert_allclose(row, expected, atol=1e-12)


@settings(deadline=None)
@given(libraries(), seeds)
def test_the_coordination_number_follows_from_the_class_fractions(library, seed):
    intensity, codes, _ = library
    coordination_of_class = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1.5])
    mixtures = regressor_mixtures(intensity, coordination_of_class[codes], 10, seed)
    fractions = class_fractions(mixtures, codes, classes=6)
    np.testing.assert_allclose(fractions @ coordination_of_class, mixtures.target, atol=1e-12)


def test_a_class_outside_the_label_scheme_is_named():
    mixtures = classifier_mixtures(np.ones((2, 1)), np.array([3, 3]), 1, seed=0)
    with pytest.raises(NearedgeError, match=r"class code 3, outside 0 to 2"):
        class_fractions(mixtures, np.array([3, 3]), classes=3)


@pytest.mark.parametrize("mix", [classifier_mixtures, regressor_mixtures])
@pytest.mark.parametrize(
    ("count", "sizes", "part", "message"),
    [
        (0, (2, 8), [0, 1], "0 mixtures"),
        (1, (0, 8), [0, 1], "0 to 8 members"),
        (1, (5, 4), [0, 1], "5 to 4 members"),
        (1, (2, 8), [], "no sites to draw from"),
        (1, (2, 8), [0, 3], "distinct rows from 0 to 2"),
        (1, (2, 8), [-1], "distinct rows from 0 to 2"),
        (1, (2, 8), [1, 1], "1 distinct of 2"),
    ],
)
def test_impossible_requests_are_refused(mix, count, sizes, part, message):
    with pytest.raises(UsageError, match=message):
        mix(np.ones((3, 1)), np.zeros(3, int), count, 0, sizes, np.array(part, dtype=int))


@pytest.mark.parametrize("mix", [classifier_mixtures, regressor_mixtures])
def test_a_broken_spectrum_is_named_unless_it_is_left_out(mix):
    intensity = np.ones((4, 2))
    intensity[2, 1] = np.nan
    with pytest.raises(NearedgeError, match="spectrum of site 2 is not finite"):
        mix(intensity, np.zeros(4, int), 5, 0)
    clean = mix(intensity, np.zeros(4, int), 5, 0, site_index=np.array([0, 1, 3]))
    np.testing.assert_allclose(clean.intensity, 1.0)


def test_a_site_without_class_is_named():
    with pytest.raises(NearedgeError, match="site 1 has no class"):
        classifier_mixtures(np.ones((2, 1)), np.array([0, -1]), 1, seed=0)


def test_a_site_without_coordination_number_is_named():
    with pytest.raises(NearedgeError, match="site 1 has no finite coordination"):
        regressor_mixtures(np.ones((2, 1)), np.array([0.0, np.nan]), 1, seed=0)


@pytest.mark.parametrize("mix", [classifier_mixtures, regressor_mixtures])
def test_a_label_for_every_spectrum_is_required(mix):
    # Where array shapes are checked, the checker refuses first.
    with pytest.raises((NearedgeError, TypeCheckError), match=r"2 labels|i64\[2\]"):
        mix(np.ones((3, 1)), np.zeros(2, int), 1, 0)
