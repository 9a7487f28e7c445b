"""Owns the way from Granian to an ASGI application. Granian's own interface, RSGI, costs about half of what its ASGI
does for a small answer; so the server speaks RSGI, and what is not answered at once is translated here, exactly.

The application may have `at_once(scope, proto) -> bool`: it answers there and then, or says that it did not. It may not
wait for anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

log = logging.getLogger("merx.edge")

_UNREADABLE = b"\xef\xbf\xbd"
"""Stands for a header's value that is not ASCII, which RSGI does not hand out: whoever needs the header finds that it
is there and wrong, and nobody takes it for absent."""
_WHOLE = 1 << 20  # a declared body up to this is taken in one piece; any other comes in parts


class Rsgi:
    """`app`, for Granian. Its lifespan begins with the worker and ends with it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._started: asyncio.Future[None] | None = None
        self._stop: asyncio.Event | None = None
        self._life: asyncio.Task[None] | None = None

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Returns when the application has started, or ends the worker. In a loop that runs already it returns at once,
        and the first requests wait."""
        self._started, self._stop = loop.create_future(), asyncio.Event()
        self._life = loop.create_task(self._live())
        if not loop.is_running():
            loop.run_until_complete(self._started)
            gc.collect()
            gc.freeze()  # what was loaded stays: no collection between two requests goes through it again

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._stop is not None
        self._stop.set()
        if self._life is not None and not loop.is_running():
            loop.run_until_complete(self._life)

    async def ended(self) -> None:
        """Waits for the end of the lifespan."""
        if self._life is not None:
            await asyncio.wait([self._life])

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        if (at_once := getattr(self._app, "at_once", None)) is not None and at_once(scope, proto):
            return
        if self._started is not None and not self._started.done():
            await asyncio.shield(self._started)
        exchange = Exchange(scope, proto)
        await self._app(exchange.scope, exchange.receive, exchange.send)
        exchange.end()

    async def _live(self) -> None:
        assert self._started is not None and self._stop is not None
        started, stop, told = self._started, self._stop, False

        async def receive() -> dict[str, str]:
            nonlocal told
            if not told:
                told = True
                return {"type": "lifespan.startup"}
            await stop.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, str]) -> None:
            if message["type"] == "lifespan.startup.complete" and not started.done():
                started.set_result(None)
            elif message["type"] == "lifespan.startup.failed" and not started.done():
                started.set_exception(SystemExit(1))

        try:
            await self._app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        except Exception as wrong:
            log.error("the application's lifespan failed", exc_info=wrong)
        if not started.done():
            started.set_exception(SystemExit(1))


class Exchange:
    """One request as ASGI sees it."""

    __slots__ = ("_body", "_done", "_gone", "_proto", "_start", "_stream", "scope")

    def __init__(self, scope: Any, proto: Any) -> None:
        self.scope = as_asgi(scope)
        self._proto = proto
        self._body: Any = None  # the parts on their way; None: nobody asked
        self._done = self._gone = False
        self._start: Any = None
        self._stream: Any = None

    async def receive(self) -> dict[str, Any]:
        if self._done:
            if not self._gone:
                await self._proto.client_disconnect()
                self._gone = True
            return {"type": "http.disconnect"}
        if self._body is None:
            declared = length_of(self.scope["headers"])
            if declared is not None and declared <= _WHOLE:
                self._done = True
                try:
                    body = b"" if declared == 0 else await self._proto()
                except ProtocolClosed:
                    self._gone = True
                    return {"type": "http.disconnect"}
                return {"type": "http.request", "body": body, "more_body": False}
            self._body = self._proto.__aiter__()
        try:
            part = await anext(self._body)
        except StopAsyncIteration:
            self._done = True
            return {"type": "http.request", "body": b"", "more_body": False}
        except ProtocolClosed:
            self._done = self._gone = True
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = message
        elif kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if self._stream is not None:
                await self._part(body, more)
            elif self._start is None:
                raise RuntimeError("the answer's body came before its beginning")
            else:
                status, headers = self._start["status"], spelled(self._start["headers"])
                if more:
                    self._stream = self._proto.response_stream(status, headers)
                    await self._part(body, more)
                elif body:
                    self._proto.response_bytes(status, headers, body)
                    self._start = None
                else:
                    self._proto.response_empty(status, headers)
                    self._start = None

    async def _part(self, body: bytes, more: bool) -> None:
        if body:
            with contextlib.suppress(ProtocolClosed):  # nobody reads it any more; the rest is dropped as well
                await self._stream.send_bytes(bytes(body))
        if not more:
            self._stream = self._start = None

    def end(self) -> None:
        """The answer's stream ends when nobody holds it any more."""
        self._stream = None


def as_asgi(scope: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": scope.http_version,
        "server": _address(scope.server),
        "client": _address(scope.client),
        "scheme": scope.scheme,
        "method": scope.method,
        "root_path": "",
        "path": scope.path,
        "query_string": scope.query_string.encode(),
        "headers": _headers(scope.headers),
        "extensions": {},
        "state": {},
    }


def _headers(given: Any) -> list[tuple[bytes, bytes]]:
    pairs, names = given.items(), given.keys()
    found = [(name.encode(), value.encode()) for name, value in pairs]
    if len(readable := dict(pairs)) != len(names):
        for name in names:
            if name not in readable:  # of an Authorization, what is worst: a credential of ours that is wrong
                scheme = b"Bearer " if name == "authorization" else b""
                found.append((name.encode(), scheme + _UNREADABLE))
    return found


def _address(text: str) -> tuple[str, int] | None:
    """'192.0.2.1:80' or '[::1]:80'; nothing else is an address."""
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else None


def length_of(headers: list[tuple[bytes, bytes]]) -> int | None:
    """How long the body is; None where only its end will tell."""
    declared: int | None = 0
    for name, value in headers:
        if name == b"content-length":
            declared = int(value) if value.isdigit() else None
        elif name == b"transfer-encoding":
            return None
    return declared


def spelled(headers: Any) -> list[tuple[str, str]]:
    """RSGI takes text and sends it as UTF-8."""
    try:
        return [(name.decode(), value.decode()) for name, value in headers]
    except UnicodeDecodeError:
        return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers]
