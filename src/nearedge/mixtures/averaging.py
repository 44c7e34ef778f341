"""Mixtures: synthetic spectra averaged from raw ones, with the averaged label.

A measured spectrum sums the absorption of many sites, so the raw spectra are averaged on their
common scale and the mixture is normalised afterwards. Normalising first would weigh every site by
the inverse of its own area. The intensities given here are therefore never normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Real

from nearedge.errors import NearedgeError
from nearedge.mixtures._draw import draw_places, draw_sizes, drawing_pool


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Averaged spectra, their labels, and the raw spectra they were averaged from.

    Attributes
    ----------
    intensity
        Not normalised, in the units of the raw spectra; shape (mixture, energy).
    target
        Class code (int) or averaged coordination number (float); shape (mixture,).
    members
        Rows of the library that were averaged, padded with -1; shape (mixture, member).
    weights
        Weight of every member, zero at the padding; each row sums to 1; shape (mixture, member).
    """

    intensity: Float[np.ndarray, "mixture energy"]
    target: Real[np.ndarray, " mixture"]
    members: Int[np.ndarray, "mixture member"]
    weights: Float[np.ndarray, "mixture member"]


def classifier_mixtures(
    intensity: Float[np.ndarray, "site energy"],
    environment: Int[np.ndarray, " site"],
    count: int,
    seed: int,
    sizes: tuple[int, int] = (2, 8),
    site_index: Int[np.ndarray, " drawn"] | None = None,
) -> Mixtures:
    """Average raw spectra of one class at a time.

    Classes are balanced: each one present gives the same number of mixtures (to within one),
    however few sites it has. The number of members is uniform over `sizes`; members are drawn
    without replacement where the class holds that many sites, else with replacement.

    Parameters
    ----------
    intensity
        Raw spectra on one scale, not normalised; shape (site, energy).
    environment
        Class code of every site, 0 or more; shape (site,).
    count
        Number of mixtures.
    seed
        The same seed gives the same mixtures.
    sizes
        Least and greatest number of members, both included.
    site_index
        Sites to draw from, as rows of `intensity`: one part of a split. None for all.

    Returns
    -------
    Mixtures
        The target is the class code; members are rows of `intensity`.

    Raises
    ------
    UsageError
        If `count`, `sizes` or `site_index` is impossible.
    NearedgeError
        If a site to draw from has no class, or a spectrum that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> raw = np.array([[0.0, 1.0], [2.0, 1.0], [5.0, 5.0]])
    >>> mixtures = classifier_mixtures(raw, np.array([0, 0, 1]), count=2, seed=1, sizes=(2, 2))
    >>> mixtures.intensity[mixtures.target.argsort()]
    array([[1., 1.],
           [5., 5.]])
    """
    pool = drawing_pool(intensity, environment, site_index)
    if np.any(environment[pool] < 0):
        site = pool[np.argmax(environment[pool] < 0)]
        raise NearedgeError(
            f"site {site} has no class (code {environment[site]}): "
            "leave it out of the sites to draw from"
        )
    rng = np.random.default_rng(seed)
    size = draw_sizes(rng, count, sizes)
    pool = pool[np.argsort(environment[pool], kind="stable")]
    codes, first, held = np.unique(environment[pool], return_index=True, return_counts=True)
    # Where `count` is no multiple of the number of classes, which ones get one more is drawn.
    drawn = rng.permutation(rng.permutation(len(codes))[np.arange(count) % len(codes)])
    places = draw_places(rng, held[drawn], size, sizes[1])
    members = np.where(places < 0, -1, pool[first[drawn][:, None] + places])
    return average(intensity, codes[drawn].astype(np.int64), members, size)


