"""Charts of the page, as plain values that Plotly draws in the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nearedge.series.summary import Trend

Figure = dict[str, Any]

# As in the printed figures (`nearedge.studies.style.environment_colours`), and brighter on a dark
# page. Colours of single curves: M. Okabe and K. Ito, "Color universal design" (2008).
_LIGHT = (
    "#460b5e", "#3e4989", "#287c8e", "#24a37e", "#6cbf4b", "#b5382a", "#e69f00", "#777777",
)  # fmt: skip
_DARK = (
    "#b48ce0", "#829bff", "#4cc3dd", "#35d39b", "#b6e35c", "#ff7d6e", "#ffc24d", "#b4bcc6",
)  # fmt: skip
_RAISED = {False: "#c24d00", True: "#ff9f5a"}
_LOWERED = {False: "#0067a5", True: "#6bb8ff"}

# Heights of the parts of a trend, and the share of a strip that is not left free.
_NUMBER_PX, _BETWEEN_PX, _STRIP_PX, _STRIP_SHARE = 210, 70, 62, 0.82

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
}


def colours(labels: Sequence[str], dark: bool) -> dict[str, str]:
    """The colour of each environment.

    Examples
    --------
    >>> colours(["0 Fe", "1 Fe"], dark=False)["1 Fe"]
    '#3e4989'
    """
    palette = _DARK if dark else _LIGHT
    return {label: palette[i % len(palette)] for i, label in enumerate(labels)}


def spectrum_chart(shown: Mapping[str, Any], dark: bool) -> Figure:
    """A spectrum over the library's bands of every class, and below it the deciding energies.

    Bands of classes that are improbable are one click away in the legend.
    """
    energy = shown["energy_eV"]
    hues = colours(shown["labels"], dark)
    data: list[dict[str, Any]] = []
    for label, (low, middle, high) in shown["bands"].items():
        visible = True if label in shown["shown_bands"] else "legendonly"
        hue = hues.get(label, "#777777")
        common = {"x": energy, "mode": "lines", "legendgroup": label, "visible": visible}
        data += [
            common | {"y": low, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False},
            common
            | {
                "y": high,
                "line": {"width": 0},
                "fill": "tonexty",
                "fillcolor": _faded(hue, 0.24),
                "hoverinfo": "skip",
                "showlegend": False,
            },
            common
            | {
                "y": middle,
                "name": label,
                "line": {"color": hue, "width": 1.6},
                "hovertemplate": f"{label}: %{{y:.3f}}<extra></extra>",
            },
        ]
    if shown["intensity"] is not None:
        data.append(
            {
                "x": energy,
                "y": shown["intensity"],
                "mode": "lines",
                "name": "this spectrum",
                "line": {"color": _ink(dark), "width": 2.6},
                "hovertemplate": "this spectrum: %{y:.3f}<extra></extra>",
            }
        )
    layout = _layout(dark, 430)
    decided = shown["contribution"] is not None
    layout["yaxis"] |= {
        "title": {"text": f"{shown['absorber']} {shown['edge']} edge, intensity / mean"},
        "domain": [0.38, 1] if decided else [0, 1],
        "rangemode": "tozero",
    }
    layout["xaxis"] |= {
        "title": {"text": shown["energy_label"]},
        "range": [energy[0], energy[-1]],
        "hoverformat": ".2f",
        "ticksuffix": "",
        "unifiedhovertitle": {"text": "%{x:.2f} eV"},
    }
    if decided:
        data += _decided(shown, dark)
        layout["height"] = 560
        layout["xaxis"]["anchor"] = "y2"
        layout["yaxis2"] = _axis(dark) | {"domain": [0, 0.25], "zeroline": True, "nticks": 4}
        layout["yaxis2"]["zerolinecolor"] = _ink(dark)
        layout["annotations"] = [
            _said(
                f"What each energy added to the probability of {shown['explained']}"
                "<br>(per eV, compared with the library's mean)",
                0.265,
                dark,
            )
        ]
    return {"data": data, "layout": layout, "config": CONFIG}


def _decided(shown: Mapping[str, Any], dark: bool) -> list[dict[str, Any]]:
    values = np.array(shown["contribution"])
    parts = (("raised it", values > 0, _RAISED[dark]), ("lowered it", values < 0, _LOWERED[dark]))
    return [
        {
            "x": shown["energy_eV"],
            "y": np.where(chosen, values, 0).tolist(),
            "mode": "lines",
            "line": {"width": 0, "shape": "hvh"},
            "fill": "tozeroy",
            "fillcolor": hue,
            "yaxis": "y2",
            "name": name,
            "showlegend": False,
            "hoverinfo": "skip",
        }
        for name, chosen, hue in parts
    ]


def read_chart(found: Mapping[str, Any], dark: bool) -> Figure:
    """A spectrum as its file holds it, before anything was done to it."""
    line = {
        "x": found["energy_eV"],
        "y": found["intensity"],
        "mode": "lines",
        "line": {"color": _ink(dark), "width": 2},
        "hovertemplate": "%{y:.5g}<extra></extra>",
    }
    layout = _layout(dark, 340)
    layout["showlegend"] = False
    layout["yaxis"] |= {"title": {"text": "Intensity in the file"}}
    unit = "Energy (eV)" if found["axis"] == "absolute" else "Energy in the file (eV)"
    layout["xaxis"] |= {
        "title": {"text": unit},
        "hoverformat": ".2f",
        "unifiedhovertitle": {"text": "%{x:.2f} eV"},
    }
    return {"data": [line], "layout": layout, "config": CONFIG}


def library_chart(
    energy_eV: Sequence[float],
    bands: Mapping[str, Sequence[Sequence[float]]],
    labels: Sequence[str],
    title: str,
    dark: bool,
) -> Figure:
    """The median spectrum of every class that a library knows."""
    hues = colours(labels, dark)
    data = [
        {
            "x": list(energy_eV),
            "y": [round(value, 5) for value in bands[label][1]],
            "mode": "lines",
            "name": label,
            "line": {"color": hues[label], "width": 2},
            "hovertemplate": f"{label}: %{{y:.3f}}<extra></extra>",
        }
        for label in labels
        if label in bands
    ]
    layout = _layout(dark, 360)
    layout["yaxis"] |= {"title": {"text": title}, "rangemode": "tozero"}
    layout["xaxis"] |= {
        "title": {"text": "Energy relative to the library's zero (eV)"},
        "range": [energy_eV[0], energy_eV[-1]],
        "unifiedhovertitle": {"text": "%{x:.2f} eV"},
    }
    return {"data": data, "layout": layout, "config": CONFIG}


def shift_chart(
    moved_eV: Sequence[float], numbers: Sequence[float | None], at_eV: float, dark: bool
) -> Figure:
    """The coordination number at shifts around the one that was found, and where the slider is."""
    accent = "#4fd1c5" if dark else "#0b6e6e"
    layout = _layout(dark, 210)
    layout["margin"] = {"l": 48, "r": 8, "t": 8, "b": 40}
    layout["showlegend"] = False
    layout["xaxis"] |= {"title": {"text": "Moved by (eV)"}}
    layout["yaxis"] |= {"title": {"text": "Coordination number"}, "rangemode": "tozero"}
    layout["shapes"] = [
        {
            "type": "line",
            "x0": at_eV,
            "x1": at_eV,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": _ink(dark), "width": 2, "dash": "dot"},
        }
    ]
    line = {
        "x": list(moved_eV),
        "y": list(numbers),
        "mode": "lines+markers",
        "line": {"color": accent, "width": 2},
        "marker": {"size": 5},
        "hovertemplate": "%{x:+.2f} eV: %{y:.2f}<extra></extra>",
    }
    config = CONFIG | {"displayModeBar": False}
    return {"data": [line], "layout": layout, "config": config}


def trend_chart(trend: Trend, labels: Sequence[str], dark: bool) -> Figure:
    """The coordination number and the shares of the environments along a series.

    Shares with intervals have a strip each, since bands in one frame hide one another.
    """
    hues = colours(labels, dark)
    x = trend.along
    accent = "#4fd1c5" if dark else "#0b6e6e"
    strips = bool(np.isfinite(trend.shares_low).any())
    below_px = _STRIP_PX * len(labels) if strips else 220
    height = _NUMBER_PX + _BETWEEN_PX + below_px
    layout = _layout(dark, height + 80)
    top = below_px / height
    share = "Fraction of sites" if trend.kind == "composition" else "Probability"
    layout["yaxis"] |= {
        "domain": [1 - _NUMBER_PX / height, 1],
        "title": {"text": "Coordination number"},
        "rangemode": "tozero",
    }
    frame = _axis(dark) | {"range": [0, 1], "tickformat": ".0%"}
    layout["yaxis2"] = frame | {"domain": [0, top], "title": {"text": share}}
    axes = dict.fromkeys(labels, "y2")
    if strips:
        layout["annotations"] = [_said(share, top + 8 / height, dark)]
        tall = top / len(labels)
        for place, label in enumerate(reversed(labels)):
            # The lowest strip has the axis under which the other one is drawn.
            axes[label] = f"y{place + 2}"
            layout[f"yaxis{place + 2}"] = frame | {
                "domain": [place * tall, (place + _STRIP_SHARE) * tall],
                "tickvals": [0, 0.5],
            }
            layout["annotations"].append(
                _said(label, (place + _STRIP_SHARE) * tall, dark) | {"x": 0.012, "yanchor": "top"}
            )
    layout["showlegend"] = not strips
    layout["xaxis"] |= {
        "title": {"text": trend.axis},
        "anchor": "y2",
        "range": [float(trend.edges[0]), float(trend.edges[-1])],
    }
    data = _band(x, trend.low, trend.high, accent, "y")
    data.append(_line(x, trend.coordination, "coordination number", accent, "y", False))
    for column, label in enumerate(labels):
        low, high = trend.shares_low[:, column], trend.shares_high[:, column]
        data += _band(x, low, high, hues[label], axes[label], label)
        data.append(_line(x, trend.shares[:, column], label, hues[label], axes[label], True))
    return {"data": data, "layout": layout, "config": CONFIG}


def heat_chart(trend: Trend, energy_eV: Sequence[float], dark: bool) -> Figure:
    """All spectra of a series side by side."""
    known = trend.intensity[np.isfinite(trend.intensity)]
    layout = _layout(dark, 340)
    layout["hovermode"] = "closest"
    layout["xaxis"] |= {"title": {"text": trend.axis}}
    layout["yaxis"] |= {"title": {"text": "Energy from the library's zero (eV)"}}
    heat = {
        "type": "heatmap",
        "x": _plain(trend.edges),
        "y": list(energy_eV),
        "z": [_plain(row) for row in trend.intensity.T],
        "colorscale": "Cividis",
        "zmin": 0,
        "zmax": float(np.quantile(known, 0.995)) if known.size else 1.0,
        "colorbar": {
            "title": {"text": "Intensity / mean", "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
        },
        "hovertemplate": f"{trend.axis} %{{x:.4g}}, %{{y:.2f}} eV: %{{z:.3f}}<extra></extra>",
    }
    return {"data": [heat], "layout": layout, "config": CONFIG}


def map_chart(values: Mapping[str, np.ndarray], dark: bool) -> Figure:
    """The coordination number at every place of a map."""
    layout = _layout(dark, 480)
    layout["hovermode"] = "closest"
    layout["xaxis"] |= {"title": {"text": "x (point)"}, "constrain": "domain"}
    layout["yaxis"] |= {"title": {"text": "y (point)"}, "scaleanchor": "x", "constrain": "domain"}
    heat = {
        "type": "heatmap",
        "x": _plain(values["x"]),
        "y": _plain(values["y"]),
        "z": [_plain(row) for row in values["coordination"]],
        "colorscale": "Viridis",
        "colorbar": {"thickness": 12, "outlinewidth": 0},
        "hovertemplate": "x %{x:.4g}, y %{y:.4g}: %{z:.2f}<extra></extra>",
    }
    return {"data": [heat], "layout": layout, "config": CONFIG}


def _line(
    x: np.ndarray, y: np.ndarray, name: str, hue: str, axis: str, named: bool
) -> dict[str, Any]:
    form = "%{y:.2f}" if axis == "y" else "%{y:.0%}"
    return {
        "x": _plain(x),
        "y": _plain(y),
        "yaxis": axis,
        "name": name,
        "mode": "lines+markers" if len(x) <= 60 else "lines",
        "marker": {"size": 5},
        "line": {"color": hue, "width": 2},
        "showlegend": named,
        "legendgroup": name,
        "hovertemplate": f"{name}: {form}<extra></extra>",
    }


def _band(
    x: np.ndarray, low: np.ndarray, high: np.ndarray, hue: str, axis: str, group: str = ""
) -> list[dict[str, Any]]:
    """A band with its gaps; one polygon for each stretch without a gap."""
    known = np.isfinite(low) & np.isfinite(high)
    pieces = []
    for stretch in np.split(np.arange(len(x)), np.flatnonzero(np.diff(known)) + 1):
        if not len(stretch) or not known[stretch[0]]:
            continue
        pieces.append(
            {
                "x": _plain(np.concatenate([x[stretch], x[stretch][::-1]])),
                "y": _plain(np.concatenate([high[stretch], low[stretch][::-1]])),
                "yaxis": axis,
                "mode": "lines",
                "fill": "toself",
                "fillcolor": _faded(hue, 0.18),
                "legendgroup": group,
                "line": {"width": 0},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    return pieces


def _layout(dark: bool, height: int) -> dict[str, Any]:
    card = "#182029" if dark else "#ffffff"
    return {
        "height": height,
        "margin": {"l": 58, "r": 12, "t": 30, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Roboto, system-ui, sans-serif", "size": 13, "color": _ink(dark)},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": card, "font": {"color": _ink(dark)}},
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#8a97a5", "activecolor": _ink(dark)},
        "xaxis": _axis(dark),
        "yaxis": _axis(dark),
    }


def _axis(dark: bool) -> dict[str, Any]:
    return {
        "gridcolor": "#2c3743" if dark else "#e6ebf0",
        "linecolor": "#5b6875" if dark else "#aeb8c2",
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "tickcolor": "#5b6875" if dark else "#aeb8c2",
        "automargin": True,
    }


def _said(text: str, y: float, dark: bool) -> dict[str, Any]:
    return {
        "text": text,
        "x": 0,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
        "font": {"size": 12.5, "color": _ink(dark)},
    }


def _ink(dark: bool) -> str:
    return "#e8edf2" if dark else "#16202c"


def _faded(hue: str, alpha: float) -> str:
    red, green, blue = (int(hue[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _plain(values: np.ndarray) -> list[float | None]:
    return [round(float(v), 5) if np.isfinite(v) else None for v in np.asarray(values)]
