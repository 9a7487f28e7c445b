"""Who sees which orders of an e-mail: the threat is that anybody with the page's key and a person's address learns
what that person bought."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.dialects.aerostack.window import Window
from tests.dialects.site import PASSWORD

from merx.core.customers import service as customers
from merx.core.orders import proofs
from merx.kernel.addresses import bucket

EMPTY = {"orders": [], "total": 0, "page": 1, "limit": 20}
SEVEN = ["id", "order_number", "status", "payment_status", "currency", "grand_total", "created_at"]
JOHN = "/orders?email=john@example.com"


async def elsewhere(window: Window, *orders: Any) -> None:
    """The orders came from another client's address, all of them where none is named."""
    digest = proofs.client_digest_of(window.shop.rt.vault, window.shop.ctx.tenant, bucket("203.0.113.9"))
    async with window.shop.rt.db.begin(window.shop.ctx) as tx:
        await tx.run("update orders set client_digest = $2 where tenant_id = $1", digest)


async def aged(window: Window, **age: float) -> None:
    async with window.shop.rt.db.begin(window.shop.ctx) as tx:
        when = datetime.now(UTC) - timedelta(**age)
        await tx.run("update orders set created_at = $2 where tenant_id = $1", when)


async def seen(window: Window, headers: Mapping[str, str] | None = None, email: str = "john@example.com") -> int:
    shown = await window.call("GET", f"/orders?email={email}", headers={**window.headers, **(headers or {})})
    assert len(shown["orders"]) == shown["total"]
    assert all(list(one) == SEVEN for one in shown["orders"])
    return int(shown["total"])


async def test_the_same_client_within_a_day(window: Window) -> None:
    made = await window.sold()
    one = f"/orders/{made['order']['id']}?email=john@example.com"
    assert await seen(window) == 1
    assert (await window.call("GET", one))["order_number"] == "ORD-001"
    await aged(window, hours=23, minutes=59)
    assert await seen(window) == 1
    await aged(window, hours=24, minutes=1)
    assert await seen(window) == 0
    await window.refused("GET", one, 404)


async def test_another_client_learns_nothing(window: Window) -> None:
    made = await window.sold()
    await elsewhere(window)
    known = await window.send("GET", JOHN)
    unknown = await window.send("GET", "/orders?email=nobody@example.com")
    assert known.json() == unknown.json() == EMPTY and known.content == unknown.content
    hidden = await window.send("GET", f"/orders/{made['order']['id']}?email=john@example.com")
    never = await window.send("GET", "/orders/01a1fcc2-9115-7109-a5d0-59c6f5d95fd8?email=john@example.com")
    no_id = await window.send("GET", "/orders/ORD-001?email=john@example.com")
    assert hidden.status_code == never.status_code == no_id.status_code == 404
    assert hidden.content == never.content == no_id.content


async def test_the_address_itself_is_not_kept(window: Window) -> None:
    await window.sold()
    row = await window.shop.value(
        "select array[o::text, encode(o.client_digest, 'hex')] from orders o where tenant_id = $1"
    )
    assert "127.0.0.1" not in row[0] and len(row[1]) == 64


@pytest.mark.parametrize("way", ["header", "query", "several"])
async def test_the_token_of_a_checkout(window: Window, way: str) -> None:
    made = await window.sold()
    more = await window.sold()
    await elsewhere(window)
    token, id_ = made["orderToken"], made["order"]["id"]
    if way == "query":
        shown = await window.call("GET", f"{JOHN}&orderToken={token}")
        assert [one["id"] for one in shown["orders"]] == [id_]
        assert (await window.call("GET", f"/orders/{id_}?email=john@example.com&orderToken={token}"))["id"] == id_
    elif way == "header":
        assert await seen(window, {"X-Order-Token": token}) == 1
        assert await seen(window, {"X-Order-Token": token}, "jane@example.com") == 0
        headers = {**window.headers, "X-Order-Token": token}
        assert (await window.call("GET", f"/orders/{id_}?email=john@example.com", headers=headers))["id"] == id_
        await window.refused("GET", f"/orders/{id_}?email=jane@example.com", 404, headers=headers)
        await window.refused("GET", f"/orders/{more['order']['id']}?email=john@example.com", 404, headers=headers)
    else:
        assert await seen(window, {"X-Order-Token": f"{token}, {more['orderToken']}"}) == 2
        assert await seen(window, {"X-Order-Token": f"{token[:-1]}, ,{'x' * 500}, %E4"}) == 0


