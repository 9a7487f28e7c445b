"""Writes webhook_endpoints, webhook_deliveries and webhook_attempts. A claim is a lease: `locked_by` and `attempt`
fence it, so that a worker that comes back too late changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from merx.core.webhooks.model import (
    LOST,
    MAX_ENDPOINTS,
    Attempt,
    Delivery,
    DeliveryState,
    Draft,
    Endpoint,
    Health,
    Holder,
    Policy,
    Settlement,
    Tried,
)
from merx.db import outbox
from merx.db.database import Tx
from merx.kernel.events import PERSONAL
from merx.kernel.ids import CustomerId, DeliveryId, EndpointId

TABLES = ("webhook_endpoints", "webhook_deliveries", "webhook_attempts")

# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────────
_ENDPOINT = "id, url, events, active, failing_since, disabled_reason, created_at"
INSERT_ENDPOINT = f"""
insert into webhook_endpoints (tenant_id, id, url, events, secret, created_at)
select $1, $2::uuid, $3::text, $4::text[], $5::bytea, $6::timestamptz
where (select count(*) from webhook_endpoints e where e.tenant_id = $1 and e.deleted_at is null) < {MAX_ENDPOINTS}
returning {_ENDPOINT}
"""
ENDPOINTS = f"select {_ENDPOINT} from webhook_endpoints where tenant_id = $1 and deleted_at is null order by id"
ENDPOINT = f"select {_ENDPOINT} from webhook_endpoints where tenant_id = $1 and id = $2 and deleted_at is null"
LOCK_ENDPOINT = f"{ENDPOINT} for no key update"
UPDATE_ENDPOINT = f"""
update webhook_endpoints
set url = $3, events = $4, active = $5, failing_since = $6, disabled_reason = $7
where tenant_id = $1 and id = $2 and deleted_at is null returning {_ENDPOINT}
"""
DELETE_ENDPOINT = """
update webhook_endpoints set deleted_at = $3, active = false, previous_secret = null, previous_until = null
where tenant_id = $1 and id = $2 and deleted_at is null
"""
ROTATE = f"""
update webhook_endpoints
set secret = $3, previous_secret = case when $4::timestamptz is null then null else secret end, previous_until = $4
where tenant_id = $1 and id = $2 and deleted_at is null returning {_ENDPOINT}
"""
SET_HEALTH = """
with said as (select * from unnest($2::uuid[], $3::boolean[], $4::boolean[]) as s (id, succeeded, gone)),
held as materialized (
  select e.id, e.active from webhook_endpoints e where e.tenant_id = $1 and e.id = any($2::uuid[])
  order by e.id for no key update),
changed as (
  update webhook_endpoints e
  set failing_since = case when s.succeeded then null else coalesce(e.failing_since, $5) end,
    active = e.active and not s.gone and (s.succeeded or coalesce(e.failing_since > $6, true)),
    disabled_reason = case when not e.active then e.disabled_reason
      when s.gone then 'The receiver answered 410 Gone.'
      when not s.succeeded and e.failing_since <= $6 then 'Every try failed for three days.' end
  from said s join held h using (id)
  where e.tenant_id = $1 and e.id = s.id
  returning e.id, h.active and not e.active as switched_off, e.disabled_reason)
select id, disabled_reason from changed where switched_off
"""


async def insert_endpoint(
    tx: Tx, endpoint: EndpointId, url: str, events: Sequence[str], sealed: bytes
) -> Endpoint | None:
    """None where the tenant has as many as it may."""
    return _endpoint(await tx.row(INSERT_ENDPOINT, endpoint, url, list(events), sealed, tx.ctx.now))


async def endpoints(tx: Tx) -> list[Endpoint]:
    """Oldest first."""
    return [_made_endpoint(row) for row in await tx.rows(ENDPOINTS)]


async def endpoint(tx: Tx, endpoint_id: EndpointId) -> Endpoint | None:
    return _endpoint(await tx.row(ENDPOINT, endpoint_id))


async def lock_endpoint(tx: Tx, endpoint_id: EndpointId) -> Endpoint | None:
    return _endpoint(await tx.row(LOCK_ENDPOINT, endpoint_id))


async def update_endpoint(tx: Tx, changed: Endpoint) -> Endpoint | None:
    return _endpoint(
        await tx.row(
            UPDATE_ENDPOINT,
            changed.id,
            changed.url,
            list(changed.events),
            changed.active,
            changed.failing_since,
            changed.disabled_reason,
        )
    )


async def delete_endpoint(tx: Tx, endpoint_id: EndpointId) -> bool:
    return await tx.run(DELETE_ENDPOINT, endpoint_id, tx.ctx.now) == 1


async def rotate(tx: Tx, endpoint_id: EndpointId, sealed: bytes, previous_until: datetime | None) -> Endpoint | None:
    """The secret until now stays valid until `previous_until`; with None it ends at once."""
    return _endpoint(await tx.row(ROTATE, endpoint_id, sealed, previous_until))


async def set_health(tx: Tx, found: Sequence[Health], policy: Policy) -> list[tuple[EndpointId, str]]:
    """Notes since when endpoints fail; switches off those that are gone or failed for too long, and names them with
    the reason."""
    rows = await tx.rows(
        SET_HEALTH,
        [one.endpoint_id for one in found],
        [one.succeeded for one in found],
        [one.gone for one in found],
        tx.ctx.now,
        tx.ctx.now - policy.switch_off_after,
    )
    return [(EndpointId(row[0]), row[1]) for row in rows]


def _endpoint(row: Any | None) -> Endpoint | None:
    return None if row is None else _made_endpoint(row)


def _made_endpoint(row: Any) -> Endpoint:
    return Endpoint(EndpointId(row[0]), row[1], tuple(row[2]), row[3], row[4], row[5], row[6])


# ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────────
_INSERT = """
insert into webhook_deliveries as d (tenant_id, id, endpoint_id, event_id, kind, body, subject, next_at, created_at)
select $1, n.id, n.endpoint_id, n.event_id, n.kind, n.body, n.subject, $8::timestamptz, $8::timestamptz
from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::uuid[])
  as n (id, endpoint_id, event_id, kind, body, subject)
