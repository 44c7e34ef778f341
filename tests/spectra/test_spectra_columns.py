"""Columns are chosen by name or number, or known from what beamlines call them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import read_spectra

RNG = np.random.default_rng(7)
ENERGY_EV = np.linspace(7000.0, 7200.0, 60)
I0, IT, F1, F2, IR = RNG.uniform(1.0, 2.0, (5, 60))
MU = RNG.uniform(1.0, 2.0, 60)


def write(folder: Path, header: str, *columns: np.ndarray) -> Path:
    path = folder / "scan.dat"
    rows = np.stack(columns, axis=1)
    path.write_text(header + "".join(" ".join(repr(float(x)) for x in row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("columns", "expected", "label"),
    [
        ("1,2", I0, "2"),
        ("energy,i0", I0, "i0"),
        ("ENERGY , I0", I0, "I0"),
        ("energy,ln(i0/it)", np.log(I0 / IT), "ln(i0/it)"),
        ("energy,ln( 2 / 3 )", np.log(I0 / IT), "ln( 2 / 3 )"),
        ("energy,f1/i0", F1 / I0, "f1/i0"),
        ("1,(f1+f2)/i0", (F1 + F2) / I0, "(f1+f2)/i0"),
        ("1,(4+f2)", F1 + F2, "(4+f2)"),
    ],
)
def test_columns_are_chosen_by_name_or_number(tmp_path, columns, expected, label):
    path = write(tmp_path, "# energy i0 it f1 f2\n", ENERGY_EV, I0, IT, F1, F2)
    [spectrum] = read_spectra(path, columns=columns)
    np.testing.assert_allclose(spectrum.intensity, expected, rtol=1e-10)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, rtol=1e-10)
    assert spectrum.scan == label


def test_several_signals_are_several_spectra(tmp_path):
    path = write(tmp_path, "# i0 energy mu\n", I0, ENERGY_EV, MU)
    first, second = read_spectra(path, columns="2,mu,1")
    np.testing.assert_allclose(first.intensity, MU, rtol=1e-10)
    np.testing.assert_allclose(second.intensity, I0, rtol=1e-10)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("energy", "give the energy and at least one signal"),
        ("energy,", "give the energy and at least one signal"),
        ("energy,nu", "no column 'nu'; known are energy, i0, mu"),
        ("energy,9", "no column 9; the table has columns 1 to 3"),
        ("0,2", "no column 0"),
        ("energy,ln(mu)", "signal 'ln.mu.' is not understood"),
        ("energy,mu/i0/i0", "is not understood"),
        ("energy,mu/", "is not understood"),
    ],
)
def test_a_choice_that_does_not_fit_is_a_usage_error(tmp_path, columns, message):
    path = write(tmp_path, "# energy mu i0\n", ENERGY_EV, MU, I0)
    with pytest.raises(UsageError, match=message):
        read_spectra(path, columns=columns)


def test_names_need_a_header(tmp_path):
    with pytest.raises(UsageError, match="names no columns, so 'mu' must be a number"):
        read_spectra(write(tmp_path, "", ENERGY_EV, MU), columns="1,mu")


@pytest.mark.parametrize(
    ("header", "columns", "expected", "kind"),
    [
        ("Energy I0 It Iref", (I0, IT, IR), np.log(I0 / IT), "transmission"),
        ("energy(eV)  itrans  i0  irefer", (IT, I0, IR), np.log(I0 / IT), "transmission"),
        ("Energy Monitor I1 I2", (I0, IT, IR), np.log(I0 / IT), "transmission"),
        ("Energy Io FY FY_c", (I0, F1, F2), F2 / I0, "fluorescence"),
        ("energy i0 ifluor", (I0, F1), F1 / I0, "fluorescence"),
        ("energy i0 TEY", (I0, F1), F1 / I0, "electron yield"),
        ("energy xmu i0", (MU, I0), MU, "mu"),
        ("energy i0 it mutrans", (I0, IT, MU), MU, "transmission"),
        ("energy i0 norm", (I0, MU), MU, "mu"),
    ],
)
def test_detectors_are_known_by_their_names(tmp_path, header, columns, expected, kind):
    [spectrum] = read_spectra(write(tmp_path, f"# {header}\n", ENERGY_EV, *columns))
    np.testing.assert_allclose(spectrum.intensity, expected, rtol=1e-10)
    assert spectrum.kind == kind
    assert spectrum.raw == ("norm" not in header)


def test_the_mode_chooses_among_detectors_that_are_all_there(tmp_path):
    path = write(tmp_path, "# energy i0 it if tey\n", ENERGY_EV, I0, IT, F1, F2)
    for mode, expected in (
        ("auto", np.log(I0 / IT)),
        ("transmission", np.log(I0 / IT)),
        ("fluorescence", F1 / I0),
        ("electron yield", F2 / I0),
    ):
        [spectrum] = read_spectra(path, mode=mode)
        np.testing.assert_allclose(spectrum.intensity, expected, rtol=1e-10)
    [automatic] = read_spectra(path)
    assert automatic.notes == (
        "mu computed as ln(i0/it) from columns 2 and 3",
        "also in the file: if/i0, tey/i0",
    )


def test_a_mode_that_the_file_does_not_hold_is_refused(tmp_path):
    path = write(tmp_path, "# energy i0 it\n", ENERGY_EV, I0, IT)
    with pytest.raises(NearedgeError, match="energy, i0, it hold no fluorescence signal"):
        read_spectra(path, mode="fluorescence")
    path = write(tmp_path, "", ENERGY_EV, I0, IT)
    with pytest.raises(NearedgeError, match="names no columns, so the transmission signal"):
        read_spectra(path, mode="transmission")


def test_a_monitor_without_a_known_detector_is_refused_rather_than_guessed(tmp_path):
    path = write(tmp_path, "# energy i0 det7\n", ENERGY_EV, I0, F1)
    with pytest.raises(NearedgeError, match="'energy,det/i0'"):
        read_spectra(path)


def test_a_detector_that_was_off_is_passed_over(tmp_path):
    path = write(tmp_path, "# energy i0 it if\n", ENERGY_EV, I0, 0 * IT, F1)
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.intensity, F1 / I0, rtol=1e-10)
    assert "ln(i0/it) is not used: column 3 is zero" in spectrum.notes


def test_single_points_without_beam_are_left_out(tmp_path):
    i0 = np.where(np.arange(60) == 30, 0.0, I0)
    [spectrum] = read_spectra(write(tmp_path, "# energy i0 it\n", ENERGY_EV, i0, IT))
    assert spectrum.energy_eV.size == 59
    assert "1 point without beam left out" in spectrum.notes


def test_a_chosen_signal_without_a_value_is_refused(tmp_path):
    i0 = np.where(np.arange(60) == 30, 0.0, I0)
    path = write(tmp_path, "# energy i0 it\n", ENERGY_EV, i0, IT)
    with pytest.raises(NearedgeError, match=r"line 32: ln\(i0/it\) has no finite value here"):
        read_spectra(path, columns="1,ln(i0/it)")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("# energy(keV) mu\n", None),
        ("# Energy [keV]  mu\n", None),
        ("# energy_keV,mu\n", None),
        ("# energies in keV\n", None),
        ("", "1 keV,2"),
    ],
)
def test_stated_keV_are_converted_and_noted(tmp_path, header, columns):
    [spectrum] = read_spectra(write(tmp_path, header, ENERGY_EV / 1000, MU), columns=columns)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, rtol=1e-9)
    assert spectrum.notes == ("energies converted from keV",)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("# energy(deg) mu\n", "unit 'deg' is that of an angle"),
        ("# energy[counts] mu\n", "motor or encoder position"),
        ("# energy(Ry) mu\n", "energies in 'Ry' are not read"),
        ("# energy(furlong) mu\n", "the unit 'furlong' is not known"),
        ("encoder mu\n", "column 'encoder' is no energy"),
        ("Bragg_angle mu\n", "column 'Bragg_angle' is no energy"),
        ("# XDI/1.0\n# Column.1: angle degrees\n# Column.2: mutrans\n# ---\n# angle mu\n",
         "no column holds the energy"),
    ],
)  # fmt: skip
def test_angles_encoders_and_unknown_units_are_refused(tmp_path, header, message):
    with pytest.raises(NearedgeError, match=message):
        read_spectra(write(tmp_path, header, ENERGY_EV, MU))


def test_the_energy_need_not_come_first(tmp_path):
    [spectrum] = read_spectra(write(tmp_path, "# i0 it Energy\n", I0, IT, ENERGY_EV))
    np.testing.assert_allclose(spectrum.intensity, np.log(I0 / IT), rtol=1e-10)


@pytest.mark.parametrize("separator", ["\t", " ", ";", "  "])
def test_decimal_commas(tmp_path, separator):
    rows = [f"{e:.4f}{separator}{m:.6e}" for e, m in zip(ENERGY_EV, MU, strict=True)]
    path = tmp_path / "scan.csv"
    path.write_text("# Energie\n" + "\n".join(rows).replace(".", ",") + "\n")
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, atol=1e-4)
    np.testing.assert_allclose(spectrum.intensity, MU, rtol=1e-6)
    assert spectrum.notes == ("decimal commas were read as points",)


@pytest.mark.parametrize("rule", ["=====", "-----", "*****", "# ====", "[data]", "<scan>", "+++"])
def test_rules_and_marks_before_the_table_are_headers(tmp_path, rule):
    path = write(tmp_path, f"my scan\n{rule}\n# energy mu\n{rule}\n", ENERGY_EV, MU)
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.intensity, MU, rtol=1e-10)


def test_the_header_says_what_series_need(tmp_path):
    header = """# Sample : LFO-7
# Scan N° : 12
# Date : 2026-01-02
# Temperature: 26.85 °C
# Potential = 3450 mV
# Element: fe
# Edge: k
# energy mu
"""
    [spectrum] = read_spectra(write(tmp_path, header, ENERGY_EV, MU))
    assert spectrum.header == {
        "sample": "LFO-7",
        "scan_number": 12,
        "time": "2026-01-02",
        "temperature_K": pytest.approx(300.0),
        "voltage_V": pytest.approx(3.45),
    }
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
