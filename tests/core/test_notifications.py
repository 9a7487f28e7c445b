"""What may be sent, to whom, how often; what is kept, suppressed and sent again. A real database and a real SMTP
server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.databases import own_fixtures
from tests.mailroom import MailShop, mail_shop, post_office

from merx.core.customers import service as customers
from merx.core.notifications import rules, service, steps, store
from merx.core.notifications.model import (
    MAX_EMAIL_TEXT,
    MAX_SMS_TEXT,
    MAX_SUBJECT,
    POLICY,
    RECIPIENT_PER_HOUR,
    TRANSITIONS,
    Channel,
    Ended,
    Holder,
    NoAddress,
    NotificationLimit,
    OnItsWay,
    OtherMessage,
    Person,
    Policy,
    Query,
    State,
)
from merx.core.orders import people
from merx.core.tenants import directory
from merx.db.database import Database
from merx.kernel import ids, states
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, NotFound, Refused
from merx.kernel.ids import CustomerId, NotificationId

MAIL, SMS = Channel.EMAIL, Channel.SMS


dsn, database = own_fixtures("notify")
"""A database of its own: the workers of other tests would send what waits here."""


@pytest.fixture
async def quiet(database: Database) -> AsyncIterator[MailShop]:
    """A shop with no mail server."""
    async with mail_shop(database) as found:
        yield found


async def send(shop: MailShop, to: Person, subject: str = "News", message: str = "Hello.", **more: object) -> object:
    return await service.send_message(shop.rt, shop.ctx, to, MAIL, subject, message, **more)  # type: ignore[arg-type]


# ── What may be written ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "subject",
    ["Hi\r\nBcc: all@example.com", "Hi\nX: y", "Hi\rX", "Hi\0", "Hi\u2028there", "Hi\x85there", "", "  ",
     "x" * (MAX_SUBJECT + 1), "a\ud800b"],
)  # fmt: skip
async def test_a_subject_is_one_line_and_no_header_of_its_own(quiet: MailShop, subject: str) -> None:
    to = await quiet.customer()
    with pytest.raises(Invalid) as refused:
        await send(quiet, to, subject)
    assert "subject" in refused.value.fields
    assert (await service.list_notifications(quiet.rt, quiet.ctx))[1] == 0


@pytest.mark.parametrize(
    ("channel", "message"),
    [(MAIL, "x" * (MAX_EMAIL_TEXT + 1)), (SMS, "x" * (MAX_SMS_TEXT + 1)), (MAIL, ""), (MAIL, " \n "), (SMS, "a\0b"),
     (MAIL, "a\x1bb"), (MAIL, "a\ud800b")],
)  # fmt: skip
async def test_an_over_long_or_empty_text_is_refused(quiet: MailShop, channel: Channel, message: str) -> None:
    to = await quiet.customer()
    with pytest.raises(Invalid) as refused:
        await service.send_message(quiet.rt, quiet.ctx, to, channel, "News", message)
    assert "message" in refused.value.fields


async def test_the_longest_that_may_be_is_taken(quiet: MailShop) -> None:
    made = await service.send_message(
        quiet.rt, quiet.ctx, await quiet.customer(), MAIL, "x" * MAX_SUBJECT, "y" * MAX_EMAIL_TEXT
    )
    assert made.text == "y" * MAX_EMAIL_TEXT


async def test_a_shoppers_name_begins_no_header_of_the_shops_mail(database: Database) -> None:
    """Whoever orders says what they are called, and at which address."""
    hidden = "=?utf-8?q?Ann=0D=0ABcc:_all@example.com=0D=0A=0D=0AAnother_text?="
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            ident = ids.new().hex[-10:]
            named = await customers.create(shop.rt, shop.ctx, f"ann-{ident}@example.com", hidden)
            odd = await customers.create(shop.rt, shop.ctx, f"=?utf-8?q?a=0d=0abcc=3ax?={ident}@example.com", "Ann")
            await send(shop, Person.customer(named.id), hidden, "Hello.")
            with pytest.raises(NoAddress):
                await send(shop, Person.customer(odd.id))
            await shop.run("update settings set contact_email = $2 where tenant_id = $1", odd.email)
            await shop.send_due()
            (mail,) = office.arrived
            assert mail["Bcc"] is None and [one.addr_spec for one in mail["To"].addresses] == [named.email]
            assert "Bcc:_all@example.com" in "".join(str(mail["Subject"]).split())
            body = mail.get_body(("plain",))
            assert body is not None and body.get_content().startswith("Hello.") and mail["Reply-To"] is None


def test_what_others_wrote_can_stand_in_a_header() -> None:
    assert rules.header_safe("Ann\r\nBcc: x@y.z") == "Ann Bcc: x@y.z"
    assert len(rules.header_safe("x" * 1000)) == MAX_SUBJECT


@pytest.mark.parametrize(("given", "number"), [("+49 (30) 123-456", "+4930123456"), ("+15551230001", "+15551230001")])
def test_a_telephone_number_in_the_international_form(given: str, number: str) -> None:
    assert rules.phone_number(given) == number


@pytest.mark.parametrize("given", ["030 123456", "+0123456", "", None, "+1555", "+" + "1" * 16, "+١٢٣٤٥٦٧٨"])
def test_what_no_text_message_can_be_sent_to(given: str | None) -> None:
    with pytest.raises(NoAddress):
        rules.phone_number(given)


# ── To whom ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_only_to_people_of_this_shop(quiet: MailShop, database: Database) -> None:
    async with mail_shop(database) as other:
        theirs = await other.customer()
    with pytest.raises(NotFound):
        await send(quiet, theirs)
    with pytest.raises(NotFound):
        await send(quiet, Person.customer(CustomerId(ids.new())))


async def test_a_member_of_the_team_can_be_told_too(rt: object, shop: object) -> None:
    opened = await shop()  # type: ignore[operator]
    made = await service.send_message(
        rt,
        opened.owner,
        Person.member(opened.signed_in.member.staff.id),
        MAIL,
        "Note",
        "Read this.",  # type: ignore[arg-type]
    )
    assert made.recipient == opened.email and made.state is State.KEPT


async def test_without_the_permission_nothing_is_sent_or_read(quiet: MailShop) -> None:
    to = await quiet.customer()
    nobody = Ctx(quiet.ctx.tenant, ActorKind.KEY, ids.new(), scopes=frozenset({"orders:read"}))
    with pytest.raises(Forbidden):
        await service.send_message(quiet.rt, nobody, to, MAIL, "News", "Hello.")
    with pytest.raises(Forbidden):
        await service.list_notifications(quiet.rt, nobody)
    with pytest.raises(Forbidden):
        await service.get(quiet.rt, nobody, NotificationId(ids.new()))


async def test_a_customer_without_a_number_gets_no_text(quiet: MailShop) -> None:
    with pytest.raises(NoAddress):
        await service.send_message(quiet.rt, quiet.ctx, await quiet.customer(phone=None), SMS, "", "Hello.")


# ── Once, and how often ──────────────────────────────────────────────────────────────────────────────────────────────
async def test_the_same_message_under_the_same_key_is_one(quiet: MailShop) -> None:
    to = await quiet.customer()
    found = await asyncio.gather(*(send(quiet, to, key="k") for _ in range(5)))
    assert len({one.id for one in found}) == 1  # type: ignore[attr-defined]
    with pytest.raises(OtherMessage):
        await send(quiet, to, message="Something else.", key="k")
    assert (await service.list_notifications(quiet.rt, quiet.ctx))[1] == 1


async def test_a_key_belongs_to_its_caller(quiet: MailShop) -> None:
    to = await quiet.customer()
    other = Ctx(quiet.ctx.tenant, ActorKind.KEY, ids.new(), scopes=frozenset({"notifications:send"}))
    mine = await send(quiet, to, key="k")
    theirs = await service.send_message(quiet.rt, other, to, MAIL, "Theirs", "Other words.", key="k")
    assert mine.id != theirs.id  # type: ignore[attr-defined]


async def test_one_person_gets_only_so_many_an_hour(quiet: MailShop) -> None:
    to, another = await quiet.customer(), await quiet.customer()
    for _ in range(RECIPIENT_PER_HOUR):
        await send(quiet, to)
    with pytest.raises(NotificationLimit) as refused:
        await send(quiet, to)
    assert 0 < (refused.value.retry_after or 0) <= 3600
    await send(quiet, another)
    assert (await service.list_notifications(quiet.rt, quiet.ctx))[1] == RECIPIENT_PER_HOUR + 1


async def test_a_shop_sends_only_so_many_an_hour(quiet: MailShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TENANT_PER_HOUR", dict.fromkeys(service.TENANT_PER_HOUR, 3))
    for _ in range(3):
        await send(quiet, await quiet.customer())
    with pytest.raises(NotificationLimit):
        await send(quiet, await quiet.customer())


# ── Opting out ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_an_opt_out_holds_for_what_is_not_their_own_business(quiet: MailShop) -> None:
    to = await quiet.customer()
    await service.opt_out(quiet.rt, quiet.own(to), to, MAIL)
    assert (await send(quiet, to)).state is State.SUPPRESSED  # type: ignore[attr-defined]
    assert (await send(quiet, to, transactional=True)).state is State.KEPT  # type: ignore[attr-defined]
    assert await service.opted_out(quiet.rt, quiet.ctx, to) == {MAIL}
    await service.opt_in(quiet.rt, quiet.own(to), to, MAIL)
    assert (await send(quiet, to)).state is State.KEPT  # type: ignore[attr-defined]


async def test_one_who_reads_as_guest_and_as_account_opts_out_of_both(quiet: MailShop) -> None:
    """Whichever of them came to be first: the mails go to one address. Text messages go to a number of each."""
    address = f"ann-{ids.new().hex[-10:]}@example.com"
    guest = Person.customer((await customers.create(quiet.rt, quiet.ctx, address, "Ann", "+15551230001")).id)
    for channel in (MAIL, SMS):
        await service.opt_out(quiet.rt, quiet.own(guest), guest, channel)
    account = await quiet.customer(address)
    assert (await send(quiet, account)).state is State.SUPPRESSED  # type: ignore[attr-defined]
    assert (await send(quiet, account, transactional=True)).state is State.KEPT  # type: ignore[attr-defined]
    assert await service.opted_out(quiet.rt, quiet.ctx, account) == {MAIL}
    assert (await people.acquaintance(quiet.rt, quiet.ctx, CustomerId(account.id))).opted_out == {MAIL}
    assert (await send(quiet, await quiet.customer())).state is State.KEPT  # type: ignore[attr-defined]
    await service.opt_in(quiet.rt, quiet.own(account), account, MAIL)
    assert (await send(quiet, guest)).state is State.KEPT  # type: ignore[attr-defined]


async def test_who_opts_out_while_a_try_is_under_way_gets_no_other(database: Database) -> None:
    """Tries are hours apart; the one under way can't be called back, what follows can."""
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            to, holder = await shop.customer(), Holder(ids.new(), Policy(lease=timedelta(0)))
            news, own = await send(shop, to), await send(shop, to, "Yours", transactional=True)
            async with shop.rt.db.begin(shop.ctx) as tx:
                claimed = await store.claim(tx, holder)
            assert {one.id for one in claimed} == {news.id, own.id}  # type: ignore[attr-defined]
            await service.opt_out(shop.rt, shop.own(to), to, MAIL)
            tried = next(one for one in claimed if one.id == news.id)  # type: ignore[attr-defined]
            async with shop.rt.db.begin(shop.ctx) as tx:
                assert await store.settle(tx, holder, Ended(tried, State.QUEUED, tried.created_at, error="451 later"))
            await shop.send_due()
            assert [str(mail["Subject"]) for mail in office.to(await shop.email(to))] == ["Yours"]
            found = await service.get(shop.rt, shop.ctx, news.id)  # type: ignore[attr-defined]
            assert (found.state, found.attempts) == (State.SUPPRESSED, 1) and found.finished_at is not None


