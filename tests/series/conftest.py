"""Scans of a made-up experiment: mixtures of the embedded library that drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nearedge.data import embedded_library
from nearedge.library import open_library


@pytest.fixture(scope="session")
def drift():
    """Function that gives energies and so many spectra, from few Fe neighbours to many."""
    library = open_library(embedded_library()).load()
    order = np.argsort(library["coordination"].values, kind="stable")
    energy_eV = library["energy"].values.astype(float)
    intensity = library["intensity"].values.astype(float)[order]

    def make(count: int):
        rng = np.random.default_rng(0)
        half = len(intensity) // 2
        spectra = []
        for share in np.linspace(0, 1, count):
            high = round(20 * share)
            rows = [*rng.integers(0, half, 20 - high), *rng.integers(half, 2 * half, high)]
            spectra.append(intensity[rows].mean(axis=0))
        return energy_eV, np.array(spectra)

    return make


@pytest.fixture
def scans(tmp_path: Path, drift):
    """Folder of twelve scans of which scan_5 is cut off in the middle of a line."""
    folder = tmp_path / "scans"
    folder.mkdir()
    energy_eV, spectra = drift(12)
    for number, spectrum in enumerate(spectra, start=1):
        path = folder / f"scan_{number}.dat"
        np.savetxt(path, np.stack([energy_eV, spectrum], axis=1))
    bad = folder / "scan_5.dat"
    bad.write_text(bad.read_text()[:4000] + "\n17.3\n")
    return folder


@pytest.fixture
def measured(tmp_path: Path, drift):
    """Folder of three scans of one instrument at the O K edge."""
    folder = tmp_path / "measured"
    folder.mkdir()
    energy_eV, spectra = drift(3)
    scan_eV = np.arange(-20.0, 32.0, 0.1)
    rng = np.random.default_rng(0)
    for number, spectrum in enumerate(spectra, start=1):
        above = np.interp(scan_eV, energy_eV, spectrum / spectrum.mean())
        above[scan_eV < -5.0] = 0.0
        noisy = above + rng.normal(0, 0.003, scan_eV.size)
        np.savetxt(folder / f"scan_{number}.dat", np.stack([scan_eV + 530.0, noisy], axis=1))
    return folder
