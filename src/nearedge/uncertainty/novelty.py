"""Whether a spectrum is like the library's at all: one p-value from four scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.uncertainty.groups import GroupCurve, group_curve

#: Spectra with a p-value up to this are flagged.
NOVELTY_LEVEL = 0.05
# p-values are raised by this factor. Where they lie is itself known from few trajectories, and
# without a margin the false alarms of every other library would be more than stated.
_MARGIN = 1.1


@dataclass(frozen=True, eq=False)
class Novelty:
    """p-value of a spectrum under the hypothesis that it is of the library's kind.

    Attributes
    ----------
    tails
        Share of the calibration units that score as much or more, by component.
    curves
        p-value of the least share, turned round (minus its logarithm): for single sites, averages
        of few and averages of many sites.
    """

    tails: tuple[GroupCurve, ...]
    curves: tuple[GroupCurve, ...]

    def shares(self, scores: Float[np.ndarray, "n component"]) -> Float[np.ndarray, "n component"]:
        """Share of the calibration units that score as much or more."""
        return _shares(self.tails, scores)

    def p_value(self, scores: Float[np.ndarray, "n component"]) -> Float[np.ndarray, " n"]:
        """p-values of spectra with these scores.

        How many sites a spectrum averages is not known, so it counts as novel only if it is so as
        a single site, as an average of few and as one of many: the largest of the three p-values.
        """
        unusual = -np.log(self.shares(scores).min(axis=1))
        highest = np.max([curve.p_value(unusual) for curve in self.curves], axis=0)
        return np.minimum(_MARGIN * highest, 1.0)


def fit_novelty(
    scores: Float[np.ndarray, "unit component"],
    group: Shaped[np.ndarray, " unit"],
    kind: Int[np.ndarray, " unit"],
    weight: Float[np.ndarray, " unit"],
) -> Novelty:
    """Fit p-values to the scores of units that detectors had not seen.

    The least of the four shares is one number, and calibrated as one: no correction for four
    tests is needed, and none is wasted on scores that go together.

    Parameters
    ----------
    scores
        By detectors that had not seen the units' groups.
    group, kind, weight
        Of every unit; kinds are 0 for single sites, 1 and 2 for averages of few and of many.

    References
    ----------
    S. Bates, E. Candès, L. Lei, Y. Romano and M. Sesia, "Testing for outliers with conformal
    p-values", Ann. Stat. 51, 149 (2023).
    """
    one_group = np.zeros(len(scores), int)
    tails = tuple(group_curve(column, one_group, weight) for column in scores.T)
    unusual = -np.log(_shares(tails, scores).min(axis=1))
    curves = tuple(
        group_curve(unusual[kind == number], group[kind == number]) for number in np.unique(kind)
    )
    return Novelty(tails, curves)


def _shares(
    tails: tuple[GroupCurve, ...], scores: Float[np.ndarray, "n component"]
) -> Float[np.ndarray, "n component"]:
    columns = [tail.p_value(column) for tail, column in zip(tails, scores.T, strict=True)]
    return np.stack(columns, axis=1)
