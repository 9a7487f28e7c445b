"""What the platform API says no with: in its own document's words, and with what could be sent instead."""

from __future__ import annotations

from tests.dialects.baas.merchant import Merchant
from tests.dialects.baas.shape import refused


async def test_what_may_follow_is_told_in_words_that_can_be_sent(filled: Merchant) -> None:
    """`refunded` is none of this document's statuses: neither is it asked for, nor is it what an order is called."""
    path = f"/orders/{filled.ids['order']}/"

    async def told(status: str) -> str:
        error = refused(await filled.send("POST", f"{path}status/", {"status": status}), 400, "status")
        assert error["details"] == {"status": [error["message"]]} and error["code"] == "illegal_transition"
        return str(error["message"])

    await filled.call("POST", f"{path}payments/", {}, 201)
    await filled.call("POST", f"{path}shipments/", {"carrier": "UPS"}, 201)
    assert await told("pending") == "An order that is shipped can't become pending: only delivered can follow."
    await filled.call("POST", f"{path}status/", {"status": "delivered"})
    assert await told("cancelled") == (
        "An order that is delivered can't become cancelled: no other status can follow; the money is given back with a "
        "refund."
    )
    await filled.call("POST", f"{path}refunds/", status=201)
    assert await told("shipped") == "An order that is cancelled can't become shipped: no other status can follow."


async def test_a_place_in_a_list_has_one_spelling(merchant: Merchant) -> None:
    """Whoever finds the fault, the reader of the body or the catalogue itself."""
    for variant, field in (
        ({"price": "dear"}, "variants[1].price"),
        ({"price": -1}, "variants[1].price"),
        ({"price": 1, "sku": "x" * 101}, "variants[1].sku"),
        ({"price": 2, "compare_price": 1}, "variants[1].compare_price"),
    ):
        body = {
            "name": "Lamp",
            "price": 1,
            "variants": [{"options": {"Size": "S"}}, {"options": {"Size": "M"}, **variant}],
        }
        error = refused(await merchant.send("POST", "/products/", body), 400)
        assert list(error["details"]) == [field]
    body = {"name": "Lamp", "price": 1, "images": ["https://cdn.example.com/a.png", {"url": "ftp://x"}]}
    assert list(refused(await merchant.send("POST", "/products/", body), 400)["details"]) == ["images[1].url"]
