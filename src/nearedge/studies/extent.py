"""How much of a study is done: seeds, sweeps, and the share of epochs and mixtures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nearedge.models.settings import TrainingSettings
from nearedge.studies.paper import SETTINGS


@dataclass(frozen=True)
class Extent:
    """How much of the study is done.

    Attributes
    ----------
    seeds
        Every number is a median over them.
    effort
        Share of the paper's mixtures, and of the epochs but for those of its regressor.
    hidden
        Widths of figure 3a.
    examples
        Numbers of mixtures of figure 3b.
    averaged
        Numbers of raw spectra in a mixture, of the curve against them.
    subsets
        How many subsets of the training groups, at most, are trained on.
    learning_rates
        Of figures 4a and 4b.
    """

    seeds: tuple[int, ...] = (0,)
    effort: float = 1.0
    hidden: tuple[tuple[int, int], ...] = tuple((n, n - 2) for n in range(4, 11))
    examples: tuple[int, ...] = tuple(range(1000, 10001, 1000))
    learning_rates: tuple[float, ...] = (0.01, 0.001)
    averaged: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    subsets: int = 6


EXTENTS = {
    "quick": Extent(
        effort=0.3,
        hidden=((4, 2), (8, 6)),
        examples=(1000, 10000),
        averaged=(1, 8, 64),
        subsets=3,
    ),
    "default": Extent(),
    "full": Extent(seeds=(0, 1, 2, 3, 4), hidden=tuple((n, n - 2) for n in range(4, 17))),
}
"""``nearedge reproduce --quick``, without an option, and ``--full``."""


def scaled_settings(task: str, size: Extent) -> TrainingSettings:
    """Settings of the paper for a task, with the epochs of an extent.

    The regressor keeps all its epochs: they take a second, and with fewer it has learnt nothing.
    """
    share = size.effort if task == "classifier" else 1.0
    return replace(SETTINGS[task], epochs=max(1, round(SETTINGS[task].epochs * share)))
