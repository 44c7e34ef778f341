"""The page's view of a series."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from html import escape
from typing import Any

from nicegui import ui

from nearedge.pictures._map import coordination_map, headline
from nearedge.spectra import EnergyGrid
from nearedge.web.charts import heat_chart, map_chart, trend_chart
from nearedge.web.schema import ModelEntry
from nearedge.web.workspace import Workspace


def _column(name: str, label: str, digits: int | None = None, align: str = "left") -> dict:
    column: dict[str, Any] = {"name": name, "label": label, "field": name, "sortable": True}
    column["align"] = align if digits is None else "right"
    if digits is not None:
        column[":format"] = f"value => value === null ? '–' : value.toFixed({digits})"
    return column


_COLUMNS = [
    _column("n", "No.", align="right"),
    _column("name", "Spectrum"),
    _column("number", "Coordination", 2),
    _column("interval", "Interval"),
    _column("label", "Environment"),
    _column("novelty", "Novelty p", 3),
    _column("shift", "Shift (eV)", 2),
    _column("status", "Status"),
]

_STATUS = {"ok": "answered", "abstained": "no answer", "error": "not readable"}


class SeriesView:
    """Trend, heat map and table of all spectra of a page.

    Parameters
    ----------
    workspace
        Of the page.
    model
        That answers.
    is_dark
        Tells the theme.
    choose
        Called with the number of a spectrum that is to be shown.
    """

    def __init__(
        self,
        workspace: Workspace,
        model: ModelEntry,
        is_dark: Callable[[], bool],
        choose: Callable[[int], Any],
    ) -> None:
        self._workspace, self._model = workspace, model
        self._is_dark, self._choose = is_dark, choose

    def build(self) -> None:
        """Make the parts, in the element that is open."""
        trend = self._workspace.trend(self._model.classes, int(self._model.grid["points"]))
        self._trend = trend
        first, second = headline(trend)
        with ui.element("section").classes("ne-card").props('aria-label="Series"'):
            ui.html(f"<h2>{escape(first)}</h2><p class='ne-note'>{escape(second)}</p>")
            self._chart = ui.plotly(self._trend_figure()).classes("full-width").mark("trend")
        self._places = coordination_map(trend)
        self._map = None
        if self._places is not None:
            with ui.element("section").classes("ne-card"):
                ui.html("<h2>Coordination number at every place</h2>")
                self._map = ui.plotly(map_chart(self._places, self._is_dark())).classes(
                    "full-width"
                )
        with ui.element("section").classes("ne-card"):
            ui.html("<h2>All spectra</h2>")
            self._heat = ui.plotly(self._heat_figure()).classes("full-width").mark("heat")
        with ui.element("section").classes("ne-card"):
            self._table()

    def redraw(self) -> None:
        """Draw again, in another theme."""
        self._chart.update_figure(self._trend_figure())
        self._heat.update_figure(self._heat_figure())
        if self._map is not None and self._places is not None:
            self._map.update_figure(map_chart(self._places, self._is_dark()))

    def _trend_figure(self) -> dict[str, Any]:
        return trend_chart(self._trend, self._model.classes, self._is_dark())

    def _heat_figure(self) -> dict[str, Any]:
        grid = EnergyGrid(
            self._model.grid["start_eV"],
            self._model.grid["stop_eV"],
            int(self._model.grid["points"]),
        )
        return heat_chart(self._trend, grid.energy_eV.round(4).tolist(), self._is_dark())

    def _table(self) -> None:
        rows = [
            _row(number, sample.entry, sample.name)
            for number, sample in enumerate(self._workspace.samples)
        ]
        with ui.row().classes("items-center full-width"):
            ui.html("<h2>Table</h2>").classes("col")
            ui.button("CSV", icon="download", on_click=self._csv).props(
                'outline no-caps aria-label="Download the table as CSV"'
            ).mark("csv")
            ui.button("JSON", icon="download", on_click=self._json).props(
                'outline no-caps aria-label="Download the answers as JSON"'
            ).mark("json")
        table = ui.table(columns=_COLUMNS, rows=rows, row_key="n", pagination=20)
        table.classes("full-width").props("flat dense").mark("table")
        table.on("rowClick", lambda event: self._choose(int(event.args[1]["n"]) - 1))
        ui.html(
            "<p class='ne-note'>Click a row to see its spectrum, or why it has no answer, and to "
            "print its report.</p>"
        )

    def _csv(self) -> None:
        columns, rows = self._workspace.table()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[_harmless(cell) for cell in row] for row in rows])
        ui.download(text.getvalue().encode(), "nearedge.csv", "text/csv")

    def _json(self) -> None:
        entries = [sample.entry for sample in self._workspace.samples]
        content = json.dumps(entries, ensure_ascii=False, indent=1).encode()
        ui.download(content, "nearedge.json", "application/json")


def _harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: names come from whoever sent the file.

    Examples
    --------
    >>> _harmless("=1+2"), _harmless(-1.5)
    ("'=1+2", -1.5)
    """
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")):
        return f"'{cell}"
    return cell


def _between(interval: list[float] | None) -> str:
    return "" if interval is None else "{:.2f}–{:.2f}".format(*interval)


def _row(number: int, entry: dict[str, Any], name: str) -> dict[str, Any]:
    answered = entry["status"] == "ok"
    novelty = (entry.get("novelty") or {}).get("p_value")
    shift = (entry.get("alignment") or {}).get("shift_eV")
    return {
        "n": number + 1,
        "name": name,
        "number": entry["coordination"]["mean"] if answered else None,
        "interval": _between(entry["coordination"]["interval"]) if answered else "",
        "label": entry["environment"]["label"] if answered else "",
        "novelty": novelty,
        "shift": shift,
        "status": _STATUS[entry["status"]],
    }
