"""From an engine's energies to the library's axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from nearedge.engines import SiteSpectrum
from nearedge.library.schema import LIBRARY_AXIS
from nearedge.spectra import EnergyGrid

# Below the edge there is only the tail of the core hole's Lorentzian. A spectrum that starts a
# little late, because its core level lies deep, is continued by its first value if that is this
# small a share of its highest peak.
_TAIL = 0.01
_LATEST_EV = 2.0


def structure_on_axis(
    spectra: Sequence[SiteSpectrum],
    zero_eV: float | None = None,
    axis: EnergyGrid = LIBRARY_AXIS,
) -> tuple[Float[np.ndarray, "site energy"], Float[np.ndarray, " site"], dict[int, str]]:
    """Put the spectra of one structure on the library's axis, with one zero for all of them.

    The zero is the engine's where its scale is one for all structures, else the mean edge energy
    of the structure's sites. A site whose core level lies deeper than the others' keeps its edge
    above theirs by as much: that shift is part of the signal. docs/energy-axis.md says where each
    engine's edge energy lies.

    Monotone cubic interpolation (Fritsch and Carlson, SIAM J. Numer. Anal. 17, 238 (1980)): it
    never overshoots, so that no negative absorption appears between two points.

    Parameters
    ----------
    spectra
        What the engine gave for the sites of one structure.
    zero_eV
        The engine's zero on its own scale; None for the structure's.
    axis
        Energies of the library.

    Returns
    -------
    intensity : (site, energy)
        On the axis; NaN for a spectrum that does not cover it.
    core_level_shift_eV : (site,)
        Edge energy of each site minus the mean over the structure's.
    problems
        Why a spectrum does not cover the axis, by its place among `spectra`.

    Examples
    --------
    >>> energy_eV = np.arange(-10.0, 40.0, 0.1)
    >>> def step(edge):
    ...     return SiteSpectrum(energy_eV, (energy_eV > edge) * 1.0, edge)
    >>> intensity, shift, _ = structure_on_axis([step(1.0), step(2.0)])
    >>> shift.tolist(), intensity.shape
    ([-0.5, 0.5], (2, 301))
    """
    from scipy.interpolate import PchipInterpolator

    edges = np.array([spectrum.edge_energy_eV for spectrum in spectra], dtype=float)
    zero = edges.mean() if zero_eV is None else zero_eV
    axis_eV = axis.energy_eV
    intensity = np.full((len(spectra), len(axis_eV)), np.nan)
    problems = {}
    for row, spectrum in enumerate(spectra):
        energy_eV = spectrum.energy_eV - zero
        if _covers(energy_eV, spectrum.intensity, axis):
            within = np.maximum(axis_eV, energy_eV[0])
            intensity[row] = PchipInterpolator(energy_eV, spectrum.intensity)(within)
        else:
            problems[row] = (
                f"the spectrum covers {energy_eV[0]:.1f} to {energy_eV[-1]:.1f} eV around its "
                f"zero, a library needs {axis_eV[0]:g} to {axis_eV[-1]:g} eV; give a wider one, "
                f"or the library a window that it covers"
            )
    return intensity, edges - edges.mean(), problems


def never_on_axis(covers_eV: tuple[float, float], axis: EnergyGrid) -> str | None:
    """Say why no spectrum of these energies, from its own edge, covers a library; None if it may.

    Sites whose edge lies apart from their structure's mean may fail on their own.

    Examples
    --------
    >>> never_on_axis((-7.0, 28.0), EnergyGrid(-5.0, 40.0, 451))
    'spectra of -7 to 28 eV around the edge cannot cover -5 to 40 eV; give window_eV within them'
    >>> never_on_axis((-7.0, 28.0), LIBRARY_AXIS) is None
    True
    """
    first_eV, last_eV = covers_eV
    if first_eV - _LATEST_EV <= axis.start_eV and axis.stop_eV <= last_eV:
        return None
    return (
        f"spectra of {first_eV:g} to {last_eV:g} eV around the edge cannot cover "
        f"{axis.start_eV:g} to {axis.stop_eV:g} eV; give window_eV within them"
    )


def _covers(
    energy_eV: Float[np.ndarray, " point"],
    intensity: Float[np.ndarray, " point"],
    axis: EnergyGrid,
) -> bool:
    late_eV = energy_eV[0] - axis.start_eV
    tail = late_eV <= _LATEST_EV and intensity[0] <= _TAIL * intensity.max()
    return bool((late_eV <= 0 or tail) and energy_eV[-1] >= axis.stop_eV)
