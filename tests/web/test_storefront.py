"""A shop's own pages over real HTTP, without script."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.dialects.site import PASSWORD, Shop, open_shop, runtime, serving
from tests.web.visitor import Visitor

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft, ImageDraft, VariantDraft
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.settings import Settings

NewShop = Callable[..., Awaitable[Shop]]
ADDRESS = {
    "ship_name": "Mia Müller",
    "ship_line1": "Weg 1",
    "ship_city": "Köln",
    "ship_postal_code": "50667",
    "ship_country": "DE",
    "same": "on",
}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def told(page: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(one) for one in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text)]


async def buy(visitor: Visitor, product: Any, quantity: int = 1, **form: str) -> httpx.Response:
    await visitor.get(f"/products/{product.slug}")
    await visitor.post("/cart/items", {"product": str(product.id), "quantity": str(quantity)})
    await visitor.get("/checkout")
    return await visitor.post("/checkout", {"email": "mia@example.com", "payment_method": "cod", **ADDRESS, **form})


def order_of(page: httpx.Response) -> str:
    return re.findall(r"order=([0-9a-f-]{36})", str(page.url) + page.text)[0]


# ── Looking around ───────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_shop_shows_what_it_sells_with_what_search_engines_need(shop: Shop, site: Settings) -> None:
    await catalog.create_category(shop.rt, shop.ctx, CategoryDraft("Audio"))
    await shop.product("Desk Lamp", "49.50", compare_price="60.00", stock=3, sku="DL-1", categories=("Audio",))
    async with Visitor(site, shop.slug) as visitor:
        front = await visitor.get("/")
        assert front.status_code == 200
        assert "Desk Lamp" in front.text
        assert f'<link rel="canonical" href="http://{visitor.host}/">' in front.text
        page = await visitor.get("/products/desk-lamp")
        product, trail = told(page)
        assert (product["@type"], product["sku"]) == ("Product", "DL-1")
        offer = {"price": "49.50", "priceCurrency": "USD", "availability": "https://schema.org/InStock"}
        assert offer.items() <= product["offers"][0].items()
        assert [step["name"] for step in trail["itemListElement"]] == ["Home", "Audio", "Desk Lamp"]
        assert f'href="http://{visitor.host}/products/desk-lamp"' in page.text
        assert "$49.50" in page.text and "$60.00" in page.text and "You save" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        listed = await visitor.get("/categories/audio")
        assert "Desk Lamp" in listed.text


async def test_lists_are_searched_narrowed_sorted_and_paged(shop: Shop, site: Settings) -> None:
    for number in range(1, 28):
        await shop.product(f"Lamp {number:02d}", str(number), stock=0 if number == 1 else 5)
    async with Visitor(site, shop.slug) as visitor:
        names = re.compile(r'<h2><a href="/products/[^"]+">(Lamp \d\d)</a>')
        first = names.findall((await visitor.get("/products?sort=price")).text)
        assert first == [f"Lamp {number:02d}" for number in range(1, 25)]
        assert names.findall((await visitor.get("/products?sort=price&page=2")).text) == [
            "Lamp 25",
            "Lamp 26",
            "Lamp 27",
        ]
        narrowed = await visitor.get("/products?min=2&max=3.5&sort=price-desc")
        assert names.findall(narrowed.text) == ["Lamp 03", "Lamp 02"]
        assert "Lamp 01" not in (await visitor.get("/products?stock=1&sort=price")).text
        assert names.findall((await visitor.get("/search?q=lamp+07")).text)[0] == "Lamp 07"
        nothing = await visitor.get("/search?q=xyzzyq")
        assert "Nothing found for" in nothing.text
        part = await visitor.get("/products?page=2", **{"HX-Request": "true"})
        assert "<html" not in part.text and "Lamp" in part.text
        offered = await visitor.get("/search/suggest?q=lam")
        assert 'role="option"' in offered.text and "All 27 results" in offered.text


@pytest.mark.parametrize(
    "path", ["?page=0", "?page=x", "?page=99999", "?min=abc", "?min=-1&max=nan", "?sort=odd", "?q=%00"]
)
async def test_a_mistyped_address_is_no_error(shop: Shop, site: Settings, path: str) -> None:
    await shop.product()
    async with Visitor(site, shop.slug) as visitor:
        assert (await visitor.get(f"/products{path}")).status_code == 200
        assert (await visitor.get(f"/search{path}")).status_code < 500


async def test_what_is_not_there_is_a_page(shop: Shop, site: Settings) -> None:
    hidden = await shop.product("Secret Thing", active=False)
    async with Visitor(site, shop.slug) as visitor:
        for path in (
            "/nothing",
            f"/products/{hidden.slug}",
            "/categories/none",
            "/account/orders/1",
            "/theme/theme.css",
        ):
            page = await visitor.get(path)
            assert page.status_code == 404, path
            assert "find that" in page.text and "Secret Thing" not in page.text


async def test_text_of_merchants_never_becomes_markup(shop: Shop, site: Settings) -> None:
    await catalog.create_category(shop.rt, shop.ctx, CategoryDraft(HOSTILE[:100], slug="hostile", description=HOSTILE))
    made = await shop.product(
        HOSTILE, description=HOSTILE, stock=9, categories=("hostile",), slug="hostile",
        images=(ImageDraft("https://example.com/a.png", HOSTILE),),
        variants=(VariantDraft(options={HOSTILE[:50]: HOSTILE[:50]}, stock=3), VariantDraft(options={HOSTILE[:50]: "b"}, stock=3)),
    )  # fmt: skip
    async with Visitor(site, shop.slug) as visitor:
        await buy(visitor, made)
        for path in (
            "/",
            "/products/hostile",
            "/categories/hostile",
            "/search?q=" + HOSTILE[:60].replace("&", ""),
            "/cart",
            "/search/suggest?q=alert",
        ):
            page = await visitor.get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text and "<img src=x" not in page.text, path
            told(page)


async def test_robots_and_sitemap(shop: Shop, site: Settings) -> None:
    await catalog.create_category(shop.rt, shop.ctx, CategoryDraft("Audio"))
    await shop.product("Desk Lamp")
    await shop.product("Hidden Lamp", active=False)
    async with Visitor(site, shop.slug) as visitor:
        robots = await visitor.get("/robots.txt")
        assert f"Sitemap: http://{visitor.host}/sitemap.xml" in robots.text
        listed = re.findall(r"<loc>(.*?)</loc>", (await visitor.get("/sitemap.xml")).text)
        assert listed == [f"http://{visitor.host}{path}" for path in ("/", "/categories/audio", "/products/desk-lamp")]


# ── Buying ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_guest_buys_on_delivery_and_only_their_browser_sees_the_order(shop: Shop, site: Settings) -> None:
    product = await shop.product("Desk Lamp", "10.00", stock=5)
    async with Visitor(site, shop.slug) as visitor, Visitor(site, shop.slug) as other:
        page = await buy(visitor, product, quantity=2)
        assert page.status_code == 200
        assert "Thank you, Mia" in page.text and "ORD-001" in page.text and "$20.00" in page.text
        order = order_of(page)
        assert (await visitor.get(f"/account/orders/{order}")).status_code == 200
        assert (await other.get(f"/account/orders/{order}")).status_code == 404
        stranger = await other.get(f"/checkout/success?order={order}")
        assert "ORD-001" not in stranger.text and stranger.status_code == 200
        assert "Your cart is empty" in (await visitor.get("/cart")).text
    assert await shop.value("select on_hand - reserved from stock where tenant_id = $1") == 3
    assert await shop.value("select source from orders where tenant_id = $1") == "storefront"


async def test_what_is_missing_is_said_beside_its_field_and_nothing_is_ordered(shop: Shop, site: Settings) -> None:
    product = await shop.product(stock=5)
    async with Visitor(site, shop.slug) as visitor:
        page = await buy(visitor, product, email="", ship_postal_code="", ship_city="")
        assert page.status_code == 422
        for field in ("email", "ship_postal_code", "ship_city"):
            assert f'id="f-{field}-fault"' in page.text
        assert 'value="Mia Müller"' in page.text
        odd = await visitor.post("/checkout", {**ADDRESS, "email": "not an address", "payment_method": "cod"})
        assert odd.status_code == 422 and "valid email" in odd.text
        unknown = await visitor.post("/checkout", {**ADDRESS, "email": "a@example.com", "payment_method": "shells"})
        assert unknown.status_code == 422 and "Choose how to pay" in unknown.text
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 0


async def test_the_same_form_sent_five_times_at_once_is_one_order(shop: Shop, site: Settings) -> None:
    product = await shop.product(stock=5)
    async with Visitor(site, shop.slug) as visitor:
        await visitor.get(f"/products/{product.slug}")
        await visitor.post("/cart/items", {"product": str(product.id)})
        page = await visitor.get("/checkout")
        found = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert found is not None
        fields = {"form_token": found[1], "email": "mia@example.com", "payment_method": "cod", **ADDRESS}
        origin = {"Origin": f"http://{visitor.host}"}
        answers = await asyncio.gather(*[visitor.bare("/checkout", fields, **origin) for _ in range(5)])
        assert {one.status_code for one in answers} == {303}
        assert len({one.headers["location"] for one in answers}) == 1
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 1


async def test_the_cart_says_what_can_not_be_had_and_keeps_a_coupon(shop: Shop, site: Settings) -> None:
    product = await shop.product("Desk Lamp", "10.00", stock=3)
    await coupons.create(shop.rt, shop.ctx, coupons.CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    async with Visitor(site, shop.slug) as visitor:
        await visitor.get(f"/products/{product.slug}")
        refused = await visitor.post(
            "/cart/items", {"product": str(product.id), "quantity": "4", "back": "/products/desk-lamp"}
        )
        assert 'class="flash danger"' in refused.text and refused.url.path == "/products/desk-lamp"
        await visitor.post("/cart/items", {"product": str(product.id), "quantity": "2"})
        wrong = await visitor.post("/cart/coupon", {"code": "NOPE"})
        assert wrong.status_code == 422 and 'aria-invalid="true"' in wrong.text
        right = await visitor.post("/cart/coupon", {"code": "TEN"})
        assert '−<span class="money">$2.00</span>' in right.text
        line = re.findall(r'action="/cart/items/([0-9a-f-]{36})"', right.text)[0]
        more = await visitor.post(f"/cart/items/{line}", {"quantity": "9"})
        assert more.status_code in (409, 422)
        empty = await visitor.post(f"/cart/items/{line}", {"remove": "1"})
        assert "Your cart is empty" in empty.text


async def test_paid_by_card_at_the_simulators_page(shop: Shop, site: Settings) -> None:
    product = await shop.product("Desk Lamp", "10.00", stock=5)
    await shop.settings(payment_provider="stripe")
    async with Visitor(site, shop.slug) as visitor, httpx.AsyncClient(timeout=30) as bank:
        page = await buy(visitor, product, payment_method="card")
        onward = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
        assert onward is not None
        url = html.unescape(onward[1]).replace("localhost", "127.0.0.1")
        paid = await bank.post(url, data={"action": "pay"})
        back = urlsplit(paid.headers["location"])
        assert back.path == "/checkout/success"
        for _ in range(100):
            page = await visitor.get(f"{back.path}?{back.query}")
            if "Paid. The confirmation" in page.text:
                break
            assert "has not confirmed the payment yet" in page.text
            await asyncio.sleep(0.1)
        assert "Paid. The confirmation" in page.text


async def test_who_comes_back_unpaid_gets_the_cart_and_the_shop_its_stock(shop: Shop, site: Settings) -> None:
    product = await shop.product("Desk Lamp", "10.00", stock=5)
    await shop.settings(payment_provider="stripe")
    available = "select on_hand - reserved from stock where tenant_id = $1"
    async with Visitor(site, shop.slug) as visitor, Visitor(site, shop.slug) as other:
        page = await buy(visitor, product, quantity=2, payment_method="card")
        order = order_of(page)
        onward = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
        assert onward is not None
        back = await visitor.get(f"/checkout/cancel?order={order}")
        assert "Nothing has been charged" in back.text
        assert await shop.value(available) == 3, "looking at the page changes nothing"
        await other.get("/cart")
        theirs = await other.post("/checkout/cancel", {"order": order})
        assert theirs.status_code == 404
        again = await visitor.get(f"/checkout/cancel?order={order}")
        assert again.status_code == 200
        cart = await visitor.post("/checkout/cancel", {"order": order})
        assert "Desk Lamp" in cart.text and 'value="2"' in cart.text
        assert await shop.value(available) == 5
        async with httpx.AsyncClient(timeout=30) as bank:
            late = await bank.get(html.unescape(onward[1]).replace("localhost", "127.0.0.1"))
        assert 'value="pay"' not in late.text, "the payment page is closed"


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_registering_takes_the_guests_cart_along_and_signing_out_ends_it(shop: Shop, site: Settings) -> None:
    one, two = await shop.product("Lamp One", stock=9), await shop.product("Lamp Two", stock=9)
    async with Visitor(site, shop.slug) as visitor, Visitor(site, shop.slug) as later:
        await visitor.get("/products/lamp-one")
        await visitor.post("/cart/items", {"product": str(one.id), "quantity": "2"})
        await visitor.get("/account/register")
        page = await visitor.post(
            "/account/register", {"email": "mia@example.com", "password": PASSWORD, "first_name": "Mia"}
        )
        assert "Hello Mia" in page.text
        assert "Lamp One" in (await visitor.get("/cart")).text
        await later.get("/products/lamp-one")
        await later.post("/cart/items", {"product": str(one.id), "quantity": "1"})
        await later.post("/cart/items", {"product": str(two.id), "quantity": "4"})
        await later.get("/account/sign-in")
        wrong = await later.post("/account/sign-in", {"email": "mia@example.com", "password": "wrong wrong"})
        assert wrong.status_code == 401 and "Hello" not in wrong.text
        await later.post("/account/sign-in", {"email": "mia@example.com", "password": PASSWORD})
        cart = (await later.get("/cart")).text
        assert re.findall(r'name="quantity" value="(\d+)"', cart) == ["3", "4"]
        stolen = dict(later.cookies)
        await later.post("/account/sign-out")
        later.cookies = stolen
        assert "Sign in" in (await later.get("/account")).text


async def test_the_current_password_can_not_be_guessed_from_a_session(shop: Shop, site: Settings) -> None:
    await shop.shopper()
    async with Visitor(site, shop.slug) as visitor:
        await visitor.get("/account/sign-in")
        await visitor.post("/account/sign-in", {"email": "shopper1@example.com", "password": PASSWORD})
        await visitor.get("/account/profile")
        tries = [{"current_password": f"guess {number}", "password": "a-new-password-1"} for number in range(11)]
        answers = [(await visitor.post("/account/password", one)).status_code for one in tries]
        assert answers[:10] == [422] * 10 and answers[10] == 429
        right = {"current_password": PASSWORD, "password": "a-new-password-1"}
        assert (await visitor.post("/account/password", right)).status_code == 429


async def test_an_open_redirect_is_not_to_be_had(shop: Shop, site: Settings) -> None:
    await shop.shopper()
    async with Visitor(site, shop.slug) as visitor:
        await visitor.get("/account/sign-in?next=https://evil.example/")
        for there in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            page = await visitor.post(
                "/account/sign-in", {"email": "shopper1@example.com", "password": PASSWORD, "next": there}
            )
            assert page.url.host == "127.0.0.1" and page.url.path == "/account"
            await visitor.post("/account/sign-out")
            await visitor.get("/account/sign-in")


async def test_forms_from_elsewhere_are_refused(shop: Shop, site: Settings) -> None:
    product = await shop.product(stock=5)
    async with Visitor(site, shop.slug) as visitor:
        page = await visitor.get(f"/products/{product.slug}")
        found = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert found is not None
        fields = {"form_token": found[1], "product": str(product.id)}
        here = f"http://{visitor.host}"
        foreign = [
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site", "Origin": here},
            {"Sec-Fetch-Site": "same-site"},
            {},
        ]
        for headers in foreign:
            assert (await visitor.bare("/cart/items", fields, **headers)).status_code == 403, headers
        for token in ("", "wrong", "é"):
            answer = await visitor.bare("/cart/items", {**fields, "form_token": token}, Origin=here)
            assert answer.status_code == 403
        assert (await visitor.bare("/cart/items", fields, Origin=here)).status_code == 303


async def test_another_shops_session_and_cart_are_nobodys_here(new_shop: NewShop, site: Settings) -> None:
    one, two = await new_shop(), await new_shop()
    product = await one.product("Lamp One", stock=9)
    async with Visitor(site, one.slug) as visitor, Visitor(site, two.slug) as there:
        await visitor.get("/account/register")
        await visitor.post("/account/register", {"email": "mia@example.com", "password": PASSWORD})
        await visitor.get("/products/lamp-one")
        await visitor.post("/cart/items", {"product": str(product.id)})
        there.cookies = dict(visitor.cookies)
        assert "Sign in" in (await there.get("/account")).text
        assert (await there.get("/products/lamp-one")).status_code == 404
        assert "Your cart is empty" in (await there.get("/cart")).text


async def test_a_theme_comes_before_what_is_shipped(dsn: Dsn, database: Database, tmp_path: Path) -> None:
    with serving(dsn, theme_dir=tmp_path) as site:
        shop = await open_shop(runtime(site, database))
        (tmp_path / "shops" / shop.slug).mkdir(parents=True)
        (tmp_path / "storefront").mkdir()
        (tmp_path / "theme.css").write_text(":root { --accent: red }")
        (tmp_path / "storefront" / "list.html").write_text("every shop's list")
        (tmp_path / "shops" / shop.slug / "front.html").write_text("{{ shop.name }}'s own front")
        async with Visitor(site, shop.slug) as visitor:
            assert "own front" in (await visitor.get("/")).text
            assert (await visitor.get("/products")).text == "every shop's list"
            page = await visitor.get("/cart")
            sheet = re.search(r'href="(/theme/theme\.css\?[0-9a-f]+)"', page.text)
            assert sheet is not None
            assert "red" in (await visitor.get(sheet[1])).text
            assert (await visitor.get("/theme/..%2F..%2Ftheme.css")).status_code == 404
        await shop.http.aclose()
