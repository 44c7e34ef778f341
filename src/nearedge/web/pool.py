"""Worker processes that answer tasks; one that dies is replaced, and its tasks are not lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from nearedge.errors import NearedgeError
from nearedge.web._frames import LONGEST_LINE, Answer, Task, pack_tasks
from nearedge.web.limits import Limits

# Small tasks that a worker takes at once: one call of the model answers them in little more time
# than one of them. With more, those that just miss a batch wait longest; with fewer, all do.
_TOGETHER = 10
# Loading the libraries and the models takes a second.
_START_SECONDS = 60.0
_RETRY_SECONDS = 1.0


@dataclass(eq=False)
class _Job:
    task: Task
    client: str
    done: asyncio.Future[Answer]
    deaths: int = 0


@dataclass
class _Queue:
    """Jobs of many clients, served in turn; the jobs of one client in their order."""

    jobs: dict[str, deque[_Job]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.jobs.values()))

    def put(self, job: _Job, first: bool = False) -> None:
        line = self.jobs.setdefault(job.client, deque())
        if first:
            line.appendleft(job)
        else:
            line.append(job)

    def drop(self, job: _Job) -> None:
        """Leave out a job that nobody waits for, if it still waits here."""
        line = self.jobs.get(job.client)
        if line is not None and job in line:
            line.remove(job)
            if not line:
                del self.jobs[job.client]

    def take(self, running: Counter[str] | None = None) -> _Job | None:
        """The first job of the client whose turn it is: of those with the fewest running."""
        if not self.jobs:
            return None
        client = next(iter(self.jobs))
        if running is not None:
            client = min(self.jobs, key=lambda name: running[name])
        line = self.jobs.pop(client)
        job = line.popleft()
        if line:
            self.jobs[client] = line
        return job


class Pool:
    """Processes that each hold the models and answer one batch of tasks at a time.

    Small tasks never wait behind long ones: the last worker takes small ones only.

    Parameters
    ----------
    models
        Name to folder.
    limits
        Of a request and of a worker.
    size
        Number of processes, at least 2.
    """

    def __init__(self, models: Mapping[str, str], limits: Limits, size: int) -> None:
        self.models, self.limits, self.size = dict(models), limits, max(2, size)
        self._small, self._long = _Queue(), _Queue()
        self._running_long: Counter[str] = Counter()
        self._news = asyncio.Condition()
        self._loops: list[asyncio.Task[None]] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._workers: dict[int, _Worker] = {}
        self._closing = False
        self.replaced = 0

    async def start(self) -> None:
        """Start the workers.

        Raises
        ------
        NearedgeError
            If one does not come up.
        """
        first = [_Worker(self.models, self.limits) for _ in range(self.size)]
        try:
            await asyncio.gather(*(worker.start() for worker in first))
        except BaseException:
            for worker in first:
                await worker.end()
            raise
        self._workers = dict(enumerate(first))
        self._loops = [asyncio.create_task(self._serve(place)) for place in range(self.size)]
        for worker in first:
            self._watch(worker)

    async def stop(self) -> None:
        """Finish what runs and what waits, then end the workers."""
        self._closing = True
        async with self._news:
            self._news.notify_all()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for worker in self._workers.values():
            await worker.end()

    @property
    def waiting(self) -> int:
        """Number of tasks that no worker has taken yet."""
        return len(self._small) + len(self._long)

    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [worker.pid for worker in self._workers.values() if worker.pid is not None]

    async def run(self, task: Task, client: str = "") -> Answer:
        """Have a task answered.

        Parameters
        ----------
        task
            With the option ``small`` where it is one of few spectra in a few kilobytes of text.
        client
            Whose it is; clients are served in turn.
        """
        if self._closing or self.waiting >= self.limits.waiting:
            return Answer.error(503, "the server is busy; send the request again in a few seconds")
        job = _Job(task, client, asyncio.get_running_loop().create_future())
        await self._put(job)
        try:
            return await job.done
        except asyncio.CancelledError:
            (self._small if task.options.get("small") else self._long).drop(job)
            raise

    async def _put(self, job: _Job, first: bool = False) -> None:
        async with self._news:
            (self._small if job.task.options.get("small") else self._long).put(job, first)
            self._news.notify_all()

    async def _take(self, place: int) -> list[_Job] | None:
        """Wait for the next jobs of a worker; none when it has died, None when the pool closes."""
        async with self._news:
            while True:
                jobs = self._next(place)
                if jobs:
                    return jobs
                if self._closing:
                    return None
                if not self._workers[place].alive:
                    return []
                await self._news.wait()

    def _next(self, place: int) -> list[_Job]:
        if place == 0 and (job := self._long.take(self._running_long)):
            return [job]
        jobs: list[_Job] = []
        while len(jobs) < _TOGETHER and (job := self._small.take()):
            if job.deaths and jobs:
                self._small.put(job, first=True)
                break
            jobs.append(job)
            if job.deaths:
                break
        if not jobs and place < self.size - 1 and (job := self._long.take(self._running_long)):
            return [job]
        return jobs

    async def _serve(self, place: int) -> None:
        while (jobs := await self._take(place)) is not None:
            # Nobody waits for what was cancelled meanwhile.
            jobs = [job for job in jobs if not job.done.done()]
            if jobs:
                await self._answer(place, jobs)
            elif not self._workers[place].alive:
                with contextlib.suppress(NearedgeError):
                    await self._replace(place)

    async def _answer(self, place: int, jobs: list[_Job]) -> None:
        long = [job for job in jobs if not job.task.options.get("small")]
        self._running_long.update(job.client for job in long)
        try:
            worker = self._workers[place]
            if not worker.alive:
                worker = await self._replace(place)
            answers = await worker.answer([job.task for job in jobs])
            for job, answer in zip(jobs, answers, strict=True):
                if not job.done.done():
                    job.done.set_result(answer)
        except (_WorkerEnded, NearedgeError) as error:
            await self._bury(place, jobs, getattr(error, "too_long", False))
        finally:
            self._running_long.subtract(job.client for job in long)
            self._running_long += Counter()

    async def _bury(self, place: int, jobs: list[_Job], too_long: bool) -> None:
        """Replace a worker; try its tasks again, each alone, unless they are to blame."""
        with contextlib.suppress(NearedgeError):
            await self._replace(place)
        for job in jobs:
            job.deaths += 1
            if job.done.done():
                continue
            alone = len(jobs) == 1
            if (alone and (too_long or job.deaths > 1)) or job.deaths > 2 or self._closing:
                job.done.set_result(Answer.error(422, self.limits.ended()))
            else:
                await self._put(job, first=True)

    async def _replace(self, place: int) -> _Worker:
        await self._workers[place].end()
        self.replaced += 1
        worker = self._workers[place] = _Worker(self.models, self.limits)
        try:
            await worker.start()
        except NearedgeError:
            # Whatever keeps it from starting needs a moment to pass.
            await asyncio.sleep(_RETRY_SECONDS)
            raise
        self._watch(worker)
        return worker

    def _watch(self, worker: _Worker) -> None:
        """Notice when an idle worker dies."""

        async def watch() -> None:
            await worker.died()
            async with self._news:
                self._news.notify_all()

        task = asyncio.create_task(watch())
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)


class _WorkerEnded(Exception):
    """A worker died, or was ended because it took too long."""

    def __init__(self, too_long: bool) -> None:
        super().__init__()
        self.too_long = too_long


class _Worker:
    """One process of `nearedge.web._worker`."""

    def __init__(self, models: Mapping[str, str], limits: Limits) -> None:
        self._settings = json.dumps({"models": dict(models), "limits": asdict(limits)})
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        # Idle threads of a mathematics library count as memory, and every worker has one core.
        single = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "nearedge.web._worker",
            self._settings,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LONGEST_LINE,
            env={**os.environ, **single},
            # Ctrl-C in the terminal is for the server, which lets its workers finish.
            start_new_session=True,
        )
        try:
            await asyncio.wait_for(self._receive(), _START_SECONDS)
        except (_WorkerEnded, TimeoutError):
            await self.end()
            raise NearedgeError(
                "a worker process of the server does not start; try `nearedge predict` with the "
                "same model, which says what is wrong"
            ) from None

    async def answer(self, tasks: list[Task]) -> list[Answer]:
        """Send tasks and wait for their answers.

        Raises
        ------
        _WorkerEnded
            If the worker dies or takes too long.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            async with asyncio.timeout(self._limits.seconds):
                self._process.stdin.write(pack_tasks(tasks))
                await self._process.stdin.drain()
                answers = await self._receive()
        except TimeoutError:
            await self.end()
            raise _WorkerEnded(too_long=True) from None
        except OSError:
            raise _WorkerEnded(too_long=False) from None
        if len(answers) != len(tasks):
            await self.end()
            raise _WorkerEnded(too_long=False)
        return answers

    async def _receive(self) -> list[Answer]:
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout
        try:
            heads = json.loads(await stream.readline())
            return [Answer(status, await stream.readexactly(size)) for status, size in heads]
        except (asyncio.IncompleteReadError, ValueError) as error:
            await self.end()
            # The kernel ends what takes too much processor time, or writes too much.
            own = self._process.returncode in (-signal.SIGPROF, -signal.SIGXFSZ)
            raise _WorkerEnded(too_long=own) from error

    async def died(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            await self._process.wait()

    async def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()
        await self._process.wait()
