"""A merchant's day in a real browser: a shop is opened, filled, sold from, and looks after its orders; wide and narrow,
light and dark, with the keyboard alone; without a complaint of the console or of axe."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.async_api import Page, expect
from tests.dialects.site import PASSWORD, Shop
from tests.web.browser import NARROW, WIDE, accessible, browsing, does_not_overflow, needs_chromium, shot

from merx.settings import Settings

pytestmark = [needs_chromium, pytest.mark.timeout(240)]


def picture() -> bytes:
    drawn = Image.new("RGB", (800, 1000), "#e8ded0")
    ImageDraw.Draw(drawn).ellipse((200, 300, 600, 700), fill="#c2602f")
    out = io.BytesIO()
    drawn.save(out, "JPEG")
    return out.getvalue()


async def looked_at(page: Page, name: str) -> None:
    await does_not_overflow(page)
    await accessible(page)
    await shot(page, name)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_from_an_empty_shop_to_a_refund(site: Settings, size: tuple[int, int], tmp_path: Path) -> None:
    mark = "w" if size == WIDE else "n"
    name, email = f"Clay {mark} {tmp_path.name[-6:]}", f"clay-{mark}-{tmp_path.name}@example.com".lower()
    async with browsing(size) as (page, faults):
        await _sign_up(page, site, name, email)
        await looked_at(page, f"{mark}-home-empty")
        await _add_product(page, site, tmp_path, mark)
        slug = "".join(letter for letter in name.lower() if letter.isalnum())
        await _buy(page, f"http://{slug}.{site.base_domain}", mark)
        await _look_after(page, site, mark)
        assert not faults, "\n".join(faults)


async def _sign_up(page: Page, site: Settings, name: str, email: str) -> None:
    await page.goto(f"{site.public_url}/dashboard/sign-up")
    await accessible(page)
    await page.get_by_label("Name of the shop").fill(name)
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill("a-password-for-a-journey")
    await page.get_by_role("button", name="Open the shop").click()
    await expect(page.get_by_role("heading", name="Home", exact=True)).to_be_visible()


async def _add_product(page: Page, site: Settings, tmp_path: Path, mark: str) -> None:
    file = tmp_path / "vase.jpg"
    file.write_bytes(picture())
    await page.goto(f"{site.public_url}/dashboard/products/new")
    await page.get_by_label("Name", exact=True).fill("Stone vase")
    await page.get_by_label("Description").fill("Thrown by hand.")
    await page.get_by_label("Upload").set_input_files(file)
    await page.get_by_label("Price", exact=True).fill("48.00")
    await page.get_by_label("Available", exact=True).fill("7")
    await looked_at(page, f"{mark}-product-new")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_text("Stone vase has been added.")).to_be_visible()
    await expect(page.locator(".pictures img")).to_have_count(1)
    assert await page.locator(".pictures img").evaluate("one => one.decode().then(() => one.naturalWidth > 0)")
    await looked_at(page, f"{mark}-product")
    await page.goto(f"{site.public_url}/dashboard/products")
    await looked_at(page, f"{mark}-products")


async def _buy(page: Page, shop: str, mark: str) -> None:
    await page.goto(f"{shop}/products/stone-vase")
    async with page.expect_response(lambda answer: "/cart/items" in answer.url):
        await page.get_by_role("button", name="Add to cart").click()
    await page.goto(f"{shop}/checkout")
    filled: dict[str, Any] = {"email": "mia@example.com", "ship_name": "Mia Müller", "ship_line1": "Weg 1",
                              "ship_city": "Köln", "ship_postal_code": "50667"}  # fmt: skip
    await page.select_option("[name=ship_country]", "DE")
    for field, value in filled.items():
        await page.fill(f"[name={field}]", value)
    card = page.locator("[name=payment_method][value=card]")
    if await card.count():
        await card.check()
    await page.locator("main form button[type=submit], main form button:not([type])").last.click()
    await page.wait_for_url("**/simulator/**/pay/**")
    await page.get_by_role("button", name="Pay", exact=False).first.click()
    await expect(page.locator("main")).to_contain_text("ORD-001")
    await expect(page.get_by_text("Paid. The confirmation")).to_be_visible()  # it is shipped when the callback has come
    await shot(page, f"{mark}-bought")


async def _look_after(page: Page, site: Settings, mark: str) -> None:
    await page.goto(f"{site.public_url}/dashboard")
    await expect(page.get_by_text("1 order to ship")).to_be_visible()
    await expect(page.locator("[data-chart] polyline")).to_have_count(1)
    await looked_at(page, f"{mark}-home")
    await page.goto(f"{site.public_url}/dashboard/orders")
    await looked_at(page, f"{mark}-orders")
    await page.get_by_role("link", name="ORD-001").click()
    await looked_at(page, f"{mark}-order")
    await page.get_by_role("link", name="Add a shipment").click()
    await accessible(page)
    await page.get_by_label("Carrier").fill("DHL")
    await page.get_by_label("Tracking number").fill("00340434161094021501")
    await page.get_by_role("button", name="Add the shipment").click()
    await expect(page.get_by_text("Sent with DHL")).to_be_visible()
    await page.get_by_label("More to do").click()
    await page.get_by_role("link", name="Refund").click()
    await page.get_by_label("Amount").fill("8.00")
    await page.get_by_role("button", name="Refund").click()
    await expect(page.locator(".timeline")).to_contain_text("8.00")
    await expect(page.get_by_text("Partially refunded")).to_be_visible()
    await looked_at(page, f"{mark}-order-refunded")


async def test_every_page_in_the_dark_with_very_long_names(site: Settings, shop: Shop) -> None:
    long = "Extraordinarilylongproductnamewithoutanyblank" * 5
    product = await shop.product(long[:250], "1234567.89", stock=3)
    async with browsing(NARROW, dark=True) as (page, faults):
        await _sign_in(page, site, shop)
        for at, path in enumerate(
            ("", "/orders", "/products", f"/products/{product.id}", f"/products/{product.id}/stock",
             f"/products/bulk?id={product.id}", "/products/import", "/shops", "/orders/nothing")
        ):  # fmt: skip
            await page.goto(f"{site.public_url}/dashboard{path}")
            await looked_at(page, f"dark-{at}")
        assert [one for one in faults if "404" not in one] == []


async def _sign_in(page: Page, site: Settings, shop: Shop) -> None:
    await page.goto(f"{site.public_url}/dashboard/sign-in")
    await page.get_by_label("E-mail").fill(shop.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Home", exact=True)).to_be_visible()


async def test_the_keyboard_alone_is_enough(site: Settings, shop: Shop) -> None:
    for name in ("Anchor", "Bell", "Cable"):
        await shop.product(name, "5.00", stock=4)
    async with browsing(WIDE) as (page, faults):
        await _sign_in(page, site, shop)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        # The palette: go to a page, find a product.
        await page.keyboard.press("Control+k")
        await page.keyboard.type("prod")
        await expect(page.locator("#palette .results a.at")).to_be_visible()
        await accessible(page)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Products", exact=True)).to_be_visible()
        await page.wait_for_load_state()  # its script listens by then
        # The list: down, choose, open; search.
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        await expect(page.locator("[data-bulk-bar]")).to_contain_text("1 chosen")
        await accessible(page)
        await page.keyboard.press("/")
        await page.keyboard.type("anch")
        await page.wait_for_url("**q=anch**")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.keyboard.press("Escape")
        await page.locator("tbody a.row-link").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Anchor")).to_be_visible()
        await page.wait_for_load_state()
        # The editor: the save bar comes with the first change, and leaving asks.
        bar = page.locator("[data-savebar]")
        await expect(bar).to_be_hidden()
        await page.get_by_label("Price", exact=True).press("End")
        await page.keyboard.type("1")
        await expect(bar).to_be_visible()
        asked: list[str] = []

        async def leave(dialog: Any) -> None:
            asked.append(dialog.type)
            await dialog.accept()

        page.on("dialog", leave)
        await page.goto(f"{site.public_url}/dashboard/orders")
        assert asked == ["beforeunload"]
        assert not faults, "\n".join(faults)


async def test_pages_are_light(site: Settings, shop: Shop) -> None:
    """Weight without pictures: the sheet 40 KB, scripts 60 KB each, a page with all it needs 150 KB and little more for
    the typeface, as sent."""
    for at in range(25):
        await shop.product(f"Thing {at}", "5.00", stock=4)
    async with browsing(WIDE) as (page, _):
        sizes: dict[str, int] = {}

        async def weigh(response: Any) -> None:
            if response.request.resource_type in ("document", "stylesheet", "script"):
                sent = await response.request.sizes()
                sizes[response.url] = sent["responseBodySize"]

        await _sign_in(page, site, shop)
        page.on("response", weigh)
        await page.goto(f"{site.public_url}/dashboard/products")
        await page.wait_for_load_state("networkidle")
        sheet = [size for url, size in sizes.items() if url.endswith(".css")]
        assert max(sheet, default=0) <= 40 * 1024
        assert sum(sizes.values()) <= 150 * 1024, sizes
