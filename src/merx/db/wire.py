"""Owns what goes to the server beside asyncpg's own statements: the beginning and the end of a transaction.

asyncpg sends nothing before the last answer has come, and spends as much on COMMIT as on a query. Here BEGIN is written
without waiting, so it travels with the first statement, and COMMIT of a transaction that only read is not waited for:
the connection answers in order, so whoever uses it next comes after it. `Wire` stands between the socket and asyncpg
and takes out the answers to what was sent here; asyncpg sees only its own.

So do statements whose answer nobody needs before the next one is asked (`send`): they travel with it, and where one of
them fails the server passes over the rest, so its error is the next one's. With the last of them COMMIT can travel too
(`ask`): what a transaction locks last is then held for no more than the server itself takes.

Nothing is sent here while a statement of asyncpg's is on its way. That keeps the order of the answers known.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import asyncpg

from merx.db.messages import SYNC, as_text, parse, query, run, values
from merx.kernel.ids import TenantId

_READY, _ERROR, _DONE, _ROW, _PARSED = b"ZECD1"
_ASIDE = b"NSA"  # notices, settings and notifications may come at any time; asyncpg wants them
_FORGOTTEN = ("0A000", "26000")  # the server has the statement no longer, or it would answer something else now


def beginning(tenant: TenantId | None, reading: bool = False) -> str:
    """BEGIN and the tenant, and nothing else in this message. The setting ends with the transaction."""
    begun = "begin read only" if reading else "begin"
    return begun if tenant is None else f"{begun}; set local app.tenant = '{tenant}'"


@lru_cache(4096)
def begin(tenant: TenantId | None, reading: bool) -> bytes:
    return query(beginning(tenant, reading))


COMMIT, ROLLBACK = query("commit"), query("rollback")


class Sent:
    """A statement that was sent and not waited for. `row` is its first, as text, once what was sent after it is done;
    None where it gave none."""

    __slots__ = ("name", "row", "sql")

    def __init__(self, sql: str, name: bytes = b"") -> None:
        self.sql, self.name = sql, name
        self.row: list[str | None] | None = None

    @classmethod
    def answered(cls, sql: str, row: Any) -> Sent:
        """One that asyncpg has run, because there is no Wire."""
        sent = cls(sql)
        sent.row = None if row is None else [as_text(value) for value in row]
        return sent


class _Step:
    """The end of statements that COMMIT follows."""


_STEP = _Step()


class Wire(asyncio.Protocol):
    """Between a socket and asyncpg: its transport on one side, the transport's protocol on the other."""

    __slots__ = ("_ahead", "_held", "_inner", "_late", "_made", "_names", "_rest", "_sent", "_transport", "_waiting")

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._transport: Any = None
        self._held = b""  # travels with what is written next
        self._ahead, self._sent = b"", list[Sent]()  # travels after that, or not at all
        self._names: dict[str, bytes] = {}  # the statements this connection has parsed for us
        self._made = 0
        # One for each message sent here, in order.
        self._waiting: deque[asyncio.Future[None] | Sent | _Step | None] = deque()
        self._late: Exception | None = None  # what went wrong with the message whose answer is being read
        self._rest = b""

    def hold(self, message: bytes) -> None:
        """Sends with whatever is sent next. Where the answer is an error the connection ends: nobody would hear of
        it otherwise."""
        self._waiting.append(None)
        self._held += message

    def send(self, sql: str, args: Sequence[Any]) -> Sent:
        """Sends with whatever is sent next. Its error is that one's."""
        name = self._names.get(sql)
        if name is None:
            self._made += 1
            name = b"merx_%d" % self._made
            self._ahead += parse(name, sql)
        self._ahead += run(name, args)
        sent = Sent(sql, name)
        self._sent.append(sent)
        return sent

    def drop(self) -> None:
        """What has not been sent yet is not to be."""
        self._ahead = b""
        self._sent.clear()

    async def ask(self, message: bytes) -> None:
        """Sends, and waits until it is done; raises what the server says to it or to what travelled ahead of it."""
        if self._transport.is_closing():
            raise asyncpg.ConnectionDoesNotExistError("the connection has ended")
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finish_ahead()
        self._waiting.append(answered)
        self.write(message)
        await answered

    def _finish_ahead(self) -> None:
        """A message of the simple protocol follows: it would be passed over after an error, and nobody would answer."""
        if self._sent:
            self._waiting.extend(self._sent)
            self._waiting.append(_STEP)
            self._held += self._ahead + SYNC
            self.drop()

    def flush_soon(self) -> None:
        """Unless something is sent meanwhile. Whoever waits for this connection has its turn first."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._flush)

    def _flush(self) -> None:
        """Without what waits to travel ahead of something: that must not be on its way alone."""
        if self._held and not self._transport.is_closing():
            held, self._held = self._held, b""
            self._transport.write(held)

    # ── To asyncpg this is the transport ─────────────────────────────────────────────────────────────────────────────
    def write(self, data: Any) -> None:
        if self._sent and data[:1] == b"Q":
            self._finish_ahead()
        elif self._sent:
            self._waiting.extend(self._sent)
            self._held += self._ahead
            self.drop()
        if self._held:
            data, self._held = self._held + bytes(data), b""
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    # ── To the socket this is the protocol ───────────────────────────────────────────────────────────────────────────
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._inner.connection_made(self)

    def data_received(self, data: bytes) -> None:
        if not self._waiting:
            self._inner.data_received(data)
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while self._waiting:
            if end - at < 5 or end - at < (size := 1 + int.from_bytes(data[at + 1 : at + 5], "big")):
                self._rest = data[at:]
                return
            if isinstance(self._waiting[0], Sent):
                self._ahead_message(self._waiting[0], data[at], data[at : at + size])
            else:
                self._message(data[at], data[at : at + size])
            at += size
        if at < end:
            self._inner.data_received(data[at:])

    def _ahead_message(self, sent: Sent, kind: int, message: bytes) -> None:
        if kind == _DONE:
            self._waiting.popleft()
        elif kind == _ROW:
            if sent.row is None:
                sent.row = values(message)
        elif kind == _PARSED:
            self._names[sent.sql] = sent.name
        elif kind == _ERROR:
            wrong = _error(message)
            if wrong.sqlstate in _FORGOTTEN:
                self._names.clear()
            while self._waiting and isinstance(self._waiting[0], Sent):  # the server has passed over the rest
                self._waiting.popleft()
            if self._waiting and self._waiting[0] is _STEP:
                self._late = wrong
            else:
                self._inner.data_received(message)
        elif kind in _ASIDE:
            self._inner.data_received(message)

    def _message(self, kind: int, message: bytes) -> None:
        if kind == _READY and self._waiting[0] is _STEP:
            self._waiting.popleft()
            if not self._waiting:  # what follows is asyncpg's, and is told that its transaction has failed
                self._late = None
        elif kind == _READY:
            answered, wrong, self._late = self._waiting.popleft(), self._late, None
            assert not isinstance(answered, Sent | _Step)
            if answered is None:
                if wrong is not None:
                    self._transport.abort()
            elif not answered.done():
                if wrong is not None:
                    answered.set_exception(wrong)
                else:
                    answered.set_result(None)
        elif kind == _ERROR:
            self._late = _error(message)
        elif kind in _ASIDE:
            self._inner.data_received(message)

    def connection_lost(self, exc: Exception | None) -> None:
        lost = self._late or asyncpg.ConnectionDoesNotExistError("the connection ended in the middle of an operation")
        while self._waiting:
            answered = self._waiting.popleft()
            if isinstance(answered, asyncio.Future) and not answered.done():
                answered.set_exception(lost)
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        kept: bool | None = self._inner.eof_received()
        return kept

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _error(message: bytes) -> asyncpg.PostgresError:
    fields = message[5:].split(b"\0")
    said: asyncpg.PostgresError = asyncpg.PostgresError.new(
        {chr(f[0]): f[1:].decode("utf-8", "replace") for f in fields if f}
    )
    return said


class Wiring:
    """The running loop for asyncpg.connect, with a Wire put into each connection it makes. One over TLS gets none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.create_future = loop.create_future
        self.made: Wire | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)

    async def create_unix_connection(self, factory: Any, *args: Any, **more: Any) -> Any:
        return self._plain(*await self.loop.create_unix_connection(self._wired(factory), *args, **more))

    async def create_connection(self, factory: Any, *args: Any, **more: Any) -> Any:
        if more.get("ssl") is not None:
            return await self.loop.create_connection(factory, *args, **more)
        return self._plain(*await self.loop.create_connection(self._wired(factory), *args, **more))

    def _wired(self, factory: Any) -> Any:
        def make() -> Any:
            inner = factory()
            return Wire(inner) if isinstance(inner, asyncpg.protocol.Protocol) else inner

        return make

    def _plain(self, transport: Any, protocol: Any) -> tuple[Any, Any]:
        if not isinstance(protocol, Wire):
            return transport, protocol
        self.made = protocol
        return protocol, protocol._inner
