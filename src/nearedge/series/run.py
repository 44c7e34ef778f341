"""Predicting a series: piece by piece, on all cores, in order, going on where it stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from nearedge.compute import cores, local_executor
from nearedge.data import DEFAULT_MODEL
from nearedge.errors import NearedgeError, UsageError
from nearedge.models import Model, cached_model
from nearedge.predict import Prediction, predict
from nearedge.series.reading import Fault, Piece, read_pieces
from nearedge.series.record import Record, scaled
from nearedge.series.results import Results
from nearedge.series.shifts import Shifts
from nearedge.series.sources import stamp
from nearedge.spectra import Spectrum

# Larger files are read here, in order and in pieces, and only predicted by workers; smaller ones
# are read by the workers, so many at a time.
_LARGE_BYTES = 4 * 10**6
_FILES_AT_ONCE = 25
# Nobody reads why each of so many spectra is answered as it is.
_MANY_SPECTRA = 100
# Worker processes take a second to start; below so many files or so many bytes they save none.
_FILES_WORTH_WORKERS = 150
_BYTES_WORTH_WORKERS = 20 * 10**6


@dataclass(frozen=True)
class Options:
    """How spectra are read and predicted; the same for a whole series.

    Attributes
    ----------
    reading
        See the options of `nearedge.series.reading.read_pieces`.
    predicting
        Further arguments of `nearedge.predict.predict`.
    one_instrument
        Whether all measured spectra share one shift of the energy axis.
    why
        Whether to tell why of the spectra of files that hold at most 100.
    """

    reading: Mapping[str, Any] = field(default_factory=dict)
    predicting: Mapping[str, Any] = field(default_factory=dict)
    one_instrument: bool = False
    why: bool = False


@dataclass(frozen=True)
class _Files:
    """Small files to be read and predicted in one go, each from a spectrum on."""

    starts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Replay:
    """A file whose first spectra are finished already."""

    path: str


_Step = _Files | _Replay | Piece


def predict_series(
    files: Sequence[str],
    model: str | Model = DEFAULT_MODEL,
    options: Options | None = None,
    results: Results | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    workers: int | None = None,
) -> Generator[list[Record], None, None]:
    """Predict every spectrum of many files, in order, as they come.

    A spectrum that cannot be read is one `error` and does not end the series. Memory does not grow
    with the length of the series: files are read and predicted in pieces, and only a few pieces
    are under way at any time, on all cores where there is enough to do.

    The measured spectra of a file that is read in pieces share one shift of the energy axis, which
    is found beforehand from spectra all over it.

    Parameters
    ----------
    files
        From `find_files`.
    model
        Folder of a model, or ``"default"``; or the model itself, to stay in this process.
    options
        How to read and predict.
    results
        What is finished in it is not predicted again but read back; what is new goes to it before
        it is yielded.
    progress
        Called with (what, done, in all).
    workers
        Processes to run; all cores if there is enough to do, unless given.

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
    options = options or Options()
    # A missing model must not wait for the first worker.
    loaded = cached_model(model) if isinstance(model, str) else model
    stamps = [stamp(path) for path in files]
    waiting = sum(results is None or not results.is_complete(path) for path in files)
    worth = waiting >= _FILES_WORTH_WORKERS or (
        waiting and sum(size for size, _ in stamps) >= _BYTES_WORTH_WORKERS
    )
    if workers is None:
        workers = cores() if worth and isinstance(model, str) else 1
    shifts = Shifts(loaded, options.reading, options.predicting, results)
    if options.one_instrument:
        shifts.find_common(files)
    total, done = len(files), 0
    with ExitStack() as stack:
        executor = stack.enter_context(local_executor(workers)) if workers > 1 else None
        steps = _steps(files, results, options, shifts)
        answering = loaded if executor is None else model
        for step, wait in _in_order(steps, executor, workers, answering, options, shifts):
            if isinstance(step, _Replay):
                assert results is not None
                blocks = _read_back(results, step.path)
            else:
                blocks = iter([wait()])
            for block in blocks:
                if not block:
                    continue
                if results is not None and not isinstance(step, _Replay):
                    results.append(block)
                # Files count as one spectrum each until they say how many they hold.
                total += sum(r.count - 1 for r in block if r.index == 0 and r.count > 1)
                done += len(block)
                total = max(total, done)
                if progress is not None:
                    progress("spectra", done, total)
                yield block


