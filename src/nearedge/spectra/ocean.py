"""The `absspct` files of OCEAN, old and new.

Up to version 2.5 (haydump.f90) a row is: energy (eV), spectrum, spectrum without the growth of the
broadening with energy, real part, iterations, broadening (hartree), prefactor, number of points;
iterations, prefactor and number of points are the same in every row. Newer versions write the
constants once, in the first of two ``#`` lines, and keep five columns (energy, Spect, Spect(0),
SPKK, SPKK(0)). Files of several photon polarisations are often pasted side by side.
J. Vinson, J. J. Rehr, J. J. Kas, E. L. Shirley, Phys. Rev. B 83, 115106 (2011).
"""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.columns import Mode
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum

_HARTREE_EV = 27.211386
_OLD_COLUMNS, _NEW_COLUMNS = 8, 5
# Where an old row holds iterations, prefactor and number of points.
_CONSTANTS = (4, 6, 7)
# OCEAN names its files by absorber, site, core level and photon: absspct_Fe.0001_1s_01.
_FILE_NAME = re.compile(r"absspct_([A-Z][a-z]?)_?\.\d+_(\d[spdf])_\d+")
_EDGES = {"1s": "K", "2s": "L1"}
_HEADER_NUMBER = re.compile(r"(iter|gam|kpref)=\s*([-+.\dEe]+)")


def looks_like(source: SourceFile) -> bool:
    """Recognise the new header by its words, and the old rows by their constant columns."""
    if _has_header(source):
        return True
    values = source.table.values
    if source.table.names or values.shape[1] % _OLD_COLUMNS:
        return False
    # Medians, so that one damaged row ends in a clear error instead of in seven wrong spectra.
    return all(
        float(np.mean(block[:, column] == np.median(block[:, column]))) > 0.5
        for block in np.split(values, values.shape[1] // _OLD_COLUMNS, axis=1)
        for column in _CONSTANTS
    ) and bool((np.median(values[:, [4, 7]], axis=0) >= 1).all())


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read the spectrum; polarisations side by side are averaged into one.

    Where the file still has the name that OCEAN gave it, that tells the element and the edge. The
    metadata hold ``polarisations``, and of the first one ``iterations``, ``prefactor`` and
    ``broadening_eV`` (half width at half maximum at the edge).

    Parameters
    ----------
    source
        A file that `looks_like` recognises.
    columns, mode
        Have no meaning here: the columns of the program are known.

    Returns
    -------
    list of Spectrum
        Exactly one, on a relative axis.

    Raises
    ------
    NearedgeError
        If the table is damaged or cut off.
    """
    table = source.table.increasing()
    values, notes = table.values, table.notes
    width = _NEW_COLUMNS if _has_header(source) else _OLD_COLUMNS
    if values.shape[1] % width:
        raise NearedgeError(
            f"{source.name}: {values.shape[1]} columns where OCEAN writes {width} for each "
            "polarisation; copy the file again"
        )
    polarisations = values.shape[1] // width
    blocks = values.reshape(len(values), polarisations, width)
    if (blocks[:, :, 0] != blocks[:, :1, 0]).any():
        raise NearedgeError(
            f"{source.name}: the {polarisations} spectra side by side have different energies; "
            "give each a file of its own"
        )
    if polarisations > 1:
        notes = (*notes, f"{polarisations} polarisations side by side were averaged")
    constants = (
        _header_constants(source) if width == _NEW_COLUMNS else _row_constants(blocks, source)
    )
    with np.errstate(over="ignore"):
        intensity = blocks[:, :, 1].mean(axis=1)
    named = _FILE_NAME.fullmatch(source.original_name)
    return [
        Spectrum(
            values[:, 0],
            intensity,
            axis="relative",
            source=source.name,
            scan="1",
            format="ocean-absspct",
            metadata={"polarisations": polarisations, **constants},
            kind="computed",
            raw=False,
            element=None if named is None else named[1],
            edge=None if named is None else _EDGES.get(named[2]),
            notes=notes,
        )
    ]


def _has_header(source: SourceFile) -> bool:
    return any({"Energy", "Spect", "SPKK"} <= set(comment.split()) for comment in source.comments)


def _header_constants(source: SourceFile) -> dict[str, float]:
    found = dict(reversed(_HEADER_NUMBER.findall("\n".join(source.comments))))
    names = {
        "iter": ("iterations", 1),
        "gam": ("broadening_eV", _HARTREE_EV),
        "kpref": ("prefactor", 1),
    }
    constants: dict[str, float] = {}
    for key, (name, unit) in names.items():
        try:
            constants[name] = float(found[key]) * unit
        except (KeyError, ValueError):
            continue  # a header without it still has a readable spectrum
    return constants


def _row_constants(
    blocks: Float[np.ndarray, "energy polarisation column"], source: SourceFile
) -> dict[str, float]:
    constants = blocks[:, :, _CONSTANTS]
    if (constants != constants[:1]).any():
        raise NearedgeError(
            f"{source.name}: columns 5, 7 and 8 of an OCEAN file are the same in every row, but "
            "here they change; the file is damaged, copy it again"
        )
    iterations, prefactor, points = (float(number) for number in constants[0, 0])
    if points != len(blocks):
        raise NearedgeError(
            f"{source.name}: {len(blocks)} rows where column 8 promises {points:g}; "
            "the file is cut off, copy it again"
        )
    return {
        "iterations": iterations,
        "broadening_eV": float(blocks[:, 0, 5].min()) * _HARTREE_EV,
        "prefactor": prefactor,
    }
