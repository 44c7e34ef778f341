"""Electron energy loss: EMSA/MAS text, and what rosettasciio reads."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import gatan, read_spectra

ENERGY_EV = 500.0 + 0.25 * np.arange(300)
COUNTS = np.random.default_rng(3).uniform(100.0, 200.0, ENERGY_EV.size)


def load_helper(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dm_file = load_helper("gatan_files").dm_file


def msa(fields: dict[str, str], rows: str, end: str = "#ENDOFDATA   :\n") -> str:
    header = {
        "FORMAT": "EMSA/MAS Spectral Data File",
        "VERSION": "1.0",
        "TITLE": "a loss",
        "NPOINTS": "300",
        "XUNITS": "eV",
        "DATATYPE": "XY",
        "SIGNALTYPE": "ELS",
        **fields,
    }
    lines = "".join(f"#{key:<12}: {value}\n" for key, value in header.items())
    return lines + "#SPECTRUM    : Spectral Data Starts Here\n" + rows + end


PAIRS = "".join(f"{e:.6e}, {c:.9e}\n" for e, c in zip(ENERGY_EV, COUNTS, strict=True))


def test_pairs_of_energy_and_counts(tmp_path):
    path = tmp_path / "a"
    path.write_text(msa({}, PAIRS))
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, rtol=1e-9)
    np.testing.assert_allclose(spectrum.intensity, COUNTS, rtol=1e-9)
    assert (spectrum.kind, spectrum.raw, spectrum.axis) == ("eels", True, "absolute")
    assert spectrum.header == {"sample": "a loss"}


def test_counts_alone_take_their_axis_from_the_header(tmp_path):
    rows = "".join(
        ", ".join(f"{c:.9e}" for c in COUNTS[i : i + 5]) + ",\n" for i in range(0, 300, 5)
    )
    path = tmp_path / "a"
    fields = {"DATATYPE": "Y", "OFFSET": "0.5", "XPERCHAN": "0.00025", "XUNITS": "keV"}
    path.write_text(msa(fields, rows))
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, rtol=1e-9)
    np.testing.assert_allclose(spectrum.intensity, COUNTS, rtol=1e-9)
    assert spectrum.notes == ("energies converted from keV",)


def test_a_loss_that_begins_at_zero_is_absolute_all_the_same(tmp_path):
    rows = "".join(f"{e:.3f}, 1.0\n" for e in np.arange(-20.0, 280.0))
    path = tmp_path / "a"
    path.write_text(msa({}, rows))
    assert read_spectra(path)[0].axis == "absolute"


@pytest.mark.parametrize(
    ("fields", "rows", "end", "message"),
    [
        ({}, PAIRS, "", "no #ENDOFDATA line; the file is cut off"),
        ({}, PAIRS[:3000], "#ENDOFDATA :\n", "points where #NPOINTS promises 300|1 columns"),
        ({"NPOINTS": "301"}, PAIRS, "#ENDOFDATA :\n", "300 points where #NPOINTS promises 301"),
        ({"XUNITS": "nm"}, PAIRS, "#ENDOFDATA :\n", "'nm' is that of a wavelength"),
        ({"SIGNALTYPE": "EDS"}, PAIRS, "#ENDOFDATA :\n", "'EDS' is no energy loss"),
        ({"DATATYPE": "Y"}, PAIRS, "#ENDOFDATA :\n", "#OFFSET is 'missing', not a number"),
        ({}, PAIRS.replace("5.01", "x.01", 1), "#ENDOFDATA :\n", "line 13: column 1 holds 'x.01"),
    ],
)
def test_what_is_refused(tmp_path, fields, rows, end, message):
    path = tmp_path / "a"
    path.write_text(msa(fields, rows, end))
    with pytest.raises(NearedgeError, match=message):
        read_spectra(path)


@pytest.mark.parametrize("file", ["Extracted_Spectrum_1.msa", "oxygen_edge.msa"])
def test_measured_losses_have_the_numbers_of_their_file(shared_data, file):
    path = shared_data / "eels_O_K" / file
    rows = np.loadtxt(path, delimiter=",", comments="#")
    [spectrum] = read_spectra(path)
    np.testing.assert_array_equal(spectrum.energy_eV, rows[:, 0])
    np.testing.assert_array_equal(spectrum.intensity, rows[:, 1])
    assert spectrum.format == "msa"


@pytest.mark.slow
@pytest.mark.parametrize("file", ["Extracted_Spectrum_1.msa", "oxygen_edge.msa"])
def test_measured_losses_are_what_rosettasciio_reads(shared_data, file):
    from rsciio.msa import file_reader

    path = shared_data / "eels_O_K" / file
    [signal] = file_reader(str(path))
    [axis] = signal["axes"]
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.intensity, signal["data"])
    # rosettasciio gives the axis of the header, the file the energies rounded to 0.1 eV.
    energy_eV = axis["offset"] + axis["scale"] * np.arange(axis["size"])
    np.testing.assert_allclose(spectrum.energy_eV, energy_eV, atol=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("version", [3, 4])
def test_one_spectrum_of_gatan(tmp_path, version):
    path = tmp_path / "no name tells"
    path.write_bytes(dm_file(version, COUNTS, [(500.0, 0.25, "eV")]))
    [spectrum] = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy_eV, ENERGY_EV, rtol=1e-6)
    np.testing.assert_allclose(spectrum.intensity, COUNTS, rtol=1e-6)
    assert (spectrum.format, spectrum.kind, spectrum.raw) == ("gatan", "eels", True)
    assert spectrum.header["sample"] == "EELS scan"


@pytest.mark.slow
@pytest.mark.parametrize("version", [3, 4])
def test_a_spectrum_image_of_gatan_is_many_spectra(tmp_path, version):
    cube = np.random.default_rng(1).uniform(size=(300, 3, 4))
    path = tmp_path / "image"
    axes = [(0.5, 0.00025, "keV"), (0.0, 1.0, "nm"), (0.0, 1.0, "nm")]
    path.write_bytes(dm_file(version, cube, axes))
    spectra = read_spectra(path)
    assert len(spectra) == 12
    np.testing.assert_allclose(spectra[7].intensity, cube[:, 1, 3], rtol=1e-6)
    assert (spectra[7].header["y"], spectra[7].header["x"]) == (1, 3)
    np.testing.assert_allclose(spectra[7].energy_eV, ENERGY_EV, rtol=1e-5)


@pytest.mark.slow
def test_an_image_is_no_spectrum(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(dm_file(4, np.ones((30, 40)), [(0.0, 1.0, "nm"), (0.0, 1.0, "nm")]))
    with pytest.raises(NearedgeError, match=r"no signal has an energy axis \(units are nm\)"):
        read_spectra(path)


@pytest.mark.slow
def test_hyperspy_files(tmp_path):
    from rsciio.hspy import file_writer

    axes = [
        {"name": "x", "size": 3, "scale": 1.0, "offset": 0.0, "units": "nm", "navigate": True},
        {"name": "loss", "size": 300, "scale": 0.25, "offset": 500.0, "units": "eV",
         "navigate": False},
    ]  # fmt: skip
    for index, axis in enumerate(axes):
        axis.update(index_in_array=index, is_binned=False, _type="UniformDataAxis")
    data = np.random.default_rng(1).uniform(size=(3, 300))
    signal = {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "line scan"}, "Signal": {"signal_type": "EELS"}},
        "original_metadata": {},
        "tmp_parameters": {},
        "learning_results": {},
        "attributes": {"_lazy": False, "ragged": False},
        "models": {},
        "package_info": {"package": "hyperspy", "package_version": "2.3"},
    }
    path = tmp_path / "a.hspy"
    file_writer(str(path), signal, show_progressbar=False)
    spectra = read_spectra(path)
    np.testing.assert_allclose([s.intensity for s in spectra], data)
    np.testing.assert_allclose(spectra[0].energy_eV, ENERGY_EV)
    assert (spectra[0].format, spectra[0].header["sample"]) == ("hyperspy", "line scan")


def test_without_rosettasciio_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio.digitalmicrograph", None)
    with pytest.raises(NearedgeError, match=r"pip install 'nearedge\[eels\]'"):
        list(gatan.blocks(str(tmp_path / "a.dm4"), None, "auto", 0, 10))
