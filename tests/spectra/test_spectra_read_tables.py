"""Text tables are read whatever their separators, comments and line ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nearedge.spectra import read_spectra

ENERGY_EV = np.round(np.arange(528.0, 540.0, 0.25), 2)
FIRST = np.round(np.sin(ENERGY_EV) + 2, 6)
SECOND = np.round(np.cos(ENERGY_EV) + 2, 6)


def rows(separator: str = " ", end: str = "\n") -> str:
    table = zip(ENERGY_EV, FIRST, SECOND, strict=True)
    return "".join(separator.join(f"{cell:.6f}" for cell in row) + end for row in table)


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "spectra.any"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_49_sites_of_one_cell_are_49_spectra_with_the_numbers_of_the_file(shared_data):
    path = shared_data / "li3feo35_ocean_0K" / "O_K_spectra.dat"
    spectra = read_spectra(path)
    numbers = np.loadtxt(path)
    assert [spectrum.scan for spectrum in spectra] == [str(i) for i in range(1, 50)]
    assert {(s.axis, s.format, s.source, s.edge_energy_eV, s.notes) for s in spectra} == {
        ("relative", "table", str(path), None, ())
    }
    np.testing.assert_array_equal(spectra[0].energy_eV, numbers[:, 0])
    np.testing.assert_array_equal([s.intensity for s in spectra], numbers[:, 1:].T)
    assert spectra[0].energy_eV[[0, -1]] == pytest.approx([-40.726, 68.028], abs=1e-3)
    highest = numbers[np.mean([s.intensity for s in spectra], axis=0).argmax(), 0]
    assert highest == pytest.approx(14.9, abs=0.1)


@pytest.mark.parametrize("separator", [" ", "\t", "   ", ",", ", ", " , "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n"])
def test_separators_and_line_ends_do_not_matter(tmp_path, separator, end):
    spectra = read_spectra(write(tmp_path, rows(separator, end)))
    np.testing.assert_array_equal(spectra[0].energy_eV, ENERGY_EV)
    np.testing.assert_array_equal([s.intensity for s in spectra], [FIRST, SECOND])
    assert spectra[0].axis == "absolute"


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("", ["1", "2"]),
        ("# any words at all\n", ["1", "2"]),
        ("# measured on Monday\n", ["1", "2"]),
        ("# Energy (eV)   sigma_up    sigma_down\n", ["sigma_up", "sigma_down"]),
        ("% energy_eV O1 O2\n", ["O1", "O2"]),
        ("# omega first second\n# ---------------------\n", ["first", "second"]),
        ("Energy,sample A,sample B\n", ["sample A", "sample B"]),
        ('"Energy"\t"sample A"\t"sample B"\n', ["sample A", "sample B"]),
        ("E mu ref\n", ["mu", "ref"]),
        ("a title line\nwritten by hand\nE mu ref\n", ["mu", "ref"]),
        ("energy mu mu\n", ["1", "2"]),
    ],
)
def test_scan_labels_are_the_column_names_where_a_header_has_them(tmp_path, header, labels):
    assert [s.scan for s in read_spectra(write(tmp_path, header + rows()))] == labels


def test_repeated_column_names_are_noted(tmp_path):
    spectra = read_spectra(write(tmp_path, "energy mu mu\n" + rows()))
    assert spectra[0].notes == ("column names repeat, so the spectra are numbered instead",)


@pytest.mark.parametrize("prefix", list("#%!;"))
def test_comments_may_stand_anywhere(tmp_path, prefix):
    lines = rows().splitlines(keepends=True)
    text = f"{prefix} 1 2 3\n\n  {prefix}{prefix} 4\n" + "".join(lines[:20])
    text += f"{prefix} nan nan nan\n\n" + "".join(lines[20:]) + f"{prefix}END\n\n"
    spectra = read_spectra(write(tmp_path, text))
    np.testing.assert_array_equal(spectra[1].intensity, SECOND)


def test_bytes_that_are_not_utf8_do_not_break_comments(tmp_path):
    # 0x85 is an ellipsis in Windows' Latin-1 and a line end in Unicode; 0xb5 is the micro sign.
    content = b"# \xb5-XANES \xe0 300 K \x85 12 scans\n" + rows().encode()
    np.testing.assert_array_equal(read_spectra(write(tmp_path, content))[0].intensity, FIRST)


def test_a_byte_order_mark_is_not_part_of_the_first_number(tmp_path):
    spectra = read_spectra(write(tmp_path, b"\xef\xbb\xbf" + rows().encode()))
    np.testing.assert_array_equal(spectra[0].energy_eV, ENERGY_EV)


def test_decreasing_energies_are_reversed_and_noted(tmp_path):
    text = "".join(reversed(rows().splitlines(keepends=True)))
    spectra = read_spectra(write(tmp_path, text))
    np.testing.assert_array_equal(spectra[0].energy_eV, ENERGY_EV)
    np.testing.assert_array_equal(spectra[0].intensity, FIRST)
    assert spectra[0].notes == ("decreasing energies were reversed",)


@pytest.mark.parametrize(
    ("cell", "number"), [("1.5D+02", 150.0), ("2.5d-3", 2.5e-3), (".25-102", 0.25e-102)]
)
def test_fortran_exponents_are_numbers(tmp_path, cell, number):
    text = "".join(f"{energy:.2f} {cell}\n" for energy in ENERGY_EV)
    assert set(read_spectra(write(tmp_path, text))[0].intensity) == {number}


def test_two_columns_are_called_so(tmp_path):
    (spectrum,) = read_spectra(write(tmp_path, "".join(f"{e} 1\n" for e in ENERGY_EV)))
    assert (spectrum.format, spectrum.scan) == ("two-column", "1")


def test_a_missing_last_line_end_is_no_fault(tmp_path):
    spectra = read_spectra(write(tmp_path, rows().rstrip("\n")))
    assert spectra[0].intensity.size == len(ENERGY_EV)


@pytest.mark.parametrize(
    ("file", "labels", "axis", "range_eV", "peak_eV"),
    [
        ("xspectra/NiO.xspectra_dip.dat", ["1"], "relative", (-10.0, 20.0), 13.5),
        ("xspectra/diamondh.xspectra.dat", ["1"], "relative", (-10.0, 30.0), 7.9),
        ("cross_code_anatase_Ti_K/anatase_ocean.txt", ["1"], "relative", (-20.0, 80.0), 23.35),
        ("cross_code_anatase_Ti_K/anatase_theory_FEFF.txt", ["1"],
         "absolute", (4967.4, 5022.5), 4989.6),
        ("columns/AT11 Glass_Toner FeEXAFS.e", ["1"], "absolute", (7013.8, 7906.9), 7126.3),
        ("eels_O_K/Extracted_Spectrum_1.msa", ["1"], "absolute", (440.0, 1054.1), 630.2),
    ],
)  # fmt: skip
def test_real_files_of_many_programs(shared_data, file, labels, axis, range_eV, peak_eV):
    spectra = read_spectra(shared_data / file)
    assert [spectrum.scan for spectrum in spectra] == labels
    assert {spectrum.axis for spectrum in spectra} == {axis}
    assert spectra[0].energy_eV[[0, -1]] == pytest.approx(range_eV, abs=0.1)
    peak = spectra[0].energy_eV[spectra[0].intensity.argmax()]
    assert peak == pytest.approx(peak_eV, abs=0.1)


def test_spin_channels_add_up_to_the_total(shared_data):
    path = shared_data / "xspectra" / "NiO.xspectra_dip.dat"
    [total] = read_spectra(path)
    up, down = read_spectra(path, columns="1,sigma_up,sigma_down")
    np.testing.assert_allclose(total.intensity, up.intensity + down.intensity, atol=2e-8)
    assert total.metadata == {"broadening_eV": 0.8}


def test_raw_beamline_scans_in_latin1_give_the_fluorescence(shared_data):
    path = shared_data / "columns" / "Andradite_pt1_01.dat"
    [spectrum] = read_spectra(path)
    rows = np.loadtxt(path, encoding="latin-1")
    np.testing.assert_allclose(spectrum.intensity, rows[:, 4] / rows[:, 1], rtol=1e-14)
    assert (spectrum.kind, spectrum.raw, spectrum.scan) == ("fluorescence", True, "FY_c/Io")
    assert "ln(Io/It) is not used: column 7 is zero" in spectrum.notes
    assert spectrum.header["scan_number"] == 1
