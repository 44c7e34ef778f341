"""The page: what people see who do not write Python."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from nicegui import Client, ui
from nicegui import app as nicegui_app

from nearedge.errors import NearedgeError
from nearedge.web.answer_view import AnswerView
from nearedge.web.api import read_form
from nearedge.web.cards import LibraryView, examples, model_card
from nearedge.web.components import Dropzone, style_sheet
from nearedge.web.described import describe_model, model_bands
from nearedge.web.series_view import SeriesView
from nearedge.web.state import State
from nearedge.web.words import number_words
from nearedge.web.workspace import Workspace

# How often a page looks for live scans.
_LIVE_SECONDS = 1.0
_SHOWN_IN_LIST = 300


def add_page(app: FastAPI, state: State) -> None:
    """Add the page to an application.

    Parameters
    ----------
    app
        The application.
    state
        Of its server.
    """
    open_pages: dict[str, Page] = {}

    @app.post("/page/{key}/files", include_in_schema=False)
    async def receive(key: str, request: Request) -> Response:
        page = open_pages.get(key)
        if page is None:
            return JSONResponse({"error": "the page was closed; load it again"}, 404)
        files = await read_form(request, state.settings.limits)
        if not isinstance(files, list):
            return Response(files.content, files.status, media_type="application/json")
        try:
            await page.add(files)
        except NearedgeError as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse({"files": len(files)})

    @app.get("/page/{key}/report/{number}", include_in_schema=False)
    async def report(key: str, number: int) -> Response:
        page = open_pages.get(key)
        if page is None or not 0 <= number < len(page.workspace.samples):
            return HTMLResponse("<p>The page was closed. Load it again.</p>", 404)
        sample = page.workspace.samples[number]
        try:
            content = await page.workspace.ask("look", sample, what="report")
        except NearedgeError as error:
            return HTMLResponse(f"<p>{escape(str(error))}</p>", 422)
        return HTMLResponse(content)

    @ui.page("/", title="nearedge", response_timeout=20)
    async def page(client: Client) -> None:
        held = Page(state)
        open_pages[held.workspace.key] = held

        def gone() -> None:
            open_pages.pop(held.workspace.key, None)
            held.workspace.close()

        client.on_delete(gone)
        held.build()
        await client.connected(timeout=300)
        await held.welcome()

    ui.run_with(
        app,
        title="nearedge",
        language="en-US",
        reconnect_timeout=60,
        show_welcome_message=False,
        tailwind=False,
    )
    nicegui_app.config.endpoint_documentation = "none"


class Page:
    """One open page.

    Parameters
    ----------
    state
        Of the server.
    """

    def __init__(self, state: State) -> None:
        self.workspace = Workspace(state, state.default_model)
        self._state = state
        self._models = {n: describe_model(n, f) for n, f in state.settings.models.items()}
        self._chosen: int | None = None
        self._view: AnswerView | SeriesView | LibraryView | None = None
        self._heard = state.hub.last if state.settings.watch is None else 0

    def build(self) -> None:
        """Make the frame; the rest comes when the browser is there."""
        ui.add_css(style_sheet())
        ui.add_head_html('<meta name="description" content="Local environments from XANES">')
        self._theme = ui.dark_mode(None)
        ui.colors(primary="#0b6e6e", dark="#182029", dark_page="#10161d", negative="#b3261e")
        self._header()
        with ui.element("main").classes("ne-main"):
            with ui.element("aside").classes("ne-side").props('aria-label="Spectra"'):
                self._inputs()
            self._stage = ui.element("div").classes("ne-stage")
        with self._stage:
            self._welcome_words()
        ui.timer(_LIVE_SECONDS, self._hear)

    async def welcome(self) -> None:
        """Take the theme that this browser had last, or else its system's."""
        dark = await ui.run_javascript(
            "(() => { try { const kept = localStorage.getItem('nearedge-dark');"
            " if (kept !== null) return kept === '1'; } catch {}"
            " return matchMedia('(prefers-color-scheme: dark)').matches; })()",
            timeout=10,
        )
        self._theme.value = bool(dark)
        self._paint()

    def is_dark(self) -> bool:
        """Whether the page is dark now."""
        return bool(self._theme.value)

    async def add(self, files: list[tuple[str, bytes]]) -> None:
        """Predict files and show them.

        Raises
        ------
        NearedgeError
            If they hold too much.
        """
        new = await self.workspace.add_files(files)
        with self._stage:
            self._list_spectra()
            if len(self.workspace.samples) > 1 and len(new) > 1:
                self._show_series()
            else:
                await self._show(len(self.workspace.samples) - 1)

    def _header(self) -> None:
        with ui.element("header").classes("ne-top"):
            ui.html("near<span>edge</span>", tag="h1").classes("ne-brand")
            ui.html("Local environments from X-ray near-edge spectra").classes("ne-tag")
            if len(self._models) > 1:
                choice = ui.select(
                    list(self._models),
                    value=self.workspace.model,
                    label="Model",
                    on_change=lambda event: self._change_model(event.value, event.sender),
                )
                choice.props("dense outlined options-dense").style("min-width: 150px").mark("model")
            ui.button("Model card", icon="description", on_click=self._card).props(
                "flat no-caps"
            ).mark("card")
            ui.link("API", "/api/v1/openapi.json", new_tab=True).classes("q-px-sm")
            self._toggle = ui.button(icon="dark_mode", on_click=self._switch).props(
                'flat round aria-label="Switch between light and dark"'
            )
            self._toggle.mark("theme")

    def _inputs(self) -> None:
        limits = self._state.settings.limits
        address = f"/page/{self.workspace.key}/files"
        zone = Dropzone(address, limits.upload_bytes, limits.too_large())
        zone.on("failed", lambda event: self._complain(str(event.args)))
        with ui.element("section").classes("ne-card"):
            ui.html("<h2>Or try an example</h2>")
            with ui.element("div").classes("ne-links"):
                for example in examples():
                    ui.button(
                        example.title,
                        icon=example.icon,
                        on_click=partial(self._try_example, example),
                    ).props("flat no-caps dense").mark(example.name)
            with (
                ui.expansion("Paste two columns", icon="content_paste")
                .classes("full-width")
                .props("dense")
            ):
                self._pasted = (
                    ui.textarea("Energy (eV) and intensity, one point a line")
                    .props("outlined dense rows=6 input-style='font-family: monospace'")
                    .classes("full-width")
                    .mark("paste")
                )
                ui.button("Predict", on_click=self._paste).props("no-caps unelevated").mark(
                    "predict-pasted"
                )
        self._listed = ui.element("nav").classes("ne-card").props('aria-label="Your spectra"')
        self._listed.visible = False

    def _welcome_words(self) -> None:
        model = self._models[self.workspace.model]
        watched = ""
        if self._state.settings.watch is not None:
            name = escape(Path(self._state.settings.watch).resolve().name)
            watched = f"<p>New scans in the folder <b>{name}</b> appear here by themselves.</p>"
        ui.html(
            f"<section class='ne-card ne-empty'><h1>What surrounds the {escape(model.absorber)} "
            "atoms in your sample?</h1><p>Drop a measured or calculated "
            f"{escape(model.absorber)} {escape(model.edge)}-edge spectrum, and read the average "
            "coordination number with its uncertainty. Everything is computed on this machine; "
            f"nothing leaves it.</p>{watched}</section>"
        )
        known = model_bands(self._state.settings.models[self.workspace.model])
        if known is None:
            return
        with ui.element("section").classes("ne-card"):
            ui.html(
                "<h2>What the model knows</h2><p class='ne-note'>The median spectrum of each class "
                f"in its library of {model.library['sites']} sites. Click a class to hide it, "
                "drag to zoom.</p>"
            )
            self._view = LibraryView(known, model, self.is_dark)
            self._view.build()

    async def _switch(self) -> None:
        self._theme.value = not self.is_dark()
        kept = "1" if self.is_dark() else "0"
        ui.run_javascript(f"try {{ localStorage.setItem('nearedge-dark', '{kept}') }} catch {{}}")
        self._paint()

    def _paint(self) -> None:
        """Bring what does not follow the style sheet into the theme."""
        dark = self.is_dark()
        self._toggle.props(f"icon={'light_mode' if dark else 'dark_mode'}")
        ui.colors(
            primary="#4fd1c5" if dark else "#0b6e6e",
            dark="#182029",
            dark_page="#10161d",
            negative="#b3261e",
        )
        if self._view is not None:
            self._view.redraw()

    async def _change_model(self, name: str, choice: Any) -> None:
        try:
            await self.workspace.change_model(name)
        except NearedgeError as error:
            self._complain(str(error))
            choice.value = self.workspace.model
            return
        self._list_spectra()
        if self._chosen is not None and self._chosen < len(self.workspace.samples):
            await self._show(self._chosen)
        elif self.workspace.samples:
            self._show_series()

    def _card(self) -> None:
        model_card(self._models[self.workspace.model])

    async def _paste(self) -> None:
        text = self._pasted.value or ""
        if not text.strip():
            self._complain("paste two columns first: energy in eV, and intensity")
            return
        await self._add_or_complain([("pasted", text.encode())])

    async def _try_example(self, example: Any) -> None:
        content = example.content
        if content is None:
            content = await self.workspace.example(example.scans)
        # An example is looked at by itself; a trend over it and something else says nothing.
        self.workspace.clear()
        await self._add_or_complain([(example.file, content)])

    async def _add_or_complain(self, files: list[tuple[str, bytes]]) -> None:
        try:
            await self.add(files)
        except NearedgeError as error:
            self._complain(str(error))

    def _complain(self, message: str) -> None:
        ui.notify(
            f"{message[0].upper()}{message[1:]}.",
            type="negative",
            multi_line=True,
            close_button="Close",
            timeout=0,
        )

    def _list_spectra(self) -> None:
        samples = self.workspace.samples
        self._listed.clear()
        self._listed.visible = bool(samples)
        with self._listed:
            with ui.row().classes("items-center full-width no-wrap"):
                ui.html(f"<h2>Your spectra ({len(samples)})</h2>").classes("col")
                ui.button(icon="delete_sweep", on_click=self._clear).props(
                    'flat dense round aria-label="Remove all spectra"'
                )
            if len(samples) > 1:
                ui.button("Series", icon="show_chart", on_click=self._show_series).props(
                    "outline no-caps dense"
                ).classes("full-width").mark("series")
            with ui.element("ul").classes("ne-list"):
                for number in range(len(samples))[:_SHOWN_IN_LIST]:
                    self._list_item(number)
            if len(samples) > _SHOWN_IN_LIST:
                ui.html("<p class='ne-note'>More in the table of the series.</p>")

    def _list_item(self, number: int) -> None:
        sample = self.workspace.samples[number]
        shown = number_words(sample.entry)[0] if sample.entry["status"] == "ok" else "–"
        with ui.element("li"):
            item = ui.element("button").classes(f"ne-item {sample.entry['status']}")
            item.props('type="button"').mark(f"sample-{number}")
            if number == self._chosen:
                item.props('aria-current="true"')
            item.on("click", partial(self._show, number))
            with item:
                ui.element("i").props('aria-hidden="true"')
                ui.html(escape(sample.name), tag="span")
                ui.html(escape(shown), tag="b")

    def _clear(self) -> None:
        self.workspace.clear()
        self._chosen = self._view = None
        self._list_spectra()
        self._stage.clear()
        with self._stage:
            self._welcome_words()

    async def _show(self, number: int) -> None:
        self._chosen = number
        self._list_spectra()
        self._stage.clear()
        with self._stage:
            sample = self.workspace.samples[number]
            report = f"/page/{self.workspace.key}/report/{number}"
            view = self._view = AnswerView(self.workspace, sample, report, self.is_dark)
            try:
                await view.build()
            except NearedgeError as error:
                self._complain(str(error))
        # On a phone the answer lies below everything else.
        ui.run_javascript(
            "if (innerWidth <= 1000) document.querySelector('.ne-stage')?.scrollIntoView()"
        )

    def _show_series(self) -> None:
        self._chosen = None
        self._list_spectra()
        self._stage.clear()
        with self._stage:
            model = self._models[self.workspace.model]
            view = self._view = SeriesView(self.workspace, model, self.is_dark, self._show)
            view.build()

    async def _hear(self) -> None:
        """Take live scans that came since the last look, and show the newest."""
        news = self._state.hub.with_extras(self._heard)
        if not news:
            return
        self._heard = news[-1][0]
        at_end = self._chosen is None or self._chosen == len(self.workspace.samples) - 1
        for _, entry, extra in news:
            self.workspace.add_live(entry, extra)
        if not at_end:
            self._list_spectra()
        elif len(self.workspace.samples) > 1 and self._chosen is None:
            self._show_series()
        else:
            await self._show(len(self.workspace.samples) - 1)
