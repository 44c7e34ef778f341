"""Scales are taken from the window and undone exactly; broadening moves area, never makes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import broaden, normalise

ENERGY_EV = np.linspace(-10.0, 30.0, 401)
MIDDLE = 200
positive = st.floats(0.01, 10)
finite = st.floats(-10, 10)
shapes = st.sampled_from(["gaussian", "lorentzian"])
spectra_of_41 = arrays(np.float64, (3, 41), elements=positive)
EV_41 = np.linspace(0.0, 4.0, 41)


@settings(deadline=None)
@given(spectra_of_41, st.floats(1e-6, 1e6), st.sampled_from(["area", "maximum"]))
def test_normalised_spectra_do_not_depend_on_the_scale(spectra, factor, method):
    np.testing.assert_allclose(
        normalise(EV_41, factor * spectra, method), normalise(EV_41, spectra, method), rtol=1e-9
    )


@settings(deadline=None)
@given(spectra_of_41)
def test_area_makes_the_mean_one_on_uneven_axes_too(spectra):
    energy_eV = EV_41**2
    result = normalise(energy_eV, spectra, "area")
    middles = (result[:, 1:] + result[:, :-1]) / 2
    np.testing.assert_allclose(middles @ np.diff(energy_eV) / 16.0, 1.0)


@settings(deadline=None)
@given(spectra_of_41)
def test_maximum_makes_the_highest_value_one(spectra):
    np.testing.assert_allclose(normalise(EV_41, spectra, "maximum").max(axis=1), 1.0)


@settings(deadline=None)
@given(spectra_of_41)
def test_none_changes_nothing(spectra):
    np.testing.assert_array_equal(normalise(EV_41, spectra, "none"), spectra)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["area", "maximum", "none"])
def test_a_batch_is_normalised_spectrum_by_spectrum(method, dtype):
    spectra = np.random.default_rng(0).random((2, 3, 41)).astype(dtype)
    batch = normalise(EV_41, spectra, method)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(batch[index], normalise(EV_41, spectra[index], method))


@pytest.mark.parametrize(
    ("method", "bad"),
    [
        ("area", np.zeros(41)),
        ("area", np.full(41, -1.0)),
        ("area", np.full(41, np.nan)),
        ("maximum", np.full(41, -1.0)),
        ("maximum", np.zeros(41)),
    ],
)
def test_a_scale_that_is_not_positive_is_refused_by_number(method, bad):
    with pytest.raises(NearedgeError, match=rf"spectrum 2 of 2 has {method} .* 0 and 4 eV"):
        normalise(EV_41, np.stack([np.ones(41), bad]), method)


def test_an_unknown_method_names_the_known_ones():
    with pytest.raises(UsageError, match="'snv'; choose one of area, maximum, none"):
        normalise(EV_41, np.ones(41), "snv")


def line(index: int = MIDDLE) -> np.ndarray:
    return np.where(np.arange(ENERGY_EV.size) == index, 1.0, 0.0)


def measured_fwhm_eV(wide: np.ndarray) -> float:
    half = wide.max() / 2
    above = np.flatnonzero(wide >= half)
    rise, fall = slice(above[0] - 1, above[0] + 1), slice(above[-1], above[-1] + 2)
    left = np.interp(half, wide[rise], ENERGY_EV[rise])
    right = np.interp(half, wide[fall][::-1], ENERGY_EV[fall][::-1])
    return float(right - left)


@settings(deadline=None)
@given(st.floats(0.4, 6.0), shapes)
def test_a_line_gets_the_width_that_was_asked_for(fwhm_eV, shape):
    wide = broaden(ENERGY_EV, line(), fwhm_eV, shape)
    assert measured_fwhm_eV(wide) == pytest.approx(fwhm_eV, rel=0.03)


@settings(deadline=None)
@given(st.floats(0.2, 6.0), shapes)
def test_a_line_stays_symmetric_and_where_it_was(fwhm_eV, shape):
    wide = broaden(ENERGY_EV, line(), fwhm_eV, shape)
    assert wide.argmax() == MIDDLE
    np.testing.assert_allclose(wide, wide[::-1], atol=1e-12)


@settings(deadline=None)
@given(st.floats(0.0, 4.0), st.integers(150, 250))
def test_a_gaussian_conserves_area_away_from_the_ends(fwhm_eV, index):
    assert broaden(ENERGY_EV, line(index), fwhm_eV).sum() == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.2, 4.0))
def test_a_lorentzian_loses_only_the_tails_that_leave_the_axis(fwhm_eV):
    beyond = 2 * (0.5 - np.arctan(20.05 / (fwhm_eV / 2)) / np.pi)
    wide = broaden(ENERGY_EV, line(), fwhm_eV, "lorentzian")
    assert wide.sum() == pytest.approx(1 - beyond, abs=1e-3)


@settings(deadline=None)
@given(finite, st.floats(0.0, 50.0), shapes)
def test_a_constant_stays_constant_up_to_the_ends(constant, fwhm_eV, shape):
    flat = np.full(ENERGY_EV.size, constant)
    np.testing.assert_allclose(broaden(ENERGY_EV, flat, fwhm_eV, shape), flat, atol=1e-9)


@settings(deadline=None)
@given(arrays(np.float64, (3, 41), elements=finite), st.floats(0.0, 3.0), shapes)
def test_averaging_before_or_after_broadening_is_the_same(spectra, fwhm_eV, shape):
    before = broaden(EV_41, spectra.mean(axis=0), fwhm_eV, shape)
    after = broaden(EV_41, spectra, fwhm_eV, shape).mean(axis=0)
    np.testing.assert_allclose(before, after, atol=1e-9)


@settings(deadline=None)
@given(arrays(np.float64, (2, 41), elements=finite), finite, finite, st.floats(0.0, 3.0), shapes)
def test_broadening_is_linear(spectra, a, b, fwhm_eV, shape):
    together = broaden(EV_41, a * spectra[0] + b * spectra[1], fwhm_eV, shape)
    apart = broaden(EV_41, spectra, fwhm_eV, shape)
    np.testing.assert_allclose(together, a * apart[0] + b * apart[1], atol=1e-9)


@settings(deadline=None)
@given(arrays(np.float64, 41, elements=finite), st.floats(0.0, 50.0), shapes)
def test_broadening_stays_within_the_range_of_the_spectrum(spectrum, fwhm_eV, shape):
    result = broaden(EV_41, spectrum, fwhm_eV, shape)
    assert result.min() >= spectrum.min() - 1e-9
    assert result.max() <= spectrum.max() + 1e-9


@settings(deadline=None)
@given(st.floats(0.3, 1.5), st.floats(0.3, 1.5))
def test_two_lines_in_a_row_add_up(first_eV, second_eV):
    spectrum = np.exp(-((ENERGY_EV - 5.0) ** 2)) + (ENERGY_EV > 10.0)
    for shape, sum_eV in {
        "gaussian": np.hypot(first_eV, second_eV),
        "lorentzian": first_eV + second_eV,
    }.items():
        twice = broaden(ENERGY_EV, broaden(ENERGY_EV, spectrum, first_eV, shape), second_eV, shape)
        # holding the end values is not exact for the tails that a first pass leaves there
        inside = slice(50, 351)
        once = broaden(ENERGY_EV, spectrum, float(sum_eV), shape)
        np.testing.assert_allclose(twice[inside], once[inside], atol=5e-3)


def test_no_width_returns_a_copy():
    spectrum = np.arange(41.0)
    result = broaden(EV_41, spectrum, 0.0)
    np.testing.assert_array_equal(result, spectrum)
    assert result is not spectrum


@pytest.mark.parametrize("fwhm_eV", [-0.1, np.inf, np.nan])
def test_an_impossible_width_is_refused(fwhm_eV):
    with pytest.raises(UsageError, match="is not possible"):
        broaden(EV_41, EV_41, fwhm_eV)


def test_an_unknown_line_shape_names_the_known_ones():
    with pytest.raises(UsageError, match="'voigt'; choose one of gaussian, lorentzian"):
        broaden(EV_41, EV_41, 0.5, "voigt")


def test_uneven_energies_are_refused():
    with pytest.raises(NearedgeError, match=r"steps go from 0\.0025 to 0\.1975 eV; resample first"):
        broaden(EV_41**2 / 4, EV_41, 0.5)


def test_energies_rounded_to_three_digits_count_as_uniform():
    energy_eV = np.round(np.linspace(0.0, 4.0, 45), 3)
    assert broaden(energy_eV, np.ones(45), 0.5) == pytest.approx(1.0)
