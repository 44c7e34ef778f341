"""What an energy axis must be, and whether its numbers are relative or absolute."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError

Axis = Literal["relative", "absolute"]

# A relative axis starts at most this far from its zero (OCEAN: -41 eV) ...
_RELATIVE_START_EV = 60.0
# ... and reaches its zero, or starts at most this far above it.
_NEAR_ZERO_EV = 10.0
# K edges in keV end near 116 (U); a scan in keV spans less than 3 or steps by less than 0.003,
# neither of which any near-edge spectrum in eV does.
_LARGEST_KEV = 150.0
_KEV_SPAN = 3.0
_KEV_STEP = 0.003


def check_axis(energy_eV: np.ndarray, where: str) -> None:
    """Refuse an energy axis that is not a finite, strictly increasing row of at least two numbers.

    Parameters
    ----------
    energy_eV
        The axis in eV.
    where
        What the axis belongs to, for the message.

    Raises
    ------
    NearedgeError
        If the axis has another shape, holds NaN or infinity, or does not increase.

    Examples
    --------
    >>> check_axis(np.array([0.0, 0.1, 0.2]), "spectrum 1")
    >>> check_axis(np.array([0.0, 0.2, 0.1]), "spectrum 1")
    Traceback (most recent call last):
    nearedge.errors.NearedgeError: spectrum 1: energies do not increase after point 2 (0.2 eV, \
then 0.1 eV); sort the points by energy
    """
    if energy_eV.ndim != 1 or energy_eV.size < 2:
        raise NearedgeError(
            f"{where}: energies must be one row of at least two numbers, "
            f"not an array of shape {energy_eV.shape}"
        )
    if not np.isfinite(energy_eV).all():
        raise NearedgeError(
            f"{where}: energies hold NaN or infinity; remove those points before reading"
        )
    falling = np.flatnonzero(np.diff(energy_eV) <= 0)
    if falling.size:
        point = int(falling[0])
        raise NearedgeError(
            f"{where}: energies do not increase after point {point + 1} "
            f"({energy_eV[point]:g} eV, then {energy_eV[point + 1]:g} eV); "
            "sort the points by energy"
        )


def guess_axis(energy_eV: Float[np.ndarray, " energy"], where: str) -> Axis:
    """Tell a relative axis from an absolute one by its numbers alone, for files that do not say.

    An axis that starts within 60 eV of zero and reaches zero, or starts at most 10 eV above it, is
    relative; a larger one is absolute. An axis that can only be in keV is refused.

    Parameters
    ----------
    energy_eV
        Increasing energies.
    where
        What the axis belongs to, for the message.

    Returns
    -------
    Axis
        ``"relative"`` or ``"absolute"``.

    Raises
    ------
    NearedgeError
        If the numbers look like keV, or fit neither kind.

    Examples
    --------
    >>> guess_axis(np.linspace(-40.0, 68.0, 1200), "O_K_spectra.dat")
    'relative'
    >>> guess_axis(np.linspace(520.0, 580.0, 300), "scan.dat")
    'absolute'
    >>> guess_axis(np.linspace(0.52, 0.58, 300), "scan.dat")
    Traceback (most recent call last):
    nearedge.errors.NearedgeError: scan.dat: energies from 0.52 to 0.58 are no spectrum in eV; \
if they are keV, multiply the column by 1000
    """
    start, stop = float(energy_eV[0]), float(energy_eV[-1])
    narrow = stop - start < _KEV_SPAN or float(np.median(np.diff(energy_eV))) < _KEV_STEP
    if start > 0 and stop < _LARGEST_KEV and narrow:
        raise NearedgeError(
            f"{where}: energies from {start:g} to {stop:g} are no spectrum in eV; "
            "if they are keV, multiply the column by 1000"
        )
    if abs(start) < _RELATIVE_START_EV and start <= _NEAR_ZERO_EV and stop > -_NEAR_ZERO_EV:
        return "relative"
    if start <= 0:
        raise NearedgeError(
            f"{where}: energies from {start:g} to {stop:g} eV are neither absolute nor measured "
            f"from a nearby zero (a relative axis starts within {_RELATIVE_START_EV:g} eV of it); "
            "check the energy column"
        )
    return "absolute"
