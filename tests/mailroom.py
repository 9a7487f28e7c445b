"""A real SMTP server, a Twilio to try with, and a shop whose notifications go there, minded by a worker of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from tests.http_server import serve_app
from tests.ports import free_port

from merx.core.notifications import sending
from merx.core.notifications.model import Person, Policy
from merx.core.tenants import opening
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.ids import CustomerId, TenantId
from merx.ports import Account, Mailer
from merx.providers.mail import SmtpMailer
from merx.providers.payments.manual import Manual
from merx.providers.sms import TwilioSms
from merx.runtime import NoMailer, Runtime
from merx.settings import Settings
from merx.simulator import twilio
from merx.vault import Vault
from merx.worker.jobs import JOBS, SECRETS, Job

SECRET = b"a secret for tests, and for tests only"
SENDER = "noreply@merx.example"
QUICK = Policy(pauses=(0.1,) * 5)
INSERT_CUSTOMER = """
insert into customers (tenant_id, id, email, username, password_hash, first_name, phone, created_at, updated_at)
values ($1, $2, $3, $3, 'x', 'Ann', $4, $5, $5)
"""


def jobs(policy: Policy = QUICK) -> dict[str, Job]:
    return {
        "relay": JOBS["relay"],
        "notifications": Job(partial(sending.send_due, secrets=SECRETS, policy=policy), 2),
    }


# ── The post office ──────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class PostOffice:
    """Takes mails, unless it is told to answer something else (`says`) or to hold the line (`stalls`)."""

    arrived: list[EmailMessage] = field(default_factory=list)
    says: list[str] = field(default_factory=list)  # the answers to the next mails, instead of 250
    stalls: int = 0  # so many mails are read and never answered
    stalled: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [one for one in self.arrived if address in str(one["To"])]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.stalls > 0:
            self.stalls -= 1
            self.stalled += 1
            await asyncio.sleep(3600)
        if self.says:
            return self.says.pop(0)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.arrived.append(found)
        return "250 OK"


@contextlib.contextmanager
def post_office(**more: Any) -> Iterator[PostOffice]:
    """A real SMTP server in a thread of its own."""
    office = PostOffice(port=free_port())
    controller = Controller(office, hostname="127.0.0.1", port=office.port, ready_timeout=60, **more)
    controller.start()
    try:
        yield office
    finally:
        controller.stop(no_assert=True)


# ── The simulator ────────────────────────────────────────────────────────────────────────────────────────────────────
def twilio_app() -> Any:
    """What is served: the simulator's Twilio over the database that TEST_DSN names."""
    import msgspec

    held: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            database = await Database.open(msgspec.json.decode(os.environ["TEST_DSN"]), pool_size=2)
            held["app"] = twilio.app(runtime(database))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await database.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await held["app"](scope, receive, send)

    return app


@contextlib.contextmanager
def text_office(dsn: dict[str, Any]) -> Iterator[str]:
    import msgspec

    with serve_app("tests.mailroom:twilio_app", {"TEST_DSN": msgspec.json.encode(dsn).decode()}) as url:
        yield url


async def control(url: str, tenant: TenantId, **change: Any) -> dict[str, Any]:
    """The account's messages and faults at the simulator."""
    account = twilio.account_for(tenant, Vault(SECRET).key("simulator"), url)
    auth = (account.credentials["account_sid"], account.credentials["auth_token"])
    async with httpx.AsyncClient() as client:
        where = f"{url}{twilio.PREFIX}/_control"
        answer = await (client.post(where, auth=auth, json=change) if change else client.get(where, auth=auth))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ── The shop ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def runtime(database: Database, *, smtp: str | None = None, sms: str | None = None, **settings: Any) -> Runtime:
    vault = Vault(SECRET)

    def account(name: str, tenant: TenantId) -> Account:
        if name == "twilio" and sms is not None:
            return twilio.account_for(tenant, vault.key("simulator"), sms)
        return Account(tenant, {})

    mailer: Mailer = NoMailer() if smtp is None else SmtpMailer(smtp, SENDER)
    return Runtime(
        settings=Settings(**settings),
        db=database,
        vault=vault,
        payments={"manual": Manual()},
        test_account=account,
        mailer=mailer,
        sms=TwilioSms(),
    )


@dataclass
class MailShop:
    rt: Runtime
    ctx: Ctx
    name: str

    async def customer(self, email: str | None = None, phone: str | None = "+15551230001") -> Person:
        customer = CustomerId(ids.new())
        email = email or f"ann-{customer.hex[-10:]}@example.com"
        async with self.rt.db.begin(self.ctx) as tx:
            await tx.run(INSERT_CUSTOMER, customer, email, phone, datetime.now(UTC))
        return Person.customer(customer)

    def own(self, person: Person) -> Ctx:
        return Ctx(self.ctx.tenant, ActorKind.CUSTOMER, person.id, scopes=frozenset({"orders:own"}))

    async def email(self, person: Person) -> str:
        return str(await self.value("select email from customers where tenant_id = $1 and id = $2", person.id))

    async def value(self, sql: str, *args: Any) -> Any:
        async with self.rt.db.begin(self.ctx) as tx:
            row = await tx.row(sql, *args)
        return row[0] if row else None

    async def run(self, sql: str, *args: Any) -> None:
        async with self.rt.db.begin(self.ctx) as tx:
            await tx.run(sql, *args)

    async def send_due(self, policy: Policy = QUICK) -> int:
        return await sending.send_due(self.rt, system(self.ctx.tenant), SECRETS, policy)


async def open_mail_shop(rt: Runtime) -> MailShop:
    wanted = await opening.draft(rt, datetime.now(UTC), f"Letters {os.urandom(5).hex()}")
    ctx = system(wanted.id, "tests")
    async with rt.db.begin(ctx) as tx:
        assert await opening.open_shop(tx, wanted) is not None
    return MailShop(rt, ctx, wanted.name)


@contextlib.asynccontextmanager
async def mail_shop(database: Database, **where: Any) -> AsyncIterator[MailShop]:
    rt = runtime(database, **where)
    try:
        yield await open_mail_shop(rt)
    finally:
        await rt.mailer.close()
        await rt.sms.close()
