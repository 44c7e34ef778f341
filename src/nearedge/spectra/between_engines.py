"""The shift and stretch that put the spectra of one engine on the energies of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import check_axis
from nearedge.spectra.grid import EnergyGrid, resample

COMPARED_EV = (-3.0, 13.0)
"""Where engines are compared, on the new engine's energies: the edge and what follows, before the
continuum, which localised bases and multiple scattering describe differently."""

_COMPARED = EnergyGrid(*COMPARED_EV, 81)
# Engines put their zero at a band minimum, a Fermi level or a core level: several eV apart.
_SHIFTS_EV = np.arange(-8.0, 8.01, 0.5)
_STRETCHES = np.arange(0.85, 1.201, 0.05)
_FINE_SHIFTS_EV = np.arange(-0.5, 0.51, 0.1)
_FINE_STRETCHES = np.arange(-0.05, 0.051, 0.025)
# Spectra of the known engine that are compared; time grows with the square of the number.
_MOST = 300


@dataclass(frozen=True)
class EngineAlignment:
    """A new engine's energies are ``stretch`` times the known engine's, plus ``shift_eV``.

    Attributes
    ----------
    shift_eV, stretch
        One of each for all spectra of an engine.
    distance
        Energy distance between the two sets of spectra that is left, in units of their mean
        intensity.
    """

    shift_eV: float
    stretch: float
    distance: float = 0.0

    def on_new(self, energy_eV: float) -> float:
        """Where an energy of the known engine lies on the new one's."""
        return self.stretch * energy_eV + self.shift_eV

    def moved(
        self,
        energy_eV: Float[np.ndarray, " energy"],
        intensity: Float[np.ndarray, "spectrum energy"],
        grid: EnergyGrid,
    ) -> Float[np.ndarray, "spectrum grid"]:
        """Spectra of the known engine, sampled on a grid of the new engine's energies.

        Where the grid reaches beyond the spectra, their end values are held.

        Examples
        --------
        >>> energy_eV = np.linspace(-5.0, 25.0, 301)
        >>> peak = np.exp(-((energy_eV - 2.0) ** 2))[None]
        >>> moved = EngineAlignment(shift_eV=1.0, stretch=2.0).moved(
        ...     energy_eV, peak, EnergyGrid(0.0, 10.0, 11)
        ... )
        >>> int(moved.argmax())
        5
        """
        start_eV = (grid.start_eV - self.shift_eV) / self.stretch
        stop_eV = (grid.stop_eV - self.shift_eV) / self.stretch
        wide_eV, wide = _extended(energy_eV, intensity, start_eV, stop_eV)
        return resample(wide_eV, wide, EnergyGrid(start_eV, stop_eV, grid.points))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"shift_eV": self.shift_eV, "stretch": self.stretch, "distance": self.distance}


