"""Measurements of samples whose answer is known: averages of a library's sites, with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge.spectra.normalise import broaden

# A sample is an average of so many sites.
SITES_IN_A_SAMPLE = (20, 70)
# A measurement on the library's axis is so much wider than the library on either side.
AROUND_EV = 7.0
# Its noise, as a share of the mean, and by how much it is broadened at most.
_NOISE = 0.01
_WIDEST_EV = 1.0
# A scan at a beamline: by how much it is broadened, and where its zero lies and how near to that.
_RESOLUTION_EV = (0.1, 0.5)
_NOMINAL_EV = 530.0
_OFF_EV = 2.0


def drawn_sites(
    sites: Int[np.ndarray, " own"], random: np.random.Generator
) -> Int[np.ndarray, " drawn"]:
    """Draw the sites of a sample, with repetition."""
    return random.choice(sites, random.integers(*SITES_IN_A_SAMPLE, endpoint=True))


def simulated_measurement(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    sites: Int[np.ndarray, " own"],
    random: np.random.Generator,
) -> tuple[Float[np.ndarray, " wide"], Float[np.ndarray, " wide"], Int[np.ndarray, " drawn"]]:
    """Average some sites, broaden the average and add noise; its zero is where it was.

    Parameters
    ----------
    energy_eV, intensity
        Of a library, relative to its zero.
    sites
        Rows to draw from.
    random
        Source of all that is drawn.

    Returns
    -------
    energy_eV, intensity
        Of the measurement, wide enough to be moved by `AROUND_EV`.
    drawn
        Rows that it averages.
    """
    step = energy_eV[1] - energy_eV[0]
    outside = np.arange(step, AROUND_EV + step / 2, step)
    wide_eV = np.concatenate([energy_eV[0] - outside[::-1], energy_eV, energy_eV[-1] + outside])
    drawn, sample = _sample(energy_eV, intensity, sites, random, (0.0, _WIDEST_EV))
    measured = np.interp(wide_eV, energy_eV, sample)
    return wide_eV, measured + random.normal(0, _NOISE, measured.size), drawn


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """One scan at a beamline.

    Attributes
    ----------
    energy_eV
        On the beamline's scale; shape (point,).
    i0, counts
        Of the incoming beam and of the detector; shape (point,).
    zero_eV
        Where the library's zero lies on that scale.
    drawn
        Rows of the library that the sample averages.
    """

    energy_eV: Float[np.ndarray, " point"]
    i0: Int[np.ndarray, " point"]
    counts: Int[np.ndarray, " point"]
    zero_eV: float
    drawn: Int[np.ndarray, " drawn"]


def simulated_scan(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    sites: Int[np.ndarray, " own"],
    random: np.random.Generator,
) -> SimulatedScan:
    """Measure the same kind of sample at a beamline: a zero near 530 eV, a background, counts.

    Resolution (0.1 to 0.5 eV), zero (within 2 eV), background and gain are drawn; the noise is
    that of counting.

    Parameters
    ----------
    energy_eV, intensity, sites, random
        As for `simulated_measurement`.

    Examples
    --------
    >>> energy_eV = np.arange(-5.0, 25.0, 0.1)
    >>> edge = 1.0 * (energy_eV > 0)[None]
    >>> scan = simulated_scan(energy_eV, edge, np.arange(1), np.random.default_rng(0))
    >>> bool(abs(scan.zero_eV - 530) < 2), scan.counts.shape == scan.energy_eV.shape
    (True, True)
    """
    drawn, sample = _sample(energy_eV, intensity, sites, random, _RESOLUTION_EV)
    zero_eV = _NOMINAL_EV + random.uniform(-_OFF_EV, _OFF_EV)
    scan = np.arange(-18.0, 32.0, 0.15)
    above = np.interp(scan, energy_eV, sample, left=0.0)
    background = random.uniform(0.5, 3.0) + random.uniform(-0.01, 0.01) * scan
    i0 = random.poisson(1e6, scan.size)
    counts = random.poisson(random.uniform(0.02, 0.1) * i0 * (above + background))
    return SimulatedScan(scan + zero_eV, i0, counts, zero_eV, drawn)


def _sample(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    sites: Int[np.ndarray, " own"],
    random: np.random.Generator,
    widths_eV: tuple[float, float],
) -> tuple[Int[np.ndarray, " drawn"], Float[np.ndarray, " energy"]]:
    """Sites that are drawn, and their average, broadened, with a mean of 1."""
    drawn = drawn_sites(sites, random)
    mixed = broaden(energy_eV, intensity[drawn].mean(axis=0), random.uniform(*widths_eV))
    return drawn, mixed / mixed.mean()
