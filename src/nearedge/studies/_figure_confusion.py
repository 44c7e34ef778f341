"""Confusion matrices of both protocols."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    FAINT,
    INK,
    DOUBLE_COLUMN_mm,
    SMALL_pt,
    add_axes,
    new_figure,
    panel_letter,
    styled,
)

_BLUES = LinearSegmentedColormap.from_list("share", ["#f7f9fb", "#8fbfdd", "#0072b2", "#003a5c"])


@styled
def figure_confusion(
    labels: tuple[str, ...],
    pooled: Int[np.ndarray, "label label"],
    held_out: Int[np.ndarray, "label label"],
) -> Figure:
    """Draw the confusion matrices of both protocols: counts, coloured by their share of the row.

    Parameters
    ----------
    labels
        All labels of the scheme; a label without a true example has an empty row.
    pooled, held_out
        Counts of test averages and of raw sites; shape (true label, predicted label).

    Returns
    -------
    Figure
        Two columns wide, two panels and a colour bar.

    Raises
    ------
    NearedgeError
        If a matrix does not have one row and one column per label, or a count is negative.
    """
    figure = new_figure(DOUBLE_COLUMN_mm, 82.0)
    panels = (("a", "Pooled", "averages", pooled), ("b", "Held-out", "sites", held_out))
    for place, (letter, protocol, unit, counts) in enumerate(panels):
        if counts.shape != (len(labels), len(labels)) or counts.min(initial=0) < 0:
            raise NearedgeError(
                f"{protocol.lower()} confusion matrix: expected counts of shape "
                f"({len(labels)}, {len(labels)}), one row per label, got {counts.shape}"
            )
        axes = add_axes(figure, 20.0 + place * 74.0, 8.0, 62.0, 62.0)
        total = int(counts.sum())
        right = f"{100 * np.trace(counts) / total:.1f} % of {total} {unit}" if total else "no test"
        axes.set_title(f"{protocol}: {right} right", pad=5)
        panel_letter(axes, letter)
        _draw_matrix(axes, labels, counts)
        axes.set_xlabel("Predicted environment")
        if place == 0:
            axes.set_ylabel("True environment")
        axes.tick_params(labelleft=place == 0)
    bar = figure.colorbar(axes.images[0], cax=add_axes(figure, 160.0, 8.0, 2.5, 62.0))
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.set_label("Share of the true environment")
    return figure


def _draw_matrix(axes: Axes, labels: tuple[str, ...], counts: np.ndarray) -> None:
    totals = counts.sum(axis=1)
    share = counts / np.maximum(totals, 1)[:, None]
    axes.imshow(share, cmap=_BLUES, vmin=0, vmax=1, aspect="auto")
    names = [label.replace(" ", "\n") if len(label) > 6 else label for label in labels]
    axes.set_xticks(range(len(labels)), names)
    axes.set_yticks(range(len(labels)), names)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = "white" if share[row, column] > 0.5 else INK
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    for row in np.flatnonzero(totals == 0):
        axes.text(
            (len(labels) - 1) / 2,
            float(row),
            "no example",
            ha="center",
            va="center",
            color=FAINT,
            fontsize=SMALL_pt,
        )
