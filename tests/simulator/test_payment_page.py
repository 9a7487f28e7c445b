"""The payment page as a shopper without script uses it."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx
from tests.simulator.shop import Shop

from merx.kernel.money import Currency, Money
from merx.ports import PaymentLine


async def opened(shop: Shop, minor: int = 12345, currency: str = "USD", **other: object) -> str:
    receipt = await shop.provider.charge(shop.account, shop.charge(minor, currency, **other))
    assert receipt.url
    return receipt.url


def policy(page: httpx.Response) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in page.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


async def test_the_page_shows_what_is_bought_and_nothing_can_run_in_it(shop: Shop) -> None:
    hostile = "<script>alert(1)</script>"
    usd = Currency("USD")
    lines = (PaymentLine(hostile, 2, Money(10000, usd)), PaymentLine("Lamp", 1, Money(2000, usd)))
    page = await shop.http.get(await opened(shop, lines=lines))
    assert page.status_code == 200
    for shown in (
        "shop.localhost",
        "123.45 USD",
        "100.00 USD",
        "2 × 50.00 USD",
        "Lamp",
        "Shipping and tax",
        "3.45 USD",
    ):
        assert shown in page.text, shown
    assert hostile not in page.text and "<script" not in page.text
    rules = policy(page)
    assert rules["default-src"] == "'none'"
    assert rules["form-action"] == "'self' http://shop.localhost:8000"
    style = re.search(r"<style>(.*?)</style>", page.text, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "style=" not in page.text


async def test_yen_have_no_decimals(shop: Shop) -> None:
    assert "1,234 JPY" in (await shop.http.get(await opened(shop, 1234, "JPY"))).text
    assert "1.230 KWD" in (await shop.http.get(await opened(shop, 1230, "KWD"))).text
    assert "500 ISK" in (await shop.http.get(await opened(shop, 500, "ISK"))).text


async def test_pay_twice_is_paid_once(shop: Shop) -> None:
    url = await opened(shop)
    first, again = [await shop.press(url, "pay") for _ in range(2)]
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    assert len((await shop.control())["charge"]) == 1
    page = await shop.http.get(url)
    assert page.status_code == 200 and "Back to shop.localhost" in page.text and "<form" not in page.text


async def test_declined_then_paid(shop: Shop) -> None:
    url = await opened(shop)
    declined = await shop.press(url, "decline")
    assert declined.status_code == 303
    page = await shop.http.get(httpx.URL(url).join(declined.headers["location"]))
    assert 'role="alert"' in page.text and "declined" in page.text and "Pay 123.45 USD" in page.text
    assert (await shop.press(url, "pay")).headers["location"].startswith("http://shop.localhost:8000/paid?session=cs_")
    ledger = await shop.control()
    assert sorted(one["status"] for one in ledger["charge"]) == ["failed", "succeeded"]
    assert len(ledger["payment_intent"]) == 1


async def test_abandoned_and_taken_up_again(shop: Shop) -> None:
    url = await opened(shop)
    left = await shop.press(url, "abandon")
    assert (left.status_code, left.headers["location"]) == (303, "http://shop.localhost:8000/cart")
    assert (await shop.press(url, "pay")).status_code == 303
    assert (await shop.control())["checkout.session"][0]["payment_status"] == "paid"


async def test_a_page_without_a_way_back_has_no_such_button(shop: Shop) -> None:
    url = await opened(shop, cancel_url="")
    assert "abandon" not in (await shop.http.get(url)).text
    assert (await shop.press(url, "abandon")).status_code == 200


async def test_addresses_that_are_no_page(shop: Shop) -> None:
    unknown = await shop.http.get(f"{shop.endpoint}/pay/cs_test_nothing")
    assert unknown.status_code == 404 and "does not exist" in unknown.text
    url = await opened(shop)
    nonsense = await shop.press(url, "steal")
    assert nonsense.status_code == 200 and (await shop.control())["charge"] == []
