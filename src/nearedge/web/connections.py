"""Connections that bound what a client may send before it has said what it wants."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Browsers and proxies stop at 8 to 32 kB.
_LONGEST_HEAD = 64_000
_HEAD_SECONDS = 20.0


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which of itself takes heads of requests of any length at any pace."""

    _head = 0
    _reading_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a new client some time for its first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(_HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to no body yet."""
        if self._reading_head:
            self._head += len(data)
        if self._head > _LONGEST_HEAD and self._too_long(data):
            self.transport.close()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._reading_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End to count."""
        self._reading_head, self._head = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        super().on_message_complete()
        self._reading_head = True

    def _too_long(self, data: bytes) -> bool:
        """Whether the head has not ended: what came last may hold its end, and a body's begin."""
        return b"\r\n\r\n" not in data[:_LONGEST_HEAD]

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
