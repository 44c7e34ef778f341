"""The figure of the transfer between engines: accuracy against the number of finishing sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nearedge.studies.style import (
    FAINT,
    SINGLE_COLUMN_mm,
    add_axes,
    label_ends,
    new_figure,
    styled,
)

# By method in the order of the study: colour and line.
_CURVES = (
    ("#d55e00", "-", "o", 1.6),
    ("#0072b2", (0, (4.0, 1.5)), "s", 1.0),
    ("#009e73", (0, (6.0, 1.5, 1.0, 1.5)), "D", 1.0),
    ("#6b6b6b", (0, (1.0, 1.4)), "^", 1.0),
)
_BESIDE = 0.06


@styled
def figure_transfer(accuracy: Mapping[str, Mapping[str, Sequence[float]]], seeds: int) -> Figure:
    """Draw medians over seeds with their range.

    Parameters
    ----------
    accuracy
        By method and number of finishing sites, the accuracies of all seeds; numbers that are no
        numbers ("all") are left out.
    seeds
        For the title.
    """
    figure = new_figure(SINGLE_COLUMN_mm, 65.0)
    axes = add_axes(figure, 13.0, 6.0, 45.0, 48.0)
    numbers = sorted({int(n) for by in accuracy.values() for n in by if n.isdigit()})
    ends = []
    for (method, by_count), (colour, line, marker, width) in zip(
        accuracy.items(), _CURVES, strict=False
    ):
        held = [n for n in numbers if str(n) in by_count]
        if not held:
            continue
        # One place for each number: 0 and 5 would stand on each other on a scale of sites.
        x = [numbers.index(n) for n in held]
        values = [100 * np.asarray(by_count[str(n)]) for n in held]
        middle = [float(np.median(v)) for v in values]
        low = [m - v.min() for m, v in zip(middle, values, strict=True)]
        high = [v.max() - m for m, v in zip(middle, values, strict=True)]
        # Side by side, so that no range hides another.
        beside = np.asarray(x) + _BESIDE * (len(ends) - (len(accuracy) - 1) / 2)
        axes.errorbar(
            beside, middle, yerr=[low, high], color=colour, linestyle=line, linewidth=width,
            marker=marker, markersize=3, elinewidth=0.6,
        )  # fmt: skip
        ends.append((middle[-1], method.replace(" from ", "\nfrom "), colour))
    axes.set_xticks(range(len(numbers)), [str(n) for n in numbers])
    axes.set_xlim(-0.3, len(numbers) - 0.8)
    axes.set_ylim(None, 100)
    axes.set_xlabel("Sites used for finishing")
    axes.set_ylabel("Accuracy on unseen sites (%)")
    axes.set_title(f"median and range of {seeds} fold seeds", color=FAINT)
    axes.grid(axis="y", linewidth=0.3, color="#dddddd")
    label_ends(axes, ends)
    return figure
