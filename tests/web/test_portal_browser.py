"""The developer portal in Chromium: read by axe at both widths, used by keyboard, weighed, its JavaScript run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.browser import DESKTOP, PHONE, browser, needs_chromium, tab
from tests.dialects.site import PASSWORD, Shop

from merx.settings import Settings

pytestmark = needs_chromium
PAGES = {
    "home": "/docs",
    "overview": "/docs/baas",
    "quick-start": "/docs/aerostack/quick-start",
    "authentication": "/docs/reference/authentication",
    "resources": "/docs/commerce/resources/products",
    "errors": "/docs/pycommerce/errors",
    "limits": "/docs/commerce/limits",
    "webhooks": "/docs/webhooks",
    "decisions": "/docs/aerostack/decisions",
    "guide": "/docs/guides/oauth",
    "search": "/docs/search?q=orders",
    "nothing": "/docs/nothing",
    "side-by-side": "/docs/side-by-side",
}


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    async with browser() as found:
        yield found


async def sign_in(page: Any, base: str, shop: Shop) -> None:
    await page.goto(f"{base}/dashboard/sign-in")
    await page.fill("#f-email", shop.email)
    await page.fill("#f-password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dashboard")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
async def test_every_kind_of_page_reads_well(shop: Shop, site: Settings, chromium: Any, size: str, scheme: str) -> None:
    base = f"http://localhost:{site.port}"
    await shop.product("Headphones", "129.90", stock=9, description="Long " * 60)
    async with tab(chromium, DESKTOP if size == "desktop" else PHONE, color_scheme=scheme) as one:
        for name, path in PAGES.items():
            await one.page.goto(base + path)
            await one.check(f"portal-{name}-{size}-{scheme}")
        await one.page.goto(base)
        await one.check(f"landing-{size}-{scheme}")
        faults = [said for said in one.faults if "404" not in said]
        assert faults == []
        one.faults.clear()
        await sign_in(one.page, base, shop)
        await one.page.goto(f"{base}/docs/side-by-side")
        await one.page.wait_for_selector(".spellings")
        await one.check(f"portal-own-shop-{size}-{scheme}")
        assert one.faults == []


async def test_one_language_for_all_code_and_for_the_next_page(site: Settings, chromium: Any) -> None:
    async with tab(chromium) as one:
        page = one.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto(f"http://localhost:{site.port}/docs/commerce/quick-start")
        assert await page.locator("pre[data-code=curl]:visible").count() >= 5
        await page.get_by_role("button", name="Python").first.click()
        assert await page.locator("pre[data-code=curl]:visible").count() == 0
        count = await page.locator("pre[data-code=python]:visible").count()
        assert count >= 5
        assert await page.locator("[data-speak=python][aria-pressed=true]").count() == count
        await page.locator("[data-take]").first.click()
        await page.wait_for_function("navigator.clipboard.readText().then(text => text !== '')")
        taken = await page.evaluate("navigator.clipboard.readText()")
        assert taken == await page.locator("pre[data-code=python]").first.text_content() and "import httpx" in taken
        await page.goto(f"http://localhost:{site.port}/docs/baas/quick-start")
        assert await page.locator("pre[data-code=python]:visible").count() >= 5
        assert one.faults == []


async def test_operations_are_found_by_keyboard(site: Settings, chromium: Any) -> None:
    async with tab(chromium) as one:
        page, keys = one.page, one.page.keyboard
        await page.goto(f"http://localhost:{site.port}/docs")
        await keys.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await keys.press("/")
        await page.wait_for_selector("#finder[open] li")
        await keys.type("post refunds")
        assert await page.locator("#finder-list li").count() == 1
        await one.check("portal-finder")
        await keys.press("Enter")
        await page.wait_for_url("**/docs/baas/resources/platform-orders#platform-add-refund")
        await keys.press("Control+k")
        await page.wait_for_selector("#finder[open]")
        await keys.type("xyzzy")
        await page.locator("[data-none]").wait_for()  # once the list has come
        await keys.press("Escape")
        assert not await page.locator("#finder").is_visible()
        assert one.faults == []


async def test_a_key_for_trying_is_in_the_code_and_in_this_tab_only(shop: Shop, site: Settings, chromium: Any) -> None:
    """And the JavaScript that is shown runs with it, in a page of this very host."""
    base = f"http://localhost:{site.port}"
    await shop.product("Headphones", "129.90", stock=9)
    async with tab(chromium) as one:
        page = one.page
        await sign_in(page, base, shop)
        await page.goto(f"{base}/docs/reference/quick-start")
        assert await page.locator("b[data-key]").first.text_content() == "YOUR_API_KEY"
        await page.get_by_role("button", name="Make a key for trying").click()
        await page.wait_for_selector("[data-trial-key]")
        await one.check("portal-key")
        for name in ("reference", "commerce", "aerostack"):
            await page.goto(f"{base}/docs/{name}/quick-start")
            shown = page.locator("pre[data-code=javascript]", has_text="/products")
            code = await shown.first.text_content()
            assert "pk_live_" in code and shop.slug in await page.content()
            ran = code.replace("console.log(await answer.json());", "return [answer.status, await answer.text()];")
            status, text = await page.evaluate(f"async () => {{ {ran} }}")
            assert status == 200 and "129.90" in text, code
        another = await page.context.new_page()
        await another.goto(f"{base}/docs/reference/quick-start")
        assert await another.locator("b[data-key]").first.text_content() == "YOUR_API_KEY"
        await page.get_by_role("button", name="Forget it").click()
        await page.wait_for_function("() => document.querySelector('b[data-key]').textContent === 'YOUR_API_KEY'")
        assert one.faults == []


@pytest.mark.timeout(600)
async def test_the_renderer_has_the_key_and_no_fault(shop: Shop, site: Settings, chromium: Any) -> None:
    base = f"http://localhost:{site.port}"
    async with tab(chromium) as one:
        await sign_in(one.page, base, shop)
        await one.page.goto(f"{base}/docs")
        await one.page.get_by_role("button", name="Make a key for trying").click()
        await one.page.wait_for_selector("[data-trial-key]")
        for name in ("aerostack", "baas", "commerce", "reference", "pycommerce"):
            await one.page.goto(f"{base}/docs/{name}/try")
            await one.page.wait_for_function(
                "() => document.querySelector('rapi-doc').shadowRoot?.textContent.includes('API key applied')",
                timeout=200_000,
            )
        assert one.faults == []


async def test_without_script_everything_can_be_read(site: Settings, chromium: Any) -> None:
    async with tab(chromium, PHONE, java_script_enabled=False) as one:
        page = one.page
        await page.goto(f"http://localhost:{site.port}/docs/commerce/quick-start")
        assert await page.locator("pre[data-code=curl]").first.is_visible()
        assert not await page.locator("pre[data-code=python]").first.is_visible()
        assert not await page.locator("[data-speak]").first.is_visible()
        await page.locator("details.side > summary").click()
        await page.get_by_role("link", name="Errors", exact=True).click()
        await page.wait_for_url("**/docs/commerce/errors")
        await page.fill("#q", "logs")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/docs/search?q=logs")
        assert await page.get_by_text("/reference/v1/logs").first.is_visible()


async def test_pages_are_light(site: Settings, chromium: Any) -> None:
    """Under 150 KB as they come over the wire; the stylesheet under 40 KB, scripts under 60."""
    heaviest = "/docs/baas/resources/platform-products"
    for path in (heaviest, "/docs", "/docs/webhooks", "/docs/baas/quick-start"):
        async with tab(chromium) as one:
            kinds: dict[str, str] = {}
            sizes: dict[str, int] = {}
            session = await one.page.context.new_cdp_session(one.page)
            await session.send("Network.enable")
            session.on("Network.responseReceived", lambda e, kinds=kinds: kinds.__setitem__(e["requestId"], e["type"]))
            session.on(
                "Network.loadingFinished",
                lambda e, sizes=sizes: sizes.__setitem__(e["requestId"], int(e["encodedDataLength"])),
            )
            await one.page.goto(f"http://localhost:{site.port}{path}", wait_until="networkidle")
            by_kind: dict[str, int] = {}
            for request, kind in kinds.items():
                by_kind[kind] = by_kind.get(kind, 0) + sizes.get(request, 0)
            by_kind.pop("Image", None)
            assert by_kind["Stylesheet"] < 40_000 and by_kind["Script"] < 60_000, (path, by_kind)
            assert sum(by_kind.values()) < 150_000, (path, by_kind)
