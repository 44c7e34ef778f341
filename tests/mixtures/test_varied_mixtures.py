"""Mixtures of any composition are averages of the sites they name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.mixtures import class_fractions, varied_mixtures

RAW = np.random.default_rng(0).uniform(size=(30, 6))
ENVIRONMENT = np.repeat([0, 1, 2], [20, 8, 2])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 30))
def test_every_mixture_is_the_mean_of_its_members_drawn_from_the_given_sites(seed, least, more):
    index = np.arange(5, 30)
    mixtures = varied_mixtures(RAW, ENVIRONMENT, 20, seed, (least, least + more), index)
    for spectrum, members in zip(mixtures.intensity, mixtures.members, strict=True):
        own = members[members >= 0]
        assert least <= len(own) <= least + more
        assert np.isin(own, index).all()
        np.testing.assert_allclose(spectrum, RAW[own].mean(axis=0))
    fractions = class_fractions(mixtures, ENVIRONMENT, 3)
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0)
    chosen = fractions[np.arange(20), mixtures.target]
    np.testing.assert_allclose(chosen, fractions.max(axis=1))


def test_rare_classes_get_as_large_a_share_as_frequent_ones():
    mixtures = varied_mixtures(RAW, ENVIRONMENT, 3000, 0, (40, 40))
    fractions = class_fractions(mixtures, ENVIRONMENT, 3)
    np.testing.assert_allclose(fractions.mean(axis=0), 1 / 3, atol=0.02)
    assert (fractions > 0.8).any(axis=0).all()


def test_a_site_without_a_class_is_refused():
    with pytest.raises(NearedgeError, match="has no class"):
        varied_mixtures(RAW, np.where(ENVIRONMENT == 2, -1, ENVIRONMENT), 5, 0)
