"""How far answers on unseen groups can be trusted, in four panels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nearedge.studies._figure_reliability import Reliability, binned
from nearedge.studies.style import (
    FAINT,
    INK,
    PART_COLOURS,
    DOUBLE_COLUMN_mm,
    add_axes,
    environment_colours,
    new_figure,
    panel_letter,
    styled,
)
from nearedge.studies.trust import KINDS, Trust, range_by_groups, surest

_KIND_COLOURS = ("#d55e00", "#009e73", "#0072b2")


@styled
def figure_trust(trust: Trust, coverage: float) -> Figure:
    """Draw reliability, coverage by class, abstaining, and errors of the coordination number.

    Parameters
    ----------
    trust
        Statements on groups that calibration did not use, and what was so.
    coverage
        That sets and intervals were made for.

    Returns
    -------
    Figure
        Two columns wide, four panels. Bars are 95 % intervals: Wilson's in panel a, by bootstrap
        over groups in panel b.
    """
    figure = new_figure(DOUBLE_COLUMN_mm, 132.0)
    places = [(15.0, 8.0, 66.0), (107.0, 8.0, 54.0), (15.0, 74.0, 66.0), (107.0, 74.0, 66.0)]
    draw = (_reliability, _coverage, _abstaining, _errors)
    for letter, place, panel in zip("abcd", places, draw, strict=True):
        axes = add_axes(figure, *place, 46.0)
        panel(axes, trust, coverage)
        panel_letter(axes, letter)
    return figure


def _reliability(axes: Axes, trust: Trust, coverage: float) -> None:
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.7)
    series = (
        ("as trained", PART_COLOURS["train"], trust.raw),
        ("calibrated", PART_COLOURS["held-out"], trust.calibrated),
    )
    for height, (name, colour, probabilities) in zip((0.97, 0.88), series, strict=True):
        right = probabilities.argmax(axis=1) == trust.environment
        probability, share, low, high = binned(Reliability(probabilities.max(axis=1), right), 6)
        axes.errorbar(
            100 * probability,
            100 * share,
            100 * np.stack([share - low, high - share]),
            color=colour,
            marker="o",
            markersize=3,
            elinewidth=0.7,
            linestyle="none",
        )
        axes.annotate(name, (0.03, height), xycoords="axes fraction", va="top", color=colour)
    axes.set(xlim=(0, 101), ylim=(0, 101))
    axes.set_title("Probabilities")
    axes.set_xlabel("Probability of the most probable environment (%)")
    axes.set_ylabel("Answers that are right (%)")


def _coverage(axes: Axes, trust: Trust, coverage: float) -> None:
    colours = environment_colours(trust.classes)
    covered, size = trust.covered.astype(float), trust.in_set.sum(axis=1)
    rows = [("all", INK, np.ones(len(covered), bool))] + [
        (label, colours[label], trust.environment == code)
        for code, label in enumerate(trust.classes)
        if np.any(trust.environment == code)
    ]
    axes.axvline(100 * coverage, color=FAINT, linewidth=0.7)
    for row, (_, colour, own) in enumerate(rows):
        low, high = range_by_groups(covered[own], trust.group[own], seed=0)
        axes.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=0.8)
        axes.plot(100 * covered[own].mean(), row, "o", color=colour, markersize=3.5)
        axes.annotate(
            f"{size[own].mean():.1f}",
            (1.03, row),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )
    axes.annotate(
        "set size", (1.03, -0.75), xycoords=("axes fraction", "data"), annotation_clip=False
    )
    axes.set_yticks(range(len(rows)), [f"{name} ({int(own.sum())})" for name, _, own in rows])
    axes.set(xlim=(0, 101), ylim=(len(rows) - 0.5, -0.5))
    axes.set_title("Prediction sets by environment (sites)")
    axes.set_xlabel("Sets that hold the environment (%)")


def _abstaining(axes: Axes, trust: Trust, coverage: float) -> None:
    accuracy = surest(trust)
    answered = np.arange(1, len(accuracy) + 1) / len(accuracy)
    # The first few answers alone say nothing.
    shown = answered >= 0.05
    axes.plot(100 * answered[shown], 100 * accuracy[shown], color=PART_COLOURS["held-out"])
    axes.set(xlim=(0, 100), ylim=(0, 101))
    axes.set_title("Answering only the surest")
    axes.set_xlabel("Sites answered, the surest first (%)")
    axes.set_ylabel("Answers that are right (%)")


def _errors(axes: Axes, trust: Trust, coverage: float) -> None:
    axes.axhline(0, color=FAINT, linewidth=0.7)
    for kind, (name, colour) in enumerate(zip(KINDS, _KIND_COLOURS, strict=True)):
        own = trust.kind == kind
        inside = np.mean(np.abs(trust.error[own]) <= trust.half_width[own])
        axes.plot(
            trust.coordination[own],
            trust.error[own],
            "o",
            color=colour,
            markersize=1.5,
            alpha=0.5,
            markeredgewidth=0,
        )
        axes.annotate(
            f"{name}: {inside:.0%} within the interval",
            (0.98, 0.99 - 0.09 * kind),
            xycoords="axes fraction",
            va="top",
            ha="right",
            color=colour,
        )
    axes.set_title("Average coordination number")
    top = 1.1 * float(np.abs(trust.error).max())
    # Room for three lines of text above the points.
    axes.set_ylim(-top, 1.7 * top)
    axes.set_xlabel("True number of neighbours")
    axes.set_ylabel("Answer minus truth")
