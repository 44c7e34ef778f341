"""Where work runs: any ``concurrent.futures.Executor``, this machine's cores by default."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any, TypeVar

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")

# How long a scheduler may take to answer; a busy one takes a second.
_PATIENCE_SECONDS = 5.0

# Tasks handed out at least, so that workers which join a small or empty cluster later find work,
# and adaptive clusters see that they should grow. A task of the library is a few kilobytes.
_LEAST_IN_FLIGHT = 1000


def cores() -> int:
    """Number of cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0))


class LocalExecutor(ProcessPoolExecutor):
    """Processes on this machine; made by `local_executor`.

    Used as a context manager it ends its processes at once after an error or an interruption:
    nobody wants the rest, and every build can go on from what is finished.
    """

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
        self.shutdown()


def use_one_thread() -> None:
    """Let mathematics libraries that are loaded from now on use one thread, unless told otherwise.

    Products of small matrices end sooner so: threads that wait for one another on a busy machine
    took four fifths of the processor time of a series.

    Examples
    --------
    >>> use_one_thread()
    >>> "OPENBLAS_NUM_THREADS" in os.environ
    True
    """
    for name in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")


def local_executor(workers: int | None = None) -> LocalExecutor:
    """Processes on this machine, one per core unless told otherwise.

    Workers are spawned, not forked: a fork of a process that runs threads (Numba, BLAS) may hang.
    They end with the process that made them, even if that is killed. Each uses one thread.
    """
    # Workers begin with this process's environment, and have loaded NumPy before they could set it.
    use_one_thread()
    return LocalExecutor(
        cores() if workers is None else workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )


def _end_with_parent() -> None:
    """End this worker when its parent ends: a killed parent cannot tell it to."""
    import threading

    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class DaskExecutor(Executor):
    """Tasks on a Dask cluster; made by `dask_executor`.

    Dask runs the tasks of a worker that dies again on another one, and gives up a task only
    after several workers died of it. ``distributed``'s own executor is not used, since its
    futures never finish when the scheduler dies while a result is under way.

    Attributes
    ----------
    in_flight
        How many tasks to hand out at a time: two per thread of the cluster, so that a worker
        has its next task at hand when it finishes one, and at least 1000.
    """

    def __init__(self, client: Client, address: str) -> None:
        # Not `scheduler_info`, which by default tells of five workers only.
        threads: Any = client.nthreads()
        self.in_flight = max(2 * sum(threads.values()), _LEAST_IN_FLIGHT)
        self._client = client
        self._address = address
        self._pending: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a task to the scheduler.

        The future raises what the task raises; BrokenExecutor if workers died of the task; and
        NearedgeError if the scheduler has gone.
        """
        # Equal calls of tasks with effects must not be taken for one, hence `pure`.
        remote = self._client.submit(fn, *args, pure=False, **kwargs)
        loop: Any = self._client.loop
        future = asyncio.run_coroutine_threadsafe(self._result(remote), loop.asyncio_loop)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    async def _result(self, remote: Any) -> Any:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        # A future that is cancelled here drops its reference to the remote one, and the
        # scheduler then forgets the task.
        try:
            # The public `gather` would litter standard error whenever it is cut short.
            return await remote._result()
        except KilledWorker as error:
            raise BrokenExecutor(" ".join(str(error).split())) from error
        except (CancelledError, CommClosedError) as error:
            raise NearedgeError(
                f"the Dask scheduler at {self._address} has gone; what was finished is kept, "
                f"start a scheduler and run the same again"
            ) from error
        except Exception as error:
            if not isinstance(error, ImportError) and "deserialization" not in str(error):
                raise
            raise NearedgeError(
                f"the Dask cluster at {self._address} does not know the task "
                f"({' '.join(str(error).split())}); start its scheduler and workers in the "
                f"environment of this command"
            ) from error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, after all tasks if `wait`; what is cancelled, the cluster forgets."""
        pending = list(self._pending)
        if wait and not cancel_futures:
            wait_for(pending)
        for future in pending:
            future.cancel()
        self._client.close()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # After an error, an interruption above all, nobody wants the rest.
        self.shutdown(cancel_futures=kind is not None)


def dask_executor(address: str) -> DaskExecutor:
    """Connect to the scheduler of a Dask cluster; needs the extra ``dask``.

    Parameters
    ----------
    address
        Where the scheduler listens, as it says when it starts: ``tcp://host:8786``.

    Raises
    ------
    NearedgeError
        If ``distributed`` is not installed, or no scheduler answers within seconds.
    """
    try:
        from distributed import Client, Security, rpc
    except ImportError as error:
        raise NearedgeError(
            "Dask is not installed; install the extra: pip install 'nearedge[dask]'"
        ) from error

    async def who() -> str:
        # An address with tls:// takes its certificates from Dask's configuration.
        arguments = Security().get_connection_args("client")
        async with rpc(address, connection_args=arguments) as there:
            identity: Any = await there.identity()
            return identity["type"]

    # The client itself is no good for asking: nothing ends its wait for a program that accepts
    # the connection and then is silent, and a client that has failed cannot be disposed of.
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread runs an event loop already
            kind = thread.submit(asyncio.run, asyncio.wait_for(who(), _PATIENCE_SECONDS)).result()
        if kind != "Scheduler":
            raise ValueError(f"a Dask {kind.lower()} does")
        # It logs tracebacks when workers or the scheduler go; the futures say what that means.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        client = Client(address, timeout=_PATIENCE_SECONDS, set_as_default=False)
    except Exception as error:
        # Whatever else listens there can make this fail in any way, MemoryError included.
        reason = " ".join(str(error).split()) or f"no answer in {_PATIENCE_SECONDS:.0f} s"
        raise NearedgeError(
            f"no Dask scheduler answers at {address!r} ({reason}); give the address that "
            f"`dask scheduler` shows when it starts, such as tcp://host:8786"
        ) from error
    return DaskExecutor(client, address)


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
            done, _ = wait_for(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()
