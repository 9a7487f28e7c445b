"""Owns one client's connection: uvicorn's, on httptools' parser, with short ways in front of it. What can be answered
from memory is answered here, before there is a scope or a task (`edge/at_once.py`); what only has to be computed is
answered in one piece, by a task of its own; everything else goes uvicorn's way.

A request that came before, byte for byte, on whichever connection, is not even parsed again. That is safe because the
parser stands between two messages at that moment: the same bytes can't be anything but the same request.

uvicorn bounds neither a request's head nor the time it may take; this does.
"""

from __future__ import annotations

import asyncio
import re
import select
import sys
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import unquote

from httptools import HttpParserInvalidMethodError, parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_AT_MOST = 16 << 10  # bytes of a request's line and headers
HEAD_SECONDS = 20.0  # from a head's first byte to its last
IDLE_SECONDS = 75  # longer than proxies keep a connection they do not use: it is they who should close it


def _encoded(data: bytes) -> bytes:
    """Some clients send an address as somebody typed it. The parser wants what is beyond ASCII encoded."""
    line, end, rest = data.partition(b"\r\n")
    return _BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + end + rest


class _Refused(NamedTuple):
    """What is said to a request that can't be read, before the connection is closed."""

    status: bytes
    why: bytes

    def __bytes__(self) -> bytes:
        body = b'{"error":"%b"}' % self.why
        return (
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
            b"connection: close\r\n\r\n%b" % (self.status, len(body), body)
        )


_LAST = b"\r\nconnection: close\r\n"
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_MALFORMED = bytes(_Refused(b"400 Bad Request", b"This is not an HTTP request that can be read."))
_UNKNOWN_METHOD = bytes(_Refused(b"501 Not Implemented", b"This method is not known here."))
_TOO_LARGE = bytes(_Refused(b"431 Request Header Fields Too Large", b"The headers are larger than 16 KiB."))
_ONE_HOST = bytes(
    _Refused(b"400 Bad Request", b"A request names one Host, and since HTTP/1.1 it has to.")
)  # RFC 9112, 3.2


class Computing(Protocol):
    """A request that was let in, and whose answer takes a while."""

    async def answer(self, scope: Any) -> bytes:
        """All of it, as it goes over the wire, to be followed by more."""
        ...


class AtOnce(Protocol):
    """What an application may have as `at_once`. Nothing here may wait."""

    def repeated(self, raw: bytes, peer: str) -> bytes | None:
        """The whole answer to a request that came in these bytes before; None: it is to be parsed."""
        ...

    def parsed(
        self, path: str, query: bytes, headers: list[tuple[bytes, bytes]], peer: str
    ) -> tuple[bytes, Any] | Computing | None:
        """The whole answer to this GET, and what `remember` wants to know, or what makes one; None: it takes the long
        way."""
        ...

    def remember(self, raw: bytes, known: Any) -> None:
        """That request came in these bytes, and they held nothing else."""
        ...


class _Outlet:
    """A transport for one answer: what its head is held for a moment, and leaves in one piece with what follows."""

    __slots__ = ("_held", "_transport", "holding")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held = b""
        self.holding = False

    def write(self, data: bytes) -> None:
        if self.holding:
            self._held, self.holding = data, False
            return
        if self._held:
            data, self._held = self._held + data, b""
        self._transport.write(data)

    def flush(self) -> None:
        if self._held:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        closing: bool = self._transport.is_closing()
        return closing


class Cycle(RequestResponseCycle):
    """uvicorn's way from a request to its answer, with one write where it makes two."""

    def __init__(self, transport: Any, **more: Any) -> None:
        outlet = self._outlet = _Outlet(transport)
        super().__init__(transport=cast("Any", outlet), **more)

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._outlet.holding = True
            await super().send(message)
            self._outlet.holding = False  # nobody took it: the client is gone
        else:
            await super().send(message)
            self._outlet.flush()


class _NobodyWaits:
    """For what is told when more of a request's body has come."""

    def set(self) -> None:
        pass


class Whole:
    """The same where the answer comes in one piece, and no body is read."""

    message_event = _NobodyWaits()

    def __init__(self, connection: Connection, computing: Computing, scope: Any) -> None:
        self._connection, self._computing, self._scope = connection, computing, scope
        self.disconnected = self.response_complete = False
        self.more_body = self.keep_alive = True

    async def run_asgi(self, app: Any) -> None:
        answer = await self._computing.answer(self._scope)
        connection = self._connection
        await connection.flow.drain()
        self.response_complete = True
        if not self.disconnected:
            if not self.keep_alive:
                answer = answer.replace(b"\r\n", _LAST, 1)
            connection.transport.write(answer)
            if not self.keep_alive:
                connection.transport.close()
        connection.on_response_complete()


