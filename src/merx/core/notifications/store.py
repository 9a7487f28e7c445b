"""Writes notifications and notification_optouts. A claim is a lease: `locked_by` and `attempt` fence it, so that a
worker that comes back too late changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.core.notifications.model import (
    Channel,
    Content,
    Draft,
    Due,
    Ended,
    Holder,
    Notification,
    Person,
    PersonKind,
    Query,
    State,
)
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.ids import CustomerId, NotificationId

TABLES = ("notifications", "notification_optouts")
LOST = "The worker stopped at every try before it ended."

_SHOWN = (
    "id, channel, kind, transactional, person, person_id, recipient, recipient_name, subject, body_text, body_html, "
    "state, attempt, next_at, error, reference, created_at, finished_at"
)
INSERT = f"""
insert into notifications (tenant_id, id, channel, kind, transactional, person, person_id, recipient, recipient_name,
  subject, content, body_text, body_html, state, dedup_key, next_at, created_at, finished_at)
select $1, n.id, n.channel, n.kind, n.transactional, n.person, n.person_id, n.recipient, n.recipient_name, n.subject,
  n.content::jsonb, n.body_text, n.body_html, n.state, n.dedup_key, $16::timestamptz, $16::timestamptz,
  case when n.state = 'queued' then null else $16::timestamptz end
from unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::uuid[], $8::text[], $9::text[],
  $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
  as n (id, channel, kind, transactional, person, person_id, recipient, recipient_name, subject, content, body_text,
    body_html, state, dedup_key)
on conflict (tenant_id, dedup_key) do nothing
returning {_SHOWN}
"""
GET = f"select {_SHOWN} from notifications where tenant_id = $1 and id = $2"
CONTENT = "select content from notifications where tenant_id = $1 and id = $2"
BY_KEY = f"select {_SHOWN} from notifications where tenant_id = $1 and dedup_key = $2"
CLAIM = """
with picked as (
  select n.id, case
    when n.person = 'customer' and exists (select from customers c
      where c.tenant_id = $1 and c.id = n.person_id and c.erase_at is not null) then 'suppressed'
    when not n.transactional and exists (select from notification_optouts o
      where o.tenant_id = $1 and o.person_id = n.person_id and o.channel = n.channel) then 'suppressed'
    when n.state = 'sending' and n.attempt - n.earlier_attempts >= $6 then 'failed'
    else 'sending' end as state
  from notifications n
  where n.tenant_id = $1 and n.state in ('queued', 'sending') and n.next_at <= $2
  order by n.next_at limit $5 for no key update skip locked)
update notifications n
set state = p.state,
  attempt = n.attempt + (p.state = 'sending')::int,
  locked_by = case when p.state = 'sending' then $3::uuid end,
  locked_until = case when p.state = 'sending' then $4::timestamptz end,
  next_at = case when p.state = 'sending' then $4::timestamptz else n.next_at end,
  error = case when p.state = 'failed' then $7 else n.error end,
  finished_at = case when p.state <> 'sending' then $2 end
from picked p
where n.tenant_id = $1 and n.id = p.id
returning n.id, n.channel, n.kind, n.transactional, n.person, n.person_id, n.recipient, n.recipient_name, n.subject,
  n.content, n.body_text, n.body_html, n.attempt, n.attempt - n.earlier_attempts, n.series, n.created_at, n.state
"""
SETTLE = """
update notifications
set state = $5, next_at = $6, locked_by = null, locked_until = null, error = $7, reference = coalesce($8, reference),
  body_text = coalesce($9, body_text), body_html = coalesce($10, body_html),
  finished_at = case when $5 = 'queued' then null else $11::timestamptz end
where tenant_id = $1 and id = $2 and locked_by = $3 and attempt = $4
"""
DISCARD = "delete from notifications where tenant_id = $1 and id = $2 and locked_by = $3 and attempt = $4"
REQUEUE = f"""
update notifications
set state = 'queued', next_at = $3, finished_at = null, error = null, reference = null, earlier_attempts = attempt,
  series = series + 1
