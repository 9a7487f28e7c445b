"""What a merchant can do with webhooks; and for the worker: one turn of delivering, one sweep."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.core.tenants import store as tenants
from merx.core.webhooks import rules, steps, store
from merx.core.webhooks.model import (
    DELIVERIES_KEPT,
    EVENTS_KEPT,
    MAX_ENDPOINTS,
    SECRETS_OVERLAP,
    SHOWN_KINDS,
    Delivery,
    DeliveryState,
    Draft,
    Due,
    Endpoint,
    EndpointOff,
    Holder,
    NewEndpoint,
    OnItsWay,
    Tried,
)
from merx.db import outbox
from merx.db.database import Tx
from merx.db.outbox import Recorded
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, NotFound, Refused
from merx.kernel.events import WEBHOOK_SWITCHED_OFF, Event
from merx.kernel.ids import DeliveryId, EndpointId, TenantId
from merx.runtime import Runtime

_REPLAYED_AT_ONCE = 200
_FORGOTTEN_AT_ONCE = 1000
_BEFORE_ALL = UUID(int=0)

# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def create_endpoint(rt: Runtime, ctx: Ctx, url: str, events: Iterable[str]) -> NewEndpoint:
    ctx.require("webhooks:write")
    kinds, endpoint_id, secret = rules.check_events(events), EndpointId(ids.new()), rules.make_secret()
    async with rt.db.begin(ctx) as tx:
        checked = await _check_url(rt, tx, url)
        sealed = rt.vault.seal(secret.encode(), _bound(ctx.tenant, endpoint_id))
        made = await store.insert_endpoint(tx, endpoint_id, checked, kinds, sealed)
    if made is None:
        raise Refused(
            f"A shop has at most {MAX_ENDPOINTS} webhook endpoints; delete one first.", code="too_many_endpoints"
        )
    return NewEndpoint(made, secret)


async def update_endpoint(
    rt: Runtime,
    ctx: Ctx,
    endpoint_id: EndpointId,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    active: bool | None = None,
) -> Endpoint:
    """None leaves as it is. Switching on forgets the failures until now; switching off ends what waits to be sent."""
    ctx.require("webhooks:write")
    kinds = None if events is None else rules.check_events(events)
    async with rt.db.begin(ctx) as tx:
        before = await store.lock_endpoint(tx, endpoint_id)
        if before is None:
            raise NotFound("webhook endpoint")
        after = msgspec.structs.replace(
            before,
            url=before.url if url is None else await _check_url(rt, tx, url),
            events=before.events if kinds is None else kinds,
            active=before.active if active is None else active,
        )
        if active:
            after = msgspec.structs.replace(after, failing_since=None, disabled_reason=None)
        changed = await store.update_endpoint(tx, after)
        if before.active and not after.active:
            await store.park(tx)
    assert changed is not None
    return changed


async def delete_endpoint(rt: Runtime, ctx: Ctx, endpoint_id: EndpointId) -> None:
    """Its deliveries stay readable; what was not sent yet never is."""
    ctx.require("webhooks:write")
    async with rt.db.begin(ctx) as tx:
        if not await store.delete_endpoint(tx, endpoint_id):
            raise NotFound("webhook endpoint")
        await store.park(tx)


async def rotate_secret(rt: Runtime, ctx: Ctx, endpoint_id: EndpointId, keep_previous: bool = True) -> NewEndpoint:
    """A new secret. The one until now signs beside it for a day, or, where it has leaked, no more."""
    ctx.require("webhooks:write")
    secret = rules.make_secret()
    sealed = rt.vault.seal(secret.encode(), _bound(ctx.tenant, endpoint_id))
    async with rt.db.begin(ctx) as tx:
        found = await store.rotate(tx, endpoint_id, sealed, ctx.now + SECRETS_OVERLAP if keep_previous else None)
    if found is None:
        raise NotFound("webhook endpoint")
    return NewEndpoint(found, secret)


async def list_endpoints(rt: Runtime, ctx: Ctx) -> list[Endpoint]:
    """Oldest first; at most MAX_ENDPOINTS."""
    ctx.require("webhooks:read")
    async with rt.db.begin(ctx) as tx:
        return await store.endpoints(tx)


async def get_endpoint(rt: Runtime, ctx: Ctx, endpoint_id: EndpointId) -> Endpoint:
    ctx.require("webhooks:read")
    async with rt.db.begin(ctx) as tx:
        return await _endpoint(tx, endpoint_id)


# ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_deliveries(
    rt: Runtime,
    ctx: Ctx,
    *,
    endpoint_id: EndpointId | None = None,
    state: DeliveryState | None = None,
    limit: int = 20,
    offset: int = 0,
) -> tuple[list[Delivery], int]:
    """Newest first, each with every try; and how many there are."""
    ctx.require("webhooks:read")
    states = tuple(DeliveryState) if state is None else (state,)
    async with rt.db.begin(ctx) as tx:
        if endpoint_id is not None:
            await _endpoint(tx, endpoint_id)
        found = await store.deliveries(tx, endpoint_id, states, limit, offset)
        total = await store.count_deliveries(tx, endpoint_id, states)
        return await steps.with_attempts(tx, found), total


async def get_delivery(rt: Runtime, ctx: Ctx, delivery_id: DeliveryId) -> Delivery:
    ctx.require("webhooks:read")
    async with rt.db.begin(ctx) as tx:
        return await _delivery(tx, delivery_id)


async def redeliver(rt: Runtime, ctx: Ctx, delivery_id: DeliveryId, endpoint_id: EndpointId | None = None) -> Delivery:
    """Sends it again at once, whatever became of it; one that had ended gets the whole series of tries anew. With
    `endpoint_id`, only where it is one of that endpoint's."""
    ctx.require("webhooks:write")
    async with rt.db.begin(ctx) as tx:
        found = await _delivery(tx, delivery_id)
        if endpoint_id is not None and found.endpoint_id != endpoint_id:
            raise NotFound("delivery")
        endpoint = await store.endpoint(tx, found.endpoint_id)
        if endpoint is None or not endpoint.active:
            raise EndpointOff()
        if not await store.redeliver(tx, delivery_id):
            raise OnItsWay()
        again = await _delivery(tx, delivery_id)
    rt.db.wake.set()
    return again


