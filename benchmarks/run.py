"""Time nearedge and its peers on this machine, in one run; write results/bench.json.

Run by `make bench`, which then turns the JSON into docs/benchmarks.md. Nothing else should run
meanwhile: figures of a busy machine mean nothing. Every measurement is a process of its own, pinned
to its cores, in the peer's own environment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from nearedge.data import embedded_library
from nearedge.library import open_library
from nearedge.mixtures import load_sites, pooled_examples
from nearedge.models import PAPER_CLASSIFIER, Architecture, Examples, outputs, softmax, train
from nearedge.spectra import PAPER_GRID
from nearedge.studies.paper import COUNTS, HIDDEN

HERE = Path(__file__).parent
OUT = Path("results/bench")
PACK, EPOCHS = 32, PAPER_CLASSIFIER.epochs

#: Program, its environment and further arguments, and the epochs that are timed of one model and of
#: each of many. A peer's epochs all take the same time, and 1500 of them would take hours.
PEERS = {
    "Keras": ("keras_peer", "tensorflow", [], 8, 2),
    "PyTorch eager": ("torch_peer", "torch", [], 10, 2),
    "PyTorch compiled": ("torch_peer", "torch", ["--compiled"], 10, 2),
    "scikit-learn": ("sklearn_peer", "sklearn", [], 20, 2),
    "ONNX Runtime": ("onnx_peer", "onnx", [], 0, 0),
    "nearedge": ("nearedge_peer", "", [], EPOCHS, EPOCHS),
}
#: Peers that train 32 models by the same program one after the other; fewer models tell as much.
MODELS_TIMED = {"Keras": 4, "PyTorch eager": 8, "PyTorch compiled": 2}
ACCURACY_SEEDS, ACCURACY_EPOCHS = 5, 100


def write_data(path: Path) -> None:
    """Write classifier examples of the embedded library, and a network trained on them."""
    sites = load_sites(open_library(embedded_library()).load(), PAPER_GRID)
    mixtures = pooled_examples(sites, "classifier", COUNTS["classifier"], 0).mixtures
    x = {
        part: m.intensity / m.intensity.mean(axis=1, keepdims=True) for part, m in mixtures.items()
    }
    mean, spread = x["train"].mean(axis=0), x["train"].std(axis=0)
    scaled = {part: ((values - mean) / spread).astype(np.float32) for part, values in x.items()}
    # Unseen averages are told apart without a fault by anything; noise leaves something to compare.
    rng = np.random.default_rng(0)
    noisy = {p: (v + rng.normal(0, 1.5, v.shape)).astype(np.float32) for p, v in scaled.items()}
    layers = train(
        Architecture(PAPER_GRID.points, HIDDEN, 6),
        Examples(noisy["train"], mixtures["train"].target),
        PAPER_CLASSIFIER,
        seeds=[0],
    ).parameters[0]
    np.savez(
        path,
        x=noisy["train"],
        y=mixtures["train"].target.astype(np.int64),
        test_x=noisy["test"],
        test_y=mixtures["test"].target.astype(np.int64),
        probabilities=softmax(outputs(layers, noisy["test"])),
        **{f"weights{n}": part for n, part in enumerate(p for layer in layers for p in layer)},
    )


def run(peer: str, task: str, cores: list[int], models: int = 1, epochs: int = 1) -> dict[str, Any]:
    """Run one peer's task on some cores; what it printed, or the error it ended with."""
    script, environment, more, *_ = PEERS[peer]
    python = f".venv-bench-{environment}/bin/python" if environment else sys.executable
    words = [python, str(HERE / "peers" / f"{script}.py"), task, str(OUT / "data.npz")]
    counts = ("OMP", "OPENBLAS", "MKL", "TF_INTRAOP", "TF_INTEROP")
    threads = {f"{name}_NUM_THREADS": str(len(cores)) for name in counts}
    start = time.perf_counter()
    done = subprocess.run(
        [*words, str(models), str(epochs), *more],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        check=False,
    )
    took = time.perf_counter() - start
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no message"])[-1]
        result = {"error": error}
    else:
        result = json.loads(done.stdout.strip().splitlines()[-1])
    shown = result.get("error") or result.get("seconds_per_epoch") or result.get("seconds") or ""
    print(f"{peer:17s} {task:9s} {models:3d} models {len(cores)} cores: {shown}", flush=True)
    return result | {"models": models, "epochs": epochs, "whole_process_seconds": took}


