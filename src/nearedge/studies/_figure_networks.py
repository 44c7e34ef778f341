"""Figure 2: the two networks of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    FAINT,
    INK,
    DOUBLE_COLUMN_mm,
    SMALL_pt,
    TEXT_pt,
    add_axes,
    environment_colours,
    new_figure,
    styled,
)

_INPUTS_SHOWN = 10
_NODE_mm = 1.35
_LAYERS_mm = (21.0, 37.5, 52.0, 65.0)
_HEIGHT_mm = 58.0


@styled
def figure_networks(
    labels: tuple[str, ...],
    site_spectrum: Float[np.ndarray, " input"],
    mixture_spectrum: Float[np.ndarray, " input"],
    hidden: tuple[int, int] = (8, 6),
) -> Figure:
    """Draw the classifier and the regressor with their nodes, inputs and outputs.

    Parameters
    ----------
    labels
        All labels of the scheme: the outputs of the classifier.
    site_spectrum, mixture_spectrum
        An input of each network, drawn at its left; its length is the number of inputs.
    hidden
        Nodes of the two hidden layers.

    Returns
    -------
    Figure
        Two columns wide, two axes of networks with one small axes for each spectrum.

    Raises
    ------
    NearedgeError
        If the two spectra differ in length.
    """
    if site_spectrum.shape != mixture_spectrum.shape:
        raise NearedgeError(
            f"both networks take the same inputs, but the spectra have {site_spectrum.size} and "
            f"{mixture_spectrum.size} points; take both on one grid"
        )
    figure = new_figure(DOUBLE_COLUMN_mm, _HEIGHT_mm + 3.0)
    colours = environment_colours(labels)
    outputs = (
        ("a", "Site → environment", "softmax", labels, [colours[label] for label in labels]),
        (
            "b",
            "Sample → average coordination number",
            "linear",
            ("average\ncoordination\nnumber",),
            [INK],
        ),
    )
    spectra = ((site_spectrum, "one site"), (mixture_spectrum, "average over\nmany sites"))
    for place, (output, (spectrum, what)) in enumerate(zip(outputs, spectra, strict=True)):
        left = place * 90.0
        letter, title, activation, names, output_colours = output
        axes = add_axes(figure, left, 1.5, 85.0, _HEIGHT_mm)
        axes.set_axis_off()
        axes.set(xlim=(0, 85), ylim=(0, _HEIGHT_mm))
        axes.text(1, _HEIGHT_mm - 1, letter, fontsize=TEXT_pt + 1, fontweight="bold", va="top")
        axes.text(5, _HEIGHT_mm - 1, title, va="top")
        sizes = (spectrum.size, *hidden, len(names))
        _draw_network(axes, sizes, activation, names, output_colours)
        icon = add_axes(figure, left + 2.0, 22.0, 14.0, 13.0)
        _draw_input(icon, spectrum, what)
    return figure


def _draw_network(
    axes: Axes,
    sizes: tuple[int, ...],
    activation: str,
    names: Sequence[str],
    output_colours: Sequence[str],
) -> None:
    middle = _HEIGHT_mm / 2
    heights = [_heights(size) + middle for size in sizes]
    for (left, right), (below, above) in zip(
        pairwise(_LAYERS_mm),
        pairwise(heights),
        strict=True,
    ):
        segments = [((left, y), (right, z)) for y in below for z in above]
        axes.add_collection(LineCollection(segments, colors="#b9b9b9", linewidths=0.35))
    words = ("intensities", "ReLU", "ReLU", activation)
    for layer, (x, ys, size, word) in enumerate(
        zip(_LAYERS_mm, heights, sizes, words, strict=True)
    ):
        colours = output_colours if layer == 3 else ["white"] * len(ys)
        for y, colour in zip(ys, colours, strict=True):
            axes.add_patch(
                Circle((x, y), _NODE_mm, facecolor=colour, edgecolor=INK, linewidth=0.6, zorder=3)
            )
        axes.text(x, 5.5, str(size), ha="center", va="top", fontweight="bold")
        axes.text(x, 2.2, word, ha="center", va="top", fontsize=SMALL_pt, color=FAINT)
    if sizes[0] > _INPUTS_SHOWN:
        for step in (-1.1, 0.0, 1.1):
            axes.add_patch(Circle((_LAYERS_mm[0], middle + step), 0.28, color=INK, zorder=3))
    for y, name in zip(heights[-1], names, strict=True):
        axes.text(_LAYERS_mm[-1] + 2.6, y, name, va="center", fontsize=SMALL_pt)


def _heights(size: int) -> np.ndarray:
    """Heights in mm of the nodes that are drawn, about zero, with a gap where some are left out."""
    shown = min(size, _INPUTS_SHOWN)
    pitch = min(4.6, 40.0 / shown)
    heights = pitch * (np.arange(shown) - (shown - 1) / 2)
    if size > shown:
        heights += np.where(heights < 0, -0.45, 0.45) * pitch
    return heights[::-1]


def _draw_input(axes: Axes, spectrum: np.ndarray, what: str) -> None:
    axes.plot(spectrum, color=INK, linewidth=0.7)
    axes.plot(spectrum, "o", color=INK, markersize=1.0)
    axes.set(xticks=[], yticks=[], ylim=(0, 1.08 * max(float(spectrum.max()), 1e-12)))
    axes.set_xlabel("energy", fontsize=SMALL_pt, color=FAINT)
    axes.set_title(what, fontsize=SMALL_pt, color=FAINT, loc="left", pad=2)
