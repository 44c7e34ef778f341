"""What OCEAN leaves behind: spectra, core-level shifts and last words."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from nearedge.engines.base import without_noise
from nearedge.engines.ocean_input import PHOTONS, CoreLevel
from nearedge.errors import EngineError, NearedgeError
from nearedge.spectra import read_spectra

_FOLDER = "CNBSE"


def read_site(
    work: Path,
    element: str,
    index: int,
    level: CoreLevel,
    core_offset: bool,
    photons: int = PHOTONS,
) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, " energy"], float]:
    """Read one site of a run and average its polarisations.

    The files are ``CNBSE/absspct_<El>.<index>_<level>_<photon>``; OCEAN fills one-letter elements
    up with an underscore, ``O_`` (OCEAN2/OCEAN_haydock.f90 writes two characters), but some
    versions leave it out. The shift is what OCEAN itself reads to apply it,
    ``CNBSE/cls.z<El><index>_n<n>l<l>`` (OCEAN2/OCEAN_energies.f90).

    Parameters
    ----------
    work
        Folder in which OCEAN ran.
    element, index
        The site, counted from 1 among the atoms of its element.
    level
        Initial state.
    core_offset
        Whether the run computed core-level shifts.
    photons
        Number of polarisations that the run had.

    Returns
    -------
    energy_eV : (energy,)
        Relative to OCEAN's zero.
    dielectric : (energy,)
        Imaginary part of the cell's dielectric function from this site.
    shift_eV
        By how much OCEAN moved this site for its core level; 0 without `core_offset`.

    Raises
    ------
    EngineError
        If a file is missing or cannot be used.

    Examples
    --------
    >>> read_site(Path("nowhere"), "O", 2, CoreLevel(1, 0, "1s"), False)
    Traceback (most recent call last):
    nearedge.errors.EngineError: wrote no CNBSE/absspct_O_.0002_1s_01; is this OCEAN 3?
    """
    spectra = []
    for photon in range(1, photons + 1):
        path = _existing(work, element, f".{index:04d}_{level.label}_{photon:02d}")
        try:
            [spectrum] = read_spectra(path)
        except (NearedgeError, OSError) as error:
            raise EngineError(" ".join(str(error).split())) from error
        if spectrum.metadata.get("polarisations") != 1:
            raise EngineError(f"{path.name} is no OCEAN spectrum; is this OCEAN 3?")
        if spectra and not np.array_equal(spectrum.energy_eV, spectra[0].energy_eV):
            raise EngineError(
                f"{path.name} has other energies than photon 1; was it written to the end?"
            )
        spectra.append(spectrum)
    mean = np.mean([spectrum.intensity for spectrum in spectra], axis=0)
    shift_eV = _shift_eV(work, element, index, level) if core_offset else 0.0
    return spectra[0].energy_eV, without_noise(mean), shift_eV


def _existing(work: Path, element: str, rest: str) -> Path:
    names = dict.fromkeys(f"absspct_{word}{rest}" for word in (element.ljust(2, "_"), element))
    for name in names:
        if (work / _FOLDER / name).is_file():
            return work / _FOLDER / name
    raise EngineError(f"wrote no {_FOLDER}/{next(iter(names))}; is this OCEAN 3?")


def _shift_eV(work: Path, element: str, index: int, level: CoreLevel) -> float:
    """Old versions write two digits of the index, new ones four."""
    name = re.compile(rf"cls\.z{element.ljust(2, '_')}0*{index}_n{level.n:02d}l{level.l:02d}")
    for path in sorted((work / _FOLDER).glob("cls.z*")):
        if name.fullmatch(path.name):
            try:
                return float(path.read_text().split()[0])
            except (ValueError, IndexError):
                raise EngineError(
                    f"{_FOLDER}/{path.name} holds no number; was it written to the end?"
                ) from None
    raise EngineError(
        f"wrote no core-level shift {_FOLDER}/cls.z{element.ljust(2, '_')}{index:04d}_n"
        f"{level.n:02d}l{level.l:02d}; set core_offset = false to do without"
    )