async def test_the_link_in_a_message_opts_out(database: Database) -> None:
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            to = await shop.customer()
            await send(shop, to)
            await shop.send_due()
            mail = office.to(await shop.email(to))[0]
            link = str(mail["List-Unsubscribe"]).strip("<>")
            assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            body = mail.get_body(("plain",))
            assert body is not None and link in body.get_content()
            assert link.startswith("http://letters") and "/unsubscribe?token=" in link
            waiting = await send(shop, to, "Later", "More.")
            assert await service.unsubscribe(shop.rt, link.partition("token=")[2]) is MAIL
            assert (await service.get(shop.rt, shop.ctx, waiting.id)).state is State.SUPPRESSED  # type: ignore[attr-defined]
            await shop.send_due()
            assert len(office.to(await shop.email(to))) == 1


async def test_a_shop_with_a_domain_of_its_own_links_there(quiet: MailShop, owner: Any) -> None:
    domain = f"{ids.new().hex[-10:]}.example"
    await owner.execute("update tenants set domain = $2 where id = $1", quiet.ctx.tenant, domain)
    directory.forget(quiet.rt)
    named = await directory.find(quiet.rt, quiet.ctx.tenant)
    async with quiet.rt.db.begin(quiet.ctx) as tx:
        assert (await steps.shop(quiet.rt, tx, named)).url == f"http://{domain}"


