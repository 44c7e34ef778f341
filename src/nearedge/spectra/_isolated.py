"""Run readers that rest on C libraries in a helper process with limits, and stream what they find.

The HDF5 library can crash, loop or ask for gigabytes when a file is damaged or made to harm, which
no exception catches. The helper reads one file after another; the kernel ends it when a step takes
more than a few seconds of processor time or too much memory, and the next file gets a new one.

A message is one line of JSON that names its arrays, followed by their bytes; no pickle, and nothing
that comes back is run.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from typing import IO, Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.blocks import SpectrumBlock

# One step (finding the layout, reading one block) of a healthy file takes well under a second.
_PROCESSOR_SECONDS = 3.0
_MEMORY_BYTES = 400 * 10**6
_LARGEST_LINE = 64 * 10**6
_LARGEST_ARRAY = 200 * 10**6
_ARRAYS = ("energy_eV", "intensity")

_idle: list[subprocess.Popen[bytes]] = []


def isolated_blocks(reader: str, path: str, **request: Any) -> Iterator[SpectrumBlock]:
    """Yield the blocks that a reader finds in a file, read by a helper process.

    Parameters
    ----------
    reader
        Name of a module of `nearedge.spectra` with a generator ``blocks(path, **request)``.
    path
        The file.
    request
        Arguments of the generator, as JSON can hold them.

    Yields
    ------
    SpectrumBlock
        As the reader yields them, checked again.

    Raises
    ------
    NearedgeError
        If the reader refuses the file, or the helper is ended while it reads.
    """
    helper = _helper()
    finished = False
    try:
        message = json.dumps({"reader": reader, "path": path, "request": request}) + "\n"
        _stdin(helper).write(message.encode())
        _stdin(helper).flush()
        while True:
            answer, arrays = _receive(_stdout(helper))
            if "error" in answer:
                finished = True
                raise (UsageError if answer.get("usage") else NearedgeError)(answer["error"])
            if "end" in answer:
                finished = True
                return
            yield _block(answer, arrays)
    except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise NearedgeError(
            f"{path}: the file is damaged: reading it crashed, or took more than "
            f"{_PROCESSOR_SECONDS:g} s or {_MEMORY_BYTES / 1e6:g} MB; copy it again, or export the "
            "spectra as a text table"
        ) from error
    finally:
        if finished and helper.poll() is None:
            _idle.append(helper)
        else:
            _end(helper)


def serve(reader_input: IO[bytes], output: IO[bytes]) -> None:
    """Answer requests until the input ends: what the helper process does."""
    from importlib import import_module

    while line := reader_input.readline():
        task = json.loads(line)
        path = task["path"]
        try:
            blocks = import_module(f"nearedge.spectra.{task['reader']}").blocks
            _restart_clock()
            for block in blocks(path, **task["request"]):
                _send(output, block)
                _restart_clock()
            answer = {"end": True}
        except NearedgeError as error:
            answer = {"error": str(error), "usage": isinstance(error, UsageError)}
        except MemoryError:
            answer = {
                "error": f"{path}: reading takes more than {_MEMORY_BYTES / 1e6:g} MB, so the file "
                "is damaged or no set of spectra; export the spectra as a text table"
            }
        # The libraries raise whatever a damaged structure leads them to.
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            answer = {"error": f"{path}: the file is damaged ({words}); copy it again"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.write(json.dumps(answer).encode() + b"\n")
        output.flush()


def main() -> None:
    """Be the helper process."""
    output = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the messages.
    os.dup2(2, 1)
    for limit, value in ((resource.RLIMIT_DATA, _MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    serve(sys.stdin.buffer, output)


def _helper() -> subprocess.Popen[bytes]:
    while _idle:
        with suppress(IndexError):
            helper = _idle.pop()
            if helper.poll() is None:
                return helper
            _end(helper)
    # Idle threads of a mathematics library count as memory, and nothing here needs them.
    single = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    return subprocess.Popen(
        [sys.executable, "-m", "nearedge.spectra._isolated"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **single},
    )


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    for pipe in (helper.stdin, helper.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    helper.wait()


@atexit.register
def _end_all() -> None:
    while _idle:
        _end(_idle.pop())


# A forked child must not talk to the helpers of its parent.
os.register_at_fork(after_in_child=_idle.clear)


def _restart_clock() -> None:
    """Let the kernel end this process, even within a library, after so much processor time."""
    signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)


def _send(output: IO[bytes], block: SpectrumBlock) -> None:
    arrays = [np.ascontiguousarray(getattr(block, name), dtype=np.float64) for name in _ARRAYS]
    answer = {
        field.name: getattr(block, field.name)
        for field in fields(block)
        if field.init and field.name not in (*_ARRAYS, "_spectra")
    }
    answer["shapes"] = [array.shape for array in arrays]
    output.write(json.dumps(answer).encode() + b"\n")
    for array in arrays:
        output.write(array.tobytes())
    output.flush()


def _receive(stream: IO[bytes]) -> tuple[dict[str, Any], list[np.ndarray]]:
    line = stream.readline(_LARGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    answer = json.loads(line)
    arrays = []
    for shape in answer.pop("shapes", ()):
        size = 8 * int(np.prod(shape, dtype=np.int64))
        if not 0 <= size <= _LARGEST_ARRAY:
            raise ValueError("array too large")
        content = stream.read(size)
        if len(content) != size:
            raise EOFError
        arrays.append(np.frombuffer(content, dtype=np.float64).reshape(shape))
    return answer, arrays


def _block(answer: dict[str, Any], arrays: list[np.ndarray]) -> SpectrumBlock:
    for name in ("scans", "headers", "faults", "notes"):
        answer[name] = tuple(answer[name])
    return SpectrumBlock(**dict(zip(_ARRAYS, arrays, strict=True)), **answer)


def _stdin(helper: subprocess.Popen[bytes]) -> IO[bytes]:
    assert helper.stdin is not None
    return helper.stdin


def _stdout(helper: subprocess.Popen[bytes]) -> IO[bytes]:
    assert helper.stdout is not None
    return helper.stdout


if __name__ == "__main__":
    main()
