"""How every figure of a study looks: print sizes, type, colours, and labels beside lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

_P = ParamSpec("_P")

SINGLE_COLUMN_mm = 85.0
DOUBLE_COLUMN_mm = 175.0
DPI = 200
SMALL_pt = 6.5
TEXT_pt = 7.0
INK = "#222222"
FAINT = "#8a8a8a"

# DejaVu Sans travels with matplotlib, so that a figure has the same layout on every machine.
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT_pt,
    "axes.titlesize": TEXT_pt,
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT_pt,
    "xtick.labelsize": SMALL_pt,
    "ytick.labelsize": SMALL_pt,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "lines.linewidth": 1.1,
    "lines.solid_capstyle": "round",
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,
    "savefig.dpi": DPI,
    "savefig.bbox": None,
    "savefig.facecolor": "white",
}

# Colours of M. Okabe and K. Ito, "Color universal design" (2008); line styles tell the parts apart
# in black and white.
PART_COLOURS = {
    "train": "#6b6b6b",
    "validation": "#009e73",
    "test": "#0072b2",
    "held-out": "#d55e00",
}
PART_LINES: dict[str, str | tuple[int, tuple[float, ...]]] = {
    "train": (0, (1.0, 1.4)),
    "validation": (0, (4.0, 1.5)),
    "test": "-",
    "held-out": "-",
}
# Dark to bright (after matplotlib's viridis), so that the order of the counts shows; the dimer,
# which is no count, stands out. Under simulated colour blindness (Machado, Oliveira and Fernandes,
# IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009)) any two of the first six stay 12 or more CIELAB
# units apart.
_ENVIRONMENT_COLOURS = (
    "#460b5e",
    "#3e4989",
    "#287c8e",
    "#24a37e",
    "#6cbf4b",
    "#b5382a",
    "#e69f00",
    "#777777",
)


def environment_colours(labels: Sequence[str]) -> dict[str, str]:
    """Give each environment its colour, the same in every figure of one label scheme.

    Parameters
    ----------
    labels
        All labels of the scheme, in its order, whether or not the library has such sites.

    Examples
    --------
    >>> environment_colours(["0 Fe", "1 Fe"])["1 Fe"]
    '#3e4989'
    """
    count = len(_ENVIRONMENT_COLOURS)
    return {label: _ENVIRONMENT_COLOURS[i % count] for i, label in enumerate(labels)}


@contextmanager
def in_style() -> Iterator[None]:
    """Use matplotlib's defaults and the style, whatever the caller has set, and put all back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Run a function that draws a figure in the style."""

    @wraps(draw)
    def draw_in_style(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with in_style():
            figure = draw(*args, **kwargs)
            # Ticks are made at the first drawing, with the settings of that moment.
            figure.draw_without_rendering()
        return figure

    return draw_in_style


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Return an empty figure of a size in mm, without touching pyplot's list of figures."""
    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), dpi=DPI, facecolor="white")


def add_axes(
    figure: Figure,
    left_mm: float,
    top_mm: float,
    width_mm: float,
    height_mm: float,
) -> Axes:
    """Add axes at a place in mm from the upper left corner of the figure."""
    across, down = figure.get_size_inches() * 25.4
    bottom = 1 - (top_mm + height_mm) / down
    return figure.add_axes((left_mm / across, bottom, width_mm / across, height_mm / down))


def height_pt(axes: Axes) -> float:
    """Height of axes of `new_figure` on paper, in points."""
    return axes.bbox.height / DPI * 72


def text_width_mm(text: str, size_pt: float = TEXT_pt) -> float:
    """Width of a line of text on paper.

    Examples
    --------
    >>> text_width_mm("two words") > text_width_mm("word") > 0
    True
    """
    path = TextPath((0, 0), text, size=size_pt, prop=FontProperties(family="DejaVu Sans"))
    return float(path.get_extents().width) * 25.4 / 72


def panel_letter(axes: Axes, letter: str, title_lines: int = 1) -> None:
    """Write the letter of a panel to the left of the first line of its title."""
    axes.annotate(
        letter,
        (0, 1),
        (-17, 5 + 10.5 * (title_lines - 1)),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=TEXT_pt + 1,
        fontweight="bold",
        va="bottom",
    )


def spread(
    wanted: Float[np.ndarray, " label"], gap: float, low: float, high: float
) -> Float[np.ndarray, " label"]:
    """Move places on a line apart to a smallest gap, each as little as possible.

    Least-squares isotonic regression of the sorted places after taking the gaps out, then a common
    shift into the range; labels too many for the range leave it at the top.

    Examples
    --------
    >>> spread(np.array([0.5, 0.5, 0.9]), gap=0.1, low=0.0, high=1.0).round(3)
    array([0.45, 0.55, 0.9 ])
    """
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    bare = wanted[order] - steps
    placed = [
        max(min(bare[j : k + 1].mean() for k in range(i, len(bare))) for j in range(i + 1))
        for i in range(len(bare))
    ]
    kept = np.clip(placed, low, max(low, high - gap * (len(bare) - 1)))
    result = np.empty(len(wanted))
    result[order] = kept + steps
    return result


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Name lines to the right of the axes, at the height where each one ends.

    Labels that would overlap are moved apart and joined to their line by a thin one. Call it when
    place, limits and scale of the axes are final.

    Parameters
    ----------
    axes
        The lines end at its right edge.
    ends
        (value, text, colour) of each line.
    """
    if not ends:
        return
    to_fraction = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    heights = np.array([to_fraction.transform((x, value))[1] for value, _, _ in ends])
    wanted = np.clip(heights, 0.0, 1.0)
    lines = [text.count("\n") + 1 for _, text, _ in ends]
    gap = 1.3 * SMALL_pt * max(lines) / height_pt(axes)
    placed = spread(wanted, gap, 0.0, 1.0)
    moved = bool(np.any(np.abs(placed - wanted) > 0.02))
    for height, y, (_, text, colour) in zip(wanted, placed, ends, strict=True):
        if moved:
            axes.plot(
                [1.01, 1.05],
                [height, y],
                color=colour,
                linewidth=0.5,
                transform=axes.transAxes,
                clip_on=False,
                label="_leader",
            )
        axes.annotate(
            text,
            (1.06 if moved else 1.02, y),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontsize=SMALL_pt,
            annotation_clip=False,
        )
