"""Shift, scale and broadening of a measurement against a library, with an uncertainty."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.spectra import Reference, alignment_reference, broaden, load_reference, match
from nearedge.spectra.matching import ShiftEstimate

LIBRARY_EV = np.linspace(-5.0, 25.0, 301)
SCAN_EV = np.arange(-20.0, 40.0, 0.1)


def _site(environment: int, random: np.random.Generator) -> np.ndarray:
    """An edge whose position and first peak tell the environment, and that scatters."""
    edge = 0.3 * environment + random.normal(0, 0.1)
    energy_eV = LIBRARY_EV - edge
    peak = np.exp(-((energy_eV - 1.5) ** 2) / 0.5) * (2.0 - 0.4 * environment)
    wave = 0.4 * np.sin(energy_eV / (1.5 + 0.1 * random.normal())) * np.exp(-energy_eV / 15)
    return (0.5 + np.arctan(4 * energy_eV) / np.pi) * (1.0 + wave) + peak


@cache
def _library() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    environment = random.integers(0, 4, 120)
    sites = np.stack([_site(int(code), random) for code in environment])
    return sites, np.repeat(np.arange(4), 30)


@cache
def _reference() -> Reference:
    stored = alignment_reference(LIBRARY_EV, *_library())
    return load_reference(json.loads(json.dumps(stored)))


def _measured(seed: int, fwhm_eV: float = 0.3, noise: float = 0.01) -> np.ndarray:
    random = np.random.default_rng(seed)
    mean = np.mean([_site(int(code), random) for code in random.integers(0, 4, 40)], axis=0)
    spectrum = np.interp(SCAN_EV, LIBRARY_EV, broaden(LIBRARY_EV, mean, fwhm_eV))
    return spectrum * (SCAN_EV > -5.0) + random.normal(0, noise, SCAN_EV.size)


@settings(deadline=None, max_examples=6)
@given(moved=st.floats(-3000.0, 3000.0), scale=st.floats(1e-3, 1e4))
def test_a_moved_and_scaled_measurement_has_the_moved_shift_and_scale(
    moved: float, scale: float
) -> None:
    here = match(SCAN_EV, _measured(1), _reference(), (-6.0, 6.0))
    there = match(SCAN_EV + moved, scale * _measured(1), _reference(), (moved - 6.0, moved + 6.0))
    assert there.mean_eV + moved == pytest.approx(here.mean_eV, abs=1e-3)
    assert there.uncertainty_eV == pytest.approx(here.uncertainty_eV, abs=1e-3)
    assert there.scale * scale == pytest.approx(here.scale, rel=1e-3)


def test_shifts_of_unseen_mixtures_are_found_within_their_uncertainty() -> None:
    found = [match(SCAN_EV, _measured(seed), _reference(), (-6.0, 6.0)) for seed in range(2, 32)]
    errors = np.array([one.mean_eV / one.uncertainty_eV for one in found])
    assert (np.abs(errors) < 1.645).mean() > 0.75
    assert np.median([one.uncertainty_eV for one in found]) < 0.5


@pytest.mark.parametrize("fwhm_eV", [0.0, 0.6, 1.2])
def test_the_broadening_of_a_measurement_is_found(fwhm_eV: float) -> None:
    found = [
        match(SCAN_EV, _measured(seed, fwhm_eV), _reference(), (-6.0, 6.0)).broadening_eV
        for seed in range(40, 48)
    ]
    assert np.mean(found) == pytest.approx(fwhm_eV, abs=0.3)


def test_more_noise_makes_a_shift_less_sure() -> None:
    quiet = match(SCAN_EV, _measured(50, noise=0.002), _reference(), (-6.0, 6.0))
    loud = match(SCAN_EV, _measured(50, noise=0.3), _reference(), (-6.0, 6.0))
    assert loud.uncertainty_eV > quiet.uncertainty_eV


def test_a_measurement_that_ends_too_early_is_refused() -> None:
    short = SCAN_EV < 15.0
    with pytest.raises(NearedgeError, match="does not cover"):
        match(SCAN_EV[short], _measured(1)[short], _reference(), (-6.0, 6.0))


def test_structures_with_other_zeros_make_alignment_less_sure() -> None:
    sites, group = _library()
    rows = [
        np.interp(LIBRARY_EV - (-0.6, 0.6, -0.4, 0.4)[one], LIBRARY_EV, site)
        for site, one in zip(sites, group, strict=True)
    ]
    scattered = alignment_reference(LIBRARY_EV, np.stack(rows), group)
    assert scattered["scatter_eV"] > _reference().scatter_eV + 0.1


def test_nodes_of_an_estimate_have_its_mean_and_nearly_its_spread() -> None:
    shift = np.arange(-532.0, -528.0, 0.1)
    probability = np.exp(-0.5 * ((shift + 530.0) / 0.5) ** 2)
    estimate = ShiftEstimate(shift, probability / probability.sum(), 0.0, 0.0, 1.0, 0.0, 1.0)
    nodes = estimate.nodes(7)
    assert nodes.mean() == pytest.approx(-530.0, abs=0.02)
    assert nodes.std() == pytest.approx(0.5, rel=0.15)


def test_two_separate_peaks_are_two_alternatives_and_a_wide_one_is_one() -> None:
    shift = np.arange(-535.0, -525.0, 0.1)

    def peaks(*at: float) -> ShiftEstimate:
        total = sum(np.exp(-0.5 * ((shift - one) / 0.3) ** 2) for one in at)
        return ShiftEstimate(shift, total / total.sum(), 0.0, 0.0, 1.0, 0.0, 1.0)

    assert {round(at) for at, _ in peaks(-531.0, -528.0).alternatives()} == {-531, -528}
    assert len(peaks(-530.0, -530.5).alternatives()) == 1
