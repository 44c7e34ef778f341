"""A watched folder: new scans, and scans that grew, are predicted and shown by themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from stat import S_ISREG

from nearedge.plain import printable
from nearedge.web._frames import Task
from nearedge.web.state import State

# Folders on network drives tell nobody of changes, so they are looked at.
_SECONDS = 1.0
_Stamp = tuple[int, int]


class Watch:
    """Finds files that are new or have changed since the last look, and do not grow any more.

    Files that are there at the first look are known already.

    Parameters
    ----------
    folder
        Looked into with all its folders; names that start with a dot are left out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     watch = Watch(Path(name))
    ...     _ = Path(name, "scan_1.xdi").write_text("1 2")
    ...     [watch.look() for _ in range(3)]
    [[], ['scan_1.xdi'], []]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known = self._found()
        self._seen: dict[str, _Stamp] = {}

    def look(self) -> list[str]:
        """Paths within the folder, oldest first; each once until it changes again."""
        found = self._found()
        settled = [
            path
            for path, stamp in found.items()
            if self._known.get(path) != stamp and self._seen.get(path) == stamp
        ]
        self._seen = found
        self._known |= {path: found[path] for path in settled}
        return sorted(settled, key=lambda path: (found[path][1], path))

    def _found(self) -> dict[str, _Stamp]:
        found: dict[str, _Stamp] = {}
        for place, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = os.path.join(place, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                if not name.startswith(".") and S_ISREG(status.st_mode):
                    within = os.path.relpath(path, self.folder)
                    found[within] = (status.st_size, status.st_mtime_ns)
        return found


async def follow(state: State) -> None:
    """Predict what comes into the watched folder, until cancelled."""
    folder = state.settings.watch
    if folder is None:
        return
    watch = await asyncio.to_thread(Watch, folder)
    while True:
        await asyncio.sleep(_SECONDS)
        for path in await asyncio.to_thread(watch.look):
            name = printable(path)
            task = Task("open", ((name, str(folder / path)),), {"model": state.default_model})
            answer = await state.pool.run(task, "watched folder")
            if answer.status != 200:
                state.hub.publish(_failed(name, answer.json()["error"]))
                continue
            for found in answer.json():
                state.hub.publish(found.pop("entry"), found)


def _failed(path: str, message: str) -> dict:
    from nearedge.predict import Prediction
    from nearedge.series import Record, document

    return document(Record(Prediction(path, None, "error", message=f"{path}: {message}")))
