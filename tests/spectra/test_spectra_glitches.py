"""Glitches are found and replaced, and real lines are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.spectra.glitches import glitches, without_glitches

ENERGY_EV = np.linspace(520.0, 560.0, 401)


def edge(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    step = 0.5 + np.arctan(3 * (ENERGY_EV - 531.0)) / np.pi
    peak = np.exp(-((ENERGY_EV - 533.0) ** 2))
    return step + peak + np.random.default_rng(seed).normal(0, noise, ENERGY_EV.size)


@settings(deadline=None, max_examples=40)
@given(point=st.integers(5, 395), height=st.floats(0.3, 50.0), sign=st.sampled_from([-1, 1]))
def test_one_wild_point_anywhere_is_found_and_nothing_else(
    point: int, height: float, sign: int
) -> None:
    wild = edge(noise=0.003)
    wild[point] += sign * height
    assert np.flatnonzero(glitches(ENERGY_EV, wild)).tolist() == [point]


def test_a_replaced_glitch_leaves_the_other_points_bit_for_bit() -> None:
    wild = edge(noise=0.003)
    clean = wild.copy()
    wild[150] += 2.0
    mended, found = without_glitches(ENERGY_EV, wild)
    assert found.sum() == 1
    np.testing.assert_array_equal(mended[~found], clean[~found])
    assert mended[150] == pytest.approx(clean[150], abs=0.03)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_no_point_of_a_noisy_spectrum_is_a_glitch(noise: float) -> None:
    rows = np.stack([edge(noise, seed) for seed in range(40)])
    assert glitches(ENERGY_EV, rows).mean() < 1e-4


@pytest.mark.parametrize("points_over_width", [3, 4, 6])
def test_a_line_that_three_points_show_is_no_glitch(points_over_width: int) -> None:
    fwhm = 0.1 * points_over_width
    line = edge(0.003) + 3.0 * np.exp(-4 * np.log(2) * ((ENERGY_EV - 540.03) / fwhm) ** 2)
    assert not glitches(ENERGY_EV, line).any()


def test_a_batch_is_treated_row_by_row() -> None:
    rows = np.stack([edge(0.003, seed) for seed in range(3)])
    rows[1, 200] += 1.0
    together, _ = without_glitches(ENERGY_EV, rows)
    alone = np.stack([without_glitches(ENERGY_EV, row)[0] for row in rows])
    np.testing.assert_array_equal(together, alone)


def test_real_scans_without_visible_spikes_keep_every_point(shared_data) -> None:
    scan = np.loadtxt(shared_data / "athena" / "fe2o3_rt1.xmu")
    assert not glitches(scan[:, 0].copy(), scan[:, 1].copy()).any()
