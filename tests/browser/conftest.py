"""The page in a real browser: Debian's chromium, and a server as `nearedge serve` starts it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "spectra"
PICTURES = Path(__file__).parents[2] / "results" / "browser"
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# The console tells a refused upload too, and Plotly a chart that went while it was being drawn.
_HARMLESS = (
    "Failed to load resource: the server responded with a status of 4",
    "Resize must be passed a displayed plot div element",
)
# A machine that does other things at the same time is slow.
PATIENCE_MS = 90_000


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """Function that runs `nearedge serve` with further words; gives its address."""
    pytest.importorskip("nicegui")
    from nearedge.web.process import running_server

    @contextmanager
    def run(*words: str) -> Iterator[str]:
        with running_server(*words) as (address, _):
            yield address

    return run


@pytest.fixture(scope="session")
def address(serve: Callable[..., Any]) -> Iterator[str]:
    with serve() as found:
        yield found


@pytest.fixture(scope="session")
def browser(missing: Callable[[str], None]) -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("needs the program chromium (make chromium)")
    with sync.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, headless=True, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Function that opens an address in a fresh profile; the page must not complain."""
    contexts, said = [], []

    def opened(address: str, width: int = 1280, height: int = 800, theme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("request", lambda asked: said.append(asked.url) if _is_foreign(asked.url) else None)
        page.goto(address)
        page.get_by_text("Drop spectra here").wait_for()
        # The theme comes when the browser has been asked for it.
        wanted = "body.body--dark" if theme == "dark" else "body:not(.body--dark)"
        page.locator(wanted).wait_for(state="attached")
        return page

    def _is_foreign(url: str) -> bool:
        return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))

    yield opened
    for context in contexts:
        context.close()
    assert [line for line in said if not line.startswith(_HARMLESS)] == []


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as an instrument might write it."""
    table = np.loadtxt(EXAMPLES / "sample.dat")
    energy_eV = np.arange(-20.0, 32.0, 0.1)
    above = np.interp(energy_eV, table[:, 0], table[:, 1] / table[:, 1].mean(), left=0.0)
    noise = np.random.default_rng(0).normal(0, 0.003, energy_eV.size)
    path = tmp_path_factory.mktemp("scans") / "scan.dat"
    np.savetxt(path, np.stack([energy_eV + 530.0, above + 0.3 + noise], axis=1), fmt="%.5f")
    return path


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Folder for pictures of the page, to be looked at; it is not part of the project."""
    assert os.access(Path(__file__).parents[2], os.W_OK)
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
