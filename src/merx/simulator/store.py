"""SQL on the simulator's own tables. They belong to no tenant; `account` is the provider's word for whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from merx.db.database import Database, Statements

TABLES = ("simulator_objects", "simulator_idempotency", "simulator_callbacks")
Body = dict[str, Any]

PUT = """
insert into simulator_objects (id, account, kind, parent, body, created_at, expires_at)
values ($1, $2, $3, $4, $5::jsonb, $6, $7)
on conflict (id) do update set parent = excluded.parent, body = excluded.body, expires_at = excluded.expires_at
"""
GET = "select body from simulator_objects where id = $1 and account = $2 and kind = $3"
LOCK = "select body from simulator_objects where id = $1 and account = $2 and kind = $3 for no key update"
CHILDREN = "select body from simulator_objects where parent = $1 and account = $2 and kind = $3 order by number"
LIST = """
select body from simulator_objects
where account = $1 and kind = $2 and ($3::text is null or parent = $3) and created_at >= $4 and created_at < $5
  and ($6::text is null or number < (select number from simulator_objects where id = $6 and account = $1))
order by number desc limit $7
"""
ACCOUNT_OF = "select account from simulator_objects where id = $1 and kind = $2"
OVERDUE = """
select id, account from simulator_objects where expires_at is not null and expires_at <= $1 order by expires_at limit 20
"""
SHOP = "select name from tenants where id = $1"

# What is older than $5 and still 'running' was left behind by a process that died: it is taken over.
CLAIM = """
with claimed as (
  insert into simulator_idempotency (account, key, fingerprint, started_at) values ($1, $2, $3, $4)
  on conflict (account, key) do update set started_at = excluded.started_at
    where simulator_idempotency.status is null and simulator_idempotency.started_at < $5
      and simulator_idempotency.fingerprint = excluded.fingerprint
  returning 1)
select exists (select 1 from claimed) as claimed, k.fingerprint, k.status, k.answer, c.body as control
from (select 1) one
left join simulator_idempotency k on k.account = $1 and k.key = $2
left join simulator_objects c on c.id = 'control_' || $1 and c.account = $1
"""
ANSWERED = "update simulator_idempotency set status = $3, answer = $4 where account = $1 and key = $2"
UNCLAIM = "delete from simulator_idempotency where account = $1 and key = $2 and status is null"

INSERT_CALLBACKS = """
insert into simulator_callbacks (account, provider, event_id, kind, body, url, next_at)
select $1, $7, e.id, e.kind, e.body, $5, e.next_at
from unnest($2::text[], $3::text[], $4::text[], $6::timestamptz[]) as e (id, kind, body, next_at)
"""
ANYTHING_DUE = """
select exists (select 1 from simulator_callbacks where done_at is null and next_at <= $1) as callbacks,
       exists (select 1 from simulator_objects where expires_at is not null and expires_at <= $1) as sessions
"""
TAKE_CALLBACKS = """
with due as (
  select number, next_at from simulator_callbacks where done_at is null and next_at <= $1
  order by next_at, number limit 50 for update skip locked)
update simulator_callbacks c set attempts = attempts + 1, next_at = $2 from due where c.number = due.number
returning c.number, c.account, c.provider, c.event_id, c.body, c.url, c.attempts, due.next_at as due_at
"""
NOTE_CALLBACK = "update simulator_callbacks set status = $2, next_at = $3, done_at = $4 where number = $1"
FORGET = """
with keys as (delete from simulator_idempotency where started_at < $1)
delete from simulator_callbacks where done_at < $1
"""
CALLBACKS = """
select event_id, kind, attempts, status, done_at is not null as done from simulator_callbacks
where account = $1 order by number desc limit 200
"""


async def put(
    tx: Statements, account: str, kind: str, body: Body, parent: str | None = None, expires_at: datetime | None = None
) -> None:
    made = datetime.fromtimestamp(body["created"]).astimezone()
    await tx.run(PUT, body["id"], account, kind, parent, msgspec.json.encode(body).decode(), made, expires_at)


async def get(tx: Statements, account: str, kind: str, ident: str) -> Body | None:
    return _body(await tx.row(GET, ident, account, kind))


async def lock(tx: Statements, account: str, kind: str, ident: str) -> Body | None:
    return _body(await tx.row(LOCK, ident, account, kind))


async def children(tx: Statements, account: str, kind: str, parent: str) -> list[Body]:
    return [_decode(row[0]) for row in await tx.rows(CHILDREN, parent, account, kind)]


async def listed(
    tx: Statements,
    account: str,
    kind: str,
    parent: str | None,
    made: tuple[datetime, datetime],
    after: str | None,
    limit: int,
) -> list[Body]:
    """Newest first; `made` is a half-open span of time."""
    return [_decode(row[0]) for row in await tx.rows(LIST, account, kind, parent, *made, after, limit)]


async def account_of(tx: Statements, kind: str, ident: str) -> str | None:
    """Of an object whose id nobody can guess: a payment page, an order."""
    row = await tx.row(ACCOUNT_OF, ident, kind)
    return None if row is None else str(row[0])


async def overdue(tx: Statements, now: datetime) -> list[tuple[str, str]]:
    return [(row["id"], row["account"]) for row in await tx.rows(OVERDUE, now)]


async def shop_name(tx: Statements, account: str) -> str | None:
    row = await tx.row(SHOP, UUID(account))
    return None if row is None else str(row[0])


# ── Idempotency ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def claim(db: Database, account: str, key: str, fingerprint: str, now: datetime) -> Mapping[str, Any]:
    """`claimed` where this call may run; else what is known of the one that came first. Carries the account's control
    along, which saves a round trip."""
    row = await db.lookup(CLAIM, account, key, fingerprint, now, now - timedelta(seconds=15))
    assert row is not None
    found: Mapping[str, Any] = row
    return found


async def answered(tx: Statements, account: str, key: str, status: int, answer: str) -> None:
    await tx.run(ANSWERED, account, key, status, answer)


async def unclaim(db: Database, account: str, key: str) -> None:
    await db.lookup(UNCLAIM, account, key)


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_callbacks(
    tx: Statements, account: str, provider: str, url: str | None, rows: Sequence[tuple[str, str, str, datetime]]
) -> None:
    """Each row: event id, kind, body, when to send."""
    ids, kinds, bodies, times = (list(column) for column in zip(*rows, strict=True))
    await tx.run(INSERT_CALLBACKS, account, ids, kinds, bodies, url, times, provider)


async def anything_due(db: Database, now: datetime) -> tuple[bool, bool]:
    row = await db.lookup(ANYTHING_DUE, now)
    return (False, False) if row is None else (row["callbacks"], row["sessions"])


async def take_callbacks(db: Database, now: datetime, lease: timedelta) -> list[Any]:
    """Due callbacks, oldest first. Should this process die, they are due again when the lease ends."""
    return sorted(await db.lookups(TAKE_CALLBACKS, now, now + lease), key=lambda row: (row["due_at"], row["number"]))


async def note_callback(db: Database, number: int, status: int, next_at: datetime, done_at: datetime | None) -> None:
    await db.lookup(NOTE_CALLBACK, number, status, next_at, done_at)


async def forget(db: Database, before: datetime) -> None:
    await db.lookup(FORGET, before)


async def callbacks(tx: Statements, account: str) -> list[Body]:
    return [dict(row) for row in await tx.rows(CALLBACKS, account)]


def _body(row: Any | None) -> Body | None:
    return None if row is None else _decode(row[0])


def _decode(text: str) -> Body:
    body: Body = msgspec.json.decode(text)
    return body
