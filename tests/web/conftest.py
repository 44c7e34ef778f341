"""A server that runs in a thread, as a program on the same machine sees it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from nearedge.web.state import State

EXAMPLES = Path(__file__).parents[2] / "examples" / "spectra"


@dataclass
class Running:
    """A server and a client of it."""

    client: Any
    address: str
    state: State


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    import httpx
    import uvicorn

    from nearedge.web.app import configuration, create_app
    from nearedge.web.state import Settings, State

    state = State(Settings(**{"models": {"default": "default"}, "workers": 2} | settings))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = create_app(state.settings, state, page=False)
    server = uvicorn.Server(configuration(app, state.settings))

    def run() -> None:
        asyncio.run(server.serve([listening]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.02)
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            yield Running(client, address, state)
    finally:
        state.hub.close()
        server.should_exit = True
        thread.join(60)
        listening.close()


@pytest.fixture(scope="session")
def start() -> Callable[..., Any]:
    """Function that runs a server with settings, as a context manager."""
    return running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    pytest.importorskip("nicegui")
    with running() as held:
        yield held


@pytest.fixture
def site() -> bytes:
    """A calculated spectrum of one site, as text."""
    return (EXAMPLES / "site.dat").read_bytes()


@pytest.fixture(scope="session")
def measured() -> bytes:
    """What an instrument might give for the example of a sample: absolute energies, noise."""
    table = np.loadtxt(EXAMPLES / "sample.dat")
    scan = np.arange(-20.0, 32.0, 0.1)
    above = np.interp(scan, table[:, 0], table[:, 1] / table[:, 1].mean())
    above[scan < -5.0] = 0.0
    noise = np.random.default_rng(0).normal(0, 0.003, scan.size)
    rows = zip(scan + 530.0, above + noise, strict=True)
    return "".join(f"{e:.2f} {i:.5f}\n" for e, i in rows).encode()
