"""Erasing removes the person everywhere, and the money stays (E1). One shopper with a name that nobody else has buys
through all five APIs, as an account and as a guest; the erasure is made to die in the middle, more than once. Then
every table of the database and every line of the server's log is looked through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.databases import own_database, superuser
from tests.dialects.site import PASSWORD, from_elsewhere, runtime, serving
from tests.dialects.test_story import ADDRESS, REFERENCE, Story, fill, opened, uuid
from tests.dialects.truth import TRUTH
from tests.faults.till import ORACLES
from tests.http_server import Answer, Heard, Listener, listener
from tests.selling import HELD, LEDGER, LIMBO, UNEVEN

from merx.core.erasure import service
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.edge.logs import writer
from merx.kernel import ids
from merx.kernel.events import WEBHOOK_KINDS
from merx.runtime import Runtime
from merx.settings import Settings
from merx.worker import loop

CANARY = "kanarienfeder"
EMAIL, PHONE, POSTCODE = f"{CANARY}@example.com", "+15557310462", "10987-3161"
NEEDLES = (CANARY, PHONE, POSTCODE, "Gelbschnabel")
NAME = {"first_name": CANARY.title(), "last_name": "Gelbschnabel"}
STREET = f"17 {CANARY} Lane"
PLACE = {**ADDRESS, "city": f"{CANARY} Falls", "postal_code": POSTCODE}
WHOLE = f"{CANARY.title()} Gelbschnabel"
SIMULATED = ("simulator_objects", "simulator_idempotency", "simulator_callbacks")
"""A foreign system's ledger that happens to live here (0002_simulator.sql)."""

MONEY = {
    "orders": "select row_to_json(t)::jsonb - array['email', 'customer_name', 'phone', 'notes', 'shipping_address', "
    "'billing_address', 'client_digest', 'lookup_hash', 'request_digest', 'erased']",
    "order_lines": "select row_to_json(t)::jsonb",
    "order_history": "select row_to_json(t)::jsonb - 'note'",
    "payments": "select row_to_json(t)::jsonb - array['charge', 'url']",
    "refunds": "select row_to_json(t)::jsonb - 'reason'",
    "stock": "select row_to_json(t)::jsonb",
    "stock_movements": "select row_to_json(t)::jsonb",
    "coupon_uses": "select row_to_json(t)::jsonb",
    "counters": "select row_to_json(t)::jsonb",
}


# ── A site whose worker erases, and dies of it ───────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
async def own_dsn(dsn: Dsn) -> Dsn:
    return await own_database(dsn, "erasing")


@pytest.fixture(scope="module")
def own_site(own_dsn: Dsn) -> Iterator[Settings]:
    with serving(own_dsn, webhooks_allow_private=True, log_level="info") as settings:
        yield settings


@pytest.fixture(scope="module")
async def own_rt(own_site: Settings, own_dsn: Dsn) -> AsyncIterator[Runtime]:
    database = await Database.open(own_dsn.app, pool_size=4)
    yield runtime(own_site, database)
    await database.close()


@pytest.fixture
async def behind(own_dsn: Dsn) -> AsyncIterator[Any]:
    """A superuser, who sees every row."""
    async with superuser(own_dsn) as conn:
        yield conn


