"""Workers: what ends one does not end the server, and nobody waits behind it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "spectra" / "site.dat"
OPTIONS = {"model": "default"}


def _in_pool(work: Callable[..., Coroutine[Any, Any, Any]], size: int = 2, **limits: Any) -> Any:
    pytest.importorskip("nicegui")
    from nearedge.web.limits import Limits
    from nearedge.web.pool import Pool

    async def run() -> Any:
        pool = Pool({"default": "default"}, Limits(**limits), size)
        await pool.start()
        try:
            return await work(pool)
        finally:
            await pool.stop()
            assert not any(map(_runs, pool.pids()))

    # In a thread of its own: the browser's tests leave a loop running in theirs.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, run()).result()


def _task(path: Path = EXAMPLE, **options: Any):
    from nearedge.web._frames import Task

    return Task("predict", ((path.name, str(path)),), OPTIONS | options)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_worker_is_replaced_and_its_task_answered() -> None:
    async def work(pool) -> None:
        before = pool.pids()
        waiting = [asyncio.create_task(pool.run(_task())) for _ in range(6)]
        await asyncio.sleep(0)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        answers = await asyncio.gather(*waiting)
        assert [answer.status for answer in answers] == [200] * 6
        # The second worker had nothing to do, and its death is noticed all the same.
        while pool.replaced < 2 or len(pool.pids()) < 2:
            await asyncio.sleep(0.05)
        assert not set(before) & set(pool.pids())

    _in_pool(work)


def test_a_task_that_takes_too_long_is_ended_and_the_others_are_answered(tmp_path: Path) -> None:
    # Many distinct numbers in one column after the other take long to read, however they end.
    slow = tmp_path / "slow.dat"
    slow.write_text("".join(f"{i} {i * 7919 % 1000003}\n" for i in range(400_000)))

    async def work(pool) -> None:
        long = asyncio.create_task(pool.run(_task(slow)))
        await asyncio.sleep(0.05)
        quick = await pool.run(_task(small=True))
        assert quick.status == 200
        ended = await long
        assert ended.status == 422
        assert "0.3 s" in ended.json()["error"]
        assert (await pool.run(_task())).status == 200

    _in_pool(work, processor_seconds=0.3)


def test_a_file_that_takes_too_much_memory_is_an_error_of_its_own(
    tmp_path: Path,
) -> None:
    large = tmp_path / "large.dat"
    large.write_text("1.0 2.0 3.0 4.0\n" * 900_000)

    async def work(pool) -> None:
        answer = await pool.run(_task(large))
        if answer.status == 200:
            [entry] = answer.json()
            assert entry["status"] == "error"
            assert "Memory" in entry["message"]
        else:
            assert answer.status == 422
        assert (await pool.run(_task())).status == 200

    _in_pool(work, memory_bytes=160 * 10**6)


def test_small_tasks_do_not_wait_behind_long_ones(tmp_path: Path) -> None:
    slow = tmp_path / "slow.dat"
    slow.write_text("".join(f"{i} {i}\n" for i in range(300_000)))

    async def work(pool) -> None:
        long = [asyncio.create_task(pool.run(_task(slow), "somebody")) for _ in range(4)]
        await asyncio.sleep(0)
        await pool.run(_task(small=True), "another")
        assert not any(task.done() for task in long[1:])
        await asyncio.gather(*long)

    _in_pool(work)


def test_clients_are_served_in_turn() -> None:
    from nearedge.web.pool import _Job, _Queue

    queue = _Queue()
    loop = asyncio.new_event_loop()
    for client in "aaab":
        queue.put(_Job(_task(), client, loop.create_future()))
    order = []
    while job := queue.take():
        order.append(job.client)
    loop.close()
    assert order == ["a", "b", "a", "a"]


def test_closing_finishes_what_runs() -> None:
    async def work(pool) -> None:
        waiting = [asyncio.create_task(pool.run(_task())) for _ in range(8)]
        await asyncio.sleep(0)
        await pool.stop()
        assert [task.result().status for task in waiting] == [200] * 8
        assert (await pool.run(_task())).status == 503

    _in_pool(work)


def test_a_task_that_is_given_up_waits_no_more() -> None:
    async def work(pool) -> None:
        # Only one of the two workers takes long tasks.
        tasks = [asyncio.create_task(pool.run(_task())) for _ in range(3)]
        while not pool.waiting:
            await asyncio.sleep(0)
        while pool.waiting > 2:
            await asyncio.sleep(0.001)
        tasks[2].cancel()
        await asyncio.gather(tasks[2], return_exceptions=True)
        assert pool.waiting == 1
        answers = await asyncio.gather(*tasks[:2])
        assert [answer.status for answer in answers] == [200, 200]

    _in_pool(work)


def test_more_than_may_wait_are_turned_away() -> None:
    async def work(pool) -> None:
        answers = await asyncio.gather(*(pool.run(_task()) for _ in range(12)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[0] == 200
        assert statuses[-1] == 503

    _in_pool(work, waiting=3)


def test_a_model_that_cannot_be_read_is_said_to_be() -> None:
    from nearedge.errors import NearedgeError
    from nearedge.web.app import create_app
    from nearedge.web.state import Settings

    with pytest.raises(NearedgeError, match="nowhere"):
        create_app(Settings({"mine": "nowhere"}), page=False)