"""
INSERT_DELIVERIES = f"{_INSERT} on conflict (tenant_id, endpoint_id, event_id) do nothing"
REPLAY_DELIVERIES = f"""
{_INSERT}
on conflict (tenant_id, endpoint_id, event_id) do update
set state = 'waiting', next_at = excluded.next_at, finished_at = null, earlier_attempts = d.attempt
where d.tenant_id = $1 and d.state in ('delivered', 'dead')
"""
REDELIVER = """
update webhook_deliveries d
set state = 'waiting', next_at = $3, finished_at = null,
  earlier_attempts = case when d.state = 'waiting' then d.earlier_attempts else d.attempt end
where d.tenant_id = $1 and d.id = $2 and d.state <> 'sending'
"""
# Nothing is sent to an endpoint that is off.
PARK = """
update webhook_deliveries d set state = 'dead', finished_at = $2, locked_by = null, locked_until = null
where d.tenant_id = $1
  and d.endpoint_id = any(array(select e.id from webhook_endpoints e where e.tenant_id = $1 and not e.active))
  and (d.state = 'waiting' or (d.state = 'sending' and d.next_at <= $2))
"""
# One claim at a time works on an endpoint (skip locked), and one worker at a time: so its places are counted in one
# process, which may claim more than it can send at once. A row in 'sending' whose lease is over was left behind by a
# worker that died: its try counts, and is noted as lost.
CLAIM = f"""
with listening as (
  select e.id, e.url, e.secret, e.previous_secret, e.previous_until, e.failing_since
  from webhook_endpoints e where e.tenant_id = $1 and e.active order by e.id for no key update skip locked),
shared as (
  select l.*, case when l.failing_since is null
      then least($6::int, $7::int / greatest(1, (select count(*) from webhook_endpoints a
        where a.tenant_id = $1 and a.active))::int)
      else 1 end as places
  from listening l),
room as (
  select s.*, h.others, greatest(0, s.places * (case when s.failing_since is null then $9::int else 1 end) - h.held) as free
  from shared s cross join lateral (
    select count(*) as held, count(*) filter (where w.locked_by <> $3) as others from webhook_deliveries w
    where w.tenant_id = $1 and w.endpoint_id = s.id and w.state = 'sending' and w.next_at > $2) h),
picked as (
  select d.id, d.attempt, d.earlier_attempts, d.state = 'sending' as lost,
    d.state = 'sending' and d.attempt - d.earlier_attempts >= $8 as poison
  from room r cross join lateral (
    select w.id, w.attempt, w.earlier_attempts, w.state from webhook_deliveries w
    where w.tenant_id = $1 and w.endpoint_id = r.id and w.state in ('waiting', 'sending') and w.next_at <= $2
    order by w.next_at limit r.free for no key update skip locked) d
  where r.others = 0
  limit $5),
noted as (
  insert into webhook_attempts (tenant_id, delivery_id, attempt, error, milliseconds, created_at)
  select $1, p.id, p.attempt, '{LOST}', 0, $2 from picked p where p.lost on conflict do nothing),