@pytest.fixture
async def visitor(own_site: Settings) -> AsyncIterator[httpx.AsyncClient]:
    base, held = f"http://127.0.0.1:{own_site.port}", {"response": [TRUTH]}
    async with httpx.AsyncClient(base_url=base, timeout=30, transport=from_elsewhere(), event_hooks=held) as client:
        yield client


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The worker erases one thing at a time, and dies before every third step and at the end of every fifth, six times
    in all: between two transactions, and in the middle of one."""
    died: list[str] = []
    steps = 0

    def dying(step: service.Step) -> service.Step:
        async def run(tx: Any, customer: Any) -> int:
            nonlocal steps
            steps += 1
            dies = len(died) < 6
            if dies and steps % 3 == 0:
                died.append(f"before {step.__name__}")
                raise RuntimeError(f"the worker dies before a step for {customer}")
            done = await step(tx, customer)
            if dies and steps % 5 == 0:
                died.append(f"within {step.__name__}")
                raise RuntimeError(f"the worker dies within a step for {customer}")
            return done

        return run

    monkeypatch.setattr(service, "STEPS", tuple(dying(step) for step in service.STEPS))
    monkeypatch.setattr(service, "ORDERS_AT_ONCE", 1)
    monkeypatch.setattr(service, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(service, "LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr(service, "SETTLES", timedelta(seconds=2))
    monkeypatch.setattr(loop, "LONGEST_REST", 0.3)
    return died


# ── One shopper, everywhere ──────────────────────────────────────────────────────────────────────────────────────────
async def live(story: Story, products: dict[str, str], receiver: str) -> dict[str, str]:
    """The canary's whole life at this shop; the orders it leaves, by where they were placed."""
    lamp, shoe = products["Desk Lamp"], products["Trail Shoe"]
    hook = {"url": receiver, "events": list(WEBHOOK_KINDS)}
    await story.call("baas", "POST", "/api/platform/webhooks/", hook, 201)
    jane = await _register(story)
    item = {"product_id": ids.encode("prod", UUID(lamp)), "quantity": 2}
    shipping = {**PLACE, "street": STREET, "street2": f"c/o {CANARY}", "name": WHOLE, "phone": PHONE}
    checkout = {
        "shipping_address": shipping,
        "billing_address": shipping,
        "payment_method": "cod",
        "notes": f"Ring at {CANARY}'s",
    }
    placed = {}
    await story.call("shopper", "POST", "/api/store/cart/items/", item, 201, headers=jane)
    keyed = {**jane, "Idempotency-Key": f"{CANARY}-1"}
    placed["baas"] = (await story.call("shopper", "POST", "/api/store/checkout/", checkout, 201, headers=keyed))["id"]
    await story.call("shopper", "POST", "/api/store/cart/items/", item, 201, headers=jane)  # and is left there
    buyer = {"email": EMAIL, "name": WHOLE, "phone": PHONE}
    address = {**PLACE, "line1": STREET, "line2": CANARY, "name": WHOLE, "phone": PHONE}
    camel = {("postalCode" if name == "postal_code" else name): value for name, value in address.items()}
    by_commerce = {
        "items": [{"productId": lamp, "quantity": 1}],
        "paymentMethod": "cod",
        "customer": buyer,
        "shippingAddress": camel,
        "billingAddress": camel,
        "notes": CANARY,
    }
    placed["commerce"] = (await story.call("commerce", "POST", "/commerce/v2/orders", by_commerce, 201))["id"]
    plain = {name: value for name, value in address.items() if name not in ("name", "phone")}
    by_pycommerce = {
        "tenant_id": story.tenant,
        "customer": buyer,
        "shipping_address": plain,
        "items": [{"product_id": shoe, "quantity": 1}],
        "payment_method": "cod",
        "notes": CANARY,
    }
    placed["pycommerce"] = (await story.call("pycommerce", "POST", "/api/orders", by_pycommerce, 201))["id"]
    placed["aerostack"] = await _on_the_page(story, lamp, plain)
    await story.call("baas", "PATCH", "/api/platform/settings/", {"payment_provider": "stripe"})
    placed["reference"] = await _by_a_program(story, lamp)
    placed["page"] = await _at_the_payment_page(story, item, jane, checkout)
    placed["again"] = (await story.call("shopper", "POST", "/api/store/checkout/", checkout, 201, headers=jane))["id"]
    await story.call("shopper", "POST", "/api/store/cart/items/", item, 201, headers=jane)
    await story.call("shopper", "POST", "/api/store/auth/password-reset/", {"email": EMAIL}, 202)
    return {where: order if "_" not in order else uuid(order) for where, order in placed.items()}


async def _register(story: Story) -> dict[str, str]:
    who = {"email": EMAIL, "password": PASSWORD, "phone": PHONE, **NAME}
    made = await story.call("shopper", "POST", "/api/store/auth/register/", who, 201)
    return {"Authorization": f"Bearer {made['access']}"}


async def _on_the_page(story: Story, product: str, address: dict[str, str]) -> str:
    cart = f"page-{ids.new()}"
    item = {"productId": product, "quantity": 1}
    await story.call("page", "POST", f"{story.window}/cart/{cart}/items", item)
    body = {
        "cartId": cart,
        "email": EMAIL,
        "customerName": WHOLE,
        "customerPhone": PHONE,
        "shippingAddress": address,
        "billingAddress": address,
        "paymentMethod": "cod",
        "notes": CANARY,
    }
    made = await story.call("page", "POST", f"{story.window}/checkout", body, 201)
    await story.call("page", "GET", f"{story.window}/orders", params={"email": EMAIL})
    await story.call("page", "POST", f"{story.window}/cart/{cart}/items", item)  # the same browser goes on
    return str(made["order"]["id"])