def regressor_mixtures(
    intensity: Float[np.ndarray, "site energy"],
    coordination: Real[np.ndarray, " site"],
    count: int,
    seed: int,
    sizes: tuple[int, int] = (20, 70),
    site_index: Int[np.ndarray, " drawn"] | None = None,
) -> Mixtures:
    """Average raw spectra of any class, and their coordination numbers likewise.

    The number of members is uniform over `sizes`, and so is the choice of sites; members are
    drawn without replacement where there are that many sites to draw from, else with replacement.

    Parameters
    ----------
    intensity
        Raw spectra on one scale, not normalised; shape (site, energy).
    coordination
        Coordination number of every site; shape (site,).
    count
        Number of mixtures.
    seed
        The same seed gives the same mixtures.
    sizes
        Least and greatest number of members, both included.
    site_index
        Sites to draw from, as rows of `intensity`: one part of a split. None for all.

    Returns
    -------
    Mixtures
        The target is the averaged coordination number; members are rows of `intensity`.

    Raises
    ------
    UsageError
        If `count`, `sizes` or `site_index` is impossible.
    NearedgeError
        If a site to draw from has a spectrum or a coordination number that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> raw = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]])
    >>> mixtures = regressor_mixtures(raw, np.array([0, 2, 4]), count=1, seed=0, sizes=(3, 3))
    >>> mixtures.intensity, mixtures.target
    (array([[2., 2.]]), array([2.]))
    """
    pool = drawing_pool(intensity, coordination, site_index)
    if not np.all(np.isfinite(coordination[pool])):
        raise NearedgeError(
            f"site {pool[np.argmin(np.isfinite(coordination[pool]))]} has no finite coordination "
            "number: leave it out of the sites to draw from"
        )
    rng = np.random.default_rng(seed)
    size = draw_sizes(rng, count, sizes)
    places = draw_places(rng, np.full(count, len(pool)), size, sizes[1])
    members = np.where(places < 0, -1, pool[places])
    target = np.where(members < 0, 0.0, coordination[members]).sum(axis=1) / size
    return average(intensity, target, members, size)


def class_fractions(
    mixtures: Mixtures, environment: Int[np.ndarray, " site"], classes: int
) -> Float[np.ndarray, "mixture class"]:
    """Give the share of every class in every mixture.

    Parameters
    ----------
    mixtures
        Mixtures whose members are sites of the library.
    environment
        Class code of every site of the library; shape (site,).
    classes
        Number of classes; codes run from 0 to `classes` - 1.

    Returns
    -------
    fractions
        Shape (mixture, class); each row sums to 1.

    Raises
    ------
    NearedgeError
        If a member's code is not one of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> environment = np.array([0, 2, 2, 2])
    >>> mixtures = regressor_mixtures(np.zeros((4, 1)), environment, 1, seed=0, sizes=(4, 4))
    >>> class_fractions(mixtures, environment, classes=3)
    array([[0.25, 0.  , 0.75]])
    """
    mixture, member = np.nonzero(mixtures.members >= 0)
    site = mixtures.members[mixture, member]
    code = environment[site]
    known = (code >= 0) & (code < classes)
    if not np.all(known):
        wrong = site[np.argmin(known)]
        raise NearedgeError(
            f"site {wrong} has class code {environment[wrong]}, outside 0 to {classes - 1}: "
            "give the number of classes of the library's label scheme"
        )
    count = len(mixtures.members)
    shares = np.bincount(
        mixture * classes + code,
        weights=mixtures.weights[mixture, member],
        minlength=count * classes,
    )
    return shares.reshape(count, classes)


def average(
    intensity: Float[np.ndarray, "site energy"],
    target: Real[np.ndarray, " mixture"],
    members: Int[np.ndarray, "mixture member"],
    size: Int[np.ndarray, " mixture"],
) -> Mixtures:
    """Average the spectra of the members with equal weights, in double precision."""
    from scipy.sparse import csr_array

    weights = np.where(members < 0, 0.0, 1.0 / size[:, None])
    real = members >= 0
    ends = np.concatenate([[0], np.cumsum(size)])
    shape = (len(members), len(intensity))
    average = csr_array((weights[real], members[real], ends), shape=shape)
    return Mixtures(average @ intensity.astype(np.float64), target, members, weights)