taken as (
  update webhook_deliveries d
  set state = case when p.poison then 'dead' else 'sending' end,
    attempt = case when p.poison then d.attempt else d.attempt + 1 end,
    locked_by = case when p.poison then null else $3::uuid end,
    locked_until = case when p.poison then null else $4::timestamptz end,
    next_at = case when p.poison then d.next_at else $4::timestamptz end,
    finished_at = case when p.poison then $2 end
  from picked p where d.tenant_id = $1 and d.id = p.id
  returning d.id, d.endpoint_id, d.event_id, d.kind, d.body, d.state, d.attempt, d.earlier_attempts)
select t.id, t.endpoint_id, t.event_id, t.kind, t.body, t.attempt, t.attempt - t.earlier_attempts as tried,
  l.url, l.secret, case when l.previous_until > $2 then l.previous_secret end as previous_secret,
  l.failing_since is not null as failing, l.places
from taken t join shared l on l.id = t.endpoint_id where t.state = 'sending'
"""
# Only what is being sent is locked by anybody. To ask for the state as well would tempt the planner to an index full of
# rows that have left that state.
SETTLE = """
with said as (
  select * from unnest($3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::boolean[], $8::int[], $9::text[],
    $10::text[], $11::int[], $12::timestamptz[], $13::boolean[])
  as s (id, attempt, state, next_at, returned, status, error, answer, milliseconds, at, begun)),
noted as (
  insert into webhook_attempts (tenant_id, delivery_id, attempt, status, error, answer, milliseconds, created_at)
  select $1, s.id, s.attempt, s.status, s.error, s.answer, s.milliseconds, s.at
  from said s join webhook_deliveries d on d.tenant_id = $1 and d.id = s.id where s.begun
  on conflict do nothing)
update webhook_deliveries d
set state = s.state, next_at = s.next_at, locked_by = null, locked_until = null,
  attempt = d.attempt - (not s.begun)::int,
  earlier_attempts = d.earlier_attempts + (s.returned and s.begun)::int,
  finished_at = case when s.state in ('delivered', 'dead') then s.at end
from said s
where d.tenant_id = $1 and d.id = s.id and d.locked_by = $2 and d.attempt = s.attempt
returning d.id
"""
FORGET_DELIVERIES = """
delete from webhook_deliveries where tenant_id = $1 and id = any(array(
  select d.id from webhook_deliveries d where d.tenant_id = $1 and d.finished_at < $2 order by d.id limit $3))
"""
_SAID = "convert_from(d.body, 'UTF8')::jsonb"
ERASE = f"""
update webhook_deliveries d
set body = convert_to(jsonb_set({_SAID}, '{{data}}', {outbox.blanked(f"({_SAID} -> 'data')")})::text, 'UTF8')
where d.tenant_id = $1 and d.subject = any($2::uuid[])
"""
ERASE_ANSWERS = """
update webhook_attempts a set answer = null
from (
  select t.delivery_id, t.attempt
  from orders o
    join webhook_deliveries d on d.tenant_id = $1 and d.subject = o.id
    join webhook_attempts t on t.tenant_id = $1 and t.delivery_id = d.id
  where o.tenant_id = $1 and o.customer_id = $2 and t.answer is not null limit $3) said
where a.tenant_id = $1 and a.delivery_id = said.delivery_id and a.attempt = said.attempt
"""
_DELIVERY = "id, endpoint_id, event_id, kind, state, attempt, next_at, created_at, finished_at"
DELIVERIES = f"""
select {_DELIVERY} from webhook_deliveries
where tenant_id = $1 and state = any($2::text[]) order by id desc limit $3 offset $4
"""
DELIVERIES_TO = f"""
select {_DELIVERY} from webhook_deliveries
where tenant_id = $1 and endpoint_id = $5 and state = any($2::text[]) order by event_id desc limit $3 offset $4
"""
COUNT_DELIVERIES = "select count(*) from webhook_deliveries where tenant_id = $1 and state = any($2::text[])"
COUNT_DELIVERIES_TO = f"{COUNT_DELIVERIES} and endpoint_id = $3"
COUNT_DELIVERIES_UP_TO = """
select count(*) from (select 1 from webhook_deliveries
  where tenant_id = $1 and endpoint_id = $3 and state = any($2::text[]) limit $4::bigint) as counted
