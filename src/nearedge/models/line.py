"""An expansion along the straight line between two spectra."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from nearedge.models.expansion import LEAST_SHARE, Expansion

Weigh = Callable[[Float[np.ndarray, "place output"]], Float[np.ndarray, "place output"]]


def along_line(
    expansion: Expansion,
    start: Float[np.ndarray, " feature"],
    stop: Float[np.ndarray, " feature"],
    places: Float[np.ndarray, " place"],
    shares: Float[np.ndarray, " place"],
    weigh: Weigh,
) -> tuple[Float[np.ndarray, "place output"], Float[np.ndarray, " feature"]]:
    """Outputs at places on a line, and a sum of gradients there.

    Parameters
    ----------
    expansion
        What is followed.
    start, stop
        Ends of the line, normalised by `Expansion.preprocessing`.
    places
        From 0, at `start`, to 1.
    shares
        What the gradient at each place counts.
    weigh
        Of every output in the gradient, from the outputs.

    Returns
    -------
    outputs, gradient
        Values at the places; and the shares' sum of the weighted outputs' gradients with respect to
        normalised intensities, as `Expansion.slope` gives them.
    """
    if expansion.window.root:
        line = start + places[:, None] * (stop - start)
        values = expansion.outputs(line)
        return values, shares @ expansion.slope(line, weigh(values))
    return _in_a_plane(expansion, start, stop, places, shares, weigh)


def _in_a_plane(
    expansion: Expansion,
    start: Float[np.ndarray, " feature"],
    stop: Float[np.ndarray, " feature"],
    places: Float[np.ndarray, " place"],
    shares: Float[np.ndarray, " place"],
    weigh: Weigh,
) -> tuple[Float[np.ndarray, "place output"], Float[np.ndarray, " feature"]]:
    """The same for inputs without square roots, which are mixtures of two vectors all the way.

    What depends on the energies is worked out for these two and for the sum over the places, never
    for each place and centre.
    """
    window, change = expansion.window, stop - start
    centres, squares = _centres(expansion)
    inside = slice(window.first, window.first + window.mean.size)
    own = start[inside].mean() + places * change[inside].mean()
    whole = start.mean() + places * change.mean()
    is_area = window.normalise == "area"
    divisor = np.hypot(own, LEAST_SHARE * whole) if is_area else np.ones_like(places)
    vectors = np.stack([start[inside], change[inside]]) / window.scale
    mix = np.stack([1 / divisor, places / divisor], axis=1)
    between = mix @ (vectors @ vectors.T)
    along = np.stack([centres @ vector for vector in vectors])
    near = 2 * mix @ along
    near -= squares
    near -= (between * mix).sum(axis=1)[:, None]
    np.exp(np.minimum(near, 0, out=near), out=near)

    radial, linear = expansion.known.radial, expansion.linear
    values = near @ radial + expansion.bias
    if linear.any():
        first, last = expansion.preprocessing.inputs(np.stack([start, stop])) @ linear
        values += first + places[:, None] * (last - first)
    weight = weigh(values)
    # From here on how strongly each centre pulls.
    near *= weight @ radial.T
    pull = near.sum(axis=1)
    share = -2 * shares / divisor
    by_inputs = (share * pull) @ mix @ vectors - (share @ near) @ centres
    gradient = np.zeros_like(start)
    gradient[inside] = by_inputs / window.scale
    if is_area:
        # An intensity enters the divisor, too, and so lowers all others.
        uphill = ((pull[:, None] * between - near @ along.T) * mix).sum(axis=1)
        through = share * uphill / divisor
        gradient -= through @ whole * LEAST_SHARE**2 / start.size
        gradient[inside] -= through @ own / window.mean.size
    if linear.any():
        gradient += (shares @ weight) @ linear.T / expansion.preprocessing.scale
    return values, gradient


@lru_cache(maxsize=8)
def _centres(
    expansion: Expansion,
) -> tuple[Float[np.ndarray, "centre point"], Float[np.ndarray, " centre"]]:
    """Centres among scaled intensities that no mean was subtracted from, and their squares."""
    centres = expansion.known.centres + expansion.window.mean / expansion.window.scale
    return centres, np.square(centres).sum(axis=1)
