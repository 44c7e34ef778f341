"""The page's view of one spectrum."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

from nicegui import ui

from nearedge.errors import NearedgeError
from nearedge.web.charts import colours, read_chart, shift_chart, spectrum_chart
from nearedge.web.components import Atoms, Range, atom_colour
from nearedge.web.words import (
    novelty_words,
    number_words,
    sentence,
    set_words,
    steps_words,
)
from nearedge.web.workspace import Sample, Workspace

# How far the slider goes to either side, and in what steps.
_REACH_EV = 4.0
_STEP_EV = 0.05
# Where the curve below the slider is worked out.
_SWEEP_EV = [round(-3.0 + 0.25 * step, 2) for step in range(25)]

_OVER_LIBRARY = (
    "<h2>The spectrum over the library</h2><p class='ne-note'>Bands hold 80 % of the library's "
    "sites of each class; click a class to show or hide it, drag to zoom.</p>"
)
_AS_READ = (
    "<h2>The spectrum as it was read</h2><p class='ne-note'>Look whether these are the columns "
    "that you meant, and whether the edge is where it should be.</p>"
)


class AnswerView:
    """Everything about one spectrum: built anew for each that is chosen.

    Parameters
    ----------
    workspace
        Of the page.
    sample
        The spectrum.
    report
        Address of its report.
    is_dark
        Tells the theme.
    """

    def __init__(
        self, workspace: Workspace, sample: Sample, report: str, is_dark: Callable[[], bool]
    ) -> None:
        self._workspace, self._sample, self._is_dark = workspace, sample, is_dark
        self._report = report
        self._entry = sample.entry
        self._shown: dict[str, Any] = {}
        self._read: dict[str, Any] = {}
        self._found_eV = float((sample.entry.get("alignment") or {}).get("shift_eV") or 0.0)
        self._wanted_eV: float | None = None
        self._asking = False
        self._moved_eV = 0.0
        self._numbers: list[float | None] = []
        self._moves: ui.plotly | None = None

    async def build(self) -> None:
        """Make the parts, in the element that is open."""
        sample = self._sample
        with ui.element("section").classes("ne-card ne-hero").props('aria-label="Answer"'):
            with ui.element("div"):
                self._head = ui.html("").props('aria-live="polite"')
                ui.link("Printable report", self._report, new_tab=True).classes("ne-button").mark(
                    "report"
                )
            self._bars = ui.html("")
        if sample.intensity is None:
            self._write()
            if sample.entry["status"] != "error" and sample.path is not None:
                await self._as_read()
            return
        self._shown = json.loads(await self._workspace.ask("look", sample, what="portrait"))
        self._write()
        with ui.element("section").classes("ne-card"):
            ui.html(_OVER_LIBRARY)
            self._chart = ui.plotly(spectrum_chart(self._shown, self._is_dark()))
            self._chart.classes("full-width").mark("spectrum")
        with ui.element("div").classes("ne-row"):
            self._alignment()
            self._neighbours()
        self._steps()

    async def _as_read(self) -> None:
        """What is left to show of a spectrum without an answer: itself, and what was done to it.

        Whether the right column was read, and the edge is there, is seen at once.
        """
        try:
            self._read = json.loads(await self._workspace.ask("read", self._sample))
        except NearedgeError:
            return
        with ui.element("section").classes("ne-card"):
            self._title = ui.html(_AS_READ)
            self._chart = ui.plotly(read_chart(self._read, self._is_dark()))
            self._chart.classes("full-width").mark("read")
            if self._read["axis"] == "absolute":
                ui.html(
                    "<p class='ne-note'>If you know what must be added to the energies to put them "
                    "on the library's axis, give it here.</p>"
                )
                with ui.row().classes("items-center"):
                    given = ui.number("Shift in eV").props('dense aria-label="Shift in eV"')
                    ui.button(
                        "Predict with this shift", on_click=lambda: self._give(given.value)
                    ).props("outline no-caps")
        if self._entry.get("preparation"):
            self._steps()

    async def _give(self, shift_eV: float | None) -> None:
        """Show the answer at a shift that the user knows."""
        if shift_eV is None:
            return
        try:
            content = await self._workspace.ask("shift", self._sample, shift_eV=shift_eV)
        except NearedgeError as error:
            ui.notify(str(error), type="negative", multi_line=True)
            return
        found = json.loads(content)
        self._entry = found["entry"]
        self._shown = found["portrait"] if found["portrait"]["intensity"] is not None else {}
        self._title.content = _OVER_LIBRARY if self._shown else _AS_READ
        self.redraw()

    def _steps(self) -> None:
        steps = steps_words(self._entry.get("preparation"))
        with ui.element("section").classes("ne-card"):
            items = "".join(f"<li>{escape(step)}</li>" for step in steps)
            ui.html(f"<h2>From the file to the model</h2><ol class='ne-steps'>{items}</ol>")

    def redraw(self) -> None:
        """Draw again, in another theme."""
        self._write()
        if self._moves is not None:
            self._moves.update_figure(self._moves_figure())
        if self._shown:
            self._chart.update_figure(spectrum_chart(self._shown, self._is_dark()))
        elif self._read:
            self._chart.update_figure(read_chart(self._read, self._is_dark()))

    def _write(self) -> None:
        self._head.content = _head(self._sample.name, self._entry, self._is_dark())
        self._bars.content = _bars(self._entry, self._is_dark())

    def _alignment(self) -> None:
        alignment = self._entry.get("alignment") or {}
        with ui.element("section").classes("ne-card"):
            known = alignment.get("uncertainty_eV")
            how = (
                f"Found from the spectrum, uncertain by {known:.2f} eV."
                if known is not None
                else "A relative axis is never shifted by itself."
                if not self._found_eV
                else "As the file or the sender gave it."
            )
            ui.html(
                "<h2>Alignment of the energy axis</h2><p class='ne-note'>What was added to the "
                f"energies. {how} Try another shift and watch the answer.</p>"
            )
            self._shift = ui.html(_shift_words(self._found_eV, 0.0))
            self._shift.props('aria-live="polite"')
            if self._sample.path is None:
                ui.html("<p class='ne-note'>This scan came without its file.</p>")
                return
            # In whole steps from where it was found, so that one of them is exactly there.
            self._slider = Range(
                -_REACH_EV, _REACH_EV, _STEP_EV, 0.0, "Shift of the energies from that found", "eV"
            )
            self._slider.on("moved", lambda event: self._try(float(event.args)), throttle=0.05)
            ui.button("Back to the shift found", on_click=self._back, icon="undo").props(
                "flat dense no-caps"
            )
            self._sweep = ui.element("div").classes("full-width")
        ui.timer(0.05, self._find_sweep, once=True)

    async def _find_sweep(self) -> None:
        """Show how the answer depends on the shift; gaps are shifts without an answer."""
        shifts_eV = [self._found_eV + moved_eV for moved_eV in _SWEEP_EV]
        try:
            content = await self._workspace.ask("sweep", self._sample, shifts_eV=shifts_eV)
        except NearedgeError:
            return
        self._numbers = json.loads(content)
        with self._sweep:
            self._moves = ui.plotly(self._moves_figure()).classes("full-width")

    def _moves_figure(self) -> dict[str, Any]:
        return shift_chart(_SWEEP_EV, self._numbers, self._moved_eV, self._is_dark())

    async def _back(self) -> None:
        self._slider.put(0.0)
        await self._try(0.0)

    async def _try(self, moved_eV: float) -> None:
        """Show the answer at another shift; while one is asked for, only the last one waits."""
        self._wanted_eV = self._moved_eV = moved_eV
        self._shift.content = _shift_words(self._found_eV, moved_eV)
        if self._asking:
            return
        self._asking = True
        try:
            while self._wanted_eV is not None:
                asked, self._wanted_eV = self._wanted_eV, None
                await self._at(asked)
        except NearedgeError as error:
            ui.notify(str(error), type="negative", multi_line=True)
        finally:
            self._asking = False

    async def _at(self, moved_eV: float) -> None:
        if abs(moved_eV) < _STEP_EV / 4:
            # The found shift carries its uncertainty, which a given one has not.
            self._entry = self._sample.entry
            content = await self._workspace.ask("look", self._sample, what="portrait")
            self._shown = json.loads(content)
        else:
            shift_eV = self._found_eV + moved_eV
            content = await self._workspace.ask("shift", self._sample, shift_eV=shift_eV)
            found = json.loads(content)
            self._entry, self._shown = found["entry"], found["portrait"]
        self.redraw()

    def _neighbours(self) -> None:
        with ui.element("section").classes("ne-card"):
            ui.html(
                "<h2>The most similar sites of the library</h2><p class='ne-note'>Drag to rotate; "
                "the ring marks the absorbing atom.</p>"
            )
            self._choice = ui.element("div").classes("ne-sites")
            self._atoms = Atoms()
            self._said = ui.html("<p class='ne-note'>Looking …</p>")
            self._atoms.visible = False
        ui.timer(0.05, self._find_neighbours, once=True)

    async def _find_neighbours(self) -> None:
        try:
            content = await self._workspace.ask("look", self._sample, what="neighbours")
        except NearedgeError as error:
            self._said.content = f"<p class='ne-note'>{escape(str(error))}</p>"
            return
        sites = json.loads(content)
        if not sites:
            self._said.content = "<p class='ne-note'>This model carries no sites.</p>"
            return
        with self._choice:
            toggle = ui.toggle(
                {place: f"{place + 1}: {site['environment']}" for place, site in enumerate(sites)},
                value=0,
                on_change=lambda event: self._show_site(sites[event.value]),
            ).props('no-caps dense unelevated aria-label="Similar sites, nearest first"')
            toggle.mark("sites")
        self._show_site(sites[0])

    def _show_site(self, site: dict[str, Any]) -> None:
        legend = ""
        self._atoms.visible = "symbols" in site
        if self._atoms.visible:
            self._atoms.show(site)
            legend = "".join(
                f'<li><i style="background:{atom_colour(kind)}"></i>{escape(kind)}</li>'
                for kind in sorted(set(site["symbols"]))
            )
        around = ", ".join(
            f"{one['element']} {one['distance_A']:.2f} Å" for one in site["neighbours"]
        )
        self._said.content = (
            f"<ul class='ne-legend'>{legend}</ul><p class='ne-note'>{escape(site['environment'])}, "
            f"atom {site['atom']} of {escape(site['structure'])}; neighbours: "
            f"{escape(around) or 'none'}. Distance {site['distance']:.2f}: about 1 is usual "
            "between sites of different trajectories.</p>"
        )


def _shift_words(found_eV: float, moved_eV: float) -> str:
    at_home = abs(moved_eV) < _STEP_EV / 4
    said = "as found" if at_home else f"{moved_eV:+.2f} eV from where it was found"
    shown = f"{found_eV + moved_eV:+.2f}".replace("-", "−")
    return f"<div class='ne-shift'>{shown} eV</div><p class='ne-note'>{said}</p>"


def _head(name: str, entry: dict[str, Any], dark: bool) -> str:
    number, interval = number_words(entry)
    answered = entry["status"] == "ok"
    kind = "" if answered else " words"
    parts = [
        f"<p class='ne-name'>{escape(name)}</p>",
        "<p class='ne-kicker'>Average coordination number</p>" if answered else "",
        f"<p class='ne-number{kind}'>{escape(number)}</p>",
        f"<p class='ne-interval'>{escape(interval)}</p>",
        _scale(entry) if answered else "",
    ]
    environment = entry.get("environment")
    if environment:
        hues = colours(list(environment["probabilities"]), dark)
        members = environment.get("set")
        chips = "".join(
            f'<li><i style="background:{hues.get(label, "#777")}"></i>{escape(label)}</li>'
            for label in (members if members is not None else [environment["label"]])
        )
        parts += [
            f"<p class='ne-note'>{escape(set_words(entry))}</p>",
            f"<ul class='ne-chips'>{chips}</ul>",
        ]
    flagged = (entry.get("novelty") or {}).get("flag")
    if entry["status"] != "error":
        parts.append(_says(novelty_words(entry), "warn" if flagged else ""))
    reason = str((entry.get("novelty") or {}).get("reason") or "")
    message = str(entry.get("message") or "")
    message = message.replace(reason, "").strip("; ") if flagged else message
    if message:
        parts.append(
            _says(
                message if message.startswith(entry["file"]) else sentence(message),
                {"error": "bad", "abstained": "warn"}.get(entry["status"], "info"),
            )
        )
    return "".join(parts)


def _says(text: str, kind: str) -> str:
    return f"<p class='ne-says {kind}'>{escape(text)}</p>"


def _scale(entry: dict[str, Any]) -> str:
    """The coordination number on its scale."""
    coordination = entry["coordination"]
    low, high = coordination.get("interval") or (coordination["mean"],) * 2
    top = max(4.0, float(-(-high // 1)))
    place = lambda value: f"{100 * min(max(value / top, 0), 1):.2f}%"  # noqa: E731
    ticks = "".join(
        f"<span class='tick' style='left:{place(tick)}'>{tick}</span>"
        for tick in range(int(top) + 1)
    )
    width = f"{100 * (min(high, top) - max(low, 0)) / top:.2f}%"
    return (
        "<div class='ne-scale' aria-hidden='true'><div class='rail'></div>"
        f"<div class='span' style='left:{place(low)};width:{width}'></div>"
        f"<div class='dot' style='left:{place(coordination['mean'])}'></div>{ticks}</div>"
    )


def _bars(entry: dict[str, Any], dark: bool) -> str:
    environment, composition = entry.get("environment"), entry.get("composition")
    if not environment:
        return ""
    labels = list(environment["probabilities"])
    hues = colours(labels, dark)
    tables = []
    if composition:
        intervals = composition.get("intervals") or {}
        note = "of a sample with sites of several kinds"
        if composition.get("coverage"):
            note += f"; thin lines: {100 * composition['coverage']:.0f} % intervals"
        rows = [
            _bar(label, share, hues.get(label, "#777"), intervals.get(label))
            for label, share in composition["fractions"].items()
        ]
        tables.append(_table("Fractions of sites", note, rows))
    rows = [_bar(label, p, hues[label], None) for label, p in environment["probabilities"].items()]
    note = "if all sites are alike"
    tables.append(_table("Probability of each environment", note, rows))
    return "<br>".join(tables)


def _table(title: str, note: str, rows: list[str]) -> str:
    return (
        f"<table class='ne-bars'><caption>{title}<small>{note}</small></caption>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _bar(label: str, share: float, hue: str, interval: list[float] | None) -> str:
    between = span = ""
    if interval:
        low, high = (min(max(100 * end, 0), 100) for end in interval)
        span = f"<u style='left:{low:.1f}%;width:{high - low:.1f}%'></u>"
        between = f" <span class='ne-range'>({low:.0f}–{high:.0f})</span>"
    return (
        f"<tr><th scope='row'>{escape(label)}</th><td><div class='ne-bar'>"
        f"<i style='width:{100 * share:.1f}%;background:{hue}'></i>{span}</div></td>"
        f"<td>{100 * share:.0f} %{between}</td></tr>"
    )
