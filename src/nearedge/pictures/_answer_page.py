"""One answer in a browser."""

from __future__ import annotations

import numpy as np

from nearedge.pictures._page import page
from nearedge.pictures._portrait import Portrait
from nearedge.studies.style import FAINT, INK, environment_colours

# Colours of M. Okabe and K. Ito, "Color universal design" (2008).
RAISED, LOWERED = "#d55e00", "#0072b2"


def answer_page(shown: Portrait) -> str:
    """Return a page with all that `figure_answer` draws; values appear under the pointer."""
    title, *lines = shown.number
    figure = None if shown.intensity is None else _figure(shown)
    below = [shown.nearest_label, *shown.nearest] if shown.nearest else []
    return page(title, lines, shown.title, shown.warning, figure, below)


def _figure(shown: Portrait):
    from plotly.subplots import make_subplots

    parts = ["spectrum"]
    heights = [330]
    if shown.contribution is not None:
        parts.append("decided")
        heights.append(120)
    if shown.probabilities:
        parts.append("bars")
        heights.append(26 * len(shown.labels))
    if shown.coordination is not None:
        parts.append("number")
        heights.append(30)
    gap = 75
    plot_px = sum(heights) + gap * (len(parts) - 1)
    titles = {
        "spectrum": "",
        "decided": shown.contribution_label,
        "bars": "Probability of each environment"
        + (
            f" (•: in the {100 * (shown.set_coverage or 0):.0f} % set)"
            if shown.members is not None
            else ""
        ),
        "number": "",
    }
    figure = make_subplots(
        rows=len(parts),
        cols=1,
        row_heights=heights,
        vertical_spacing=gap / plot_px,
        subplot_titles=[titles[part] for part in parts],
    )
    draw = {"spectrum": _spectrum, "decided": _decided, "bars": _bars, "number": _number}
    for row, part in enumerate(parts, start=1):
        draw[part](figure, shown, row)
    last = 2 if "decided" in parts else 1
    figure.update_xaxes(title_text=shown.energy_label, row=last, col=1)
    if last == 2:
        figure.update_xaxes(matches="x", row=2, col=1)
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    figure.update_layout(
        template="simple_white",
        height=plot_px + 130,
        margin={"l": 95, "r": 30, "t": 45, "b": 60},
        font={"color": INK, "size": 13},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        bargap=0.3,
    )
    return figure


def _spectrum(figure, shown: Portrait, row: int) -> None:
    import plotly.graph_objects as go

    colours = environment_colours(shown.labels)
    x = shown.energy_eV.round(4)
    for label, (low, middle, high) in reversed(shown.bands.items()):
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([x, x[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                fillcolor=_faded(colours[label]),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=label,
            ),
            row=row,
            col=1,
        )
        name = f"library, {label} (10–90 %)"
        line = {"color": colours[label], "width": 1.5}
        figure.add_trace(
            go.Scatter(x=x, y=middle, name=name, line=line, mode="lines", legendgroup=label),
            row=row,
            col=1,
        )
    if not shown.bands:
        line = {"color": FAINT, "width": 1.5}
        figure.add_trace(
            go.Scatter(x=x, y=shown.mean.round(5), name="library, mean", line=line, mode="lines"),
            row=row,
            col=1,
        )
    assert shown.intensity is not None
    figure.add_trace(
        go.Scatter(
            x=x,
            y=shown.intensity.round(5),
            name="this spectrum",
            line={"color": INK, "width": 2.5},
            mode="lines",
        ),
        row=row,
        col=1,
    )
    figure.update_yaxes(
        title_text=f"{shown.absorber} {shown.edge}-edge intensity / mean", row=row, col=1
    )


def _decided(figure, shown: Portrait, row: int) -> None:
    import plotly.graph_objects as go

    assert shown.contribution is not None
    step = float(shown.energy_eV[1] - shown.energy_eV[0])
    density = shown.contribution.contribution / step
    figure.add_trace(
        go.Bar(
            x=shown.energy_eV.round(4),
            y=density,
            width=step,
            marker={"color": np.where(density > 0, RAISED, LOWERED), "line": {"width": 0}},
            showlegend=False,
            name="per eV",
        ),
        row=row,
        col=1,
    )


def _bars(figure, shown: Portrait, row: int) -> None:
    import plotly.graph_objects as go

    colours = environment_colours(shown.labels)
    texts = []
    for label, p in zip(shown.labels, shown.probabilities, strict=True):
        text = f"{100 * p:.0f} %"
        if label in shown.fractions:
            mean, low, high = shown.fractions[label]
            text += f"; sample {100 * mean:.0f} %"
            text += f" ({100 * low:.0f} to {100 * high:.0f})" if np.isfinite(low) else ""
        texts.append(text)
    names = [f"• {x}" if x in (shown.members or ()) else x for x in shown.labels]
    figure.add_trace(
        go.Bar(
            x=shown.probabilities,
            y=names,
            orientation="h",
            marker={"color": [colours[label] for label in shown.labels]},
            text=texts,
            textposition="auto",
            hoverinfo="skip",
            showlegend=False,
        ),
        row=row,
        col=1,
    )
    figure.update_xaxes(range=[0, 1], visible=False, row=row, col=1)
    figure.update_yaxes(autorange="reversed", ticks="", row=row, col=1)


def _number(figure, shown: Portrait, row: int) -> None:
    import plotly.graph_objects as go

    label = "Coordination number"
    if shown.interval is not None:
        label += f"; bar: {100 * (shown.interval_coverage or 0):.0f} % interval"
        figure.add_trace(
            go.Scatter(
                x=shown.interval,
                y=[0, 0],
                mode="lines",
                line={"color": LOWERED, "width": 9},
                opacity=0.45,
                showlegend=False,
            ),
            row=row,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
            x=[shown.coordination],
            y=[0],
            mode="markers",
            marker={"color": LOWERED, "size": 13},
            showlegend=False,
        ),
        row=row,
        col=1,
    )
    ends = [shown.coordination or 0.0, *(shown.interval or ())]
    figure.update_xaxes(
        range=[min(0.0, *ends) - 0.1, max(4.0, *ends) + 0.1],
        title_text=label,
        dtick=1,
        row=row,
        col=1,
    )
    figure.update_yaxes(visible=False, range=[-1, 1], row=row, col=1)


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.22)"