async def test_letters_about_orders_carry_no_link_to_opt_out(database: Database) -> None:
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            to = await shop.customer()
            await send(shop, to, transactional=True)
            await shop.send_due()
            assert office.to(await shop.email(to))[0]["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    "change", [lambda t: t[:-9] + "A" * 9, lambda t: "Q" + t[1:], lambda t: "", lambda t: "€" * 70]
)
async def test_a_link_that_was_made_up_opts_nobody_out(quiet: MailShop, change: object) -> None:
    to = await quiet.customer()
    token = rules.unsubscribe_token(quiet.rt.vault.key("unsubscribe"), quiet.ctx.tenant, to, MAIL)
    assert rules.read_unsubscribe(quiet.rt.vault.key("unsubscribe"), token) == (quiet.ctx.tenant, to, MAIL)
    with pytest.raises(NotFound):
        await service.unsubscribe(quiet.rt, change(token))  # type: ignore[operator]
    assert await service.opted_out(quiet.rt, quiet.ctx, to) == frozenset()


async def test_nobody_chooses_for_somebody_else(quiet: MailShop) -> None:
    to, other = await quiet.customer(), await quiet.customer()
    with pytest.raises(Forbidden):
        await service.opt_out(quiet.rt, quiet.own(other), to, MAIL)


