"""A known shift is found again; what cannot be aligned is refused; edges are told apart."""

from __future__ import annotations

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.spectra import best_shift, is_near_edge, read_spectra, tabulated_edge_eV

ENERGY_EV = np.linspace(-10.0, 40.0, 501)
SHIFTS_EV = np.linspace(-5.0, 5.0, 101)


def spectrum_at(energy_eV: np.ndarray, edge_eV: float = 0.0) -> np.ndarray:
    x = energy_eV - edge_eV
    return np.arctan(x) + 2 * np.exp(-((x - 3) ** 2)) + np.exp(-(((x - 12) / 3) ** 2))


@settings(deadline=None)
@given(st.integers(0, 100), st.floats(0.01, 100), st.floats(-5, 5))
def test_a_known_shift_and_scale_come_back(index, factor, background):
    shift_eV = float(SHIFTS_EV[index])
    shifted = spectrum_at(ENERGY_EV, -shift_eV) / factor + background
    alignment = best_shift(ENERGY_EV, shifted, ENERGY_EV, spectrum_at(ENERGY_EV), SHIFTS_EV)
    assert alignment.shift_eV == pytest.approx(shift_eV)
    assert alignment.correlation > 0.999
    assert alignment.scale == pytest.approx(factor, rel=0.01)


@settings(deadline=None)
@given(st.permutations(range(21)))
def test_the_order_of_the_candidates_does_not_matter(order):
    shifts_eV = np.linspace(-2.0, 2.0, 21)
    reference = spectrum_at(ENERGY_EV)
    shuffled = best_shift(ENERGY_EV, reference, ENERGY_EV, reference, shifts_eV[list(order)])
    assert shuffled == best_shift(ENERGY_EV, reference, ENERGY_EV, reference, shifts_eV)


@settings(deadline=None)
@given(st.integers(0, 100), st.lists(st.floats(-2, 2), min_size=2, max_size=5))
def test_sites_get_one_shift_and_keep_their_differences(index, edges_eV):
    shift_eV = float(SHIFTS_EV[index])
    reference = np.stack([spectrum_at(ENERGY_EV, edge) for edge in edges_eV])
    moved = np.stack([spectrum_at(ENERGY_EV, edge - shift_eV) for edge in edges_eV])
    alignment = best_shift(ENERGY_EV, 3 * moved + 1, ENERGY_EV, reference, SHIFTS_EV)
    assert alignment.shift_eV == pytest.approx(shift_eV)
    assert alignment.correlation > 0.999
    assert alignment.scale == pytest.approx(1 / 3, rel=0.01)


def test_sites_of_a_batch_count_as_those_of_their_own_spectra():
    spectra = np.stack([spectrum_at(ENERGY_EV, edge) for edge in (0.0, 0.7)])
    for row in (0, 1):
        one = best_shift(ENERGY_EV, spectra[row], ENERGY_EV, spectra[0], SHIFTS_EV)
        batch = best_shift(ENERGY_EV, spectra[[row]], ENERGY_EV, spectra[[0]], SHIFTS_EV)
        assert batch == one


def test_an_absolute_axis_is_brought_to_a_relative_one():
    absolute_eV = np.linspace(520.0, 575.0, 1101)
    shifts_eV = np.arange(-5400, -5200) * 0.1
    alignment = best_shift(
        absolute_eV, spectrum_at(absolute_eV, 531.3), ENERGY_EV, spectrum_at(ENERGY_EV), shifts_eV
    )
    assert alignment.shift_eV == pytest.approx(-531.3)


def test_the_runner_up_is_the_next_best_local_maximum():
    two_peaks = np.exp(-((ENERGY_EV - 5) ** 2)) + np.exp(-((ENERGY_EV - 9) ** 2))
    one_peak = np.exp(-((ENERGY_EV - 5) ** 2)) + 0.8 * np.exp(-((ENERGY_EV - 9) ** 2))
    alignment = best_shift(ENERGY_EV, one_peak, ENERGY_EV, two_peaks, np.linspace(-6, 6, 121))
    assert alignment.shift_eV == pytest.approx(0.0, abs=1e-9)
    assert alignment.runner_up_shift_eV == pytest.approx(4.0)  # 5 eV peak on the 9 eV one
    assert 0.3 < (alignment.runner_up_correlation or 0.0) < 0.7


def test_without_a_second_maximum_there_is_no_runner_up():
    peak = np.exp(-(((ENERGY_EV - 10) / 8) ** 2))
    alignment = best_shift(ENERGY_EV, peak, ENERGY_EV, peak, np.linspace(-1, 1, 21))
    assert (alignment.runner_up_shift_eV, alignment.runner_up_correlation) == (None, None)


def test_a_shift_with_little_overlap_does_not_count():
    # Over a short overlap the first rise of this spectrum would fit the reference's end perfectly.
    reference = np.where(ENERGY_EV < 30, 0.0, ENERGY_EV - 30)
    ramp = np.where(ENERGY_EV < 0, 0.0, np.minimum(ENERGY_EV, 5.0))
    alignment = best_shift(ENERGY_EV, ramp, ENERGY_EV, reference, np.linspace(-45, 45, 181))
    assert abs(alignment.shift_eV) <= 0.2 * 50


