"""Whose shop is meant, and that one shop's people are nobody in another's."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.dialects.pycommerce.desk import STRANGER, Desk, refused, refused_simply
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import keys, passwords, team
from merx.core.auth import store as auth_store
from merx.core.auth.model import KeyType, Role
from merx.core.tenants import service as tenants
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.ids import PLATFORM_TENANT, StaffId
from merx.runtime import Runtime

DEMO = "/stripe-demo/create-checkout-session-json"
LISTS = ("/api/products", "/api/orders", "/api/categories")


@pytest.fixture
async def sold(desk: Desk) -> tuple[Desk, str, str]:
    """A shop with a sale: (desk, product, order)."""
    product = await desk.shop.product("Secret Lamp", "20.00", stock=9, categories=("Secret Category",))
    return desk, str(product.id), await desk.placed(product.id)


async def administrator(rt: Runtime, http: httpx.AsyncClient) -> str:
    """The token of a new administrator of the platform."""
    email = f"root-{os.urandom(4).hex()}@example.com"
    ctx = system(PLATFORM_TENANT)
    async with rt.db.begin(ctx) as tx:
        person = await auth_store.insert_staff(tx, StaffId(ids.new()), email, await passwords.hashed(PASSWORD), "", "")
        assert person is not None
        await auth_store.insert_member(tx, person, int.from_bytes(os.urandom(3)) + 1000, Role.OWNER)
    answer = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def test_a_known_shop_and_an_unknown_one_are_refused_alike(sold: tuple[Desk, str, str], other: Desk) -> None:
    ours, product, _ = sold
    before = (await ours.get("/api/orders", tenant=ours.slug)).json()
    for path in LISTS:
        answers = [await other.get(path, tenant=slug) for slug in (ours.slug, "nosuchshop", "www", ours.slug.upper())]
        said = [refused(answer, 403, "tenant: ", code="wrong_tenant") for answer in answers]
        assert all(one == said[0] for one in said)
    body = ours.order(product)
    known, unknown = [await other.post("/api/orders", {**body, "tenant_id": one}) for one in (ours.tenant, STRANGER)]
    assert refused(known, 403, "tenant_id: ") == refused(unknown, 403)
    platform = await other.post("/api/orders", {**body, "tenant_id": str(PLATFORM_TENANT)})
    assert refused(platform, 403) == refused(known, 403)
    assert (await ours.get("/api/orders", tenant=ours.slug)).json() == before


async def test_foreign_ids_are_unknown_ids(sold: tuple[Desk, str, str], other: Desk) -> None:
    ours, product, order = sold
    foreign, unknown = await other.get(f"/api/orders/{order}"), await other.get(f"/api/orders/{STRANGER}")
    assert refused(foreign, 404)["details"].replace(order, STRANGER) == refused(unknown, 404)["details"]
    own = await other.shop.product("Pen", "1.00", stock=5)
    body = other.order(product)
    foreign, unknown = await other.post("/api/orders", body), await other.post("/api/orders", other.order(STRANGER))
    assert refused(foreign, 400, "items[0].product_id") == refused(unknown, 400)
    ours_customer = (await ours.get(f"/api/orders/{order}")).json()["customer"]["id"]
    await other.placed(own.id)
    found = await other.get("/api/orders", tenant=other.slug, customer_id=ours_customer)
    assert found.json()["orders"] == []
    category = (await ours.get("/api/categories", tenant=ours.slug)).json()["categories"][0]["id"]
    assert (await other.get("/api/categories", tenant=other.slug, parent_id=category)).json()["count"] == 0
    everything = (await other.get("/api/products", tenant=other.slug)).text
    assert "Secret" not in everything
    assert (await other.get("/api/products", tenant=other.slug, category="Secret Category")).json()["count"] == 0
    shown = [one["id"] for one in (await other.get("/api/tenants")).json()["tenants"]]
    assert shown == [other.tenant]


async def test_the_same_customer_is_another_one_in_another_shop(sold: tuple[Desk, str, str], other: Desk) -> None:
    ours, _, order = sold
    pen = await other.shop.product("Pen", "1.00", stock=5)
    theirs = await other.placed(pen.id)
    here = (await ours.get(f"/api/orders/{order}")).json()["customer"]
    there = (await other.get(f"/api/orders/{theirs}")).json()["customer"]
    assert here["email"] == there["email"] and here["id"] != there["id"]


async def test_a_foreign_order_is_not_paid_for(sold: tuple[Desk, str, str], other: Desk) -> None:
    """In another shop its id is one of no order at all: in live mode there is nothing to pay for."""
    ours, product, order = sold
    body = {"items": [{"id": product, "name": "Lamp", "price": 0.5, "quantity": 1}], "order_id": order}
    before = (await ours.get(f"/api/orders/{order}")).json()
    trial = await other.post(DEMO, body)
    unknown = await other.post(DEMO, {**body, "order_id": STRANGER})
    assert trial.status_code == unknown.status_code == 200
    await other.shop.settings(payment_test_mode=False, credentials={"stripe": {"secret_key": "sk_live_" + "x" * 24}})
    foreign, unknown = await other.post(DEMO, body), await other.post(DEMO, {**body, "order_id": STRANGER})
    assert refused_simply(foreign, 404) == refused_simply(unknown, 404)
    assert (await ours.get(f"/api/orders/{order}")).json() == before


async def test_a_shopper_sees_no_one_elses_order(sold: tuple[Desk, str, str]) -> None:
    desk, product, order = sold
    jane, mary = await desk.shopper(), await desk.shopper()
    body = desk.order(product, customer={"name": "Jane", "email": "jane@example.com"}, payment_method="cod")
    made = await desk.post("/api/orders", body, token=jane)
    assert made.status_code == 201, made.text
    hers = made.json()["id"]
    mine = (await desk.get(f"/api/orders/{hers}", token=jane)).json()
    listed = (await desk.get("/api/orders", token=jane, tenant=desk.slug)).json()
    assert [one["id"] for one in listed["orders"]] == [hers]
    for token in (jane, mary):
        refused(await desk.get(f"/api/orders/{order}", token=token), 404)
    refused(await desk.get(f"/api/orders/{hers}", token=mary), 404)
    guest = (await desk.get(f"/api/orders/{order}")).json()["customer"]["id"]
    for filters in ({}, {"status": "pending"}, {"customer_id": guest}, {"customer_id": mine["customer"]["id"]}):
        found = await desk.get("/api/orders", token=mary, tenant=desk.slug, **filters)
        assert found.json()["orders"] == [] and found.headers["X-Total-Count"] == "0"
    others = await desk.get("/api/orders", token=jane, tenant=desk.slug, customer_id=guest)
    assert others.json()["orders"] == []
    # What a shopper writes under `customer` is how the order reaches them, not who they are.
    assert (await desk.get("/api/tenants", token=jane)).json()["count"] == 1
    payable = (await desk.get(f"/api/orders/{order}")).json()
    claim = {"items": [{"id": product, "name": "x", "price": 20, "quantity": 1}], "order_id": order}
    theirs = (await desk.post(DEMO, claim)).json()["session_id"]
    assert (await desk.post(DEMO, claim, token=mary)).json()["session_id"] != theirs
    assert (await desk.get(f"/api/orders/{order}")).json() == payable


async def test_a_shopper_of_one_shop_is_nobody_in_another(sold: tuple[Desk, str, str], other: Desk) -> None:
    ours, product, order = sold
    stranger = await other.shopper()
    for path in LISTS:
        refused(await ours.get(path, token=stranger, tenant=ours.slug), 403)
    refused(await ours.get(f"/api/orders/{order}", token=stranger), 404)
    refused(await ours.post("/api/orders", ours.order(product), token=stranger), 403)


async def test_signing_in_at_a_shop_and_away_from_one(desk: Desk, other: Desk) -> None:
    here, there = ({"Host": one.shop.http.headers["Host"]} for one in (desk, other))
    owner = {"email": desk.shop.email, "password": PASSWORD}

    async def log_in(body: dict[str, str], **headers: str) -> int:
        return (await desk.http.post("/api/auth/login", json=body, headers=headers)).status_code

    assert await log_in(owner) == await log_in(owner, **here) == 200
    assert await log_in(owner, **there) == 401
    assert await log_in(owner, Authorization="Bearer stale") == 200
    assert await log_in(owner, **other.headers()) == 200  # a token left over from another shop
    shopper = {"email": "shopper@example.com", "password": PASSWORD}
    made = await desk.http.post("/api/store/auth/register/", json=shopper, headers=here)
    assert made.status_code == 201
    assert await log_in(shopper) == await log_in(shopper, **there) == 401
    assert await log_in(shopper, **here) == 200
    assert await log_in(shopper, **{"X-API-Key": desk.shop.key}) == 200
    assert await log_in(shopper, Host="nosuchshop.localhost:8000") == 404


async def test_failed_sign_ins_are_limited(desk: Desk) -> None:
    body = {"email": desk.shop.email, "password": "not-the-password"}
    for _ in range(10):
        said = refused(await desk.http.post("/api/auth/login", json=body), 401, code="invalid_credentials")
        assert "token" not in said["message"]
    answer = await desk.http.post("/api/auth/login", json={**body, "password": PASSWORD})
    refused(answer, 429, code="too_many_attempts")
    assert int(answer.headers["Retry-After"]) > 0


async def colleague(desk: Desk, http: httpx.AsyncClient, elsewhere: Desk, role: Role) -> str:
    """The owner of `desk` joins the team of `elsewhere`, and signs in at home."""
    now = replace(elsewhere.shop.ctx, now=datetime.now(UTC))
    await team.add(elsewhere.shop.rt, now, desk.shop.email, role)
    answer = await http.post("/api/auth/login", json={"email": desk.shop.email, "password": PASSWORD})
    token: str = answer.json()["access_token"]
    return token


async def test_a_member_of_two_teams_works_in_both_with_one_token(
    sold: tuple[Desk, str, str], other: Desk, open_desk: Callable[..., Awaitable[Desk]]
) -> None:
    ours, product, order = sold
    refused(await other.get("/api/products", tenant=ours.slug), 403)
    token = await colleague(other, other.http, ours, Role.STAFF)
    both = (await other.get("/api/tenants", token=token)).json()
    assert {one["id"] for one in both["tenants"]} == {ours.tenant, other.tenant} and both["count"] == 2
    found = (await other.get("/api/products", token=token, tenant=ours.slug)).json()
    assert [one["name"] for one in found["products"]] == ["Secret Lamp"]
    assert (await other.get("/api/products", token=token, tenant=other.slug)).json()["products"] == []
    assert (await other.get(f"/api/orders/{order}", token=token)).json()["tenant_id"] == ours.tenant
    assert (await other.get("/api/orders", token=token, tenant=ours.slug)).json()["count"] == 1
    assert (await other.post("/api/orders", ours.order(product), token=token)).status_code == 201
    # What one member was shown from memory is not shown to a colleague who is not in that team.
    third = await open_desk()
    for path in LISTS:
        assert (await other.get(path, token=token, tenant=ours.slug)).status_code == 200
        refused(await third.get(path, tenant=ours.slug), 403)
        refused(await other.get(path, token=token, tenant=third.slug), 403)
    staff = await auth_store.staff_by_email(ours.shop.rt.db, other.shop.email)
    assert staff is not None
    await team.remove(ours.shop.rt, ours.shop.ctx, staff[0].id)
    for path in LISTS:
        refused(await other.get(path, token=token, tenant=ours.slug), 403)
    refused(await other.get(f"/api/orders/{order}", token=token), 404)


async def test_a_member_may_do_there_what_they_may_there(sold: tuple[Desk, str, str], other: Desk) -> None:
    """An owner at home, at the other shop somebody who looks at products and nothing else."""
    ours, product, order = sold
    await team.add(ours.shop.rt, ours.shop.ctx, other.shop.email, Role.STAFF, permissions=("products:read",))
    assert (await other.get("/api/products", tenant=ours.slug)).status_code == 200
    refused(await other.get("/api/orders", tenant=ours.slug), 403, code="missing_permission")
    refused(await other.get(f"/api/orders/{order}"), 404)
    refused(await other.post("/api/orders", ours.order(product)), 403, code="missing_permission")


async def test_the_platforms_administrator(sold: tuple[Desk, str, str], other: Desk, site_rt: Runtime) -> None:
    ours, product, order = sold
    root = await administrator(site_rt, ours.http)
    counted = await ours.get("/api/tenants", token=root, limit=1000)
    shown = {one["slug"]: one for one in counted.json()["tenants"]}
    assert int(counted.headers["X-Total-Count"]) >= 2
    for page in range(2, int(counted.headers["X-Total-Count"]) // 1000 + 2):
        more = (await ours.get("/api/tenants", token=root, page=page)).json()["tenants"]
        shown |= {one["slug"]: one for one in more}
    assert {ours.slug, other.slug} <= set(shown) and str(PLATFORM_TENANT) not in {one["id"] for one in shown.values()}
    for path in LISTS:
        assert (await ours.get(path, token=root, tenant=ours.slug)).status_code == 200
        refused(
            await ours.get(path, token=root, tenant="nosuchshop"), 404, "tenant: No such shop.", "resource_not_found"
        )
        refused(await ours.get(path, token=root), 400, "tenant")
    assert (await ours.get(f"/api/orders/{order}", token=root)).json()["tenant_id"] == ours.tenant
    refused(await ours.get(f"/api/orders/{STRANGER}", token=root), 404)
    assert (await ours.post("/api/orders", ours.order(product), token=root)).status_code == 201
    nowhere = ours.order(product, tenant_id=STRANGER)
    refused(await ours.post("/api/orders", nowhere, token=root), 404, "tenant_id: No such shop.", "resource_not_found")
    platform = system(PLATFORM_TENANT)
    await tenants.set_active(site_rt, platform, other.shop.ctx.tenant, False)
    try:
        refused(await ours.get("/api/products", token=root, tenant=other.slug), 403, "This shop is switched off.")
    finally:
        await tenants.set_active(site_rt, platform, other.shop.ctx.tenant, True)


async def test_a_shop_that_is_switched_off_answers_nobody(
    sold: tuple[Desk, str, str], other: Desk, site_rt: Runtime
) -> None:
    ours, _, order = sold
    await colleague(other, other.http, ours, Role.ADMIN)
    platform = system(PLATFORM_TENANT)
    await tenants.set_active(site_rt, platform, ours.shop.ctx.tenant, False)
    try:
        refused(await ours.get("/api/products", tenant=ours.slug), 401)
        refused(await other.get(f"/api/orders/{order}"), 404)
    finally:
        await tenants.set_active(site_rt, platform, ours.shop.ctx.tenant, True)


async def key_of(shop: Shop, ctx: Ctx, kind: KeyType, scopes: tuple[str, ...]) -> str:
    return (await keys.create(shop.rt, ctx, "Test", kind, scopes)).secret


async def test_api_keys_may_do_what_their_scopes_say(sold: tuple[Desk, str, str], other: Desk) -> None:
    ours, product, order = sold
    storefront = ours.shop.key
    reader = await key_of(ours.shop, ours.shop.ctx, KeyType.SECRET, ("products:read", "orders:read"))
    for key in (storefront, reader):
        assert (await ours.get("/api/products", token=key, tenant=ours.slug)).json()["count"] == 1
        refused(await ours.get("/api/products", token=key, tenant=other.slug), 403)
        assert (await ours.get("/api/tenants", token=key)).json()["count"] == 1
    by_header = {"X-API-Key": reader}
    listed = await ours.http.get("/api/orders", params={"tenant": ours.slug}, headers=by_header)
    assert listed.json()["count"] == 1
    assert (await ours.get(f"/api/orders/{order}", token=reader)).status_code == 200
    refused(await ours.post("/api/orders", ours.order(product), token=reader), 403, code="missing_permission")
    refused(await ours.get("/api/orders", token=storefront, tenant=ours.slug), 403, code="missing_permission")
    made: Any = await ours.post("/api/orders", ours.order(product), token=storefront)
    assert made.status_code == 201
