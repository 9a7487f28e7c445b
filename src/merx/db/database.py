"""Database and Tx. `Tx` is one open transaction of one tenant; `$1` of its statements is always that tenant.

BEGIN and `SET LOCAL app.tenant` are one message that holds nothing else; it travels with the first statement. The
setting ends with the transaction, row-level security reads it, and a statement that forgets the tenant finds nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from merx.db.pool import SHARDS, Connection, Pool
from merx.db.wire import Sent
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, Conflict, Invalid, MerxError
from merx.kernel.events import Event
from merx.kernel.ids import TenantId

TABLES = ("catalog_versions",)
INSERT_EVENTS = """
insert into outbox (tenant_id, id, kind, subject, facts, created_at)
select $1, e.id, e.kind, e.subject, e.facts::jsonb, $6
from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[]) as e (id, kind, subject, facts)
returning 1
"""
RAISE_VERSION = (
    "update catalog_versions set version = version + 1, products = products + $3 where tenant_id = $1 and shard = $2"
)
INSERT_EVENTS_AND_RAISE = f"""
with raised as (
  update catalog_versions set version = version + 1, products = products + $8 where tenant_id = $1 and shard = $7
){INSERT_EVENTS}"""
INSERT_NUMBERED_EVENTS = """
with raised as (
  update catalog_versions set version = version + 1, products = products + $8 where tenant_id = $1 and shard = $7)
insert into outbox (tenant_id, id, kind, subject, facts, created_at)
select $1, e.id, e.kind, e.subject,
  case when e.numbered then e.facts::jsonb || jsonb_build_object(
    $11::text, $12::text || lpad(c.last::text, greatest($13::int, length(c.last::text)), '0'))
  else e.facts::jsonb end, $6
from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $9::bool[]) as e (id, kind, subject, facts, numbered),
  counters c
