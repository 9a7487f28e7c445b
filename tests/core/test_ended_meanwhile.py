"""A session that opens while its ground is taken away: a new password, leaving the team, signing out everywhere. What
was verified a moment before opens nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from tests.conftest import PASSWORD, OpenShop
from tests.locks import somebody_waits

from merx.core.auth import browsers, clients, grants, passwords, service, sessions, store, team
from merx.core.auth.model import (
    AuthorizationRequest,
    ClientProof,
    GrantRefused,
    InvalidToken,
    NewOauthClient,
    Role,
    WrongPassword,
)
from merx.core.customers import service as customers
from merx.core.customers.service import NewCustomer
from merx.kernel.context import Ctx
from merx.kernel.ids import StaffId
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]
NEWER = "a-newer-good-password"
BACK = "https://app.example.com/back"
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Something that happens after the next password has been found right, and before anything comes of it."""
    verified = passwords.verified

    def arrange(happens: Callable[[], Awaitable[None]]) -> None:
        async def slowly(stored: str | None, password: str) -> bool:
            monkeypatch.setattr(passwords, "verified", verified)
            right = await verified(stored, password)
            await happens()
            return right

        monkeypatch.setattr(passwords, "verified", slowly)

    return arrange


async def count_sessions(rt: Runtime, ctx: Ctx, actor: object) -> int:
    async with rt.db.begin(ctx) as tx:
        row = await tx.row(
            "select count(*) from sessions where tenant_id = $1 and actor_id = $2 and revoked_at is null", actor
        )
    assert row is not None
    return int(row[0])


async def test_the_old_password_opens_nothing_once_there_is_a_new_one(
    rt: Runtime, shop: Make, meanwhile: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    mine = await shop()
    staff = mine.signed_in.member.staff.id
    for way in ("desk", "shared door"):
        old, new = (PASSWORD, NEWER) if way == "desk" else (NEWER, PASSWORD)

        async def changed(old: str = old, new: str = new) -> None:
            await service.change_password(rt, mine.owner, old, new)

        meanwhile(changed)
        with pytest.raises(WrongPassword):
            if way == "desk":
                await service.sign_in(rt, mine.email, old)
            else:
                await customers.sign_in_anyone(rt, Ctx(mine.owner.tenant), mine.email, old)
        assert await count_sessions(rt, mine.owner, staff) == 1  # whoever changed it


async def test_nor_does_a_shoppers(
    rt: Runtime, shop: Make, meanwhile: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    mine = await shop()
    at, email = Ctx(mine.owner.tenant, now=datetime.now(UTC)), f"p{os.urandom(6).hex()}@example.com"
    made = await customers.register(rt, at, NewCustomer(email, PASSWORD))
    here = (await service.authenticate(rt, made.tokens.access)).ctx(now=datetime.now(UTC), source="tests")

    async def changed() -> None:
        await customers.change_password(rt, here, PASSWORD, NEWER)

    meanwhile(changed)
    with pytest.raises(WrongPassword):
        await customers.sign_in(rt, at, email, PASSWORD)
    assert await count_sessions(rt, at, made.customer.id) == 1


async def test_who_is_leaving_the_team_does_not_come_in(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), f"p{os.urandom(6).hex()}@example.com"
    member = await team.add(rt, mine.owner, email, Role.ADMIN, password=PASSWORD)
    async with rt.db.begin(mine.owner) as tx:
        await store.delete_member(tx, StaffId(member.staff.id))
        coming = asyncio.create_task(service.sign_in(rt, email, PASSWORD, mine.owner.tenant))
        await somebody_waits(tx)
        await sessions.end_all(rt, tx, member.staff.id)
    with pytest.raises(WrongPassword):
        await coming
    assert await count_sessions(rt, mine.owner, member.staff.id) == 0


async def test_a_cookie_is_not_made_for_a_session_that_is_ending(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    tokens, staff = mine.signed_in.tokens, mine.signed_in.member.staff.id
    async with rt.db.begin(mine.owner) as tx:
        await sessions.end_all(rt, tx, staff)
        keeping = asyncio.create_task(browsers.keep(rt, tokens, datetime.now(UTC)))
        await somebody_waits(tx)
    with pytest.raises(InvalidToken):
        await keeping


async def _client(rt: Runtime, mine: OpenShop) -> NewOauthClient:
    grants_ = ("authorization_code", "refresh_token")
    return await clients.create(rt, mine.owner, "App", [BACK], grants_, ["catalog:read"])


async def test_a_code_agreed_to_before_a_new_password_gives_nothing_after(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await _client(rt, mine)
    wanted = AuthorizationRequest(
        client_id=str(made.client.id),
        redirect_uri=BACK,
        response_type="code",
        code_challenge=CHALLENGE,
        code_challenge_method="S256",
    )
    code = await grants.approve(rt, mine.owner, wanted)
    await service.change_password(rt, mine.owner, PASSWORD, NEWER)
    with pytest.raises(GrantRefused):
        await grants.exchange_code(rt, ClientProof(str(made.client.id), made.secret), code, BACK, VERIFIER)
    assert await count_sessions(rt, mine.owner, mine.signed_in.member.staff.id) == 1
    again = await grants.approve(rt, mine.owner, wanted)
    given = await grants.exchange_code(rt, ClientProof(str(made.client.id), made.secret), again, BACK, VERIFIER)
    assert given.refresh is not None