async def _by_a_program(story: Story, product: str) -> str:
    user = (await _customers(story, registered=True))[0]
    who = user.replace("cus_", "usr_")
    body = {
        "userId": who,
        "items": [{"productId": ids.encode("prod", UUID(product)), "quantity": 1}],
        "shippingAddress": {"street": STREET, "city": f"{CANARY} Falls", "zipCode": POSTCODE, "country": "US"},
    }
    made = await story.call("reference", "POST", f"{REFERENCE}/orders", body, 201)
    payment = {"orderId": made["id"], "paymentMethodId": "pm_card_visa"}
    payment |= {"amount": float(made["total"]), "currency": made["currency"]}
    await story.call("reference", "POST", f"{REFERENCE}/payments", payment)
    for channel in ("email", "sms"):
        letter = {"userId": who, "type": channel, "subject": f"For {CANARY}", "message": f"Dear {WHOLE}"}
        await story.call("reference", "POST", f"{REFERENCE}/notifications/send", letter, 202)
    return str(made["id"])


async def _at_the_payment_page(story: Story, item: Any, jane: dict[str, str], checkout: dict[str, Any]) -> str:
    """Left there, and let go by the merchant."""
    await story.call("shopper", "POST", "/api/store/cart/items/", item, 201, headers=jane)
    body = {**checkout, "payment_method": "card"}
    sold = await story.call("shopper", "POST", "/api/store/checkout/", body, 201, headers=jane)
    cancelled = {"status": "cancelled", "note": f"{CANARY} left"}
    await story.call("baas", "POST", f"/api/platform/orders/{sold['id']}/status/", cancelled)
    return str(sold["id"])


async def _customers(story: Story, *, registered: bool) -> list[str]:
    params = {"search": EMAIL, "per_page": 100}
    found = await story.call("baas", "GET", "/api/platform/customers/", params=params)
    return [one["id"] for one in found["results"] if one["registered"] is registered and one["email"] == EMAIL]


async def deliver(story: Story, order: str) -> None:
    """Until nothing is left to be done for it; a part of one goes back."""
    path = f"/api/platform/orders/{ids.encode('ord', UUID(order))}"
    seen = await story.call("baas", "GET", f"{path}/")
    if seen["status"] == "cancelled":
        return
    if seen["status"] == "pending":
        confirmed = {"status": "confirmed", "note": f"{CANARY} called"}
        await story.call("baas", "POST", f"{path}/status/", confirmed)
    parcel = {"carrier": "DHL", "tracking_number": f"JD-{CANARY}", "tracking_url": f"https://dhl.test/{CANARY}"}
    await story.call("baas", "POST", f"{path}/shipments/", parcel, 201)
    await story.call("baas", "POST", f"{path}/status/", {"status": "delivered"})
    if seen["payment_status"] == "unpaid":
        await story.call("baas", "POST", f"{path}/payments/", {}, 201)
        await story.call("baas", "POST", f"{path}/refunds/", {"amount": "1.00", "reason": f"{CANARY} asked"}, 201)


# ── Looking everywhere ───────────────────────────────────────────────────────────────────────────────────────────────
async def traces(behind: Any, tenant: str | None = None) -> dict[str, int]:
    """How many rows of which tables say anything of the canary, as text or within bytes. `tenant`: but not of this."""
    tables = await behind.fetch(
        """select format('%I.%I', n.nspname, c.relname) as name, c.relname as bare,
          exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as owned
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"""
    )
    assert len(tables) > 40
    looks = " or ".join(f"lower(t.row) like '%{form}%'" for needle in NEEDLES for form in _forms(needle))
    found = {}
    for table in tables:
        but = f"where tenant_id <> '{tenant}'" if tenant and table["owned"] else ""
        sql = f"select count(*) from (select row_to_json(r)::text as row from {table['name']} r {but}) t where {looks}"
        if table["bare"] not in SIMULATED and (count := await behind.fetchval(sql)):
            found[table["name"]] = count
    return found


def _forms(needle: str) -> set[str]:
    return {needle.lower(), needle.encode().hex(), needle.lower().encode().hex(), needle.title().encode().hex()}


async def calls(behind: Any, people: list[str]) -> int:
    """How many pages of the access log say that one of these called."""
    sql = "select count(*) from access_log where position(uuid_send($1) in entries) > 0"
    return sum([await behind.fetchval(sql, UUID(uuid(one))) for one in people])


