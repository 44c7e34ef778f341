"""What one open page holds: the spectra that its user sent, and their answers."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.series import COLUMNS, Summary, cells
from nearedge.series.summary import Trend
from nearedge.web._frames import Task
from nearedge.web.looking import record_of
from nearedge.web.state import State, remove, shown_name

# Spectra that a page holds at once; the oldest go first.
_MOST = 4000


@dataclass
class Sample:
    """One spectrum on a page.

    Attributes
    ----------
    entry
        The prediction, as JSON holds it.
    intensity
        On the model's grid; None where there is no answer.
    path, index
        Where the spectrum can be read again; None for one that came without its file.
    """

    entry: dict[str, Any]
    intensity: list[float] | None
    path: str | None = None
    index: int = 0

    @property
    def name(self) -> str:
        """File and scan, as they are shown."""
        scan = self.entry.get("scan")
        return self.entry["file"] + (f" [{scan}]" if scan else "")


@dataclass
class Workspace:
    """The spectra of one page, in the order they came.

    Parameters
    ----------
    state
        Of the server.
    model
        Name of the model that answers.

    Attributes
    ----------
    key
        Tells this page from others.
    samples
        Its spectra.
    files
        Path of each file that was sent: the name to show. Files sent together follow one another.
    """

    state: State
    model: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    samples: list[Sample] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    _closed: bool = field(default=False, init=False)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def add_files(self, files: Iterable[tuple[str, bytes]]) -> list[Sample]:
        """Predict files, keep them for other questions, and return the new samples.

        Raises
        ------
        NearedgeError
            If they hold too much, or the page is closed meanwhile.
        """
        kept: list[tuple[str, str]] = []
        try:
            for name, content in files:
                kept.append((shown_name(name), await self.state.keep(content)))
            asked = self.model
            new = await self._predicted(kept, asked)
            while asked != self.model:
                asked = self.model
                new = await self._predicted(kept, asked)
            if self._closed:
                raise NearedgeError("the page was closed; load it again")
        except BaseException:
            remove(path for _, path in kept)
            raise
        self.files |= {path: name for name, path in kept}
        self.samples = (self.samples + new)[-_MOST:]
        self._forget()
        return new

    async def change_model(self, model: str) -> None:
        """Predict all files again with another model; live scans stay as they came.

        Raises
        ------
        NearedgeError
            If one cannot be answered; then all stays as it was.
        """
        async with self._changing:
            if model == self.model:
                return
            answered: dict[tuple[str | None, int], Sample] = {}
            done: set[str] = set()
            # Files may come and go in the meantime.
            while waiting := [path for path in self.files if path not in done]:
                piece = self._piece(waiting)
                new = await self._predicted([(self.files[path], path) for path in piece], model)
                answered |= {(sample.path, sample.index): sample for sample in new}
                done.update(piece)
            self.model = model
            again = [
                answered.get((sample.path, sample.index)) if sample.path in self.files else sample
                for sample in self.samples
            ]
            self.samples = [sample for sample in again if sample is not None]

    def add_live(self, entry: dict[str, Any], extra: dict[str, Any]) -> Sample:
        """Take a live scan; one that grew replaces what it was."""
        sample = Sample(entry, extra.get("intensity"), extra.get("path"), extra.get("index", 0))
        for place, held in enumerate(self.samples):
            same = (held.entry["file"], held.entry["scan"]) == (entry["file"], entry["scan"])
            if same and held.path not in self.files:
                self.samples[place] = sample
                return sample
        self.samples = [*self.samples, sample][-_MOST:]
        return sample

    def close(self) -> None:
        """Forget all spectra; none are taken any more."""
        self._closed = True
        self.clear()

    def clear(self) -> None:
        """Forget all spectra and remove their files."""
        self.samples = []
        self._forget()

    async def ask(self, kind: str, sample: Sample, **options: Any) -> bytes:
        """Ask a worker about a sample.

        Raises
        ------
        NearedgeError
            If it cannot answer.
        """
        files = () if sample.path is None else ((sample.entry["file"], sample.path),)
        body = json.dumps({"entry": sample.entry, "intensity": sample.intensity}).encode()
        given = {"model": self.model, "index": sample.index, **options}
        answer = await self.state.pool.run(Task(kind, files, given, body), self.key)
        if answer.status != 200:
            raise NearedgeError(answer.json()["error"])
        return answer.content

    async def example(self, scans: int) -> bytes:
        """A simulated series."""
        task = Task("example", options={"model": self.model, "scans": scans})
        answer = await self.state.pool.run(task, self.key)
        if answer.status != 200:
            raise NearedgeError(answer.json()["error"])
        return answer.content

    def trend(self, labels: Sequence[str], points: int) -> Trend:
        """The samples as a series."""
        summary = Summary(labels, points)
        summary.add([record_of(sample.entry, sample.intensity) for sample in self.samples])
        return summary.trend()

    def table(self) -> tuple[tuple[str, ...], list[list[Any]]]:
        """The samples as a table: its columns, and a row for each."""
        rows = [cells(record_of(sample.entry, sample.intensity)) for sample in self.samples]
        return COLUMNS, rows

    def _piece(self, paths: Sequence[str]) -> list[str]:
        """The first of some files, at least one: as many as one task answers."""
        limits = self.state.settings.limits
        # The oldest spectra go first, so that the last of a file tells how many it holds.
        held = {sample.path: sample.index + 1 for sample in self.samples}
        total = np.cumsum([held.get(path, 1) for path in paths[: limits.files]])
        return list(paths[: max(1, int((total <= limits.spectra).sum()))])

    async def _predicted(self, files: Sequence[tuple[str, str]], model: str) -> list[Sample]:
        task = Task("open", tuple(files), {"model": model})
        answer = await self.state.pool.run(task, self.key)
        if answer.status != 200:
            raise NearedgeError(answer.json()["error"])
        return [Sample(**found) for found in answer.json()]

    def _forget(self) -> None:
        """Remove files that no sample needs."""
        needed = {sample.path for sample in self.samples}
        gone = [path for path in self.files if path not in needed]
        remove(gone)
        for path in gone:
            del self.files[path]
