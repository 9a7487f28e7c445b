"""A forgotten password: the same answer for a hit and a miss, one link, used once, and every session ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from tests.conftest import PASSWORD
from tests.databases import own_fixtures
from tests.mailroom import QUICK, PostOffice, post_office, runtime

from merx.core.auth import service as auth
from merx.core.auth import sessions
from merx.core.auth import store as auth_store
from merx.core.auth.model import InvalidToken, WrongPassword
from merx.core.customers import service as customers
from merx.core.customers.service import NewCustomer
from merx.core.notifications import sending
from merx.core.notifications import service as notifications
from merx.core.recovery import rules as token_rules
from merx.core.recovery import service
from merx.core.recovery.model import PER_ACCOUNT_AND_ADDRESS, Audience, DeadLink
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Invalid, Limited
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.runtime import Runtime
from merx.worker.jobs import SECRETS

WANTED = "another-good-password"


dsn, database = own_fixtures("recovery")
"""A database of its own: letters about staff accounts are the platform's, and all tests have one platform."""


@pytest.fixture
def office() -> Any:
    with post_office() as found:
        yield found


@pytest.fixture
async def posting(database: Database, office: PostOffice) -> AsyncIterator[Runtime]:
    """A runtime with the run's database and a mail server."""
    yield runtime(database, smtp=office.url)


Opened = Callable[..., Awaitable[Any]]


async def deliver(rt: Runtime, tenant: TenantId) -> int:
    return await sending.send_due(rt, system(tenant), SECRETS, QUICK)


def token_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"\?token=(\S+)", body.get_content())
    assert found is not None
    return found[1]


async def shopper(rt: Runtime, tenant: TenantId, email: str) -> Any:
    return await customers.register(rt, Ctx(tenant), NewCustomer(email, PASSWORD))


async def asked(rt: Runtime, office: PostOffice, email: str, address: str = "192.0.2.1") -> EmailMessage:
    """Asks for a link as a member of a team, and takes it out of the post."""
    before = len(office.to(email))
    await service.request_staff_reset(rt, email, address)
    for _ in range(50):
        await deliver(rt, PLATFORM_TENANT)
        if len(office.to(email)) > before:
            break
        await asyncio.sleep(0.05)
    return office.to(email)[-1]


