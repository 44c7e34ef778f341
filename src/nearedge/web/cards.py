"""What the page offers beside an answer: examples, and the card of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import ui

from nearedge.web.charts import library_chart
from nearedge.web.schema import ModelEntry

# Links to examples/spectra, so that an installed package has them too.
_EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    """Something to click for someone without a file.

    Attributes
    ----------
    name, title, icon, file
        How it is called and shown.
    content
        The file; None for one that a worker makes.
    scans
        Spectra in it.
    """

    name: str
    title: str
    icon: str
    file: str
    content: bytes | None
    scans: int = 1


def examples() -> list[Example]:
    """What there is to try."""
    files = [
        Example("example-site", "One site, calculated", "adjust", *_file("site.dat")),
        Example("example-scan", "A scan, simulated", "sensors", *_file("scan.xdi")),
    ]
    series = Example(
        "example-series",
        "A series of 24 scans, simulated",
        "stacked_line_chart",
        "simulated series.dat",
        None,
        24,
    )
    return [*files, series]


def _file(name: str) -> tuple[str, bytes]:
    return name, (_EXAMPLES / name).read_bytes()


def model_card(model: ModelEntry) -> None:
    """Open a window with a model's held-out figures and its card."""
    with ui.dialog() as dialog, ui.card().classes("ne-window"):
        with ui.row().classes("items-center full-width no-wrap"):
            ui.html(f"<h2>Model {escape(model.name)}</h2>").classes("col")
            ui.button(icon="close", on_click=dialog.close).props(
                'flat round dense aria-label="Close"'
            )
        figures = "".join(
            f"<div><b>{value}</b><span>{escape(words)}</span></div>"
            for words, value in _figures(model.held_out)
        )
        if figures:
            ui.html(f"<div class='ne-figures'>{figures}</div>")
            ui.html("<p class='ne-note'>On sites that the training never saw.</p>")
        ui.markdown(model.card).classes("ne-markdown full-width")
    dialog.on("hide", dialog.delete)
    dialog.open()


def _figures(held_out: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that matter most to somebody with a sample."""
    classifier = (held_out.get("classifier") or {}).get("held_out") or {}
    regressor = (held_out.get("regressor") or {}).get("held_out") or {}
    found = []
    if (accuracy := (classifier.get("calibrated") or {}).get("accuracy")) is not None:
        found.append(("right on single sites", f"{100 * accuracy:.0f} %"))
    if (coverage := classifier.get("coverage")) is not None:
        found.append(("of the sets hold the truth", f"{100 * coverage:.0f} %"))
    if (mse := regressor.get("mse_test")) is not None:
        found.append(("typical error of the coordination number (rms)", f"{mse**0.5:.2f}"))
    if (inside := regressor.get("interval_coverage")) is not None:
        found.append(("of the intervals hold the truth", f"{100 * inside:.0f} %"))
    return found


class LibraryView:
    """The median spectra of a model's classes, for a page without spectra.

    Parameters
    ----------
    bands
        From `model_bands`.
    model
        Whose they are.
    is_dark
        Tells the theme.
    """

    def __init__(
        self, bands: dict[str, list[list[float]]], model: ModelEntry, is_dark: Callable[[], bool]
    ) -> None:
        self._bands, self._model, self._is_dark = bands, model, is_dark

    def build(self) -> None:
        """Make the chart, in the element that is open."""
        self._chart = ui.plotly(self._figure()).classes("full-width")

    def redraw(self) -> None:
        """Draw again, in another theme."""
        self._chart.update_figure(self._figure())

    def _figure(self) -> dict[str, Any]:
        grid = self._model.grid
        energy = np.linspace(grid["start_eV"], grid["stop_eV"], int(grid["points"])).round(4)
        return library_chart(
            energy.tolist(),
            self._bands,
            self._model.classes,
            f"{self._model.absorber} {self._model.edge} edge, intensity / mean",
            self._is_dark(),
        )