async def replay(rt: Runtime, ctx: Ctx, endpoint_id: EndpointId, since: datetime, until: datetime) -> int:
    """Sends this endpoint everything it listens to that happened from `since` on and before `until`, delivered before
    or not; how many that are. Reaches back as far as events are kept. Repeatable, so a failure in the middle is healed
    by asking again."""
    ctx.require("webhooks:write")
    if since >= until:
        raise Invalid("The time range ends before it begins.", field="until")
    if since < ctx.now - EVENTS_KEPT:
        raise Invalid(f"Events are kept for {EVENTS_KEPT.days} days; begin later.", code="too_long_ago", field="since")
    count, after, more = 0, _BEFORE_ALL, True
    while more:
        async with rt.db.begin(ctx) as tx:
            endpoint = await _endpoint(tx, endpoint_id)
            if not endpoint.active:
                raise EndpointOff()
            events = await outbox.between(tx, endpoint.events, since, until, after, _REPLAYED_AT_ONCE)
            if events:
                count += await store.replay_deliveries(tx, drafts(events, [endpoint]))
                after = events[-1].id
        more = len(events) == _REPLAYED_AT_ONCE
    rt.db.wake.set()
    return count


async def list_events(
    rt: Runtime, ctx: Ctx, *, kinds: Iterable[str] = (), limit: int = 20, offset: int = 0
) -> tuple[list[Recorded], int]:
    """What happened in the last days, newest first, for comparing with what arrived; and how much there is. `kinds`
    narrows it down; none means all of SHOWN_KINDS."""
    ctx.require("webhooks:read")
    wanted = tuple(kinds) or SHOWN_KINDS
    if unknown := set(wanted) - set(SHOWN_KINDS):
        raise Invalid(f"There are no events called {', '.join(sorted(unknown))}.", field="type")
    async with rt.db.begin(ctx) as tx:
        return await outbox.page(tx, wanted, limit, offset), await outbox.count(tx, wanted)


