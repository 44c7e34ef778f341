"""Builds killed at random moments, in processes of their own, and worker processes killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nearedge.compute import local_executor
from nearedge.errors import NearedgeError
from nearedge.library import build_library, open_library, open_structures
from nearedge.structures import read_structures

KILLS = 10

# Threads instead of processes: what is killed is the build, and it must start quickly.
DRIVER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from nearedge.library import build_library
import nearedge.engines.registry, scipy.interpolate, zarr
print("started", flush=True)
with ThreadPoolExecutor(2) as pool:
    report = build_library(sys.argv[1], sys.argv[2], pool, workers=2)
print(report.sites, flush=True)
"""


def start(recipe: Path, out: Path, plugin: Path) -> subprocess.Popen:
    """Begin a build and wait until it is past its imports."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(recipe), str(out)],
        env=os.environ | {"PYTHONPATH": str(plugin)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.slow
def test_library_after_ten_kills_equals_one_that_was_never_killed(
    write_recipe, oxide, toy_engine_package, tmp_path
):
    recipe = write_recipe([oxide(seed) for seed in range(10)], settings=", pause_s = 0.05")
    whole = start(recipe, tmp_path / "whole.zarr", toy_engine_package)
    began = time.monotonic()
    assert whole.wait() == 0
    lasts = time.monotonic() - began
    rng = random.Random(20)
    killed, moments = 0, []
    while killed < KILLS:
        process = start(recipe, tmp_path / "lib.zarr", toy_engine_package)
        # Short lives first, so that several fall into the computing; then up to the last rename.
        moments.append(rng.uniform(0, 0.25 * lasts if killed < KILLS - 4 else lasts))
        time.sleep(moments[-1])
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert start(recipe, tmp_path / "lib.zarr", toy_engine_package).wait() == 0

    one, other = (open_library(tmp_path / f"{name}.zarr").load() for name in ("lib", "whole"))
    assert one.identical(other), moments
    assert one.sizes["site"] == 80
    sites = zip(one["structure_id"].values, one["atom_index"].values, strict=True)
    assert max(Counter(sites).values()) == 1
    journal = (tmp_path / "lib.zarr.building" / "journal.jsonl").read_text().splitlines()
    assert len(journal) == len({json.loads(line)["key"] for line in journal}) == 80
    # Only what was under way in a killed build was computed again.
    computed = (tmp_path / "control" / "calls").read_text().split()
    assert len(computed) <= 80 + 80 + 2 * KILLS
    for stored, frame in zip(
        open_structures(tmp_path / "lib.zarr"), read_structures(tmp_path / "frames.extxyz"),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(stored.positions, frame.positions)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "recipe.toml", "frames.extxyz", "control", "lib.zarr", "lib.zarr.building",
        "whole.zarr", "whole.zarr.building",
    }  # fmt: skip


@pytest.mark.slow
def test_killed_worker_process_costs_only_what_it_was_computing(write_recipe, tmp_path):
    recipe = write_recipe()
    (tmp_path / "control" / "die").write_text("9")
    with (
        local_executor(2) as executor,
        pytest.raises(NearedgeError, match=r"a worker process died.* run the same build again"),
    ):
        build_library(recipe, tmp_path / "lib.zarr", executor, workers=2)
    kept = len((tmp_path / "lib.zarr.building" / "journal.jsonl").read_text().splitlines())
    assert kept >= 3
    (tmp_path / "control" / "die").write_text("")
    with local_executor(2) as executor:
        report = build_library(recipe, tmp_path / "lib.zarr", executor, workers=2)
    assert (report.sites, report.computed) == (16, 16 - kept)


@pytest.mark.slow
def test_processes_and_threads_give_the_same_library(write_recipe, pool, tmp_path):
    recipe = write_recipe()
    build_library(recipe, tmp_path / "threads.zarr", pool, workers=2)
    with local_executor(2) as executor:
        build_library(recipe, tmp_path / "processes.zarr", executor, workers=2)
    one, other = (open_library(tmp_path / f"{n}.zarr").load() for n in ("threads", "processes"))
    assert one.identical(other)
