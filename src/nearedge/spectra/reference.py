"""What a measurement is aligned with: the mean spectrum of a library, and how mixtures vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from nearedge.spectra.normalise import broaden

# Where a model tells its mean spectrum only, mixtures are taken to differ from it by this much, as
# wide bumps at any energy.
_UNKNOWN_SPREAD = 0.15
_UNKNOWN_WIDTH_EV = 2.0
_UNKNOWN_SCATTER_EV = 0.5


@dataclass(frozen=True, eq=False)
class Reference:
    """Mean of the spectra of a library, each divided by its own mean, and directions of variation.

    Attributes
    ----------
    energy_eV
        Uniform energies relative to the library's zero.
    mean
        Spectrum of the average site; its own mean is 1.
    directions
        Principal directions of the mixtures, each scaled to its standard deviation.
    scatter_eV
        Standard deviation of the zeros of structures that the library does not hold, beyond what
        an alignment can tell by itself.
    """

    energy_eV: Float[np.ndarray, " energy"]
    mean: Float[np.ndarray, " energy"]
    directions: Float[np.ndarray, "direction energy"]
    scatter_eV: float = 0.0

    def broadened(
        self, fwhm_eV: float
    ) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, "direction energy"]]:
        """Mean and directions as an instrument of that Gaussian resolution would show them."""
        both = broaden(self.energy_eV, np.concatenate([self.mean[None], self.directions]), fwhm_eV)
        return both[0], both[1:]

    @cached_property
    def step_eV(self) -> float:
        """Distance of the energies."""
        return float((self.energy_eV[-1] - self.energy_eV[0]) / (self.energy_eV.size - 1))


def load_reference(stored: Mapping[str, Any]) -> Reference:
    """Read what `nearedge.spectra.alignment_reference` made.

    A model of an earlier version stores its mean spectrum only; wide bumps then stand for what
    mixtures do, which leaves the alignment less sure than it could be. Where the scatter of zeros
    is not known, half an eV stands for it.

    Parameters
    ----------
    stored
        ``reference`` in the description of a model.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 301)
    >>> load_reference({"energy_eV": energy_eV.tolist(), "intensity": [2.0] * 301}).mean[:2]
    array([1., 1.])
    """
    energy_eV = np.array(stored["energy_eV"], dtype=np.float64)
    mean = np.array(stored.get("unit_mean", stored["intensity"]), dtype=np.float64)
    mean = mean / mean.mean()
    if "directions" in stored:
        directions = np.array(stored["directions"], dtype=np.float64).reshape(-1, mean.size)
        scatter_eV = stored.get("scatter_eV")
        return Reference(
            energy_eV,
            mean,
            directions,
            _UNKNOWN_SCATTER_EV if scatter_eV is None else float(scatter_eV),
        )
    centres = np.arange(energy_eV[0], energy_eV[-1] + _UNKNOWN_WIDTH_EV, _UNKNOWN_WIDTH_EV)
    bumps = np.exp(-0.5 * ((energy_eV - centres[:, None]) / (_UNKNOWN_WIDTH_EV / 2)) ** 2)
    return Reference(energy_eV, mean, _UNKNOWN_SPREAD * bumps * mean, _UNKNOWN_SCATTER_EV)
