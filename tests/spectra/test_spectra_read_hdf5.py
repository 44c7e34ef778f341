"""HDF5 and NeXus: the layouts that are found, streaming, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import _isolated, iter_blocks, read_spectra

ENERGY_EV = np.linspace(525.0, 560.0, 141)
RNG = np.random.default_rng(5)
STACK = RNG.normal(size=(23, ENERGY_EV.size))
I0 = RNG.uniform(9.0, 10.0, ENERGY_EV.size)
DETECTOR = RNG.uniform(1.0, 2.0, ENERGY_EV.size)


def write(folder: Path, fill: Callable[[h5py.File], Any]) -> Path:
    path = folder / "file.any"
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def stack(file: h5py.File) -> None:
    file["energy"] = ENERGY_EV
    file.create_dataset("mu", data=STACK, chunks=(4, 141), compression="gzip")
    file["time"] = np.arange(23.0) + 0.5
    file["cell_voltage"] = np.linspace(3000.0, 4000.0, 23)
    file["cell_voltage"].attrs["units"] = "mV"
    file["operator"] = [f"person {i}" for i in range(23)]


def test_a_simple_stack_is_one_spectrum_a_row_with_its_header(tmp_path):
    spectra = read_spectra(write(tmp_path, stack))
    np.testing.assert_array_equal([s.intensity for s in spectra], STACK)
    np.testing.assert_array_equal(spectra[0].energy_eV, ENERGY_EV)
    assert [s.scan for s in spectra] == [str(i) for i in range(1, 24)]
    voltage_V = pytest.approx(3.0 + 2 / 22)
    assert spectra[2].header == {"time": 2.5, "voltage_V": voltage_V, "operator": "person 2"}
    assert (spectra[0].format, spectra[0].axis, spectra[0].kind) == ("hdf5", "absolute", "mu")


@pytest.mark.parametrize("start", [0, 1, 9, 22, 23, 40])
@pytest.mark.parametrize("size", [1, 5, 100])
def test_blocks_go_on_from_any_spectrum(tmp_path, start, size):
    blocks = list(iter_blocks(write(tmp_path, stack), start=start, size=size))
    rows = [row for block in blocks for row in block.intensity]
    np.testing.assert_array_equal(np.reshape(rows, (-1, 141)), STACK[start:])
    assert [block.first for block in blocks] == [
        start + sum(len(b.scans) for b in blocks[:i]) for i in range(len(blocks))
    ]


def test_a_bad_row_is_a_fault_of_its_block_alone(tmp_path):
    def fill(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV
        file["spectra"] = np.where(np.arange(23)[:, None] == 7, np.nan, STACK)

    path = write(tmp_path, fill)
    [block] = iter_blocks(path)
    assert [i for i, fault in enumerate(block.faults) if fault] == [7]
    assert "141 of 141 intensities are NaN" in str(block.faults[7])
    assert len(block.spectra()) == 22
    with pytest.raises(NearedgeError, match="spectrum 8: 141 of 141 intensities are NaN"):
        read_spectra(path)


def test_energies_may_come_first_decrease_and_be_in_keV(tmp_path):
    def fill(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV[::-1] / 1000
        file["energy"].attrs["units"] = "keV"
        file["absorption"] = STACK[:, ::-1].T

    spectra = read_spectra(write(tmp_path, fill))
    np.testing.assert_allclose(spectra[0].energy_eV, ENERGY_EV, rtol=1e-12)
    np.testing.assert_array_equal([s.intensity for s in spectra], STACK)
    assert spectra[0].notes == ("energies converted from keV", "decreasing energies were reversed")


def test_a_map_keeps_its_pixels(tmp_path):
    def fill(file: h5py.File) -> None:
        group = file.create_group("entry/data")
        group.attrs.update(NX_class="NXdata", signal="mu_norm", axes=["y", "x", "energy"])
        group["energy"] = ENERGY_EV
        group["mu_norm"] = STACK[:20].reshape(4, 5, -1)
        file["entry/element"], file["entry/edge"] = "O", "K"

    spectra = read_spectra(write(tmp_path, fill))
    np.testing.assert_array_equal([s.intensity for s in spectra], STACK[:20])
    assert spectra[13].header == {"y": 2, "x": 3}
    assert {(s.element, s.edge, s.raw) for s in spectra} == {("O", "K", False)}


@pytest.mark.parametrize(
    ("mode", "expected", "kind"),
    [
        ("Transmission", np.log(I0 / DETECTOR), "transmission"),
        ("Fluorescence Yield", DETECTOR / I0, "fluorescence"),
        ("Total Electron Yield", DETECTOR / I0, "electron yield"),
    ],
)
def test_nxxas_is_worked_out_from_its_beams(tmp_path, mode, expected, kind):
    def fill(file: h5py.File) -> None:
        for name, temperature in (("first", 300.0), ("second", 1000.0)):
            entry = file.create_group(name)
            entry["definition"] = "NXxas"
            entry["data/energy"], entry["data/absorbed_beam"] = ENERGY_EV, DETECTOR
            entry["data/energy"].attrs["units"] = "eV"
            entry["data/mode"] = mode
            entry["monitor/data"] = I0
            entry["start_time"] = "2026-01-02T03:04:05"
            entry["sample/temperature"] = temperature
            entry["sample/temperature"].attrs["units"] = "K"

    first, second = read_spectra(write(tmp_path, fill))
    np.testing.assert_allclose(first.intensity, expected)
    assert (first.scan, second.scan, first.kind, first.raw) == ("first", "second", kind, True)
    assert second.header == {"time": "2026-01-02T03:04:05", "temperature_K": 1000.0}


def test_detectors_beside_the_energy_are_known_by_their_names(tmp_path):
    def fill(file: h5py.File) -> None:
        for scan in ("1.1", "2.1"):
            group = file.create_group(f"{scan}/measurement")
            group["energy"], group["I0"], group["I1"] = ENERGY_EV, I0, DETECTOR
            group["elapsed_time"] = np.arange(141.0)

    spectra = read_spectra(write(tmp_path, fill))
    np.testing.assert_allclose(spectra[1].intensity, np.log(I0 / DETECTOR))
    assert [s.scan for s in spectra] == ["1.1/measurement", "2.1/measurement"]


def test_datasets_can_be_named(tmp_path):
    def fill(file: h5py.File) -> None:
        file["a/axis"], file["b/c"] = ENERGY_EV, STACK

    path = write(tmp_path, fill)
    with pytest.raises(NearedgeError, match=r"no spectra found.*/a/axis \(141,\)"):
        read_spectra(path)
    spectra = read_spectra(path, columns="/a/axis,/b/c")
    np.testing.assert_array_equal([s.intensity for s in spectra], STACK)
    with pytest.raises(UsageError, match="no dataset of numbers called '/b/d'"):
        read_spectra(path, columns="/a/axis,/b/d")


def test_other_files_are_not_followed(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["mu"] = STACK

    def link(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV
        file["mu"] = h5py.ExternalLink(str(other), "/mu")

    with pytest.raises(NearedgeError, match="no spectra found"):
        read_spectra(write(tmp_path, link))

    def virtual(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV
        layout = h5py.VirtualLayout(shape=STACK.shape, dtype="f8")
        layout[:] = h5py.VirtualSource(str(other), "mu", shape=STACK.shape)
        file.create_virtual_dataset("mu", layout)

    with pytest.raises(NearedgeError, match="/mu lie in other files"):
        read_spectra(write(tmp_path, virtual))


def test_absurd_shapes_are_refused(tmp_path, monkeypatch):
    def chunks(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV
        file.create_dataset("mu", shape=(10**9, 141), chunks=(10**6, 141), dtype="f8")

    with pytest.raises(NearedgeError, match="chunks of 1128 MB"):
        read_spectra(write(tmp_path, chunks))

    def long(file: h5py.File) -> None:
        file.create_dataset("energy", shape=(10**9,), chunks=(10**4,), dtype="f8")
        file.create_dataset("mu", shape=(3, 10**9), chunks=(1, 10**4), dtype="f8")

    with pytest.raises(NearedgeError, match="1000000000 energies are no spectrum"):
        read_spectra(write(tmp_path, long))

    def many(file: h5py.File) -> None:
        file["energy"] = ENERGY_EV
        file.create_dataset("mu", shape=(10**8, 141), chunks=(500, 141), dtype="f4")

    path = write(tmp_path, many)
    monkeypatch.setattr("nearedge.spectra.read._MOST_VALUES", 500_000)
    with pytest.raises(NearedgeError, match="read the file with iter_blocks"):
        read_spectra(path)
    assert next(iter_blocks(path, start=10**8 - 3)).scans[-1] == str(10**8)


def test_a_helper_that_dies_costs_one_file(tmp_path, monkeypatch):
    started = []
    begin = _isolated._helper
    monkeypatch.setattr(_isolated, "_helper", lambda: started.append(begin()) or started[-1])
    path = write(tmp_path, lambda file: file.update(energy=ENERGY_EV, mu=np.tile(STACK, (400, 1))))
    reading = iter_blocks(path, size=100)
    next(reading)
    started[0].kill()
    started[0].wait()
    with pytest.raises(NearedgeError, match="the file is damaged: reading it crashed"):
        list(reading)
    assert len(read_spectra(write(tmp_path, stack))) == 23


def test_reading_text_loads_no_library_of_another_format(tmp_path):
    path = tmp_path / "a.dat"
    path.write_text("".join(f"{e} 1\n" for e in ENERGY_EV))
    program = (
        "import sys; from nearedge import read_spectra; read_spectra(sys.argv[1]); "
        "print([m for m in ('h5py', 'rexafs', 'rsciio', 'dask', 'xarray') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
