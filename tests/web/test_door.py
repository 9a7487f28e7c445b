"""What stands before every page: sessions in cookies, forms that only this site can send, headers, errors as pages."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from tests.dialects.site import PASSWORD, Shop
from tests.web.visitor import TOKEN, Visitor

from merx.core.auth import service as auth
from merx.core.auth import sessions, team
from merx.core.auth.model import Role
from merx.kernel.ids import StaffId
from merx.settings import Settings
from merx.web import cookies

NewShop = Callable[..., Awaitable[Shop]]
SIGN_IN = "/dashboard/sign-in"


async def signed_in(site: Settings, email: str, password: str = PASSWORD) -> Visitor:
    visitor = Visitor(site)
    await visitor.get(SIGN_IN)
    page = await visitor.post(SIGN_IN, {"email": email, "password": password})
    assert page.status_code == 200, page.text
    return visitor


# ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_signing_in_gives_a_fresh_opaque_cookie_that_scripts_cant_read(site: Settings, shop: Shop) -> None:
    async with Visitor(site) as visitor:
        await visitor.get(SIGN_IN)
        visitor.cookies["merx_staff"] = planted = "A" * 43
        token = TOKEN.search(visitor.page.text)  # type: ignore[union-attr]
        assert token is not None
        fields = {"form_token": token[1], "email": shop.email, "password": PASSWORD}
        answer = await visitor.bare(SIGN_IN, fields, Origin=f"http://{visitor.host}")
        assert answer.status_code == 303 and answer.headers["location"] == "/dashboard"
        (header,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("merx_staff=")]
        assert "HttpOnly" in header and "SameSite=Lax" in header and "Path=/" in header
        fresh = visitor.cookies["merx_staff"]
        assert re.fullmatch(r"[0-9A-Za-z_-]{43}", fresh) and fresh != planted
        rows = await shop.value("select count(*) from credentials where tenant_id = $1 and hash = $2", fresh.encode())
        assert rows == 0  # what is stored is a digest


def test_over_tls_the_cookie_is_this_hosts_alone() -> None:
    name, header = cookies.put(cookies.STAFF, "x", True, 60)
    assert name == b"set-cookie" and header.startswith(b"__Host-merx_staff=x; Path=/;")
    assert b"Secure" in header and b"Domain" not in header
    assert cookies.read({b"cookie": b"merx_staff=x"}, cookies.STAFF, True) is None
    assert cookies.read({b"cookie": b"__Host-merx_staff=x; __Host-merx_staff=y"}, cookies.STAFF, True) is None


async def test_without_a_session_a_page_leads_to_signing_in_and_back(site: Settings, shop: Shop) -> None:
    async with Visitor(site) as visitor:
        page = await visitor.get("/dashboard/orders?view=shipped")
        assert "Sign in" in page.text and 'value="/dashboard/orders?view=shipped"' in page.text
        fields = {"email": shop.email, "password": PASSWORD, "next": "/dashboard/orders?view=shipped"}
        assert "Orders" in (await visitor.post(SIGN_IN, fields)).text


@pytest.mark.parametrize("away", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_the_way_back_stays_on_this_site(site: Settings, shop: Shop, away: str) -> None:
    async with Visitor(site) as visitor:
        await visitor.get(SIGN_IN)
        token = TOKEN.search(visitor.page.text)  # type: ignore[union-attr]
        assert token is not None
        fields = {"form_token": token[1], "email": shop.email, "password": PASSWORD, "next": away}
        answer = await visitor.bare(SIGN_IN, fields, Origin=f"http://{visitor.host}")
        assert answer.headers["location"] == "/dashboard"


async def test_a_wrong_password_and_an_unknown_e_mail_look_the_same(site: Settings, shop: Shop) -> None:
    async with Visitor(site) as visitor:
        said = []
        for email in (shop.email, "nobody@example.com"):
            await visitor.get(SIGN_IN)
            page = await visitor.post(SIGN_IN, {"email": email, "password": "not-the-password"})
            assert page.status_code == 401
            said.append(re.sub(r'(?:name="(?:form_token|email)"|content)[^>]*>', "", page.text.replace(email, "")))
        assert said[0] == said[1]


async def test_signing_out_ends_the_session_at_once(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        kept = dict(visitor.cookies)
        assert "Sign in" in (await visitor.post("/dashboard/sign-out")).text
        visitor.cookies = kept  # the same cookie again, from elsewhere
        assert "Sign in" in (await visitor.get("/dashboard")).text


async def test_signing_out_everywhere_ends_every_browser(site: Settings, shop: Shop) -> None:
    first, second = await signed_in(site, shop.email), await signed_in(site, shop.email)
    async with first, second:
        assert "Home" in (await first.get("/dashboard")).text
        async with shop.rt.db.begin(shop.ctx) as tx:
            assert shop.ctx.actor_id is not None
            await sessions.end_all(shop.rt, tx, shop.ctx.actor_id)
        for visitor in (first, second):
            assert "Sign in" in (await visitor.get("/dashboard")).text


async def test_a_new_password_ends_the_other_browsers(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        await auth.change_password(shop.rt, shop.ctx, PASSWORD, "another-password-for-tests")
        assert "Sign in" in (await visitor.get("/dashboard")).text


async def test_another_role_holds_for_the_next_page(site: Settings, shop: Shop) -> None:
    member = await team.add(shop.rt, shop.ctx, f"staff-{shop.slug}@example.com", Role.STAFF, password=PASSWORD)
    async with await signed_in(site, member.staff.email) as visitor:
        assert (await visitor.get("/dashboard/products")).status_code == 200
        await team.change(shop.rt, shop.ctx, StaffId(member.staff.id), permissions=["orders:read"])
        assert (await visitor.get("/dashboard/products")).status_code == 403
        await team.remove(shop.rt, shop.ctx, StaffId(member.staff.id))
        assert "Sign in" in (await visitor.get("/dashboard/orders")).text


async def test_a_shoppers_cookie_and_a_staff_token_do_not_open_the_dashboard(site: Settings, shop: Shop) -> None:
    shopper = (await shop.shopper())["Authorization"].removeprefix("Bearer ")
    async with Visitor(site) as visitor:
        visitor.cookies["merx_staff"] = shopper
        assert "Sign in" in (await visitor.get("/dashboard")).text
        page = await visitor.get("/dashboard", Authorization=f"Bearer {shop.key}")
        assert "Sign in" in page.text


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_form_from_another_site_does_nothing(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        await visitor.get("/dashboard")
        token = TOKEN.search(visitor.page.text)  # type: ignore[union-attr]
        assert token is not None
        here, fields = f"http://{visitor.host}", {"form_token": token[1]}
        refused: list[dict[str, str]] = [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {},
            {"Origin": here, "Sec-Fetch-Site": "cross-site"},
            {"Origin": here, "Sec-Fetch-Site": "same-site"},
        ]
        for headers in refused:
            answer = await visitor.bare("/dashboard/sign-out", fields, **headers)
            assert answer.status_code == 403, headers
        assert "Home" in (await visitor.get("/dashboard")).text
        answer = await visitor.bare("/dashboard/sign-out", fields, **{"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 303


async def test_a_form_needs_the_token_of_its_session(site: Settings, new_shop: NewShop) -> None:
    mine, other = await new_shop(), await new_shop()
    async with await signed_in(site, mine.email) as visitor, await signed_in(site, other.email) as stranger:
        theirs = TOKEN.search((await stranger.get("/dashboard")).text)
        assert theirs is not None
        origin = f"http://{visitor.host}"
        for token in ("", "x", theirs[1]):
            answer = await visitor.bare("/dashboard/sign-out", {"form_token": token}, Origin=origin)
            assert answer.status_code == 403, token
        assert "Home" in (await visitor.get("/dashboard")).text


async def test_signing_in_itself_needs_a_form_of_ours(site: Settings, shop: Shop) -> None:
    async with Visitor(site) as visitor:
        fields = {"email": shop.email, "password": PASSWORD, "form_token": "x"}
        answer = await visitor.bare(SIGN_IN, fields, Origin=f"http://{visitor.host}")
        assert answer.status_code == 403 and "merx_staff" not in visitor.cookies


@pytest.mark.parametrize("body", [b"\xff=\xfe", b"a=%FF", b"a=%00", b"&".join([b"a=1"] * 6000)])
async def test_a_broken_form_is_refused_and_not_a_fault(site: Settings, shop: Shop, body: bytes) -> None:
    async with await signed_in(site, shop.email) as visitor:
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        headers = {"Host": visitor.host, "Cookie": cookie, "Origin": f"http://{visitor.host}"}
        for media in ("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x"):
            answer = await visitor.http.post(
                "/dashboard/products/new", content=body, headers={**headers, "Content-Type": media}
            )
            assert answer.status_code in (400, 403), (media, answer.status_code)


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_every_page_carries_the_headers_that_keep_it_safe(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        for path in ("/", "/dashboard", "/dashboard/orders", "/dashboard/nothing", "/nothing"):
            page = await visitor.get(path)
            policy = page.headers["content-security-policy"]
            assert "script-src 'self'" in policy and "unsafe" not in policy, path
            assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
            assert page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["cross-origin-opener-policy"] == "same-origin"
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["content-type"].startswith("text/html")


async def test_no_page_holds_inline_script_or_style(site: Settings, shop: Shop) -> None:
    await shop.product()
    async with await signed_in(site, shop.email) as visitor:
        for path in ("/", "/dashboard", "/dashboard/orders", "/dashboard/products", "/dashboard/products/new"):
            text = (await visitor.get(path)).text
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", text), path
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path


async def test_what_pages_refer_to_is_there_and_kept_for_ever(site: Settings) -> None:
    async with Visitor(site) as visitor:
        text = (await visitor.get("/dashboard/sign-in")).text
        found = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', text))
        assert any(".css" in one for one in found) and any(".js" in one for one in found)
        for one in found:
            answer = await visitor.get(one)
            assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"], one
        sheet = next(one for one in found if ".css" in one)
        for one in re.findall(r'url\("([^"]+)"\)', (await visitor.get(sheet)).text):
            assert (await visitor.get(one)).status_code == 200, one
        assert (await visitor.get("/assets/../pages.py")).status_code == 404


async def test_a_shops_colour_is_a_sheet_whose_text_can_be_read(site: Settings) -> None:
    async with Visitor(site) as visitor:
        answer = await visitor.get("/assets/accent/ffee00.css")
        assert answer.status_code == 200 and "--accent: light-dark(oklch(" in answer.text
        assert "oklch(0.18 0 0)" in answer.text  # dark text on a bright accent
        assert (await visitor.get("/assets/accent/nothex.css")).status_code == 404


async def test_errors_are_pages_of_their_face(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        missing = await visitor.get("/dashboard/orders/not-an-id")
        assert missing.status_code == 404 and "Nothing here" in missing.text and "Orders" in missing.text
        assert (await visitor.get("/dashboard/no/such/page")).status_code == 404
        assert (await visitor.get("/dashboard/products?page=0")).status_code == 404
        assert (await visitor.bare("/dashboard", {}, Origin=f"http://{visitor.host}")).status_code == 405


async def test_the_dashboard_asked_for_at_a_shops_host_is_shown_where_it_lives(site: Settings, shop: Shop) -> None:
    async with Visitor(site, shop.slug) as visitor:
        answer = await visitor._send("GET", "/dashboard/orders", headers={})
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{site.public_url}/dashboard/orders"
        evil = await visitor._send("GET", "/dashboard/%0d%0aset-cookie:a=b", headers={})
        assert "set-cookie" not in evil.headers


async def test_a_flash_message_is_said_once_and_cant_be_forged(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        visitor.cookies["merx_flash"] = "WyJ4Il0.AAAA"
        assert "You have" not in (await visitor.get("/dashboard")).text
        await visitor.get("/dashboard")
        assert "You have signed out" in (await visitor.post("/dashboard/sign-out")).text
        assert "You have signed out" not in (await visitor.get(SIGN_IN)).text


async def test_methods_a_page_does_not_take_are_told_and_never_a_fault(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        for path in ("/dashboard", "/dashboard/orders", "/dashboard/sign-in", "/"):
            options = await visitor._send("OPTIONS", path, headers={})
            assert options.status_code == 204 and "GET" in options.headers["allow"], path
            head = await visitor._send("HEAD", path, headers={})
            assert head.status_code in (200, 303) and head.content == b"", path
            for method in ("PUT", "PATCH", "DELETE"):
                answer = await visitor._send(method, path, headers={"Origin": f"http://{visitor.host}"})
                assert answer.status_code == 405, (method, path)


async def test_a_form_that_is_too_large_is_told_so(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as visitor:
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        headers = {"Host": visitor.host, "Cookie": cookie, "Origin": f"http://{visitor.host}"}
        files = {"file": ("x.csv", b"a" * (13 << 20), "text/csv")}
        answer = await visitor.http.post("/dashboard/products/import", files=files, headers=headers)
        assert answer.status_code == 413 and "larger than 12 MiB" in answer.text


async def test_a_host_that_is_no_shops_leads_back_to_the_installation(site: Settings) -> None:
    async with Visitor(site, "no-such-shop") as visitor:
        for path in ("/", "/products/lamp"):
            page = await visitor.get(path)
            assert page.status_code == 404 and f"No shop answers at no-such-shop.{site.base_domain}." in page.text
            assert f'class="button" href="{site.public_url}/"' in page.text
