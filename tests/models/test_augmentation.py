"""Training spectra change as told, the same way for the same seed, and keep their area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.models.augmentation import Augmentation
from nearedge.spectra import EnergyGrid

GRID = EnergyGrid(-5.0, 25.0, 151)
LINES = np.exp(-((GRID.energy_eV - np.linspace(2, 15, 200)[:, None]) ** 2))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(0, 1000))
def test_about_the_given_share_changes_and_the_rest_stays_bit_for_bit(share, seed):
    changed = Augmentation(share=share, noise=0.05).apply(LINES, GRID, seed)
    touched = (changed != LINES).any(axis=1)
    assert abs(touched.mean() - share) <= 4 * (share * (1 - share) / len(LINES)) ** 0.5 + 0.01


@pytest.mark.parametrize(
    "change", [Augmentation(1.0, 1.0), Augmentation(1.0, shift_eV=0.3), Augmentation(noise=0.03)]
)
def test_the_same_seed_gives_the_same_changes_and_another_one_others(change):
    first, again, other = (change.apply(LINES, GRID, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_broadening_lowers_peaks_up_to_that_of_the_full_width_and_keeps_the_area():
    changed = Augmentation(share=1.0, broadening_eV=1.0).apply(LINES, GRID, 0)
    np.testing.assert_allclose(changed.sum(axis=1), LINES.sum(axis=1), rtol=1e-3)
    lowered = changed.max(axis=1) / LINES.max(axis=1)
    # A Gaussian of variance 1/2 under one of full width 1 eV at half maximum: variance 0.1803.
    assert lowered.min() == pytest.approx((0.5 / (0.5 + 0.1803)) ** 0.5, rel=0.02)
    assert lowered.max() > 0.99


def test_noise_is_a_share_of_the_mean_intensity():
    large = Augmentation(share=1.0, noise=0.1).apply(1e6 * LINES, GRID, 0) / 1e6
    small = Augmentation(share=1.0, noise=0.1).apply(LINES, GRID, 0)
    np.testing.assert_allclose(large, small, atol=1e-9)
    size = (small - LINES).std(axis=1) / LINES.mean(axis=1)
    assert size.mean() == pytest.approx(0.05, rel=0.1)


def test_no_change_is_no_change():
    np.testing.assert_array_equal(Augmentation(share=1.0).apply(LINES, GRID, 0), LINES)
