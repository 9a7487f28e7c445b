"""Webhooks as a merchant sees them: endpoints, secrets, deliveries and their tries, replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests import hooks
from tests.databases import own_fixtures
from tests.hooks import HookShop

from merx.core.webhooks import rules, service, store
from merx.core.webhooks.model import (
    LOST,
    MAX_ENDPOINTS,
    TRANSITIONS,
    DeliveryState,
    Due,
    EndpointOff,
    Holder,
    OnItsWay,
    Policy,
    Tried,
)
from merx.db.database import Database
from merx.kernel import ids, states
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, NotFound, Refused
from merx.kernel.events import INVENTORY_LOW, ORDER_CREATED, ORDER_PAID, WEBHOOK_SWITCHED_OFF, Event
from merx.providers.http import HttpSender

URL = "https://hooks.example.com/merx"
POLICY = Policy()


dsn, database = own_fixtures("webhooks")
"""A database of its own: the workers of other tests would relay and try what waits here."""


@pytest.fixture
async def mine(database: Database) -> AsyncIterator[HookShop]:
    sender = HttpSender(allow_private=True)
    yield await hooks.open_hook_shop(hooks.runtime(database, sender))
    await sender.close()


def holder(**policy: Any) -> Holder:
    return Holder(ids.new(), Policy(**policy))


async def claim(shop: HookShop, by: Holder, after: float = 0, room: int = POLICY.most_claimed) -> list[Due]:
    return await service.take_turn(shop.rt, shop.at(after), by, [], room)


async def settle(shop: HookShop, by: Holder, *tried: Tried, after: float = 0) -> None:
    await service.take_turn(shop.rt, shop.at(after), by, tried, 0)


def ended(shop: HookShop, due: Due, status: int | None, after: float = 0, **more: Any) -> Tried:
    return Tried(due, shop.at(after).now, 12, status, **more)


# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_endpoint_is_made_read_changed_and_deleted(mine: HookShop) -> None:
    made = await service.create_endpoint(mine.rt, mine.ctx, URL, [INVENTORY_LOW, ORDER_PAID, ORDER_PAID])
    assert made.secret.startswith("whsec_") and made.endpoint.active
    assert made.endpoint.events == (ORDER_PAID, INVENTORY_LOW)
    assert await service.list_endpoints(mine.rt, mine.ctx) == [made.endpoint]
    changed = await service.update_endpoint(
        mine.rt, mine.ctx, made.endpoint.id, url=f"{URL}/2", events=[ORDER_CREATED], active=False
    )
    assert (changed.url, changed.events, changed.active) == (f"{URL}/2", (ORDER_CREATED,), False)
    assert await service.get_endpoint(mine.rt, mine.ctx, made.endpoint.id) == changed
    await service.delete_endpoint(mine.rt, mine.ctx, made.endpoint.id)
    assert await service.list_endpoints(mine.rt, mine.ctx) == []
    for gone in (service.get_endpoint, service.delete_endpoint, service.rotate_secret):
        with pytest.raises(NotFound):
            await gone(mine.rt, mine.ctx, made.endpoint.id)


async def test_the_secret_is_stored_sealed(mine: HookShop) -> None:
    made = await service.create_endpoint(mine.rt, mine.ctx, URL, [ORDER_PAID])
    sealed = await mine.value("select secret from webhook_endpoints where tenant_id = $1 and id = $2", made.endpoint.id)
    assert made.secret.encode() not in sealed and len(sealed) > 40
    assert made.secret not in repr(await service.list_endpoints(mine.rt, mine.ctx))


async def test_another_tenant_finds_nothing(mine: HookShop) -> None:
    other = await hooks.open_hook_shop(mine.rt)
    made = await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    delivery = (await mine.deliveries())[0]
    assert await service.list_endpoints(other.rt, other.ctx) == []
    assert (await service.list_deliveries(other.rt, other.ctx))[1] == 0
    assert (await service.list_events(other.rt, other.ctx))[1] == 0
    for act in (
        service.get_endpoint(other.rt, other.ctx, made.endpoint.id),
        service.update_endpoint(other.rt, other.ctx, made.endpoint.id, active=False),
        service.delete_endpoint(other.rt, other.ctx, made.endpoint.id),
        service.rotate_secret(other.rt, other.ctx, made.endpoint.id),
        service.list_deliveries(other.rt, other.ctx, endpoint_id=made.endpoint.id),
        service.get_delivery(other.rt, other.ctx, delivery.id),
        service.redeliver(other.rt, other.ctx, delivery.id),
        service.replay(other.rt, other.ctx, made.endpoint.id, mine.at(-9).now, mine.at(9).now),
    ):
        with pytest.raises(NotFound):
            await act
    assert (await service.get_endpoint(mine.rt, mine.ctx, made.endpoint.id)).active


async def test_reading_and_writing_are_permissions_of_their_own(mine: HookShop) -> None:
    reader = Ctx(mine.ctx.tenant, ActorKind.KEY, ids.new(), scopes=frozenset({"webhooks:read"}))
    nobody = Ctx(mine.ctx.tenant, ActorKind.KEY, ids.new(), scopes=frozenset({"orders:read"}))
    endpoint = (await mine.endpoint(URL)).endpoint.id
    some = ids.DeliveryId(ids.new())
    assert await service.list_endpoints(mine.rt, reader)
    for act in (
        service.list_endpoints(mine.rt, nobody),
        service.list_deliveries(mine.rt, nobody),
        service.list_events(mine.rt, nobody),
        service.create_endpoint(mine.rt, reader, URL, [ORDER_PAID]),
        service.update_endpoint(mine.rt, reader, endpoint, active=False),
        service.delete_endpoint(mine.rt, reader, endpoint),
        service.rotate_secret(mine.rt, reader, endpoint),
        service.redeliver(mine.rt, reader, some),
        service.replay(mine.rt, reader, endpoint, mine.at(-9).now, mine.at(9).now),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_a_shop_has_so_many_endpoints_and_no_more(mine: HookShop) -> None:
    for number in range(MAX_ENDPOINTS):
        await mine.endpoint(f"{URL}/{number}")
    with pytest.raises(Refused) as refused:
        await mine.endpoint(URL)
    assert refused.value.code == "too_many_endpoints"


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks", "ftp://example.com/", "https://", "https:///path", "//example.com", "javascript:alert(1)",
        "https://user@example.com/", "https://user:word@example.com/", "https://example.com/#part",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/", "https://[::1]/",
        "https://8.8.8.8/", "https://localhost/", "https://shop.localhost/", "https://printer.local/",
        "https://db.internal/", "https://intranet/", "https://example.com:22/", "https://example.com:80/",
        "https://example.com:5432/", "https://example.com:6379/", "https://example.com:99999/", "https://example.com:x/",
        "https://exa mple.com/", "https://example.com/\n", "https://exämple.com/", "https://example.com\\@10.0.0.1/",
        "https://" + "a" * 64 + ".com/", "https://example.com/" + "a" * 2048, "http://example.com/", "https://a..com/",
        "https://example.com\x00.org/", "https://169.254.169.254/latest/meta-data/", "https://metadata.google.internal/",
    ],
)  # fmt: skip
def test_an_address_webhooks_may_not_go_to(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_url(url, allow_http=False, allow_private=False)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://hooks.example.co.uk/a/b?c=d", "https://example.com:443/", "https://xn--exmple-cua.com/",
        "https://example.com:8443/", "https://EXAMPLE.com/", "https://my_hooks.example.com/",
    ],
)  # fmt: skip
def test_an_address_webhooks_may_go_to(url: str) -> None:
    assert rules.check_url(url, allow_http=False, allow_private=False) == url


def test_http_is_for_test_mode_and_private_addresses_for_development() -> None:
    assert rules.check_url("http://example.com/", allow_http=True, allow_private=False)
    with pytest.raises(Invalid):
        rules.check_url("http://127.0.0.1:9/", allow_http=True, allow_private=False)
    assert rules.check_url("http://127.0.0.1:9/", allow_http=False, allow_private=True)


@pytest.mark.parametrize("events", [[], ["order.eaten"], [ORDER_PAID, "payment.flagged"]])
async def test_events_are_kinds_one_may_subscribe_to(mine: HookShop, events: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        await service.create_endpoint(mine.rt, mine.ctx, URL, events)
    assert refused.value.field == "events"


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_body_is_rendered_once_and_never_changes(mine: HookShop) -> None:
    await mine.endpoint(URL)
    subject = ids.new()
    async with mine.rt.db.begin(mine.ctx) as tx:
        tx.emit(Event(ORDER_PAID, subject, {"order_number": "ORD-007", "grand_total": "19.99", "email": "a@b.example"}))
    await mine.relay()
    me = holder(pauses=(1,) * 9, jitter=0)
    first = (await claim(mine, me))[0]
    await settle(mine, me, ended(mine, first, 500))
    second = (await claim(mine, me, after=2))[0]
    assert second.body == first.body
    assert second.event_id == first.event_id and second.attempt == 2
    body = msgspec.json.decode(first.body)
    assert list(body) == ["type", "timestamp", "data"] and body["type"] == ORDER_PAID
    assert body["data"] == {
        "id": str(subject), "order_number": "ORD-007", "grand_total": "19.99", "email": "a@b.example",
    }  # fmt: skip
    assert body["timestamp"].endswith("Z")


def due_of(body: bytes = b"{}", *secrets: str, tried: int = 1) -> Due:
    event, endpoint, delivery = ids.EventId(ids.new()), ids.EndpointId(ids.new()), ids.DeliveryId(ids.new())
    return Due(delivery, endpoint, event, ORDER_PAID, URL, body, tried, tried, False, 4, secrets)


def test_both_secrets_sign_while_both_are_valid(mine: HookShop) -> None:
    new, old = rules.make_secret(), rules.make_secret()
    due = due_of(b'{"type":"order.paid"}', new, old)
    sent = hooks.Heard("POST", "/", rules.headers(due, mine.ctx.now), due.body)
    for secret in (new, old):
        assert hooks.verified(sent, secret) == {"type": ORDER_PAID}
    with pytest.raises(Exception, match=r"No matching signature|signature"):
        hooks.verified(sent, rules.make_secret())
    alone = rules.headers(due_of(b"{}", new), mine.ctx.now)
    assert "x-webhook-signature-previous" not in alone and " " not in alone["webhook-signature"]


async def test_rotation_keeps_the_old_secret_for_a_day(mine: HookShop) -> None:
    made = await mine.endpoint(URL)
    await mine.happen(3)
    await mine.relay()
    rotated = await service.rotate_secret(mine.rt, mine.ctx, made.endpoint.id)
    assert rotated.secret != made.secret
    me = holder()
    assert (await claim(mine, me, room=1))[0].secrets == (rotated.secret, made.secret)
    assert (await claim(mine, me, after=24 * 3600 + 1, room=1))[0].secrets == (rotated.secret,)
    leaked = await service.rotate_secret(mine.rt, mine.ctx, made.endpoint.id, keep_previous=False)
    assert (await claim(mine, me, after=60, room=1))[0].secrets == (leaked.secret,)


# ── Tries ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_schedule(mine: HookShop) -> None:
    """0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each a fifth sooner or later."""
    pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    now = mine.ctx.now
    for tried, pause in enumerate(pauses, 1):
        for chance, factor in ((0.0, 0.8), (0.5, 1.0), (1.0, 1.2)):
            after = rules.settlement(Tried(due_of(tried=tried), now, 1, 503), POLICY, chance)
            assert after.state is DeliveryState.WAITING
            assert (after.next_at - now).total_seconds() == pytest.approx(pause * factor)
    assert rules.settlement(Tried(due_of(tried=10), now, 1, 503), POLICY, 0.5).state is DeliveryState.DEAD


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, DeliveryState.DELIVERED), (204, DeliveryState.DELIVERED), (299, DeliveryState.DELIVERED),
        (300, DeliveryState.WAITING), (301, DeliveryState.WAITING), (404, DeliveryState.WAITING),
        (410, DeliveryState.DEAD), (500, DeliveryState.WAITING), (None, DeliveryState.WAITING),
        (199, DeliveryState.WAITING),
    ],
)  # fmt: skip
def test_only_2xx_is_success_and_410_the_end(mine: HookShop, status: int | None, state: DeliveryState) -> None:
    assert rules.settlement(Tried(due_of(), mine.ctx.now, 1, status), POLICY, 0.5).state is state


def test_a_receiver_may_ask_for_patience_but_not_for_ever(mine: HookShop) -> None:
    now = mine.ctx.now
    asked = rules.settlement(Tried(due_of(), now, 1, 429, retry_after=120), POLICY, 0.5)
    assert asked.next_at == now + timedelta(seconds=120)
    endless = rules.settlement(Tried(due_of(), now, 1, 503, retry_after=999_999), POLICY, 0.5)
    assert endless.next_at == now + timedelta(days=1)


async def test_every_try_is_logged(mine: HookShop) -> None:
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    me = holder(pauses=(1,) * 9, jitter=0)
    first = (await claim(mine, me))[0]
    await settle(mine, me, ended(mine, first, None, error="The connection was refused."))
    second = (await claim(mine, me, after=2))[0]
    await settle(mine, me, ended(mine, second, 200, after=2, answer="thanks"), after=2)
    found = (await mine.deliveries())[0]
    assert found.state is DeliveryState.DELIVERED and found.finished_at is not None
    logged = [(one.attempt, one.status, one.error, one.answer, one.milliseconds) for one in found.attempts]
    assert logged == [(1, None, "The connection was refused.", None, 12), (2, 200, None, "thanks", 12)]


async def test_a_crash_counts_as_a_try_and_a_poisonous_one_ends(mine: HookShop) -> None:
    """Ten workers claim the same delivery and die; it is dead then, and its log says what happened."""
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    for crash in range(10):
        due = (await claim(mine, holder(lease=timedelta(seconds=1)), after=crash * 2))[0]
        assert due.attempt == crash + 1
        assert await claim(mine, holder(), after=crash * 2) == []  # under its lease nobody else gets it
    assert await claim(mine, holder(), after=20) == []
    found = (await mine.deliveries())[0]
    assert found.state is DeliveryState.DEAD and found.attempt == 10
    assert [one.error for one in found.attempts] == [LOST] * 10


async def test_who_comes_back_too_late_changes_nothing(mine: HookShop) -> None:
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    zombie, heir = holder(lease=timedelta(seconds=1)), holder()
    lost = (await claim(mine, zombie))[0]
    taken = (await claim(mine, heir, after=2))[0]
    assert (taken.delivery_id, taken.attempt) == (lost.delivery_id, 2)
    await settle(mine, zombie, ended(mine, lost, 410, after=3), after=3)
    found = (await mine.deliveries())[0]
    assert found.state is DeliveryState.SENDING
    assert (await mine.value("select active from webhook_endpoints where tenant_id = $1")) is True
    await settle(mine, heir, ended(mine, taken, 200, after=4), after=4)
    await settle(mine, zombie, ended(mine, lost, 500, after=5), after=5)
    found = (await mine.deliveries())[0]
    assert found.state is DeliveryState.DELIVERED and found.attempt == 2
    assert [one.error for one in found.attempts] == [LOST, None]


async def test_the_same_worker_is_fenced_by_its_try(mine: HookShop) -> None:
    """A worker that stalled longer than its lease and claimed the same delivery again knows which try it speaks of."""
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    me = holder(lease=timedelta(seconds=1))
    stalled, again = (await claim(mine, me))[0], (await claim(mine, me, after=2))[0]
    await settle(mine, me, ended(mine, stalled, 200, after=2), after=2)
    assert (await mine.deliveries())[0].state is DeliveryState.SENDING
    await settle(mine, me, ended(mine, again, 200, after=2), after=2)
    assert (await mine.deliveries())[0].state is DeliveryState.DELIVERED


async def test_a_try_given_back_counts_for_nothing(mine: HookShop) -> None:
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    me = holder()
    due = (await claim(mine, me))[0]
    await settle(mine, me, ended(mine, due, None, returned=True, error="stopped"))
    await settle(mine, me, ended(mine, due, 200))  # nobody holds it any more, not even with this try's number
    assert (await mine.deliveries())[0].state is DeliveryState.WAITING
    again = (await claim(mine, me))[0]
    assert (again.attempt, again.tried) == (2, 1)


async def test_a_try_that_was_never_begun_leaves_no_trace(mine: HookShop) -> None:
    await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    me = holder()
    due = (await claim(mine, me))[0]
    given_back = ended(mine, due, None, returned=True, begun=False)
    await settle(mine, me, given_back)
    await settle(mine, me, given_back)  # the first may not have been heard
    found = (await mine.deliveries())[0]
    assert (found.state, found.attempt, found.attempts) == (DeliveryState.WAITING, 0, ())
    again = (await claim(mine, me))[0]
    assert (again.attempt, again.tried) == (1, 1)


async def test_places_are_shared_out_among_endpoints(mine: HookShop) -> None:
    """Four at most for one, sixteen for a shop, one for an endpoint whose last try failed; some are claimed ahead for
    each place, and an endpoint belongs to one worker while that one holds anything of it."""
    lonely = await mine.endpoint(f"{URL}/1")
    await mine.happen(80)
    await mine.relay()
    me = holder()
    claimed = await claim(mine, me)
    assert len(claimed) == 4 * 16 and {due.places for due in claimed} == {4}
    assert await claim(mine, me) == [] and await claim(mine, holder()) == []
    for number in range(2, 6):
        await mine.endpoint(f"{URL}/{number}")
    await mine.happen(80)
    await mine.relay()
    other = holder()
    claimed = await claim(mine, other)
    by_endpoint = [sum(due.endpoint_id == made.endpoint.id for due in claimed) for made in mine.endpoints]
    assert by_endpoint == [0, 48, 48, 48, 48] and {due.places for due in claimed} == {3}  # sixteen for five
    assert lonely.endpoint.id not in {due.endpoint_id for due in claimed}
    later = [due for due in await claim(mine, other, after=31) if due.endpoint_id == lonely.endpoint.id]
    assert len(later) == 48  # who held it is gone
    returned = [ended(mine, due, None, after=31, returned=True, begun=False) for due in later[1:]]
    await settle(mine, other, ended(mine, later[0], 500, after=31), *returned, after=31)
    last = await claim(mine, other, after=62)
    its = [due.places for due in last if due.endpoint_id == lonely.endpoint.id]
    assert its == [1] and len(last) == 1 + 4 * 48


async def test_two_workers_never_hold_the_same_try(mine: HookShop) -> None:
    for number in range(4):
        await mine.endpoint(f"{URL}/{number}")
    await mine.happen(10)
    await mine.relay()
    claims = await asyncio.gather(*[claim(mine, holder()) for _ in range(6)])
    held = [due.delivery_id for claimed in claims for due in claimed]
    assert len(held) == len(set(held)) and len(held) >= 4


# ── Endpoints that fail ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_gone_switches_the_endpoint_off_and_ends_what_waits(mine: HookShop) -> None:
    made = await mine.endpoint(URL)
    await mine.happen(6)
    await mine.relay()
    me = holder()
    due = (await claim(mine, me, room=1))[0]
    await settle(mine, me, ended(mine, due, 410))
    endpoint = await service.get_endpoint(mine.rt, mine.ctx, made.endpoint.id)
    assert not endpoint.active and "410" in (endpoint.disabled_reason or "")
    assert {one.state for one in await mine.deliveries()} == {DeliveryState.DEAD}
    told, _ = await service.list_events(mine.rt, mine.ctx, kinds=[WEBHOOK_SWITCHED_OFF])
    assert [event.subject for event in told] == [made.endpoint.id]
    await mine.happen(1)
    await mine.relay()
    assert len(await mine.deliveries()) == 6


async def test_three_days_of_failures_switch_it_off_and_a_success_forgives(mine: HookShop) -> None:
    made = await mine.endpoint(URL)
    await mine.happen(4)
    await mine.relay()
    me, day = holder(lease=timedelta(seconds=1)), 24 * 3600

    async def one_try(after: float, status: int) -> None:
        due = (await claim(mine, me, after=after, room=1))[0]
        await settle(mine, me, ended(mine, due, status, after=after), after=after)

    async def endpoint() -> service.Endpoint:
        return await service.get_endpoint(mine.rt, mine.ctx, made.endpoint.id)

    await one_try(0, 500)
    assert (await endpoint()).failing_since == mine.ctx.now
    await one_try(day, 200)
    assert (await endpoint()).failing_since is None
    await one_try(2 * day, 500)
    await one_try(4.9 * day, 500)
    assert (await endpoint()).active
    await one_try(5.1 * day, 500)
    off = await endpoint()
    assert not off.active and "three days" in (off.disabled_reason or "")
    on = await service.update_endpoint(mine.rt, mine.at(6 * day), made.endpoint.id, active=True)
    assert on.active and on.failing_since is None and on.disabled_reason is None


async def test_what_waits_for_an_endpoint_that_is_off_does_not_stay_due(mine: HookShop) -> None:
    """A relay that read the endpoints just before one was switched off leaves a delivery behind."""
    made = await mine.endpoint(URL)
    await mine.happen(1)
    await service.update_endpoint(mine.rt, mine.ctx, made.endpoint.id, active=False)
    async with mine.rt.db.begin(mine.ctx) as tx:
        events = await service.outbox.claim(tx, 10)
        await store.insert_deliveries(tx, service.drafts(events, [made.endpoint]))
    assert await claim(mine, holder()) == []
    assert (await mine.deliveries())[0].state is DeliveryState.DEAD


# ── Again ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_redelivery_begins_a_new_series(mine: HookShop) -> None:
    made = await mine.endpoint(URL)
    await mine.happen(1)
    await mine.relay()
    me = holder(pauses=())
    due = (await claim(mine, me))[0]
    with pytest.raises(OnItsWay):
        await service.redeliver(mine.rt, mine.ctx, due.delivery_id)
    await settle(mine, me, ended(mine, due, 500))
    assert (await mine.deliveries())[0].state is DeliveryState.DEAD
    again = await service.redeliver(mine.rt, mine.ctx, due.delivery_id)
    assert again.state is DeliveryState.WAITING and len(again.attempts) == 1
    second = (await claim(mine, me))[0]
    assert (second.attempt, second.tried, second.body) == (2, 1, due.body)
    await settle(mine, me, ended(mine, second, 200))
    await service.redeliver(mine.rt, mine.ctx, due.delivery_id)  # one that was delivered, too
    await service.update_endpoint(mine.rt, mine.ctx, made.endpoint.id, active=False)
    with pytest.raises(EndpointOff):
        await service.redeliver(mine.rt, mine.ctx, due.delivery_id)


async def test_replay_sends_a_range_again_and_what_was_never_sent(mine: HookShop) -> None:
    old = await mine.endpoint(f"{URL}/old")
    await mine.happen(450)
    while await mine.relay():
        pass
    me = holder(per_endpoint=1000, per_tenant=16_000)
    first = await claim(mine, me, after=5, room=450)
    await settle(mine, me, ended(mine, first[0], 200, after=5), after=5)
    new = await mine.endpoint(f"{URL}/new", [ORDER_PAID])
    other = await mine.endpoint(f"{URL}/other", [ORDER_CREATED])
    since, until = mine.at(-60).now, mine.at(60).now
    assert await service.replay(mine.rt, mine.ctx, new.endpoint.id, since, until) == 450
    assert await service.replay(mine.rt, mine.ctx, new.endpoint.id, since, until) == 0  # they wait already
    assert await service.replay(mine.rt, mine.ctx, other.endpoint.id, since, until) == 0
    assert await service.replay(mine.rt, mine.ctx, new.endpoint.id, mine.at(60).now, mine.at(90).now) == 0
    assert await service.replay(mine.rt, mine.ctx, old.endpoint.id, since, until) == 1  # the rest is on its way
    bodies = await mine.value(
        "select count(distinct body) from webhook_deliveries where tenant_id = $1 and event_id = $2", first[0].event_id
    )
    assert bodies == 1


async def test_replay_reaches_back_as_far_as_events_are_kept(mine: HookShop) -> None:
    made = await mine.endpoint(URL)
    with pytest.raises(Invalid) as refused:
        await service.replay(mine.rt, mine.ctx, made.endpoint.id, mine.at(-8 * 24 * 3600).now, mine.ctx.now)
    assert refused.value.code == "too_long_ago"
    with pytest.raises(Invalid):
        await service.replay(mine.rt, mine.ctx, made.endpoint.id, mine.ctx.now, mine.ctx.now)


async def test_events_can_be_read_back(mine: HookShop) -> None:
    await mine.happen(3)
    await mine.happen(2, ORDER_CREATED)
    await mine.happen(2, "reset.requested")  # not one that merchants are shown
    found, total = await service.list_events(mine.rt, mine.ctx, limit=2)
    assert total == 5 and [event.kind for event in found] == [ORDER_CREATED] * 2
    paid, total = await service.list_events(mine.rt, mine.ctx, kinds=[ORDER_PAID], limit=10, offset=1)
    assert total == 3 and len(paid) == 2 and paid[0].facts["grand_total"] == "19.99"
    with pytest.raises(Invalid):
        await service.list_events(mine.rt, mine.ctx, kinds=["reset.requested"])


async def test_deliveries_by_state_and_endpoint(mine: HookShop) -> None:
    one, two = await mine.endpoint(f"{URL}/1"), await mine.endpoint(f"{URL}/2")
    await mine.happen(3)
    await mine.relay()
    me = holder()
    due = next(due for due in await claim(mine, me) if due.endpoint_id == one.endpoint.id)
    await settle(mine, me, ended(mine, due, 200))
    assert len(await mine.deliveries()) == 6
    assert len(await mine.deliveries(two.endpoint.id)) == 3
    delivered = await mine.deliveries(one.endpoint.id, "delivered")
    assert [found.id for found in delivered] == [due.delivery_id]
    page, total = await service.list_deliveries(mine.rt, mine.ctx, limit=2, offset=4)
    assert (len(page), total) == (2, 6)


async def test_old_events_and_deliveries_are_forgotten(mine: HookShop) -> None:
    await mine.endpoint(URL)
    await mine.happen(2)
    await mine.relay()
    me, day = holder(), 24 * 3600
    for due in await claim(mine, me):
        await settle(mine, me, ended(mine, due, 200))
    assert await service.forget_old(mine.rt, mine.at(6 * day)) == 0
    assert await service.forget_old(mine.rt, mine.at(8 * day)) == 2  # the events; deliveries stay for a month
    assert len(await mine.deliveries()) == 2
    assert await service.forget_old(mine.rt, mine.at(31 * day)) == 2
    assert await mine.value("select count(*) from webhook_attempts where tenant_id = $1") == 0


def test_every_state_can_be_reached() -> None:
    assert not states.unreachable(TRANSITIONS, DeliveryState.WAITING)
    assert set(TRANSITIONS) == set(DeliveryState)
