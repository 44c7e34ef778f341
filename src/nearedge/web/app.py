"""One application: the interface for programs, and the page."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from nearedge import __version__
from nearedge.errors import NearedgeError
from nearedge.web.api import PREFIX, add_api
from nearedge.web.schema import PARTS
from nearedge.web.security import Guard, is_loopback
from nearedge.web.state import Settings, State
from nearedge.web.watch import follow

if TYPE_CHECKING:
    import uvicorn

_ABOUT = (
    "From spectra to environments and coordination numbers, with their uncertainty. "
    "Everything is computed on the machine that runs this server."
)


def create_app(settings: Settings, state: State | None = None, page: bool = True) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings
        Of the server.
    state
        To look at from outside; made here if not given.
    page
        Whether the page goes with it. There is one page in a process.

    Raises
    ------
    NearedgeError
        If a model cannot be read.
    """
    held = state or State(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with held.running():
            following = asyncio.create_task(follow(held))
            try:
                yield
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    app = FastAPI(
        title="nearedge",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        openapi_url=f"{PREFIX}/openapi.json",
        # The pages that FastAPI offers load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    add_api(app, held)
    _describe(app, settings)
    if page:
        from nearedge.web.page import add_page

        add_page(app, held)
    app.add_middleware(
        Guard,  # pyright: ignore[reportArgumentType]
        limits=settings.limits,
        loopback=is_loopback(settings.host),
        token=settings.token,
    )
    return app


def _describe(app: FastAPI, settings: Settings) -> None:
    """Complete what FastAPI writes into openapi.json."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {}).update(PARTS)
            if settings.token is not None:
                parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                document["security"] = [{"token": []}]
        return app.openapi_schema or {}

    app.openapi = openapi


def serve(settings: Settings, started: Callable[[str], None]) -> None:
    """Run the server until it is told to end; what runs then is finished.

    Parameters
    ----------
    settings
        Of the server; port 0 takes a free one.
    started
        Called with the address once the server answers.

    Raises
    ------
    NearedgeError
        If a model or a worker does not start, or the port is taken.
    """
    import uvicorn

    listening = _bound(settings)
    state = State(settings)

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started(_address(settings, listening))

        def handle_exit(self, sig: int, frame: Any) -> None:
            # Streams never end by themselves, and the server waits for all answers.
            state.hub.close()
            super().handle_exit(sig, frame)

    server = _Server(configuration(create_app(settings, state), settings))
    with listening, suppress(KeyboardInterrupt):
        server.run([listening])
    if state.failure is not None:
        raise state.failure


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the server runs an application: without a log of requests, and patient at the end."""
    import uvicorn

    from nearedge.web.connections import BoundedProtocol

    # Requests are nobody's business: neither addresses nor names go to a log.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        access_log=False,
        # What is no HTTP gets its 400, and must not fill the log.
        log_level="error",
        server_header=False,
        timeout_graceful_shutdown=int(settings.limits.seconds) + 5,
        ws_max_size=2 * 10**6,
        limit_concurrency=1000,
    )


def _bound(settings: Settings) -> socket.socket:
    """A socket at the address, so that a taken port is found out before anything starts."""
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise NearedgeError(
            f"cannot listen at {settings.host}, port {settings.port} "
            f"({(error.strerror or str(error)).lower()}); choose another --host or --port"
        ) from None
    return listening


def _address(settings: Settings, listening: socket.socket) -> str:
    """What to open in a browser."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    elif ":" in host:
        host = f"[{host}]"
    token = "" if settings.token is None else f"?token={settings.token}"
    return f"http://{host}:{port}/{token}"
