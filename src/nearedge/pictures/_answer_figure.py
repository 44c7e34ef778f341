"""One answer on paper, one column wide."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nearedge.pictures._portrait import Portrait
from nearedge.studies.style import (
    FAINT,
    INK,
    SINGLE_COLUMN_mm,
    SMALL_pt,
    TEXT_pt,
    add_axes,
    environment_colours,
    new_figure,
    styled,
    text_width_mm,
)

# Colours of M. Okabe and K. Ito, "Color universal design" (2008).
RAISED, LOWERED = "#d55e00", "#0072b2"
WARNING = "#b5382a"

_LEFT_mm, _WIDE_mm = 11.0, 69.5
_LINE_mm = 3.3
_HEAD_mm, _SPECTRUM_mm, _DECIDED_mm, _BAR_mm = 16.0, 42.0, 17.0, 4.2
# Characters of the small type that fit into the width.
_CHARACTERS = 64


@styled
def figure_answer(shown: Portrait) -> Figure:
    """Draw an answer.

    From the top: the number; the spectrum over the library's bands of the probable classes; the
    energies that decided; the probabilities of all classes; the coordination number on its scale;
    the nearest sites of the library; the message.

    Parameters
    ----------
    shown
        From `nearedge.pictures.portrait`.

    Returns
    -------
    Figure
        85 mm wide.
    """
    message = wrap(shown.warning, _CHARACTERS)
    nearest = [line for site in shown.nearest for line in _indented(site)]
    bars = len(shown.probabilities)
    spectrum_mm = _SPECTRUM_mm if shown.intensity is not None else 0.0
    decided_mm = _DECIDED_mm + 6.0 if shown.contribution is not None else 0.0
    axis_mm = 11.0 if shown.intensity is not None else 0.0
    bars_mm = bars * _BAR_mm + 6.0 if bars else 0.0
    number_mm = 17.5 if shown.coordination is not None else 0.0
    nearest_mm = (len(nearest) + 1) * _LINE_mm + 2.0 if nearest else 0.0
    text_mm = len(message) * _LINE_mm + 3.0
    height = (
        _HEAD_mm + spectrum_mm + decided_mm + axis_mm + bars_mm + number_mm + nearest_mm + text_mm
    )
    figure = new_figure(SINGLE_COLUMN_mm, height)
    _head(figure, shown, height)
    top = _HEAD_mm
    if shown.intensity is not None:
        axes = add_axes(figure, _LEFT_mm, top, _WIDE_mm, spectrum_mm)
        _spectrum(axes, shown)
        top += spectrum_mm
        last = axes
        if shown.contribution is not None:
            axes.tick_params(labelbottom=False)
            last = add_axes(figure, _LEFT_mm, top + 6.0, _WIDE_mm, _DECIDED_mm)
            _decided(last, shown)
            top += decided_mm
        last.set_xlabel(shown.energy_label, labelpad=1.5)
        top += axis_mm
    if bars:
        _bars(add_axes(figure, 22.0, top + 4.5, 58.0, bars * _BAR_mm), shown)
        top += bars_mm
    if shown.coordination is not None:
        _number(add_axes(figure, 22.0, top + 4.0, 58.0, 4.0), shown)
        top += number_mm
    if nearest:
        _lines(figure, [shown.nearest_label], top, INK, TEXT_pt)
        _lines(figure, nearest, top + _LINE_mm + 0.4, INK)
        top += nearest_mm
    _lines(figure, message, top, INK if shown.status == "ok" else WARNING)
    return figure


def _indented(site: str) -> list[str]:
    head, around = site.split("\n")
    return [*wrap(head, _CHARACTERS), *(f"      {line}" for line in wrap(around, _CHARACTERS - 6))]


def _lines(
    figure: Figure, lines: list[str], top_mm: float, colour: str, size_pt: float = SMALL_pt
) -> None:
    height_mm = figure.get_figheight() * 25.4
    for row, line in enumerate(lines):
        figure.text(
            2.5 / SINGLE_COLUMN_mm,
            1 - (top_mm + row * _LINE_mm) / height_mm,
            line,
            va="top",
            fontsize=size_pt,
            color=colour,
        )


def _head(figure: Figure, shown: Portrait, height: float) -> None:
    name = shown.title
    while text_width_mm(name, SMALL_pt) > SINGLE_COLUMN_mm - 6 and len(name) > 10:
        name = "…" + name[2:]
    left = 2.5 / SINGLE_COLUMN_mm
    number, *interval = shown.number
    figure.text(left, 1 - 2.0 / height, number, va="top", fontsize=9, fontweight="bold")
    for line in interval:
        figure.text(left, 1 - 6.8 / height, line, va="top", fontsize=TEXT_pt)
    below = 1 - (10.6 if interval else 6.8) / height
    figure.text(left, below, name, va="top", fontsize=SMALL_pt, color=FAINT)


def _spectrum(axes: Axes, shown: Portrait) -> None:
    colours = environment_colours(shown.labels)
    energy = shown.energy_eV
    assert shown.intensity is not None
    curves = [shown.intensity, shown.mean]
    for label, (low, middle, high) in reversed(shown.bands.items()):
        axes.fill_between(energy, low, high, color=colours[label], alpha=0.25, linewidth=0)
        axes.plot(
            energy, middle, color=colours[label], linewidth=0.8, label=f"library, {label} (10–90 %)"
        )
        curves += [high]
    if not shown.bands:
        axes.plot(energy, shown.mean, color=FAINT, linewidth=0.8, label="library, mean")
    axes.plot(energy, shown.intensity, color=INK, linewidth=1.3, label="this spectrum")
    top = max(float(curve.max()) for curve in curves)
    bottom = min(0.0, float(shown.intensity.min()))
    handles, names = axes.get_legend_handles_labels()
    # Room for the legend above the curves, one line of type for each two entries.
    rows = -(-len(handles) // 2)
    axes.set(
        xlim=(energy[0], energy[-1]),
        ylim=(bottom - 0.03 * top, top * (1.06 + 0.1 * rows)),
        ylabel=f"{shown.absorber} {shown.edge}-edge intensity / mean",
    )
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=top > 4))
    axes.legend(
        handles[::-1],
        names[::-1],
        ncol=2,
        loc="upper left",
        bbox_to_anchor=(-0.01, 1.02),
        frameon=False,
        fontsize=SMALL_pt,
        handlelength=1.4,
        columnspacing=1.2,
        labelspacing=0.25,
        borderpad=0.2,
    )


def _decided(axes: Axes, shown: Portrait) -> None:
    found = shown.contribution
    assert found is not None
    energy = shown.energy_eV
    step = float(energy[1] - energy[0])
    density = found.contribution / step
    for sign, colour in ((1, RAISED), (-1, LOWERED)):
        axes.fill_between(
            energy,
            0,
            np.where(sign * density > 0, density, 0),
            color=colour,
            linewidth=0,
            step="mid",
        )
    axes.axhline(0, color=INK, linewidth=0.5)
    largest = float(np.abs(density).max()) or 1.0
    axes.set(xlim=(energy[0], energy[-1]), ylim=(-1.15 * largest, 1.15 * largest))
    axes.yaxis.set_major_locator(MaxNLocator(3, symmetric=True))
    axes.annotate(
        shown.contribution_label,
        (0, 1),
        (0, 2.5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL_pt,
        va="bottom",
    )


def _bars(axes: Axes, shown: Portrait) -> None:
    colours = environment_colours(shown.labels)
    members = shown.members
    rows = np.arange(len(shown.labels))
    axes.barh(
        rows, shown.probabilities, height=0.66, color=[colours[label] for label in shown.labels]
    )
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xticks=[], yticks=rows)
    axes.set_yticklabels([f"• {x}" if x in (members or ()) else x for x in shown.labels])
    axes.tick_params(left=False)
    axes.spines["bottom"].set_visible(False)
    for row, (label, p) in enumerate(zip(shown.labels, shown.probabilities, strict=True)):
        text = f"{100 * p:.0f} %"
        if label in shown.fractions:
            mean, low, high = shown.fractions[label]
            text += f"; sample {100 * mean:.0f} %"
            if np.isfinite(low):
                text += f" ({100 * low:.0f} to {100 * high:.0f})"
        inside = bool(p > 0.6)
        on_bar = "white" if _is_dark(colours[label]) else INK
        axes.text(
            p - 0.02 if inside else p + 0.02,
            row,
            text,
            va="center",
            ha="right" if inside else "left",
            color=on_bar if inside else INK,
            fontsize=SMALL_pt,
        )
    title = "Probability of each environment"
    if members is not None:
        title += f" (•: in the {100 * (shown.set_coverage or 0):.0f} % set)"
    axes.set_title(title, x=-19.5 / 58, pad=3)


def _number(axes: Axes, shown: Portrait) -> None:
    assert shown.coordination is not None
    ends = [shown.coordination, *(shown.interval or ())]
    low, high = min(0.0, *ends), max(4.0, *ends)
    axes.set(xlim=(low - 0.1, high + 0.1), ylim=(-1, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_xticks(np.arange(np.floor(low), np.ceil(high) + 1))
    if shown.interval is not None:
        axes.plot(shown.interval, [0, 0], color=LOWERED, linewidth=3.5, alpha=0.45)
    axes.plot(shown.coordination, 0, "o", color=LOWERED, markersize=5, clip_on=False)
    label = "Coordination number"
    if shown.interval is not None:
        label += f"; bar: {100 * (shown.interval_coverage or 0):.0f} % interval"
    axes.set_xlabel(label, fontsize=TEXT_pt, labelpad=1.0)


def _is_dark(colour: str) -> bool:
    """Whether white reads better on a colour than black (WCAG 2.2, relative luminance)."""
    linear = np.array(to_rgb(colour)) ** 2.2
    return bool(linear @ [0.2126, 0.7152, 0.0722] < 0.18)
