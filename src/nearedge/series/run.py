"""Predicting a series: piece by piece, on all cores, in order, going on where it stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nearedge.compute import cores, local_executor
from nearedge.data import DEFAULT_MODEL, model_folder
from nearedge.errors import NearedgeError, UsageError
from nearedge.models import Model, load_model, unit_mean
from nearedge.predict import Prediction, predict
from nearedge.series.reading import Fault, read_piece, stack_length
from nearedge.series.record import Record
from nearedge.series.results import Results
from nearedge.series.sources import Piece, stamp
from nearedge.spectra import Spectrum

# A piece of a stack: large enough for matrix products, small enough to lose little to a kill.
_STACK_PIECE = 500
_FILES_PIECE = 25
# Worker processes take a second to start; below this many tasks they save none.
_TASKS_WORTH_WORKERS = 8


@dataclass(frozen=True)
class _Task:
    """Pieces to be read and predicted in one go."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class _Replay:
    """A file whose first spectra are finished already."""

    path: str


@cache
def _model(folder: str) -> Model:
    return load_model(model_folder(folder))


def predict_series(
    files: Sequence[str],
    model: str = DEFAULT_MODEL,
    options: Mapping[str, Any] | None = None,
    results: Results | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Generator[list[Record], None, None]:
    """Predict every spectrum of many files, in order, as they come.

    A spectrum that cannot be read is one `error` and does not end the series. Memory does not grow
    with the length of the series: files are read and predicted in pieces, and only a few pieces
    are under way at any time, on all cores where there are enough of them.

    Parameters
    ----------
    files
        From `find_files`.
    model
        Folder of a model, or ``"default"``.
    options
        Further arguments of `nearedge.predict.predict`.
    results
        What is finished in it is not predicted again but read back; what is new goes to it before
        it is yielded.
    progress
        Called with (what, done, in all).

    Yields
    ------
    list of Record
        Consecutive spectra, at least one.

    Raises
    ------
    NearedgeError
        If the model cannot be loaded, the results cannot be written, or a worker dies.

    Examples
    --------
    >>> [[record]] = predict_series(["no/such/scan.xdi"])
    >>> record.prediction.status, record.prediction.message
    ('error', 'no/such/scan.xdi: no such file; check the path')
    """
    _model(model)  # a missing model must not wait for the first worker
    options = dict(options or {})
    plan, total = _plan(files, results)
    done = 0
    tasks = sum(isinstance(step, _Task) for step in plan)
    workers = cores() if tasks >= _TASKS_WORTH_WORKERS else 1
    with ExitStack() as stack:
        executor = stack.enter_context(local_executor(workers)) if workers > 1 else None
        for step, work in _in_order(plan, executor, workers, model, options):
            if isinstance(step, _Replay):
                assert results is not None
                blocks = _read_back(results, step.path)
            else:
                blocks = iter([work()])
            for block in blocks:
                if isinstance(step, _Task) and results is not None:
                    results.append(block)
                done += len(block)
                total = max(total, done)
                if progress is not None:
                    progress("spectra", done, total)
                yield block


def _plan(files: Sequence[str], results: Results | None) -> tuple[list[_Task | _Replay], int]:
    """What to do in which order, and how many spectra there are at least."""
    plan: list[_Task | _Replay] = []
    waiting: list[Piece] = []
    total = 0

    def flush() -> None:
        if waiting:
            plan.append(_Task(tuple(waiting)))
            waiting.clear()

    for path in files:
        finished, count = results.finished(path) if results is not None else (0, None)
        if finished:
            flush()
            plan.append(_Replay(path))
        if count is None:
            length = stack_length(path)
            count = 1 if length is None else length
        else:
            length = count
        total += count
        if finished and finished >= count:
            continue
        if length is not None and length > _STACK_PIECE:
            flush()
            for first in range(finished, length, _STACK_PIECE):
                stop = min(first + _STACK_PIECE, length)
                plan.append(_Task((Piece(path, first, stop),)))
            continue
        waiting.append(Piece(path, finished))
        if len(waiting) == _FILES_PIECE:
            flush()
    flush()
    return plan, total


def _in_order(
    plan: Sequence[_Task | _Replay],
    executor: Executor | None,
    workers: int,
    model: str,
    options: dict[str, Any],
) -> Iterator[tuple[_Task | _Replay, Callable[[], list[Record]]]]:
    """Yield every step with a function that waits for its records; a few are under way at once."""
    if executor is None:
        for step in plan:
            pieces = step.pieces if isinstance(step, _Task) else ()
            yield step, lambda pieces=pieces: predict_pieces(pieces, model, options)
        return
    ahead: deque[tuple[_Task | _Replay, Future[list[Record]] | None]] = deque()
    steps = iter(plan)
    running = 0
    while True:
        while running < 2 * workers and (step := next(steps, None)) is not None:
            future = None
            if isinstance(step, _Task):
                future = executor.submit(predict_pieces, step.pieces, model, options)
                running += 1
            ahead.append((step, future))
        if not ahead:
            return
        step, future = ahead.popleft()
        if future is None:
            yield step, list
            continue
        yield step, lambda future=future: _wait(future)
        running -= 1


def _wait(future: Future[list[Record]]) -> list[Record]:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise NearedgeError(
            "a worker process died, perhaps for want of memory; with --out what is finished is "
            "kept, run the same again"
        ) from error


def _read_back(results: Results, path: str) -> Iterator[list[Record]]:
    block: list[Record] = []
    for record in results.records(path):
        block.append(record)
        if len(block) == _STACK_PIECE:
            yield block
            block = []
    if block:
        yield block


def predict_pieces(pieces: Sequence[Piece], model: str, options: Mapping[str, Any]) -> list[Record]:
    """Read and predict some pieces; what a worker process does."""
    loaded = _model(model)
    records: list[Record] = []
    for piece in pieces:
        changed = stamp(piece.path)
        read, count = read_piece(piece)
        spectra = [one for one in read if isinstance(one, Spectrum)]
        predictions = iter(_predict(spectra, loaded, options))
        for index, one in enumerate(read, start=piece.first):
            if isinstance(one, Fault):
                answer = Prediction(piece.path, one.scan, "error", message=one.message)
            else:
                answer = next(predictions)
            header = {**getattr(one, "header", {})}
            records.append(Record(answer, header, index, count, changed, _scaled(answer.intensity)))
    return records


def _predict(
    spectra: Sequence[Spectrum], model: Model, options: Mapping[str, Any]
) -> list[Prediction]:
    """Predict all at once, or one by one where one of them makes that fail."""
    try:
        return predict(spectra, model, **options)
    except UsageError:
        raise
    except Exception as error:
        if len(spectra) > 1:
            return [_predict([spectrum], model, options)[0] for spectrum in spectra]
        message = " ".join(str(error).split())
        if not isinstance(error, NearedgeError):
            message = f"{type(error).__name__}: {message}; this is a defect of nearedge"
        [spectrum] = spectra
        where = f"{spectrum.source}, spectrum {spectrum.scan}"
        return [Prediction(spectrum.source, spectrum.scan, "error", message=f"{where}: {message}")]


def _scaled(intensity: np.ndarray | None) -> np.ndarray | None:
    if intensity is None or intensity.mean() <= 0:
        return None
    return unit_mean(intensity[None])[0].astype(np.float32)
