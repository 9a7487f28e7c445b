"""The dashboard's other areas in Chromium: what axe says of each page, whether it fits a phone, dragging a category, the
accent as it is chosen, questions by keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import Page
from tests.dialects.site import PASSWORD, Shop
from tests.web.browser import NARROW, WIDE, accessible, browsing, does_not_overflow, needs_chromium, shot
from tests.web.test_areas import EMPTY, D, Filled, now

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft
from merx.settings import Settings

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
LONG = "Donaudampfschifffahrtsgesellschaftskapitän von und zu Hohenlohe-Waldenburg-Schillingsfürst " * 2


async def sign_in(page: Page, site: Settings, email: str) -> str:
    base = f"http://localhost:{site.port}"
    await page.goto(f"{base}/dashboard/sign-in")
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{base}/dashboard")
    return base


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (NARROW, True)])
async def test_every_page_can_be_read_by_everybody_and_fits(
    site: Settings, shop: Shop, size: tuple[int, int], dark: bool
) -> None:
    filled = await Filled(shop, LONG[:140]).fill()
    async with browsing(size, dark) as (page, faults):
        base = await sign_in(page, site, shop.email)
        for path in (*EMPTY, *filled.pages.values()):
            answer = await page.goto(base + path)
            assert answer is not None and answer.status == 200, path
            await does_not_overflow(page)
            await accessible(page)
            await shot(page, f"area{path.removeprefix(D).replace('/', '-')[:40]}-{size[0]}")
        assert not faults, faults


async def test_a_category_is_dragged_into_another(site: Settings, shop: Shop) -> None:
    for name in ("One", "Two", "Three"):
        await catalog.create_category(shop.rt, now(shop), CategoryDraft(name))
    async with browsing(WIDE) as (page, faults):
        base = await sign_in(page, site, shop.email)
        await page.goto(f"{base}{D}/categories")
        await page.drag_and_drop("#c3", "#c1", target_position={"x": 300, "y": 20})
        await page.wait_for_selector('#c3[data-depth="1"]')
        await page.wait_for_load_state()  # the script that drags is there by then, and the whole tree
        assert "has been moved" in await page.inner_text(".flashes")
        await page.drag_and_drop("#c2", "#c1", target_position={"x": 300, "y": 3})
        await page.wait_for_function("() => document.querySelector('[data-tree]')?.children[0]?.id === 'c2'")
        await page.wait_for_load_state()
        order = await page.eval_on_selector_all("[data-tree] > li", "all => all.map(one => one.dataset.number)")
        assert order == ["2", "1", "3"]
        await page.focus('button[aria-label="Move Two down"]')
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.querySelector('[data-tree]')?.children[0]?.id === 'c1'")
        assert not faults, faults


async def test_the_accent_is_seen_before_it_is_saved(site: Settings, shop: Shop) -> None:
    async with browsing(WIDE) as (page, faults):
        base = await sign_in(page, site, shop.email)
        await page.goto(f"{base}{D}/settings/general")
        plain = await page.eval_on_selector(".accent-preview .button", "one => getComputedStyle(one).backgroundColor")
        await page.fill("input[name=accent]", "#0f766e")
        await page.wait_for_selector('link[href="/assets/accent/0f766e.css"]', state="attached")
        await page.wait_for_function(
            "was => getComputedStyle(document.querySelector('.accent-preview .button')).backgroundColor !== was",
            arg=plain,
        )
        await page.wait_for_selector("[data-savebar][data-shown]")
        assert not faults, faults


async def test_a_key_is_made_and_revoked_by_keyboard(site: Settings, shop: Shop) -> None:
    async with browsing(WIDE) as (page, faults):
        base = await sign_in(page, site, shop.email)
        await page.goto(f"{base}{D}/developers/keys/new")
        await page.wait_for_function("document.activeElement.name === 'name'")
        await page.keyboard.type("Warehouse")
        await page.keyboard.press("Enter")
        secret = await page.inner_text("#secret")
        assert secret.startswith("sk_live_")
        await page.goto(f"{base}{D}/developers/keys")
        assert secret not in await page.content()
        await page.focus('a[aria-label="Revoke Warehouse"]')
        await page.keyboard.press("Enter")
        await page.wait_for_selector("dialog[open]")
        await page.keyboard.press("Escape")
        assert not await page.query_selector("dialog[open]")
        await page.focus('a[aria-label="Revoke Warehouse"]')
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".flash")
        assert "has been revoked" in await page.inner_text(".flashes")
        assert not faults, faults


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (NARROW, True)])
async def test_a_customer_is_erased_and_that_is_taken_back(
    site: Settings, shop: Shop, size: tuple[int, int], dark: bool
) -> None:
    filled = await Filled(shop, "Jane Smith").fill()
    async with browsing(size, dark) as (page, faults):
        base = await sign_in(page, site, shop.email)
        await page.goto(base + filled.pages["customer"])

        async def seen(name: str) -> None:
            await does_not_overflow(page)
            await accessible(page)
            await shot(page, f"area-customers-{name}-{size[0]}")

        await page.click("summary[aria-label='More to do']")
        await page.click("a[data-opens=erase]")
        await page.wait_for_selector("#erase[open]")
        await seen("erase")
        await page.click("#erase button.danger")
        await page.wait_for_selector("text=Being erased")
        await seen("erasing")
        await page.goto(f"{base}{D}/customers")
        await seen("erasing-list")
        await page.goto(base + filled.pages["customer"])
        await page.click("text=Take it back")
        await page.wait_for_selector("a[data-opens=edit]")
        assert "Being erased" not in await page.inner_text("main")
        assert not faults, faults