async def test_a_signed_in_customer_sees_their_own(window: Window) -> None:
    jane = await window.shop.shopper()
    key = {**window.headers}
    window.headers = jane
    await window.sold("shopper1@example.com")
    window.headers = key
    await window.sold("shopper1@example.com")  # somebody else who typed the same e-mail
    await elsewhere(window)
    assert await seen(window, jane, "shopper1@example.com") == 1
    assert await seen(window, jane, "john@example.com") == 0
    assert await seen(window, {}, "shopper1@example.com") == 0
    both = {**jane, "X-API-Key": window.key}
    assert await seen(window, both, "shopper1@example.com") == 1


async def test_an_account_made_afterwards_shows_nothing_of_a_guest(window: Window) -> None:
    await window.sold("jim@example.com")
    await elsewhere(window)
    made = await customers.register(
        window.shop.rt, window.shop.ctx, customers.NewCustomer("jim@example.com", PASSWORD, "Jim")
    )
    jim = {"Authorization": f"Bearer {made.tokens.access}"}
    assert await seen(window, jim, "jim@example.com") == 0


@pytest.mark.parametrize(("setting", "near", "far"), [("verified", 0, 0), ("recent", 1, 0), ("open", 1, 1)])
async def test_the_shops_setting(window: Window, setting: str, near: int, far: int) -> None:
    await window.shop.settings(guest_order_lookup=setting)
    made = await window.sold()
    path = f"/orders/{made['order']['id']}?email=john@example.com"
    assert await seen(window) == near
    assert (await window.send("GET", path)).status_code == (200 if near else 404)
    await elsewhere(window)
    assert await seen(window) == far
    assert (await window.send("GET", path)).status_code == (200 if far else 404)
    assert await seen(window, {"X-Order-Token": made["orderToken"]}) == 1


async def test_the_shops_own_program_sees_all(window: Window) -> None:
    await window.sold()
    await elsewhere(window)
    program = await window.secret_key("orders:own", "orders:read")
    for _ in range(12):  # without the limit that others have
        assert await seen(window, program) == 1


async def test_orders_of_the_shops_own_program_have_no_address(window: Window) -> None:
    """Its one address would stand for all of its customers."""
    program = await window.secret_key("*")
    product = await window.shop.product(stock=5)
    cart = (await window.add(product))["id"]
    await window.call("POST", "/checkout", {"cartId": cart, "email": "john@example.com"}, 201, headers=program)
    assert await seen(window) == 0


async def test_ten_a_minute_a_client(window: Window) -> None:
    await window.sold()
    for number in range(10):
        await window.call("GET", f"/orders?email=somebody{number}@example.com")
    shown = await window.send("GET", JOHN)
    assert shown.status_code == 429 and 1 <= int(shown.headers["retry-after"]) <= 60
    assert shown.json()["code"] == "too_many_attempts"
    one = await window.send("GET", "/orders/01a1fcc2-9115-7109-a5d0-59c6f5d95fd8?email=john@example.com")
    assert one.status_code == 429


@pytest.mark.parametrize("who", ["holder", "shopper"])
async def test_whoever_proves_an_order_theirs_asks_as_often_as_they_like(window: Window, who: str) -> None:
    """A page that waits for the payment does, also where others behind its address have used the limit up."""
    key, shopper = dict(window.headers), await window.shop.shopper()
    window.headers = shopper
    made = await window.sold("shopper1@example.com")
    window.headers = key
    await elsewhere(window)
    proof = shopper if who == "shopper" else {**key, "X-Order-Token": made["orderToken"]}
    path = f"/orders/{made['order']['id']}?email=shopper1@example.com"
    for _ in range(12):
        assert (await window.call("GET", path, headers=proof))["id"] == made["order"]["id"]
    for _ in range(10):
        await window.refused("GET", path, 404)
    assert (await window.refused("GET", path, 429))["code"] == "too_many_attempts"
    assert (await window.call("GET", path, headers=proof))["id"] == made["order"]["id"]


