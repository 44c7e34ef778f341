"""Where work runs: any ``concurrent.futures.Executor``, this machine's cores by default."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def cores() -> int:
    """Number of cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0))


def local_executor(workers: int | None = None) -> ProcessPoolExecutor:
    """Processes on this machine, one per core unless told otherwise.

    Workers are spawned, not forked: a fork of a process that runs threads (JAX, BLAS) may hang.
    """
    import multiprocessing

    return ProcessPoolExecutor(workers or cores(), mp_context=multiprocessing.get_context("spawn"))


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    executor: Executor,
    in_flight: int,
) -> Iterator[tuple[Task, Future[Result]]]:
    """Yield every task with its finished future, in the order in which they finish.

    Only `in_flight` tasks are handed out at a time, so that a million tasks need no memory and
    an interruption leaves little to wait for.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     sorted(f.result() for _, f in run_tasks(abs, [-2, 1], pool, in_flight=2))
    [1, 2]
    """
    queue = iter(tasks)
    running: dict[Future[Result], Task] = {}
    try:
        while True:
            while len(running) < in_flight:
                task = next(queue, None)
                if task is None:
                    break
                running[executor.submit(function, task)] = task
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()
