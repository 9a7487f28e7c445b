"""Which shop is meant, who may ask it, how often; and that one shop's people are nobody in another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.dialects.baas.shape import refused
from tests.dialects.baas.test_store_golden import CHECKOUT
from tests.dialects.site import PASSWORD, Shop, from_elsewhere

from merx.core.auth import keys
from merx.core.tenants.model import Plan

LIST = "/api/store/products/"
Make = Callable[..., Awaitable[Shop]]


class Two:
    """A shop with a sale, and a stranger from another shop."""

    def __init__(self, ours: Shop, theirs: Shop, jane: dict[str, str], mallory: dict[str, str]) -> None:
        self.ours, self.theirs, self.jane, self.mallory = ours, theirs, jane, mallory
        self.product: dict[str, Any] = {}
        self.item = self.order = ""


@pytest.fixture
async def two(new_shop: Make) -> Two:
    ours, theirs = await new_shop(), await new_shop()
    await ours.product(stock=9, categories=("Secret Category",))
    found = Two(ours, theirs, await ours.shopper(), await theirs.shopper())
    found.product = (await ours.http.get(LIST)).json()["results"][0]
    body = {"product_id": found.product["id"]}
    for _ in range(2):
        cart = (await ours.http.post("/api/store/cart/items/", headers=found.jane, json=body)).json()
        found.item = cart["items"][0]["id"]
        if not found.order:
            cod = {**CHECKOUT, "payment_method": "cod"}
            sold = await ours.http.post("/api/store/checkout/", headers=found.jane, json=cod)
            found.order = sold.json()["id"]
    return found


async def ours_now(two: Two) -> list[Any]:
    paths = ("/api/store/me/", "/api/store/cart/", "/api/store/orders/", f"/api/store/orders/{two.order}/", LIST)
    return [(await two.ours.http.get(path, headers=two.jane)).json() for path in paths]


async def test_a_stranger_with_our_ids_finds_nothing_on_any_route(two: Two) -> None:
    before, http, mallory = await ours_now(two), two.theirs.http, two.mallory
    body = {"product_id": two.product["id"]}
    refused(await http.get(f"{LIST}{two.product['id']}/", headers=mallory), 404)
    refused(await http.get(f"{LIST}{two.product['slug']}/", headers=mallory), 404)
    refused(await http.get(f"/api/store/orders/{two.order}/", headers=mallory), 404)
    refused(await http.post("/api/store/cart/items/", headers=mallory, json=body), 404)
    refused(await http.patch(f"/api/store/cart/items/{two.item}/", headers=mallory, json={"quantity": 5}), 404)
    refused(await http.delete(f"/api/store/cart/items/{two.item}/", headers=mallory), 404)
    refused(await http.post("/api/store/checkout/", headers=mallory, json=CHECKOUT), 400)
    assert (await http.get(LIST, headers=mallory)).json()["count"] == 0
    assert (await http.get(f"{LIST}?category=secret-category", headers=mallory)).json()["count"] == 0
    assert (await http.get("/api/store/categories/", headers=mallory)).json()["results"] == []
    assert (await http.get("/api/store/orders/", headers=mallory)).json()["count"] == 0
    assert (await http.get("/api/store/cart/", headers=mallory)).json()["items"] == []
    assert (await http.delete("/api/store/cart/", headers=mallory)).json()["items"] == []
    assert await ours_now(two) == before


async def test_a_foreign_id_answers_exactly_as_an_unknown_one(two: Two) -> None:
    http = two.theirs.http
    unknown = "01h455vb4pex5vsknk084sn02q"
    for path, own in (
        (LIST, two.product["id"]),
        ("/api/store/orders/", two.order),
    ):
        foreign = await http.get(f"{path}{own}/", headers=two.mallory)
        nobody = await http.get(f"{path}{own.partition('_')[0]}_{unknown}/", headers=two.mallory)
        assert (foreign.status_code, foreign.json()) == (nobody.status_code, nobody.json())


ROUTES = [
    ("GET", LIST, None),
    ("GET", "/api/store/categories/", None),
    ("GET", "/api/store/cart/", None),
    ("DELETE", "/api/store/cart/", None),
    ("POST", "/api/store/cart/items/", {"product_id": "prod_01h455vb4pex5vsknk084sn02q"}),
    ("POST", "/api/store/cart/coupon/", {"code": "X"}),
    ("POST", "/api/store/checkout/", CHECKOUT),
    ("GET", "/api/store/orders/", None),
    ("GET", "/api/store/me/", None),
    ("PATCH", "/api/store/me/", {"first_name": "Mallory"}),
    ("POST", "/api/store/auth/logout/", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_host_key_and_token_must_agree(two: Two, method: str, path: str, body: Any) -> None:
    """Our host or key with a stranger's token, and the other way round: refused, for known and unknown shops alike."""
    before = await ours_now(two)
    url = f"http://127.0.0.1:{two.ours.rt.settings.port}{path}"
    our_host, their_host = two.ours.http.headers["Host"], two.theirs.http.headers["Host"]
    nobody = f"no-such-shop-anywhere.{two.ours.rt.settings.base_domain}"
    mixes = [
        {"Host": our_host, **two.mallory},
        {"Host": our_host, "X-API-Key": two.theirs.key},
        {"Host": nobody, "X-API-Key": two.theirs.key},
        {"X-API-Key": two.ours.key, **two.mallory},
        {"Host": their_host, "X-API-Key": two.ours.key, **two.mallory},
    ]
    async with httpx.AsyncClient(timeout=30, transport=from_elsewhere()) as client:
        for headers in mixes:
            answer = await client.request(method, url, headers=headers, json=body)
            assert refused(answer, 403)["code"] == "wrong_tenant", headers
    assert await ours_now(two) == before


