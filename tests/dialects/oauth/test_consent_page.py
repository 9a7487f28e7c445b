"""The page that asks: who sees it, what it says, where its answer goes, and what a page elsewhere can't make it do."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from typing import Any

import httpx
import pytest
from tests.browser import CHROMIUM
from tests.dialects.oauth.people import BACK, Browser, app_of, said
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import team
from merx.core.auth.model import DELEGABLE, Role
from merx.settings import Settings
from merx.web.oauth.words import SCOPE_WORDS

Open = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def browser(site: Settings) -> AsyncIterator[Browser]:
    one = Browser(site.public_url)
    yield one
    await one.http.aclose()


def test_every_scope_has_words() -> None:
    assert set(SCOPE_WORDS) == DELEGABLE
    assert len(set(SCOPE_WORDS.values())) == len(SCOPE_WORDS)


async def test_it_names_the_client_the_shop_and_the_scopes(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    first = await browser.get(app.url())
    assert first.status_code == 200 and 'type="password"' in browser.page
    assert "Reports &amp; &lt;Figures&gt;" in browser.page and "<Figures>" not in browser.page
    answer = await browser.send(email=shop.email, password="not-the-password")
    assert answer.status_code == 422 and "not-the-password" not in browser.page
    await browser.sign_in(app.url(), shop.email)
    page = unescape(browser.page)
    for said_there in ("Reports & <Figures>", shop.email, "app.example.com", "orders:read", SCOPE_WORDS["users:read"]):
        assert said_there in page
    assert "orders:write" not in page
    shop_name = await shop.value("select name from tenants where id = $1")
    assert shop_name in page


async def test_no_is_told_to_the_client_with_its_state(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    await browser.sign_in(app.url(), shop.email)
    answer = await browser.send(answer="deny")
    told = said(answer.headers["location"])
    assert answer.status_code == 303 and answer.headers["location"].startswith(BACK)
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", app.state, app.base)
    assert "code" not in told


async def test_nothing_is_given_without_the_forms_token_or_from_elsewhere(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    await browser.sign_in(app.url(), shop.email)
    url = app.url().removeprefix(app.base)
    for headers, fields in (
        ({}, {"answer": "allow"}),
        ({}, {"answer": "allow", "form_token": "x"}),
        ({"Sec-Fetch-Site": "cross-site"}, {"answer": "allow", "form_token": "x"}),
    ):
        answer = await browser.http.post(url, data=fields, headers=headers)
        assert answer.status_code == 403 and "location" not in answer.headers
    page = browser.page
    foreign: dict[str, str] = {"Sec-Fetch-Site": "cross-site"}
    browser.http.headers.update(foreign)
    answer = await browser.send(answer="allow")
    assert answer.status_code == 403
    del browser.http.headers["Sec-Fetch-Site"]
    browser.page = page
    answer = await browser.send(answer="allow")  # a browser without fetch metadata says where from by Origin
    assert answer.status_code == 403
    assert await shop.value("select count(*) from oauth_codes where tenant_id = $1") == 0


async def test_another_visitors_token_is_no_token(shop: Shop, browser: Browser, site: Settings) -> None:
    app, thief = await app_of(shop), Browser(site.public_url)
    await thief.get(app.url())
    stolen = thief.page
    await browser.sign_in(app.url(), shop.email)
    browser.page = stolen.replace("/oauth/sign-in", "/oauth/authorize")
    answer = await browser.send(answer="allow")
    assert answer.status_code == 403
    await thief.http.aclose()


async def test_its_headers_let_nobody_frame_it_or_run_anything_in_it(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    await browser.sign_in(app.url(), shop.email)
    answer = await browser.get(app.url())
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == "'self' https://app.example.com"
    assert answer.headers["cache-control"] == "no-store"
    assert "<style" not in browser.page and "style=" not in browser.page and "<script" not in browser.page


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example.com/back"},
        {"redirect_uri": ""},
        {"redirect_uri": f"{BACK}/more"},
        {"client_id": "0190a0a0-0000-7000-8000-000000000000"},
        {"client_id": ""},
        {"client_id": "x"},
        {"more": f"&redirect_uri={BACK}"},
        {"more": "&client_id=again"},
        {"more": "&scope=%ff"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_verified(
    shop: Shop, browser: Browser, change: dict[str, str]
) -> None:
    app = await app_of(shop)
    fields = {
        "response_type": "code",
        "client_id": str(app.made.client.id),
        "redirect_uri": BACK,
        "state": "s",
        **change,
    }
    more = fields.pop("more", "")
    query = "&".join(f"{name}={value}" for name, value in fields.items()) + more
    for path in ("/oauth/authorize", "/oauth/sign-in"):
        answer = await browser.get(f"{path}?{query}")
        assert answer.status_code == 400 and "location" not in answer.headers, answer.text
        assert "evil.example.com" not in answer.text


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "keys:write"}, "invalid_scope"),
        ({"scope": "*"}, "invalid_scope"),
        ({"scope": ["orders:read", "orders:read"]}, "invalid_request"),
        ({"nonsense": ["1", "2"]}, "invalid_request"),
    ],
)
async def test_what_is_wrong_otherwise_is_told_to_the_client(
    shop: Shop, new_shop: Open, browser: Browser, more: dict[str, Any], error: str
) -> None:
    """By way of a member's browser. Anybody may open a shop with a client of any address, so nobody else's is sent to
    it on the word of this installation (RFC 9700, 4.11.2)."""
    app, other = await app_of(shop), await new_shop()
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    fields = {
        "response_type": "code", "client_id": str(app.made.client.id), "redirect_uri": BACK, "state": "a b&c",
        "scope": "orders:read", "code_challenge": challenge, "code_challenge_method": "S256", **more,
    }  # fmt: skip
    asked = str(httpx.URL("/oauth/authorize", params={k: v for k, v in fields.items() if v is not None}))
    for signed_in in (False, True):
        if signed_in:
            await browser.sign_in((await app_of(other)).url(), other.email)
            consent = browser.page
        answer = await browser.get(asked)
        assert answer.status_code == 200 and "location" not in answer.headers
        assert 'type="password"' in browser.page
    browser.page = re.sub(r'action="[^"]+"', lambda _: f'action="{asked.replace("&", "&amp;")}"', consent)
    answer = await browser.send(answer="deny")
    assert answer.status_code == 303 and answer.headers["location"] == asked
    await browser.sign_in(asked, shop.email)
    answer = await browser.get(asked)
    assert answer.status_code == 303 and answer.headers["location"].startswith(f"{BACK}?")
    told = said(answer.headers["location"])
    assert (told["error"], told["state"], told["iss"]) == (error, "a b&c", app.base)


async def test_a_state_that_is_given_twice_is_not_given_back(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    asked = app.url().removeprefix(app.base) + "&state=again"
    await browser.sign_in(asked, shop.email)
    told = said((await browser.get(asked)).headers["location"])
    assert told["error"] == "invalid_request" and "state" not in told


@pytest.mark.parametrize("query", ["?from=merx", "?", "?from=merx&"])
async def test_a_query_in_the_return_address_is_kept(shop: Shop, browser: Browser, query: str) -> None:
    app = await app_of(shop, redirect_uris=[f"{BACK}{query}"])
    returned = await browser.allow(app.url(), shop.email)
    assert returned.startswith(f"{BACK}{query}") and "??" not in returned and "&&" not in returned
    assert "code" in said(returned) and ("from" in said(returned)) == ("from" in query)
    assert (await app.exchange(returned))["access_token"]


async def test_a_member_of_another_shop_is_asked_to_sign_in(shop: Shop, new_shop: Open, browser: Browser) -> None:
    other = await new_shop()
    app, theirs = await app_of(shop), await app_of(other)
    await browser.sign_in(theirs.url(), other.email)
    assert 'name="answer"' in browser.page
    consent = browser.page
    answer = await browser.get(app.url())
    assert 'name="answer"' not in answer.text and "not as somebody of the team" in answer.text
    browser.page = consent.replace(str(theirs.made.client.id), str(app.made.client.id))
    answer = await browser.send(answer="allow")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/oauth/authorize")
    assert await shop.value("select count(*) from oauth_codes where tenant_id = $1") == 0
    await browser.get(app.url())
    answer = await browser.send(email=other.email, password=PASSWORD)
    assert answer.status_code == 422 and "No account" in unescape(answer.text)


async def test_what_a_member_may_not_do_is_shown_and_not_given(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop, scopes=["orders:read", "logs:read"])
    email = f"clerk-{os.urandom(5).hex()}@example.com"
    await team.add(shop.rt, shop.ctx, email, Role.STAFF, password=PASSWORD)
    await browser.sign_in(app.url(scope="orders:read logs:read"), email)
    assert "which you may not do yourself" in browser.page
    answer = await browser.send(answer="allow")
    assert (await app.exchange(answer.headers["location"]))["scope"] == "orders:read"
    await browser.get(app.url(scope="logs:read"))
    assert 'value="allow"' not in browser.page
    answer = await browser.send(answer="allow")
    assert said(answer.headers["location"])["error"] == "access_denied"


async def test_guessing_passwords_is_limited(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    await browser.get(app.url())
    page = browser.page
    for _ in range(10):
        browser.page = page
        assert (await browser.send(email=shop.email, password="guess")).status_code == 422
    browser.page = page
    assert (await browser.send(email=shop.email, password=PASSWORD)).status_code == 429


async def test_at_a_shops_own_host_it_is_shown_where_it_lives(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    path = app.url().removeprefix(app.base)
    answer = await browser.http.get(path, headers={"Host": f"{shop.slug}.{shop.rt.settings.base_domain}"})
    assert answer.status_code == 307 and answer.headers["location"] == app.base + path


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"the page is driven in Chromium; there is no {CHROMIUM}")
async def test_a_real_browser_with_the_keyboard_alone(shop: Shop, site: Settings) -> None:
    """Signing in and allowing by keys, and Chromium follows the redirect that the policy has to name."""
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import async_playwright
    from tests.http_server import listener

    async with listener(lambda _: (200, b"<title>Back</title>")) as back, async_playwright() as play:
        native = f"{back.url}/cb"
        app = await app_of(shop, "none", redirect_uris=["http://127.0.0.1/cb"])
        app.client.redirect_uri = native
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        chromium = await play.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        page = await chromium.new_page(viewport={"width": 390, "height": 844})
        faults: list[str] = []
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda wrong: faults.append(str(wrong)))
        await page.goto(app.url())
        await page.locator("#f-email:focus").wait_for()  # where typing begins
        await page.keyboard.type(shop.email)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Allow", exact=True).wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        seen = await Axe().run(page)
        assert seen.violations_count == 0, seen.generate_report()
        for _ in range(2):  # the link to another account, then Allow
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{native}?**")
        returned = page.url
        await chromium.close()
    assert not [fault for fault in faults if "favicon" not in fault], faults
    token = await app.exchange(returned)
    assert (await app.orders(token["access_token"])).status_code == 200
