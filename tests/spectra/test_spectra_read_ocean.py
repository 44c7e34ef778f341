"""OCEAN's absspct files of every version, one spectrum each on a relative axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import EnergyGrid, best_shift, read_spectra, resample

HARTREE_EV = 27.211386

NEW = ["hematite_new/absspct", "LiF_F_K/absspct"] + [
    f"iron_K_2photons/absspct_Fe.0001_1s_0{photon}" for photon in (1, 2)
]
OLD = ["hematite_v2.5/absspct"] + [
    f"silicon_4sites/absspct_Si.0001_2p_0{site}" for site in (1, 2, 3, 4)
]
# From the input files: cnbse.broaden in eV (silicon's is 0.006 hartree, the metal's natural width).
PEAK_EV_AND_BROADENING_EV = {
    "hematite_new/absspct": (1.18, 0.1),
    "hematite_v2.5/absspct": (1.13, 0.1),
    "LiF_F_K/absspct": (-1.27, 0.5),
    "iron_K_2photons/absspct_Fe.0001_1s_01": (17.05, 0.5),
    "iron_K_2photons/absspct_Fe.0001_1s_02": (17.96, 0.5),
    "rutile_O_K_3pol/absspct_total": (-0.32, 0.5),
    "silicon_4sites/absspct_Si.0001_2p_04": (0.50, 0.006 * HARTREE_EV),
}


@pytest.mark.parametrize("file", NEW + OLD)
def test_the_second_column_is_the_spectrum(shared_data, file):
    path = shared_data / "ocean" / file
    (spectrum,) = read_spectra(path)
    numbers = np.loadtxt(path)
    np.testing.assert_array_equal(spectrum.energy_eV, numbers[:, 0])
    np.testing.assert_array_equal(spectrum.intensity, numbers[:, 1])
    assert (spectrum.format, spectrum.axis, spectrum.scan) == ("ocean-absspct", "relative", "1")
    assert spectrum.energy_eV.size == (1201 if file in NEW else 1200)
    assert spectrum.energy_eV[[0, -1]] == pytest.approx([-40.8, 68.0], abs=0.1)
    assert (spectrum.intensity > 0).all()
    assert spectrum.metadata["polarisations"] == 1
    assert spectrum.metadata["iterations"] == 100
    assert spectrum.notes == ()


def test_the_name_that_ocean_gave_a_file_tells_the_element_and_the_edge(shared_data):
    (iron,) = read_spectra(shared_data / "ocean" / "iron_K_2photons" / "absspct_Fe.0001_1s_01")
    assert (iron.element, iron.edge) == ("Fe", "K")
    (silicon,) = read_spectra(shared_data / "ocean" / "silicon_4sites" / "absspct_Si.0001_2p_01")
    assert (silicon.element, silicon.edge) == ("Si", None)
    (unnamed,) = read_spectra(shared_data / "ocean" / "LiF_F_K" / "absspct")
    assert unnamed.element is None


def test_a_file_that_is_stored_under_another_name_may_still_tell_its_own(shared_data, tmp_path):
    called = "absspct_Fe.0001_1s_01"
    stored = tmp_path / "0f3a"
    stored.write_bytes((shared_data / "ocean" / "iron_K_2photons" / called).read_bytes())
    (iron,) = read_spectra(stored, original_name=called)
    assert (iron.element, iron.edge, iron.source) == ("Fe", "K", str(stored))
    (unnamed,) = read_spectra(stored)
    assert unnamed.element is None


@pytest.mark.parametrize("file", PEAK_EV_AND_BROADENING_EV)
def test_peak_and_broadening(shared_data, file):
    peak_eV, broadening_eV = PEAK_EV_AND_BROADENING_EV[file]
    (spectrum,) = read_spectra(shared_data / "ocean" / file)
    highest = spectrum.energy_eV[spectrum.intensity.argmax()]
    assert highest == pytest.approx(peak_eV, abs=0.01)
    assert spectrum.metadata["broadening_eV"] == pytest.approx(broadening_eV, rel=1e-4)


def test_both_versions_give_the_same_hematite(shared_data):
    new, old = (
        read_spectra(shared_data / "ocean" / f"hematite_{version}" / "absspct")[0]
        for version in ("new", "v2.5")
    )
    grid = EnergyGrid(-10.0, 30.0, 401)
    reference = resample(new.energy_eV, new.intensity, grid)
    alignment = best_shift(
        old.energy_eV, old.intensity, grid.energy_eV, reference, np.arange(-200, 201) * 0.01
    )
    # The versions label their energies half a step (0.045 eV) apart.
    assert alignment.shift_eV == pytest.approx(0.045, abs=0.011)
    assert alignment.correlation > 0.995
    assert alignment.scale == pytest.approx(1.0, abs=0.02)


def test_polarisations_side_by_side_are_averaged_and_noted(shared_data):
    path = shared_data / "ocean" / "rutile_O_K_3pol" / "absspct_total"
    (spectrum,) = read_spectra(path)
    numbers = np.loadtxt(path)
    np.testing.assert_allclose(spectrum.intensity, numbers[:, [1, 9, 17]].mean(axis=1), rtol=1e-14)
    assert spectrum.metadata["polarisations"] == 3
    assert spectrum.notes == ("3 polarisations side by side were averaged",)


def test_new_files_side_by_side_are_averaged_too(shared_data, tmp_path):
    photons = [shared_data / "ocean" / file for file in NEW[2:]]
    lines = [path.read_text().splitlines() for path in photons]
    pasted = tmp_path / "pasted"
    pasted.write_text("".join("\t".join(pair) + "\n" for pair in zip(*lines, strict=True)))
    (spectrum,) = read_spectra(pasted)
    first, second = (read_spectra(path)[0].intensity for path in photons)
    np.testing.assert_allclose(spectrum.intensity, (first + second) / 2, rtol=1e-14)


@pytest.mark.parametrize("name", ["spectrum.csv", "xmu.dat", "no_extension"])
def test_the_name_of_the_file_does_not_matter(shared_data, tmp_path, name):
    path = tmp_path / name
    path.write_bytes((shared_data / "ocean" / "hematite_v2.5" / "absspct").read_bytes())
    assert read_spectra(path)[0].format == "ocean-absspct"


def change_line(lines: list[str], index: int, old: str, new: str) -> list[str]:
    assert old in lines[index]
    return [*lines[:index], lines[index].replace(old, new), *lines[index + 1 :]]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("hematite_v2.5", lambda lines: lines[:700], "700 rows where column 8 promises 1200"),
        ("hematite_v2.5", lambda lines: change_line(lines, 9, "5655E-04", "5655E-05"), "damaged"),
        ("hematite_v2.5", lambda lines: [*lines[:9], lines[9][:64]], "line 10: 4 columns"),
        ("hematite_new", lambda lines: [line[:-16] for line in lines], "4 columns where OCEAN"),
        (
            "rutile_O_K_3pol",
            lambda lines: change_line(lines, 0, "\t-0.407", "\t-0.417"),
            "different energies",
        ),
    ],
)
def test_damaged_files_are_refused(shared_data, tmp_path, file, change, message):
    (original,) = (shared_data / "ocean" / file).glob("absspct*")
    path: Path = tmp_path / "absspct"
    path.write_text("\n".join(change(original.read_text().splitlines())) + "\n")
    with pytest.raises(NearedgeError, match=message):
        read_spectra(path)


def test_haydock_coefficients_are_no_spectrum(shared_data):
    with pytest.raises(NearedgeError, match="line 2: 1 columns where the rows above have 2"):
        read_spectra(shared_data / "ocean" / "iron_K_2photons" / "abslanc_Fe.0001_1s_01")