async def money(behind: Any, tenant: str) -> dict[str, list[str]]:
    """Every row of the books, byte for byte, without what names a person."""
    return {
        table: sorted(
            row[0]
            for row in await behind.fetch(f"select ({sql})::text from {table} t where tenant_id = $1", UUID(tenant))
        )
        for table, sql in MONEY.items()
    }


async def books_are_right(behind: Any, tenant: str) -> None:
    for name, sql in {**ORACLES, "LEDGER": LEDGER, "UNEVEN": UNEVEN, "HELD": HELD, "LIMBO": LIMBO}.items():
        assert await behind.fetchval(sql, UUID(tenant)) == 0, name


async def until(true: Any, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.1)


async def settled(behind: Any, tenant: str) -> None:
    """Everything that has happened has been told, delivered and written into the log."""
    waiting = """select (select count(*) from outbox where tenant_id = $1 and state = 'new')
      + (select count(*) from webhook_deliveries where tenant_id = $1 and state in ('waiting', 'sending'))
      + (select count(*) from notifications where tenant_id = $1 and state in ('queued', 'sending'))
      + (select count(*) from refunds where tenant_id = $1 and status = 'pending')"""
    await asyncio.sleep(1.5)  # the access log is written every second

    async def quiet() -> bool:
        return bool(await behind.fetchval(waiting, UUID(tenant)) == 0)

    await until(quiet)


