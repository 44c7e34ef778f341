"""The paper's accuracy, ours pooled and ours held-out in one chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    DPI,
    INK,
    PART_COLOURS,
    SINGLE_COLUMN_mm,
    add_axes,
    new_figure,
    styled,
    text_width_mm,
)

Protocol = Literal["published", "pooled", "held-out"]

_PROTOCOL_COLOURS = {
    "published": INK,
    "pooled": PART_COLOURS["test"],
    "held-out": PART_COLOURS["held-out"],
}
_PROTOCOL_HEADINGS = {
    "published": "Published",
    "pooled": "Pooled: averages that share raw spectra with training",
    "held-out": "Held-out: single sites of unseen {group}",
}


@dataclass(frozen=True, eq=False)
class Score:
    """Accuracy of one method under one protocol.

    Parameters
    ----------
    method
        What is compared, such as "1-nearest-neighbour".
    protocol
        "published" for the paper's own number.
    accuracy
        Fractions, one per seed; shape (seed,).
    cumulative
        The same of the method on the cumulative spectrum, where there is one.

    Raises
    ------
    NearedgeError
        If there is no value, or the protocol is unknown.
    """

    method: str
    protocol: Protocol
    accuracy: Float[np.ndarray, " seed"]
    cumulative: Float[np.ndarray, " seed"] | None = None

    def __post_init__(self) -> None:
        if self.protocol not in _PROTOCOL_COLOURS:
            raise NearedgeError(
                f"{self.method}: unknown protocol {self.protocol!r}; "
                f"known are {', '.join(_PROTOCOL_COLOURS)}"
            )
        if self.accuracy.ndim != 1 or not self.accuracy.size:
            raise NearedgeError(f"{self.method}: give one accuracy per seed, at least one")

    @property
    def best(self) -> float:
        """The better of its medians over seeds."""
        return max(float(np.median(runs)) for runs in self.runs)

    @property
    def runs(self) -> list[Float[np.ndarray, " seed"]]:
        """Accuracies on intensities and, where there are such, on the cumulative spectrum."""
        return [self.accuracy] if self.cumulative is None else [self.accuracy, self.cumulative]


@styled
def figure_protocols(scores: Sequence[Score], group: str = "atoms") -> Figure:
    """Draw the paper's accuracy, ours pooled and ours held-out with all baselines, in one chart.

    Parameters
    ----------
    scores
        Rows of the chart; they are grouped by protocol and keep their order within it.
    group
        As in `figure_regression`.

    Returns
    -------
    Figure
        One column wide, or more where names are long: a dot at the median over seeds, a bar for
        the range, and the value; an open dot and a second value for the cumulative spectrum.

    Raises
    ------
    NearedgeError
        If there is no score.
    """
    if not scores:
        raise NearedgeError("a comparison of protocols needs at least one score; give some")
    groups = {p: [s for s in scores if s.protocol == p] for p in _PROTOCOL_COLOURS}
    groups = {protocol: rows for protocol, rows in groups.items() if rows}
    lines = len(scores) + 1.3 * len(groups)
    left = 7 + max(text_width_mm(score.method) for score in scores)
    two = any(score.cumulative is not None for score in scores)
    values = 19.0 if two else 10.0
    right = max(SINGLE_COLUMN_mm - values, left + 28)
    figure = new_figure(right + values, 4.2 * lines + (17.0 if two else 13.0))
    axes = add_axes(figure, left, 2.0, right - left, 4.2 * lines)
    point = 1 / (right - left)
    lowest = 100 * min(float(runs.min()) for score in scores for runs in score.runs)
    axes.set(xlim=(max(0.0, 10 * np.floor((lowest - 3) / 10)), 101), ylim=(lines - 0.3, -0.3))
    key = "\n● on intensities   ○ on the cumulative spectrum" if two else ""
    axes.set_xlabel(f"Accuracy (%){key}", linespacing=1.6)
    axes.spines.left.set_visible(False)
    axes.tick_params(left=False, labelleft=False)
    row = 0.3
    for protocol, members in groups.items():
        colour = _PROTOCOL_COLOURS[protocol]
        _row_text(
            axes,
            (1 - left) * point,
            row,
            _PROTOCOL_HEADINGS[protocol].format(group=group),
            colour,
            weight="bold",
        )
        row += 1
        for score in members:
            _draw_score(axes, row, score, colour, (3 - left) * point)
            row += 1
        row += 0.3
    return figure


def _draw_score(axes: Axes, row: float, score: Score, colour: str, left: float) -> None:
    axes.axhline(row, color="#e4e4e4", linewidth=0.5, zorder=0)
    _row_text(axes, left, row, score.method, INK)
    width = axes.bbox.width / DPI * 25.4
    for column, runs in enumerate(score.runs):
        percent = 100 * runs
        median = float(np.median(percent))
        place = row + (0.0 if len(score.runs) == 1 else (-0.17, 0.17)[column])
        ends = [percent.min(), percent.max()]
        axes.plot(ends, [place, place], color=colour, linewidth=1.8, alpha=0.4)
        axes.plot(
            [median],
            [place],
            "o",
            color=colour,
            markerfacecolor="white" if column else colour,
            markersize=3.4,
            markeredgewidth=0.8,
            clip_on=False,
            label=f"{score.method}, cumulative" if column else score.method,
        )
        _row_text(axes, 1 + (2.5 + 8.5 * column) / width, row, f"{median:.1f}", colour)


def _row_text(
    axes: Axes, x: float, row: float, text: str, colour: str, weight: str = "normal"
) -> None:
    axes.annotate(
        text,
        (x, row),
        xycoords=("axes fraction", "data"),
        va="center",
        color=colour,
        fontweight=weight,
        annotation_clip=False,
    )
