"""Builds on a real Dask cluster, a scheduler and two workers on the loopback interface."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from nearedge.compute import dask_executor
from nearedge.errors import NearedgeError
from nearedge.library import build_library, open_library

pytestmark = pytest.mark.slow

LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


@dataclass
class Cluster:
    """Processes of a cluster; workers of one thread, without a nanny that starts them again."""

    folder: Path
    environment: dict[str, str]
    address: str = ""
    processes: list[subprocess.Popen] = field(default_factory=list)

    def start(self, program: str, *options: str) -> subprocess.Popen:
        with open(self.folder / f"{program}-{len(self.processes)}.log", "w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *LOCAL, *options],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def start_scheduler(self) -> None:
        told = self.folder / "scheduler.json"
        scheduler = self.start("dask_scheduler", "--port", "0", "--scheduler-file", str(told))
        while not told.exists() or not told.read_text().endswith("}"):
            assert scheduler.poll() is None, "the scheduler ended at once"
            time.sleep(0.1)
        self.address = json.loads(told.read_text())["address"]

    def start_worker(self) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            workers = len(client.nthreads())
            self.start(
                "dask_worker", self.address, "--no-nanny", "--nthreads", "1",
                "--local-directory", str(self.folder),
            )  # fmt: skip
            client.wait_for_workers(workers + 1, timeout=60)

    @property
    def scheduler(self) -> subprocess.Popen:
        return self.processes[0]

    @property
    def workers(self) -> list[subprocess.Popen]:
        return self.processes[1:]

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(missing, toy_engine_package, tmp_path_factory):
    """Start a cluster; one that is not patient gives up a task once a worker died of it."""
    if find_spec("distributed") is None:
        missing("needs the extra dask")
    running: list[Cluster] = []

    def start(patient: bool = True, plugin: Path = toy_engine_package) -> Cluster:
        environment = os.environ | {
            "PYTHONPATH": str(plugin),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3" if patient else "0",
            # Else a worker holds a second task, which would be suspected as well.
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.1" if patient else "1.0",
        }
        running.append(Cluster(tmp_path_factory.mktemp("dask"), environment))
        running[-1].start_scheduler()
        for _ in range(2):
            running[-1].start_worker()
        return running[-1]

    yield start
    for one in running:
        one.end()


def build(recipe: Path, address: str, progress=None, out: str = "lib.zarr"):
    with dask_executor(address) as executor:
        return build_library(
            recipe, recipe.parent / out, executor, workers=executor.in_flight, progress=progress
        )


def journal(recipe: Path) -> list[str]:
    """Keys of the finished sites."""
    lines = (recipe.parent / "lib.zarr.building" / "journal.jsonl").read_text().splitlines()
    return [json.loads(line)["key"] for line in lines]


def when(done_sites: int, act):
    """Progress that does something once, midway."""
    waiting = [act]

    def progress(what: str, done: int, total: int) -> None:
        if what == "sites" and done >= done_sites and waiting:
            waiting.pop()()

    return progress


def test_every_site_arrives_once_although_a_worker_is_killed_midway(
    cluster, write_recipe, oxide, pool, tmp_path
):
    recipe = write_recipe([oxide(0), oxide(1), oxide(2)], settings=", pause_s = 0.3")
    build_library(recipe, tmp_path / "local.zarr", pool, workers=2)
    (tmp_path / "control" / "calls").unlink()
    dask = cluster()
    report = build(recipe, dask.address, when(6, dask.workers[0].kill))

    assert dask.workers[0].wait() < 0
    assert dask.workers[1].poll() is None
    assert (report.sites, report.computed, report.failed) == (24, 24, {})
    # What the killed worker had under way was begun again.
    assert len((tmp_path / "control" / "calls").read_text().split()) > 24
    assert len(journal(recipe)) == len(set(journal(recipe))) == 24
    one, other = (open_library(tmp_path / f"{name}.zarr").load() for name in ("lib", "local"))
    assert one.identical(other)
    sites = zip(one["structure_id"].values, one["atom_index"].values, strict=True)
    assert max(Counter(sites).values()) == 1


def test_site_that_kills_workers_ends_the_build_after_all_others_are_kept(
    cluster, write_recipe, oxide
):
    recipe = write_recipe([oxide(0)])
    (recipe.parent / "control" / "die").write_text("9")
    dask = cluster(patient=False)
    with pytest.raises(NearedgeError, match=r"a worker process died.*7 finished sites are kept"):
        build(recipe, dask.address)
    assert len(journal(recipe)) == 7
    (recipe.parent / "control" / "die").write_text("")
    report = build(recipe, dask.address)
    assert (report.sites, report.computed) == (8, 1)


def test_build_whose_scheduler_is_killed_says_so_and_goes_on_with_another(cluster, write_recipe):
    recipe = write_recipe(settings=", pause_s = 0.2")
    dask = cluster()
    with pytest.raises(NearedgeError, match=rf"scheduler at {dask.address} has gone.*is kept"):
        build(recipe, dask.address, when(3, dask.scheduler.kill))
    kept = len(journal(recipe))
    assert 3 <= kept < 16
    report = build(recipe, cluster().address)
    assert (report.sites, report.computed) == (16, 16 - kept)


def test_interrupted_build_leaves_the_cluster_without_its_tasks(cluster, write_recipe):
    from distributed import Client

    def interrupt():
        raise KeyboardInterrupt

    recipe = write_recipe(settings=", pause_s = 0.2")
    dask = cluster()
    with pytest.raises(KeyboardInterrupt):
        build(recipe, dask.address, when(3, interrupt))
    kept = len(journal(recipe))
    with Client(dask.address, set_as_default=False) as client:
        for _ in range(100):
            tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
            if tasks == 0:
                break
            time.sleep(0.1)
        assert tasks == 0
    report = build(recipe, dask.address)
    assert (report.sites, report.computed) == (16, 16 - kept)


def test_cluster_in_another_environment_is_told_apart_from_a_defect(
    cluster, write_recipe, tmp_path
):
    without_the_engine = tmp_path / "empty"
    without_the_engine.mkdir()
    dask = cluster(plugin=without_the_engine)
    with pytest.raises(NearedgeError, match=r"does not know the task.*environment of this command"):
        build(write_recipe(), dask.address)


def test_cluster_gets_a_task_and_gives_a_spectrum_in_a_few_kilobytes(oxide, tmp_path):
    from nearedge.engines import engine_from_settings
    from nearedge.library.running import _run_engine, _Task

    cell = oxide(0).repeat((3, 2, 1))
    task = _Task((1,), ("0" * 32,), cell, engine_from_settings("toy", {}), "K")
    assert len(cell) == 96
    assert len(pickle.dumps(task)) < 10_000
    assert len(pickle.dumps(_run_engine(task))) < 10_000


def test_command_builds_on_the_cluster_and_its_own_output_is_all(
    cluster, write_recipe, toy_engine_package
):
    recipe = write_recipe()
    done = subprocess.run(
        [
            sys.executable, "-m", "nearedge", "library", "build", recipe.name,
            "--out", "lib.zarr", "--dask", cluster().address, "--json",
        ],
        cwd=recipe.parent, env=os.environ | {"PYTHONPATH": str(toy_engine_package)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["sites"] == 16
    assert open_library(recipe.parent / "lib.zarr").sizes["site"] == 16