def test_a_spectrum_out_of_reach_is_refused_with_both_ranges():
    with pytest.raises(NearedgeError, match=r"7000 to 7050 eV .* \(-10 to 40 eV\)"):
        best_shift(ENERGY_EV + 7010, ENERGY_EV, ENERGY_EV, ENERGY_EV, SHIFTS_EV)


@pytest.mark.parametrize("flat", ["spectrum", "reference"])
def test_a_flat_line_is_refused(flat):
    lines = {"spectrum": spectrum_at(ENERGY_EV), "reference": spectrum_at(ENERGY_EV)}
    lines[flat] = np.full(ENERGY_EV.size, 0.1)
    with pytest.raises(NearedgeError, match="is flat"):
        best_shift(ENERGY_EV, lines["spectrum"], ENERGY_EV, lines["reference"], SHIFTS_EV)


@pytest.mark.parametrize("shifts_eV", [np.array([]), np.array([0.0, np.nan])])
def test_candidates_must_be_numbers(shifts_eV):
    with pytest.raises(NearedgeError, match="must be finite"):
        best_shift(ENERGY_EV, ENERGY_EV, ENERGY_EV, ENERGY_EV, shifts_eV)


@pytest.mark.parametrize(
    ("code", "shift_eV", "least_correlation"),
    [("exciting", -4855.8, 0.97), ("theory_VASP", -4861.5, 0.93), ("xspectra", 7.8, 0.91)],
)
def test_codes_agree_on_anatase_once_aligned(shared_data, code, shift_eV, least_correlation):
    folder = shared_data / "cross_code_anatase_Ti_K"
    (reference,) = read_spectra(folder / "anatase_ocean.txt")
    (other,) = read_spectra(folder / f"anatase_{code}.txt")
    near = (reference.energy_eV > -5) & (reference.energy_eV < 40)
    alignment = best_shift(
        other.energy_eV,
        other.intensity,
        reference.energy_eV[near],
        reference.intensity[near],
        shift_eV + np.arange(-150, 151) * 0.1,
    )
    assert alignment.shift_eV == pytest.approx(shift_eV, abs=0.15)
    assert alignment.correlation > least_correlation
    assert (alignment.runner_up_correlation or 0.0) < 0.6


@pytest.mark.parametrize(
    ("element", "edge", "energy_eV"),
    [("O", "K", 543.1), ("Ti", "K", 4966.0), ("Fe", "K", 7112.0), ("Fe", "L3", 706.8)],
)
def test_tabulated_edges(element, edge, energy_eV):
    assert tabulated_edge_eV(element, edge) == energy_eV


def test_K_edges_rise_with_the_atomic_number_as_moseley_says():
    roots = np.sqrt([tabulated_edge_eV(element, "K") for element in chemical_symbols[3:37]])
    assert np.diff(roots).min() > 0
    # sqrt(E) is a line in Z, to 2 % where the core is well inside the atom
    z = np.arange(3, 37)[8:]
    line = np.polyval(np.polyfit(z, roots[8:], 1), z)
    np.testing.assert_allclose(roots[8:], line, rtol=0.02)


@pytest.mark.parametrize(
    ("element", "edge", "message"),
    [("O", "M4", "no table of M4 edges"), ("Au", "K", "no K edge of 'Au'.* Li to Kr")],
)
def test_an_edge_outside_the_table_is_refused(element, edge, message):
    with pytest.raises(NearedgeError, match=message):
        tabulated_edge_eV(element, edge)


@pytest.mark.parametrize(
    ("file", "element", "near"),
    [
        ("feff/CoO_wurtzite_O_K/xmu.dat", "O", True),
        ("feff/CoO_wurtzite_O_K/xmu.dat", "Co", False),
        ("cross_code_anatase_Ti_K/anatase_theory_FEFF.txt", "Ti", True),
        ("cross_code_anatase_Ti_K/anatase_theory_FEFF.txt", "V", False),
        ("columns/Andradite_pt1_01.dat", "Fe", True),
        ("columns/Andradite_pt1_01.dat", "O", False),
        ("eels_O_K/oxygen_edge.msa", "O", True),
    ],
)
def test_real_scans_are_near_their_own_K_edge_only(shared_data, file, element, near):
    spectrum = read_spectra(shared_data / file)[0]
    assert is_near_edge(spectrum.energy_eV, element, "K") is near


@pytest.mark.parametrize(
    ("start_eV", "stop_eV", "near"),
    [(480, 522, False), (480, 524, True), (552, 600, True), (554, 600, False)],
)
def test_a_scan_that_stops_before_or_starts_after_the_edge_is_not_near_it(start_eV, stop_eV, near):
    assert is_near_edge(np.linspace(start_eV, stop_eV, 100), "O", "K") is near
