"""Begin and end of a transaction travel beside asyncpg's statements, and every answer reaches who asked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import asyncpg
import pytest
from tests.hooks import until

from merx.db.database import Database
from merx.db.messages import query
from merx.db.pool import Pool
from merx.db.wire import COMMIT, Wire
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


OPEN = "select count(*) from pg_stat_activity where pid = any($1::int[]) and state like 'idle in transaction%'"


async def none_left_open(database: Database, owner: Any) -> bool:
    """None of this pool's own connections: those of other tests may well be in the middle of something."""
    return bool(await owner.fetchval(OPEN, [conn.get_server_pid() for conn in database._pool._idle]) == 0)


@pytest.mark.usefixtures("crowd")
async def test_every_answer_reaches_who_asked_whatever_is_cancelled_meanwhile(database: Database, owner: Any) -> None:
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
                    sent = await tx.ahead("select $2::int, $1::uuid", number)
                    assert await seen(tx, -number) == (-number, str(asking.tenant))
                    assert sent.row == [str(number), str(asking.tenant)]
                    await tx.ahead("select $2::int, pg_sleep(0), $1::uuid", number)
                    assert not refused

    await asyncio.gather(*(one(number) for number in range(1, 600)))
    await until(lambda: none_left_open(database, owner), 3)  # sooner than the server would end it


async def test_a_block_that_reads_can_change_nothing_and_leaves_nothing_open(database: Database, owner: Any) -> None:
    with pytest.raises(Busy):  # a server that takes no writes is left, whatever made it so
        async with database.read(ctx()) as tx:
            await tx.row("delete from carts where tenant_id = $1 returning 1")
    for _ in range(20):
        async with database.read(ctx()) as tx:
            await seen(tx, 1)
    await until(lambda: none_left_open(database, owner), 3)  # sooner than the server would end it


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


# ── What is sent ahead ───────────────────────────────────────────────────────────────────────────────────────────────
SPELLED = """
select $2::text, $3::int, $4::bool, $5::uuid, $6::timestamptz, $7::bytea, $8::text[], $9::uuid[], $10::bigint[], $1::uuid
"""


async def test_every_value_arrives_as_what_it_was(database: Database) -> None:
    class Word(StrEnum):
        ONE = "one"

    now, ident = datetime.now(UTC), ids.new()
    texts = ["", "NULL", None, 'a "quoted" \\ one', "{}", "ü,\n\t", " x "]
    given = ("it's $1; \\ ü\n", -7, True, ident, now, b"\x00\xff\\", texts, [ident, ident], [1, -(2**62)])
    async with database.begin(ctx()) as tx:
        sent = await tx.ahead(SPELLED, *given)
        nothing = await tx.ahead(SPELLED, *[None] * 9)
        word = await tx.ahead("select $2::text, $1::uuid", Word.ONE)
        seen = await tx.row(SPELLED, *given)
    assert seen is not None and seen[:9] == given
    assert sent.row is not None and nothing.row is not None and word.row is not None
    assert nothing.row[:9] == [None] * 9 and word.row[0] == "one"
    async with database.begin(ctx()) as tx:
        for place, kind in enumerate("text int bool uuid timestamptz bytea text[] uuid[] bigint[]".split()):
            cast = await tx.row(f"select $2::text::{kind}, $1::uuid", sent.row[place])
            assert cast is not None and cast[0] == given[place]


async def test_what_is_ahead_comes_first_and_is_seen_by_what_follows(database: Database) -> None:
    own = ctx()
    await _tenant(database, own)
    for _ in range(3):
        async with database.begin(own) as tx:
            for number in range(20):
                await tx.ahead(COUNT_UP, f"n{number % 4}")
            last = await tx.ahead(COUNT_UP, "n0")
            row = await tx.row("select last from counters where tenant_id = $1 and name = 'n0'")
            assert row is not None and last.row == [str(row[0])]
        async with database.begin(own) as tx:
            with_commit = await tx.ahead(COUNT_UP, "n0")
        assert with_commit.row == [str(row[0] + 1)]
    async with database.read(own) as tx:
        found = await tx.rows("select last from counters where tenant_id = $1 order by name")
    assert [one[0] for one in found] == [21, 15, 15, 15]


@pytest.mark.parametrize("with_commit", [False, True])
async def test_the_error_of_what_is_ahead_is_the_next_ones(database: Database, with_commit: bool) -> None:
    own = ctx()
    await _tenant(database, own)
    for _ in range(12):
        with pytest.raises(Invalid):
            async with database.begin(own) as tx:
                await tx.ahead(COUNT_UP, "before")
                await tx.ahead("select 1 / $2::int, $1::uuid", 0)
                await tx.ahead(COUNT_UP, "after")
                if not with_commit:
                    await seen(tx, 1)
        async with database.begin(own) as tx:
            assert await seen(tx, 2) == (2, str(own.tenant))
            assert await tx.rows("select 1 from counters where tenant_id = $1") == []


