"""Time a series of 100,000 spectra from the shell, with its memory; print and write JSON.

The stack is made of the embedded library: mixtures of 30 sites that drift from few Fe neighbours to
many, with 1 % noise, on an absolute axis, as a beamline measures them. Run it on an idle machine:

    python benchmarks/series.py [spectra]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np

from nearedge.data import embedded_library
from nearedge.library import open_library

SPECTRA = 100_000
ZERO_eV = 530.0
BLOCK = 2000
OUT = Path("results/bench_series.json")


def write_stack(path: Path, count: int) -> None:
    """Write a stack as beamlines do: energies, float32 intensities, a time for each spectrum."""
    library = open_library(embedded_library()).load()
    order = np.argsort(library["coordination"].values, kind="stable")
    sites = library["intensity"].values.astype(float)[order]
    energy_eV = library["energy"].values.astype(float)
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["energy"] = ZERO_eV + energy_eV
        file["energy"].attrs["units"] = "eV"
        mu = file.create_dataset("mu", (count, energy_eV.size), "f4", chunks=(100, energy_eV.size))
        file["time"] = 2.0 * np.arange(count)
        for first in range(0, count, BLOCK):
            rows = np.arange(first, min(first + BLOCK, count))
            centre = rows / count * len(sites)
            chosen = np.clip(rng.normal(centre[:, None], 25, (len(rows), 30)), 0, len(sites) - 1)
            spectra = sites[chosen.astype(int)].mean(axis=1)
            spectra += 0.01 * spectra.mean() * rng.normal(size=spectra.shape)
            mu[rows[0] : rows[-1] + 1] = spectra / sites.mean()


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                )
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def memory_MB(pids: list[int]) -> float:
    """Proportional set size of processes: shared pages count once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def run(words: list[str]) -> dict[str, float]:
    """Run the command; wall and processor seconds and the highest memory of all its processes."""
    before = os.times()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "nearedge", *words], stdout=subprocess.DEVNULL
    )
    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.3):
            peak = max(peak, memory_MB(family(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    after = os.times()
    if code:
        raise SystemExit(f"nearedge {' '.join(words)} ended with {code}")
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
        "peak_MB": peak,
    }


def main() -> None:
    """Measure a stack predicted to CSV, to a results folder, and the call that finds it done."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SPECTRA
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        stack, out = f"{folder}/stack.h5", f"{folder}/out"
        write_stack(Path(stack), count)
        for name, words in {
            "to CSV": ["predict", stack, "--csv"],
            "to a results folder, with the picture": [
                "predict", stack, "--out", out, "--plot", f"{folder}/trend.png",
            ],
            "again, when all is there": ["predict", stack, "--out", out],
        }.items():  # fmt: skip
            results[name] = run(words)
            print(
                f"{count} spectra {name}: {results[name]['seconds']:.1f} s "
                f"({results[name]['processor_seconds']:.1f} s of processors), "
                f"at most {results[name]['peak_MB']:.0f} MB",
                flush=True,
            )
    load = os.getloadavg()[0]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(
        json.dumps({"spectra": count, "load": load, "results": results}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
