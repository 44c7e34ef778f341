"""Engines meet under the rule of docs/energy-axis.md: FEFF against OCEAN, site by site."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from nearedge.engines import SiteSpectrum
from nearedge.engines.feff import Feff
from nearedge.environments import label_sites, load_scheme
from nearedge.library.axis import structure_on_axis
from nearedge.library.schema import LIBRARY_AXIS
from nearedge.spectra import EnergyGrid, best_shift, broaden, read_spectra, resample

# Both get it: the width of OCEAN's spectra is not on record, but smaller.
INSTRUMENT_EV = 0.8
SHIFTS_EV = np.arange(-8.0, 8.0, 0.1)
# OCEAN's energies; FEFF's axis, of 30 eV, still covers 80 % of them after any of these shifts.
GRID = EnergyGrid(-2.0, 22.0, 241)


@pytest.mark.slow
def test_feff_and_ocean_meet_after_one_shift_for_all_sites(shared_data: Path, tmp_path: Path):
    folder = shared_data / "li3feo35_ocean_0K"
    structure = read(folder / "POSCAR")
    oxygens = structure.symbols.search("O").tolist()
    labels = label_sites(structure, load_scheme("li3feo35_oxygen"))
    # The first site of each of these classes.
    sites = [int(labels.atom_index[labels.environment == f"{number} Fe"][0]) for number in range(4)]
    columns = read_spectra(folder / "O_K_spectra.dat")
    as_written = (
        resample(column.energy_eV, column.intensity, GRID)
        for column in (columns[oxygens.index(site)] for site in sites)
    )
    ocean = broaden(GRID.energy_eV, np.stack(list(as_written)), INSTRUMENT_EV)
    found = Feff().compute(structure, sites, "K", tmp_path / "feff")
    computed = [spectrum for spectrum in found.values() if isinstance(spectrum, SiteSpectrum)]
    assert len(computed) == len(sites), found
    intensity, _, problems = structure_on_axis(computed)
    assert problems == {}
    feff = broaden(LIBRARY_AXIS.energy_eV, intensity, INSTRUMENT_EV)

    common = best_shift(LIBRARY_AXIS.energy_eV, feff, GRID.energy_eV, ocean, SHIFTS_EV)
    # Measured: 0.896, and 0.863 without the common width.
    assert common.correlation > 0.875
    at_eV = LIBRARY_AXIS.energy_eV + common.shift_eV
    for one, other in zip(feff, ocean, strict=True):
        moved = np.interp(GRID.energy_eV, at_eV, one)
        # Measured: 0.845 to 0.953.
        assert np.corrcoef(moved, other)[0, 1] > 0.8
        # Measured: -1.1, -0.3, 0.4, 1.0 eV for 0 to 3 Fe. FEFF misses most of the edge's move with
        # the number of Fe; a shift for each site would hide that, and erase the label with it.
        alone = best_shift(LIBRARY_AXIS.energy_eV, one, GRID.energy_eV, other, SHIFTS_EV)
        assert abs(alone.shift_eV - common.shift_eV) < 1.5
