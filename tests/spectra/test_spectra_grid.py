"""Resampling keeps what physics needs: straight lines, area, averages; and refuses to invent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nearedge.errors import NearedgeError
from nearedge.spectra import PAPER_GRID, EnergyGrid, read_spectra, resample

SOURCE_EV = np.linspace(-5.0, 25.0, 331)
finite = st.floats(-10, 10)


@st.composite
def uneven_axes(draw) -> np.ndarray:
    """Energies in uneven steps that cover the paper's grid, barely or by far."""
    steps = draw(arrays(np.float64, st.integers(10, 80), elements=st.floats(0.05, 1.0)))
    inner = np.cumsum(steps)
    ends = draw(st.floats(-2.0, -1.2)), draw(st.floats(11.5, 13.0))
    return np.interp(inner, [inner[0], inner[-1]], ends)


def test_the_papers_grid():
    assert PAPER_GRID.energy_eV.size == 70
    assert PAPER_GRID.energy_eV[[0, -1]].tolist() == [-1.2, 11.5]
    assert PAPER_GRID.step_eV == pytest.approx(np.diff(PAPER_GRID.energy_eV).mean())


@pytest.mark.parametrize(
    ("start", "stop", "points"), [(1.0, 1.0, 5), (2.0, 1.0, 5), (0.0, 1.0, 1), (0.0, np.inf, 5)]
)
def test_an_impossible_grid_is_refused(start, stop, points):
    with pytest.raises(NearedgeError, match="start must lie below the stop"):
        EnergyGrid(start, stop, points)


@settings(deadline=None)
@given(uneven_axes(), finite, finite)
def test_straight_lines_are_reproduced_on_any_axis(energy_eV, offset, slope):
    result = resample(energy_eV, offset + slope * energy_eV, PAPER_GRID)
    np.testing.assert_allclose(result, offset + slope * PAPER_GRID.energy_eV, atol=1e-9)


@settings(deadline=None)
@given(uneven_axes(), st.data())
def test_averaging_before_or_after_resampling_is_the_same(energy_eV, data):
    spectra = data.draw(arrays(np.float64, (4, energy_eV.size), elements=finite))
    before = resample(energy_eV, spectra.mean(axis=0), PAPER_GRID)
    after = resample(energy_eV, spectra, PAPER_GRID).mean(axis=0)
    np.testing.assert_allclose(before, after, atol=1e-9)


@settings(deadline=None)
@given(uneven_axes(), st.data())
def test_results_stay_within_the_range_of_the_spectrum(energy_eV, data):
    spectrum = data.draw(arrays(np.float64, energy_eV.size, elements=finite))
    result = resample(energy_eV, spectrum, PAPER_GRID)
    assert result.min() >= spectrum.min() - 1e-9
    assert result.max() <= spectrum.max() + 1e-9


@settings(deadline=None)
@given(
    arrays(np.float64, (2, 3, SOURCE_EV.size), elements=finite),
    st.sampled_from([np.float32, np.float64]),
)
def test_a_batch_equals_its_spectra_one_by_one(spectra, dtype):
    spectra = spectra.astype(dtype)
    batch = resample(SOURCE_EV, spectra, PAPER_GRID)
    assert batch.shape == (2, 3, 70)
    np.testing.assert_array_equal(batch[1, 2], resample(SOURCE_EV, spectra[1, 2], PAPER_GRID))


@settings(deadline=None)
@given(st.floats(0.05, 0.3), st.floats(2.0, 8.0))
def test_a_line_narrower_than_the_grid_step_keeps_its_area_wherever_it_falls(fwhm_eV, centre_eV):
    fine_eV = np.arange(-6.0, 16.0, 0.005)
    line = np.exp(-4 * np.log(2) * ((fine_eV - centre_eV) / fwhm_eV) ** 2)
    area = resample(fine_eV, line, PAPER_GRID).sum() * PAPER_GRID.step_eV
    assert area == pytest.approx(np.sum(line) * 0.005, rel=1e-4)


def test_computed_spectra_hardly_differ_from_linear_interpolation(shared_data):
    spectra = read_spectra(shared_data / "li3feo35_ocean_0K" / "O_K_spectra.dat")
    energy_eV = spectra[0].energy_eV
    intensity = np.array([spectrum.intensity for spectrum in spectra])
    boxes = resample(energy_eV, intensity, PAPER_GRID)
    points = np.array([np.interp(PAPER_GRID.energy_eV, energy_eV, row) for row in intensity])
    assert (np.abs(boxes - points).max(axis=1) < 0.01 * points.max(axis=1)).all()


@pytest.mark.parametrize(
    ("start_eV", "stop_eV", "missing"),
    [
        (-1.0, 25.0, "lacks -1.2 to -1 eV of"),
        (-5.0, 11.0, "lacks 11 to 11.5 eV of"),
        (0.0, 10.0, "lacks -1.2 to 0 eV and 10 to 11.5 eV of"),
        (528.0, 560.0, "lacks -1.2 to 11.5 eV of"),
    ],
)
def test_a_spectrum_that_does_not_cover_the_grid_is_refused(start_eV, stop_eV, missing):
    energy_eV = np.linspace(start_eV, stop_eV, 300)
    with pytest.raises(NearedgeError, match=missing):
        resample(energy_eV, np.ones(300), PAPER_GRID)


@pytest.mark.parametrize("short_by_steps", [0.0, 0.25, 0.49])
def test_the_end_value_is_held_for_up_to_half_a_step(short_by_steps):
    short_eV = short_by_steps * PAPER_GRID.step_eV
    energy_eV = np.linspace(-1.2 + short_eV, 11.5 - short_eV, 200)
    result = resample(energy_eV, energy_eV.copy(), PAPER_GRID)
    assert result[0] == pytest.approx(energy_eV[0])
    assert result[-1] == pytest.approx(energy_eV[-1])
    np.testing.assert_allclose(result[1:-1], PAPER_GRID.energy_eV[1:-1])


def test_nothing_is_extrapolated_beyond_the_ends():
    energy_eV = np.linspace(-1.2, 11.5, 1271)
    steep_ends = np.zeros(energy_eV.size)
    steep_ends[[0, -1]] = 1.0
    result = resample(energy_eV, steep_ends, PAPER_GRID)
    assert result[[0, -1]].tolist() == [1.0, 1.0]
    assert np.abs(result[1:-1]).max() < 1e-12


def test_energies_that_do_not_increase_are_refused():
    with pytest.raises(NearedgeError, match="do not increase"):
        resample(SOURCE_EV[::-1].copy(), SOURCE_EV, PAPER_GRID)
