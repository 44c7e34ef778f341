"""The `xmu.dat` of FEFF 8, 9 and 10.

Columns, as FEFF's module ff2x writes them: omega (photon energy, eV), e (the same energy on the
scale of FEFF's potentials, eV), k (wave number from the Fermi level, 1/Å, negative below it), mu,
mu0 (the same without the neighbours) and chi. mu is divided by the atomic cross-section 50 eV above
the edge ("xsedge"), which the header records (the ABSOLUTE card makes it 1). It is in Å² per atom:
4.6e-3 at the oxygen and 2.5e-4 at the copper K edge, as the tabulated cross-sections are.
J. J. Rehr et al., Phys. Chem. Chem. Phys. 12, 5503 (2010); J. J. Kas et al., J. Synchrotron Rad.
28, 1801 (2021).
"""

from __future__ import annotations

import re

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.spectra.columns import Mode
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum

_COLUMNS = ["omega", "e", "k", "mu", "mu0", "chi"]
_NORMALISATION = re.compile(r"xsedge.*normalize mu\s+(\S+)")
_FERMI_LEVEL = re.compile(r"Mu=\s*([-+.\dEe]+?)(?:eV)?\s")
_VERSION = re.compile(r"(?i)feff\s*(\d+\.\S*)")


def looks_like(source: SourceFile) -> bool:
    """Recognise FEFF's line of column names, or the one with the normalisation."""
    return any(
        comment.split()[:6] == _COLUMNS or _NORMALISATION.search(comment)
        for comment in source.comments
    )


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read the absorption of one atom, as a cross-section in Å², on FEFF's absolute energies.

    The edge energy is omega where k is zero, that is the Fermi level. The metadata hold the
    normalisation number ``xsedge_A2``, and where the header gives them ``fermi_level_eV`` (on the
    scale of FEFF's potentials) and ``version``.

    Parameters
    ----------
    source
        A file that `looks_like` recognises.
    columns, mode
        Have no meaning here: the columns of the program are known.

    Returns
    -------
    list of Spectrum
        Exactly one.

    Raises
    ------
    NearedgeError
        If the header lacks the normalisation, or the table is damaged or never reaches the Fermi
        level.
    """
    table = source.table.increasing()
    if table.values.shape[1] != len(_COLUMNS):
        raise NearedgeError(
            f"{source.name}: {table.values.shape[1]} columns where FEFF writes "
            f"{len(_COLUMNS)} ({' '.join(_COLUMNS)}); copy the file again"
        )
    omega_eV, _, k, mu, _, _ = table.values.T
    if not k[0] <= 0 <= k[-1] or (np.diff(k) < 0).any():
        raise NearedgeError(
            f"{source.name}: column 3 (k) must increase through 0, the Fermi level, but goes from "
            f"{k[0]:g} to {k[-1]:g}; use the xmu.dat as FEFF wrote it"
        )
    header = "\n".join(source.comments) + "\n"
    xsedge = _number(_NORMALISATION.search(header))
    if xsedge is None or xsedge <= 0:
        raise NearedgeError(
            f"{source.name}: the header line 'xsedge+ 50, used to normalize mu' is missing or "
            "damaged, so mu has no scale; use the xmu.dat as FEFF wrote it"
        )
    metadata: dict[str, object] = {"xsedge_A2": xsedge}
    if (fermi_level_eV := _number(_FERMI_LEVEL.search(header))) is not None:
        metadata["fermi_level_eV"] = fermi_level_eV
    if version := _VERSION.search(header):
        metadata["version"] = version[1]
    with np.errstate(over="ignore"):
        intensity = mu * xsedge
    return [
        Spectrum(
            omega_eV,
            intensity,
            axis="absolute",
            source=source.name,
            scan="1",
            format="feff-xmu",
            # k|k| is proportional to the energy from the Fermi level, so this is exact even where
            # no row has k = 0.
            edge_energy_eV=float(np.interp(0.0, k * np.abs(k), omega_eV)),
            metadata=metadata,
            kind="computed",
            raw=False,
            notes=table.notes,
        )
    ]


def _number(match: re.Match[str] | None) -> float | None:
    try:
        number = float(match[1]) if match else np.nan
    except ValueError:
        return None
    return number if np.isfinite(number) else None
