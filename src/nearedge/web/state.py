"""What one server holds while it runs."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearedge.compute import cores
from nearedge.errors import NearedgeError
from nearedge.web._frames import Answer, Task
from nearedge.web.limits import Limits
from nearedge.web.live import Hub
from nearedge.web.pool import Pool

# Text of this size is read in milliseconds, and its worker may answer several at once.
SMALL_BYTES = 128_000
_LONGEST_NAME = 200
# Files up to this size are written at once, larger ones by a thread.
_QUICK_BYTES = 1_000_000


@dataclass(frozen=True)
class Settings:
    """What `nearedge serve` was started with.

    Attributes
    ----------
    models
        Name to folder; the first one is the default.
    host, port
        Where to listen.
    token
        Asked for if given.
    watch
        Folder whose new scans are predicted.
    limits
        Of requests.
    workers
        Processes that read and predict.
    """

    models: Mapping[str, str]
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    watch: Path | None = None
    limits: Limits = field(default_factory=Limits)
    workers: int = field(default_factory=lambda: cores() + 1)


class State:
    """Workers, live scans and the temporary folder of a server.

    Parameters
    ----------
    settings
        Of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hub = Hub()
        self.pool = Pool(settings.models, settings.limits, settings.workers)
        self.failure: NearedgeError | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def default_model(self) -> str:
        """Name of the model that answers where none is named."""
        return next(iter(self.settings.models))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers; at the end, finish what they do and remove all files."""
        self._folder = tempfile.TemporaryDirectory(prefix="nearedge-serve-")
        try:
            try:
                await self.pool.start()
            except NearedgeError as error:
                self.failure = error
                raise
            try:
                yield
            finally:
                self.hub.close()
                await self.pool.stop()
        finally:
            self._folder.cleanup()

    def new_path(self) -> str:
        """A path in the temporary folder, which no name of a sender has a part in."""
        assert self._folder is not None
        return os.path.join(self._folder.name, secrets.token_hex(16))

    async def keep(self, content: bytes) -> str:
        """Write content to a new file in the temporary folder, and return its path."""
        path = self.new_path()
        if len(content) <= _QUICK_BYTES:
            Path(path).write_bytes(content)
            return path
        writing = asyncio.ensure_future(asyncio.to_thread(Path(path).write_bytes, content))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread goes on, and nobody will know of its file.
            writing.add_done_callback(lambda _: remove([path]))
            raise
        return path

    async def predict_content(
        self, files: Iterable[tuple[str, bytes]], options: Mapping[str, Any], client: str
    ) -> Answer:
        """Predict files that were sent; they are removed before this returns."""
        paths: list[tuple[str, str]] = []
        small = 0
        text = True
        try:
            for name, content in files:
                paths.append((shown_name(name), await self.keep(content)))
                small += len(content)
                text = text and _is_plain(content)
            given = dict(options) | {"small": text and len(paths) == 1 and small <= SMALL_BYTES}
            return await self.pool.run(Task("predict", tuple(paths), given), client)
        finally:
            remove(path for _, path in paths)


def shown_name(name: str) -> str:
    """The name of an upload as it may be shown: its last part, printable and short.

    Examples
    --------
    >>> shown_name("../../etc/passwd"), shown_name("a\\nb.xdi"), shown_name("")
    ('passwd', 'a b.xdi', 'file')
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    words = "".join(c if c.isprintable() else " " for c in last).strip()
    return words[:_LONGEST_NAME] or "file"


def remove(paths: Iterable[str]) -> None:
    """Remove files, whether or not they are still there."""
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _is_plain(content: bytes) -> bool:
    """Whether no reader but those of text, which cannot crash, will look at it."""
    return not (b"\0" in content[:4096] or content.startswith(b"\x1f\x8b"))