# ── The outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_without_a_mail_server_it_is_kept_and_can_be_read(quiet: MailShop) -> None:
    made = await send(quiet, await quiet.customer())
    found = await service.get(quiet.rt, quiet.ctx, made.id)  # type: ignore[attr-defined]
    assert (found.state, found.text, found.attempts) == (State.KEPT, "Hello.", 0)
    with pytest.raises(Refused) as refused:
        await service.resend(quiet.rt, quiet.ctx, found.id)
    assert refused.value.code == "not_configured"
    assert await quiet.send_due() == 0


async def test_the_list_is_filtered_and_paged(quiet: MailShop) -> None:
    people = [await quiet.customer() for _ in range(3)]
    await service.opt_out(quiet.rt, quiet.ctx, people[0], MAIL)
    for one in people:
        await send(quiet, one)
    await service.send_message(quiet.rt, quiet.ctx, people[1], SMS, "", "Hello.")

    async def ask(**query: object) -> tuple[int, int]:
        found, total = await service.list_notifications(quiet.rt, quiet.ctx, Query(**query))  # type: ignore[arg-type]
        return len(found), total

    assert await ask() == (4, 4)
    assert await ask(limit=1, offset=3) == (1, 4)
    assert await ask(channel=SMS) == (1, 1)
    assert await ask(state=State.SUPPRESSED) == (1, 1)
    assert await ask(channel=MAIL, state=State.KEPT) == (2, 2)


