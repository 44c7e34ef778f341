"""The results folder of a series: what is finished stays, whenever the program is killed."""

from __future__ import annotations

import csv
import fcntl
import json
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.plain import plain, printable
from nearedge.predict import Prediction
from nearedge.series.columns import COLUMNS, cells
from nearedge.series.record import Record, document
from nearedge.series.sources import stamp

_RUN, _LINES, _SPECTRA, _TABLE = "run.json", "results.jsonl", "spectra.f32", "results.csv"


@dataclass
class _Finished:
    """Where the finished spectra of one file stand in the results."""

    stamp: tuple[int, int]
    count: int
    lines: array[int] = field(default_factory=lambda: array("q"))


class Results:
    """Results of a series in a folder; a context manager that locks it.

    ``results.jsonl`` holds one line per finished spectrum in the order of finishing, and
    ``spectra.f32`` its intensities on the model's axis, one row per line. A block of spectra goes
    to the second file before the first, so that whatever a kill cuts short is dropped from both
    when the folder is opened again. ``run.json`` says what made the results; ``results.csv`` is
    written when the series is complete.

    Parameters
    ----------
    folder
        Made if it does not exist.
    run
        Plain values that determine the results: model, options. Results of another run are never
        added to.
    points
        Number of intensities on the model's axis.

    Attributes
    ----------
    found
        What `keep` was given, in this call or an earlier one.

    Raises
    ------
    UsageError
        If the folder holds results of another run, or something else.
    NearedgeError
        If another process is writing there, or the folder cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], run: Mapping[str, Any], points: int) -> None:
        self.folder = Path(folder)
        self.run = plain(dict(run))
        self._row_bytes = 4 * points
        self._offsets = array("q")
        self._finished: dict[str, _Finished] = {}
        self.found: dict[str, Any] = {}

    def __enter__(self) -> Results:
        try:
            # A kill in the first moment can leave results without a description, which are empty.
            if self.folder.exists() and not (self.folder / _RUN).exists():
                names = set(os.listdir(self.folder)) if self.folder.is_dir() else {""}
                if not names <= {_LINES, _SPECTRA, f"{_RUN}.part"}:
                    raise UsageError(
                        f"{self.folder} exists and holds no results of a series; choose another "
                        "--out"
                    )
            self.folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what could not be written must not come up again when closing.
            self._lines = open(self.folder / _LINES, "ab+", buffering=0)
            self._spectra = open(self.folder / _SPECTRA, "ab+", buffering=0)
        except OSError as problem:
            raise self._unwritable(problem) from problem
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._check_run()
            self._read()
        except BlockingIOError:
            self._close()
            raise NearedgeError(
                f"{self.folder}: another series is being written there; wait for it, or choose "
                "another --out"
            ) from None
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def finished(self, path: str) -> int:
        """How many spectra of a file are finished, from the first; none if it has changed since."""
        known = self._finished.get(path)
        return 0 if known is None or known.stamp != stamp(path) else len(known.lines)

    def is_complete(self, path: str) -> bool:
        """Whether all spectra of a file are finished."""
        known = self._finished.get(path)
        return bool(known and known.stamp == stamp(path) and len(known.lines) == known.count)

    def records(self, path: str, spectra: bool = True) -> Iterator[Record]:
        """Finished spectra of a file, read back in order."""
        known = self._finished[path]
        for line in known.lines:
            text = os.pread(self._lines.fileno(), *self._extent(line))
            row = None
            if spectra:
                content = os.pread(self._spectra.fileno(), self._row_bytes, line * self._row_bytes)
                row = np.frombuffer(content, dtype="<f4")
            yield _record(json.loads(text), row)

    def append(self, records: Sequence[Record]) -> None:
        """Add finished spectra, in the order of their files."""
        nothing = np.full(self._row_bytes // 4, np.nan, dtype="<f4")
        rows = [nothing if r.intensity is None else r.intensity for r in records]
        lines = []
        for record in records:
            place = {"index": record.index, "count": record.count, "stamp": list(record.stamp)}
            text = json.dumps(document(record) | {"place": place}, ensure_ascii=False)
            lines.append(printable(text).encode() + b"\n")
        self._write(self._spectra, np.stack(rows).astype("<f4").tobytes() if rows else b"")
        end = os.fstat(self._lines.fileno()).st_size
        self._write(self._lines, b"".join(lines))
        for record, line in zip(records, lines, strict=True):
            self._take(record.prediction.file, record.index, record.count, record.stamp, end)
            end += len(line)

    def write_table(self, files: Sequence[str]) -> Path:
        """Write ``results.csv`` of finished files, whole or not at all."""
        path = self.folder / _TABLE
        part = path.with_suffix(".csv.part")
        try:
            with open(part, "w", newline="", encoding="utf-8", errors="backslashreplace") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(COLUMNS)
                for file in filter(self.finished, files):
                    writer.writerows(cells(record) for record in self.records(file, spectra=False))
            os.replace(part, path)
        except OSError as problem:
            raise self._unwritable(problem) from problem
        return path

    def keep(self, values: Mapping[str, Any]) -> None:
        """Keep plain values that were found on the way, for the next call, in `found`."""
        self.found = self.found | plain(dict(values))
        self._write_run({"run": self.run, "found": self.found})

    def _check_run(self) -> None:
        path = self.folder / _RUN
        if not path.exists():
            self._write_run({"run": self.run})
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            kept, self.found = content["run"], content.get("found", {})
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{path} is damaged; choose another --out, or delete {self.folder}"
            ) from None
        changed = sorted(key for key in {*kept, *self.run} if kept.get(key) != self.run.get(key))
        if changed:
            raise UsageError(
                f"{self.folder} holds results made with another {' and '.join(changed)}; choose "
                "another --out"
            )

    def _write_run(self, content: Mapping[str, Any]) -> None:
        part = self.folder / f"{_RUN}.part"
        try:
            text = printable(json.dumps(content, indent=2, ensure_ascii=False))
            part.write_text(text, encoding="utf-8")
            os.replace(part, self.folder / _RUN)
        except OSError as problem:
            raise self._unwritable(problem) from problem

    def _read(self) -> None:
        """Find what is finished; drop a last line or row that was cut short."""
        rows = os.fstat(self._spectra.fileno()).st_size // self._row_bytes
        whole = 0
        with open(self.folder / _LINES, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n") or len(self._offsets) == rows:
                    break
                start, whole = whole, whole + len(line)
                try:
                    content = json.loads(line)
                    place = content["place"]
                    of = (content["file"], place["index"], place["count"], tuple(place["stamp"]))
                except (ValueError, KeyError, TypeError):
                    # A damaged line costs its own file, which is predicted again, and no other.
                    self._offsets.append(start)
                    continue
                self._take(*of, start)
        self._lines.truncate(whole)
        self._spectra.truncate(len(self._offsets) * self._row_bytes)

    def _take(
        self, file: str, index: int, count: int, changed: tuple[int, int], offset: int
    ) -> None:
        number = len(self._offsets)
        self._offsets.append(offset)
        if index == 0:
            self._finished[file] = _Finished(changed, count)
        known = self._finished.get(file)
        if known is not None and known.stamp == changed and len(known.lines) == index:
            known.lines.append(number)
            # A file that is read in pieces may tell its number of spectra with the last one.
            known.count = count

    def _extent(self, line: int) -> tuple[int, int]:
        """Length and start of a line."""
        start = self._offsets[line]
        if line + 1 < len(self._offsets):
            return self._offsets[line + 1] - start, start
        return os.fstat(self._lines.fileno()).st_size - start, start

    def _write(self, file: Any, content: bytes) -> None:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as problem:
            raise NearedgeError(
                f"{self.folder}: cannot write ({problem.strerror}); what is finished is kept, make "
                "room and run the same again"
            ) from problem

    def _unwritable(self, problem: OSError) -> NearedgeError:
        return NearedgeError(
            f"{self.folder}: cannot write ({problem.strerror}); choose another --out"
        )

    def _close(self) -> None:
        self._lines.close()
        self._spectra.close()


def _record(content: dict[str, Any], row: np.ndarray | None) -> Record:
    place = content.pop("place")
    header = content.pop("header")
    if row is not None and np.isnan(row).any():
        row = None
    return Record(
        Prediction(**content), header, place["index"], place["count"], tuple(place["stamp"]), row
    )
