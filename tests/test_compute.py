"""Executors: tasks handed out and taken back, and clusters that are not there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from nearedge.cli import main
from nearedge.compute import dask_executor, local_executor, run_tasks
from nearedge.errors import NearedgeError


def test_every_task_comes_back_with_its_own_result():
    with ThreadPoolExecutor(3) as pool:
        pairs = run_tasks(lambda n: n * n, range(50), pool, in_flight=5)
        assert sorted((task, future.result()) for task, future in pairs) == [
            (n, n * n) for n in range(50)
        ]


def test_no_more_tasks_are_taken_than_may_be_in_flight():
    taken = []

    def tasks():
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        for finished, _ in enumerate(run_tasks(abs, tasks(), pool, in_flight=3)):
            assert len(taken) <= finished + 3
    assert len(taken) == 20


def test_error_of_a_task_stays_with_its_future():
    with ThreadPoolExecutor(2) as pool:
        outcomes = {
            task: future.exception()
            for task, future in run_tasks(lambda n: 1 / n, [0, 1], pool, in_flight=2)
        }
    assert isinstance(outcomes[0], ZeroDivisionError)
    assert outcomes[1] is None


def test_cluster_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NearedgeError, match=r"Dask is not installed.*nearedge\[dask\]"):
        dask_executor("tcp://127.0.0.1:8786")


def test_workers_and_dask_exclude_each_other(tmp_path, capsys):
    words = ["library", "build", "recipe.toml", "--out", str(tmp_path / "lib.zarr")]
    assert main([*words, "--workers", "2", "--dask", "tcp://127.0.0.1:8786"]) == 2
    assert "--workers and --dask exclude each other" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("listener", ["none", "silent"])
def test_no_scheduler_at_the_address_is_one_line_and_touches_nothing(
    listener, missing, tmp_path, capfd
):
    if find_spec("distributed") is None:
        missing("needs the extra dask")
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        if listener == "silent":
            there.listen()
        address = f"tcp://127.0.0.1:{there.getsockname()[1]}"
        words = ["library", "build", "recipe.toml", "--out", str(tmp_path / "lib.zarr")]
        assert main([*words, "--dask", address]) == 1
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"nearedge: no Dask scheduler answers at '{address}'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "nonsense", "tcp://", "carrier-pigeon://loft:1"])
def test_address_that_is_none_is_refused(address, missing):
    if find_spec("distributed") is None:
        missing("needs the extra dask")
    with pytest.raises(NearedgeError, match="no Dask scheduler answers at"):
        dask_executor(address)


def _sleep_then_write(path: str) -> None:
    time.sleep(20)
    Path(path).write_text("finished")


@pytest.mark.slow
def test_after_an_error_what_is_under_way_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    futures = []

    def fail_while_a_task_runs() -> None:
        with local_executor(1) as pool:
            futures.append(pool.submit(_sleep_then_write, str(mark)))
            while not futures[0].running():
                time.sleep(0.05)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fail_while_a_task_runs()
    with pytest.raises(BrokenExecutor):
        futures[0].result(timeout=60)
    assert not mark.exists()


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed() -> None:
    code = (
        "import os, time\n"
        "from nearedge.compute import local_executor\n"
        "if __name__ == '__main__':\n"
        "    pool = local_executor(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{worker}/stat").read_text().split(") ")[1].startswith("Z"):
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{worker}").exists()


def test_no_workers_is_a_usage_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = str(tmp_path / "l.zarr")
    assert main(["library", "build", "recipe.toml", "--out", out, "--workers", "0"]) == 2
    assert "--workers 0" in capsys.readouterr().err
