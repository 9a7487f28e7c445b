"""Begin and end of a transaction travel beside asyncpg's statements, and every answer reaches who asked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

from merx.db.database import Database
from merx.db.pool import Pool
from merx.db.wire import COMMIT, Wire, query
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, Invalid
from merx.kernel.ids import TenantId


def ctx() -> Ctx:
    return Ctx(TenantId(ids.new()))


async def seen(tx: Any, number: int) -> tuple[int, str]:
    row = await tx.row("select $2::int, current_setting('app.tenant'), $1::uuid::text", number)
    assert row[1] == row[2]
    return row[0], row[1]


async def test_every_answer_reaches_who_asked_whatever_is_cancelled_meanwhile(database: Database) -> None:
    chance = random.Random(7)

    async def one(number: int) -> None:
        asking, refused = ctx(), False
        with contextlib.suppress(TimeoutError, Invalid):
            async with asyncio.timeout(chance.choice([0.0005, 0.002, 5, 5, 5])):
                async with (database.read if number % 2 else database.begin)(asking) as tx:
                    assert await seen(tx, number) == (number, str(asking.tenant))
                    if number % 5 == 0:
                        refused = True
                        await tx.row("select 1 / $2::int, $1::uuid", 0)
                    if number % 7 == 0:
                        await tx.row("select pg_sleep(0.001), $1::uuid")
                    assert await seen(tx, -number) == (-number, str(asking.tenant))
                    assert not refused

    await asyncio.gather(*(one(number) for number in range(1, 600)))
    open_now = await database.lookup(
        "select count(*) from pg_stat_activity where usename = current_user and state like 'idle in transaction%' "
        "and now() - state_change > interval '1 second'"
    )
    assert open_now is not None and open_now[0] == 0


async def test_a_block_that_reads_can_change_nothing_and_leaves_nothing_open(database: Database) -> None:
    with pytest.raises(Busy):  # a server that takes no writes is left, whatever made it so
        async with database.read(ctx()) as tx:
            await tx.row("delete from carts where tenant_id = $1 returning 1")
    for _ in range(20):
        async with database.read(ctx()) as tx:
            await seen(tx, 1)
    await asyncio.sleep(0.05)
    row = await database.lookup(
        "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and state like 'idle in transaction%' "
        "and query = 'begin read only'"
    )
    assert row is not None and row[0] == 0


async def test_a_block_without_a_statement_sends_nothing_that_matters(database: Database) -> None:
    for _ in range(20):
        async with database.begin(ctx()):
            pass
        with pytest.raises(LookupError):
            async with database.begin(ctx()):
                raise LookupError
        async with database.read(ctx()):
            pass
    async with database.begin(ctx()) as tx:
        assert (await seen(tx, 3))[0] == 3


@pytest.mark.parametrize("when", ["before", "at the end"])
async def test_a_server_that_goes_away_is_told_as_busy_and_never_as_done(database: Database, when: str) -> None:
    other = await database._pool.acquire()
    try:
        with pytest.raises(Busy):
            async with asyncio.timeout(10):
                async with database.begin(ctx()) as tx:
                    row = await tx.row("select pg_backend_pid(), $1::uuid")
                    assert row is not None
                    await other.fetch("select pg_terminate_backend($1)", row[0])
                    if when == "before":
                        await asyncio.sleep(0.2)
                        await tx.row("select $1::uuid")
    finally:
        database._pool.release(other)
    async with database.begin(ctx()) as tx:
        assert (await seen(tx, 4))[0] == 4


async def test_what_the_server_says_to_a_commit_is_heard(database: Database) -> None:
    conn = await database._pool.acquire()
    try:
        assert conn.wire is not None
        with pytest.raises(Exception, match="division by zero"):
            await conn.wire.ask(query("select 1/0"))
        assert await conn.fetchval("select 5") == 5
    finally:
        database._pool.discard(conn)


class Inner:
    def __init__(self) -> None:
        self.heard = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data


class Socket:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_answers_are_told_apart_wherever_they_are_cut(size: int) -> None:
    inner, socket = Inner(), Socket()
    wire = Wire(inner)
    wire.connection_made(socket)
    wire.hold(query("begin"))
    inner.transport.write(memoryview(b"a statement"))
    assert socket.sent == [query("begin") + b"a statement"]
    done, ready = b"C\0\0\0\x0aBEGIN\0", b"Z\0\0\0\x05T"
    notice = b"N\0\0\0\x08oh\0\0"
    theirs = b"D\0\0\0\x06xyZ\0\0\0\x05T"
    answer = done + notice + done + ready + theirs
    for at in range(0, len(answer), size):
        wire.data_received(answer[at : at + size])
    assert inner.heard == notice + theirs
    waiting = asyncio.ensure_future(wire.ask(COMMIT))
    await asyncio.sleep(0)
    wire.data_received(done + ready + b"rest")
    await waiting
    assert inner.heard == notice + theirs + b"rest"


async def test_over_tls_asyncpg_does_it_all(dsn: Any) -> None:
    pool = Pool(dsn.app, 2)
    conn = await pool.acquire()
    conn.wire = None
    await conn.begin(ctx().tenant)
    await conn.fetchval("select 1")
    assert conn.is_in_transaction()
    await conn.leave(rollback=True)
    assert not conn.is_in_transaction() and not conn.opened
    pool.release(conn)
    await pool.close()
