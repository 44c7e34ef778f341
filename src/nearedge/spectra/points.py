"""From points in the order of measurement to increasing energies: scans, back-steps, repeats.

Every reader calls `clean_points` before it makes a spectrum, so that later steps find strictly
increasing energies; what it did is noted. Glitches and noise are not its business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.spectrum import MINIMUM_POINTS

# A monochromator that settles or an encoder that jitters goes back by less than this; the width of
# the 1s level, below which no near-edge feature is narrower, is 0.15 eV at O and 1.3 eV at Fe.
_LARGEST_BACK_STEP_EV = 1.0
_LARGEST_BACK_STEP_SHARE = 0.05
# More points out of order than this are no jitter.
_MOST_OUT_OF_ORDER = 0.25
# A scan of a series covers at least this share of the whole range.
_LEAST_COVER = 0.8


@dataclass(frozen=True, eq=False)
class CleanScan:
    """One scan with strictly increasing energies.

    Parameters
    ----------
    energy_eV
        Strictly increasing.
    values
        The other columns, in the same order of points.
    notes
        What was done, one sentence each.
    """

    energy_eV: Float[np.ndarray, " point"]
    values: Float[np.ndarray, "point column"]
    notes: tuple[str, ...]


def clean_points(
    energy_eV: Float[np.ndarray, " row"],
    values: Float[np.ndarray, "row column"],
    where: str,
    lines: np.ndarray | None = None,
) -> list[CleanScan]:
    """Split rows into scans and bring each to strictly increasing energies.

    A sweep that starts again, or turns round, is another scan if each covers 80 % of the whole
    range; a shorter last one was interrupted and is left out. Within a scan, decreasing energies
    are reversed, points that went back by up to 1 eV (and 5 % of the range) are sorted, and rows
    of exactly the same energy are averaged.

    Parameters
    ----------
    energy_eV
        Energies in the order of the file, finite.
    values
        What was measured there.
    where
        Name of the file, for messages.
    lines
        Line number of every row, for messages; without it points are counted from 1.

    Returns
    -------
    list of CleanScan
        At least one, each with at least 10 points, unless the file holds fewer points in all.

    Raises
    ------
    NearedgeError
        If energies go back further, or too often, and the parts are no scans of their own.

    Examples
    --------
    >>> energy_eV = np.array([520.0, 521.0, 521.0, 523.0, 522.5, 525.0, 530.0, 531, 532, 533, 540])
    >>> [scan] = clean_points(energy_eV, np.arange(11.0)[:, None], "a.dat")
    >>> scan.energy_eV[:5]
    array([520. , 521. , 522.5, 523. , 525. ])
    >>> scan.values[:5, 0]
    array([0. , 1.5, 4. , 3. , 5. ])
    >>> scan.notes
    ('1 point that went back by 0.5 eV was sorted in', '1 repeated energy was averaged')
    """
    if (np.diff(energy_eV) > 0).all():
        return [CleanScan(energy_eV, values, ())]
    span = float(np.ptp(energy_eV))
    allowed = min(_LARGEST_BACK_STEP_EV, _LARGEST_BACK_STEP_SHARE * span)
    starts = _turning_points(energy_eV, allowed)
    pieces = list(zip(starts, [*starts[1:], len(energy_eV)], strict=True))
    spans = [float(np.ptp(energy_eV[a:b])) for a, b in pieces]
    notes: tuple[str, ...] = ()
    complete = [
        cover >= _LEAST_COVER * span and b - a >= MINIMUM_POINTS
        for cover, (a, b) in zip(spans, pieces, strict=True)
    ]
    if len(pieces) > 1 and not complete[-1] and all(complete[:-1]):
        a, _ = pieces.pop()
        where_cut = f"line {lines[a]}" if lines is not None else f"point {a + 1}"
        notes = (f"the last scan, from {where_cut}, was interrupted and is left out",)
    elif len(pieces) > 1 and not all(complete):
        row = starts[1]
        place = f"{where}, line {lines[row]}" if lines is not None else f"{where}, point {row + 1}"
        raise NearedgeError(
            f"{place}: energy {energy_eV[row]:.9g} follows {energy_eV[row - 1]:.9g}, which is no "
            "jitter and no complete scan; sort the rows by energy, or put each scan into a file of "
            "its own"
        )
    return [_clean(energy_eV[a:b], values[a:b], where, notes) for a, b in pieces]


def _clean(
    energy_eV: np.ndarray, values: np.ndarray, where: str, notes: tuple[str, ...]
) -> CleanScan:
    if energy_eV[0] > energy_eV[-1]:
        energy_eV, values = energy_eV[::-1], values[::-1]
        notes = (*notes, "decreasing energies were reversed")
    back = np.maximum.accumulate(energy_eV) - energy_eV
    count = int((back > 0).sum())
    if count > _MOST_OUT_OF_ORDER * energy_eV.size:
        raise NearedgeError(
            f"{where}: {count} of {energy_eV.size} energies lie below an earlier one; sort the "
            "rows by energy"
        )
    if count:
        order = np.argsort(energy_eV, kind="stable")
        energy_eV, values = energy_eV[order], values[order]
        what = "1 point that went" if count == 1 else f"{count} points that went"
        up_to = "" if count == 1 else "up to "
        were = "was" if count == 1 else "were"
        notes = (*notes, f"{what} back by {up_to}{back.max():.3g} eV {were} sorted in")
    first = np.concatenate([[True], np.diff(energy_eV) > 0])
    repeated = int((~first).sum())
    if repeated:
        starts = np.flatnonzero(first)
        counts = np.diff(starts, append=energy_eV.size)
        with np.errstate(over="ignore"):
            values = np.add.reduceat(values, starts, axis=0) / counts[:, None]
        energy_eV = energy_eV[starts]
        were = "1 repeated energy was" if repeated == 1 else f"{repeated} repeated energies were"
        notes = (*notes, f"{were} averaged")
    return CleanScan(energy_eV, values, notes)


def _turning_points(energy_eV: np.ndarray, allowed: float) -> list[int]:
    """First rows of the sweeps: where energies come back by more than `allowed` from an extreme."""
    for sign in (1, -1):
        way = sign * energy_eV
        if (np.maximum.accumulate(way) - way).max() <= allowed:
            return [0]
    starts = [0]
    direction = 0
    extreme = low = high = 0
    energies: list[float] = energy_eV.tolist()
    for row, energy in enumerate(energies):
        if direction == 0:
            low = row if energy < energies[low] else low
            high = row if energy >= energies[high] else high
            if energies[high] - energies[low] > allowed:
                direction = 1 if high > low else -1
                extreme = row
            continue
        ahead = direction * (energy - energies[extreme])
        if ahead >= 0:
            extreme = row
        elif -ahead > allowed:
            # A sweep that starts again jumps; one that turns round comes back step by step.
            jump = abs(energy - energies[row - 1])
            again = jump > 0.5 * abs(energies[extreme] - energies[starts[-1]])
            starts.append(row if again else extreme + 1)
            direction = 0 if again else -direction
            extreme = low = high = row
            if len(starts) * MINIMUM_POINTS > len(energies) + MINIMUM_POINTS:
                break  # too many to be scans
    return starts