# ── For the worker ───────────────────────────────────────────────────────────────────────────────────────────────────


def drafts(events: Sequence[Recorded], endpoints: Sequence[Endpoint]) -> list[Draft]:
    """A delivery for each event and each endpoint that listens to it; each body rendered once, for good."""
    found = []
    for event in events:
        listening = [endpoint for endpoint in endpoints if endpoint.active and event.kind in endpoint.events]
        if listening:
            body = rules.render(event.kind, event.subject, event.facts, event.created_at)
            found += [
                Draft(DeliveryId(ids.new()), one.id, event.id, event.kind, body, event.subject) for one in listening
            ]
    return found


async def take_turn(rt: Runtime, ctx: Ctx, holder: Holder, ended: Sequence[Tried], room: int) -> list[Due]:
    """Notes how tries ended, and claims up to `room` new ones. Where nothing is on its way and nothing left to claim,
    what waits for endpoints that are off is ended, or it would be due for ever."""
    async with rt.db.begin(ctx) as tx:
        if ended:
            await _settle(tx, holder, ended)
        claimed = await store.claim(tx, holder, room) if room > 0 else []
        if not claimed and room == holder.policy.most_claimed:
            await store.park(tx)
    opened: dict[UUID, tuple[str, ...]] = {}
    for row in claimed:
        if row["endpoint_id"] not in opened:
            opened[row["endpoint_id"]] = _secrets(rt, ctx.tenant, row)
    return [_due(row, opened[row["endpoint_id"]]) for row in claimed]


async def forget_old(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: one handful of this tenant's events and deliveries that are past their time."""
    async with rt.db.begin(ctx) as tx:
        events = await outbox.forget(tx, ctx.now - EVENTS_KEPT, _FORGOTTEN_AT_ONCE)
        return events + await store.forget_deliveries(tx, ctx.now - DELIVERIES_KEPT, _FORGOTTEN_AT_ONCE)


async def _settle(tx: Tx, holder: Holder, ended: Sequence[Tried]) -> None:
    pairs = [(one, rules.settlement(one, holder.policy, random.random())) for one in ended]  # noqa: S311
    held = await store.settle(tx, holder, pairs)
    health = rules.health([one for one in ended if one.due.delivery_id in held])
    for endpoint_id, reason in await store.set_health(tx, health, holder.policy) if health else ():
        tx.emit(Event(WEBHOOK_SWITCHED_OFF, endpoint_id, {"reason": reason}))
        await store.park(tx)


def _secrets(rt: Runtime, tenant: TenantId, row: Any) -> tuple[str, ...]:
    bound, sealed = _bound(tenant, row["endpoint_id"]), (row["secret"], row["previous_secret"])
    try:
        return tuple(rt.vault.open(one, bound).decode() for one in sealed if one is not None)
    except ValueError:  # the installation's key was changed: the merchant sees it in the log of tries
        return ()


def _due(row: Any, secrets: tuple[str, ...]) -> Due:
    return Due(
        delivery_id=row["id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        kind=row["kind"],
        url=row["url"],
        body=row["body"],
        attempt=row["attempt"],
        tried=row["tried"],
        endpoint_failing=row["failing"],
        places=row["places"],
        secrets=secrets,
    )


async def _check_url(rt: Runtime, tx: Tx, url: str) -> str:
    settings = await tenants.settings(tx)
    return rules.check_url(url, allow_http=settings.payment_test_mode, allow_private=rt.settings.webhooks_allow_private)


async def _endpoint(tx: Tx, endpoint_id: EndpointId) -> Endpoint:
    found = await store.endpoint(tx, endpoint_id)
    if found is None:
        raise NotFound("webhook endpoint")
    return found


async def _delivery(tx: Tx, delivery_id: DeliveryId) -> Delivery:
    found = await store.delivery(tx, delivery_id)
    if found is None:
        raise NotFound("delivery")
    return (await steps.with_attempts(tx, [found]))[0]


def _bound(tenant: TenantId, endpoint_id: UUID) -> str:
    return f"webhook/{tenant}/{endpoint_id}"
