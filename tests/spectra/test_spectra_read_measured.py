"""Measured files of many beamlines: the numbers that xraylarch reads, and the faults of XDI."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import read_spectra

RECORDED = json.loads((Path(__file__).parent / "recorded" / "larch.json").read_text())["files"]

# What BadFiles.txt calls an error; everything else there is read, those with a text as a warning.
XDI_ERRORS = {
    1: "line 1: .* the first line is not '# XDI/1.0'",
    12: "no column holds the energy .*Mono.d_spacing is missing",
    13: "line 31: 3 columns where the rows above have 4",
    14: "line 36: 6 columns where the rows above have 4",
    15: "line 29: column 2 holds 'nan'",
    16: "line 30: column 2 holds 'STRING'",
    17: "line 29: column 2 holds '1.4.9'",
    18: "line 8: 'Family.key:' is not 'Family.key: value'",
    19: "line 8: 'Family.key  Value' is not",
    20: "line 8: 'Family:key:  Value' is not",
    21: "line 8: 'Family key:  Value' is not",
    22: "line 8: 'Family.key.subkey:  Value' is not",
}
XDI_WARNINGS = {
    2: "Element.edge is missing",
    3: "Element.symbol is missing",
    4: "Element.edge 'Foo' is no edge",
    5: "Element.symbol 'Foo' is no element",
    6: "the line '# ----' after the header is missing",
    7: "no Column fields; the line above the table names the columns",
    8: "Column fields are numbered 1, 2, 3, but there are 4 columns",
    9: "Column fields are numbered 1, 2, 3, 4, 5, but there are 4 columns",
    10: "Column fields are numbered 1, 2, 3, 7, but there are 4 columns",
    11: "line 12 starts with '!' instead of '#' and is ignored",
}
WITHOUT_FAULT = (0, 23)


@pytest.mark.parametrize("file", RECORDED)
def test_energies_and_intensities_are_those_of_xraylarch(shared_data, file):
    spectra = read_spectra(shared_data / file)
    # Of records that share a label, larch keeps the last.
    by_label = {spectrum.scan.split(" ", 1)[-1]: spectrum for spectrum in spectra}
    by_label |= {spectrum.scan: spectrum for spectrum in spectra}
    assert len(spectra) == {"athena/NiO.prj": 24, "athena/Fe.prj": 5}.get(file, 1)
    assert len(RECORDED[file]) == {"athena/NiO.prj": 22, "athena/Fe.prj": 5}.get(file, 1)
    for larch in RECORDED[file]:
        spectrum = by_label[larch["label"]] if "label" in larch else spectra[0]
        assert spectrum.energy_eV.size == larch["points"]
        index = larch["index"]
        np.testing.assert_allclose(spectrum.energy_eV[index], larch["energy_eV"], rtol=1e-12)
        np.testing.assert_allclose(
            spectrum.intensity[index], larch["intensity"], rtol=1e-10, atol=1e-12
        )
        assert spectrum.intensity.sum() == pytest.approx(larch["intensity_sum"], rel=1e-10)


def test_every_file_of_bad_xdi_has_an_expected_outcome(shared_data):
    numbers = {int(path.stem[4:]) for path in (shared_data / "xdi" / "bad").glob("*.xdi")}
    assert numbers == {*XDI_ERRORS, *XDI_WARNINGS, *WITHOUT_FAULT}
    assert len(numbers) == 24


@pytest.mark.parametrize("number", XDI_ERRORS)
def test_what_xdi_calls_an_error_is_one_with_its_line(shared_data, number):
    path = shared_data / "xdi" / "bad" / f"bad_{number:02}.xdi"
    with pytest.raises(NearedgeError, match=XDI_ERRORS[number]) as caught:
        read_spectra(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [*XDI_WARNINGS, *WITHOUT_FAULT])
def test_what_xdi_calls_a_warning_is_read_with_a_note(shared_data, number):
    folder = shared_data / "xdi" / "bad"
    [spectrum] = read_spectra(folder / f"bad_{number:02}.xdi")
    [sound] = read_spectra(folder / "bad_00.xdi")
    np.testing.assert_array_equal(spectrum.energy_eV, sound.energy_eV)
    np.testing.assert_array_equal(spectrum.intensity, sound.intensity)
    assert XDI_WARNINGS.get(number, "") in "; ".join(spectrum.notes)
    assert (len(spectrum.notes) > 0) == (number in XDI_WARNINGS)


def test_every_good_xdi_file_says_what_it_is(shared_data):
    paths = sorted((shared_data / "xdi" / "good").glob("*.xdi"))
    assert len(paths) == 25
    for path in paths:
        [spectrum] = read_spectra(path)
        assert spectrum.element == path.name[:2]
        assert (spectrum.edge, spectrum.kind, spectrum.raw) == ("K", "transmission", True)
        assert spectrum.header["sample"]
        assert spectrum.header["time"]


def test_a_project_gives_every_record_by_its_label(shared_data):
    spectra = read_spectra(shared_data / "athena" / "Fe.prj")
    labels = ["Fe foil", "Ferrihydrite", "Goerthite", "Hematite", "Lepidocrocite"]
    assert [spectrum.scan for spectrum in spectra] == labels
    assert {(s.element, s.edge, s.kind, s.raw) for s in spectra} == {("Fe", "K", "mu", True)}
    assert spectra[0].notes == ("Athena's energy shift of 5.81162 eV was added",)
    # The foil was calibrated to 7112 eV, which the maximum of the derivative marks.
    step = np.gradient(spectra[0].intensity, spectra[0].energy_eV)
    assert spectra[0].energy_eV[step.argmax()] == pytest.approx(7112.0, abs=0.3)


def test_labels_that_repeat_in_a_project_are_numbered(shared_data):
    spectra = read_spectra(shared_data / "athena" / "NiO.prj")
    assert [spectrum.scan for spectrum in spectra[:3]] == [
        "1 NiO.000",
        "2 Ref NiO.000",
        "3 NiO.000",
    ]
    assert spectra[0].header["time"] == "2014-08-30T15:47:40"


def test_an_unpacked_project_is_the_same(shared_data, tmp_path):
    packed = shared_data / "athena" / "FeO.prj"
    plain = tmp_path / "FeO.prj"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    np.testing.assert_array_equal(
        read_spectra(plain)[0].intensity, read_spectra(packed)[0].intensity
    )


def test_a_project_has_no_columns_to_choose(shared_data):
    with pytest.raises(UsageError, match="has no columns to choose from"):
        read_spectra(shared_data / "athena" / "FeO.prj", columns="1,2")


def test_a_gzip_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.prj"
    path.write_bytes(gzip.compress(b"# Athena project file\n" + b"\n" * 80_000_000, 9))
    with pytest.raises(NearedgeError, match="unpacks to more than the 64 MB"):
        read_spectra(path)


def test_the_digitised_anatase_scan_is_sorted_where_it_goes_back(shared_data):
    path = shared_data / "cross_code_anatase_Ti_K" / "anatase_exp.txt"
    rows = np.loadtxt(path)
    [spectrum] = read_spectra(path)
    assert rows[25, 0] < rows[24, 0]
    order = np.argsort(rows[:, 0])
    np.testing.assert_array_equal(spectrum.energy_eV, rows[order, 0])
    np.testing.assert_array_equal(spectrum.intensity, rows[order, 1])
    assert spectrum.notes == ("3 points that went back by up to 0.15 eV were sorted in",)
