"""A series in a browser."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nearedge.models import Model
from nearedge.pictures._map import coordination_map, headline, strip
from nearedge.pictures._page import page
from nearedge.series.summary import Trend
from nearedge.spectra import EnergyGrid
from nearedge.studies.style import INK, environment_colours

_BLUE = "#0072b2"
_GAP_px = 85
_STRIP_px = 56
# A strip takes this share of its room; further axes count from here.
_STRIP_SHARE = 0.84
_STRIP_AXES = 50


def series_page(trend: Trend, model: Model) -> str:
    """Return a page with heat map, trend and, of a map, the coordination number at every place."""
    first, second = headline(trend)
    return page(first, [], second, "", _figure(trend, model))


def _figure(trend: Trend, model: Model):
    from plotly.subplots import make_subplots

    place = coordination_map(trend)
    edge = f"{model.info['absorber']} {model.info['edge']}-edge"
    parts = {}
    if place is not None:
        parts["Coordination number at every place (empty: no answer)"] = (_map, 480)
    parts[f"{edge} spectra"] = (_heat, 300)
    parts["Coordination number" + _interval(trend)] = (_number, 220)
    strips_px = _STRIP_px * len(model.classifier.classes)
    parts[_shares_title(trend)] = (_shares, strips_px if _banded(trend) else 260)
    if np.isfinite(trend.voltage_V).any():
        parts["Voltage of the cell"] = (_voltage, 140)
    heights = [height for _, height in parts.values()]
    plot_px = sum(heights) + _GAP_px * (len(parts) - 1)
    figure = make_subplots(
        rows=len(parts),
        cols=1,
        row_heights=heights,
        vertical_spacing=_GAP_px / plot_px,
        subplot_titles=list(parts),
    )
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    last = len(parts)
    first = 2 if place is not None else 1
    for row, (draw, _) in enumerate(parts.values(), start=1):
        draw(figure, row, trend, model)
        if row >= first:
            # Rows of a trend move together.
            figure.update_xaxes(
                matches=f"x{first if first > 1 else ''}",
                range=[trend.edges[0], trend.edges[-1]],
                row=row,
                col=1,
            )
    figure.update_xaxes(title_text=trend.axis, row=last, col=1)
    figure.update_layout(
        template="simple_white",
        height=plot_px + 110,
        margin={"l": 95, "r": 130, "t": 40, "b": 60},
        font={"color": INK, "size": 13},
        legend={"x": 1.02, "y": _domain(figure, first + 2)[1], "yanchor": "top"},
    )
    return figure


def _map(figure, row: int, trend: Trend, model: Model) -> None:
    import plotly.graph_objects as go

    place = coordination_map(trend)
    assert place is not None
    figure.add_trace(
        go.Heatmap(
            x=place["x"],
            y=place["y"],
            z=place["coordination"].round(3),
            colorscale="Viridis",
            colorbar=_bar("", figure, row),
        ),
        row=row,
        col=1,
    )
    figure.update_xaxes(title_text="x (point)", constrain="domain", row=row, col=1)
    figure.update_yaxes(title_text="y (point)", scaleanchor="x", constrain="domain", row=row, col=1)


def _heat(figure, row: int, trend: Trend, model: Model) -> None:
    import plotly.graph_objects as go

    known = np.isfinite(trend.intensity)
    figure.add_trace(
        go.Heatmap(
            x=trend.edges,
            y=EnergyGrid(**model.info["grid"]).energy_eV.round(4),
            z=trend.intensity.T.round(4),
            colorscale="Cividis",
            zmin=0,
            zmax=float(np.quantile(trend.intensity[known], 0.995)) if known.any() else 1.0,
            colorbar=_bar("Intensity / mean", figure, row),
        ),
        row=row,
        col=1,
    )
    figure.update_yaxes(title_text="Energy from the<br>library's zero (eV)", row=row, col=1)


def _number(figure, row: int, trend: Trend, model: Model) -> None:
    import plotly.graph_objects as go

    axes = {"xaxis": f"x{row}", "yaxis": f"y{row}"}
    _band(figure, axes, trend.along, trend.low, trend.high, _BLUE)
    figure.add_trace(
        go.Scatter(
            x=trend.along,
            y=trend.coordination,
            line={"color": _BLUE, "width": 2},
            name="coordination number",
            showlegend=False,
        ),
        row=row,
        col=1,
    )
    figure.update_yaxes(title_text="Coordination number", row=row, col=1)


def _shares(figure, row: int, trend: Trend, model: Model) -> None:
    """Shares in one frame, or one strip for each where bands would hide one another."""
    import plotly.graph_objects as go

    labels = tuple(str(label) for label in model.classifier.classes)
    hues = environment_colours(labels)
    strips = _strips(figure, row, hues) if _banded(trend) else dict.fromkeys(labels, f"y{row}")
    for column, (label, colour) in enumerate(hues.items()):
        axes = {"xaxis": f"x{row}", "yaxis": strips[label]}
        low, high = trend.shares_low[:, column], trend.shares_high[:, column]
        _band(figure, axes, trend.along, low, high, colour)
        figure.add_trace(
            go.Scatter(
                x=trend.along,
                y=trend.shares[:, column],
                line={"color": colour, "width": 2},
                name=label,
                showlegend=not _banded(trend),
                **axes,
            )
        )
    name = "Fraction" if trend.kind == "composition" else "Probability"
    if not _banded(trend):
        figure.update_yaxes(title_text=name, range=[0, 1], row=row, col=1)


def _strips(figure, row: int, hues: Mapping[str, str]) -> dict[str, str]:
    """Part a row of the figure into one axis for each label, the first on top."""
    low, high = _domain(figure, row)
    tall = (high - low) / len(hues)
    names = {}
    for place, (label, colour) in enumerate(hues.items()):
        # The lowest keeps the axis of the row, below which the other axis is drawn.
        number = row if place == len(hues) - 1 else _STRIP_AXES + place
        top = high - place * tall
        figure.layout[f"yaxis{number}"] = {
            "domain": [top - _STRIP_SHARE * tall, top],
            "range": [0, 1],
            "tickvals": [0, 0.5],
            "anchor": f"x{row}",
        }
        figure.add_annotation(
            text=label, x=1.01, xref="paper", y=0.5, yref=f"y{number} domain", showarrow=False,
            xanchor="left", font={"color": colour},
        )  # fmt: skip
        names[label] = f"y{number}"
    return names


def _voltage(figure, row: int, trend: Trend, model: Model) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(x=trend.along, y=trend.voltage_V, line={"color": INK}, showlegend=False),
        row=row,
        col=1,
    )
    figure.update_yaxes(title_text="Voltage (V)", row=row, col=1)


def _banded(trend: Trend) -> bool:
    return bool(np.isfinite(trend.shares_low).any())


def _interval(trend: Trend) -> str:
    return " with its interval" if np.isfinite(trend.low).any() else ""


def _domain(figure, row: int) -> tuple[float, float]:
    return figure.layout[f"yaxis{row if row > 1 else ''}"].domain


def _shares_title(trend: Trend) -> str:
    if trend.kind == "composition":
        return "Fraction of each environment" + strip(trend)
    return "Mean probability of each environment, were the sample of one kind"


def _bar(title: str, figure, row: int) -> dict:
    low, high = _domain(figure, row)
    return {
        "title": {"text": title, "side": "right"},
        "y": (low + high) / 2,
        "len": high - low,
        "thickness": 14,
        "x": 1.02,
    }


def _band(
    figure, axes: dict[str, str], x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str
) -> None:
    import plotly.graph_objects as go

    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    known = np.isfinite(low) & np.isfinite(high)
    # One polygon for each stretch without a gap.
    for stretch in np.split(np.arange(len(x)), np.flatnonzero(np.diff(known)) + 1):
        if not len(stretch) or not known[stretch[0]]:
            continue
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([x[stretch], x[stretch][::-1]]),
                y=np.concatenate([high[stretch], low[stretch][::-1]]),
                fill="toself",
                fillcolor=f"rgba({red},{green},{blue},0.2)",
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                **axes,
            )
        )