async def test_what_can_not_be_sent_is_refused_like_any_value(database: Database) -> None:
    for wrong in ("\ud800", "nul\0", 2**80):
        with pytest.raises(Invalid):
            async with database.begin(ctx()) as tx:
                await tx.ahead(f"select $2::{'int' if isinstance(wrong, int) else 'text'}, $1::uuid", wrong)
                await seen(tx, 1)


async def test_a_block_that_fails_sends_nothing_of_what_is_ahead(database: Database) -> None:
    own = ctx()
    await _tenant(database, own)
    for _ in range(10):
        with pytest.raises(LookupError):
            async with database.begin(own) as tx:
                await seen(tx, 1)
                await tx.ahead(COUNT_UP, "never")
                raise LookupError
    async with database.begin(own) as tx:
        assert await tx.rows("select 1 from counters where tenant_id = $1") == []


async def test_a_statement_the_server_has_forgotten_is_told_anew(database: Database) -> None:
    other = Database(Pool(database._pool._connect, 1))
    try:
        async with other.begin(ctx()) as tx:
            await tx.ahead("select 5, $1::uuid")
        conn = await other._pool.acquire()
        await conn.execute("deallocate all")
        other._pool.release(conn)
        with pytest.raises(Exception, match="does not exist"):
            async with other.begin(ctx()) as tx:
                await tx.ahead("select 5, $1::uuid")
        async with other.begin(ctx()) as tx:
            sent = await tx.ahead("select 5, $1::uuid")
        assert sent.row is not None and sent.row[0] == "5"
    finally:
        await other.close()


async def test_what_is_ahead_is_never_on_its_way_alone(database: Database) -> None:
    """Neither when the end of the transaction before is sent meanwhile, nor in front of a message that the server would
    pass over after an error."""
    small = Database(Pool(database._pool._connect, 1))
    own = ctx()
    await _tenant(database, own)
    try:
        for divisor in (1, 0):
            for simple in (False, True):
                async with small.read(own) as tx:
                    await seen(tx, 1)
                said = asyncio.timeout(5)
                with contextlib.suppress(Invalid, asyncpg.InFailedSQLTransactionError):
                    async with said, small.begin(own) as tx:
                        await tx.ahead("select 1 / $2::int, $1::uuid", divisor)
                        for _ in range(5):
                            await asyncio.sleep(0)
                        if simple:
                            await tx.platform.run("select 1")
                        await tx.ahead(COUNT_UP, f"{divisor}{simple}")
                assert not said.expired()
        async with small.begin(own) as tx:
            found = await tx.rows("select name from counters where tenant_id = $1 order by name")
        assert [row[0] for row in found] == ["1False", "1True"]
    finally:
        await small.close()


async def test_without_a_wire_it_is_the_same(database: Database) -> None:
    """Over TLS there is none."""
    own = ctx()
    await _tenant(database, own)
    conn = await database._pool.acquire()
    wire, conn.wire = conn.wire, None
    try:
        await conn.begin(own.tenant)
        sent = await conn.ahead(COUNT_UP, own.tenant, "x")
        ident = await conn.ahead("select $1::uuid, null::int", own.tenant)
        await conn.commit()
    finally:
        conn.wire = wire
        database._pool.release(conn)
    assert sent.row == ["1"] and ident.row == [own.tenant.hex, None]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 4096])
@pytest.mark.parametrize("fails", [False, True])
async def test_answers_ahead_are_told_apart_wherever_they_are_cut(size: int, fails: bool) -> None:
    inner, socket = Inner(), Socket()
    wire = Wire(inner)
    wire.connection_made(socket)
    wire.hold(query("begin"))
    first, second = wire.send("select $1", [5]), wire.send("select $1", [None])
    inner.transport.write(memoryview(b"a statement"))
    assert len(socket.sent) == 1 and socket.sent[0].endswith(b"a statement") and socket.sent[0].count(b"select $1") == 2
    done, ready = b"C\0\0\0\x0aBEGIN\0", b"Z\0\0\0\x05T"
    row, empty = b"D\0\0\0\x0b\0\1\0\0\0\x015", b"D\0\0\0\x0a\0\1\xff\xff\xff\xff"
    theirs = b"2\0\0\0\4D\0\0\0\x06xyZ\0\0\0\x05T"
    wrong = b"E\0\0\0\x12SERROR\0C22012\0\0"
    answer = done + ready + b"1\0\0\0\4" + b"2\0\0\0\4" + row + done
    answer += wrong + ready if fails else b"1\0\0\0\4" + b"2\0\0\0\4" + empty + done + theirs
    for at in range(0, len(answer), size):
        wire.data_received(answer[at : at + size])
    assert first.row == ["5"] and second.row == (None if fails else [None])
    assert inner.heard == (wrong + ready if fails else theirs)


COUNT_UP = """
insert into counters as c (tenant_id, name, last) values ($1, $2, 1)
on conflict (tenant_id, name) do update set last = c.last + 1 returning last
"""


async def _tenant(database: Database, own: Ctx) -> None:
    async with database.begin(own) as tx:
        sql = "insert into tenants (id, slug, name, created_at) values ($1, $1::uuid::text, 'A shop', now())"
        await tx.platform.run(sql, own.tenant)
