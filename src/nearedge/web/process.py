"""A server in a process of its own, for scripts, notebooks and tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nearedge.errors import NearedgeError

# At the end the server finishes what it is doing.
_PATIENCE_SECONDS = 90


@contextmanager
def running_server(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `nearedge serve` on a free port until the context ends.

    Parameters
    ----------
    words
        Further words of the command line, such as ``"--watch", "scans"``.

    Yields
    ------
    address, process
        Where it answers, and its process.

    Raises
    ------
    NearedgeError
        If it does not start; what it says of that goes to standard error.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "nearedge", "serve", "--port", "0", "--json", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline() or "{}")
        if "address" not in said:
            raise NearedgeError(f"the server did not start: {said.get('error') or 'see above'}")
        yield said["address"], process
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)
