"""Measurements as a beamline makes them, of spectra whose answer is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge.spectra import broaden

_NOMINAL_EV = 530.0


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """One scan.

    Attributes
    ----------
    energy_eV
        On the beamline's scale; shape (point,).
    i0, counts
        Of the incoming beam and of the detector; shape (point,).
    zero_eV
        Where the spectrum's zero lies on that scale.
    """

    energy_eV: Float[np.ndarray, " point"]
    i0: Int[np.ndarray, " point"]
    counts: Int[np.ndarray, " point"]
    zero_eV: float


def simulate_scan(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, " energy"],
    random: np.random.Generator,
) -> SimulatedScan:
    """Broaden a spectrum, shift it to near 530 eV, set it on a background and count it.

    Resolution (0.1 to 0.5 eV), zero (within 2 eV), background and gain are drawn; the noise is
    that of counting.

    Parameters
    ----------
    energy_eV
        Relative to the spectrum's zero.
    intensity
        Without background.
    random
        Source of all that is drawn.

    Examples
    --------
    >>> energy_eV = np.arange(-5.0, 25.0, 0.1)
    >>> scan = simulate_scan(energy_eV, 1.0 * (energy_eV > 0), np.random.default_rng(0))
    >>> bool(abs(scan.zero_eV - 530) < 2), scan.counts.shape == scan.energy_eV.shape
    (True, True)
    """
    spectrum = broaden(energy_eV, intensity, random.uniform(0.1, 0.5))
    zero_eV = _NOMINAL_EV + random.uniform(-2.0, 2.0)
    scan = np.arange(-18.0, 32.0, 0.15)
    above = np.interp(scan, energy_eV, spectrum / spectrum.mean(), left=0.0)
    background = random.uniform(0.5, 3.0) + random.uniform(-0.01, 0.01) * scan
    i0 = random.poisson(1e6, scan.size)
    counts = random.poisson(random.uniform(0.02, 0.1) * i0 * (above + background))
    return SimulatedScan(scan + zero_eV, i0, counts, zero_eV)
