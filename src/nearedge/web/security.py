"""Who may talk to the server: the host that is asked for, the page a request comes from, the token.

A page of another site can make a browser send requests to a server on the same machine, and by
giving its own name this machine's address it can even read the answers. So a server on the
loopback address answers to the loopback names alone; requests that change or upload something, and
WebSockets, must come from the server's own page or from no page; and no answer allows another
site to read it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nearedge.web.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "nearedge"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Bodies beyond the limit are read up to this many times it, so that the sender gets to read why.
_PATIENCE = 2
# A body may pause for so long.
_PAUSE_SECONDS = 30.0

# Vue compiles its templates in the browser, which needs eval; nothing is loaded from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), usb=(), serial=()",
}

_TOKEN_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>nearedge</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26em;
margin:15vh auto;padding:0 1em}input,button{font:inherit;padding:.4em .6em}</style></head><body>
<h1>nearedge</h1><p>This server asks for its token. It was shown where the server was started.</p>
<form method="get" action="/"><label for="token">Token</label><br>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Open</button></form></body></html>"""


def is_loopback(host: str) -> bool:
    """Whether a host to bind to is this machine's alone.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0")]
    [True, True, True, False]
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


class Guard:
    """Middleware that lets through only what may pass, and marks every answer.

    Parameters
    ----------
    app
        What it guards.
    limits
        For the size of bodies.
    loopback
        Whether only the loopback names are answered to.
    token
        Asked for if given.
    """

    def __init__(self, app: App, limits: Limits, loopback: bool, token: str | None) -> None:
        self._app, self._limits = app, limits
        self._loopback, self._token = loopback, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or hold one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
                return
            await self._app(scope, receive, send)
            return
        marked = _marked(send, api=scope["path"].startswith("/api/"))
        if refusal is not None:
            status, message = refusal
            if status == 401 and self._given_in_address(scope):
                await self._welcome(scope, marked)
            elif status == 401 and "text/html" in headers.get("accept", ""):
                await _respond(marked, 401, _TOKEN_PAGE.encode(), "text/html; charset=utf-8")
            else:
                await _refuse(marked, status, message)
            return
        await self._within_limits(scope, headers, receive, marked)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self._loopback and not is_loopback(name):
            return 403, (
                "this server answers to 127.0.0.1 and localhost alone; to use another name, start "
                "it with --host"
            )
        if scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS:
            origin = headers.get("origin")
            foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
            if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
                return 403, "requests from pages of other sites are refused"
        if self._token is not None and not self._knows_token(headers):
            return 401, "give the token of the server in a header, Authorization: Bearer TOKEN"
        return None

    def _knows_token(self, headers: dict[str, str]) -> bool:
        assert self._token is not None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self._token):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return COOKIE in cookies and _same(cookies[COOKIE].value, _pass(self._token))

    def _given_in_address(self, scope: Scope) -> bool:
        assert self._token is not None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = query.get("token", [""])[0]
        return scope["method"] == "GET" and scope["path"] == "/" and _same(given, self._token)

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Turn a token in the address into a cookie, and the address into one without it."""
        assert self._token is not None
        cookie = f"{COOKIE}={_pass(self._token)}; Path=/; HttpOnly; SameSite=Strict"
        extra = [(b"location", b"/"), (b"set-cookie", cookie.encode())]
        await _respond(send, 303, b"", "text/plain", extra)

    async def _within_limits(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        most = self._limits.upload_bytes
        try:
            announced = int(headers.get("content-length", "0"))
        except ValueError:
            announced = 0
        if announced > most:
            if announced <= _PATIENCE * most:
                await _discard(receive, _PATIENCE * most)
            await _refuse(send, 413, self._limits.too_large())
            return
        seen = 0
        started = too_large = complete = False

        async def counted() -> Message:
            nonlocal seen, too_large, complete
            # Once the body is there, this waits for the client to go, which may take its time.
            async with asyncio.timeout(None if complete else _PAUSE_SECONDS):
                message = await receive()
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > most:
                too_large = True
                raise _TooLarge
            return message

        async def noticed(message: Message) -> None:
            nonlocal started
            # What the application makes of the broken body is not the answer.
            if started or not too_large:
                started = True
                await send(message)

        try:
            await self._app(scope, counted, noticed)
        except TimeoutError:
            # Whoever stops in the middle of a body waits for no answer.
            if started:
                raise
            await _refuse(send, 408, "the rest of the request did not come")
        except Exception:
            if not too_large:
                raise
        if too_large and not started:
            await _discard(receive, most)
            await _refuse(send, 413, self._limits.too_large())


class _TooLarge(Exception):
    """A body went on beyond the limit."""


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}


def _pass(token: str) -> str:
    """What a browser keeps instead of the token."""
    return hmac.new(token.encode(), b"nearedge serve", hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _marked(send: Send, api: bool) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            named = {name.lower() for name, _ in message.get("headers", [])}
            extra = HEADERS | ({"cache-control": "no-store"} if api else {})
            message["headers"] = [
                *message.get("headers", []),
                *(
                    (name.encode(), value.encode())
                    for name, value in extra.items()
                    if name.encode() not in named
                ),
            ]
        await send(message)

    return marked


async def _discard(receive: Receive, most: int) -> None:
    """Read what a sender still sends, up to a size."""
    seen = 0
    while seen <= most:
        message = await receive()
        seen += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _refuse(send: Send, status: int, message: str) -> None:
    extra = [(b"www-authenticate", b"Bearer")] if status == 401 else []
    await _respond(send, status, json.dumps({"error": message}).encode(), "application/json", extra)


async def _respond(
    send: Send,
    status: int,
    content: bytes,
    kind: str,
    extra: list[tuple[bytes, bytes]] | None = None,
) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
        *(extra or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