async def test_a_member_chooses_a_new_password(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened = await shop()
    mail = await asked(posting, office, opened.email)
    assert mail["Subject"].startswith("Choose a new password")
    assert f"{posting.settings.public_url}/dashboard/reset?token=" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    token = token_of(mail)
    assert await service.check_token(posting, token) is Audience.STAFF
    with pytest.raises(Invalid) as refused:
        await service.reset_password(posting, token, "short")
    assert "password" in refused.value.fields
    await service.reset_password(posting, token, WANTED)
    with pytest.raises(InvalidToken):
        await auth.authenticate(posting, opened.signed_in.tokens.access, datetime.now(UTC))
    with pytest.raises(WrongPassword):
        await auth.sign_in(posting, opened.email, PASSWORD)
    assert (await auth.sign_in(posting, opened.email, WANTED)).member.staff.email == opened.email
    with pytest.raises(DeadLink):
        await service.reset_password(posting, token, "a-third-good-password")


async def test_with_one_link_its_twin_is_spent_too(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    """Two that were sent at the same moment: neither took the other's place."""
    opened = await shop()
    first = token_of(await asked(posting, office, opened.email))
    twin, staff = token_rules.spelled(PLATFORM_TENANT, b"x" * 32), opened.signed_in.member.staff.id
    async with posting.db.begin(system(PLATFORM_TENANT)) as tx:
        ends = tx.ctx.now + timedelta(hours=1)
        digest = posting.vault.digest(twin)
        await auth_store.insert_credential(tx, digest, "reset", staff, ActorKind.STAFF, staff, [], ends)
    assert await service.check_token(posting, twin) is await service.check_token(posting, first)
    await service.reset_password(posting, first, WANTED)
    with pytest.raises(DeadLink):
        await service.reset_password(posting, twin, "a-third-good-password")


async def test_no_old_session_outlives_a_process_that_dies_over_it(
    posting: Runtime, office: PostOffice, shop: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await shop()
    token, end_all = token_of(await asked(posting, office, opened.email)), sessions.end_all
    set_ = False

    async def dying(rt: Runtime, tx: Any, *of: Any) -> None:
        nonlocal set_
        if set_ and tx.ctx.tenant != PLATFORM_TENANT:
            raise KeyboardInterrupt
        set_ = set_ or tx.ctx.tenant == PLATFORM_TENANT
        await end_all(rt, tx, *of)

    monkeypatch.setattr(sessions, "end_all", dying)
    with pytest.raises(KeyboardInterrupt):
        await service.reset_password(posting, token, WANTED)
    monkeypatch.undo()
    with pytest.raises(InvalidToken):
        await auth.authenticate(posting, opened.signed_in.tokens.access, datetime.now(UTC))
    assert await auth.sign_in(posting, opened.email, WANTED)


async def test_a_shopper_chooses_a_new_password(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened, other = await shop(), await shop()
    tenant, elsewhere = opened.owner.tenant, other.owner.tenant
    email = f"ann-{ids.new().hex[-8:]}@example.com"
    signed_in, _ = await shopper(posting, tenant, email), await shopper(posting, elsewhere, email)
    await service.request_customer_reset(posting, Ctx(tenant, address="192.0.2.9"), email)
    assert await deliver(posting, tenant) == 1
    mail = office.to(email)[-1]
    token = token_of(mail)
    assert "/account/reset?token=" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["From"].addresses[0].display_name == opened.signed_in.tenant.name
    assert await service.check_token(posting, token) is Audience.CUSTOMER
    for wrong in (None, elsewhere):  # not at the dashboard, and not at another shop
        with pytest.raises(DeadLink):
            await service.reset_password(posting, token, WANTED, shop=wrong)
    await service.reset_password(posting, token, WANTED, shop=tenant)
    with pytest.raises(InvalidToken):
        await auth.authenticate(posting, signed_in.tokens.access, datetime.now(UTC))
    assert (await customers.sign_in(posting, Ctx(tenant), email, WANTED)).customer.email == email
    assert (await customers.sign_in(posting, Ctx(elsewhere), email, PASSWORD)).customer.email == email


async def test_a_hit_and_a_miss_answer_and_do_the_same(
    posting: Runtime, office: PostOffice, shop: Opened, database: Database
) -> None:
    """One row each, the same number of round trips, the same statements: nobody is looked up while somebody waits."""
    opened = await shop()
    tenant, known = opened.owner.tenant, f"ann-{ids.new().hex[-8:]}@example.com"
    await shopper(posting, tenant, known)
    done = []
    for email in (known, f"nobody-{ids.new().hex[-8:]}@example.com"):
        seen: list[str] = []
        real = database.begin

        def begin(ctx: Ctx, seen: list[str] = seen, real: Any = real) -> Any:
            return _watched(real(ctx), seen)

        object.__setattr__(database, "begin", begin)
        try:
            assert await service.request_customer_reset(posting, Ctx(tenant, address="192.0.2.7"), email) is None
        finally:
            object.__delattr__(database, "begin")
        done.append(seen)
    assert done[0] == done[1] and done[0]
    await deliver(posting, tenant)
    assert [str(mail["To"]) for mail in office.arrived] == [known]
    found, total = await notifications.list_notifications(posting, opened.owner)
    assert total == 1 and found[0].text is None  # nothing remains of the miss, and nothing to read of the hit


class _watched:
    """A transaction whose statements are noted."""

    def __init__(self, inner: Any, seen: list[str]) -> None:
        self._inner, self._seen = inner, seen

    async def __aenter__(self) -> Any:
        tx = await self._inner.__aenter__()
        seen = self._seen

        class Noted:
            ctx = tx.ctx
            platform = tx.platform

            async def row(self, sql: str, *args: Any) -> Any:
                seen.append(sql)
                return await tx.row(sql, *args)

            async def rows(self, sql: str, *args: Any) -> Any:
                seen.append(sql)
                return await tx.rows(sql, *args)

            async def run(self, sql: str, *args: Any) -> Any:
                seen.append(sql)
                return await tx.run(sql, *args)

        return Noted()

    async def __aexit__(self, *how: Any) -> Any:
        return await self._inner.__aexit__(*how)


async def test_the_token_is_stored_nowhere(posting: Runtime, office: PostOffice, shop: Opened, owner: Any) -> None:
    opened = await shop()
    tenant, email = opened.owner.tenant, f"ann-{ids.new().hex[-8:]}@example.com"
    await shopper(posting, tenant, email)
    await service.request_customer_reset(posting, Ctx(tenant), email)
    await deliver(posting, tenant)
    token = token_of(office.to(email)[-1])
    for table in ("notifications", "credentials", "outbox"):
        rows = await owner.fetch(f"select t::text from {table} t where tenant_id = $1", tenant)
        assert rows or table == "outbox"
        assert not any(token in row[0] or token[4:40] in row[0] for row in rows)
    shown = (await notifications.list_notifications(posting, opened.owner))[0][0]
    assert (await notifications.get(posting, opened.owner, shown.id)).text is None
    with pytest.raises(Exception, match="not sent twice"):
        await notifications.resend(posting, opened.owner, shown.id)


async def test_a_newer_link_replaces_the_older(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened = await shop()
    first = token_of(await asked(posting, office, opened.email))
    second = token_of(await asked(posting, office, opened.email))
    with pytest.raises(DeadLink):
        await service.reset_password(posting, first, WANTED)
    await service.reset_password(posting, second, WANTED)


async def test_two_who_use_it_at_once_are_one(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened = await shop()
    token = token_of(await asked(posting, office, opened.email))
    wanted = [f"{WANTED}-{number}" for number in range(4)]
    found = await asyncio.gather(
        *(service.reset_password(posting, token, one) for one in wanted), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["DeadLink"] * 3 + ["NoneType"]
    await auth.sign_in(posting, opened.email, wanted[found.index(None)])


async def test_a_link_lives_an_hour(posting: Runtime, office: PostOffice, shop: Opened, owner: Any) -> None:
    opened = await shop()
    token = token_of(await asked(posting, office, opened.email))
    await owner.execute(
        "update credentials set expires_at = now() - interval '1 second' where hash = $1", posting.vault.digest(token)
    )
    with pytest.raises(DeadLink):
        await service.check_token(posting, token)
    with pytest.raises(DeadLink):
        await service.reset_password(posting, token, WANTED)


async def test_a_link_that_waited_too_long_is_not_sent(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened = await shop()
    tenant, email = opened.owner.tenant, f"ann-{ids.new().hex[-8:]}@example.com"
    await shopper(posting, tenant, email)
    await service.request_customer_reset(posting, Ctx(tenant), email)
    async with posting.db.begin(system(tenant)) as tx:
        await tx.run("update notifications set created_at = created_at - interval '2 hours' where tenant_id = $1")
    await deliver(posting, tenant)
    assert office.to(email) == []


@pytest.mark.parametrize("known", [True, False])
async def test_only_a_few_links_an_hour(posting: Runtime, shop: Opened, known: bool) -> None:
    opened = await shop()
    tenant, email = opened.owner.tenant, f"ann-{ids.new().hex[-8:]}@example.com"
    if known:
        await shopper(posting, tenant, email)
    ctx = Ctx(tenant, address=f"2001:db8:{ids.new().hex[-4:]}::1")
    for _ in range(PER_ACCOUNT_AND_ADDRESS):
        await service.request_customer_reset(posting, ctx, email.upper())
    neighbour = msgspec.structs.replace(ctx, address=ctx.address[:-1] + "7:1:2:3")  # the same /64, spelled shorter
    for one in (ctx, neighbour):
        with pytest.raises(Limited) as refused:
            await service.request_customer_reset(posting, one, email)
        assert 0 < (refused.value.retry_after or 0) <= 3600


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "a b@c.example", "a\n@c.example", "x" * 400 + "@c.example"])
async def test_what_is_no_address_is_refused(posting: Runtime, shop: Opened, email: str) -> None:
    with pytest.raises(Invalid):
        await service.request_staff_reset(posting, email)
    with pytest.raises(Invalid):
        await service.request_customer_reset(posting, Ctx((await shop()).owner.tenant), email)


@pytest.mark.parametrize("token", ["", "mpr_", "mpr_" + "A" * 64, "sk_live_" + "A" * 38, "€" * 68, "mpr_" + "!" * 64])
async def test_what_is_no_token_is_dead(posting: Runtime, token: str) -> None:
    with pytest.raises(DeadLink):
        await service.reset_password(posting, token, WANTED)


async def test_somebody_who_was_switched_off_gets_no_link(posting: Runtime, office: PostOffice, shop: Opened) -> None:
    opened = await shop()
    tenant, email = opened.owner.tenant, f"ann-{ids.new().hex[-8:]}@example.com"
    found = await shopper(posting, tenant, email)
    patch = customers.CustomerPatch(status=customers.CustomerStatus.INACTIVE)
    await customers.update(posting, opened.owner, found.customer.id, patch)
    await service.request_customer_reset(posting, Ctx(tenant), email)
    await deliver(posting, tenant)
    assert office.to(email) == []
