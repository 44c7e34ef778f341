"""The command ``serve``: check what was asked for, start the server, say where it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nearedge.errors import NearedgeError, UsageError

_SHORTEST_TOKEN = 12


def serve_models(
    models: Sequence[str],
    host: str,
    port: int,
    watch: Path | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Serve models until interrupted.

    Raises
    ------
    UsageError
        If an option is impossible.
    NearedgeError
        If the extra "web" is missing, a model cannot be read, or the port is taken.
    """
    try:
        from nearedge.web.app import serve
    except ImportError as error:
        raise NearedgeError(
            f"the page needs the extra 'web' ({error.name} is missing): pip install 'nearedge[web]'"
        ) from None
    from nearedge.web.security import is_loopback, new_token
    from nearedge.web.state import Settings

    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port}: give a number from 0 to 65535")
    if watch is not None and not watch.is_dir():
        raise UsageError(f"--watch {watch}: no such folder")
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise UsageError(f"--token: give at least {_SHORTEST_TOKEN} characters")
    if token is None and not is_loopback(host):
        token = new_token()
    settings = Settings(named(models), host=host, port=port, token=token, watch=watch)

    def started(address: str) -> None:
        if as_json:
            print(json.dumps({"address": address, "token": token}), flush=True)
        else:
            print(f"nearedge is at {address} (Ctrl-C ends it)", flush=True)

    serve(settings, started)


def named(models: Sequence[str]) -> dict[str, str]:
    """Name for every folder of a model: its own.

    Raises
    ------
    UsageError
        If two have the same name.

    Examples
    --------
    >>> named(["default", "models/oxides"])
    {'default': 'default', 'oxides': 'models/oxides'}
    """
    found: dict[str, str] = {}
    for model in models:
        name = Path(model).resolve().name if model != "default" else model
        if name in found:
            raise UsageError(f"--model: {found[name]} and {model} are both called {name}")
        found[name] = model
    return found