async def test_without_a_shop_s_host_the_key_names_the_shop(two: Two, http: httpx.AsyncClient) -> None:
    by_key = await http.get(LIST, headers={"X-API-Key": two.ours.key})
    by_bearer = await http.get(LIST, headers={"Authorization": f"Bearer {two.ours.key}"})
    by_query = await http.get(LIST, params={"api_key": two.ours.key})
    assert by_key.json() == by_bearer.json() == by_query.json() and by_key.json()["count"] == 1
    refused(await http.get(LIST), 401)
    refused(await http.get(LIST, headers={"X-API-Key": two.ours.key[:-1] + "x"}), 401)
    both = await http.get(LIST, headers={"X-API-Key": two.ours.key}, params={"api_key": two.ours.key})
    assert both.json() == by_key.json() and both.headers["Cache-Control"] == "no-store"
    refused(await http.get(LIST, headers={"X-API-Key": two.ours.key}, params={"api_key": two.theirs.key}), 400)
    for path in ("/api/store/auth/register/", "/api/store/auth/login/"):
        refused(await http.post(path, json={"email": "x@example.com", "password": PASSWORD}), 401)


async def test_the_same_e_mail_is_another_shopper_in_another_shop(two: Two) -> None:
    """Both registered shopper1@example.com; a password of one opens nothing at the other."""
    refused(await two.theirs.http.get("/api/store/me/", headers=two.jane), 403)
    body = {"email": "only-here@example.com", "password": PASSWORD}
    assert (await two.ours.http.post("/api/store/auth/register/", json=body)).status_code == 201
    refused(await two.theirs.http.post("/api/store/auth/login/", json=body), 401)


async def test_a_key_without_the_scope_is_refused(shop: Shop) -> None:
    narrow = await keys.create(shop.rt, shop.ctx, "Orders only", scopes=["orders:read"])
    answer = await shop.http.get(LIST, headers={"X-API-Key": narrow.secret})
    assert refused(answer, 403)["code"] == "missing_permission"
    wide = await keys.create(shop.rt, shop.ctx, "Everything", scopes=["*"])
    del shop.http.headers["X-API-Key"]
    refused(await shop.http.get(LIST, params={"api_key": wide.secret}), 403)
    assert (await shop.http.get(LIST, headers={"X-API-Key": wide.secret})).status_code == 200


async def test_a_revoked_key_is_dead(shop: Shop, http: httpx.AsyncClient) -> None:
    """At once where anything is done, and for catalogue reads from memory as soon as the process has heard of it."""
    made = await keys.create(shop.rt, shop.ctx, "Short-lived")
    headers = {"X-API-Key": made.secret}
    assert (await http.get(LIST, headers=headers)).status_code == 200
    await keys.revoke(shop.rt, shop.ctx, made.key.id)
    body = {"email": "x@example.com", "password": PASSWORD}
    refused(await http.post("/api/store/auth/register/", headers=headers, json=body), 401)
    for _ in range(400):
        answer = await http.get(LIST, headers=headers)
        if answer.status_code != 200:
            break
        await asyncio.sleep(0.05)
    refused(answer, 401)


async def test_the_plan_s_limit(new_shop: Make) -> None:
    """Sixty a minute on the free plan, counted down to nothing; the answers from memory count like the others."""
    shop = await new_shop(plan=Plan.FREE)
    left = []
    for _ in range(60):
        answer = await shop.http.get(LIST)
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit"] == "60"
        left.append(int(answer.headers["x-ratelimit-remaining"]))
    assert left == list(range(59, -1, -1))
    over = await shop.http.get(LIST)
    error = refused(over, 429)
    assert error["code"] == "rate_limited" and 0 < int(over.headers["retry-after"]) <= 60
    assert over.headers["x-ratelimit-remaining"] == "0"
    assert int(over.headers["x-ratelimit-reset"]) > 1_700_000_000
