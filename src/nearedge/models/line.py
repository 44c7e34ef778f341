"""An expansion along straight lines from one spectrum to others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from nearedge.models.expansion import LEAST_SHARE, Expansion

Weigh = Callable[[Float[np.ndarray, "place output"]], Float[np.ndarray, "place output"]]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a line showed: outputs at its places, and a sum of gradients there.

    Attributes
    ----------
    values
        Outputs at the places.
    gradient
        The sum, with respect to normalised intensities, without what `pull` adds to it.
    pull
        How strongly each centre pulls, summed likewise; None where `gradient` holds it.
    rise
        Product of the whole sum with the line from end to end.
    """

    values: Float[np.ndarray, "place output"]
    gradient: Float[np.ndarray, " feature"]
    pull: Float[np.ndarray, " centre"] | None
    rise: float


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line between two spectra, and what can be known of it beforehand.

    Attributes
    ----------
    expansion
        What is followed along it.
    start, stop
        Its ends, normalised by `Expansion.preprocessing`.
    vectors, along
        Scaled intensities within the window, of the start and of the change from there; and their
        products with the centres. Of intensities as they are, all inputs on the line are mixtures
        of these two, so that nothing else is worked out for each place, centre and energy.
    """

    expansion: Expansion
    start: Float[np.ndarray, " feature"]
    stop: Float[np.ndarray, " feature"]
    vectors: Float[np.ndarray, "2 point"]
    along: Float[np.ndarray, "2 centre"]

    def sweep(
        self,
        places: Float[np.ndarray, " place"],
        shares: Float[np.ndarray, " place"],
        weigh: Weigh,
    ) -> Sweep:
        """Look at places on the line.

        Parameters
        ----------
        places
            From 0, at `start`, to 1.
        shares
            What the gradient at each place counts.
        weigh
            Of every output in the gradient, from the outputs.
        """
        expansion, change = self.expansion, self.stop - self.start
        if expansion.window.view == "plain" and expansion.further is None:
            return self._in_a_plane(places, shares, weigh)
        line = self.start + places[:, None] * change
        values = expansion.outputs(line)
        gradient = shares @ expansion.slope(line, weigh(values))
        return Sweep(values, gradient, None, float(gradient @ change))

    def _in_a_plane(
        self,
        places: Float[np.ndarray, " place"],
        shares: Float[np.ndarray, " place"],
        weigh: Weigh,
    ) -> Sweep:
        expansion, change = self.expansion, self.stop - self.start
        window, vectors, along = expansion.window, self.vectors, self.along
        inside = window.inside
        own = self.start[inside].mean() + places * change[inside].mean()
        whole = self.start.mean() + places * change.mean()
        is_area = window.normalise == "area"
        divisor = np.hypot(own, LEAST_SHARE * whole) if is_area else np.ones_like(places)
        mix = np.stack([1 / divisor, places / divisor], axis=1)
        between = mix @ (vectors @ vectors.T)
        near = 2 * mix @ along
        near -= _centres(expansion)[1]
        near -= (between * mix).sum(axis=1)[:, None]
        np.exp(np.minimum(near, 0, out=near), out=near)

        radial, linear = expansion.known.radial, expansion.linear
        values = near @ radial + expansion.bias
        if linear.any():
            ends = np.stack([self.start, self.stop])
            first, last = expansion.preprocessing.inputs(ends) @ linear
            values += first + places[:, None] * (last - first)
        weight = weigh(values)
        # From here on how strongly each centre pulls.
        near *= weight @ radial.T
        total = near.sum(axis=1)
        share = -2 * shares / divisor
        pull = share @ near
        by_vectors = (share * total) @ mix
        gradient = np.zeros_like(self.start)
        gradient[inside] = by_vectors @ vectors / window.scale
        if is_area:
            # An intensity enters the divisor, too, and so lowers all others.
            uphill = ((total[:, None] * between - near @ along.T) * mix).sum(axis=1)
            through = share * uphill / divisor
            gradient -= through @ whole * LEAST_SHARE**2 / change.size
            gradient[inside] -= through @ own / window.mean.size
        if linear.any():
            gradient += (shares @ weight) @ linear.T / expansion.preprocessing.scale
        return Sweep(values, gradient, pull, float(gradient @ change - pull @ along[1]))


def lines(
    expansion: Expansion,
    start: Float[np.ndarray, " feature"],
    stops: Float[np.ndarray, "line feature"],
) -> list[Line]:
    """Lines from one spectrum to others, all normalised by `Expansion.preprocessing`."""
    window = expansion.window
    inside = window.inside
    from_start = start[inside] / window.scale
    changes = (stops - start)[:, inside] / window.scale
    products = np.concatenate([from_start[None], changes]) @ _centres(expansion)[0].T
    return [
        Line(
            expansion,
            start,
            stop,
            np.stack([from_start, changes[row]]),
            np.stack([products[0], products[1 + row]]),
        )
        for row, stop in enumerate(stops)
    ]


def gradients(expansion: Expansion, sweeps: Sequence[Sweep]) -> Float[np.ndarray, "sweep feature"]:
    """Sums of gradients, as of `Expansion.slope`, from sweeps over lines of one expansion."""
    found = np.stack([one.gradient for one in sweeps])
    pulls = [one.pull for one in sweeps if one.pull is not None]
    if pulls:
        window = expansion.window
        inside = window.inside
        found[:, inside] -= np.stack(pulls) @ _centres(expansion)[0] / window.scale
    return found


@lru_cache(maxsize=8)
def _centres(
    expansion: Expansion,
) -> tuple[Float[np.ndarray, "centre point"], Float[np.ndarray, " centre"]]:
    """Centres among scaled intensities that no mean was subtracted from, and their squares."""
    centres = expansion.known.centres + expansion.window.mean / expansion.window.scale
    return centres, np.square(centres).sum(axis=1)
