"""Training examples changed as spectra differ between samples, instruments and codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.spectra import EnergyGrid, broaden

# Spectra are broadened in this many batches of one width each; a width of its own for every
# spectrum would take a convolution each.
_WIDTHS = 24


@dataclass(frozen=True)
class Augmentation:
    """How far training examples are changed; each amount is drawn anew for every spectrum.

    Attributes
    ----------
    share
        Of the examples that are changed; the others stay as they are.
    broadening_eV
        Largest full width at half maximum of an additional Gaussian; widths are uniform from 0.
    shift_eV
        Standard deviation of a shift along the energy axis.
    noise
        Largest standard deviation of white noise, as a share of a spectrum's mean intensity;
        uniform from 0.

    Examples
    --------
    >>> grid = EnergyGrid(-5.0, 25.0, 151)
    >>> line = np.exp(-((grid.energy_eV - 3.0) ** 2))[None]
    >>> changed = Augmentation(share=1.0, broadening_eV=1.0).apply(line, grid, seed=0)
    >>> bool(changed.max() < line.max()), round(float(changed.sum() / line.sum()), 3)
    (True, 1.0)
    """

    share: float = 0.5
    broadening_eV: float = 0.0
    shift_eV: float = 0.0
    noise: float = 0.0

    def apply(
        self, intensity: Float[np.ndarray, "example energy"], grid: EnergyGrid, seed: int
    ) -> Float[np.ndarray, "example energy"]:
        """Change sampled spectra; the same seed gives the same changes."""
        rng = np.random.default_rng([seed, 7])
        changed = np.array(intensity, dtype=np.float64)
        rows = np.flatnonzero(rng.random(len(changed)) < self.share)
        energy_eV = grid.energy_eV
        width = rng.integers(_WIDTHS + 1, size=len(rows))
        for step in np.unique(width[width > 0]) if self.broadening_eV else ():
            alike = rows[width == step]
            changed[alike] = broaden(
                energy_eV, changed[alike], self.broadening_eV * float(step) / _WIDTHS
            )
        if self.shift_eV:
            for row, shift in zip(rows, self.shift_eV * rng.normal(size=len(rows)), strict=True):
                changed[row] = np.interp(energy_eV - shift, energy_eV, changed[row])
        if self.noise:
            size = self.noise * rng.random((len(rows), 1)) * changed[rows].mean(axis=1)[:, None]
            changed[rows] += size * rng.normal(size=changed[rows].shape)
        return changed