where tenant_id = $1 and id = $2 and state in ('sent', 'failed', 'kept')
returning {_SHOWN}
"""
KNOWN_REFERENCES = """
select reference from notifications where tenant_id = $1 and state = 'sent' and reference = any($2::text[])
"""
FORGET = """
delete from notifications where tenant_id = $1 and id = any(array(
  select n.id from notifications n where n.tenant_id = $1 and n.finished_at < $2 order by n.id limit $3))
"""


def _pages() -> dict[tuple[bool, bool], tuple[str, str]]:
    """A list and a count for each combination of filters: generic plans want no catch-all conditions."""
    made = {}
    for by_channel in (False, True):
        for by_state in (False, True):
            wanted = [name for name, asked in (("channel", by_channel), ("state", by_state)) if asked]
            where = "".join(f" and {name} = ${place}" for place, name in enumerate(wanted, 2))
            last = len(wanted) + 2
            page = f"""
select {_SHOWN} from notifications where tenant_id = $1{where} order by id desc limit ${last} offset ${last + 1}"""
            made[by_channel, by_state] = (page, f"select count(*) from notifications where tenant_id = $1{where}")
    return made


PAGES = _pages()

OPTOUTS_OF = "select person_id, channel from notification_optouts where tenant_id = $1 and person_id = any($2::uuid[])"
OPT_OUT = """
insert into notification_optouts (tenant_id, person_id, channel, created_at)
select $1, p.id, $3, $4::timestamptz from unnest($2::uuid[]) as p (id)
on conflict (tenant_id, person_id, channel) do nothing
"""
OPT_IN = "delete from notification_optouts where tenant_id = $1 and person_id = any($2::uuid[]) and channel = $3"
SUPPRESS = """
update notifications set state = 'suppressed', finished_at = $4
where tenant_id = $1 and state = 'queued' and person_id = any($2::uuid[]) and channel = $3 and not transactional
"""
ERASE = """
with choices as (delete from notification_optouts where tenant_id = $1 and person_id = $2)
delete from notifications where tenant_id = $1 and id = any(array(
  select n.id from notifications n where n.tenant_id = $1 and n.person_id = $2 and n.person = 'customer' limit $3))
