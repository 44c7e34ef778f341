"""Conformal p-values by group: how unusual a score is for a unit of a group never seen.

Sites of one trajectory resemble each other, so a new trajectory is one draw among trajectories and
not many draws among sites. Everything here therefore counts groups: each weighs the same, however
many sites it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.errors import NearedgeError

#: With fewer calibration groups than this, no quantile of them has a coverage of 0.9:
#: 0.9 (G + 1) <= G holds from G = 9.
LEAST_GROUPS = 9


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """p-value of every score, as a step function.

    Attributes
    ----------
    scores
        Distinct scores of the calibration units, increasing; shape (step,).
    p_values
        For a score above the previous step and up to this one; never increasing; shape (step,).
    beyond
        p-value of a score above all of them.
    """

    scores: Float[np.ndarray, " step"]
    p_values: Float[np.ndarray, " step"]
    beyond: float

    def p_value(self, score: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """p-value of new scores; NaN counts as beyond all."""
        steps = np.append(self.p_values, self.beyond)
        return steps[np.searchsorted(self.scores, score)]

    def thinned(self) -> GroupCurve:
        """A smaller table that never states a lower p-value; a few hundred steps at most.

        Steps that are merged take the p-value of the first of them. They lie within 0.5 % of one
        another, and below 0.25 within 2 % of their own size.
        """
        level = np.where(
            self.p_values > 0.25, self.p_values / 0.005, 50 + np.log(self.p_values / 0.25) / 0.02
        )
        last = np.flatnonzero(np.diff(np.floor(level), append=-np.inf))
        first = np.append(0, last[:-1] + 1)
        return GroupCurve(self.scores[last], self.p_values[first], self.beyond)

    def threshold(self, level: float) -> float:
        """Largest score whose p-value is above `level`; infinite if every one's is."""
        if self.beyond > level:
            return float("inf")
        kept = np.flatnonzero(self.p_values > level)
        return float(self.scores[kept[-1]]) if kept.size else float("-inf")


def group_curve(
    scores: Float[np.ndarray, " unit"],
    group: Shaped[np.ndarray, " unit"],
    weight: Float[np.ndarray, " unit"] | None = None,
) -> GroupCurve:
    """Fit p-values to the scores of calibration units, each group weighing the same.

    With m_g(s) the (weighted) share of group g's units that score s or more, and G groups, the
    p-value is

        p(s) = (m_1(s) + ... + m_G(s) + max_g m_g(s)) / (G + 1),

    and not below 1 / (units + 1). The new group enters as if it were missed as often as the worst
    group of the library. Then, for exchangeable groups and any `level` a: the share of a new
    group's units with p <= a, counted as zero for a group that fares worse at the threshold than
    every calibration group, is at most a on average. Such a group comes with probability about
    1 / (G + 1). Taking 1 for the maximum would cover that case as well, but then says nothing
    below 1 / (G + 1) and is far too wide with a dozen groups; docs/decisions/0060 has the proof.

    Parameters
    ----------
    scores
        Higher is more unusual.
    group
        Group of every unit.
    weight
        Of every unit within its group, positive; only their ratios matter. None: all alike.

    Raises
    ------
    NearedgeError
        If there is no unit, or a score is not finite.

    References
    ----------
    Y. Lee, R. F. Barber and R. Willett, "Distribution-free inference with hierarchical data",
    arXiv:2306.06342 (2023); A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei and T. Schuster,
    "Conformal risk control", ICLR 2024.

    Examples
    --------
    >>> curve = group_curve(np.array([1.0, 2.0, 3.0, 4.0]), np.array(["a", "a", "b", "b"]))
    >>> curve.p_value(np.array([0.0, 2.5, 3.5, 5.0])).round(3)
    array([1.   , 0.667, 0.333, 0.2  ])
    """
    if not scores.size or not np.isfinite(scores).all():
        raise NearedgeError(
            f"{scores.size} calibration scores, {int((~np.isfinite(scores)).sum())} of them not "
            "finite: give at least one, and only finite ones"
        )
    weight = np.ones_like(scores) if weight is None else weight
    steps = np.unique(scores)
    names, code = np.unique(group, return_inverse=True)
    total, worst = np.zeros(steps.size), np.zeros(steps.size)
    for number in range(names.size):
        own = np.flatnonzero(code == number)
        own = own[np.argsort(scores[own])]
        # Summed from the top, so that what remains at the highest score is exact.
        above = np.append(np.cumsum(weight[own][::-1])[::-1], 0.0)
        missed = above[np.searchsorted(scores[own], steps)] / above[0]
        total += missed
        np.maximum(worst, missed, out=worst)
    least = 1.0 / (scores.size + 1)
    return GroupCurve(steps, np.maximum((total + worst) / (names.size + 1), least), least)
