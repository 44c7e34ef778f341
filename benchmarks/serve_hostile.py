"""What hostile clients do to the server: to the others' waiting, to its workers, to the disk.

    python benchmarks/serve_hostile.py [--seconds 20]

One client sends a good spectrum ten times a second, first alone, then while another (from an
address of its own) sends garbage as fast as it can. Then a worker is killed under load.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from _serving import SPECTRA, Tally, client, server, upload

_HDF5 = b"\x89HDF\r\n\x1a\n"


def _garbage() -> dict[str, bytes]:
    """Requests that mean harm, as bytes to send."""
    noise = random.Random(1)
    site = (SPECTRA / "site.dat").read_bytes()
    long_name = "../" * 60 + "etc/passwd"
    return {
        "random bytes": upload(noise.randbytes(20_000)),
        "random text": upload(bytes(noise.choices(b"0123456789.eE+- \n", k=100_000))),
        "a damaged HDF5 file": upload(_HDF5 + noise.randbytes(200_000)),
        "a zip bomb (gzip, 1 GB)": upload(_bomb(), "scan.dat.gz"),
        "a million lines": upload(b"1 2\n" * 1_000_000),
        "a line of 8 MB": upload(b"1 " * 4_000_000),
        "a path for a name": upload(site, long_name),
        "a huge header": b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
        + b"a" * 2_000_000
        + b"\r\n\r\n",
        "100,000 headers": b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + b"X-A: 1\r\n" * 100_000
        + b"\r\n",
        "100 MB announced": b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n[",
        "deep JSON": _json(b"[" * 1_000_000),
        "a form without end": upload(site)[:-60],
        "no HTTP at all": noise.randbytes(5_000) + b"\r\n\r\n",
    }


def _bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b"1.0 2.0\n" * 125_000
    return b"".join(packer.compress(block) for _ in range(1000)) + packer.flush()


def _json(body: bytes) -> bytes:
    return (
        "POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _beside(
    address: str, good: bytes, bad: bytes | None, seconds: float, act: Callable[[], None] | None
) -> tuple[Tally, Tally]:
    own, other = Tally(), Tally()
    until = time.perf_counter() + seconds

    async def disturb() -> None:
        if act is not None:
            await asyncio.sleep(seconds / 3)
            act()
        while bad is not None and time.perf_counter() < until:
            # What never answers is given up after a while, as an attacker would.
            hostile = client(address, bad, other, until, most=1, source="127.0.0.2")
            try:
                await asyncio.wait_for(hostile, 3.0)
            except TimeoutError:
                other.add(3.0, "given up")

    await asyncio.gather(client(address, good, own, until, pause=0.1), disturb())
    return own, other


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    good = upload((SPECTRA / "site.dat").read_bytes(), path="/api/v1/predict?why=false")
    before = set(Path("/tmp").iterdir())
    with server() as (address, process):
        asyncio.run(_beside(address, good, None, 3.0, None))
        own, _ = asyncio.run(_beside(address, good, None, seconds, None))
        print(f"alone: {own.row()}", flush=True)
        for name, bad in _garbage().items():
            own, other = asyncio.run(_beside(address, good, bad, seconds, None))
            print(f"beside {name}: {own.row()}")
            print(f"    the hostile one: {other.row()}", flush=True)

        def kill() -> None:
            for child in process.children():
                os.kill(child.pid, signal.SIGKILL)

        own, _ = asyncio.run(_beside(address, good, None, seconds, kill))
        print(f"all workers killed meanwhile: {own.row()}")
        print(f"workers after that: {len(process.children())}")
    new = {path.name for path in set(Path("/tmp").iterdir()) - before}
    left = {name for name in new if "nearedge-serve" in name}
    print(f"left on the disk: {sorted(left) or 'nothing'}")


if __name__ == "__main__":
    main()
