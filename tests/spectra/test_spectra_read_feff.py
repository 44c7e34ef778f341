"""FEFF's xmu.dat: absolute energies, the Fermi level, and a cross-section on one scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import is_near_edge, read_spectra

COO = Path("feff") / "CoO_wurtzite_O_K" / "xmu.dat"
COLUMN_LINE = "#  omega    e    k    mu    mu0     chi     @#\n"


def test_oxygen_K_edge_of_wurtzite_CoO(shared_data):
    (spectrum,) = read_spectra(shared_data / COO)
    assert (spectrum.format, spectrum.axis, spectrum.scan) == ("feff-xmu", "absolute", "1")
    assert spectrum.energy_eV[[0, -1]] == pytest.approx([531.096, 586.258])
    assert spectrum.edge_energy_eV == pytest.approx(533.534)
    assert is_near_edge(spectrum.energy_eV, "O", "K")
    assert spectrum.energy_eV[spectrum.intensity.argmax()] == pytest.approx(533.634)
    assert spectrum.metadata == {"xsedge_A2": 4.6001e-3, "fermi_level_eV": -11.43, "version": "9.6"}
    assert spectrum.notes == ()


def test_the_fermi_level_is_the_zero_of_the_relative_axis(shared_data):
    relative = read_spectra(shared_data / COO)[0].relative_to_edge()
    k = np.loadtxt(shared_data / COO)[:, 2]
    np.testing.assert_array_equal(np.sign(relative.energy_eV.round(6)), np.sign(k))
    # E - EF = hbar^2 k^2 / 2m, with hbar^2 / 2m = 3.81 eV A^2; both are printed to 0.001
    np.testing.assert_allclose(relative.energy_eV, 3.81 * k * np.abs(k), atol=0.02)


def test_intensity_is_the_cross_section_of_an_atom(shared_data):
    (spectrum,) = read_spectra(shared_data / COO)
    mu = np.loadtxt(shared_data / COO)[:, 3]
    np.testing.assert_allclose(spectrum.intensity, mu * 4.6001e-3)
    # Photoabsorption of oxygen at 580 eV is 19 000 cm2/g (Henke tables): 0.5 Mb = 0.005 A2 an atom
    at_580_eV = np.interp(580.0, spectrum.energy_eV, spectrum.intensity)
    assert at_580_eV == pytest.approx(0.005, rel=0.2)


@pytest.mark.parametrize(
    ("header", "metadata"),
    [
        ("# Copper                                       Feff 8.50L  \n"
         "# Mu=-7.964E+00 kf=1.982E+00 Vint=-1.706E+01 Rs_int= 1.830\n"
         "#  xsedge+50, used to normalize mu           2.0000E-04\n",
         {"xsedge_A2": 2e-4, "fermi_level_eV": -7.964, "version": "8.50L"}),
        ("# #                                            FEFF 10.0.0 \n"
         "# # Mu=-1.229E+01eV kf=2.100E+00 Vint=-1.862E+01eV Rs_int= 1.727\n"
         "#  xsedge+ 50, used to normalize mu           4.6166E-03\n",
         {"xsedge_A2": 4.6166e-3, "fermi_level_eV": -12.29, "version": "10.0.0"}),
        ("#  xsedge+ 50, used to normalize mu           1.0000E+00\n", {"xsedge_A2": 1.0}),
    ],
)  # fmt: skip
def test_headers_of_other_versions(tmp_path, header, metadata):
    k = np.arange(0.0, 2.0, 0.1)
    path = tmp_path / "anything.txt"
    path.write_text(header + COLUMN_LINE + xmu_rows(k, 8988.0))
    (spectrum,) = read_spectra(path)
    assert spectrum.metadata == metadata
    assert spectrum.edge_energy_eV == 8988.0
    np.testing.assert_allclose(spectrum.intensity, (1 + k) * metadata["xsedge_A2"])


def test_the_fermi_level_is_found_between_two_rows(tmp_path):
    path = tmp_path / "xmu.dat"
    header = "#  xsedge+ 50, used to normalize mu           4.6166E-03\n"
    path.write_text(header + COLUMN_LINE + xmu_rows(np.arange(-0.98, 2.0, 0.1), 533.7))
    assert read_spectra(path)[0].edge_energy_eV == pytest.approx(533.7, abs=2e-3)


def xmu_rows(k: np.ndarray, edge_eV: float) -> str:
    energy_eV = 3.81 * k * np.abs(k)
    return "".join(
        f" {edge_eV + e:11.3f}{e - 11:11.3f}{q:8.3f}{1 + q:13.5E}{1 + q:13.5E}{0:13.5E}\n"
        for e, q in zip(energy_eV, k, strict=True)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("xsedge+ 50, used to normalize mu", "x"), "mu has no scale"),
        (lambda text: text.replace("4.6001E-03", "*********"), "mu has no scale"),
        (lambda text: text.replace("4.6001E-03", "0.0000E+00"), "mu has no scale"),
        (lambda text: text[: text.index("533.144")], "Fermi level"),
        (lambda text: text.replace("3.83063E+00", "***********"), "line 34: column 4"),
        (lambda text: cut_columns(text, 5), "5 columns where FEFF writes 6"),
    ],
)
def test_a_damaged_file_is_refused(shared_data, tmp_path, change, message):
    path = tmp_path / "xmu.dat"
    path.write_text(change((shared_data / COO).read_text()))
    with pytest.raises(NearedgeError, match=message):
        read_spectra(path)


def cut_columns(text: str, kept: int) -> str:
    lines = text.splitlines()
    return "\n".join(
        line if line.startswith("#") else " ".join(line.split()[:kept]) for line in lines
    )
