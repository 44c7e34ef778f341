"""Mixtures of every composition, and not only of those near the library's own."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.mixtures._draw import draw_sizes, drawing_pool
from nearedge.mixtures.averaging import Mixtures, average


def varied_mixtures(
    intensity: Float[np.ndarray, "site energy"],
    environment: Int[np.ndarray, " site"],
    count: int,
    seed: int,
    sizes: tuple[int, int] = (1, 70),
    site_index: Int[np.ndarray, " drawn"] | None = None,
) -> Mixtures:
    """Average raw spectra in proportions that are drawn anew for every mixture.

    The shares of the classes are uniform over all that sum to 1 (a flat Dirichlet distribution);
    then each member's class is drawn by them, and a site of that class, with replacement.

    Parameters
    ----------
    intensity, environment
        Raw spectra, not normalised, and class codes from 0; shapes (site, energy) and (site,).
    count
        Number of mixtures.
    seed
        The same seed gives the same mixtures.
    sizes
        Least and greatest number of members, both included.
    site_index
        Sites to draw from, as rows of `intensity`. None for all.

    Returns
    -------
    Mixtures
        The target is the code of the most frequent class; `class_fractions` gives the shares.

    Raises
    ------
    UsageError
        If `count`, `sizes` or `site_index` is impossible.
    NearedgeError
        If a site to draw from has no class, or a spectrum that is not finite.

    Examples
    --------
    >>> raw = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> mixtures = varied_mixtures(raw, np.array([0, 1]), count=2000, seed=0, sizes=(50, 50))
    >>> shares = mixtures.intensity[:, 0] / 2.0
    >>> int(np.histogram(shares, bins=4, range=(0, 1))[0].min()) > 400
    True
    """
    pool = drawing_pool(intensity, environment, site_index)
    if np.any(environment[pool] < 0):
        site = pool[np.argmax(environment[pool] < 0)]
        raise NearedgeError(
            f"site {site} has no class (code {environment[site]}): "
            "leave it out of the sites to draw from"
        )
    rng = np.random.default_rng([seed, 3])
    size = draw_sizes(rng, count, sizes)
    pool = pool[np.argsort(environment[pool], kind="stable")]
    codes, first, held = np.unique(environment[pool], return_index=True, return_counts=True)
    shares = rng.dirichlet(np.ones(len(codes)), size=count)
    drawn = (rng.random((count, sizes[1], 1)) > shares.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    members = pool[first[drawn] + rng.integers(held[drawn])]
    members = np.where(np.arange(sizes[1]) < size[:, None], members, -1)
    counts = np.stack(
        [np.where(members < 0, False, environment[members] == code).sum(axis=1) for code in codes],
        axis=1,
    )
    return average(intensity, codes[counts.argmax(axis=1)].astype(np.int64), members, size)
