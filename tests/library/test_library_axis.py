"""The energy axis: one zero for a structure, and every shift between its sites kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.engines import SiteSpectrum
from nearedge.errors import UsageError
from nearedge.library.axis import structure_on_axis
from nearedge.library.schema import LIBRARY_AXIS, library_axis

AXIS = LIBRARY_AXIS.energy_eV
GRID = np.arange(-20.0, 60.0, 0.1)


def peak(edge_eV: float, position_eV: float = 3.0) -> SiteSpectrum:
    """A step at the edge and a peak at some distance from it."""
    x = GRID - position_eV
    intensity = 1 / (1 + np.exp(-5 * GRID)) + 2 * np.exp(-(x**2))
    return SiteSpectrum(GRID + edge_eV, intensity, edge_eV)


edges = st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=5)


@given(edges=edges, constant=st.floats(-100.0, 9000.0))
@settings(deadline=None, max_examples=30)
def test_constant_added_to_all_energies_of_a_structure_changes_nothing(edges, constant):
    intensity, shift, _ = structure_on_axis([peak(e) for e in edges])
    moved, moved_shift, _ = structure_on_axis([peak(e + constant) for e in edges])
    np.testing.assert_allclose(moved, intensity, atol=1e-6)
    np.testing.assert_allclose(moved_shift, shift, atol=1e-9)


@given(edges=edges)
@settings(deadline=None, max_examples=30)
def test_zero_is_the_mean_edge_of_the_structure(edges):
    _, shift, _ = structure_on_axis([peak(e) for e in edges])
    assert abs(shift.mean()) < 1e-9
    np.testing.assert_allclose(shift, np.array(edges) - np.mean(edges), atol=1e-12)


@given(shift_eV=st.floats(0.2, 4.0))
@settings(deadline=None, max_examples=30)
def test_shift_of_one_site_moves_its_spectrum_against_the_others(shift_eV):
    intensity, shift, _ = structure_on_axis([peak(0.0), peak(0.0), peak(shift_eV)])
    np.testing.assert_array_equal(intensity[0], intensity[1])
    maximum = AXIS[intensity.argmax(axis=1)]
    assert maximum[2] - maximum[0] == pytest.approx(shift_eV, abs=0.11)
    assert shift[2] - shift[0] == pytest.approx(shift_eV)


def test_spectrum_is_interpolated_not_changed():
    [intensity], _, _ = structure_on_axis([peak(530.0)])
    exact = 1 / (1 + np.exp(-5 * AXIS)) + 2 * np.exp(-((AXIS - 3.0) ** 2))
    np.testing.assert_allclose(intensity, exact, atol=2e-3)


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_interpolation_never_makes_absorption_negative_or_higher(seed):
    rng = np.random.default_rng(seed)
    energy_eV = np.sort(rng.uniform(-8, 30, 60))
    energy_eV[[0, -1]] = -9.0, 31.0
    values = rng.exponential(size=60) * (rng.random(60) > 0.5)
    [intensity], _, _ = structure_on_axis([SiteSpectrum(energy_eV, values, 0.0)])
    assert intensity.min() >= 0
    assert intensity.max() <= values.max()


def cut(spectrum: SiteSpectrum, low_eV: float, high_eV: float) -> SiteSpectrum:
    keep = (spectrum.energy_eV >= low_eV) & (spectrum.energy_eV <= high_eV)
    return SiteSpectrum(spectrum.energy_eV[keep], spectrum.intensity[keep], spectrum.edge_energy_eV)


def test_narrow_spectrum_is_told_with_its_range_and_the_others_are_kept():
    narrow = cut(peak(0.0), -20, 20)
    intensity, shift, problems = structure_on_axis([peak(0.0), narrow, peak(0.0)])
    assert list(problems) == [1]
    assert problems[1].startswith("the spectrum covers -20.0 to ")
    assert np.isnan(intensity[1]).all()
    assert np.isfinite(intensity[[0, 2]]).all()
    assert shift.tolist() == [0, 0, 0]


def test_deep_core_level_may_bring_the_start_of_the_tail_onto_the_axis():
    # 7 eV below its own edge, as FEFF's spectra start, and 2.5 eV above the mean edge.
    late = cut(peak(2.5), 2.5 - 7.0, 60)
    [_, intensity], _, problems = structure_on_axis([peak(-2.5), late])
    assert problems == {}
    missing = late.energy_eV[0] > AXIS
    assert 5 <= missing.sum() <= 6
    np.testing.assert_array_equal(intensity[missing], late.intensity[0])


@pytest.mark.parametrize("start_eV", [-2.9, 0.5])
def test_start_is_not_invented_beyond_the_tail(start_eV):
    _, _, problems = structure_on_axis([cut(peak(0.0), start_eV, 60)])
    assert list(problems) == [0]


def test_start_with_absorption_is_not_continued():
    # 1 eV is missing, but the spectrum starts on a plateau: what lies before is unknown.
    plateau = SiteSpectrum(GRID, np.ones(len(GRID)), 0.0)
    _, _, problems = structure_on_axis([cut(plateau, -4.0, 60)])
    assert list(problems) == [0]


def test_an_engines_own_zero_keeps_the_position_of_the_whole_structure():
    edges = [530.5, 531.5]
    own, own_shift, _ = structure_on_axis([peak(e) for e in edges])
    common, shift, _ = structure_on_axis([peak(e) for e in edges], 530.0)
    np.testing.assert_allclose(common[:, 10:], own[:, :-10], atol=1e-3 * own.max())
    np.testing.assert_allclose(shift, own_shift)


@pytest.mark.parametrize(
    "window", [(-5.0, math.inf), (-math.inf, 25.0), (math.nan, 25.0), (5.0, 5.5)]
)
def test_window_without_an_end_or_too_narrow_is_refused(window):
    with pytest.raises(UsageError, match="give 1 to 10000 eV, the lower end first"):
        library_axis(*window)
