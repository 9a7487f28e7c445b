"""Owns what goes to the server beside asyncpg's own statements: the beginning and the end of a transaction.

asyncpg sends nothing before the last answer has come, and spends as much on COMMIT as on a query. Here BEGIN is written
without waiting, so it travels with the first statement, and COMMIT of a transaction that only read is not waited for:
the connection answers in order, so whoever uses it next comes after it. `Wire` stands between the socket and asyncpg
and takes out the answers to what was sent here; asyncpg sees only its own.

Nothing is sent here while a statement of asyncpg's is on its way. That keeps the order of the answers known.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import lru_cache
from typing import Any

import asyncpg

from merx.kernel.ids import TenantId

_READY, _ERROR, _DONE = b"ZEC"
_ASIDE = b"NSA"  # notices, settings and notifications may come at any time; asyncpg wants them


def query(sql: str) -> bytes:
    """A message of the simple protocol."""
    text = sql.encode() + b"\0"
    return b"Q" + (len(text) + 4).to_bytes(4, "big") + text


def beginning(tenant: TenantId | None, reading: bool = False) -> str:
    """BEGIN and the tenant, and nothing else in this message. The setting ends with the transaction."""
    begun = "begin read only" if reading else "begin"
    return begun if tenant is None else f"{begun}; set local app.tenant = '{tenant}'"


@lru_cache(4096)
def begin(tenant: TenantId | None, reading: bool) -> bytes:
    return query(beginning(tenant, reading))


COMMIT, ROLLBACK = query("commit"), query("rollback")


class Wire(asyncio.Protocol):
    """Between a socket and asyncpg: its transport on one side, the transport's protocol on the other."""

    __slots__ = ("_held", "_inner", "_late", "_rest", "_transport", "_waiting")

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._transport: Any = None
        self._held = b""  # travels with what is written next
        self._waiting: deque[asyncio.Future[None] | None] = deque()  # one for each message sent here, in order
        self._late: Exception | None = None  # what went wrong with the message whose answer is being read
        self._rest = b""

    def hold(self, message: bytes) -> None:
        """Sends with whatever is sent next. Where the answer is an error the connection ends: nobody would hear of
        it otherwise."""
        self._waiting.append(None)
        self._held += message

    async def ask(self, message: bytes) -> None:
        """Sends, and waits until it is done; raises what the server says."""
        if self._transport.is_closing():
            raise asyncpg.ConnectionDoesNotExistError("the connection has ended")
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(answered)
        self.write(message)
        await answered

    def flush_soon(self) -> None:
        """Unless something is sent meanwhile. Whoever waits for this connection has its turn first."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._flush)

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self.write(b"")

    # ── To asyncpg this is the transport ─────────────────────────────────────────────────────────────────────────────
    def write(self, data: Any) -> None:
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
            self._message(data[at], data[at : at + size])
            at += size
        if at < end:
            self._inner.data_received(data[at:])

    def _message(self, kind: int, message: bytes) -> None:
        if kind == _READY:
            answered, wrong, self._late = self._waiting.popleft(), self._late, None
            if answered is None:
                if wrong is not None:
                    self._transport.abort()
            elif not answered.done():
                if wrong is not None:
                    answered.set_exception(wrong)
                else:
                    answered.set_result(None)
        elif kind == _ERROR:
            fields = message[5:].split(b"\0")
            self._late = asyncpg.PostgresError.new({chr(f[0]): f[1:].decode("utf-8", "replace") for f in fields if f})
        elif kind in _ASIDE:
            self._inner.data_received(message)

    def connection_lost(self, exc: Exception | None) -> None:
        lost = self._late or asyncpg.ConnectionDoesNotExistError("the connection ended in the middle of an operation")
        while self._waiting:
            answered = self._waiting.popleft()
            if answered is not None and not answered.done():
                answered.set_exception(lost)
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        kept: bool | None = self._inner.eof_received()
        return kept

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


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