def _steps(
    files: Sequence[str], results: Results | None, options: Options, shifts: Shifts
) -> Iterator[_Step]:
    """What to do, in order; large files are read while this is iterated."""
    small: list[tuple[str, int]] = []
    for path in files:
        finished = results.finished(path) if results is not None else 0
        complete = results is not None and results.is_complete(path)
        large = not complete and stamp(path)[0] >= _LARGE_BYTES
        if small and (finished or large or len(small) == _FILES_AT_ONCE):
            yield _Files(tuple(small))
            small.clear()
        if finished:
            yield _Replay(path)
        if complete:
            continue
        if large:
            shifts.find_for(path)
            yield from read_pieces(path, options.reading, start=finished)
        else:
            small.append((path, finished))
    if small:
        yield _Files(tuple(small))


def _in_order(
    steps: Iterator[_Step],
    executor: Executor | None,
    workers: int,
    model: str | Model,
    options: Options,
    shifts: Shifts,
) -> Iterator[tuple[_Step, Callable[[], list[Record]]]]:
    """Yield every step with a function that gives its records; a few are under way at once."""
    ahead: deque[tuple[_Step, Future[list[Record]] | None]] = deque()
    running = 0
    exhausted = False
    while ahead or not exhausted:
        while not exhausted and running < (2 * workers if executor else 1):
            step = next(steps, None)
            if step is None:
                exhausted = True
                break
            future = None
            if executor is not None and not isinstance(step, _Replay):
                future = executor.submit(predict_step, step, model, options, shifts.table)
            ahead.append((step, future))
            running += 1
        if not ahead:
            return
        step, future = ahead.popleft()
        if future is not None:
            yield step, lambda future=future: _wait(future)
        else:
            yield step, lambda step=step: predict_step(step, model, options, shifts.table)
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
        if len(block) == 1000:
            yield block
            block = []
    if block:
        yield block


def predict_step(
    step: _Step, model: str | Model, options: Options, shifts: Mapping[str | None, Any]
) -> list[Record]:
    """Predict some spectra, read before or here."""
    if isinstance(step, Piece):
        pieces = [step]
    elif isinstance(step, _Files):
        pieces = [
            piece
            for path, start in step.starts
            for piece in read_pieces(path, options.reading, start)
        ]
    else:
        return []
    loaded = _first_read(model) if isinstance(model, str) else model
    records: list[Record] = []
    for piece in pieces:
        shift = shifts.get(piece.path, shifts.get(None))
        arguments = dict(options.predicting) | ({} if shift is None else {"shift_eV": shift})
        if options.why and 0 < piece.count <= _MANY_SPECTRA:
            arguments["why"] = True
        spectra = [one for one in piece.items if isinstance(one, Spectrum)]
        answers = iter(_predict(spectra, loaded, arguments))
        for index, one in enumerate(piece.items, start=piece.first):
            if isinstance(one, Fault):
                answer = Prediction(one.source, one.scan, "error", message=one.message)
            else:
                answer = next(answers)
            row = scaled(answer.intensity)
            header = dict(one.header)
            records.append(Record(answer, header, index, piece.count, piece.stamp, row))
    return records


@cache
def _first_read(name: str) -> Model:
    """The model of a worker, which ends with its series: one model answers all of that."""
    return cached_model(name)


def _predict(
    spectra: Sequence[Spectrum], model: Model, arguments: Mapping[str, Any]
) -> list[Prediction]:
    """Predict all at once, or one by one where one of them makes that fail."""
    if not spectra:
        return []
    try:
        return predict(spectra, model, **arguments)
    except UsageError:
        raise
    except Exception as error:
        if len(spectra) > 1:
            return [_predict([spectrum], model, arguments)[0] for spectrum in spectra]
        message = " ".join(str(error).split())
        if not isinstance(error, NearedgeError):
            message = f"{type(error).__name__}: {message}; this is a defect of nearedge"
        [spectrum] = spectra
        where = f"{spectrum.source}, spectrum {spectrum.scan}"
        return [Prediction(spectrum.source, spectrum.scan, "error", message=f"{where}: {message}")]