@pytest.mark.parametrize("setting", ["recent", "open"])
async def test_a_proof_is_no_way_to_guess_at_the_rest(window: Window, setting: str) -> None:
    """With the token of an order its e-mail can be guessed at as slowly as without; so can other people's orders by who
    is signed in, or has the token of another."""
    await window.shop.settings(guest_order_lookup=setting)
    shopper, mine, theirs = await window.shop.shopper(), await window.sold(), await window.sold("jane@example.com")
    await elsewhere(window)
    holder = {**window.headers, "X-Order-Token": mine["orderToken"]}
    own, other = (f"/orders/{made['order']['id']}?email=" for made in (mine, theirs))
    for number in range(10):
        await window.refused("GET", f"{own}guess{number}@example.com", 404, headers=holder)
    await window.refused("GET", f"{own}guess@example.com", 429, headers=holder)
    await window.refused("GET", f"{own}john@example.com", 429, headers=holder)
    for headers in (shopper, holder):
        await window.refused("GET", f"{other}jane@example.com", 429, headers=headers)


async def test_an_answer_that_was_lost_comes_again_with_its_token(window: Window) -> None:
    cart = (await window.add(await window.shop.product(stock=5)))["id"]
    first = await window.checkout(cart)
    assert await window.checkout(cart) == first
    other = {"cartId": cart, "email": "mallory@example.com"}
    assert (await window.refused("POST", "/checkout", 409, other))["code"] == "cart_empty"


async def test_pages(window: Window) -> None:
    product = await window.shop.product(price="1", stock=50)
    made = []
    for _ in range(5):
        cart = (await window.add(product))["id"]
        made.append((await window.checkout(cart))["order"]["id"])
    first = await window.call("GET", f"{JOHN}&limit=2")
    second = await window.call("GET", f"{JOHN}&limit=2&page=2")
    last = await window.call("GET", f"{JOHN}&limit=2&page=3")
    past = await window.call("GET", f"{JOHN}&limit=2&page=4")
    assert [one["id"] for page in (first, second, last) for one in page["orders"]] == made[::-1]
    assert past == {"orders": [], "total": 5, "page": 4, "limit": 2}


async def test_the_same_cart_sent_twenty_times_at_once(window: Window) -> None:
    await window.shop.settings(payment_provider="stripe")
    product = await window.shop.product(stock=50)
    cart = (await window.add(product, 2))["id"]
    body = {"cartId": cart, "email": "john@example.com"}
    answers = await asyncio.gather(*(window.send("POST", "/checkout", body) for _ in range(20)))
    good = [one.json() for one in answers if one.status_code == 201]
    busy = [one for one in answers if one.status_code != 201]
    assert all(one.status_code == 503 for one in busy) and len(good) >= 10, [one.text for one in busy]
    assert len({str(one) for one in good}) == 1
    assert await window.shop.value("select count(*) from orders where tenant_id = $1") == 1
    assert await window.shop.value("select sum(reserved)::int from stock where tenant_id = $1") == 2


async def test_a_hundred_adds_at_once(window: Window) -> None:
    """Two tabs and a nervous finger: nothing is lost, and the totals add up."""
    await window.shop.settings(tax_percentage="10", flat_shipping_rate="5")
    product = await window.shop.product(price="1.37", stock=1_000)
    cart = (await window.add(product))["id"]
    quantities = [1 + number % 3 for number in range(100)]
    path = f"/cart/{cart}/items"

    async def add(quantity: int) -> None:
        for _ in range(50):
            answer = await window.send("POST", path, {"productId": str(product.id), "quantity": quantity})
            if answer.status_code != 503:
                assert answer.status_code == 200, answer.text
                return
            await asyncio.sleep(0.05)
        raise AssertionError("always busy")

    await asyncio.gather(*(add(quantity) for quantity in quantities))
    shown = await window.call("GET", f"/cart/{cart}")
    pieces = 1 + sum(quantities)
    assert shown["item_count"] == shown["items"][0]["quantity"] == pieces and len(shown["items"]) == 1
    goods = round(137 * pieces)
    assert round(shown["subtotal"] * 100) == goods
    total = goods + 500 + (goods + 5) // 10
    assert round(shown["grand_total"] * 100) == total