where c.tenant_id = $1 and c.name = $10
returning 1
"""
OPEN_VERSIONS = """
insert into catalog_versions (tenant_id, shard) select $1, s from generate_series(0, $2::int - 1) as s returning 1
"""
VERSIONS = "select tenant_id, version from catalog_versions_of($1)"

_DEAD = ("25006", "08", "57P")
_AGAIN = ("40001", "40P01", "55P03", "57014", "53")
_SUPERSEDED = "22012"  # division by zero: what a closing statement says no with


class Statements:
    """Statements on one connection, with nothing put before their arguments: for tables without a tenant."""

    __slots__ = ("_conn", "round_trips")

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.round_trips = 0

    async def row(self, sql: str, *args: Any) -> Any | None:
        self.round_trips += 1
        return await self._conn.fetchrow(sql, *args)

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        self.round_trips += 1
        found: list[Any] = await self._conn.fetch(sql, *args)
        return found

    async def run(self, sql: str, *args: Any) -> int:
        """How many rows the statement touched."""
        self.round_trips += 1
        status: str = await self._conn.execute(sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class Tx(Statements):
    """One open transaction of one tenant. Nobody but `Database.begin` commits it."""

    __slots__ = ("_emitted", "_events", "_products", "_raised", "_touched", "ctx", "platform")

    def __init__(self, conn: Any, ctx: Ctx) -> None:
        super().__init__(conn)
        self.ctx = ctx
        self.platform = Statements(conn)  # for the reference tables, inside this same transaction
        self._events: list[Event] = []
        self._touched = self._raised = self._emitted = False
        self._products = 0

    async def row(self, sql: str, *args: Any) -> Any | None:
        self.round_trips += 1
        return await self._conn.fetchrow(sql, self.ctx.tenant, *args)

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        self.round_trips += 1
        found: list[Any] = await self._conn.fetch(sql, self.ctx.tenant, *args)
        return found

    async def run(self, sql: str, *args: Any) -> int:
        return await super().run(sql, self.ctx.tenant, *args)

    async def ahead(self, sql: str, *args: Any) -> Sent:
        """Sends a statement with the next one, or with the commit, and does not wait for it. Its error is theirs, and
        what it answered is known after them. Its values travel as text, so they have the types the statement says."""
        sent: Sent = await self._conn.ahead(sql, self.ctx.tenant, *args)
        return sent

    def emit(self, event: Event) -> None:
        """Becomes an outbox row of this very transaction."""
        self._events.append(event)

    def touch_catalog(self, products: int = 0) -> None:
        """Something that a catalogue answer shows changes here; `products` more (or fewer) of them are shown."""
        self._touched = True
        self._products += products

    async def open_catalog(self) -> None:
        """A new tenant's catalogue version: a row for each shard."""
        await self.rows(OPEN_VERSIONS, SHARDS)

    async def close(self) -> None:
        """Sends the closing statement, if it is this tenant's, with what is sent next; before the events, whose
        catalogue version is the last that is locked."""
        closing = self.ctx.closing
        if closing is not None and closing.tenant == self.ctx.tenant:
            await self.ahead(closing.sql, *closing.args, bool(self._events or self._touched))

    async def flush(self) -> None:
        """Writes what was emitted and touched, together with what is sent next; `begin` calls it just before it
        commits. The version's row is the last that any transaction locks, after stock, so that nobody waits for it
        while holding it."""
        events, self._events = self._events, []
        bump = self._touched and (not self._raised or self._products != 0)
        products, self._products = self._products, 0
        self._raised = self._raised or bump
        if events:
            self._emitted = True
            args: list[Any] = [
                [ids.new() for _ in events],
                [event.kind for event in events],
                [event.subject for event in events],
                [msgspec.json.encode(event.facts).decode() for event in events],
                self.ctx.now,
            ]
            shard = self._conn.shard if bump else None
            drawn = next((event.drawn for event in events if event.drawn is not None), None)
            if drawn is not None:
                numbered = [event.drawn is not None for event in events]
                given = (numbered, drawn.counter, drawn.fact, drawn.prefix, drawn.digits)
                await self.ahead(INSERT_NUMBERED_EVENTS, *args, shard, products, *given)
            elif bump:
                await self.ahead(INSERT_EVENTS_AND_RAISE, *args, shard, products)
            else:
                await self.ahead(INSERT_EVENTS, *args)
        elif bump:
            await self.ahead(RAISE_VERSION, self._conn.shard, products)


class Database:
    """The serving role's connections. `catalog_listeners` hear of each committed catalogue change of this process,
    `wake` is set whenever this process has committed an event."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.catalog_listeners: list[Callable[[TenantId], None]] = []
        self.wake = asyncio.Event()
        self.last_round_trips = 0  # of the transaction that ended last: what the budget tests read

    @classmethod
    async def open(cls, connect: dict[str, Any], pool_size: int = 8, kind: type[Connection] = Connection) -> Database:
        """`connect`: arguments of asyncpg.connect. Makes one connection, so that a wrong address shows at once."""
        database = cls(Pool(connect, pool_size, kind))
        database._pool.release(await database._pool.acquire())
        return database

    async def close(self) -> None:
        await self._pool.close()

    def begin(self, ctx: Ctx) -> AbstractAsyncContextManager[Tx]:
        """A transaction of `ctx.tenant`. Commits at the end of the block, rolls back on any exception."""
        return _Block(self, ctx, reading=False)

    def read(self, ctx: Ctx) -> AbstractAsyncContextManager[Tx]:
        """The same for a block that changes nothing, and may not: its end is not waited for."""
        return _Block(self, ctx, reading=True)

    @contextlib.asynccontextmanager
    async def platform(self) -> AsyncIterator[Statements]:
        """A transaction without a tenant: it sees the reference tables, and nothing of any tenant."""
        conn = await self._pool.acquire()
        try:
            await conn.begin(None)
            yield Statements(conn)
            await conn.commit()
        except BaseException as wrong:
            await self._end(conn, wrong)
            raise
        self._pool.release(conn)

    async def lookup(self, sql: str, *args: Any) -> Any | None:
        """One statement without a tenant, in its own transaction: the credential look-up, the worker's questions."""
        found = await self.lookups(sql, *args)
        return found[0] if found else None

    async def lookups(self, sql: str, *args: Any) -> list[Any]:
        conn = await self._pool.acquire()
        try:
            found: list[Any] = await conn.fetch(sql, *args)
        except BaseException as wrong:
            await self._end(conn, wrong)
            raise
        self._pool.release(conn)
        return found

    async def catalog_versions(self, tenants: list[TenantId]) -> dict[TenantId, int]:
        return {TenantId(row[0]): row[1] for row in await self.lookups(VERSIONS, tenants)}

    async def _end(self, conn: Any, wrong: BaseException, closing: bool = False) -> None:
        """Whatever went wrong: end the transaction, decide the connection's fate, say it in our own words. `closing`: a
        closing statement was sent."""
        state = getattr(wrong, "sqlstate", None) or ""
        dead = conn.is_closed() or state.startswith(_DEAD) or isinstance(wrong, OSError | asyncpg.InterfaceError)
        if dead or not isinstance(wrong, Exception):
            self._pool.discard(conn)
        else:
            try:
                async with asyncio.timeout(5):
                    if conn.opened:
                        await conn.leave(rollback=True)
                self._pool.release(conn)
            except BaseException:
                self._pool.discard(conn)
        if closing and state == _SUPERSEDED:
            raise Conflict(
                "The same request is worked on a second time by now; nothing was changed here.",
                code="idempotency_in_progress",
                retry_after=1,
            ) from wrong
        if (translated := _translate(wrong, state, dead)) is not None:
            raise translated from wrong


