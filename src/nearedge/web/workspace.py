"""What one open page holds: the spectra that its user sent, and their answers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    """

    state: State
    model: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    samples: list[Sample] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    async def add_files(self, files: Iterable[tuple[str, bytes]]) -> list[Sample]:
        """Predict files, keep them for other questions, and return the new samples.

        Raises
        ------
        NearedgeError
            If they hold too much.
        """
        kept = [(shown_name(name), await self.state.keep(content)) for name, content in files]
        try:
            new = await self._predicted(kept)
        except NearedgeError:
            remove(path for _, path in kept)
            raise
        self.files |= {path: name for name, path in kept}
        self.samples = (self.samples + new)[-_MOST:]
        self._forget()
        return new

    async def change_model(self, model: str) -> None:
        """Predict all files again with another model; live scans stay as they came."""
        self.model = model
        live = [sample for sample in self.samples if sample.path not in self.files]
        kept = [(name, path) for path, name in self.files.items()]
        self.samples = live + (await self._predicted(kept) if kept else [])

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

    async def _predicted(self, files: Sequence[tuple[str, str]]) -> list[Sample]:
        task = Task("open", tuple(files), {"model": self.model})
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
