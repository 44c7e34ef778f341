"""Energies in eV, from whatever unit a file states."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError

_EV = ("ev", "electronvolt", "electronvolts", "electron volt", "electron volts")
_KEV = ("kev", "kiloelectronvolt", "kiloelectronvolts")
_NOT_ENERGIES = {
    "an angle": ("deg", "degree", "degrees", "°", "rad", "mrad", "radian", "radians", "arcsec"),
    "a motor or encoder position": (
        "step", "steps", "count", "counts", "cts", "encoder", "encoder counts", "mm", "um", "µm",
    ),
    "a wavelength": ("a", "å", "angstrom", "angstroms", "nm", "pm"),
    "a wave number": ("1/a", "1/å", "a-1", "å-1", "a^-1", "å^-1", "1/nm"),
    "a channel": ("px", "pixel", "pixels", "channel", "channels"),
    "time": ("s", "sec", "seconds", "ms"),
}  # fmt: skip
_OTHER_ENERGIES = ("mev", "ry", "rydberg", "ha", "hartree", "hartrees", "j")


def to_eV(
    energy: Float[np.ndarray, " row"], unit: str | None, where: str
) -> tuple[Float[np.ndarray, " row"], tuple[str, ...]]:
    """Convert stated keV to eV and refuse what is no energy.

    Parameters
    ----------
    energy
        The numbers of the file.
    unit
        What the file says of them; None or an empty text where it says nothing, which leaves the
        numbers as they are.
    where
        Name of the file and column, for messages.

    Returns
    -------
    energy_eV
        In eV.
    notes
        That energies were converted, if they were.

    Raises
    ------
    NearedgeError
        If the unit is that of an angle, a position, a wavelength, or one that nobody knows.

    Examples
    --------
    >>> to_eV(np.array([7.1, 7.2]), "keV", "scan.xdi, column 'energy'")
    (array([7100., 7200.]), ('energies converted from keV',))
    """
    # Micro may be written with either of two letters; brackets belong to the header.
    word = re.sub(r"[\[\]()]", "", (unit or "")).strip().lower().replace("\u03bc", "µ")
    if word in ("", *_EV):
        return energy, ()
    if word in _KEV:
        # Decimal digits beyond those of the file would only show the rounding of the product.
        return np.round(energy * 1000.0, 9), ("energies converted from keV",)
    for what, names in _NOT_ENERGIES.items():
        if word in names:
            raise NearedgeError(
                f"{where}: the unit {unit!r} is that of {what}, not of an energy; convert the "
                "axis to eV with the calibration of the instrument, or name the energy column"
            )
    if word in _OTHER_ENERGIES:
        raise NearedgeError(f"{where}: energies in {unit!r} are not read; convert them to eV")
    raise NearedgeError(f"{where}: the unit {unit!r} is not known; energies must be in eV or keV")
