"""What a connection tells of its statements, to a tracer that only writes it down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from merx.core.quotas.service import Hit, Spent
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.db.together import Crowd
from merx.db.traced import TracedConnection, described
from merx.edge.limits import _Batched
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Conflict, MerxError
from merx.kernel.ids import PLATFORM_TENANT
from merx.kernel.spans import OPEN, Attributes, Kind, Span

WRITE = "insert into counters (tenant_id, name, last) values ($1, $2, 1) returning 1"
FORGET = "delete from counters where tenant_id = $1 and name = $2 returning 1"
ZERO = "select $1::uuid, 1 / $2::int"


class Noted:
    trace = "1" * 32

    def __init__(self, name: str = "root") -> None:
        self.name, self.children = name, list[Noted]()
        self.attributes: dict[str, Any] = {}
        self.failed: str | None = None
        self.ended = False

    def child(self, name: str, kind: Kind, attributes: Attributes) -> Span:
        self.children.append(Noted(name))
        self.children[-1].attributes |= attributes
        return self.children[-1]

    def note(self, attributes: Attributes, name: str | None = None) -> None:
        self.attributes |= attributes

    def fail(self, kind: str) -> None:
        self.failed = kind

    def end(self) -> None:
        assert not self.ended
        self.ended = True


@pytest.fixture
async def db(dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(dsn.app, 2, TracedConnection)
    yield found
    await found.close()


@pytest.fixture
def root() -> Iterator[Noted]:
    found = Noted()
    token = OPEN.set(found)
    yield found
    OPEN.reset(token)


def ctx() -> Ctx:
    return system(PLATFORM_TENANT, "tests")


def under(root: Noted) -> list[tuple[str, bool, str | None]]:
    return [(one.name, one.ended, one.failed) for one in root.children]


async def test_each_statement_and_the_commit(db: Database, root: Noted) -> None:
    name = f"traced-{datetime.now(UTC).timestamp()}"
    async with db.begin(ctx()) as tx:
        await tx.row(WRITE, name)
        sent = await tx.ahead(FORGET, name)
        assert under(root)[1:] == [("DELETE counters", False, None)]
    assert sent.row is not None
    assert under(root) == [("INSERT counters", True, None), ("DELETE counters", True, None), ("COMMIT", True, None)]
    assert name not in str([one.attributes for one in root.children])


async def test_a_reading_block_has_no_commit_to_wait_for(db: Database, root: Noted) -> None:
    async with db.read(ctx()) as tx:
        await tx.rows("select name from counters where tenant_id = $1")
    assert under(root) == [("SELECT counters", True, None)]


async def test_a_statement_that_fails_says_how(db: Database, root: Noted) -> None:
    with pytest.raises(MerxError):
        async with db.begin(ctx()) as tx:
            await tx.row(ZERO, 0)
    (failed,) = root.children
    assert (failed.failed, failed.ended) == ("22012", True)
    assert failed.attributes["db.response.status_code"] == "22012"


async def test_what_was_never_sent_is_not_told(db: Database, root: Noted) -> None:
    with pytest.raises(Conflict):
        async with db.begin(ctx()) as tx:
            await tx.ahead(FORGET, "nothing")
            raise Conflict("changed our mind")
    async with db.begin(ctx()) as tx:
        await tx.row("select $1::uuid")
    assert under(root) == [("DELETE counters", False, None), ("SELECT", True, None), ("COMMIT", True, None)]


async def test_what_nobody_asked_for_leaves_nothing(db: Database) -> None:
    async with db.begin(ctx()) as tx:
        await tx.ahead(FORGET, "nothing")
        await tx.row("select $1::uuid")


def asked_by(name: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
    """Within a request of that name."""
    context = copy_context()
    context.run(OPEN.set, Noted(name))
    return asyncio.create_task(ask(), context=context)


async def test_what_is_read_together_stands_beneath_one_who_waits_for_it() -> None:
    """A reader goes on for whoever comes next, and would otherwise belong to the first for ever."""
    crowd: Crowd[str, str] = Crowd()
    beneath, gate = list[tuple[list[str], str]](), asyncio.Event()

    async def read(keys: list[str]) -> dict[str, str]:
        above = OPEN.get()
        assert isinstance(above, Noted)
        beneath.append((keys, above.name))
        await gate.wait()
        return {key: key for key in keys}

    async def ask(key: str) -> str | None:
        return await crowd.ask(key, read)

    waiting = []
    for key in ("a", "b", "c", "d"):
        waiting.append(asked_by(f"request {key}", partial(ask, key)))
        await asyncio.sleep(0.01)
    gate.set()
    assert await asyncio.gather(*waiting) == ["a", "b", "c", "d"]
    assert beneath == [(["a"], "request a"), (["b"], "request b"), (["c", "d"], "request c")]


async def test_so_does_what_is_counted_together() -> None:
    beneath, gate = list[tuple[int, str]](), asyncio.Event()

    class Counter:
        async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
            above = OPEN.get()
            assert isinstance(above, Noted)
            beneath.append((len(hits), above.name))
            await gate.wait()
            return [(1, 0) for _ in hits]

        async def give_back(self, hit: Hit) -> None:
            return None

    batched, waiting = _Batched(Counter()), []
    for key in ("a", "b", "c"):
        waiting.append(asked_by(f"request {key}", partial(batched.add, [Hit(key, 0, 60)], 0)))
        await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(*waiting)
    assert beneath == [(1, "request a"), (2, "request b")]


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ("select a from one o join only two t on true where x in (select 1 from three)", "SELECT one two three"),
        ("with part as (select 1 from one), more (a) as (select 2) select * from part, more", "SELECT one"),
        ("with gone as (delete from one where a) insert into two as t (b) select 1 on conflict do update set b = 1",
         "DELETE one INSERT two"),
        ("select 1 from one for update skip locked", "SELECT one"),
        ("update one o set a = 1", "UPDATE one"),
        ("begin; set local app.tenant = '0198'", "BEGIN"),
        ("commit", "COMMIT"),
        ("select from unnest($1::int[]) as u (a)", "SELECT"),
    ],
)  # fmt: skip
def test_a_statement_is_named_by_what_it_does_to_which_tables(sql: str, summary: str) -> None:
    name, attributes = described(sql)
    assert name == attributes["db.query.summary"] == summary
    assert "0198" not in str(attributes["db.query.text"])
