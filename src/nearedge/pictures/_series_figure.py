"""A series on paper, two columns wide."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nearedge.models import Model
from nearedge.pictures._map import coordination_map, headline, strip
from nearedge.series.summary import Trend
from nearedge.spectra import EnergyGrid
from nearedge.studies.style import (
    FAINT,
    INK,
    DOUBLE_COLUMN_mm,
    SMALL_pt,
    add_axes,
    environment_colours,
    label_ends,
    new_figure,
    panel_letter,
    styled,
)

_LEFT_mm, _WIDE_mm = 13.0, 138.0
_TOP_mm, _GAP_mm = 13.0, 8.0
_STRIP_mm = 11.0
_BLUE = "#0072b2"
# Single spectra are worth a dot up to this many.
_MOST_DOTS = 150


@styled
def figure_series(trend: Trend, model: Model) -> Figure:
    """Draw a series: of a map the coordination number at every place, else the trend.

    Parameters
    ----------
    trend
        From `nearedge.series.Summary`.
    model
        That gave the answers.

    Returns
    -------
    Figure
        175 mm wide.
    """
    place = coordination_map(trend)
    return _figure_trend(trend, model) if place is None else _figure_map(trend, model, place)


def _figure_trend(trend: Trend, model: Model) -> Figure:
    # Bands of several environments in one frame hide one another.
    banded = np.isfinite(trend.shares_low).any()
    strips = len(model.classifier.classes) * _STRIP_mm
    heights = {"heat": 48.0, "number": 34.0, "shares": strips if banded else 40.0}
    if np.isfinite(trend.voltage_V).any():
        heights["voltage"] = 20.0
    height = _TOP_mm + sum(heights.values()) + _GAP_mm * (len(heights) - 1) + 11.0
    figure = new_figure(DOUBLE_COLUMN_mm, height)
    _head(figure, trend, height)
    top = _TOP_mm
    axes: Any = None
    for letter, (part, part_mm) in zip("abcd", heights.items(), strict=False):
        axes = add_axes(figure, _LEFT_mm, top, _WIDE_mm, part_mm)
        axes.set_xlim(trend.edges[0], trend.edges[-1])
        axes.tick_params(labelbottom=False)
        {"heat": _heat, "number": _number, "shares": _shares, "voltage": _voltage}[part](
            axes, trend, model
        )
        panel_letter(axes, letter)
        if part == "shares" and banded:
            axes = _strips(figure, axes, top, trend, model)
        if part == "heat":
            bar = add_axes(figure, _LEFT_mm + _WIDE_mm + 3.0, top, 2.5, part_mm)
            _colour_bar(figure, axes.collections[0], bar, "Intensity / mean")
        top += part_mm + _GAP_mm
    axes.tick_params(labelbottom=True)
    axes.set_xlabel(trend.axis)
    if trend.axis in ("Spectrum", "Scan number"):
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


def _figure_map(trend: Trend, model: Model, place: dict[str, np.ndarray]) -> Figure:
    values = place["coordination"]
    rows, columns = values.shape
    wide = 78.0
    tall = float(np.clip(wide * rows / columns, 30.0, 110.0))
    height = _TOP_mm + max(tall, 86.0) + 11.0
    figure = new_figure(DOUBLE_COLUMN_mm, height)
    _head(figure, trend, height, averages=False)
    axes = add_axes(figure, 13.0, _TOP_mm, wide, tall)
    axes.set_facecolor("#dddddd")
    picture = axes.imshow(
        values, origin="lower", cmap="viridis", interpolation="nearest", aspect="equal"
    )
    axes.set(xlabel="x (point)", ylabel="y (point)")
    for side in (axes.xaxis, axes.yaxis):
        side.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_title("Coordination number (grey: no answer)")
    panel_letter(axes, "a")
    # Squares may need less than the room that was given to them.
    axes.set_anchor("NW")
    figure.draw_without_rendering()
    used = axes.get_window_extent().width / figure.dpi * 25.4
    used_tall = axes.get_window_extent().height / figure.dpi * 25.4
    bar = add_axes(figure, 13.0 + used + 2.5, _TOP_mm, 2.5, used_tall)
    _colour_bar(figure, picture, bar, "")
    histogram = add_axes(figure, 116.0, _TOP_mm, 54.0, 28.0)
    histogram.hist(values[np.isfinite(values)], bins=30, color=_BLUE)
    histogram.set(xlabel="Coordination number", ylabel="Spectra")
    panel_letter(histogram, "b")
    mean = add_axes(figure, 116.0, _TOP_mm + 46.0, 54.0, 40.0)
    _mean_spectrum(mean, trend, model)
    panel_letter(mean, "c")
    room_mm = height - 11.0 - (_TOP_mm + used_tall + 16.0)
    if room_mm > 14.0:
        heat = add_axes(figure, 13.0, height - 11.0 - room_mm, wide, room_mm)
        heat.set_xlim(trend.edges[0], trend.edges[-1])
        _heat(heat, trend, model)
        heat.set_title("Spectra in the order of the file (bright: intense)")
        heat.set_xlabel(trend.axis)
        panel_letter(heat, "d")
    return figure


def _mean_spectrum(axes: Axes, trend: Trend, model: Model) -> None:
    """Mean of all spectra, with the range in which eight tenths of the bins lie."""
    energy = EnergyGrid(**model.info["grid"]).energy_eV
    shown = trend.intensity[np.isfinite(trend.intensity).all(axis=1)]
    axes.set(xlabel="Energy from the library's zero (eV)", xlim=(energy[0], energy[-1]))
    axes.set_ylabel(f"{model.info['absorber']} {model.info['edge']}-edge intensity / mean")
    if not len(shown):
        return
    low, high = np.quantile(shown, [0.1, 0.9], axis=0)
    axes.fill_between(energy, low, high, color=FAINT, alpha=0.35, linewidth=0)
    axes.plot(energy, shown.mean(axis=0), color=INK)
    axes.set_title("Mean spectrum (band: 10–90 %)")


def _head(figure: Figure, trend: Trend, height: float, averages: bool = True) -> None:
    first, second = headline(trend)
    second = second if averages else ""
    left = 2.5 / DOUBLE_COLUMN_mm
    figure.text(left, 1 - 2.0 / height, first, va="top", fontsize=9, fontweight="bold")
    figure.text(
        1 - left, 1 - 2.6 / height, second, va="top", ha="right", fontsize=SMALL_pt, color=FAINT
    )


def _heat(axes: Axes, trend: Trend, model: Model) -> None:
    grid = EnergyGrid(**model.info["grid"])
    half = grid.step_eV / 2
    ends = np.linspace(grid.start_eV - half, grid.stop_eV + half, grid.points + 1)
    axes.set_facecolor("#dddddd")
    # The highest hundredth must not take the colours of all others.
    top = np.nanquantile(trend.intensity, 0.995) if np.isfinite(trend.intensity).any() else 1.0
    axes.pcolormesh(
        trend.edges,
        ends,
        np.ma.masked_invalid(trend.intensity.T),
        cmap="cividis",
        vmin=0,
        vmax=top,
        rasterized=True,
    )
    axes.set_ylabel("Energy from the\nlibrary's zero (eV)")
    axes.set_title(f"{model.info['absorber']} {model.info['edge']}-edge spectra")


def _number(axes: Axes, trend: Trend, model: Model) -> None:
    if np.isfinite(trend.low).any():
        axes.fill_between(trend.along, trend.low, trend.high, color=_BLUE, alpha=0.22, linewidth=0)
    dots = "o" if len(trend.along) <= _MOST_DOTS else ""
    axes.plot(trend.along, trend.coordination, color=_BLUE, marker=dots, markersize=2.5)
    axes.set_ylabel("Coordination number")
    title = "Coordination number"
    if np.isfinite(trend.low).any():
        title += " with its interval"
    axes.set_title(title)


def _strips(figure: Figure, frame: Axes, top_mm: float, trend: Trend, model: Model) -> Axes:
    """Replace the frame of the fractions by one strip for each; returns the lowest."""
    labels = tuple(str(label) for label in model.classifier.classes)
    colours = environment_colours(labels)
    frame.set_axis_off()
    for line in list(frame.lines):
        line.remove()
    for place, label in enumerate(labels):
        axes = add_axes(
            figure, _LEFT_mm, top_mm + place * _STRIP_mm + 1.0, _WIDE_mm, _STRIP_mm - 1.8
        )
        low, high = trend.shares_low[:, place], trend.shares_high[:, place]
        axes.fill_between(trend.along, low, high, color=colours[label], alpha=0.25, linewidth=0)
        axes.plot(trend.along, trend.shares[:, place], color=colours[label], linewidth=1.0)
        axes.set(xlim=frame.get_xlim(), ylim=(0, 1), yticks=[0, 0.5])
        axes.tick_params(labelbottom=False)
        axes.annotate(
            label,
            (1, 0.5),
            (4, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=colours[label],
            annotation_clip=False,
        )
    return axes


def _shares(axes: Axes, trend: Trend, model: Model) -> None:
    labels = tuple(str(label) for label in model.classifier.classes)
    colours = environment_colours(labels)
    ends = []
    for column, label in enumerate(labels):
        values = trend.shares[:, column]
        axes.plot(trend.along, values, color=colours[label], linewidth=1.0)
        known = values[np.isfinite(values)]
        if len(known):
            ends.append((float(known[-1]), label, colours[label]))
    axes.set_ylim(0, 1)
    if trend.kind == "composition":
        axes.set_ylabel("Fraction")
        axes.set_title("Fraction of each environment" + strip(trend))
    else:
        axes.set_ylabel("Probability")
        axes.set_title("Mean probability of each environment, were the sample of one kind")
    if not np.isfinite(trend.shares_low).any():
        label_ends(axes, ends)


def _voltage(axes: Axes, trend: Trend, model: Model) -> None:
    axes.plot(trend.along, trend.voltage_V, color=INK)
    axes.set_ylabel("Voltage (V)")
    axes.set_title("Voltage of the cell")


def _colour_bar(figure: Figure, picture: Any, axes: Axes, label: str) -> None:
    bar = figure.colorbar(picture, cax=axes)
    bar.outline.set_linewidth(0.4)
    bar.set_label(label)
