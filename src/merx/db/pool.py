"""A small pool of asyncpg connections: last in, first out; bounded wait; what may be dead or read-only leaves it.

asyncpg's own pool spends a round trip on `RESET ALL` at each release. Every setting here is transaction-local, so an
idle connection outside a transaction has nothing to reset; one that is not idle is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import asyncpg

from merx.db import wire as wires
from merx.db.wire import Sent, Wire, Wiring
from merx.kernel.errors import Busy
from merx.kernel.ids import TenantId

WAIT_SECONDS = 2.0
SHARDS = 16
SESSION = {
    "application_name": "merx",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "UTC",
    "statement_timeout": "5000",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "5000",
}


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """`shard` is this connection's row of a tenant's catalogue version; `opened`: it is inside a transaction. Begin and
    end are sent by `wire`, or by asyncpg where there is none (over TLS)."""

    __slots__ = ("opened", "shard", "wire")
    shard: int
    wire: Wire | None
    opened: bool

    async def begin(self, tenant: TenantId | None, reading: bool = False) -> None:
        self.opened = True
        if self.wire is not None:
            self.wire.hold(wires.begin(tenant, reading))
        else:
            await self.execute(wires.beginning(tenant, reading))

    async def ahead(self, sql: str, *args: Any) -> Sent:
        """Travels with whatever is sent next, whose error its own is."""
        if self.wire is not None:
            return self.wire.send(sql, args)
        return Sent.answered(sql, await self.fetchrow(sql, *args))

    async def commit(self) -> None:
        """Returns when what the transaction did will last."""
        if self.wire is not None:
            try:
                await self.wire.ask(wires.COMMIT)
            except asyncpg.PostgresError:
                self.opened = False  # refused or rolled back, it has ended
                raise
        else:
            await self.execute("commit")
        self.opened = False

    async def leave(self, rollback: bool = False) -> None:
        """Ends a transaction that changed nothing, or is to have changed nothing. Nobody needs to wait for that."""
        if self.wire is not None:
            self.wire.drop()
            self.wire.hold(wires.ROLLBACK if rollback else wires.COMMIT)
            self.wire.flush_soon()
        else:
            await self.execute("rollback" if rollback else "commit")
        self.opened = False


class Pool:
    def __init__(self, connect: dict[str, Any], size: int, kind: type[Connection] = Connection) -> None:
        self._connect, self._size, self._kind = connect, size, kind
        self._idle: deque[Any] = deque()
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()  # with when each has waited long enough
        self._watch: asyncio.TimerHandle | None = None  # one clock for all of them
        self._open = 0
        self._shards = deque(range(SHARDS))
        self._closed = False

    async def acquire(self) -> Any:
        """A live connection; raises Busy after WAIT_SECONDS without one, or where the server can't be reached."""
        while True:
            while self._idle:
                conn = self._idle.pop()
                if not conn.is_closed():
                    return conn
                self._forget(conn)
            if self._open < self._size:
                return await self._new()
            await self._wait()

    async def _new(self) -> Any:
        self._open += 1
        shard = self._shards.popleft() if self._shards else 0
        wiring = Wiring(asyncio.get_running_loop())
        try:
            conn = await asyncpg.connect(
                loop=wiring,
                **self._connect,
                connection_class=self._kind,
                statement_cache_size=512,
                max_cacheable_statement_size=64 * 1024,
                timeout=2,
                server_settings=SESSION,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as refused:
            self._open -= 1
            self._shards.append(shard)
            self._wake()
            raise Busy("The database can't be reached; try again in a moment.", code="database_away") from refused
        except BaseException:
            self._open -= 1
            self._shards.append(shard)
            self._wake()
            raise
        conn._loop = wiring.loop
        conn.shard, conn.wire, conn.opened = shard, wiring.made, False
        return conn

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        until = loop.time() + WAIT_SECONDS
        self._waiting.append((turn, until))
        if self._watch is None:
            self._watch = loop.call_at(until, self._give_up)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._wake()
            raise

    def _give_up(self) -> None:
        """Tells those who have waited for too long. They wait in order, so it is enough to look at the first."""
        now = asyncio.get_running_loop().time()
        while self._waiting and (self._waiting[0][1] <= now or self._waiting[0][0].done()):
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(Busy("The server is at its limit; try again in a moment.", code="overloaded"))
        self._watch = None
        if self._waiting:
            self._watch = asyncio.get_running_loop().call_at(self._waiting[0][1], self._give_up)

    def release(self, conn: Any) -> None:
        if self._closed or conn.is_closed() or conn.opened:
            self.discard(conn)
            return
        self._idle.append(conn)
        self._wake()

    def discard(self, conn: Any) -> None:
        """Close without ceremony: a connection whose state is not known serves nobody else."""
        if not conn.is_closed():
            conn.terminate()
        self._forget(conn)
        self._wake()

    def _forget(self, conn: Any) -> None:
        self._open -= 1
        self._shards.append(conn.shard)

    def _wake(self) -> None:
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        while self._idle:
            conn = self._idle.pop()
            self._forget(conn)
            with contextlib.suppress(OSError):  # the server has ended it already, as one that stood still too long
                await conn.close(timeout=2)
