"""Random choice of the raw spectra that go into each mixture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Real

from nearedge.errors import NearedgeError, UsageError


def drawing_pool(
    intensity: Float[np.ndarray, "site energy"],
    label: Real[np.ndarray, " site"],
    site_index: Int[np.ndarray, " drawn"] | None,
) -> Int[np.ndarray, " drawn"]:
    """Check the sites to draw from and return them as rows of the library."""
    sites = len(intensity)
    if len(label) != sites:
        raise NearedgeError(f"{sites} spectra but {len(label)} labels: give one label per spectrum")
    pool = np.arange(sites) if site_index is None else site_index
    if len(pool) == 0:
        raise UsageError("there are no sites to draw from: give a part that holds some")
    if pool.min() < 0 or pool.max() >= sites or len(np.unique(pool)) < len(pool):
        raise UsageError(
            f"site_index must hold distinct rows from 0 to {sites - 1}, and runs from "
            f"{pool.min()} to {pool.max()} with {len(np.unique(pool))} distinct of {len(pool)}"
        )
    finite = np.isfinite(intensity[pool]).all(axis=1)
    if not finite.all():
        raise NearedgeError(
            f"the spectrum of site {pool[np.argmin(finite)]} is not finite: "
            "leave the site out of the sites to draw from or compute it again"
        )
    return pool.astype(np.int64)


def draw_sizes(
    rng: np.random.Generator, count: int, sizes: tuple[int, int]
) -> Int[np.ndarray, " mixture"]:
    """Draw the number of members of every mixture, each size equally likely."""
    if count < 1:
        raise UsageError(f"cannot make {count} mixtures: ask for at least 1")
    if not 1 <= sizes[0] <= sizes[1]:
        raise UsageError(f"mixtures of {sizes[0]} to {sizes[1]} members: need 1 <= least <= most")
    return rng.integers(sizes[0], sizes[1], size=count, endpoint=True)


def draw_places(
    rng: np.random.Generator,
    held: Int[np.ndarray, " mixture"],
    size: Int[np.ndarray, " mixture"],
    width: int,
) -> Int[np.ndarray, "mixture member"]:
    """Draw `size` numbers below `held` for every mixture, padded with -1 up to `width`.

    Without replacement by Floyd's algorithm (Bentley and Floyd, Commun. ACM 30, 754, 1987), whose
    cost does not depend on `held`; with replacement where `held` is below `size`.
    """
    places = np.full((len(size), width), -1)
    repeats = held < size
    for column in range(width):
        row = np.flatnonzero(column < size)
        top = np.where(repeats, held, held - size + column + 1)[row]
        draw = rng.integers(top)
        taken = (places[row, :column] == draw[:, None]).any(axis=1) & ~repeats[row]
        places[row, column] = np.where(taken, top - 1, draw)
    return places
