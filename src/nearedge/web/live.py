"""Live scans: whoever listens gets every new answer as it comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any

# Answers that are kept for those who come late or come back.
_KEPT = 500
# A line that keeps proxies from closing a quiet stream.
_HEARTBEAT_SECONDS = 15.0


class Hub:
    """Answers with running numbers, handed to everybody who listens.

    Examples
    --------
    >>> hub = Hub()
    >>> hub.publish({"file": "scan_1.xdi"})
    1
    >>> hub.since(0)
    [(1, {'file': 'scan_1.xdi'})]
    """

    def __init__(self) -> None:
        self._kept: deque[tuple[int, dict[str, Any], dict[str, Any]]] = deque(maxlen=_KEPT)
        self._last = 0
        self._news: set[asyncio.Event] = set()
        self.closed = False

    def publish(self, answer: dict[str, Any], extra: dict[str, Any] | None = None) -> int:
        """Hand out an answer, and what only the page needs; return its number."""
        self._last += 1
        self._kept.append((self._last, answer, extra or {}))
        self._wake()
        return self._last

    def since(self, number: int) -> list[tuple[int, dict[str, Any]]]:
        """Answers after one, of those that are kept."""
        return [(n, answer) for n, answer, _ in self._kept if n > number]

    def with_extras(self, number: int) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
        """Answers after one, with what only the page needs."""
        return [kept for kept in self._kept if kept[0] > number]

    @property
    def last(self) -> int:
        """Number of the newest answer; 0 before the first."""
        return self._last

    def close(self) -> None:
        """Let everybody who listens go home."""
        self.closed = True
        self._wake()

    async def listen(
        self, after: int, seconds: float | None = None
    ) -> AsyncIterator[tuple[int, dict[str, Any]] | None]:
        """Yield answers after one as they come, and now and then None, until the hub closes.

        Parameters
        ----------
        after
            Number of the last answer that is known already.
        seconds
            When to stop; None for never.
        """
        clock = asyncio.get_running_loop().time
        end = None if seconds is None else clock() + seconds
        with self._event() as event:
            while True:
                event.clear()
                for number, answer in self.since(after):
                    after = number
                    yield number, answer
                left = _HEARTBEAT_SECONDS if end is None else min(_HEARTBEAT_SECONDS, end - clock())
                if self.closed or left <= 0:
                    return
                try:
                    await asyncio.wait_for(event.wait(), left)
                except TimeoutError:
                    yield None

    @contextmanager
    def _event(self):
        event = asyncio.Event()
        self._news.add(event)
        try:
            yield event
        finally:
            self._news.discard(event)

    def _wake(self) -> None:
        for event in self._news:
            event.set()
