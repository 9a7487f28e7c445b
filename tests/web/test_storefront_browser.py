"""The storefront in Chromium: bought with the keyboard alone and on a phone, read by axe, without a fault in the
console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.browser import DESKTOP, PHONE, browser, needs_chromium, tab
from tests.dialects.site import PASSWORD, Shop

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft, ImageDraft, VariantDraft
from merx.settings import Settings

pytestmark = needs_chromium
PICTURES = ["wireless-headphones-1", "wireless-headphones-2", "bluetooth-speaker-1"]
LONG = "An unreasonably long name of a product that somebody typed without a thought for those who draw pages " * 2


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    async with browser() as found:
        yield found


async def filled(shop: Shop) -> str:
    """Something to look at; gives the shop's address."""
    await catalog.create_category(shop.rt, shop.ctx, CategoryDraft("Audio", description="What sounds."))
    pictures = tuple(ImageDraft(f"/demo/pictures/tech/{name}.svg", name) for name in PICTURES)
    await shop.product(LONG[:250], "12.00", stock=2, categories=("Audio",), slug="long", description=LONG * 3)
    await shop.product("Gone Radio", "20.00", stock=0, categories=("Audio",), images=pictures[2:])
    await shop.product(
        "Headphones", "99.99", compare_price="120.00", categories=("Audio",), images=pictures,
        variants=tuple(
            VariantDraft(options={"Colour": colour, "Size": size}, stock=0 if (colour, size) == ("Blue", "L") else 7)
            for colour in ("Black", "Blue") for size in ("S", "L")
        ),
    )  # fmt: skip
    await shop.settings(payment_provider="stripe", free_shipping_threshold="50", flat_shipping_rate="5")
    return f"http://{shop.slug}.{shop.rt.settings.base_domain}"


async def test_a_picture_that_cannot_be_loaded_leaves_its_frame(shop: Shop, site: Settings, chromium: Any) -> None:
    await shop.product("Lamp", "12.00", images=(ImageDraft("/media/none/of/these.webp", "A lamp"),))
    async with tab(chromium, DESKTOP) as one:
        await one.page.goto(f"http://{shop.slug}.{shop.rt.settings.base_domain}/products/lamp")
        covered, ground = await one.page.evaluate(
            "[...document.querySelectorAll('.stage .frame, .stage .frame > img')].map((e, n) =>"
            " getComputedStyle(e, n ? '::after' : null).backgroundColor).reverse()"
        )
        assert covered == ground


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_bought_with_the_keyboard_alone(shop: Shop, site: Settings, chromium: Any, size: str) -> None:
    home = await filled(shop)
    async with tab(chromium, DESKTOP if size == "desktop" else PHONE) as one:
        page, keys = one.page, one.page.keyboard
        await page.goto(home)
        await keys.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await one.tab_to("#q-top")
        await keys.insert_text("headph")  # at once: a pause between letters would ask for some of them, and then again
        await page.wait_for_selector(".suggestions a")
        await keys.press("ArrowDown")
        await keys.press("Enter")
        await page.wait_for_url("**/products/headphones")
        await one.tab_to("input[name=variant]")
        await keys.press("ArrowDown")
        await one.tab_to("form[data-variants] button.primary")
        await keys.press("Enter")
        await page.wait_for_selector(".toast a")
        await one.tab_to(".toast a")
        await keys.press("Enter")
        await page.wait_for_url("**/cart")
        await one.tab_to("a[href='/checkout']")
        await keys.press("Enter")
        await page.wait_for_url("**/checkout")
        for field, text in {
            "email": "mia@example.com",
            "ship_name": "Mia Müller",
            "ship_line1": "Weg 1",
            "ship_postal_code": "50667",
            "ship_city": "Köln",
        }.items():
            await one.tab_to(f"#f-{field}")
            await keys.type(text)
        await one.tab_to("aside button.primary")
        await keys.press("Enter")
        await page.wait_for_url("**/simulator/stripe/pay/**")
        await page.get_by_role("button", name="Pay").first.focus()
        await keys.press("Enter")
        await page.wait_for_url("**/checkout/success**")
        await page.wait_for_selector("text=Paid. The confirmation", timeout=30_000)
        await one.check(f"storefront-success-{size}")
        assert one.faults == []
    assert await shop.value("select payment_status from orders where tenant_id = $1") == "paid"


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
async def test_every_page_reads_well_at_both_widths_in_light_and_dark(
    shop: Shop, site: Settings, chromium: Any, size: str, scheme: str
) -> None:
    home = await filled(shop)
    async with tab(chromium, DESKTOP if size == "desktop" else PHONE, color_scheme=scheme) as one:
        page, mark = one.page, f"{size}-{scheme}"
        for name, path in {
            "front": "/", "category": "/categories/audio", "search-nothing": "/search?q=xyzzyq", "long": "/products/long",
            "sold-out": "/products/gone-radio", "product": "/products/headphones", "cart-empty": "/cart",
            "sign-in": "/account/sign-in", "register": "/account/register", "forgotten": "/account/forgotten",
        }.items():  # fmt: skip
            await page.goto(f"{home}{path}")
            await one.check(f"storefront-{name}-{mark}")
        await page.goto(f"{home}/products/long")
        await page.get_by_role("button", name="Add to cart").click()
        await page.wait_for_selector(".toast")
        await one.check(f"storefront-added-{mark}")
        await page.goto(f"{home}/cart")
        await one.check(f"storefront-cart-{mark}")
        await page.goto(f"{home}/checkout")
        await one.check(f"storefront-checkout-{mark}")
        assert one.faults == []
        await page.goto(f"{home}/account/register")
        await page.fill("#f-email", f"{mark}@example.com")
        await page.fill("#f-password", PASSWORD)
        await page.get_by_role("button", name="Open the account").click()
        await page.wait_for_url("**/account")
        await one.check(f"storefront-account-{mark}")
        await page.goto(f"{home}/account/profile")
        await one.check(f"storefront-profile-{mark}")
        assert one.faults == []


async def test_a_page_is_light(shop: Shop, site: Settings, chromium: Any) -> None:
    """Without pictures under 150 KB as it comes over the wire; the stylesheet under 40 KB, the scripts under 60."""
    home = await filled(shop)
    async with tab(chromium) as one:
        sizes: dict[str, int] = {}
        session = await one.page.context.new_cdp_session(one.page)
        await session.send("Network.enable")
        kinds: dict[str, str] = {}
        session.on("Network.responseReceived", lambda event: kinds.__setitem__(event["requestId"], event["type"]))
        session.on(
            "Network.loadingFinished",
            lambda event: sizes.__setitem__(event["requestId"], int(event["encodedDataLength"])),
        )
        await one.page.goto(f"{home}/products/headphones", wait_until="networkidle")
        by_kind: dict[str, int] = {}
        for request, kind in kinds.items():
            by_kind[kind] = by_kind.get(kind, 0) + sizes.get(request, 0)
        by_kind.pop("Image", None)
        assert by_kind["Stylesheet"] < 40_000 and by_kind["Script"] < 60_000, by_kind
        assert sum(by_kind.values()) < 150_000, by_kind