class _Block:
    """What `async with` is given."""

    __slots__ = ("_conn", "_ctx", "_db", "_reading", "_tx")

    def __init__(self, db: Database, ctx: Ctx, reading: bool) -> None:
        if not isinstance(ctx.tenant, UUID):
            raise TypeError("the tenant of a transaction is a UUID")
        self._db, self._ctx, self._reading = db, ctx, reading
        self._conn: Any = None
        self._tx: Any = None

    async def __aenter__(self) -> Tx:
        conn = self._conn = await self._db._pool.acquire()
        tx = self._tx = Tx(conn, self._ctx)
        try:
            await conn.begin(self._ctx.tenant, self._reading)
        except BaseException as wrong:
            await self._db._end(conn, wrong)
            raise
        return tx

    async def __aexit__(self, kind: Any, wrong: BaseException | None, trace: Any) -> None:
        db, conn, tx = self._db, self._conn, self._tx
        if wrong is not None:
            await db._end(conn, wrong)
            return
        try:
            if self._ctx.closing is not None and not self._reading:
                await tx.close()
            if tx._events or tx._touched:
                await tx.flush()
            if self._reading:
                await conn.leave()
            else:
                await conn.commit()
        except BaseException as failed:
            await db._end(conn, failed, closing=self._ctx.closing is not None)
            raise
        db.last_round_trips = tx.round_trips + tx.platform.round_trips + 2  # and what began and ended it
        db._pool.release(conn)
        if tx._raised:
            for heard in db.catalog_listeners:
                heard(self._ctx.tenant)
        if tx._emitted:
            db.wake.set()


def _translate(wrong: BaseException, state: str, dead: bool) -> MerxError | None:
    """The error a caller sees, by SQLSTATE alone (a distributed database names no constraint), or None for our bug."""
    if isinstance(wrong, MerxError) or not isinstance(wrong, Exception):
        return None
    if state.startswith("22") or isinstance(wrong, asyncpg.DataError):
        return Invalid("A value is not one the database can hold.")
    if state == "23505":
        return Conflict("This exists already.", code="already_exists")
    if state == "23503":
        return Conflict("Something this refers to is missing or still in use.", code="reference_conflict")
    if state.startswith(_AGAIN):
        return Busy()
    if dead:
        return Busy("The database went away in the middle; try again.", code="database_away")
    return None