def align_engines(
    energy_eV: Float[np.ndarray, " energy"],
    known: Float[np.ndarray, "known energy"],
    new: Float[np.ndarray, "new energy"],
    weight: Float[np.ndarray, " known"] | None = None,
    seed: int = 0,
) -> EngineAlignment:
    """Find the one shift and one stretch by which two engines' sets of spectra are most alike.

    Each spectrum is divided by its mean over -3 to 13 eV. Least is the energy distance 2 E|X - Y| -
    E|X - X'| - E|Y - Y'| between a known spectrum X and a new one Y, which is zero only where both
    have the same distribution: it looks at what single sites look like and how they differ, where
    a comparison of the two means would only see their average.

    Parameters
    ----------
    energy_eV
        Increasing, for both sets, each on its own engine's scale.
    known, new
        Intensities of sites, not normalised. No labels: neither set's are asked for.
    weight
        Of the known spectra; where the environments of the new ones are known, it can give the
        known set the same composition.
    seed
        Of the choice of 300 known spectra, where there are more.

    Returns
    -------
    EngineAlignment

    Raises
    ------
    NearedgeError
        If there is no spectrum on either side, or a spectrum's mean is not positive.

    References
    ----------
    G. J. Székely and M. L. Rizzo, "Energy statistics: A class of statistics based on distances",
    J. Stat. Plan. Inference 143, 1249 (2013), equation 2.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 151)
    >>> centres = np.linspace(2.0, 4.0, 9)[:, None]
    >>> one = 1 / (1 + np.exp(-energy_eV)) + np.exp(-((energy_eV - centres) ** 2))
    >>> other = EngineAlignment(1.5, 1.1).moved(energy_eV, one, EnergyGrid(-5.0, 25.0, 151))
    >>> found = align_engines(energy_eV, one, other)
    >>> round(found.shift_eV, 1), round(found.stretch, 2)
    (1.5, 1.1)
    """
    check_axis(energy_eV, "aligning two engines")
    share = np.ones(len(known)) if weight is None else np.asarray(weight, dtype=float)
    used = np.flatnonzero(share > 0)
    if not len(used) or not len(new):
        raise NearedgeError(
            f"aligning two engines needs spectra of both, but there are {len(used)} and {len(new)}"
        )
    if len(used) > _MOST:
        used = np.sort(np.random.default_rng(seed).choice(used, _MOST, replace=False))
    share = share[used] / share[used].sum()
    wide_eV, wide = _extended(energy_eV, known[used], -40.0, 60.0)
    compared_eV = _COMPARED.energy_eV
    there = _unit_mean(_at(compared_eV, energy_eV, new))
    among_new = float(_distances(there, there).mean())

    def distance(shift_eV: float, stretch: float) -> float:
        here = _unit_mean(_at((compared_eV - shift_eV) / stretch, wide_eV, wide))
        across = share @ _distances(here, there).mean(axis=1)
        return float(2 * across - share @ _distances(here, here) @ share) - among_new

    def best(shifts_eV: Iterable[float], stretches: Iterable[float]) -> tuple[float, float, float]:
        stretches = list(stretches)
        return min((distance(a, b), float(a), float(b)) for a in shifts_eV for b in stretches)

    _, shift_eV, stretch = best(_SHIFTS_EV, _STRETCHES)
    left, shift_eV, stretch = best(shift_eV + _FINE_SHIFTS_EV, stretch + _FINE_STRETCHES)
    return EngineAlignment(round(shift_eV, 6), round(stretch, 6), max(left, 0.0))


def _extended(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "spectrum energy"],
    start_eV: float,
    stop_eV: float,
) -> tuple[Float[np.ndarray, " wider"], Float[np.ndarray, "spectrum wider"]]:
    """Spectra that reach from start to stop, their end values held beyond what is known."""
    ends = (
        ([start_eV - 1.0] if start_eV <= energy_eV[0] else []),
        ([stop_eV + 1.0] if stop_eV >= energy_eV[-1] else []),
    )
    pad = ((0, 0), (len(ends[0]), len(ends[1])))
    return np.concatenate([ends[0], energy_eV, ends[1]]), np.pad(intensity, pad, mode="edge")


def _at(
    at_eV: Float[np.ndarray, " at"],
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "spectrum energy"],
) -> Float[np.ndarray, "spectrum at"]:
    """Linear interpolation of all spectra at once."""
    left = np.clip(np.searchsorted(energy_eV, at_eV) - 1, 0, energy_eV.size - 2)
    part = np.clip((at_eV - energy_eV[left]) / (energy_eV[left + 1] - energy_eV[left]), 0.0, 1.0)
    return intensity[:, left] * (1 - part) + intensity[:, left + 1] * part


def _unit_mean(x: Float[np.ndarray, "spectrum at"]) -> Float[np.ndarray, "spectrum at"]:
    mean = x.mean(axis=1, keepdims=True)
    if (mean <= 0).any():
        raise NearedgeError(
            f"aligning two engines: spectrum {int(np.argmax(mean <= 0))} has no intensity from "
            f"{_COMPARED.start_eV:g} to {_COMPARED.stop_eV:g} eV; check the library"
        )
    return x / mean


def _distances(
    one: Float[np.ndarray, "one at"], other: Float[np.ndarray, "other at"]
) -> Float[np.ndarray, "one other"]:
    """Root mean square differences between all pairs."""
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)
    return np.sqrt(np.maximum(squares - 2 * one @ other.T, 0.0) / one.shape[1])
