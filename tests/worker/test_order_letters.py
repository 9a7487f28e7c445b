"""What happens to an order and what its shopper reads about it: sold through the checkout, relayed, sent by SMTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from tests.mailroom import QUICK, SENDER, PostOffice, post_office
from tests.selling import Shop, open_shop, owner_of

from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest, Placed
from merx.core.notifications import letters, sending
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Content, Kind, Line, Notification, State
from merx.core.notifications.model import Shop as Named
from merx.core.orders import service as orders
from merx.core.orders.model import Address
from merx.core.orders.model import Status as OrderStatus
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.ports import Notice, Outcome, Receipt
from merx.providers.mail import SmtpMailer
from merx.worker.jobs import SECRETS
from merx.worker.relay import relay

HOME = Address("1 Main St", "", "Anytown", "CA", "12345", "US", "Ann Example")


@dataclass
class Till:
    shop: Shop
    office: PostOffice
    shopper: Ctx

    async def sell(self, method: str, name: str = "Widget", price: int = 1999, quantity: int = 2) -> Placed:
        await self.shop.put(self.shopper, await self.shop.product(name, price, 10), quantity)
        request = CheckoutRequest(
            owner=owner_of(self.shopper),
            payment_method=method,
            shipping_address=HOME,
        )
        return await checkout.place(self.shop.rt, self.shopper, request)

    async def paid(self, placed: Placed) -> None:
        receipt = Receipt(Outcome.CAPTURED, f"ref_{placed.payment.id.hex}", captured=placed.payment.amount)
        body = msgspec.json.encode(Notice(f"evt_{placed.payment.id}", "x", placed.payment.id, None, receipt))
        await healing.apply_callback(self.shop.rt, self.shop.ctx, "stripe", {}, body)

    async def post(self) -> list[EmailMessage]:
        """Relays and sends; the mails that were new."""
        before = len(self.office.arrived)
        await self.tell()
        await sending.send_due(self.shop.rt, self.shop.ctx, SECRETS, QUICK)
        return self.office.arrived[before:]

    async def tell(self) -> None:
        while await relay(self.shop.rt, self.shop.ctx):
            pass

    async def outbox(self) -> list[Notification]:
        return (await notifications.list_notifications(self.shop.rt, self.shop.ctx))[0]


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as found:
        yield found


@pytest.fixture
async def till(worker_database: Database, office: PostOffice) -> AsyncIterator[Till]:
    shop = await open_shop(worker_database, contact_email="hello@shop.example", flat_shipping_minor=500)
    shop.rt = msgspec.structs.replace(shop.rt, mailer=SmtpMailer(office.url, SENDER))
    yield Till(shop, office, await shop.shopper())


def words(mail: EmailMessage) -> str:
    found = mail.get_body(("plain",))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def page(mail: EmailMessage) -> str:
    found = mail.get_body(("html",))
    assert found is not None
    return str(found.get_content())


async def test_an_order_by_card_is_confirmed_when_it_is_paid(till: Till) -> None:
    placed = await till.sell("card")
    assert await till.post() == []  # not yet: the shopper is at the payment page
    await till.paid(placed)
    (mail,) = await till.post()
    assert mail["To"].addresses[0].addr_spec == placed.order.email
    assert mail["Reply-To"] == "hello@shop.example"
    assert mail["Subject"].startswith(f"Your order {placed.order.label} is confirmed – Shop ")
    assert "2 x Widget: $39.98" in words(mail) and "Shipping: $5.00" in words(mail) and "Total: $44.98" in words(mail)
    assert "Ann Example\n  1 Main St\n  12345 Anytown" in words(mail)
    assert "$44.98" in page(mail) and "Widget" in page(mail)


@pytest.mark.parametrize(("method", "said"), [("cod", "when it is delivered"), ("bank_transfer", "as the reference")])
async def test_an_order_to_be_paid_later_is_confirmed_when_it_is_placed(till: Till, method: str, said: str) -> None:
    placed = await till.sell(method)
    (mail,) = await till.post()
    assert mail["Subject"].startswith(f"We have received your order {placed.order.label}")
    assert said in words(mail).replace("\n", " ") and "$44.98" in words(mail)
    await orders.mark_paid(till.shop.rt, till.shop.ctx, placed.order.id)
    (mail,) = await till.post()
    assert "received your payment of $44.98" in words(mail)


async def test_shipped_with_carrier_and_tracking(till: Till) -> None:
    placed = await till.sell("cod")
    await till.post()
    await orders.change_status(till.shop.rt, till.shop.ctx, placed.order.id, OrderStatus.CONFIRMED)
    await orders.ship(till.shop.rt, till.shop.ctx, placed.order.id, "DHL", "1Z-99", "https://dhl.example/?n=1&x=2")
    (mail,) = await till.post()
    assert "is on its way" in mail["Subject"]
    assert "DHL has your parcel; its tracking number is 1Z-99." in words(mail)
    assert "https://dhl.example/?n=1&x=2" in words(mail)
    assert 'href="https://dhl.example/?n=1&amp;x=2"' in page(mail)


async def test_cancelled_and_refunded(till: Till) -> None:
    unpaid = await till.sell("cod")
    await till.post()
    await orders.cancel(till.shop.rt, till.shop.ctx, unpaid.order.id, "looks like fraud")
    (mail,) = await till.post()
    assert "was cancelled" in mail["Subject"] and "nothing was charged" in words(mail)
    assert "fraud" not in words(mail) + page(mail)  # the note is the shop's own
    placed = await till.sell("card", "Lamp", 1000, 1)
    await till.paid(placed)
    await till.post()
    await orders.refund(till.shop.rt, till.shop.ctx, placed.order.id, 250, "a scratch")
    (mail,) = await till.post()
    assert "A refund for your order" in mail["Subject"] and "given back $2.50" in words(mail)
    assert "scratch" not in words(mail) + page(mail)


async def test_each_event_is_told_once(till: Till) -> None:
    await till.sell("cod")
    await till.tell()
    async with till.shop.rt.db.begin(till.shop.ctx) as tx:
        await tx.run("update outbox set state = 'new' where tenant_id = $1")
    await till.tell()
    assert len(await till.outbox()) == 1
    assert len(await till.post()) == 1 and await till.post() == []


async def test_old_news_is_told_to_nobody(till: Till) -> None:
    await till.sell("cod")
    async with till.shop.rt.db.begin(till.shop.ctx) as tx:
        await tx.run("update outbox set created_at = $2 where tenant_id = $1", till.shop.ctx.now - timedelta(days=4))
    assert await till.post() == [] and await till.outbox() == []


async def test_without_a_mail_server_the_merchant_reads_it_in_the_outbox(worker_database: Database) -> None:
    shop = await open_shop(worker_database)
    till = Till(shop, PostOffice(), await shop.shopper())
    placed = await till.sell("cod")
    await till.tell()
    (kept,) = await till.outbox()
    assert (kept.state, kept.recipient, kept.kind) == (State.KEPT, placed.order.email, Kind.ORDER_PLACED)
    assert kept.person is not None and kept.person.id == till.shopper.actor_id
    shown = await notifications.get(shop.rt, shop.ctx, kept.id)
    assert "2 x Widget: $39.98" in (shown.text or "") and "<!doctype html>" in (shown.html or "")


async def test_nothing_a_shopper_or_a_merchant_wrote_becomes_markup_or_a_header(till: Till) -> None:
    evil = "<script>alert(1)</script>"
    await till.shop.settings(contact_email='"x"@y.example\r\nBcc: all@example.com')
    async with till.shop.rt.db.begin(till.shop.ctx) as tx:
        await tx.platform.run("update tenants set name = $2 where id = $1", till.shop.ctx.tenant, f"Shop {evil}")
    placed = await till.sell("cod", f"Thing {evil}")
    async with till.shop.rt.db.begin(till.shop.ctx) as tx:
        await tx.run(
            "update orders set customer_name = $3 where tenant_id = $1 and id = $2",
            placed.order.id,
            f"Ann\r\nBcc: all@example.com {evil}",
        )
    (mail,) = await till.post()
    assert mail["Bcc"] is None and mail["Reply-To"] is None and len(mail["To"].addresses) == 1
    assert "<script" not in page(mail) and "&lt;script&gt;" in page(mail)
    assert not re.search(r"\bon\w+=|javascript:", page(mail))


async def test_an_order_without_an_address_is_told_to_nobody(till: Till) -> None:
    placed = await till.sell("cod")
    for email in (None, "no address", "a@b.example, c@d.example"):
        async with till.shop.rt.db.begin(till.shop.ctx) as tx:
            await tx.run("update orders set email = $3 where tenant_id = $1 and id = $2", placed.order.id, email)
            await tx.run("update outbox set state = 'new' where tenant_id = $1")
        assert await till.post() == []


@pytest.mark.parametrize(
    ("locale", "currency", "minor", "shown"),
    [
        ("de_DE", "EUR", 123456, "1.234,56\xa0€"),
        ("en_US", "USD", 123456, "$1,234.56"),
        ("ja_JP", "JPY", 1234, "￥1,234"),
        ("ar_KW", "KWD", 1234, "1.234"),
        ("en_IN", "INR", 12345678, "₹1,23,456.78"),
        ("xx_YY", "USD", 100, "$1.00"),
        ("de", "CHF", 100, "1,00\xa0CHF"),
    ],
)
def test_amounts_are_written_as_the_shops_locale_has_them(locale: str, currency: str, minor: int, shown: str) -> None:
    shop = Named("Shop", "http://shop.example", locale)
    content = Content(number="ORD-001", currency=currency, lines=(Line("A", "", 1, minor),), total_minor=minor)
    letter = letters.render(Kind.ORDER_PAID, shop, content)
    assert shown in letter.text and shown in letter.html


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.MESSAGE, Kind.PASSWORD_RESET)])
def test_every_letter_can_be_written_from_nothing_but_a_number(kind: Kind) -> None:
    letter: Any = letters.render(kind, Named("Shop", "http://shop.example", "en_US"), Content(number="ORD-001"))
    assert letter.html.count("<table") == 0 and "prefers-color-scheme: dark" in letter.html
    assert "{{" not in letter.text + letter.html and "\n\n\n" not in letter.text