class Connection(HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_once: AtOnce | None = getattr(self.app, "at_once", None)
        self._peer = ""
        self._between = True  # the parser has seen nothing of the next request
        self._last = False  # no other request is taken after this one
        self._ending = False  # the next request is the last
        self._known: Any = None  # of the request being parsed, where it was answered at once
        self._begun = 0  # requests that began in this piece
        self._in_head = False
        self._head = 0  # bytes since the head began
        self._head_until = 0.0
        self._refusal: bytes | None = None  # of what the parser had no quarrel with
        self._used = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = sys.intern(self.client[0]) if self.client else ""
        self._wait(IDLE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        fresh = self._between and self._free()
        if fresh:
            if self._at_once is not None and (answer := self._at_once.repeated(data, self._peer)) is not None:
                self._used = self.loop.time()
                self.transport.write(answer)
                return
            self._head = 0
        self._begun = 0
        self._head += len(data)
        super().data_received(data if not fresh or data.isascii() else _encoded(data))
        if not self._free() or self.transport.is_closing():
            return
        if fresh and self._known is not None and self._between and self._begun == 1:
            assert self._at_once is not None
            self._at_once.remember(data, self._known)
        self._wait_on()

    def _free(self) -> bool:
        """Whether the next answer would be the next thing to send."""
        if self._last or self.flow.write_paused:
            return False
        cycle = self.cycle
        return cycle is None or cycle.response_complete

    def end_with_next(self) -> None:
        """The server is about to stop: the next answer says that it is the last, which none that is kept does."""
        self._ending, self._at_once = True, None
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """As uvicorn has it, but what has been sent and not been read yet is answered first."""
        self.end_with_next()
        if not self._free() or not self._unread():
            super().shutdown()

    def _unread(self) -> bool:
        found = self.transport.get_extra_info("socket")
        if found is None or self.transport.is_closing():
            return False
        there = select.poll()
        there.register(found.fileno(), select.POLLIN)
        return bool(there.poll(0))

    # ── The parser's callbacks ───────────────────────────────────────────────────────────────────────────────────────
    def on_message_begin(self) -> None:
        self._between, self._in_head, self._known = False, True, None
        self._begun += 1
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        parser = self.parser
        method, version = parser.get_method().decode("ascii"), parser.get_http_version()
        if self._head > HEAD_AT_MOST and self._head_size() > HEAD_AT_MOST:
            self._refusal = _TOO_LARGE
        elif (hosts := sum(name == b"host" for name, _ in self.headers)) != 1 and (hosts or version != "1.0"):
            self._refusal = _ONE_HOST
        if self._refusal is not None:
            raise ValueError  # the parser stops, and uvicorn has it refused
        self._in_head, self._head_until = False, 0.0
        keep = version != "1.0" and parser.should_keep_alive() and not self._ending
        url = parse_url(self.url)
        path, query = url.path.decode("ascii"), url.query or b""
        if "%" in path:
            path = unquote(path)
        if keep and method == "GET" and self._at_once is not None and self._free():
            found = self._at_once.parsed(path, query, self.headers, self._peer)
            if isinstance(found, tuple):
                answer, self._known = found
                self._used = self.loop.time()
                self.transport.write(answer)
                return
            if found is not None:
                scope = self._scope(method, version, path, url.path, query)
                whole = self.cycle = cast("Any", Whole(self, found, scope))
                self._start_asgi_task(whole, self.app)
                return
        self._last = not keep
        self._begin_cycle(self._scope(method, version, path, url.path, query), keep)

    def _scope(self, method: str, version: str, path: str, raw_path: bytes, query: bytes) -> Any:
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": {},
        }

    def _begin_cycle(self, scope: Any, keep_alive: bool) -> None:
        before, self.cycle = (
            self.cycle,
            Cycle(
                self.transport,
                scope=scope,
                flow=self.flow,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=False,
                default_headers=self.server_state.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=self.expect_100_continue,
                keep_alive=keep_alive,
                on_response=self.on_response_complete,
            ),
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # one that came before is not answered yet
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        if self._known is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._between = True
        if self._known is None:
            super().on_message_complete()

    # ── Bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        unknown = isinstance(sys.exception(), HttpParserInvalidMethodError)
        self._refuse(self._refusal or (_UNKNOWN_METHOD if unknown else _MALFORMED))

    def _refuse(self, answer: bytes) -> None:
        """After what is still to be answered nothing is sent: only who waits for this request hears of it."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
        self._last = True
        self.transport.close()

    def _wait_on(self) -> None:
        """After a piece that left nothing to do: for the next request, or for the rest of this one."""
        if not self._in_head:
            self._wait(IDLE_SECONDS)
        elif self._head > HEAD_AT_MOST:
            self._refuse(_TOO_LARGE)
        else:
            now = self.loop.time()
            self._head_until = self._head_until or now + HEAD_SECONDS
            self._wait(self._head_until - now)

    def _wait(self, seconds: float) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(max(0.0, seconds), self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Answers given at once leave the timer as it is, so it may ring while the connection is in use."""
        rest = self._used + IDLE_SECONDS - self.loop.time()
        if self._between and rest > 0:
            self._wait(rest)
        else:
            super().timeout_keep_alive_handler()
