"""Prediction sets: the environments that a spectrum leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from nearedge.uncertainty.groups import LEAST_GROUPS, GroupCurve, group_curve


@dataclass(frozen=True, eq=False)
class Sets:
    """p-value of every environment.

    Attributes
    ----------
    curves
        One per class, None for a class that too few groups hold.
    pooled
        For the classes without a curve of their own: fitted to the sites of all classes.
    """

    curves: tuple[GroupCurve | None, ...]
    pooled: GroupCurve

    def p_value(
        self, probabilities: Float[np.ndarray, "spectrum class"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """p-value of the hypothesis that a site is of each class."""
        columns = [
            (curve or self.pooled).p_value(1.0 - column)
            for curve, column in zip(self.curves, probabilities.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def members(
        self, probabilities: Float[np.ndarray, "spectrum class"], coverage: float
    ) -> Bool[np.ndarray, "spectrum class"]:
        """Which classes are in each set.

        The most probable class always is, so no set is empty; that can only add coverage.
        """
        inside = self.p_value(probabilities) > 1.0 - coverage
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside


def fit_sets(
    probabilities: Float[np.ndarray, "site class"],
    environment: Int[np.ndarray, " site"],
    group: Shaped[np.ndarray, " site"],
) -> Sets:
    """Fit prediction sets to answers on sites that the networks had not seen.

    The score of a class is 1 minus its probability, which gives the smallest sets (LAC). A class
    that at least 9 groups hold is calibrated on its own sites, so that its coverage holds for this
    class by itself; the others share one curve.

    Parameters
    ----------
    probabilities
        Calibrated, out of fold.
    environment
        True class codes.
    group
        Group of every site.

    References
    ----------
    M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous set-valued classifiers with bounded error
    levels", J. Am. Stat. Assoc. 114, 223 (2019).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group, environment = np.arange(200), np.arange(200) % 2
    >>> first = np.clip(rng.normal(0.6 - 0.2 * environment, 0.2), 0, 1)
    >>> said = np.stack([first, 1 - first], axis=1)
    >>> sets = fit_sets(said, environment, group)
    >>> sets.members(np.array([[0.99, 0.01], [0.5, 0.5]]), coverage=0.9).astype(int)
    array([[1, 0],
           [1, 1]])
    """
    scores = 1.0 - probabilities[np.arange(len(environment)), environment]
    curves = []
    for code in range(probabilities.shape[1]):
        own = environment == code
        enough = np.unique(group[own]).size >= LEAST_GROUPS
        curves.append(group_curve(scores[own], group[own]) if enough else None)
    return Sets(tuple(curves), group_curve(scores, group))
