"""Small changes of sampled spectra, to see what an answer owes to them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nearedge.spectra.grid import EnergyGrid
from nearedge.spectra.normalise import broaden


def shifted(
    grid: EnergyGrid, intensity: Float[np.ndarray, "spectrum grid"], shift_eV: float
) -> Float[np.ndarray, "spectrum grid"]:
    """Spectra with energies moved up by a shift, holding their end values.

    Examples
    --------
    >>> grid = EnergyGrid(0.0, 4.0, 5)
    >>> shifted(grid, np.array([[0.0, 1.0, 2.0, 3.0, 4.0]]), 0.5)
    array([[0. , 0.5, 1.5, 2.5, 3.5]])
    """
    steps = shift_eV / grid.step_eV
    at = np.clip(np.arange(grid.points) - steps, 0, grid.points - 1)
    left = np.minimum(at.astype(int), grid.points - 2)
    return intensity[:, left] * (1 - (at - left)) + intensity[:, left + 1] * (at - left)


def broader(
    grid: EnergyGrid, intensity: Float[np.ndarray, "spectrum grid"], fwhm_eV: float, by: float
) -> Float[np.ndarray, "spectrum grid"]:
    """Spectra as they would be if a Gaussian width they already have were larger by a share.

    Squares of Gaussian widths add: the spectra are broadened by what is missing.

    Examples
    --------
    >>> grid = EnergyGrid(0.0, 4.0, 41)
    >>> line = (np.arange(41) == 20)[None] * 1.0
    >>> bool(broader(grid, line, 0.5, 0.2).max() < 1.0)
    True
    """
    return broaden(grid.energy_eV, intensity, fwhm_eV * ((1 + by) ** 2 - 1) ** 0.5)


def with_background(
    grid: EnergyGrid, intensity: Float[np.ndarray, "spectrum grid"], share: float
) -> Float[np.ndarray, "spectrum grid"]:
    """Spectra with a wedge added: nothing at the start, a share of their mean at the end.

    That is what a background leaves which fits below the edge and is continued too low or too high.

    Examples
    --------
    >>> with_background(EnergyGrid(0.0, 2.0, 3), np.ones((1, 3)), 0.1)
    array([[1.  , 1.05, 1.1 ]])
    """
    wedge = np.linspace(0.0, share, grid.points)
    return intensity + intensity.mean(axis=1, keepdims=True) * wedge
