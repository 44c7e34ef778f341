"""How often a classifier is right, against the probability it states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    FAINT,
    PART_COLOURS,
    SINGLE_COLUMN_mm,
    add_axes,
    new_figure,
    styled,
)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probability that a classifier gave its answers, and whether they were right.

    Parameters
    ----------
    probability
        Of the most probable environment; shape (spectrum,).
    correct
        Shape (spectrum,).

    Raises
    ------
    NearedgeError
        If the two differ in shape, or a probability is not between 0 and 1.
    """

    probability: Float[np.ndarray, " spectrum"]
    correct: Bool[np.ndarray, " spectrum"]

    def __post_init__(self) -> None:
        if self.probability.shape != self.correct.shape or not self.correct.size:
            raise NearedgeError(
                "reliability needs one probability per answer and at least one, got "
                f"{self.probability.shape} and {self.correct.shape}"
            )
        if not ((self.probability >= 0) & (self.probability <= 1 + 1e-6)).all():
            raise NearedgeError("probabilities must lie between 0 and 1")


@styled
def figure_reliability(pooled: Reliability, held_out: Reliability, bins: int = 8) -> Figure:
    """Draw how often answers are right against the probability they were given with.

    Parameters
    ----------
    pooled, held_out
        Test answers of each protocol.
    bins
        Groups of equally many answers, sorted by probability; answers of one probability stay
        together.

    Returns
    -------
    Figure
        One column wide, one panel; bars are 95 % Wilson intervals.
    """
    figure = new_figure(SINGLE_COLUMN_mm, 70.0)
    axes = add_axes(figure, 12.0, 3.0, 68.0, 58.0)
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.7)
    panels = (("test", "pooled", pooled), ("held-out", "held-out", held_out))
    for part, name, answers in panels:
        probability, share, low, high = binned(answers, bins)
        axes.errorbar(
            100 * probability,
            100 * share,
            100 * np.stack([share - low, high - share]),
            color=PART_COLOURS[part],
            marker="o",
            markersize=3,
            elinewidth=0.7,
            linestyle="none",
            label=name,
        )
    axes.set(xlim=(0, 101), ylim=(0, 101))
    axes.set_xlabel("Probability of the most probable environment (%)")
    axes.set_ylabel("Answers that are right (%)")
    for height, (part, name, answers) in zip((0.97, 0.90), panels, strict=True):
        axes.annotate(
            f"{name} ({answers.correct.size} answers)",
            (0.03, height),
            xycoords="axes fraction",
            va="top",
            color=PART_COLOURS[part],
        )
    return figure


def binned(
    answers: Reliability, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of right answers and its Wilson interval, in each of the bins."""
    edges = np.unique(np.quantile(answers.probability, np.linspace(0, 1, bins + 1)))
    index = np.clip(np.searchsorted(edges, answers.probability, side="right") - 1, 0, None)
    index = np.minimum(index, max(len(edges) - 2, 0))
    count = np.bincount(index)
    kept = count > 0
    number = count[kept].astype(float)
    probability = np.bincount(index, answers.probability)[kept] / number
    share = np.bincount(index, answers.correct)[kept] / number
    z = 1.96
    centre = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2)) / (1 + z**2 / number)
    low, high = np.minimum(centre - half, share), np.maximum(centre + half, share)
    return probability, share, low, high