def write(results: dict[str, Any]) -> None:
    """Keep what has been measured so far."""
    (OUT.parent / "bench.json").write_text(json.dumps(results, indent=2) + "\n")


def machine(cores: list[int]) -> dict[str, Any]:
    """What limits everything: rates of a large and a small matrix product, and of copying."""
    code = (
        "import json, time, numpy as np\n"
        "def rate(work, count):\n"
        "    work(); times = []\n"
        "    for _ in range(7):\n"
        "        start = time.perf_counter(); work(); times.append(time.perf_counter() - start)\n"
        "    return count / sorted(times)[3]\n"
        "a = np.random.default_rng(0).random((2048, 2048), np.float32)\n"
        "x = np.ones(70_000_000, np.float32); y = np.empty_like(x)\n"
        "print(json.dumps({'gflop_per_s': rate(lambda: a @ a, 2 * 2048**3) / 1e9,\n"
        "    'copied_GB_per_s': rate(lambda: np.copyto(y, x), 2 * x.nbytes) / 1e9}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": str(len(cores))},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return json.loads(done.stdout)


def commands() -> dict[str, float]:
    """Median wall time of commands from the shell."""
    found = {}
    for words in (["predict", "examples/spectra/xmu.dat"], ["--help"]):
        times = []
        for _ in range(6):
            start = time.perf_counter()
            program = [sys.executable, "-m", "nearedge", *words]
            subprocess.run(program, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        # The first reads the files from disk.
        found["nearedge " + words[0]] = sorted(times[1:])[2]
    return found


def processor() -> str:
    """Name of the processor as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    """Measure everything; a peer that fails is reported as such and stops nothing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--quick", action="store_true", help="try the script out, not the machine")
    chosen = parser.parse_args()
    start = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    write_data(OUT / "data.npz")
    available = sorted(os.sched_getaffinity(0))
    pins = [available[:1], available[:2]] if len(available) > 1 else [available]
    results: dict[str, Any] = {
        "machine": {
            "processor": processor(),
            "cores": len(available),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_before": os.getloadavg()[0],
        },
        "settings": {"network": [PAPER_GRID.points, *HIDDEN, 6], "batch": 32, "epochs": EPOCHS},
        "limits": {len(pin): machine(pin) for pin in pins},
        "training": {},
        "prediction": {},
        "accuracy": {},
    }
    for peer in chosen.only:
        *_, alone, many = PEERS[peer]
        if chosen.quick:
            alone, many = min(alone, 2), min(many, 1)
        trained = results["training"].setdefault(peer, [])
        for pin in pins if alone else ():
            trained.append(run(peer, "train", pin, 1, alone) | {"cores": len(pin), "pack": 1})
            timed = PACK if peer == "nearedge" else min(PACK, MODELS_TIMED.get(peer, PACK))
            trained.append(run(peer, "train", pin, timed, many) | {"cores": len(pin), "pack": PACK})
        results["prediction"][peer] = [
            run(peer, "predict", pin) | {"cores": len(pin)} for pin in pins
        ]
        write(results)
    epochs = 2 if chosen.quick else ACCURACY_EPOCHS
    for peer in ("Keras", "nearedge"):
        if peer in chosen.only:
            results["accuracy"][peer] = run(peer, "accuracy", pins[-1], ACCURACY_SEEDS, epochs)
    results["commands"] = commands()
    results["seconds_in_all"] = time.perf_counter() - start
    results["machine"]["load_after"] = os.getloadavg()[0]
    write(results)
    print(f"{results['seconds_in_all']:.0f} s in all; wrote results/bench.json")


if __name__ == "__main__":
    main()
