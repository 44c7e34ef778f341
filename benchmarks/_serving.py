"""A server as `nearedge serve` starts it, and clients that cost little themselves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from nearedge.web.process import running_server

SPECTRA = Path(__file__).parents[1] / "examples" / "spectra"
PREDICT = "/api/v1/predict"


@contextmanager
def server(*words: str) -> Iterator[tuple[str, psutil.Process]]:
    """Run `nearedge serve`; gives its address and its process."""
    with running_server(*words) as (address, process):
        yield address, psutil.Process(process.pid)


def upload(content: bytes, name: str = "scan.dat", path: str = PREDICT) -> bytes:
    """A request with one file, as bytes to send."""
    head = (
        f'--frontier\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body = head + content + b"\r\n--frontier--\r\n"
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@dataclass
class Tally:
    """What became of the requests of some clients."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    def add(self, seconds: float, status: str) -> None:
        """Count one request."""
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def row(self) -> str:
        """Figures for people."""
        if not self.seconds:
            return "no request ended"
        p50, p99, top = np.quantile(self.seconds, [0.5, 0.99, 1.0]) * 1e3
        said = ", ".join(f"{n} x {status}" for status, n in sorted(self.statuses.items()))
        return (
            f"{len(self.seconds)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
            f"slowest {top:.0f} ms; {said}"
        )


async def client(
    address: str,
    request: bytes,
    tally: Tally,
    until: float,
    pause: float = 0.0,
    most: int | None = None,
    source: str | None = None,
) -> None:
    """Send a request again and again over one connection, opened again where it is closed."""
    reader = writer = None
    sent = 0
    place = urlsplit(address)
    local = None if source is None else (source, 0)
    while time.perf_counter() < until and (most is None or sent < most):
        begin = time.perf_counter()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection(
                    place.hostname, place.port, local_addr=local
                )
            assert reader is not None
            writer.write(request)
            await writer.drain()
            status, content = await _answer(reader)
            if status == "200":
                states = {entry["status"] for entry in json.loads(content)}
                status = f"200 {'/'.join(sorted(states))}"
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            status = type(error).__name__
        tally.add(time.perf_counter() - begin, status)
        sent += 1
        if not status.startswith("200") and writer is not None:
            writer.close()
            reader = writer = None
        if pause:
            await asyncio.sleep(max(0.0, pause - (time.perf_counter() - begin)))
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    content = await reader.readexactly(int(fields.get("content-length", 0)))
    return first.split()[1], content


def memory_MB(process: psutil.Process) -> tuple[float, float]:
    """Resident memory of the server, and of its workers together."""
    workers = process.children(recursive=True)
    used = sum(child.memory_info().rss for child in workers)
    return process.memory_info().rss / 1e6, used / 1e6


def processor_seconds(process: psutil.Process) -> tuple[float, float]:
    """Processor time so far of the server, and of its workers together."""
    workers = [child.cpu_times() for child in process.children(recursive=True)]
    own = process.cpu_times()
    return own.user + own.system, sum(times.user + times.system for times in workers)
