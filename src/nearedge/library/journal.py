"""The journal of a build: one line a finished site, safe against being killed at any moment."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from nearedge.engines import Engine, SiteSpectrum
from nearedge.errors import EngineError, NearedgeError

if TYPE_CHECKING:
    from ase import Atoms


def site_keys(structure: Atoms, sites: Sequence[int], engine: Engine, edge: str) -> dict[int, str]:
    """Names of sites' spectra: each a hash of all that determines it.

    A build that is run again, with more structures or another order, finds by it what is done;
    a changed setting or atom gives another key, so that nothing stale is taken.
    """
    of_structure = hashlib.sha256()
    for array in (structure.numbers, structure.positions, structure.cell.array, structure.pbc):
        of_structure.update(np.ascontiguousarray(array).tobytes())
    provenance = [engine.name, engine.version(), dict(engine.settings()), edge]
    keys = {}
    for site in sites:
        content = of_structure.copy()
        content.update(json.dumps([*provenance, int(site)], sort_keys=True).encode())
        keys[int(site)] = content.hexdigest()[:32]
    return keys


# Each site is written at once, which survives a kill. Only a power failure needs the disk itself,
# and waiting for it at every site would hold up builds that finish hundreds in a second.
_FLUSH_SECONDS = 1.0


class _SpectraInFile(Mapping[str, SiteSpectrum]):
    """Spectra by key, read from the lines of a journal when they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}

    def add(self, key: str, begin: int, length: int) -> None:
        self._places[key] = (begin, length)

    def __getitem__(self, key: str) -> SiteSpectrum:
        begin, length = self._places[key]
        with open(self._path, "rb") as file:
            file.seek(begin)
            return _spectrum(json.loads(file.read(length)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places


class Journal:
    """Finished sites of a build, appended to one file; a context manager that locks it.

    A line that a kill cut short is dropped when the journal is opened again; every line before
    it is whole, since each is written in one go before the next site is taken. The disk is waited
    for once a second, and at the end.

    Attributes
    ----------
    done
        Spectrum of each finished site, by its key; read from the file when asked for, so that a
        million sites need 320 MB of memory.
    failed
        Message of each site that failed and was not computed since.
    seconds
        Processor time of each site, finished or failed.

    Raises
    ------
    NearedgeError
        If another process is building with the same journal, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done = _SpectraInFile(path)
        self.failed: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what could not be written must not come up again when closing.
            self._file: BinaryIO = open(self.path, "ab+", buffering=0)
        except OSError as problem:
            raise NearedgeError(
                f"{self.path}: cannot write ({problem.strerror}); choose another --out"
            ) from problem
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise NearedgeError(
                f"{self.path.parent}: another build is writing there; wait for it or choose "
                f"another --out"
            ) from None
        except OSError as problem:
            self._file.close()
            raise NearedgeError(
                f"{self.path}: this file system cannot lock files ({problem.strerror}), which "
                f"keeps a second build away; choose another --out"
            ) from problem
        self._read()
        self._flushed = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            self._flush()

    def record(self, key: str, result: SiteSpectrum | EngineError, seconds: float) -> None:
        """Append one finished or failed site."""
        entry: dict[str, Any] = {"key": key, "seconds": round(seconds, 3)}
        if isinstance(result, SiteSpectrum):
            entry["energy_eV"] = _packed(result.energy_eV)
            entry["intensity"] = _packed(result.intensity)
            entry["edge_energy_eV"] = float(result.edge_energy_eV)
        else:
            entry["error"] = str(result)
        line = json.dumps(entry).encode() + b"\n"
        begin = self._append(line)
        self._take(entry, begin, len(line))

    def _append(self, line: bytes) -> int:
        """Write one line and return where it begins."""
        end = os.fstat(self._file.fileno()).st_size
        try:
            rest = line
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as problem:
            self._file.truncate(end)
            raise self._unwritable(problem) from problem
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()
        return end

    def _flush(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise self._unwritable(problem) from problem
        self._flushed = time.monotonic()

    def _unwritable(self, problem: OSError) -> NearedgeError:
        return NearedgeError(
            f"{self.path}: cannot write ({problem.strerror}); everything up to here is kept, "
            f"make room and run the same build again"
        )

    def _read(self) -> None:
        whole = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                begin, whole = whole, whole + len(line)
                try:
                    entry = json.loads(line)
                    if "error" not in entry:
                        _spectrum(entry)
                    self._take(entry, begin, len(line))
                except (ValueError, KeyError, TypeError, EngineError):
                    # A damaged record costs its own site, which is computed again, and no other.
                    continue
        self._file.truncate(whole)

    def _take(self, entry: Mapping[str, Any], begin: int, length: int) -> None:
        key, seconds = str(entry["key"]), float(entry["seconds"])
        if "error" in entry:
            self.failed[key] = str(entry["error"])
        else:
            self.done.add(key, begin, length)
            self.failed.pop(key, None)
        self.seconds[key] = seconds


def _spectrum(entry: Mapping[str, Any]) -> SiteSpectrum:
    return SiteSpectrum(
        _unpacked(entry["energy_eV"]),
        _unpacked(entry["intensity"]),
        float(entry["edge_energy_eV"]),
    )


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f8").tobytes()).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").copy()