async def test_another_shops_outbox_is_closed(quiet: MailShop, database: Database) -> None:
    made = await send(quiet, await quiet.customer())
    async with mail_shop(database) as other:
        with pytest.raises(NotFound):
            await service.get(other.rt, other.ctx, made.id)  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            await service.resend(other.rt, other.ctx, made.id)  # type: ignore[attr-defined]


async def test_what_was_sent_can_be_sent_once_more(database: Database) -> None:
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            to = await shop.customer()
            made = await send(shop, to)
            with pytest.raises(OnItsWay):
                await service.resend(shop.rt, shop.ctx, made.id)  # type: ignore[attr-defined]
            await shop.send_due()
            await service.resend(shop.rt, shop.ctx, made.id)  # type: ignore[attr-defined]
            await shop.send_due()
            mails = office.to(await shop.email(to))
            assert len({mail["Message-ID"] for mail in mails}) == len(mails) == 2  # asked for: not the same mail again
            found = await service.get(shop.rt, shop.ctx, made.id)  # type: ignore[attr-defined]
            assert (found.state, found.attempts, found.text) == (State.SENT, 2, "Hello.")


async def test_old_ones_are_swept(quiet: MailShop) -> None:
    made = await send(quiet, await quiet.customer())
    later = msgspec.structs.replace(quiet.ctx, now=quiet.ctx.now + service.KEPT * 2)
    assert await service.forget_old(quiet.rt, quiet.ctx) == 0
    assert await service.forget_old(quiet.rt, later) == 1
    with pytest.raises(NotFound):
        await service.get(quiet.rt, quiet.ctx, made.id)  # type: ignore[attr-defined]


# ── Tries ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_passing_refusal_is_tried_again_and_a_final_one_is_not(database: Database) -> None:
    with post_office() as office:
        async with mail_shop(database, smtp=office.url) as shop:
            to = await shop.customer()
            made = await send(shop, to)
            office.says = ["451 later", "451 later"]
            for _ in range(3):
                await asyncio.sleep(0.15)
                await shop.send_due()
            found = await service.get(shop.rt, shop.ctx, made.id)  # type: ignore[attr-defined]
            assert (found.state, found.attempts, found.error) == (State.SENT, 3, None)
            assert len(office.arrived) == 1
            bad = await send(shop, to, "Other")
            office.says = ["550 5.1.1 no such user"]
            await shop.send_due()
            found = await service.get(shop.rt, shop.ctx, bad.id)  # type: ignore[attr-defined]
            assert found.state is State.FAILED and "550" in (found.error or "")


async def test_after_the_last_try_it_is_given_up(database: Database) -> None:
    async with mail_shop(database, smtp="smtp://127.0.0.1:1") as shop:  # nobody listens there
        made = await send(shop, await shop.customer())
        policy = Policy(pauses=(0.01, 0.01))
        for _ in range(4):
            await shop.send_due(policy)
            await asyncio.sleep(0.05)
        found = await service.get(shop.rt, shop.ctx, made.id)  # type: ignore[attr-defined]
        assert (found.state, found.attempts) == (State.FAILED, 3)
        assert "could not be reached" in (found.error or "")


def test_every_state_can_be_reached() -> None:
    assert not states.unreachable(TRANSITIONS, State.QUEUED)
    assert set(TRANSITIONS) == set(State)
    assert POLICY.most_tries == 8
