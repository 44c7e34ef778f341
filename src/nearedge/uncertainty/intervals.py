"""Intervals for numbers read from spectra of unknown mixtures of sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.models.preprocessing import unit_mean
from nearedge.uncertainty.groups import GroupCurve, group_curve

_ROUNDS = 20
# Residuals are never trusted to be smaller than this share of their root mean square.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class Distance:
    """How far a spectrum is from the mean spectrum of the library, in units of a typical site.

    Attributes
    ----------
    reference
        Mean of the area-normalised spectra of the library's sites; shape (energy,).
    typical
        Root mean square over sites and energies of their difference from it.
    """

    reference: Float[np.ndarray, " energy"]
    typical: float

    def of(self, intensity: Float[np.ndarray, "spectrum energy"]) -> Float[np.ndarray, " spectrum"]:
        """Distances: about 1 for a site, about n**-0.5 for an average of n sites."""
        difference = unit_mean(intensity.astype(np.float64)) - self.reference
        return np.sqrt((difference**2).mean(axis=1)) / self.typical


def fit_distance(intensity: Float[np.ndarray, "site energy"]) -> Distance:
    """Fit to the sampled spectra of the sites that a model is trained on.

    Examples
    --------
    >>> fit_distance(np.array([[1.0, 3.0], [3.0, 1.0]])).of(np.array([[2.0, 2.0], [4.0, 12.0]]))
    array([0., 1.])
    """
    spectra = unit_mean(intensity.astype(np.float64))
    reference = spectra.mean(axis=0)
    typical = float(np.sqrt(((spectra - reference) ** 2).mean()))
    return Distance(reference, max(typical, 1e-12))


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals whose width follows from how many sites a spectrum seems to average.

    Attributes
    ----------
    floor, slope
        The expected squared residual is ``floor + slope * distance**2``.
    edges
        Distances that part spectra like those of many, of few and of single sites.
    curves
        p-value of a residual divided by its expected size, for each of the three.
    """

    floor: float
    slope: float
    edges: Float[np.ndarray, " edge"]
    curves: tuple[GroupCurve, ...]

    def expected(self, distance: Float[np.ndarray, " spectrum"]) -> Float[np.ndarray, " spectrum"]:
        """Expected size of a residual."""
        return np.sqrt(self.floor + self.slope * distance**2)

    def half_width(
        self, distance: Float[np.ndarray, " spectrum"], coverage: float
    ) -> Float[np.ndarray, " spectrum"]:
        """Half width of the interval; infinite where so few units, as 8 for 0.9, calibrate it."""
        limits = np.array([curve.threshold(1.0 - coverage) for curve in self.curves])
        return limits[np.searchsorted(self.edges, distance)] * self.expected(distance)


def fit_intervals(
    residual: Float[np.ndarray, " unit"],
    distance: Float[np.ndarray, " unit"],
    group: Shaped[np.ndarray, " unit"],
    weight: Float[np.ndarray, " unit"],
) -> Intervals:
    """Fit intervals to answers on mixtures and single sites that the networks had not seen.

    An average of n sites is off by their mean residual, whose square shrinks as 1/n down to what
    the sites have in common, and so does the squared distance of its spectrum from the mean
    spectrum. Hence the straight line between the two squares; n itself need not be known. It is
    fitted by iterated weighted least squares (squares scatter in proportion to their mean), and
    what it gets wrong conformal curves of the scaled residuals make up for: one for each third of
    the distances, so that neither single sites nor averages are covered at the other's expense.

    Parameters
    ----------
    residual
        Answer minus truth.
    distance
        From the mean spectrum of the sites that the model at hand was trained on.
    group
        Group of every unit.
    weight
        Of every unit within its group.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, "Distribution-free predictive
    inference for regression", J. Am. Stat. Assoc. 113, 1094 (2018), section 5.2; V. Vovk,
    D. Lindsay, I. Nouretdinov and A. Gammerman, "Mondrian confidence machine" (2003).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sites = rng.integers(1, 70, size=4000)
    >>> intervals = fit_intervals(
    ...     rng.normal(size=4000) / sites**0.5, sites**-0.5, np.arange(4000), np.ones(4000)
    ... )
    >>> intervals.half_width(np.array([1.0, 0.1]), coverage=0.9).round(1)
    array([1.7, 0.2])
    """
    squares, terms = residual**2, np.stack([np.ones_like(distance), distance**2], axis=1)
    least = max(_LEAST_SHARE**2 * float(squares.mean()), 1e-12)
    expected = np.full_like(squares, max(float(squares.mean()), least))
    coefficients = np.array([least, 0.0])
    for _ in range(_ROUNDS):
        coefficients = _positive_line(terms, squares, weight / expected**2)
        expected = np.maximum(terms @ coefficients, least)
    floor, slope = max(float(coefficients[0]), least), float(coefficients[1])
    scores = np.abs(residual) / np.sqrt(floor + slope * distance**2)
    order = np.argsort(distance, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    edges = distance[order][np.searchsorted(share, [1 / 3, 2 / 3])]
    third = np.searchsorted(edges, distance)
    curves = [
        group_curve(scores[third == part], group[third == part], weight[third == part])
        for part in range(len(edges) + 1)
        if (third == part).any()
    ]
    # Distances that are all alike leave thirds empty.
    full = len(curves) == len(edges) + 1
    return Intervals(
        floor,
        slope,
        edges if full else np.empty(0),
        tuple(curves) if full else (group_curve(scores, group, weight),),
    )


def _positive_line(
    terms: Float[np.ndarray, "unit 2"],
    values: Float[np.ndarray, " unit"],
    weight: Float[np.ndarray, " unit"],
) -> Float[np.ndarray, " coefficient"]:
    """Least squares for two coefficients that are not negative: free, or with one of them zero."""
    moments, target = terms.T @ (weight[:, None] * terms), terms.T @ (weight * values)
    free, *_ = np.linalg.lstsq(moments, target, rcond=None)
    if (free >= 0).all():
        return free
    alone = np.maximum(target, 0.0) / np.maximum(np.diag(moments), 1e-300)
    gain = alone * target
    return np.where(np.arange(2) == gain.argmax(), alone, 0.0)
