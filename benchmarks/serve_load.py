"""How fast the server answers many clients at once, and whether its memory stays flat.

    python benchmarks/serve_load.py [--clients 50] [--seconds 60] [--requests 10000]

Clients run on the same machine and take their share of it. "At once" sends the next spectrum as
soon as the answer is there; "each second" is what instruments do, each at a moment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time

from _serving import (
    PREDICT,
    SPECTRA,
    Tally,
    client,
    memory_MB,
    processor_seconds,
    server,
    upload,
)


async def _load(address: str, request: bytes, clients: int, seconds: float, pause: float) -> Tally:
    tally = Tally()
    until = time.perf_counter() + seconds

    async def one(place: int) -> None:
        await asyncio.sleep(pause * place / clients)
        await client(address, request, tally, until, pause)

    await asyncio.gather(*map(one, range(clients)))
    return tally


async def _count(address: str, request: bytes, requests: int) -> Tally:
    tally = Tally()
    each, until = requests // 8, time.perf_counter() + 3600
    await asyncio.gather(*(client(address, request, tally, until, most=each) for _ in range(8)))
    return tally


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=10_000)
    words = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load before {os.getloadavg()[0]:.1f}; {words.clients} clients")
    site, scan = ((SPECTRA / name).read_bytes() for name in ("site.dat", "scan.xdi"))
    brief = f"{PREDICT}?why=false"
    cases = {
        "calculated spectrum, at once": (upload(site), 0.0),
        "calculated spectrum, each second": (upload(site), 1.0),
        "measured spectrum, at once": (upload(scan), 0.0),
        "measured spectrum, each second": (upload(scan), 1.0),
        "calculated spectrum, at once, without why": (upload(site, path=brief), 0.0),
    }
    with server() as (address, process):
        for name, (request, pause) in cases.items():
            before = processor_seconds(process)
            tally = asyncio.run(_load(address, request, words.clients, words.seconds, pause))
            rate = len(tally.seconds) / words.seconds
            print(f"{name}: {rate:.0f} a second; {tally.row()}")
            own, workers = (
                1e3 * (after - begin) / max(1, len(tally.seconds))
                for begin, after in zip(before, processor_seconds(process), strict=True)
            )
            print(f"    processor a request: server {own:.1f} ms, workers {workers:.1f} ms")
            print(f"    load of the machine: {os.getloadavg()[0]:.1f}", flush=True)
        request = upload(site, path=brief)
        done = 0
        print("requests, memory of the server and of its workers (MB)")
        for share in range(5):
            if share:
                asyncio.run(_count(address, request, words.requests // 4))
                done += words.requests // 4
            own, workers = memory_MB(process)
            print(f"{done:6d}  {own:.0f}  {workers:.0f}", flush=True)


if __name__ == "__main__":
    main()
