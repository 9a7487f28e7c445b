"""Mails at a real SMTP server and text messages at the simulator, once each, by a worker that is killed in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests import hooks, mailroom
from tests.hooks import until, working
from tests.mailroom import MailShop, PostOffice, mail_shop, post_office, text_office

from merx.core.notifications import service
from merx.core.notifications.model import Channel, Notification, Person, Query, State
from merx.core.webhooks import store as webhooks
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel import ids
from merx.kernel.events import WEBHOOK_SWITCHED_OFF, Event
from merx.kernel.ids import EndpointId
from merx.worker.relay import relay

ROOT = Path(__file__).parent.parent.parent
MAIL, SMS = Channel.EMAIL, Channel.SMS


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as found:
        yield found


@pytest.fixture(scope="module")
def phones(worker_dsn: Dsn) -> Iterator[str]:
    with text_office(worker_dsn.app) as url:
        yield url


@pytest.fixture
async def mine(
    worker_database: Database, office: PostOffice, phones: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MailShop]:
    async with mail_shop(worker_database, smtp=office.url, sms=phones) as shop:
        hooks.minding({shop.ctx.tenant}, monkeypatch.setattr)
        yield shop


class Workers:
    """Worker processes, of which none outlives the test."""

    def __init__(self, dsn: Dsn, office: PostOffice, phones: str, shop: MailShop) -> None:
        self._env = {
            **os.environ,
            "TEST_DSN": msgspec.json.encode(dsn.app).decode(),
            "TEST_SMTP": office.url,
            "TEST_SMS": phones,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT), str(ROOT / "src")]),
        }
        self._shop, self.running = shop, []

    running: list[subprocess.Popen[str]]

    async def start(self, dies: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.worker.small_mailer", str(self._shop.ctx.tenant)]
        env = {**self._env, "TEST_DIES": dies}
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        assert process.stdout is not None
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "works"
        return process

    async def dead(self, process: subprocess.Popen[str]) -> None:
        assert await asyncio.to_thread(process.wait, 30) == -signal.SIGKILL


@pytest.fixture
def workers(worker_dsn: Dsn, office: PostOffice, phones: str, mine: MailShop) -> Iterator[Workers]:
    found = Workers(worker_dsn, office, phones, mine)
    yield found
    for process in found.running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


async def say(shop: MailShop, to: Person, channel: Channel, text: str = "Hello.") -> Notification:
    return await service.send_message(shop.rt, shop.ctx, to, channel, "News", text)


async def state(shop: MailShop, made: Notification) -> State:
    return (await service.get(shop.rt, shop.ctx, made.id)).state


async def sent(shop: MailShop, made: Notification, seconds: float = 30) -> Notification:
    async def there() -> bool:
        return await state(shop, made) is State.SENT

    await until(there, seconds)
    return await service.get(shop.rt, shop.ctx, made.id)


async def texts(shop: MailShop, phones: str) -> list[dict[str, Any]]:
    return list((await mailroom.control(phones, shop.ctx.tenant))["messages"])


# ── From the call to the letter box ──────────────────────────────────────────────────────────────────────────────────
async def test_a_mail_arrives_as_it_was_written(mine: MailShop, office: PostOffice) -> None:
    to = await mine.customer()
    async with working(mine.rt, work=mailroom.jobs()):
        made = await sent(mine, await say(mine, to, MAIL, "Guten Tag, Grüße & <b>mehr</b>\n\n.\n\nEnde 🎉"))
    assert len(office.arrived) == 1
    mail = office.arrived[0]
    assert mail["To"].addresses[0].addr_spec == await mine.email(to) and mail["To"].addresses[0].display_name == "Ann"
    sender = mail["From"].addresses[0]
    assert (sender.addr_spec, sender.display_name) == (mailroom.SENDER, mine.name)
    assert mail["Subject"] == "News" and mail["Message-ID"] == made.reference
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and "Grüße & <b>mehr</b>\n\n.\n\nEnde 🎉" in plain.get_content().replace("\r\n", "\n")
    assert html is not None and "Grüße &amp; &lt;b&gt;mehr&lt;/b&gt;" in html.get_content()


async def test_a_text_message_arrives(mine: MailShop, phones: str) -> None:
    async with working(mine.rt, work=mailroom.jobs()):
        made = await sent(mine, await say(mine, await mine.customer(phone="+49 30 123456"), SMS, "Grüße 🎉"))
    found = await texts(mine, phones)
    assert [(one["to"], one["body"], one["sid"]) for one in found] == [("+4930123456", "Grüße 🎉", made.reference)]


async def test_a_number_that_is_none_is_not_tried_again(mine: MailShop) -> None:
    async with working(mine.rt, work=mailroom.jobs()):
        made = await say(mine, await mine.customer(phone="+15005550001"), SMS)
        await until(lambda: _is(mine, made, State.FAILED))
    found = await service.get(mine.rt, mine.ctx, made.id)
    assert found.attempts == 1 and "21211" in (found.error or "")


async def _is(shop: MailShop, made: Notification, wanted: State) -> bool:
    return await state(shop, made) is wanted


async def test_an_answer_that_got_lost_sends_no_second_text(mine: MailShop, phones: str) -> None:
    await mailroom.control(phones, mine.ctx.tenant, fault={"times": 1, "when": "lost"})
    async with working(mine.rt, work=mailroom.jobs()):
        made = await sent(mine, await say(mine, await mine.customer(), SMS))
    assert made.attempts == 2
    assert [one["sid"] for one in await texts(mine, phones)] == [made.reference]


async def test_the_same_words_sent_twice_on_purpose_arrive_twice(mine: MailShop, phones: str) -> None:
    """What is looked for after a lost answer is not mistaken for the message before it."""
    to = await mine.customer()
    async with working(mine.rt, work=mailroom.jobs()):
        first = await sent(mine, await say(mine, to, SMS))
        await mailroom.control(phones, mine.ctx.tenant, fault={"times": 1, "when": "before"})
        second = await sent(mine, await say(mine, to, SMS))
    found = await texts(mine, phones)
    assert sorted(one["sid"] for one in found) == sorted([str(first.reference), str(second.reference)])
    assert first.reference != second.reference and second.attempts == 2


async def test_a_hundred_by_two_workers_arrive_once_each(mine: MailShop, office: PostOffice) -> None:
    people = [await mine.customer() for _ in range(50)]
    for to in people:
        for text in ("One.", "Two."):
            await say(mine, to, MAIL, text)
    async with working(mine.rt, work=mailroom.jobs()), working(mine.rt, work=mailroom.jobs()):

        async def all_sent() -> bool:
            return (await service.list_notifications(mine.rt, mine.ctx, Query(state=State.SENT)))[1] == 100

        await until(all_sent, 60)
    ids_seen = [mail["Message-ID"] for mail in office.arrived]
    assert len(ids_seen) == len(set(ids_seen)) == 100


# ── Killed ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("channel", [MAIL, SMS])
async def test_killed_before_it_hands_anything_over(
    mine: MailShop, office: PostOffice, phones: str, workers: Workers, channel: Channel
) -> None:
    made = await say(mine, await mine.customer(), channel)
    await workers.dead(await workers.start(dies="before"))
    assert await state(mine, made) is State.SENDING
    await workers.start()
    found = await sent(mine, made)
    assert found.attempts == 2  # the try that was killed counts
    assert len(office.arrived if channel is MAIL else await texts(mine, phones)) == 1


async def test_killed_while_the_server_reads_the_mail(mine: MailShop, office: PostOffice, workers: Workers) -> None:
    """The server has read everything and not yet said yes: it has not taken the mail."""
    office.stalls = 1
    made = await say(mine, await mine.customer(), MAIL)
    first = await workers.start()
    await until(lambda: office.stalled)
    first.kill()
    await workers.dead(first)
    await workers.start()
    await sent(mine, made)
    assert len(office.arrived) == 1


@pytest.mark.parametrize("channel", [MAIL, SMS])
async def test_killed_after_it_was_noted(
    mine: MailShop, office: PostOffice, phones: str, workers: Workers, channel: Channel
) -> None:
    made = await say(mine, await mine.customer(), channel)
    first = await workers.start()
    await sent(mine, made)
    first.kill()
    await workers.dead(first)
    await workers.start()
    other = await say(mine, await mine.customer(), channel, "Another.")
    await sent(mine, other)
    await asyncio.sleep(2)  # longer than a lease
    assert len(office.arrived if channel is MAIL else await texts(mine, phones)) == 2  # one each
    assert (await service.get(mine.rt, mine.ctx, made.id)).attempts == 1


async def test_killed_between_the_servers_yes_and_our_note_of_a_mail(
    mine: MailShop, office: PostOffice, workers: Workers
) -> None:
    """The one window there is: the mail comes a second time, and is the same mail to whoever reads its Message-ID."""
    made = await say(mine, await mine.customer(), MAIL)
    await workers.dead(await workers.start(dies="after"))
    assert len(office.arrived) == 1 and await state(mine, made) is State.SENDING
    await workers.start()
    await sent(mine, made)
    first, second = office.arrived
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_killed_between_the_providers_yes_and_our_note_of_a_text(
    mine: MailShop, phones: str, workers: Workers
) -> None:
    """The provider is asked first, and has it."""
    made = await say(mine, await mine.customer(), SMS)
    await workers.dead(await workers.start(dies="after"))
    assert len(await texts(mine, phones)) == 1 and await state(mine, made) is State.SENDING
    await workers.start()
    found = await sent(mine, made)
    assert [one["sid"] for one in await texts(mine, phones)] == [found.reference]


async def test_what_kills_every_worker_is_given_up(mine: MailShop, workers: Workers) -> None:
    made = await say(mine, await mine.customer(), MAIL)
    await mine.run(
        "update notifications set state = 'sending', attempt = 9, locked_by = $2, next_at = now() where tenant_id = $1",
        ids.new(),
    )
    await workers.start()
    await until(lambda: _is(mine, made, State.FAILED))
    assert "every try" in ((await service.get(mine.rt, mine.ctx, made.id)).error or "")


async def test_a_worker_that_comes_back_too_late_changes_nothing(mine: MailShop, office: PostOffice) -> None:
    made = await say(mine, await mine.customer(), MAIL)
    office.stalls = 1
    late = asyncio.create_task(mine.send_due(mailroom.Policy(lease=timedelta(seconds=0.3))))
    await until(lambda: office.stalled)
    await asyncio.sleep(0.5)
    await mine.send_due()
    assert (await sent(mine, made)).attempts == 2
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    assert await state(mine, made) is State.SENT and len(office.arrived) == 1


# ── Told by events ───────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_switched_off_webhook_is_told_to_the_owner(mine: MailShop, office: PostOffice) -> None:
    from merx.core.auth import store as auth
    from merx.core.auth.model import Role
    from merx.kernel.ids import StaffId

    endpoint, email = EndpointId(ids.new()), f"owner-{ids.new().hex[-8:]}@example.com"
    async with mine.rt.db.begin(mine.ctx) as tx:
        staff = await auth.insert_staff(tx, StaffId(ids.new()), email, "x", "Olga", "Owner")
        assert staff is not None
        await auth.insert_member(tx, staff, 1, Role.OWNER)
        await webhooks.insert_endpoint(tx, endpoint, "https://hooks.example.com/a", ["order.paid"], b"x")
        tx.emit(Event(WEBHOOK_SWITCHED_OFF, endpoint, {"reason": "Every try failed for three days."}))
    async with working(mine.rt, work=mailroom.jobs()):
        await until(lambda: office.to(email))
    body = office.to(email)[0].get_body(("plain",))
    assert body is not None
    assert "https://hooks.example.com/a" in body.get_content() and "three days" in body.get_content()


async def test_an_event_about_nothing_known_is_told_to_nobody(mine: MailShop) -> None:
    async with mine.rt.db.begin(mine.ctx) as tx:
        tx.emit(Event("order.paid", ids.new(), {"payment_status": "paid"}))
        tx.emit(Event(WEBHOOK_SWITCHED_OFF, ids.new(), {}))
    assert await relay(mine.rt, mine.ctx) == 2
    assert (await service.list_notifications(mine.rt, mine.ctx))[1] == 0
