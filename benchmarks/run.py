"""Time training and prediction on this machine; print a table and write JSON.

Run by `make bench`. Nothing else should run meanwhile: figures of a busy machine mean nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from nearedge.data import embedded_library, model_folder
from nearedge.library import open_library
from nearedge.mixtures import load_sites, pooled_examples
from nearedge.models import PAPER_CLASSIFIER, load_model
from nearedge.spectra import PAPER_GRID, EnergyGrid
from nearedge.studies.paper import COUNTS, train_networks

EPOCHS = 150
PACK = 32
OUT = Path("results/bench.json")


def seconds(work: Callable[[], object], repeats: int = 3) -> list[float]:
    """Wall times of repeated calls, after one that compiles and warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)


def training(models: int) -> Callable[[], object]:
    sites = load_sites(open_library(embedded_library()).load(), PAPER_GRID)
    examples = [pooled_examples(sites, "classifier", COUNTS["classifier"], 0)] * models
    settings = replace(PAPER_CLASSIFIER, epochs=EPOCHS)
    return lambda: train_networks(
        examples, "classifier", len(sites.labels), range(models), settings=settings
    )


def predicting(spectra: int) -> Callable[[], object]:
    model = load_model(model_folder("default"))
    library = open_library(embedded_library()).load()
    sites = load_sites(library, EnergyGrid(**model.info["grid"]))
    batch = np.resize(sites.intensity, (spectra, sites.intensity.shape[1]))
    return lambda: model.classifier.predict_proba(batch)


def command(*words: str) -> Callable[[], object]:
    program = [sys.executable, "-m", "nearedge", *words]
    return lambda: subprocess.run(program, check=True, capture_output=True)


CASES: dict[str, tuple[Callable[[], object], float, str]] = {
    "one paper's classifier, 1500 epochs": (training(1), 1500 / EPOCHS, "s"),
    f"the same per model of a pack of {PACK}": (training(PACK), 1500 / EPOCHS / PACK, "s"),
    "nearedge's classifier, 100,000 spectra": (predicting(100_000), 1.0, "s"),
    "nearedge predict, one file": (command("predict", "examples/spectra/xmu.dat"), 1.0, "s"),
    "nearedge --help": (command("--help"), 1.0, "s"),
}


def main() -> None:
    """Measure every case and show least, median and greatest time."""
    results = {}
    for name, (work, factor, unit) in CASES.items():
        low, middle, high = (factor * t for t in seconds(work))
        results[name] = {"low": low, "median": middle, "high": high, "unit": unit}
        print(f"{name:45s} {middle:8.3f} {unit}  ({low:.3f} to {high:.3f})", flush=True)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
