"""Single wild points of a measurement: a spike of the monochromator, a cosmic ray."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nearedge.spectra.axis import check_axis

# A glitch stands out of its neighbours by this many times the scatter around it ...
_SCATTERS = 10.0
# ... and by this share of the range that the neighbours themselves span: a real line, sampled by
# three points or more over its width, does not.
_OF_NEIGHBOURS = 0.5
# Smaller ones, as a share of the spectrum's whole range, change no answer.
_VISIBLE = 0.02
# More than this share of all points is noise or another problem, and removing it would invent data.
_MOST = 0.02
# Points on each side that tell the scatter.
_AROUND = 10


def glitches(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> Bool[np.ndarray, "*batch energy"]:
    """Find single points that no neighbour supports.

    A point is a glitch if it lies off the line between its two neighbours by more than ten times
    the median of that distance around it and in the whole spectrum, by more than half the range
    that the two neighbours on each side span, and by more than 2 % of the range of the whole
    spectrum. Of a spectrum with more than 2 % such points none is called a glitch: that is noise.
    The outermost two points on each side are never judged.

    Parameters
    ----------
    energy_eV
        Increasing energies.
    intensity
        One spectrum or a batch that shares the energies.

    Returns
    -------
    array of the shape of `intensity`
        True at the glitches.

    Raises
    ------
    NearedgeError
        If the energies do not increase.

    Examples
    --------
    >>> energy_eV = np.linspace(520.0, 560.0, 401)
    >>> intensity = np.arctan(energy_eV - 530.0)
    >>> intensity[250] += 0.4
    >>> np.flatnonzero(glitches(energy_eV, intensity))
    array([250])
    """
    check_axis(energy_eV, "glitches")
    found = np.zeros(intensity.shape, dtype=bool)
    if energy_eV.size < 2 * _AROUND:
        return found
    distance = _off_the_line(energy_eV, intensity)
    neighbours = np.stack(
        [np.roll(intensity, offset, axis=-1) for offset in (-2, -1, 1, 2)], axis=0
    )[..., 2:-2]
    spread = neighbours.max(axis=0) - neighbours.min(axis=0)
    reach = np.ptp(intensity, axis=-1)[..., None]
    # The two cheap conditions first: what they leave is nearly always nothing.
    suspects = (distance[..., 2:-2] > _OF_NEIGHBOURS * spread) & (
        distance[..., 2:-2] > _VISIBLE * reach
    )
    *rows, points = np.nonzero(suspects)
    centre = points + 2
    around = np.clip(centre[:, None] + np.arange(-_AROUND, _AROUND + 1), 1, energy_eV.size - 2)
    # Twenty points alone may look quieter than they are.
    usual = np.median(distance, axis=-1)[tuple(rows)]
    nearby = np.median(distance[(*(row[:, None] for row in rows), around)], axis=1)
    scatter = np.maximum(usual, nearby)
    place = (*rows, centre)
    found[place] = distance[place] > _SCATTERS * scatter
    # The neighbours of a spike lie off their line too, by about half as much, towards the other
    # side; only the highest of adjacent suspects is the glitch.
    higher = np.maximum(np.roll(distance, 1, axis=-1), np.roll(distance, -1, axis=-1))
    found &= distance >= higher
    found[found.mean(axis=-1) > max(_MOST, 1.5 / energy_eV.size)] = False
    return found


def _off_the_line(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> Float[np.ndarray, "*batch energy"]:
    """Distance of each point from the line between its neighbours; 0 at the ends."""
    steps = np.diff(energy_eV)
    share = steps[:-1] / (steps[:-1] + steps[1:])
    between = intensity[..., :-2] * (1 - share) + intensity[..., 2:] * share
    distance = np.zeros(intensity.shape)
    distance[..., 1:-1] = np.abs(intensity[..., 1:-1] - between)
    return distance


def without_glitches(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> tuple[Float[np.ndarray, "*batch energy"], Bool[np.ndarray, "*batch energy"]]:
    """Replace glitches by the line between their neighbours.

    Parameters
    ----------
    energy_eV, intensity
        As for `glitches`.

    Returns
    -------
    intensity
        A copy with the glitches replaced; every other point as it was.
    found
        True at the points that were replaced.

    Raises
    ------
    NearedgeError
        If the energies do not increase.

    Examples
    --------
    >>> energy_eV = np.linspace(520.0, 560.0, 401)
    >>> intensity = np.where(energy_eV == 540.0, 9.0, 0.1 * energy_eV - 52.0)
    >>> mended, found = without_glitches(energy_eV, intensity)
    >>> round(float(mended[200]), 6), int(found.sum())
    (2.0, 1)
    """
    found = glitches(energy_eV, intensity)
    mended = np.array(intensity, dtype=np.float64)
    for row in np.argwhere(found.any(axis=-1)) if found.ndim > 1 else [()]:
        place = tuple(np.atleast_1d(row).astype(int)) if found.ndim > 1 else ()
        bad = found[place]
        mended[place][bad] = np.interp(energy_eV[bad], energy_eV[~bad], mended[place][~bad])
    return mended, found
