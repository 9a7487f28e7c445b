"""The dashboard's other areas over HTTP: customers, discounts, categories, developers, messages, settings, team, the
platform. Who may see and do what, what is shown once, what belongs to another shop, what was typed in as script."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.dialects.site import PASSWORD, Shop
from tests.web.test_door import signed_in
from tests.web.visitor import TOKEN, Visitor

from merx.core.auth import clients, keys, team
from merx.core.auth import service as auth
from merx.core.auth.model import KeyType, Role
from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryDraft
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.customers import service as customers
from merx.core.customers.model import Customer
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, Notification, Person
from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.core.tenants import service as tenants
from merx.core.webhooks import service as webhooks
from merx.kernel import ids
from merx.kernel.context import system
from merx.kernel.events import Event
from merx.kernel.ids import PLATFORM_TENANT, CustomerId
from merx.settings import Settings

NewShop = Callable[..., Awaitable[Shop]]
D = "/dashboard"
SCRIPT = "<script>alert(1)</script>"
EMPTY = [
    f"{D}/customers", f"{D}/discounts", f"{D}/discounts/new", f"{D}/categories", f"{D}/categories/new",
    f"{D}/developers/webhooks", f"{D}/developers/webhooks/new", f"{D}/developers/keys", f"{D}/developers/keys/new",
    f"{D}/developers/clients", f"{D}/developers/clients/new", f"{D}/developers/log", f"{D}/outbox",
    f"{D}/settings/general", f"{D}/settings/tax", f"{D}/settings/shipping", f"{D}/settings/shipping/methods/new",
    f"{D}/settings/payments", f"{D}/settings/orders", f"{D}/settings/team", f"{D}/settings/team/new",
    f"{D}/settings/plan", f"{D}/settings/account",
]  # fmt: skip


def now(shop: Shop) -> Any:
    return shop.ctx.__class__(
        shop.ctx.tenant, shop.ctx.actor, shop.ctx.actor_id, shop.ctx.session, shop.ctx.scopes, "tests",
        now=datetime.now(UTC),
    )  # fmt: skip


async def member_of(shop: Shop, *permissions: str, role: Role = Role.STAFF) -> str:
    mark = ids.new().hex[-10:]
    made = await team.add(
        shop.rt, now(shop), f"member-{mark}@example.com", role, password=PASSWORD, permissions=permissions
    )
    return made.staff.email


class Filled:
    """One of everything in a shop, each named by `name`."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop, self.name = shop, name
        self.pages: dict[str, str] = {}
        self.customer: Customer
        self.message: Notification

    async def fill(self) -> Filled:
        rt, ctx, name = self.shop.rt, now(self.shop), self.name
        self.customer = await customers.create(rt, ctx, f"known-{ids.new().hex[-8:]}@example.com", name)
        coupon = await coupons.create(rt, ctx, CouponDraft("SPRING", CouponType.PERCENT, rate=100_000))
        category = await catalog.create_category(rt, ctx, CategoryDraft(name, description=name))
        hook = await webhooks.create_endpoint(rt, ctx, "https://example.com/hooks", ["order.created"])
        await keys.create(rt, ctx, name, KeyType.SECRET, ["orders:read"])
        client = await clients.create(rt, ctx, name, ["https://figures.example.com/"])
        await shipping.put(rt, ctx, ShippingMethod("express", name, 1500))
        person = Person.customer(CustomerId(self.customer.id))
        self.message = await notifications.send_message(rt, ctx, person, Channel.EMAIL, name, name, transactional=True)
        sent = "update notifications set body_html = $3 where tenant_id = $1 and id = $2 returning 1"
        assert await self.shop.value(sent, self.message.id, f"<p style='color:red'>{html.escape(name)}</p>")
        self.pages = {
            "customer": f"{D}/customers/{self.customer.id}",
            "discount": f"{D}/discounts/{coupon.id}",
            "category": f"{D}/categories/{category.number}",
            "webhook": f"{D}/developers/webhooks/{hook.endpoint.id}",
            "client": f"{D}/developers/clients/{client.client.id}",
            "message": f"{D}/outbox/{self.message.id}",
            "method": f"{D}/settings/shipping/methods/express",
            "member": f"{D}/settings/team/1",
        }
        return self


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_every_page_is_there_in_an_empty_shop_and_says_what_to_do(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as owner:
        for path in EMPTY:
            page = await owner.get(path)
            assert page.status_code == 200, (path, page.text[-400:])
            assert "The same by API" in page.text, path
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", page.text), path
        for path, action in (
            ("discounts", "Make a discount"), ("categories", "Add a category"), ("outbox", "Place an order"),
            ("customers", "Open the shop"), ("developers/webhooks", "Add a webhook"),
            ("developers/clients", "Register a client"),
        ):  # fmt: skip
            text = (await owner.get(f"{D}/{path}")).text
            assert 'class="empty"' in text and action in text and "curl" in text, path


async def test_every_page_shows_what_is_there_and_scripts_come_out_as_text(site: Settings, shop: Shop) -> None:
    filled = await Filled(shop, SCRIPT).fill()
    async with await signed_in(site, shop.email) as owner:
        lists = [path for path in EMPTY if not path.endswith("/new")]
        shown = 0
        for path in [*lists, *filled.pages.values()]:
            page = await owner.get(path)
            assert page.status_code == 200, (path, page.text[-400:])
            assert SCRIPT not in page.text, path
            shown += html.escape(SCRIPT) in page.text or "&lt;script&gt;alert(1)" in page.text
        assert shown > 10
        letter = await owner.get(filled.pages["message"] + "/letter")
        assert SCRIPT not in letter.text and "&lt;script&gt;" in letter.text


async def test_pages_of_another_shop_are_not_there(site: Settings, new_shop: NewShop) -> None:
    mine, other = await new_shop(), await Filled(await new_shop(), "Theirs").fill()
    key = (await keys.list_keys(other.shop.rt, now(other.shop)))[0][0]
    foreign = {name: path for name, path in other.pages.items() if name not in ("category", "method", "member")}
    async with await signed_in(site, mine.email) as owner:
        for path in (*foreign.values(), f"{other.pages['message']}/letter"):
            assert (await owner.get(path)).status_code == 404, path
        for path in (other.pages["category"], other.pages["method"], f"{D}/settings/team/99"):
            assert (await owner.get(path)).status_code == 404, path
        for path, fields in (
            (foreign["customer"], {"first_name": "x"}),
            (foreign["customer"] + "/status", {"to": "off"}),
            (foreign["discount"], {"code": "X", "type": "free_shipping"}),
            (foreign["discount"] + "/delete", {}),
            (other.pages["category"] + "/delete", {}),
            (foreign["webhook"], {"url": "https://example.com/", "events": "order.created"}),
            (foreign["webhook"] + "/switch", {"to": "off"}),
            (foreign["webhook"] + "/rotate", {}),
            (foreign["webhook"] + "/replay", {"since": f"{datetime.now(UTC):%Y-%m-%dT00:00}"}),
            (foreign["webhook"] + "/delete", {}),
            (f"{D}/developers/keys/{key.id}/revoke", {}),
            (foreign["client"], {"name": "x", "grant_types": "client_credentials", "scopes": "orders:read"}),
            (foreign["client"] + "/rotate", {}),
            (foreign["client"] + "/delete", {}),
            (foreign["message"] + "/resend", {}),
            (other.pages["method"] + "/delete", {}),
            (f"{D}/settings/team/99/remove", {}),
        ):
            await owner.get(D)
            assert (await owner.post(path, fields)).status_code == 404, path
    assert (await customers.get(other.shop.rt, now(other.shop), other.customer.id)).first_name == "Theirs"
    assert (await keys.list_keys(other.shop.rt, now(other.shop)))[1] >= 2


# ── Permissions ──────────────────────────────────────────────────────────────────────────────────────────────────────
PAGES: list[tuple[str, str, str]] = [  # (permission, the page, what it is called in the navigation)
    ("customers:read", f"{D}/customers", f'href="{D}/customers"'),
    ("coupons:read", f"{D}/discounts", f'href="{D}/discounts"'),
    ("products:read", f"{D}/categories", f'href="{D}/categories"'),
    ("webhooks:read", f"{D}/developers/webhooks", f'href="{D}/developers"'),
    ("keys:write", f"{D}/developers/keys", f'href="{D}/developers"'),
    ("keys:write", f"{D}/developers/clients", f'href="{D}/developers"'),
    ("logs:read", f"{D}/developers/log", f'href="{D}/developers"'),
    ("notifications:read", f"{D}/outbox", f'href="{D}/outbox"'),
    *((("settings:read"), f"{D}/settings/{one}", f'href="{D}/settings"') for one in
      ("general", "tax", "shipping", "payments", "orders", "team", "plan")),
]  # fmt: skip


async def test_a_member_sees_the_pages_of_their_permissions_and_no_other(site: Settings, shop: Shop) -> None:
    for scope in dict.fromkeys(one[0] for one in PAGES):
        async with await signed_in(site, await member_of(shop, scope)) as member:
            home = (await member.get(D)).text
            for needed, path, link in PAGES:
                page = await member.get(path)
                assert page.status_code == (200 if needed == scope else 403), (scope, path)
                if needed == scope:
                    assert link in home, (scope, path)
            for needed, _, link in PAGES:
                if (
                    link != f'href="{D}/settings"'
                    and needed != scope
                    and not (link == f'href="{D}/developers"' and scope in ("webhooks:read", "keys:write", "logs:read"))
                ):
                    assert link not in home, (scope, link)


async def test_what_the_permission_to_change_is_missing_for_is_refused_and_not_offered(
    site: Settings, shop: Shop
) -> None:
    filled = await Filled(shop, "Kept").fill()
    pages, key = filled.pages, (await keys.list_keys(shop.rt, now(shop)))[0][0]
    posts = [
        pages["customer"], pages["customer"] + "/status", f"{D}/discounts/new", pages["discount"],
        pages["discount"] + "/delete", f"{D}/categories/new", f"{D}/categories/place", f"{D}/categories/shift",
        pages["category"], pages["category"] + "/delete", f"{D}/developers/webhooks/new", pages["webhook"],
        pages["webhook"] + "/switch", pages["webhook"] + "/rotate", pages["webhook"] + "/replay",
        pages["webhook"] + "/delete", pages["webhook"] + f"/deliveries/{ids.new()}", f"{D}/developers/keys/new",
        f"{D}/developers/keys/{key.id}/revoke", f"{D}/developers/clients/new", pages["client"],
        pages["client"] + "/rotate", pages["client"] + "/delete", pages["message"] + "/resend",
        f"{D}/settings/general", f"{D}/settings/tax", f"{D}/settings/shipping", f"{D}/settings/shipping/methods/new",
        pages["method"], pages["method"] + "/delete", f"{D}/settings/payments", f"{D}/settings/payments/forget",
        f"{D}/settings/orders", f"{D}/settings/team/new", pages["member"], pages["member"] + "/remove",
        f"{D}/platform/shops/new", f"{D}/platform/shops/{shop.ctx.tenant}",
    ]  # fmt: skip
    reader = await member_of(
        shop, "customers:read", "coupons:read", "products:read", "webhooks:read", "notifications:read", "settings:read"
    )
    async with await signed_in(site, reader) as member:
        for path in posts:
            await member.get(f"{D}/settings/account")
            assert (await member.post(path, {"to": "off", "number": "1", "do": "up 1"})).status_code == 403, path
        for name in ("customer", "discount", "category", "webhook", "message", "method", "member"):
            text = (await member.get(pages[name])).text
            main = text[text.index("<main") : text.index("</main>")]
            for form in re.findall(r'<form method="post".*?</form>', main, re.S):
                assert re.search(r"<fieldset[^>]* disabled", form), name
            assert "data-savebar" not in main and "<dialog" not in main, name
        for path, button in (("discounts", "Make a discount"), ("categories", "Add a category"),
                             ("developers/webhooks", "Add a webhook"), ("settings/team", "Add a person")):  # fmt: skip
            assert button not in (await member.get(f"{D}/{path}")).text, path
    assert (await customers.get(shop.rt, now(shop), filled.customer.id)).status == "active"


async def test_orders_stay_hidden_from_who_may_see_customers_only(site: Settings, shop: Shop) -> None:
    filled = await Filled(shop, "Jane").fill()
    async with await signed_in(site, await member_of(shop, "customers:read")) as member:
        listed, detail = await member.get(f"{D}/customers"), await member.get(filled.pages["customer"])
        assert "Spent" not in listed.text and "Spent" not in detail.text
        assert "members who may read them" in detail.text
    async with await signed_in(site, shop.email) as owner:
        assert "Spent" in (await owner.get(f"{D}/customers")).text


async def test_a_form_without_its_token_or_from_elsewhere_changes_nothing(site: Settings, shop: Shop) -> None:
    filled = await Filled(shop, "Jane").fill()
    async with await signed_in(site, shop.email) as owner:
        found = TOKEN.search((await owner.get(D)).text)
        assert found is not None
        here = f"http://{owner.host}"
        for path, fields in (
            (filled.pages["customer"] + "/status", {"to": "off"}), (filled.pages["discount"] + "/delete", {}),
            (filled.pages["webhook"] + "/rotate", {}), (f"{D}/developers/keys/new", {"name": "x", "type": "secret"}),
            (f"{D}/settings/general", {"name": "Stolen"}), (f"{D}/settings/account/sign-out", {}),
            (f"{D}/settings/team/new", {"email": "evil@example.com", "role": "owner", "password": PASSWORD}),
        ):  # fmt: skip
            assert (await owner.bare(path, fields, Origin=here)).status_code == 403, path
            sent = {**fields, "form_token": found[1]}
            assert (await owner.bare(path, sent, Origin="https://evil.example")).status_code == 403, path
        assert (await owner.get(f"{D}/settings/team")).text.count("data-href") == 1


# ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_customers_are_found_by_the_beginning_of_a_name_or_an_e_mail(site: Settings, shop: Shop) -> None:
    for email, name in (("anna@example.com", "Zoë Miller"), ("mill@example.com", "Bo Stone"), ("x_y@example.com", "")):
        await customers.create(shop.rt, now(shop), email, name)
    async with await signed_in(site, shop.email) as owner:
        for asked, found in (("MIL", {"anna@", "mill@"}), ("anna@ex", {"anna@"}), ("x_", {"x_y@"}), ("%", set())):
            text = (await owner.get(f"{D}/customers?q={asked}", **{"HX-Request": "true"})).text
            assert "<html" not in text
            assert {one for one in ("anna@", "mill@", "x_y@") if one in text} == found, asked


async def test_a_customer_who_is_switched_off_is_signed_out(site: Settings, shop: Shop) -> None:
    bearer = await shop.shopper()
    (found,), _ = await customers.list_customers(shop.rt, now(shop))
    assert (await shop.http.get("/api/store/me/", headers=bearer)).status_code == 200
    async with await signed_in(site, shop.email) as owner:
        path = f"{D}/customers/{found.id}"
        await owner.get(path)
        assert "Switched off" in (await owner.post(path + "/status", {"to": "off"})).text
        assert (await shop.http.get("/api/store/me/", headers=bearer)).status_code == 401
        assert found.email in (await owner.get(f"{D}/customers?view=off")).text
        assert "can sign in again" in (await owner.post(path + "/status", {"to": "on"})).text
        await owner.get(path)
        page = await owner.post(path, {"first_name": "Ann", "last_name": "B", "phone": "not a number"})
        assert page.status_code == 422 and "no telephone number" in page.text and 'value="Ann"' in page.text
        await owner.get(path)
        assert "Ann B" in (await owner.post(path, {"first_name": "Ann", "last_name": "B", "phone": ""})).text


# ── Discounts ────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_discount_is_made_changed_and_removed(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as owner:
        await owner.get(f"{D}/discounts/new")
        wrong = await owner.post(f"{D}/discounts/new", {"code": "a b", "type": "percent", "percent": "10"})
        assert wrong.status_code == 422 and "A coupon code is" in wrong.text and 'value="a b"' in wrong.text
        for fields, said in (
            ({"type": "percent", "percent": "101"}, "at most 100"), ({"type": "fixed", "amount": "0"}, "Enter an amount"),
            ({"type": "nothing"}, "Choose what"), ({"type": "percent", "percent": "5", "usage_limit": "0"}, "at least 1"),
            ({"type": "percent", "percent": "5", "starts_at": "2026-02-02T00:00", "ends_at": "2026-01-01T00:00"}, "ends after"),
            ({"type": "percent", "percent": "5", "ends_at": "0001-01-01T00:00"}, "between the years"),
        ):  # fmt: skip
            page = await owner.post(f"{D}/discounts/new", {"code": "WINTER", **fields})
            assert page.status_code == 422 and said in page.text, fields
        made = await owner.post(
            f"{D}/discounts/new",
            {"code": "winter", "type": "fixed", "amount": "7.50", "minimum": "20", "usage_limit": "3", "active": "on"},
        )
        assert "WINTER can be used" in made.text and "$7.50" in made.text and "of 3" in made.text
        found = re.search(rf'href="({D}/discounts/[0-9a-f-]{{36}})"', made.text)
        assert found is not None
        again = await owner.post(f"{D}/discounts/new", {"code": "WINTER", "type": "free_shipping"})
        assert again.status_code == 409 and "exists already" in again.text
        assert 'value="7.50"' in (await owner.get(found[1])).text
        saved = await owner.post(found[1], {"code": "WINTER", "type": "percent", "percent": "12.5"})
        assert 'value="12.5' in saved.text
        assert "WINTER" in (await owner.get(f"{D}/discounts?view=over")).text
        assert "WINTER" not in (await owner.get(f"{D}/discounts?view=live", **{"HX-Request": "true"})).text
        assert "WINTER" in (await owner.get(f"{D}/discounts?q=win", **{"HX-Request": "true"})).text
        await owner.get(found[1])
        gone = await owner.post(found[1] + "/delete")
        assert "has been removed" in gone.text and (await owner.get(found[1])).status_code == 404


# ── Categories ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_categories_are_placed_by_dragging_and_by_arrows(site: Settings, shop: Shop) -> None:
    for name in ("One", "Two", "Three"):
        await catalog.create_category(shop.rt, now(shop), CategoryDraft(name))

    async def order() -> list[tuple[str, int]]:
        text = (await owner.get(f"{D}/categories")).text
        found = re.findall(r'data-depth="(\d)".*?draggable="false">(\w+)</a>', text, re.S)
        return [(name, int(depth)) for depth, name in found]

    async with await signed_in(site, shop.email) as owner:
        assert await order() == [("One", 0), ("Three", 0), ("Two", 0)]
        await owner.post(f"{D}/categories/place", {"number": "2", "parent": "", "before": "1"})
        assert await order() == [("Two", 0), ("One", 0), ("Three", 0)]
        await owner.post(f"{D}/categories/place", {"number": "3", "parent": "1", "before": ""})
        assert await order() == [("Two", 0), ("One", 0), ("Three", 1)]
        refused = await owner.post(f"{D}/categories/place", {"number": "1", "parent": "3", "before": ""})
        assert "below itself" in refused.text
        gone = await owner.post(f"{D}/categories/place", {"number": "2", "parent": "1", "before": "99"})
        assert "not in that place any more" in gone.text
        await owner.post(f"{D}/categories/shift", {"do": "down 2"})
        assert await order() == [("One", 0), ("Three", 1), ("Two", 0)]
        await owner.post(f"{D}/categories/shift", {"do": "down 2"})
        assert await order() == [("One", 0), ("Three", 1), ("Two", 0)]
        assert (await owner.post(f"{D}/categories/shift", {"do": "up 77"})).status_code == 404
        assert (await owner.post(f"{D}/categories/shift", {"do": "sideways 1"})).status_code == 404


async def test_a_category_is_made_moved_by_its_form_and_removed(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as owner:
        await owner.get(f"{D}/categories/new")
        assert (await owner.post(f"{D}/categories/new", {"name": " "})).status_code == 422
        assert "Lamps has been added" in (await owner.post(f"{D}/categories/new", {"name": "Lamps"})).text
        await owner.post(f"{D}/categories/new", {"name": "Desk lamps", "parent": "1"})
        page = await owner.get(f"{D}/categories/2")
        assert 'value="1" selected' in page.text
        assert 'value="2"' not in (await owner.get(f"{D}/categories/1")).text.partition('name="parent"')[2][:900]
        taken = await owner.post(f"{D}/categories/2", {"name": "Desk", "slug": "lamps", "parent": "1"})
        assert taken.status_code in (409, 422) and "is taken" in taken.text
        saved = await owner.post(f"{D}/categories/2", {"name": "Desk", "slug": "desk", "parent": ""})
        assert "Desk has been saved" in saved.text
        await owner.post(f"{D}/categories/1/delete")
        assert (await owner.get(f"{D}/categories/1")).status_code == 404
        assert (await owner.get(f"{D}/categories/x")).status_code == 404


# ── Secrets: once ────────────────────────────────────────────────────────────────────────────────────────────────────
def once(page: httpx.Response) -> str:
    found = re.search(r'name="once" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("place", "fields", "secret"),
    [
        ("webhooks", {"url": "https://example.com/h", "events": "order.paid"}, r"whsec_[A-Za-z0-9+/=]{40,}"),
        ("keys", {"name": "Warehouse", "type": "secret", "scopes": "orders:read"}, r"sk_live_[0-9A-Za-z]{38}"),
        ("keys", {"name": "Front", "type": "publishable"}, r"pk_live_[0-9A-Za-z]{38}"),
        (
            "clients",
            {"name": "Figures", "redirect_uris": "https://f.example.com/", "grant_types": "authorization_code", "scopes": "orders:read"},
            r"mcs_[0-9A-Za-z_-]{40,}",
        ),
    ],
)  # fmt: skip
async def test_a_secret_is_shown_once_and_never_again(
    site: Settings, shop: Shop, place: str, fields: dict[str, str], secret: str
) -> None:
    path = f"{D}/developers/{place}"
    async with await signed_in(site, shop.email) as owner:
        sent = {**fields, "once": once(await owner.get(f"{path}/new"))}
        made = await owner.post(f"{path}/new", sent)
        found = re.search(secret, made.text)
        assert made.status_code == 200 and found is not None
        assert made.headers["cache-control"] == "no-store" and "only time" in made.text
        await owner.get(f"{path}/new")
        repeated = await owner.post(f"{path}/new", sent)
        assert found[0] not in repeated.text and "was sent before" in repeated.text
        listed = (await owner.get(path)).text
        assert found[0] not in listed
        assert html.escape(fields.get("name", fields.get("url", ""))) in listed
        for one in re.findall(rf'href="({path}/[0-9a-f-]{{36}})"', listed):
            assert found[0] not in (await owner.get(one)).text
        count = {"webhooks": "data-href", "clients": "data-href", "keys": "/revoke"}[place]
        assert listed.count(count) == (2 if place == "keys" else 1)  # the shop began with one key


async def test_a_key_made_here_works_until_it_is_revoked(site: Settings, shop: Shop, http: httpx.AsyncClient) -> None:
    path = f"{D}/developers/keys"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(f"{path}/new")
        wrong = await owner.post(f"{path}/new", {"name": "", "type": "secret", "scopes": "orders:read"})
        assert wrong.status_code == 422 and "1 to 255" in wrong.text
        nothing = await owner.post(f"{path}/new", {"name": "x", "type": "secret"})
        assert nothing.status_code == 422 and "at least one scope" in nothing.text
        made = await owner.post(f"{path}/new", {"name": "Warehouse", "type": "secret", "scopes": "orders:read"})
        key = re.search(r"sk_live_[0-9A-Za-z]{38}", made.text)
        assert key is not None
        asks = {"Authorization": f"Bearer {key[0]}"}
        assert (await http.get("/api/platform/orders/", headers=asks)).status_code == 200
        assert (await http.get("/api/platform/customers/", headers=asks)).status_code == 403
        listed = (await owner.get(path)).text
        revoke = re.search(rf'action="({path}/[0-9a-f-]+/revoke)"', listed)
        assert revoke is not None and "Warehouse" in listed
        assert "has been revoked" in (await owner.post(revoke[1])).text
        assert (await http.get("/api/platform/orders/", headers=asks)).status_code == 401


async def test_a_clients_secret_is_renewed_and_its_scopes_changed(site: Settings, shop: Shop) -> None:
    made = await clients.create(shop.rt, now(shop), "Figures", ["https://f.example.com/"])
    path = f"{D}/developers/clients/{made.client.id}"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(path)
        fresh = await owner.post(path + "/rotate")
        assert re.search(r"mcs_[0-9A-Za-z_-]{40,}", fresh.text) and made.secret and made.secret not in fresh.text
        await owner.get(path)
        wrong = {"name": "F", "redirect_uris": "http://plain.example.com/", "grant_types": "authorization_code"}
        refused = await owner.post(path, {**wrong, "scopes": "orders:read"})
        assert refused.status_code == 422 and "https addresses" in refused.text
        saved = await owner.post(path, {"name": "F", "redirect_uris": "https://g.example.com/",
                                        "grant_types": "authorization_code", "scopes": "orders:read"})  # fmt: skip
        assert "has been saved" in saved.text and "https://g.example.com/" in saved.text
        assert "has been removed" in (await owner.post(path + "/delete")).text
        assert (await owner.get(path)).status_code == 404


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_webhook_is_changed_switched_and_sent_a_range_again(site: Settings, shop: Shop) -> None:
    async with shop.rt.db.begin(now(shop)) as tx:
        tx.emit(Event("order.created", ids.new(), {"n": 1}))
    async with asyncio.timeout(60):  # the worker beside must have been past the event before anybody listens
        while await shop.value("select count(*) from outbox where tenant_id = $1 and state = 'new'"):
            await asyncio.sleep(0.05)
    made = await webhooks.create_endpoint(shop.rt, now(shop), "https://example.com/h", ["order.created"])
    path = f"{D}/developers/webhooks/{made.endpoint.id}"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(path)
        bad = await owner.post(path, {"url": "https://127.0.0.1/", "events": "order.paid"})
        assert bad.status_code == 422 and "public name" in bad.text
        await owner.get(path)
        assert (
            "has been saved"
            in (await owner.post(path, {"url": "https://example.com/new", "events": "order.created"})).text
        )
        since = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M}"
        replayed = await owner.post(path + "/replay", {"since": since})
        assert "One event is on its way" in replayed.text, re.findall(
            r"<span>([^<]*)</span>", replayed.text.partition("flashes")[2]
        )
        (sent,), _ = await webhooks.list_deliveries(shop.rt, now(shop), endpoint_id=made.endpoint.id)
        assert "order.created" in (await owner.get(path)).text
        again = f"{path}/deliveries/{sent.id}"
        assert re.search("on its way|being sent", (await owner.post(again)).text)
        early = await owner.post(path + "/replay", {"since": "2020-01-01T00:00"})
        assert early.status_code == 422 and "Events are kept" in early.text
        await owner.get(path)
        assert "is off" in (await owner.post(path + "/switch", {"to": "off"})).text
        assert "switched off" in (await owner.post(again)).text
        assert "on again" in (await owner.post(path + "/switch", {"to": "on"})).text
        fresh = await owner.post(path + "/rotate", {"keep_previous": "on"})
        assert "whsec_" in fresh.text and made.secret not in fresh.text
        await owner.get(path)
        await owner.post(path + "/delete")
        assert (await owner.get(path)).status_code == 404


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_letter_is_read_in_a_frame_that_runs_nothing(site: Settings, shop: Shop) -> None:
    filled = await Filled(shop, "Hello").fill()
    async with await signed_in(site, shop.email) as owner:
        page = await owner.get(filled.pages["message"])
        assert 'sandbox="allow-popups' in page.text and "allow-scripts" not in page.text
        assert "frame-src 'self'" in page.headers["content-security-policy"]
        letter = await owner.get(filled.pages["message"] + "/letter")
        policy = letter.headers.get_list("content-security-policy")
        assert len(policy) == 1 and "sandbox" in policy[0] and "default-src 'none'" in policy[0]
        assert "script-src" not in policy[0] and "frame-ancestors 'self'" in policy[0]
        assert "frame-src" not in (await owner.get(D)).headers["content-security-policy"]
        again = await owner.post(filled.pages["message"] + "/resend")
        assert again.status_code == 200 and ("Nothing is set up" in again.text or "on its way" in again.text)
        assert "Hello" in (await owner.get(f"{D}/outbox?channel=email", **{"HX-Request": "true"})).text
        assert "Hello" not in (await owner.get(f"{D}/outbox?channel=sms", **{"HX-Request": "true"})).text


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_settings_are_saved_and_wrong_ones_stand_beside_their_field(site: Settings, shop: Shop) -> None:
    async with await signed_in(site, shop.email) as owner:
        place = f"{D}/settings"
        await owner.get(f"{place}/general")
        good = {
            "name": "New Name",
            "contact_email": "hi@example.com",
            "currency": "EUR",
            "locale": "de_DE",
            "accent": "#0F766E",
        }
        saved = await owner.post(f"{place}/general", good)
        assert "Saved." in saved.text and "New Name" in saved.text and "/assets/accent/0f766e.css" in saved.text
        for change, field in (
            ({"name": ""}, "name"),
            ({"accent": "red"}, "accent"),
            ({"contact_email": "x"}, "contact_email"),
        ):
            page = await owner.post(f"{place}/general", {**good, **change})
            assert page.status_code == 422 and f'id="f-{field}-fault"' in page.text, change
        await owner.get(f"{place}/tax")
        await owner.post(f"{place}/tax", {"tax_percentage": "19 %", "prices_include_tax": "on"})
        assert (await owner.post(f"{place}/tax", {"tax_percentage": "x"})).status_code == 422
        await owner.get(f"{place}/shipping")
        await owner.post(
            f"{place}/shipping", {"shipping_enabled": "on", "flat_shipping_rate": "4.90", "free_shipping_threshold": ""}
        )
        assert (await owner.post(f"{place}/shipping", {"flat_shipping_rate": "-1"})).status_code == 422
        await owner.get(f"{place}/orders")
        orders = {
            "guest_order_lookup": "verified",
            "low_stock_threshold": "9",
            "allowed_origins": "https://a.example.com\n",
        }
        await owner.post(f"{place}/orders", orders)
        assert (
            await owner.post(f"{place}/orders", {**orders, "allowed_origins": "a.example.com/x"})
        ).status_code == 422
        kept = (await tenants.get_configuration(shop.rt, now(shop))).settings
        assert (kept.currency, kept.tax_rate, kept.prices_include_tax, kept.flat_shipping_minor) == (
            "EUR",
            190_000,
            True,
            490,
        )
        assert (kept.guest_order_lookup, kept.low_stock_threshold) == ("verified", 9)
        assert kept.allowed_origins == ("https://a.example.com",) and kept.free_shipping_threshold_minor is None


async def test_shipping_methods_are_added_changed_and_removed(site: Settings, shop: Shop) -> None:
    place = f"{D}/settings/shipping"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(f"{place}/methods/new")
        wanted = {"code": "express", "name": "Express", "price": "15.00", "free_over": "200", "active": "on"}
        assert "$15.00" in (await owner.post(f"{place}/methods/new", wanted)).text
        await owner.get(f"{place}/methods/new")
        assert "exists already" in (await owner.post(f"{place}/methods/new", wanted)).text
        for change in ({"price": "x"}, {"code": "No!"}, {"code": "standard"}, {"name": ""}):
            page = await owner.post(f"{place}/methods/new", {**wanted, "code": "other", **change})
            assert page.status_code == 422, change
        assert "$12.00" in (await owner.post(f"{place}/methods/express", {**wanted, "price": "12"})).text
        assert "$12.00" not in (await owner.post(f"{place}/methods/express/delete")).text
        assert (await owner.get(f"{place}/methods/express")).status_code == 404


async def test_credentials_of_a_provider_are_sealed_and_never_shown(site: Settings, shop: Shop) -> None:
    path, key = f"{D}/settings/payments", "sk_test_abcdefghijkl7788"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(path)
        chosen = {"payment_provider": "stripe", "payment_test_mode": "on"}
        saved = await owner.post(path, {**chosen, "stripe.secret_key": key})
        assert "Saved." in saved.text and key not in saved.text and "Ends with 7788" in saved.text
        mixed = await owner.post(path, {"payment_provider": "stripe", "stripe.secret_key": key})
        assert mixed.status_code == 422 and "test credentials" in mixed.text and key not in mixed.text
        missing = await owner.post(path, {**chosen, "razorpay.key_id": "rzp_test_x"})
        assert missing.status_code == 422 and "needs this" in missing.text
        assert "Ends with 7788" in (await owner.post(path, chosen)).text
        forgotten = await owner.post(path + "/forget", {"provider": "stripe"})
        assert "have been forgotten" in forgotten.text and "7788" not in forgotten.text


# ── Team and account ─────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_person_joins_is_narrowed_and_leaves(site: Settings, shop: Shop) -> None:
    place, email = f"{D}/settings/team", f"sam-{shop.slug}@example.com"
    async with await signed_in(site, shop.email) as owner:
        await owner.get(f"{place}/new")
        assert (await owner.post(f"{place}/new", {"email": email, "role": "staff"})).status_code == 422
        assert (
            await owner.post(f"{place}/new", {"email": email, "role": "king", "password": PASSWORD})
        ).status_code == 422
        joined = await owner.post(f"{place}/new", {"email": email, "role": "staff", "password": PASSWORD})
        assert "is in the team" in joined.text and PASSWORD not in joined.text
        async with await signed_in(site, email) as sam:
            assert (await sam.get(f"{D}/customers")).status_code == 200
            await owner.get(f"{place}/2")
            await owner.post(f"{place}/2", {"role": "staff", "own": "on", "permissions": "orders:read"})
            assert (await sam.get(f"{D}/customers")).status_code == 403
            none = await owner.post(f"{place}/2", {"role": "staff", "own": "on"})
            assert none.status_code == 422 and "at least one permission" in none.text
            await owner.get(place)
            assert "not in the team any more" in (await owner.post(f"{place}/2/remove")).text
            assert "Sign in" in (await sam.get(f"{D}/orders")).text
        last = await owner.post(f"{place}/1/remove")
        assert "at least one owner" in last.text
        assert (await owner.get(D)).status_code == 200


async def test_nobody_gives_more_than_they_have(site: Settings, shop: Shop) -> None:
    chief = await member_of(shop, "settings:read", "team:write", "orders:read")
    async with await signed_in(site, chief) as member:
        text = (await member.get(f"{D}/settings/team/new")).text
        assert 'value="owner"' not in text and 'value="refunds:write"' not in text and 'value="orders:read"' in text
        fields = {"email": f"more-{shop.slug}@example.com", "password": PASSWORD}
        for wanted in ({"role": "owner"}, {"role": "staff", "own": "on", "permissions": "refunds:write"}):
            assert (await member.post(f"{D}/settings/team/new", {**fields, **wanted})).status_code == 403, wanted
        assert (await member.post(f"{D}/settings/team/1/remove")).status_code == 403


async def test_signing_out_everywhere_and_a_new_password(site: Settings, shop: Shop) -> None:
    place = f"{D}/settings/account"
    first, second = await signed_in(site, shop.email), await signed_in(site, shop.email)
    async with first, second:
        await first.get(place)
        wrong = await first.post(f"{place}/password", {"current_password": "no", "password": "another-good-one"})
        assert wrong.status_code == 422 and "not your current password" in wrong.text
        changed = await first.post(f"{place}/password", {"current_password": PASSWORD, "password": "another-good-one"})
        assert "has been changed" in changed.text
        assert "Sign in" in (await second.get(D)).text
        kept = dict(first.cookies)
        assert "signed out everywhere" in (await first.post(f"{place}/sign-out")).text
        first.cookies = kept
        assert "Sign in" in (await first.get(D)).text


# ── The platform ─────────────────────────────────────────────────────────────────────────────────────────────────────
async def administrator(shop: Shop, site: Settings) -> Visitor:
    email = f"admin-{ids.new().hex[-10:]}@example.com"
    await team.add(shop.rt, system(PLATFORM_TENANT), email, Role.OWNER, password=PASSWORD)
    return await signed_in(site, email)


async def test_administrators_open_shops_and_set_their_plans(site: Settings, shop: Shop) -> None:
    place = f"{D}/platform/shops"
    mark = ids.new().hex[-8:]
    async with await administrator(shop, site) as admin:
        assert (await admin.get(D)).status_code == 200 and "Open a shop" in (await admin.get(place)).text
        found = await admin.get(f"{place}?q={shop.slug}")
        assert f"{place}/{shop.ctx.tenant}" in found.text
        page = f"{place}/{shop.ctx.tenant}"
        await admin.get(page)
        saved = await admin.post(page, {"plan": "pro", "requests_per_minute": "777", "active": "on"})
        assert "has the plan pro" in saved.text and 'value="777"' in saved.text
        assert (await admin.post(page, {"plan": "pro", "requests_per_minute": "0"})).status_code == 422
        assert (await admin.post(page, {"plan": "gold"})).status_code == 422
        assert (await admin.post(page, {"plan": "pro"})).status_code == 200  # off
        assert (await shop.http.get("/api/store/products/")).status_code in (401, 403, 404)
        await admin.post(page, {"plan": "pro", "active": "on"})
        await admin.get(f"{place}/new")
        wanted = {"name": f"Shop {mark}", "owner": f"o-{mark}@example.com", "plan": "starter", "currency": "JPY"}
        assert (await admin.post(f"{place}/new", wanted)).status_code == 422  # a new owner needs a password
        assert "is open" in (await admin.post(f"{place}/new", {**wanted, "password": PASSWORD})).text
        taken = await admin.post(f"{place}/new", {**wanted, "slug": shop.slug, "password": PASSWORD})
        assert taken.status_code == 409 and "exists already" in taken.text
        for path in ("customers", "discounts", "settings/general", "developers/keys", "orders", "products"):
            assert (await admin.get(f"{D}/{path}")).status_code == 404, path
    async with await signed_in(site, f"o-{mark}@example.com") as owner:
        assert "¥" in (await owner.get(f"{D}/settings/shipping")).text


async def test_the_platforms_pages_are_not_there_for_a_shops_owner(site: Settings, shop: Shop) -> None:
    place = f"{D}/platform/shops"
    async with await signed_in(site, shop.email) as owner:
        for path in (place, f"{place}/new", f"{place}/{shop.ctx.tenant}"):
            assert (await owner.get(path)).status_code == 404, path
        for path in (f"{place}/new", f"{place}/{shop.ctx.tenant}"):
            await owner.get(D)
            assert (await owner.post(path, {"plan": "enterprise", "active": "on"})).status_code == 404, path
        assert "platform/shops" not in (await owner.get(D)).text
    found = await auth.visible_tenants(shop.rt, now(shop))
    assert found[0][0].slug == shop.slug
