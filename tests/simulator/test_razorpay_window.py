"""The payment window in a real browser: a shop's page of another origin loads the script and opens it, as it would
Razorpay's own."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.shop import RazorpayShop

from merx.kernel.money import Currency, Money
from merx.ports import Outcome

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"the window is driven in Chromium; there is no {CHROMIUM}"),
    pytest.mark.timeout(120),
]
PAGE = """<!doctype html><html lang="en"><title>Shop</title><body>
<button id="buy">Buy</button>
<script src="{script}"></script>
<script>
window.said = [];
document.getElementById("buy").addEventListener("click", function () {{
  var checkout = new Razorpay({{
    key: "{key}", order_id: "{order}", amount: 50000, currency: "INR",
    handler: function (fields) {{ said.push(["paid", fields]); }},
    modal: {{ ondismiss: function () {{ said.push(["dismissed"]); }} }}
  }});
  checkout.on("payment.failed", function (answer) {{ said.push(["failed", answer.error]); }});
  checkout.open();
}});
</script></body></html>"""


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        await chromium.close()


@contextlib.asynccontextmanager
async def page_at(html: str) -> AsyncIterator[str]:
    """A server with this one page: a page that the browser was only told of may not reach this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(html)}\r\nconnection: close"
            writer.write(f"{head}\r\n\r\n{html}".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/checkout"
    finally:
        server.close()


async def test_paying_declining_and_leaving(razorpay: RazorpayShop, browser: Any) -> None:
    charge = razorpay.charge(50000, "INR")
    opened = await razorpay.provider.charge(razorpay.account, charge)
    script = f"{razorpay.endpoint}/checkout.js"
    html = PAGE.format(script=script, key=opened.client["token"], order=opened.reference)
    async with page_at(html) as address:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        faults: list[str] = []
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda wrong: faults.append(str(wrong)))
        await page.goto(address)

        await page.locator("#buy").click()
        window = page.frame_locator("iframe[title=Payment]")
        await window.get_by_role("button", name="Pay 500.00 INR").wait_for()
        inside = page.frames[1]
        assert await inside.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await window.get_by_role("button", name="declined").click()
        await window.get_by_role("alert").wait_for()
        await window.get_by_role("button", name="Close").click()
        await page.locator("iframe").wait_for(state="detached")
        said = await page.evaluate("said")
        assert [one[0] for one in said] == ["failed", "dismissed"]
        assert said[0][1]["metadata"]["order_id"] == opened.reference
        assert await page.evaluate("document.activeElement.id") == "buy"

        await page.keyboard.press("Enter")  # the button still has the focus
        await window.get_by_role("button", name="Pay 500.00 INR").wait_for()
        await inside_of(page).wait_for_load_state()  # its script hears keys by then
        await inside_of(page).locator("body").press("Escape")
        await page.locator("iframe").wait_for(state="detached")
        await page.locator("#buy").click()
        await window.get_by_role("button", name="Pay 500.00 INR").click()
        await page.locator("iframe").wait_for(state="detached")
        said = await page.evaluate("said")
        assert [one[0] for one in said] == ["failed", "dismissed", "dismissed", "paid"]
        fields = said[3][1]
        assert re.fullmatch(r"pay_\w{14}", fields["razorpay_payment_id"])
        assert opened.reference
        razorpay.provider.confirm(razorpay.account, opened.reference, fields)
        assert faults == []
    found = await razorpay.provider.find(razorpay.account, charge.payment_id, opened.reference)
    assert (found.outcome, found.captured) == (Outcome.CAPTURED, Money(50000, Currency("INR")))


def inside_of(page: Any) -> Any:
    return page.frames[1]
