"""A checkout that is sent again, and what it may choose."""

from __future__ import annotations

from typing import Any

import httpx
from tests.dialects.baas.shape import refused
from tests.dialects.baas.test_store_golden import CHECKOUT
from tests.dialects.baas.test_store_shopping import add, product_id
from tests.dialects.site import Shop

from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod

COD = {**CHECKOUT, "payment_method": "cod"}


async def check_out(shop: Shop, who: dict[str, str], **more: Any) -> httpx.Response:
    return await shop.http.post("/api/store/checkout/", headers=who, json={**COD, **more})


async def test_only_the_same_checkout_again_is_answered_with_its_order(shop: Shop) -> None:
    jane = await shop.shopper()
    await add(shop, jane, await product_id(shop))
    placed = await check_out(shop, jane)
    assert placed.status_code == 201
    for more in ({"notes": "Ring twice"}, {"payment_method": "bank_transfer"}, {"coupon_code": "X"}):
        assert refused(await check_out(shop, jane, **more), 400)["code"] == "cart_empty"
    other = {**COD["shipping_address"], "street": "2 Side St"}
    assert refused(await check_out(shop, jane, shipping_address=other), 400)["code"] == "cart_empty"
    again = await check_out(shop, jane)
    assert (again.status_code, again.json()["id"]) == (201, placed.json()["id"])


async def test_an_address_that_no_parcel_finds(shop: Shop) -> None:
    jane = await shop.shopper()
    await add(shop, jane, await product_id(shop))
    home = COD["shipping_address"]
    for field, value in (("street", "   "), ("city", "\n"), ("country", "  "), ("street", "1 Main\x07 St")):
        answer = await check_out(shop, jane, shipping_address={**home, field: value})
        refused(answer, 400, f"shipping_address.{field}")
        refused(await check_out(shop, jane, billing_address={**home, field: value}), 400, f"billing_address.{field}")
    wrong = {**home, "street": " ", "city": " "}
    error = refused(await check_out(shop, jane, shipping_address=wrong), 400)
    assert list(error["details"]) == ["shipping_address.street", "shipping_address.city"]
    lines = {**home, "street": "Flat 2\n1 Main St", "city": "Łódź"}
    placed = await check_out(shop, jane, shipping_address=lines)
    assert (placed.json()["shipping_address"]["street"], placed.json()["shipping_address"]["city"]) == (
        "Flat 2\n1 Main St",
        "Łódź",
    )


async def test_a_shop_ships_by_what_it_lists(shop: Shop) -> None:
    """`express` is another API's word: here it is a method like any other, and not there until it is made."""
    jane = await shop.shopper()
    await add(shop, jane, await product_id(shop))
    error = refused(await check_out(shop, jane, shipping_method="express"), 400, "shipping_method")
    assert error["details"]["shipping_method"] == ["This shop ships by: standard."]
    await shipping.put(shop.rt, shop.ctx, ShippingMethod("express", "Express", 1500))
    placed = await check_out(shop, jane, shipping_method="express")
    assert (placed.json()["shipping_method"], placed.json()["shipping"]) == ("express", "15.00")