async def test_the_person_goes_and_the_money_stays(
    visitor: httpx.AsyncClient, own_rt: Runtime, behind: Any, crashes: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    async with listener(echoed) as receiver:
        story, other = await opened(visitor, own_rt), await opened(visitor, own_rt)
        placed = await live(story, await fill(story), receiver.url)
        namesake = await _register(other)
        people = await _customers(story, registered=True) + await _customers(story, registered=False)
        assert len(people) == 2 and len(placed) == 7
        for one in people:
            refused = await story.call("baas", "DELETE", f"/api/platform/customers/{one}/", status=400)
            assert refused["error"]["code"] == "orders_open" and "ORD-00" in refused["error"]["message"]
        for order in placed.values():
            await deliver(story, order)
        await settled(behind, story.tenant)
        before, found = await money(behind, story.tenant), await traces(behind, other.tenant)
        assert found.keys() >= KEPT_IN, KEPT_IN - found.keys()
        await books_are_right(behind, story.tenant)
        carts = "select count(*) from carts where tenant_id = $1"
        assert await behind.fetchval(carts, UUID(story.tenant)) > 3
        assert await calls(behind, people) > 0

        for one in people:
            path, now = f"/api/platform/customers/{one}/", {"at_once": "true"}
            assert (await story.call("baas", "DELETE", path, status=202, params=now))["id"] == one
        await until(lambda: _done(behind, story.tenant))
        await settled(behind, story.tenant)
        assert len(crashes) == 6 and {one.partition(" ")[0] for one in crashes} == {"before", "within"}
        assert await traces(behind, other.tenant) == {}
        assert await behind.fetchval(carts, UUID(story.tenant)) == 0
        assert await calls(behind, people) == 0
        assert await money(behind, story.tenant) == before
        await books_are_right(behind, story.tenant)
        await shown_everywhere(story, placed, people)
        await told(receiver, people)

    assert (await story.call("shopper", "POST", "/api/store/auth/login/", SIGN_IN, 401))["error"]
    at_the_other = {"Host": other.host, "X-API-Key": other.key, **namesake}
    kept = await story.call("shopper", "GET", "/api/store/me/", headers=at_the_other)
    assert (kept["email"], kept["phone"], kept["last_name"]) == (EMAIL, PHONE, "Gelbschnabel")
    writer.flush()
    said = capfd.readouterr()
    logged = (said.err + said.out).lower()
    assert "the worker dies" in logged and '"path"' in logged
    assert not [needle for needle in NEEDLES if needle.lower() in logged]
    await comes_back(story)


SIGN_IN = {"email": EMAIL, "password": PASSWORD}
KEPT_IN = {
    f"public.{table}"
    for table in (
        "customers", "orders", "order_history", "shipments", "payments", "refunds", "notifications", "outbox",
        "webhook_deliveries", "webhook_attempts", "idempotency_keys",
    )
}  # fmt: skip
"""Where the canary is before: what the test would not notice to be missed if it were not there."""


def echoed(heard: Heard) -> Answer:
    """A receiver that thanks in detail."""
    return 200, heard.body


async def _done(behind: Any, tenant: str) -> bool:
    states = await behind.fetch("select state, asked_by, begun_at from erasures where tenant_id = $1", UUID(tenant))
    assert all(one["asked_by"].startswith("staff:") for one in states) and len(states) == 2
    return {one["state"] for one in states} == {"done"}


async def shown_everywhere(story: Story, placed: dict[str, str], people: list[str]) -> None:
    """The merchant sees the orders, and nobody's name with them."""
    for order in placed.values():
        spelled = ids.encode("ord", UUID(order))
        seen = [
            await story.call("baas", "GET", f"/api/platform/orders/{spelled}/"),
            await story.call("commerce", "GET", f"/commerce/v2/orders/{order}"),
            await story.call("pycommerce", "GET", f"/api/orders/{order}"),
        ]
        for one in seen:
            customer = one["customer"]
            assert (customer["name"], customer["email"], customer["phone"]) == ("Erased customer", None, None)
            assert one["shipping_address"]["country"] == "US" if "shipping_address" in one else True
        assert seen[0]["shipping_address"] is None or seen[0]["shipping_address"]["postal_code"] == POSTCODE[:3]
        await story.call("aerostack", "GET", f"{story.window}/orders/{order}", params={"email": EMAIL}, status=404)
    for dialect, path, params in (
        ("baas", "/api/platform/orders/", {"per_page": "100"}),
        ("commerce", "/commerce/v2/orders", {"pageSize": "100"}),
        ("pycommerce", "/api/orders", {"tenant": story.slug}),
        ("reference", f"{REFERENCE}/users", {"limit": "100"}),
        ("reference", f"{REFERENCE}/logs", {"limit": "100"}),
        ("baas", "/api/platform/customers/", {"per_page": "100"}),
        ("baas", "/api/platform/events/", {"per_page": "100"}),
        ("baas", "/api/platform/notifications/", {"per_page": "100"}),
        ("aerostack", f"{story.window}/orders", {"email": EMAIL}),
    ):
        answer = await story.call(dialect, "GET", path, params=params)
        assert CANARY not in json.dumps(answer, default=str).lower(), path
    logged = await story.call("reference", "GET", f"{REFERENCE}/logs", params={"limit": "100"})
    theirs = [one for one in logged if one["ipAddress"] == ""]
    assert {one["userId"] for one in theirs} == {None} and "/api/store/checkout/" in {one["path"] for one in theirs}
    for one in people:
        seen = await story.call("baas", "GET", f"/api/platform/customers/{one}/")
        assert (seen["first_name"], seen["last_name"], seen["status"]) == ("Erased", "customer", "inactive")
        assert seen["erased_at"] and not seen["registered"] and seen["email"].endswith("@erased.invalid")
        path = f"/api/platform/customers/{one}/"
        for refused in (
            await story.call("baas", "POST", f"{path}restore/", status=400),
            await story.call("baas", "PATCH", path, {"first_name": "Jane"}, status=400),
        ):
            assert refused["error"]["code"] == "erased"
        assert (await story.call("baas", "DELETE", path, status=202))["erased_at"] == seen["erased_at"]
        user = one.replace("cus_", "usr_")
        letter = {"userId": user, "type": "email", "subject": "x", "message": "y", "transactional": True}
        await story.call("reference", "POST", f"{REFERENCE}/notifications/send", letter, 409)
        some = (await story.call("reference", "GET", f"{REFERENCE}/products"))[0]["id"]
        again = {
            "userId": user,
            "items": [{"productId": some, "quantity": 1}],
            "shippingAddress": {"street": "1 Main St", "city": "X", "zipCode": "1", "country": "US"},
        }
        await story.call("reference", "POST", f"{REFERENCE}/orders", again, 400)


async def told(receiver: Listener, people: list[str]) -> None:
    """Those who listen are told that somebody was erased, and not who that was."""
    erased = [json.loads(one.body) for one in receiver.heard if one.headers["x-webhook-event"] == "customer.erased"]
    assert {one["data"]["customer_id"] for one in erased} == {uuid(one) for one in people}
    assert all(one["data"].keys() == {"id", "customer_id", "asked_at", "final_at"} for one in erased)
    assert not any(needle in json.dumps(erased) for needle in NEEDLES)


async def comes_back(story: Story) -> None:
    """Somebody new under the same address sees nothing of before."""
    jane = await _register(story)
    assert (await story.call("shopper", "GET", "/api/store/orders/", headers=jane))["count"] == 0
    assert (await story.call("shopper", "GET", "/api/store/cart/", headers=jane))["items"] == []
