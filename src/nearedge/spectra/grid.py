"""The energies at which every spectrum of one model is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import check_axis


@dataclass(frozen=True)
class EnergyGrid:
    """Uniform energies, both ends included.

    Parameters
    ----------
    start_eV, stop_eV
        First and last energy in eV.
    points
        Number of energies, at least 2.

    Raises
    ------
    NearedgeError
        If the ends are not finite and increasing, or there are fewer than 2 points.

    Examples
    --------
    >>> EnergyGrid(0.0, 1.0, 5).energy_eV
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """

    start_eV: float
    stop_eV: float
    points: int

    def __post_init__(self) -> None:
        if not -np.inf < self.start_eV < self.stop_eV < np.inf or self.points < 2:
            raise NearedgeError(
                f"energy grid from {self.start_eV:g} to {self.stop_eV:g} eV with {self.points} "
                "points: the start must lie below the stop, with at least 2 points"
            )

    @property
    def energy_eV(self) -> Float[np.ndarray, " grid"]:
        """The energies in eV."""
        return np.linspace(self.start_eV, self.stop_eV, self.points)

    @property
    def step_eV(self) -> float:
        """The distance between neighbouring energies in eV."""
        return (self.stop_eV - self.start_eV) / (self.points - 1)


PAPER_GRID = EnergyGrid(-1.2, 11.5, 70)
"""The 70 inputs of the paper's networks; zero is the conduction-band minimum."""


def resample(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    grid: EnergyGrid,
) -> Float[np.ndarray, "*batch grid"]:
    """Take spectra at the energies of a grid, each as the mean over one grid step around it.

    The spectrum is joined by straight lines and integrated exactly over the box of one step; near
    an end of the spectrum the box shrinks symmetrically. Constants and straight lines are
    reproduced, and averaging spectra before or after gives the same.

    Points picked from the straight lines instead would depend on where the grid happens to fall: a
    line of 0.1 eV width on the paper's grid (0.18 eV) keeps 70 to 144 % of its area that way, and
    100 % this way; of the noise of a scan in steps of 0.02 eV, 82 % against 32 % remain. On spectra
    as coarse as OCEAN's (0.09 eV) the two differ by less than 1 % of the highest peak.

    Parameters
    ----------
    energy_eV
        Increasing energies of the spectra.
    intensity
        One spectrum or a batch that shares the energies.
    grid
        The target. The spectra must reach its ends to within half a grid step (the part of the
        outermost box that lies outside the grid); the end value is held over that last bit.

    Returns
    -------
    array of shape (..., grid.points)
        Intensities on the grid, float64.

    Raises
    ------
    NearedgeError
        If the spectra do not cover the grid (the missing range is named), or the energies do not
        increase.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 301)
    >>> two = np.stack([energy_eV, 2 * energy_eV])
    >>> resample(energy_eV, two, EnergyGrid(1.0, 11.0, 3)).round(6)
    array([[ 1.,  6., 11.],
           [ 2., 12., 22.]])
    """
    check_axis(energy_eV, "resampling")
    first, last, slack = float(energy_eV[0]), float(energy_eV[-1]), grid.step_eV / 2
    missing = []
    if first > grid.start_eV + slack:
        missing.append(f"{grid.start_eV:g} to {min(first, grid.stop_eV):g} eV")
    if last < grid.stop_eV - slack:
        missing.append(f"{max(last, grid.start_eV):g} to {grid.stop_eV:g} eV")
    if missing:
        raise NearedgeError(
            f"the spectrum runs from {first:g} to {last:g} eV and lacks {' and '.join(missing)} of "
            "the energy grid; measure or compute a wider range, or check the energy zero"
        )
    spectra = np.asarray(intensity, dtype=np.float64)
    centre = np.clip(grid.energy_eV, first, last)
    half = np.minimum(slack, np.minimum(centre - first, last - centre))
    # A box this narrow is a point, and its mean a difference of nearly equal numbers.
    point = half < 1e-3 * grid.step_eV
    half = np.where(point, 1e-3 * grid.step_eV, half)
    at_eV = np.concatenate([centre - half, centre + half])
    ends = _integral(energy_eV, spectra, at_eV)
    sampled = (ends[..., grid.points :] - ends[..., : grid.points]) / (2 * half)
    if point.any():
        sampled[..., point] = _value(energy_eV, spectra, centre[point])
    return sampled


def _value(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    at_eV: Float[np.ndarray, " at"],
) -> Float[np.ndarray, "*batch at"]:
    """Value of the piecewise linear spectrum."""
    left, offset = _place(energy_eV, at_eV)
    part = offset / np.diff(energy_eV)[left]
    return intensity[..., left] * (1 - part) + intensity[..., left + 1] * part


def _integral(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    at_eV: Float[np.ndarray, " at"],
) -> Float[np.ndarray, "*batch at"]:
    """Integral of the piecewise linear spectrum from the first energy."""
    left, offset = _place(energy_eV, at_eV)
    steps = np.diff(energy_eV)
    integral = np.zeros_like(intensity)
    areas = intensity[..., 1:] + intensity[..., :-1]
    areas *= 0.5 * steps
    np.cumsum(areas, axis=-1, out=integral[..., 1:])
    # Between two points the integral of a line: the value at the left, and half the rise.
    rise = 0.5 * offset**2 / steps[left]
    return (
        integral[..., left]
        + intensity[..., left] * (offset - rise)
        + intensity[..., left + 1] * rise
    )


def _place(
    energy_eV: Float[np.ndarray, " energy"], at_eV: Float[np.ndarray, " at"]
) -> tuple[Int[np.ndarray, " at"], Float[np.ndarray, " at"]]:
    """Point to the left of each energy, and the distance from it."""
    left = np.searchsorted(energy_eV, at_eV, side="right") - 1
    left = np.clip(left, 0, energy_eV.size - 2)
    return left, at_eV - energy_eV[left]
