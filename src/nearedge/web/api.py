"""The programming interface: files or arrays in, the JSON of ``nearedge predict`` out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from nearedge import __version__
from nearedge.spectra import PREPARATION_STEPS
from nearedge.spectra.background import BACKGROUNDS
from nearedge.web._frames import Answer, Task
from nearedge.web.described import describe_model
from nearedge.web.limits import Limits
from nearedge.web.schema import ERRORS, PREDICT_BODY, Health, ModelEntry, PredictionEntry
from nearedge.web.state import SMALL_BYTES, State

PREFIX = "/api/v1"

_Background = Literal[tuple(BACKGROUNDS)]  # pyright: ignore[reportInvalidTypeForm]
_Step = Literal[tuple(PREPARATION_STEPS)]  # pyright: ignore[reportInvalidTypeForm]
_Options = dict[str, Any]


def add_api(app: FastAPI, state: State) -> None:
    """Add the interface to an application.

    Parameters
    ----------
    app
        The application.
    state
        Of its server.
    """
    router = APIRouter(prefix=PREFIX)
    names = tuple(state.settings.models)
    cards = {name: describe_model(name, folder) for name, folder in state.settings.models.items()}

    async def options(
        model: str = Query(
            names[0],
            description="Name of a model, from /models",
            json_schema_extra={"enum": list(names)},
        ),
        shift_eV: Annotated[
            float | None,
            Query(
                ge=-200_000,
                le=200_000,
                description="What to add to absolute energies, in eV; found if left out",
            ),
        ] = None,
        one_instrument: Annotated[
            bool, Query(description="All measured spectra share one shift")
        ] = False,
        sensitivity: Annotated[
            bool, Query(description="Tell how answers change with shift, broadening, background")
        ] = False,
        why: Annotated[
            bool,
            Query(description="Tell the deciding energies and nearest sites; without is faster"),
        ] = True,
        columns: Annotated[
            str | None,
            Query(max_length=500, description="Energy and signals by name or number: `1,4`"),
        ] = None,
        background: Annotated[
            _Background | None,  # pyright: ignore[reportInvalidTypeForm]
            Query(description="Form of the background below the edge"),
        ] = None,
        skip: Annotated[
            list[_Step] | None,  # pyright: ignore[reportInvalidTypeForm]
            Query(description="Steps of the preparation to leave out"),
        ] = None,
    ) -> _Options:
        if model not in names:
            raise HTTPException(422, f"no model is called {model!r}; known are {', '.join(names)}")
        return {
            "model": model,
            "shift_eV": shift_eV,
            "one_instrument": one_instrument,
            "sensitivity": sensitivity,
            "why": why,
            "columns": columns,
            "background": background,
            "skip": skip,
        }

    asked = Depends(options)
    common: dict[str, Any] = {"responses": ERRORS, "openapi_extra": {"requestBody": PREDICT_BODY}}

    @router.post("/predict", response_model=list[PredictionEntry], tags=["predict"], **common)
    async def predict(request: Request, options: _Options = asked) -> Response:
        """Predict every spectrum of some files, or of arrays.

        Send files in the form field `files`, or arrays as JSON. The answer is a list with one entry
        per spectrum, the same as of `nearedge predict --json`. A file that cannot be read is one
        entry with the status `error`.
        """
        return _response(await _predicted(request, options))

    @router.post("/live", response_model=list[PredictionEntry], tags=["live scans"], **common)
    async def send_live(request: Request, options: _Options = asked) -> Response:
        """Predict, and show the answers to everybody who listens, and on the page.

        Send a scan again while it grows: its answer replaces the earlier one on the page.
        """
        answer = await _predicted(request, options | {"rows": True})
        if answer.status != 200:
            return _response(answer)
        found = answer.json()
        for one in found:
            state.hub.publish(one["entry"], {"intensity": one["intensity"]})
        return JSONResponse([one["entry"] for one in found])

    @router.get(
        "/live",
        tags=["live scans"],
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Server-sent events; `data` is a prediction, `id` its number",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": 'id: 7\nevent: prediction\ndata: {"file": "scan_7.xdi"}\n\n',
                    }
                },
            },
            **{code: ERRORS[code] for code in (401, 403, 422)},
        },
    )
    async def listen_live(
        request: Request,
        after: Annotated[
            int | None,
            Query(
                ge=0,
                le=2**53,
                description="Number of the last answer that is known; only new ones if left out",
            ),
        ] = None,
        seconds: Annotated[
            float | None, Query(ge=0, le=86_400, description="When to end the stream")
        ] = None,
    ) -> Response:
        """Answers to live scans as they come: of the watched folder, and of those sent to `/live`.

        A browser's `EventSource` that reconnects goes on where it was.
        """
        known = request.headers.get("last-event-id", "")
        start = int(known) if known.isascii() and known.isdigit() else after
        start = state.hub.last if start is None else start

        async def events():
            yield ": nearedge\n\n"
            async for one in state.hub.listen(start, seconds):
                if one is None:
                    yield ": still here\n\n"
                    continue
                number, entry = one
                data = json.dumps(entry, ensure_ascii=False)
                yield f"id: {number}\nevent: prediction\ndata: {data}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @router.get("/models", tags=["models"], responses={c: ERRORS[c] for c in (401, 403)})
    async def models() -> list[ModelEntry]:
        """The models that can answer, the default first, with their cards and held-out figures."""
        return list(cards.values())

    @router.get("/health", tags=["server"], responses={c: ERRORS[c] for c in (401, 403)})
    async def health() -> Health:
        """Whether the server answers, and how busy it is."""
        return Health(
            status="ok",
            version=__version__,
            workers=state.pool.size,
            replaced=state.pool.replaced,
            waiting=state.pool.waiting,
        )

    async def _predicted(request: Request, options: _Options) -> Answer:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        client = request.client.host if request.client else ""
        if kind == "application/json":
            body = await request.body()
            if not body:
                return Answer.error(422, "the body is empty; send arrays as openapi.json describes")
            given = options | {"small": len(body) <= SMALL_BYTES}
            task = Task("predict", options=given, body=body)
            return await _unless_gone(request, state.pool.run(task, client))
        if kind == "multipart/form-data":
            return await _predicted_form(request, options, client)
        return Answer.error(415, "send multipart/form-data with the field `files`, or JSON")

    async def _predicted_form(request: Request, options: _Options, client: str) -> Answer:
        files = await read_form(request, state.settings.limits)
        if isinstance(files, Answer):
            return files
        return await _unless_gone(request, state.predict_content(files, options, client))

    app.include_router(router)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"error": f"{place}: {first['msg']}"}, 422)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        # Nobody reads it, but a client that goes is no failure of the server to be logged.
        return JSONResponse({"error": "the client has gone"}, 503)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def read_form(request: Request, limits: Limits) -> list[tuple[str, bytes]] | Answer:
    """Names and contents of the files in a form; an answer that says why where there are none."""
    try:
        form = await request.form(max_files=limits.files, max_fields=10, max_part_size=10_000)
    except HTTPException as error:
        if "files" in str(error.detail).lower():
            return Answer.error(413, limits.too_many_files())
        return Answer.error(422, f"the form cannot be read: {error.detail}")
    try:
        uploads = [one for one in form.getlist("files") if isinstance(one, UploadFile)]
        if not uploads:
            return Answer.error(422, "no file came in the form field `files`")
        return [(one.filename or "", await one.read()) for one in uploads]
    finally:
        await form.close()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Wait for an answer, or give it up when its client goes: then no worker takes it any more."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answering, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        return Answer.error(503, "the client has gone")
    finally:
        for one in (answering, leaving):
            one.cancel()


def _response(answer: Answer) -> Response:
    headers = {"retry-after": "3"} if answer.status == 503 else None
    return Response(answer.content, answer.status, headers, "application/json")
