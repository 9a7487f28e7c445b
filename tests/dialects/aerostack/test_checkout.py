"""Where buying goes another way than the guide tells: nobody answers at the provider, a code was used before, the shopper
is signed in."""

from __future__ import annotations

from tests.dialects.aerostack.window import Window, new_cart

from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType


async def misbehave(window: Window, times: int) -> None:
    shop = window.shop
    account = shop.rt.test_account("stripe", shop.ctx.tenant)
    answer = await window.http.post(
        "/simulator/stripe/_control",
        json={"fault": {"times": times, "status": 500, "when": "before"}},
        headers={"Authorization": f"Bearer {account.credentials['secret_key']}"},
    )
    assert answer.status_code == 200, answer.text


async def test_nobody_answers_at_the_provider(window: Window) -> None:
    """The order stands and holds its stock; the same checkout again leads to its payment page."""
    await window.shop.settings(payment_provider="stripe")
    await misbehave(window, 3)
    cart = (await window.add(await window.shop.product(stock=5), 2))["id"]
    answer = await window.send("POST", "/checkout", {"cartId": cart, "email": "john@example.com"})
    assert answer.status_code == 503 and answer.json()["code"] == "payment_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert await window.shop.value("select sum(reserved)::int from stock where tenant_id = $1") == 2
    await misbehave(window, 0)
    shown = await window.checkout(cart)
    assert shown["order"]["order_number"] == "ORD-001" and shown["payment"]["url"] and shown["orderToken"]
    assert await window.shop.value("select count(*) from orders where tenant_id = $1") == 1


async def test_a_code_for_one_use_a_customer(window: Window) -> None:
    await coupons.create(
        window.shop.rt,
        window.shop.ctx,
        coupons.CouponDraft("ONCE", CouponType.PERCENT, rate=100_000, per_customer_limit=1),
    )
    product = await window.shop.product(stock=50)
    jane = await window.shop.shopper()
    asked = {"code": "ONCE", "subtotal": 10, "email": "shopper1@example.com"}
    for headers, email in ((jane, "shopper1@example.com"), (dict(window.headers), "john@example.com")):
        cart = (await window.add(product))["id"]
        body = {"cartId": cart, "email": email, "couponCode": "ONCE"}
        await window.call("POST", "/checkout", body, 201, headers=headers)
    shown = await window.call("POST", "/coupons/validate", asked, headers=jane)
    assert (shown["valid"], shown["reason"]) == (False, "coupon_used_by_customer")

    # To others the answer does not tell who has bought what; the checkout itself keeps to the limit.
    for email in ("shopper1@example.com", "john@example.com", "nobody@example.com"):
        shown = await window.call("POST", "/coupons/validate", {**asked, "email": email})
        assert shown["valid"] is True
    cart = (await window.add(product))["id"]
    again = {"cartId": cart, "email": "john@example.com", "couponCode": "once"}
    shown = await window.refused("POST", "/checkout", 409, again)
    assert shown["code"] == "coupon_used_by_customer" and list(shown["fields"]) == ["couponCode"]


async def test_codes_are_to_be_known_and_not_found(window: Window) -> None:
    for number in range(30):
        await window.call("POST", "/coupons/validate", {"code": f"GUESS{number}", "subtotal": 10})
    shown = await window.refused("POST", "/coupons/validate", 429, {"code": "GUESS", "subtotal": 10})
    assert shown["code"] == "too_many_attempts"


async def test_an_order_of_who_is_signed_in_is_theirs(window: Window) -> None:
    """Also from a cart that was begun as a guest."""
    cart = (await window.add(await window.shop.product(stock=5)))["id"]
    jane = await window.shop.shopper()
    body = {"cartId": cart, "email": "shopper1@example.com"}
    made = await window.call("POST", "/checkout", body, 201, headers=jane)
    account = "select c.password_hash is not null from orders o join customers c on c.tenant_id = $1 and c.id = o.customer_id where o.tenant_id = $1"
    assert await window.shop.value(account) is True
    store = await window.http.get(
        "/api/store/orders/",
        headers={**jane, "Host": f"{window.shop.slug}.{window.shop.rt.settings.base_domain}"},
    )
    assert [one["order_number"] for one in store.json()["results"]] == [made["order"]["order_number"]]


async def test_what_is_no_longer_for_sale(window: Window) -> None:
    from merx.core.catalog import service as catalog
    from merx.core.catalog.model import ProductChanges

    product = await window.shop.product(stock=5)
    cart = (await window.add(product))["id"]
    await catalog.update_product(window.shop.rt, window.shop.ctx, product.id, ProductChanges(active=False))
    assert (await window.call("GET", f"/cart/{cart}"))["items"][0]["available"] is False
    shown = await window.refused("POST", "/checkout", 409, {"cartId": cart, "email": "a@b.cc"})
    assert shown["code"] == "unavailable"
    await window.refused("POST", f"/cart/{new_cart()}/items", 404, {"productId": str(product.id)})


async def test_prices_are_the_shops(window: Window) -> None:
    """What the client believes a thing costs is not even read."""
    product = await window.shop.product(price="99.99", stock=5)
    for more in ({"price": 0.01}, {"unitPrice": 0.01}, {"tenantId": "x"}):
        body = {"productId": str(product.id), "quantity": 1, **more}
        await window.refused("POST", f"/cart/{new_cart()}/items", 400, body)
    cart = (await window.add(product))["id"]
    for more in ({"grand_total": 0.01}, {"total": 0.01}, {"customerId": "x"}):
        await window.refused("POST", "/checkout", 400, {"cartId": cart, "email": "a@b.cc", **more})
