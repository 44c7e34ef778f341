"""Figures 3 and 4a, b: scores against a setting of the study, and against the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    PART_COLOURS,
    PART_LINES,
    DOUBLE_COLUMN_mm,
    SINGLE_COLUMN_mm,
    add_axes,
    label_ends,
    new_figure,
    panel_letter,
    styled,
)

# What a curve is called, its colour, its line and its width.
_CURVES = {
    **{
        part: (f"pooled {part}", PART_COLOURS[part], PART_LINES[part], 1.0)
        for part in ("train", "validation", "test")
    },
    "held-out": ("held-out", PART_COLOURS["held-out"], "-", 1.6),
    "held-out averages": ("held-out,\naverages", PART_COLOURS["held-out"], "-", 1.6),
    "held-out sites": ("held-out,\nsingle sites", "#8f3f00", (0, (3.0, 1.2)), 1.2),
    "nearedge": ("nearedge", PART_COLOURS["held-out"], "-", 1.6),
    "paper": ("the paper's\nnetwork", "#8f3f00", (0, (3.0, 1.2)), 1.2),
}


@dataclass(frozen=True, eq=False)
class Sweep:
    """Accuracy of each part while one setting is varied.

    Parameters
    ----------
    setting
        Increasing values of the setting; shape (setting,).
    accuracy
        Fractions by part ("train", "validation", "test" of the pooled protocol, "held-out",
        "held-out averages", "held-out sites") or, held-out, by method ("nearedge", "paper");
        shape (seed, setting) each, NaN where a value is missing.
    ticks
        Names of the settings, such as "8+6"; they stand at equal distances then.

    Raises
    ------
    NearedgeError
        If a part is unknown or shapes do not match.
    """

    setting: Real[np.ndarray, " setting"]
    accuracy: Mapping[str, Float[np.ndarray, "_seed setting"]]
    ticks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_parts(self.accuracy, len(self.setting), "setting")
        if self.ticks and len(self.ticks) != len(self.setting):
            raise NearedgeError(
                f"{len(self.setting)} settings need as many ticks, got {len(self.ticks)}"
            )


@dataclass(frozen=True, eq=False)
class Learning:
    """Mean squared error of each part after each epoch, at one learning rate.

    Parameters
    ----------
    learning_rate
        Step size of the optimiser.
    mse
        By part, as in `Sweep`; shape (seed, epoch) each.

    Raises
    ------
    NearedgeError
        If a part is unknown or shapes do not match.
    """

    learning_rate: float
    mse: Mapping[str, Float[np.ndarray, "_seed epoch"]]

    def __post_init__(self) -> None:
        epochs = next((values.shape[-1] for values in self.mse.values()), 0)
        _check_parts(self.mse, epochs, "epoch")


@styled
def figure_hidden_nodes(sweep: Sweep) -> Figure:
    """Draw Fig. 3a: accuracy against the nodes of the hidden layers.

    Parameters
    ----------
    sweep
        Its ticks name the layers, such as "8+6".

    Returns
    -------
    Figure
        One column wide, one panel: the median over seeds with its range, by part.
    """
    return _accuracy_figure(sweep, "Hidden nodes (first + second layer)")


@styled
def figure_examples(sweep: Sweep) -> Figure:
    """Draw Fig. 3b: accuracy against the number of synthetic examples.

    Parameters
    ----------
    sweep
        Its settings are numbers of examples.

    Returns
    -------
    Figure
        As `figure_hidden_nodes`.
    """
    return _accuracy_figure(sweep, "Synthetic examples")


@styled
def figure_averaged(sweep: Sweep) -> Figure:
    """Draw accuracy against the number of raw spectra that are averaged into an example.

    Parameters
    ----------
    sweep
        Its settings are numbers of averaged spectra.

    Returns
    -------
    Figure
        As `figure_hidden_nodes`.
    """
    return _accuracy_figure(sweep, "Raw spectra averaged per example", doubling=True)


@styled
def figure_groups(sweep: Sweep, group: str = "atoms") -> Figure:
    """Draw accuracy against the number of groups in the training part.

    Parameters
    ----------
    sweep
        Its settings are numbers of groups.
    group
        What they are: "atoms", "trajectories", "structures".

    Returns
    -------
    Figure
        As `figure_hidden_nodes`.
    """
    return _accuracy_figure(sweep, f"{group.capitalize()} trained on", doubling=True)


@styled
def figure_learning(panels: Sequence[Learning]) -> Figure:
    """Draw Fig. 4a, b: mean squared error against the epoch, one panel per learning rate.

    Parameters
    ----------
    panels
        One entry per learning rate.

    Returns
    -------
    Figure
        Two columns wide, one panel per entry on a common logarithmic axis: the median over seeds
        with its range, by part.

    Raises
    ------
    NearedgeError
        If there is no panel.
    """
    if not panels:
        raise NearedgeError("the learning curves need at least one learning rate; give one or more")
    figure = new_figure(DOUBLE_COLUMN_mm, 62.0)
    pitch = (DOUBLE_COLUMN_mm - 12) / len(panels)
    values = np.concatenate([v.ravel() for panel in panels for v in panel.mse.values()])
    values = values[np.isfinite(values) & (values > 0)]
    for place, panel in enumerate(panels):
        axes = add_axes(figure, 12.0 + place * pitch, 7.0, pitch - 26.0, 44.0)
        axes.set_yscale("log")
        if values.size:
            axes.set_ylim(values.min() / 1.2, values.max() * 1.2)
        epochs = np.arange(1, 1 + max(v.shape[1] for v in panel.mse.values()))
        axes.set_xlim(0, epochs[-1])
        axes.set_xlabel("Epoch")
        axes.set_title(f"learning rate {panel.learning_rate:g}", pad=5)
        if place == 0:
            axes.set_ylabel("Mean squared error")
        axes.tick_params(labelleft=place == 0)
        panel_letter(axes, "abcdefgh"[place % 8])
        label_ends(axes, _draw_parts(axes, epochs, panel.mse, markers=False))
    return figure


def _accuracy_figure(sweep: Sweep, x_label: str, doubling: bool = False) -> Figure:
    figure = new_figure(SINGLE_COLUMN_mm, 62.0)
    rotated = len(sweep.ticks) > 9
    axes = add_axes(figure, 11.0, 3.0, 48.0, 45.0 if rotated else 50.0)
    x = np.arange(len(sweep.setting)) if sweep.ticks and not doubling else sweep.setting
    if doubling:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xticks(x)
        axes.set_xlim(x[0] / 1.15, x[-1] * 1.15)
    else:
        margin = 0.04 * (float(x[-1] - x[0]) or 1.0)
        axes.set_xlim(x[0] - margin, x[-1] + margin)
    if sweep.ticks:
        axes.set_xticks(x, sweep.ticks, rotation=90 if rotated else 0)
    elif len(x) <= 8:
        axes.set_xticks(x)
    percent = {part: 100 * values for part, values in sweep.accuracy.items()}
    finite = np.concatenate([v[np.isfinite(v)] for v in percent.values()])
    lowest = finite.min() if finite.size else 0.0
    axes.set_ylim(max(0.0, 10 * np.floor((lowest - 2) / 10)), 101)
    axes.set(xlabel=x_label, ylabel="Accuracy (%)")
    label_ends(axes, _draw_parts(axes, x, percent, markers=True))
    return figure


def _draw_parts(
    axes: Axes, x: np.ndarray, values: Mapping[str, np.ndarray], markers: bool
) -> list[tuple[float, str, str]]:
    """Draw median and range of each part; return where the lines end and what they are called."""
    ends = []
    for part in [part for part in _CURVES if part in values]:
        runs, (name, colour, line, width) = values[part], _CURVES[part]
        known = np.isfinite(runs).any(axis=0)
        if not known.any():
            continue
        median = np.full(runs.shape[1], np.nan)
        median[known] = np.nanmedian(runs[:, known], axis=0)
        if len(runs) > 1:
            low, high = np.nanmin(runs[:, known], axis=0), np.nanmax(runs[:, known], axis=0)
            axes.fill_between(x[known], low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            x,
            median,
            color=colour,
            linestyle=line,
            linewidth=width,
            marker="o" if markers else None,
            markersize=2.6,
            label=part,
        )
        ends.append((float(median[known][-1]), name, colour))
    return ends


def _check_parts(values: Mapping[str, np.ndarray], length: int, axis: str) -> None:
    if not values or not length:
        raise NearedgeError(f"a curve needs at least one part and one {axis}; give values to draw")
    for part, runs in values.items():
        if part not in _CURVES:
            raise NearedgeError(f"unknown part {part!r}; known are {', '.join(_CURVES)}")
        if runs.ndim != 2 or runs.shape[1] != length or not len(runs):
            raise NearedgeError(
                f"the values of part {part!r} must have shape (seed, {length}), one per {axis}, "
                f"got {runs.shape}"
            )