"""
DELIVERY = f"select {_DELIVERY} from webhook_deliveries where tenant_id = $1 and id = $2"
ATTEMPTS = """
select delivery_id, attempt, status, error, answer, milliseconds, created_at from webhook_attempts
where tenant_id = $1 and delivery_id = any($2::uuid[]) order by delivery_id, attempt
"""


async def insert_deliveries(tx: Tx, drafts: Sequence[Draft]) -> int:
    """Due at once; those that exist are left alone. How many are new."""
    return await tx.run(INSERT_DELIVERIES, *_columns(drafts), tx.ctx.now)


async def replay_deliveries(tx: Tx, drafts: Sequence[Draft]) -> int:
    """The same, but those that had ended begin a new series of tries, with the body they always had."""
    return await tx.run(REPLAY_DELIVERIES, *_columns(drafts), tx.ctx.now)


async def redeliver(tx: Tx, delivery_id: DeliveryId) -> bool:
    """Due at once; one that had ended begins a new series of tries. False where it is on its way, or unknown."""
    return await tx.run(REDELIVER, delivery_id, tx.ctx.now) == 1


async def park(tx: Tx) -> int:
    """Ends the deliveries of endpoints that are off."""
    return await tx.run(PARK, tx.ctx.now)


async def claim(tx: Tx, holder: Holder, room: int) -> list[Any]:
    """Up to `room` tries: for each endpoint some for each of its places, which are its share of the tenant's; an endpoint
    whose last try failed has one place and one try, until it answers again."""
    policy, now = holder.policy, tx.ctx.now
    places = (policy.per_endpoint, policy.per_tenant, policy.most_tries, policy.claimed_ahead)
    return await tx.rows(CLAIM, now, holder.id, now + policy.lease, room, *places)


async def settle(tx: Tx, holder: Holder, ended: Sequence[tuple[Tried, Settlement]]) -> set[DeliveryId]:
    """Notes every try; moves the deliveries this holder still holds, and names them."""
    rows = await tx.rows(
        SETTLE,
        holder.id,
        [tried.due.delivery_id for tried, _ in ended],
        [tried.due.attempt for tried, _ in ended],
        [after.state.value for _, after in ended],
        [after.next_at for _, after in ended],
        [tried.returned for tried, _ in ended],
        [tried.status for tried, _ in ended],
        [tried.error for tried, _ in ended],
        [tried.answer for tried, _ in ended],
        [tried.milliseconds for tried, _ in ended],
        [tried.at for tried, _ in ended],
        [tried.begun for tried, _ in ended],
    )
    return {DeliveryId(row[0]) for row in rows}


async def forget_deliveries(tx: Tx, before: datetime, limit: int) -> int:
    return await tx.run(FORGET_DELIVERIES, before, limit)


async def erase(tx: Tx, subjects: Sequence[UUID]) -> None:
    """What deliveries of events about these say of a person; sent again, they say it no more."""
    await tx.run(ERASE, list(subjects), list(PERSONAL))


async def erase_answers(tx: Tx, customer: CustomerId, limit: int) -> int:
    """What receivers answered to events about this customer's orders: it may repeat what they were sent. How many."""
    return await tx.run(ERASE_ANSWERS, customer, limit)


async def deliveries(
    tx: Tx, endpoint_id: EndpointId | None, states: Sequence[DeliveryState], limit: int, offset: int
) -> list[Delivery]:
    """Newest first, without their tries."""
    wanted = [state.value for state in states]
    if endpoint_id is None:
        rows = await tx.rows(DELIVERIES, wanted, limit, offset)
    else:
        rows = await tx.rows(DELIVERIES_TO, wanted, limit, offset, endpoint_id)
    return [_delivery(row) for row in rows]


async def count_deliveries(tx: Tx, endpoint_id: EndpointId | None, states: Sequence[DeliveryState]) -> int:
    wanted = [state.value for state in states]
    if endpoint_id is None:
        row = await tx.row(COUNT_DELIVERIES, wanted)
    else:
        row = await tx.row(COUNT_DELIVERIES_TO, wanted, endpoint_id)
    return 0 if row is None else int(row[0])


async def count_deliveries_up_to(tx: Tx, endpoint_id: EndpointId, states: Sequence[DeliveryState], most: int) -> int:
    """`most`: where counting stops."""
    row = await tx.row(COUNT_DELIVERIES_UP_TO, [state.value for state in states], endpoint_id, most)
    return 0 if row is None else int(row[0])


async def delivery(tx: Tx, delivery_id: DeliveryId) -> Delivery | None:
    row = await tx.row(DELIVERY, delivery_id)
    return None if row is None else _delivery(row)


async def attempts(tx: Tx, of: Sequence[DeliveryId]) -> dict[UUID, list[Attempt]]:
    found: dict[UUID, list[Attempt]] = {}
    for row in await tx.rows(ATTEMPTS, list(of)):
        found.setdefault(row[0], []).append(Attempt(row[1], row[2], row[3], row[4], row[5], row[6]))
    return found


def _columns(drafts: Sequence[Draft]) -> tuple[list[Any], ...]:
    return (
        [draft.id for draft in drafts],
        [draft.endpoint_id for draft in drafts],
        [draft.event_id for draft in drafts],
        [draft.kind for draft in drafts],
        [draft.body for draft in drafts],
        [draft.subject for draft in drafts],
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(row[0], row[1], row[2], row[3], DeliveryState(row[4]), row[5], row[6], row[7], row[8])
