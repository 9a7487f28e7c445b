"""Mails over the whole way: a sale over HTTP, the worker of the running site, a real SMTP server; the merchant's outbox,
the link to opt out, the link to a new password."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from typing import Any

import httpx
import msgspec
import pytest
from tests.databases import own_database
from tests.dialects.baas.merchant import Merchant, fill, letters, merchant_of
from tests.dialects.baas.shape import refused
from tests.dialects.site import PASSWORD, open_shop, runtime, serving
from tests.mailroom import SENDER, PostOffice, post_office

from merx.core.customers import service as customers
from merx.core.customers.service import NewCustomer
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, Person
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.ids import CustomerId
from merx.providers.mail import SmtpMailer
from merx.runtime import Runtime
from merx.settings import Settings

WANTED = "another-good-password"


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as found:
        yield found


@pytest.fixture(scope="module")
async def mailing(dsn: Dsn, office: PostOffice) -> AsyncIterator[tuple[Settings, Runtime]]:
    """A site of its own that sends mail, over a database of its own."""
    own = await own_database(dsn, "letters")
    database = await Database.open(own.app, pool_size=4)
    with serving(own, smtp_url=office.url, mail_from=SENDER) as settings:
        mailer = SmtpMailer(office.url, SENDER)
        yield settings, msgspec.structs.replace(runtime(settings, database), mailer=mailer)
    await database.close()


@pytest.fixture(scope="module")
async def seller(mailing: tuple[Settings, Runtime]) -> AsyncIterator[Merchant]:
    merchant = await fill(await merchant_of(await open_shop(mailing[1])))
    yield merchant
    await merchant.shop.http.aclose()


async def arrived(office: PostOffice, address: str, count: int = 1) -> list[EmailMessage]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if len(found := office.to(address)) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"no mail for {address}")


def token_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"token=(\S+)", body.get_content())
    assert found is not None
    return found[1]


async def test_a_sale_over_http_is_a_mail_in_the_box_and_in_the_outbox(seller: Merchant, office: PostOffice) -> None:
    order = (await seller.call("GET", "/orders/"))["results"][0]
    mail = (await arrived(office, "shopper1@example.com"))[0]
    assert order["order_number"] in mail["Subject"]
    entry = next(one for one in await letters(seller) if one["kind"] == "order_placed")
    for _ in range(600):
        shown = await seller.call("GET", f"/notifications/{entry['id']}/")
        if shown["state"] == "sent":
            break
        await asyncio.sleep(0.05)
    assert list(shown) == [
        "id", "channel", "kind", "state", "transactional", "customer", "recipient", "recipient_name", "subject",
        "attempts", "error", "created_at", "next_at", "finished_at", "text", "html",
    ]  # fmt: skip
    assert shown["id"].startswith("ntf_") and shown["customer"] == seller.ids["customer"]
    assert (shown["state"], shown["attempts"], shown["error"], shown["next_at"]) == ("sent", 1, None, None)
    assert shown["recipient"] == "shopper1@example.com" and "Desk Lamp" in shown["text"] and "<html" in shown["html"]
    assert (await seller.call("GET", "/notifications/?state=sent&channel=email"))["count"] >= 1
    assert (await seller.call("GET", "/notifications/?channel=sms"))["results"] == []
    again = await seller.call("POST", f"/notifications/{entry['id']}/resend/", status=202)
    assert again["state"] == "queued" and again["next_at"]
    both = await arrived(office, "shopper1@example.com", 2)
    assert both[0]["Message-ID"] != both[1]["Message-ID"]


async def test_a_key_without_the_permission_reads_no_outbox(seller: Merchant) -> None:
    key = await seller.call("POST", "/api-keys/", {"name": "x", "type": "secret", "scopes": ["orders:read"]}, 201)
    headers = {"Authorization": f"Bearer {key['key']}"}
    for method, path in (("GET", "/notifications/"), ("POST", f"/notifications/{seller.ids['notification']}/resend/")):
        refused(await seller.send(method, path, headers=headers), 403)


async def test_a_member_who_forgot_their_password(seller: Merchant, office: PostOffice) -> None:
    shop, email = seller.shop, seller.shop.email
    asked = [await seller.call("POST", "/password-reset/", {"email": one}, 202, {}) for one in (email, f"no-{email}")]
    assert asked[0] == asked[1]
    token = token_in((await arrived(office, email))[0])
    confirm = "/password-reset/confirm/"
    short = refused(await seller.send("POST", confirm, {"token": token, "password": "x"}, {}), 400)
    assert "password" in short["details"]
    at_shop = await shop.http.post("/api/store/auth/password-reset/confirm/", json={"token": token, "password": WANTED})
    assert at_shop.status_code == 400  # a member's link is no shopper's
    await seller.call("POST", confirm, {"token": token, "password": WANTED}, 204, {})
    refused(await seller.send("GET", "/me/"), 401)  # every session has ended
    used = refused(await seller.send("POST", confirm, {"token": token, "password": PASSWORD}, {}), 400)
    assert "token" in used["details"]
    refused(await seller.send("POST", "/token/", {"email": email, "password": PASSWORD}, {}), 401)
    signed_in = await seller.call("POST", "/token/", {"email": email, "password": WANTED}, 200, {})
    seller.headers = {"Authorization": f"Bearer {signed_in['access']}"}
    assert office.to(f"no-{email}") == []


async def test_a_shopper_who_forgot_their_password(seller: Merchant, office: PostOffice) -> None:
    http, email = seller.shop.http, f"ann-{ids.new().hex[-8:]}@example.com"
    headers = {"X-API-Key": seller.shop.key}
    await customers.register(seller.shop.rt, Ctx(seller.shop.ctx.tenant), NewCustomer(email, PASSWORD))
    for one in (email, f"no-{email}"):
        answer = await http.post("/api/store/auth/password-reset/", json={"email": one}, headers=headers)
        assert answer.status_code == 202 and list(answer.json()) == ["message"]
    mail = (await arrived(office, email))[0]
    assert f"{seller.shop.slug}." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    body = {"token": token_in(mail), "password": WANTED}
    answer = await http.post("/api/store/auth/password-reset/confirm/", json=body, headers=headers)
    assert answer.status_code == 204, answer.text
    login = await http.post("/api/store/auth/login/", json={"email": email, "password": WANTED}, headers=headers)
    assert login.status_code == 200
    assert "Choose a new password" in str(await letters(seller)) and token_in(mail) not in str(await letters(seller))


async def test_too_many_links_are_429_with_the_seconds_to_wait(seller: Merchant) -> None:
    body = {"email": f"{ids.new().hex}@example.com"}
    answers = [await seller.send("POST", "/password-reset/", body, {}) for _ in range(4)]
    assert [one.status_code for one in answers] == [202, 202, 202, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600


async def test_the_link_of_a_message_opts_out_by_hand_and_by_one_click(
    mailing: tuple[Settings, Runtime], seller: Merchant, office: PostOffice
) -> None:
    rt, tenant = mailing[1], seller.shop.ctx.tenant
    http = seller.shop.http
    for one_click in (False, True):
        email = f"bob-{ids.new().hex[-8:]}@example.com"
        made = await customers.register(rt, Ctx(tenant), NewCustomer(email, PASSWORD))
        person = Person.customer(CustomerId(made.customer.id))
        await notifications.send_message(rt, seller.shop.ctx, person, Channel.EMAIL, "News", "Hello.")
        mail = (await arrived(office, email))[0]
        link = str(mail["List-Unsubscribe"]).strip("<>")
        where = link[link.index("/unsubscribe") :]
        shown = await http.get(where)
        assert shown.status_code == 200 and "Unsubscribe from" in shown.text and '<form method="post"' in shown.text
        assert "script" not in shown.headers["content-security-policy"].replace("default-src 'none'", "")
        assert await notifications.opted_out(rt, seller.shop.ctx, person) == frozenset()  # looking changes nothing
        more: dict[str, Any] = {"data": {"List-Unsubscribe": "One-Click"}} if one_click else {}
        done = await http.post(where, **more, headers={"Sec-Fetch-Site": "cross-site"} if one_click else {})
        assert done.status_code == 200 and "You are unsubscribed" in done.text
        assert await notifications.opted_out(rt, seller.shop.ctx, person) == {Channel.EMAIL}
        assert (await http.post(where)).status_code == 200  # twice is once


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/unsubscribe", 404),
        ("POST", "/unsubscribe?token=x", 404),
        ("GET", "/unsubscribe?token=%00", 404),
        ("GET", f"/unsubscribe?token={'A' * 3000}", 404),
        ("GET", "/unsubscribe/more?token=x", 404),
        ("PUT", "/unsubscribe?token=x", 405),
    ],
)
async def test_what_is_no_link_to_opt_out(seller: Merchant, method: str, path: str, status: int) -> None:
    answer: httpx.Response = await seller.shop.http.request(method, path)
    assert answer.status_code == status and "This link does not work" in answer.text