"""
ERASE_BARE = "delete from notifications where tenant_id = $1 and person_id is null and recipient = $2"


async def insert(tx: Tx, drafts: Sequence[tuple[Draft, State]]) -> list[Notification]:
    """Due at once where they are to be sent; those whose key is known already are left alone. The new ones."""
    only = [draft for draft, _ in drafts]
    rows = await tx.rows(
        INSERT,
        [ids.new() for _ in only],
        [one.channel.value for one in only],
        [str(one.kind) for one in only],
        [one.transactional for one in only],
        [one.to.person.kind.value if one.to.person else None for one in only],
        [one.to.person.id if one.to.person else None for one in only],
        [one.to.address for one in only],
        [one.to.name for one in only],
        [one.subject for one in only],
        [one.content for one in only],
        [one.text for one in only],
        [one.html for one in only],
        [state.value for _, state in drafts],
        [one.key for one in only],
        tx.ctx.now,
    )
    return [_made(row) for row in rows]


async def get(tx: Tx, notification: NotificationId) -> Notification | None:
    row = await tx.row(GET, notification)
    return None if row is None else _made(row)


async def content(tx: Tx, notification: NotificationId) -> Content:
    row = await tx.row(CONTENT, notification)
    return Content() if row is None else _CONTENT.decode(row[0])


async def by_key(tx: Tx, key: str) -> Notification | None:
    row = await tx.row(BY_KEY, key)
    return None if row is None else _made(row)


async def page(tx: Tx, query: Query) -> list[Notification]:
    """Newest first."""
    sql, values = PAGES[query.channel is not None, query.state is not None][0], _values(query)
    return [_made(row) for row in await tx.rows(sql, *values, query.limit, query.offset)]


async def count(tx: Tx, query: Query) -> int:
    row = await tx.row(PAGES[query.channel is not None, query.state is not None][1], *_values(query))
    return 0 if row is None else int(row[0])


def _values(query: Query) -> list[str]:
    return [one.value for one in (query.channel, query.state) if one is not None]


async def claim(tx: Tx, holder: Holder) -> list[Due]:
    """A batch. A row in 'sending' whose lease is over was left behind by a worker that died: its try counts, and one
    that was lost at every try is given up. What its person wants no more is not tried again, and nothing to a customer
    who is being erased: they may have said so while a try was under way."""
    policy, now = holder.policy, tx.ctx.now
    rows = await tx.rows(CLAIM, now, holder.id, now + policy.lease, policy.at_once, policy.most_tries, LOST)
    return [_due(tx, row) for row in rows if row[16] == State.SENDING]


async def settle(tx: Tx, holder: Holder, ended: Ended) -> bool:
    """False where this holder does not hold it any more."""
    letter, due = ended.letter, ended.due
    touched = await tx.run(
        SETTLE,
        due.id,
        holder.id,
        due.attempt,
        ended.state.value,
        ended.next_at,
        ended.error,
        ended.reference,
        letter.text if letter else None,
        letter.html if letter else None,
        tx.ctx.now,
    )
    return touched == 1


async def discard(tx: Tx, holder: Holder, due: Due) -> None:
    await tx.run(DISCARD, due.id, holder.id, due.attempt)


async def requeue(tx: Tx, notification: NotificationId) -> Notification | None:
    """A new series of tries for one that had ended; None where it had not, or may not be sent."""
    row = await tx.row(REQUEUE, notification, tx.ctx.now)
    return None if row is None else _made(row)


async def known_references(tx: Tx, references: Sequence[str]) -> set[str]:
    return {row[0] for row in await tx.rows(KNOWN_REFERENCES, list(references))}


async def forget(tx: Tx, before: datetime, limit: int) -> int:
    return await tx.run(FORGET, before, limit)


async def optouts_of(tx: Tx, people: Collection[UUID]) -> list[tuple[UUID, Channel]]:
    """Who of these wants no news by which channel."""
    return [(row[0], Channel(row[1])) for row in await tx.rows(OPTOUTS_OF, list(people))]


async def opt_out(tx: Tx, people: Sequence[Person], channel: Channel) -> None:
    await tx.run(OPT_OUT, [one.id for one in people], channel.value, tx.ctx.now)


async def opt_in(tx: Tx, people: Sequence[Person], channel: Channel) -> None:
    await tx.run(OPT_IN, [one.id for one in people], channel.value)


async def erase(tx: Tx, customer: CustomerId, limit: int) -> int:
    """What was and would have been written to this customer, and what they chose not to be sent; how many messages."""
    return await tx.run(ERASE, customer, limit)


async def erase_bare(tx: Tx, recipient: str) -> None:
    """What went to a bare address: links for a new password, of which only the worker knows whose they were."""
    await tx.run(ERASE_BARE, recipient)


async def suppress(tx: Tx, people: Sequence[Person], channel: Channel) -> int:
    """What waits to be sent to them and is not about their own business."""
    return await tx.run(SUPPRESS, [one.id for one in people], channel.value, tx.ctx.now)


_CONTENT = msgspec.json.Decoder(Content)


def _person(kind: str | None, ident: Any) -> Person | None:
    return None if kind is None else Person(PersonKind(kind), ident)


def _made(row: Any) -> Notification:
    return Notification(
        id=NotificationId(row[0]),
        channel=Channel(row[1]),
        kind=row[2],
        transactional=row[3],
        person=_person(row[4], row[5]),
        recipient=row[6],
        recipient_name=row[7],
        subject=row[8],
        text=row[9],
        html=row[10],
        state=State(row[11]),
        attempts=row[12],
        next_at=row[13],
        error=row[14],
        reference=row[15],
        created_at=row[16],
        finished_at=row[17],
    )


def _due(tx: Tx, row: Any) -> Due:
    return Due(
        id=NotificationId(row[0]),
        tenant=tx.ctx.tenant,
        channel=Channel(row[1]),
        kind=row[2],
        transactional=row[3],
        person=_person(row[4], row[5]),
        recipient=row[6],
        recipient_name=row[7],
        subject=row[8],
        content=_CONTENT.decode(row[9]),
        text=row[10],
        html=row[11],
        attempt=row[12],
        tried=row[13],
        series=row[14],
        created_at=row[15],
    )
