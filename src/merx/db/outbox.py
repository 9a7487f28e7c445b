"""The outbox after the commit: what the relay claims, what a merchant reads back, what the sweep forgets.

`merx.db.database` owns the table: `Tx.emit` writes its rows. Here they are claimed by their state, never by an id
beyond the last one seen: a slow transaction commits a lower id later than a quick one, and must not be overlooked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.db.database import Tx
from merx.kernel.events import PERSONAL
from merx.kernel.ids import EventId


class Recorded(msgspec.Struct, frozen=True):
    """An event that was committed. Ids rise with time, though not strictly."""

    id: EventId
    kind: str
    subject: UUID
    facts: dict[str, Any]
    created_at: datetime


_COLUMNS = "id, kind, subject, facts, created_at"
CLAIM = f"""
select {_COLUMNS} from outbox where tenant_id = $1 and state = 'new' order by id limit $2 for update skip locked
"""
MARK_RELAYED = "update outbox set state = 'relayed' where tenant_id = $1 and id = any($2::uuid[])"
PAGE = f"""
select {_COLUMNS} from outbox where tenant_id = $1 and kind = any($2::text[]) order by id desc limit $3 offset $4
"""
COUNT = "select count(*) from outbox where tenant_id = $1 and kind = any($2::text[])"
BETWEEN = f"""
select {_COLUMNS} from outbox
where tenant_id = $1 and kind = any($2::text[]) and created_at >= $3 and created_at < $4 and id > $5
order by id limit $6
"""
FORGET = """
delete from outbox where tenant_id = $1 and id = any(array(
  select o.id from outbox o where o.tenant_id = $1 and o.state = 'relayed' and o.created_at < $2
  order by o.id limit $3))
"""


def blanked(facts: str) -> str:
    """The SQL of `facts` without what says anything of a person: an e-mail is null, all else empty. It has the names of
    such facts as $3."""
    return f"""{facts} || (
    select coalesce(jsonb_object_agg(k.name, case k.name when 'email' then 'null'::jsonb else '""'::jsonb end), '{{}}')
    from jsonb_object_keys({facts}) as k (name) where k.name = any($3::text[]))"""


ERASE = f"""
update outbox o set facts = {blanked("o.facts")} where o.tenant_id = $1 and o.subject = any($2::uuid[])
"""


async def claim(tx: Tx, limit: int) -> list[Recorded]:
    """Events that no relay has taken, locked until this transaction ends; those another relay holds are passed over."""
    return [_recorded(row) for row in await tx.rows(CLAIM, limit)]


async def mark_relayed(tx: Tx, events: Sequence[EventId]) -> None:
    await tx.run(MARK_RELAYED, list(events))


async def page(tx: Tx, kinds: Sequence[str], limit: int, offset: int) -> list[Recorded]:
    """Newest first."""
    return [_recorded(row) for row in await tx.rows(PAGE, list(kinds), limit, offset)]


async def count(tx: Tx, kinds: Sequence[str]) -> int:
    row = await tx.row(COUNT, list(kinds))
    return 0 if row is None else int(row[0])


async def between(
    tx: Tx, kinds: Sequence[str], since: datetime, until: datetime, after: UUID, limit: int
) -> list[Recorded]:
    """Oldest first, from the id behind `after`; `until` is exclusive."""
    return [_recorded(row) for row in await tx.rows(BETWEEN, list(kinds), since, until, after, limit)]


async def forget(tx: Tx, before: datetime, limit: int) -> int:
    return await tx.run(FORGET, before, limit)


async def erase(tx: Tx, subjects: Sequence[UUID]) -> None:
    """What events about these say of a person; waits for the relay that is just telling one."""
    await tx.run(ERASE, list(subjects), list(PERSONAL))


_FACTS = msgspec.json.Decoder(dict[str, Any])


def _recorded(row: Any) -> Recorded:
    return Recorded(EventId(row[0]), row[1], row[2], _FACTS.decode(row[3]), row[4])
