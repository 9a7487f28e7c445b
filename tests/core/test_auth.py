"""Signing in, tokens, keys, teams and clients against a real database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.conftest import PASSWORD, OpenShop

from merx.core.auth import clients, keys, service, store, team
from merx.core.auth.model import (
    EVERYTHING,
    ROLE_SCOPES,
    STOREFRONT_SCOPES,
    InvalidKey,
    InvalidToken,
    KeyType,
    Role,
    WrongPassword,
)
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT, KeyId, StaffId
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]
PLATFORM = system(PLATFORM_TENANT, "tests")


def new_email() -> str:
    return f"p{os.urandom(6).hex()}@example.com"


def staff_of(shop: OpenShop) -> StaffId:
    return shop.signed_in.member.staff.id


async def join(rt: Runtime, shop: OpenShop, role: Role, permissions: tuple[str, ...] = ()) -> tuple[StaffId, Ctx, str]:
    """A further member, signed in."""
    email = new_email()
    await team.add(rt, shop.owner, email, role, password=PASSWORD, permissions=permissions)
    signed = await service.sign_in(rt, email, PASSWORD)
    return signed.member.staff.id, await caller(rt, signed.tokens.access), signed.tokens.access


async def caller(rt: Runtime, text: str) -> Ctx:
    return (await service.authenticate(rt, text)).ctx(now=datetime.now(UTC), source="tests")


# ── Registering and signing in ───────────────────────────────────────────────────────────────────────────────────────
async def test_registering_makes_a_shop_an_owner_and_a_session(rt: Runtime, shop: Make) -> None:
    mine = await shop(business_name="  My Store  ", first_name="John", last_name="Doe")
    assert mine.signed_in.tenant.slug.startswith("mystore")
    assert mine.signed_in.tenant.name == "My Store"
    assert (mine.owner.actor, mine.owner.scopes, mine.signed_in.member.number) == (ActorKind.STAFF, EVERYTHING, 1)
    assert (await service.me(rt, mine.owner)).staff.first_name == "John"
    assert await tenants.find_by_slug(rt, mine.signed_in.tenant.slug) == mine.signed_in.tenant


async def test_two_shops_of_one_name_differ_by_a_number(rt: Runtime, shop: Make) -> None:
    name = f"Twin {os.urandom(4).hex()}"
    made = await asyncio.gather(*(shop(business_name=name) for _ in range(3)))
    assert len({one.signed_in.tenant.slug for one in made}) == 3


async def test_every_wrong_field_is_named_at_once(rt: Runtime) -> None:
    with pytest.raises(Invalid) as refused:
        await service.register(rt, service.Registration(" ", "nobody", "short", "x" * 151, currency="EURO"))
    assert set(refused.value.fields) == {"business_name", "email", "password", "first_name", "currency"}
    assert refused.value.fields["password"] == ["Password must be at least 8 characters."]


async def test_an_email_registers_once_and_leaves_no_second_shop(rt: Runtime, shop: Make, owner: Any) -> None:
    mine = await shop()
    name = f"Second {os.urandom(6).hex()}"
    with pytest.raises(Invalid) as refused:
        await shop(business_name=name, email=f" {mine.email.upper()} ")
    assert refused.value.field == "email"
    assert await owner.fetchval("select count(*) from tenants where name = $1", name) == 0


async def test_one_of_many_registrations_of_an_email_wins(rt: Runtime, shop: Make) -> None:
    email = new_email()
    made = await asyncio.gather(*(shop(email=email) for _ in range(4)), return_exceptions=True)
    assert len([one for one in made if isinstance(one, OpenShop)]) == 1
    assert all(isinstance(one, OpenShop | Invalid) for one in made)


async def test_signing_in(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    signed = await service.sign_in(rt, mine.email.upper(), PASSWORD)
    assert signed.tenant == mine.signed_in.tenant
    assert signed.tokens.expires_in == 3600
    found = await caller(rt, signed.tokens.access)
    assert (found.tenant, found.actor_id, found.session) == (mine.owner.tenant, staff_of(mine), signed.tokens.session)
    assert found.session != mine.owner.session


async def test_unknown_wrong_foreign_and_switched_off_look_the_same(rt: Runtime, shop: Make, owner: Any) -> None:
    mine, other, off = await shop(), await shop(), await shop()
    await owner.execute("update staff set active = false where id = $1", staff_of(off))
    said = set()
    for email, password, tenant in (
        (new_email(), PASSWORD, None),
        ("no e-mail at all", PASSWORD, None),
        ("", "", None),
        (mine.email, PASSWORD + "x", None),
        (mine.email, "x" * 5000, None),
        (mine.email, PASSWORD, other.owner.tenant),
        (mine.email, PASSWORD, PLATFORM_TENANT),
        (off.email, PASSWORD, None),
    ):
        with pytest.raises(WrongPassword) as refused:
            await service.sign_in(rt, email, password, tenant)
        said.add((refused.value.message, refused.value.code, str(refused.value.fields)))
    assert len(said) == 1


@pytest.mark.usefixtures("real_passwords")
async def test_an_old_hash_is_renewed_at_sign_in(rt: Runtime, shop: Make, owner: Any) -> None:
    from argon2 import PasswordHasher

    mine = await shop()
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await owner.execute("update staff set password_hash = $2 where id = $1", staff_of(mine), weak)
    await service.sign_in(rt, mine.email, PASSWORD)
    now = await owner.fetchval("select password_hash from staff where id = $1", staff_of(mine))
    assert "m=19456,t=2,p=1" in now
    await service.sign_in(rt, mine.email, PASSWORD)


async def test_a_tenant_that_is_switched_off_answers_nobody(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    key = await keys.create(rt, mine.owner, "k")
    await tenants.set_active(rt, PLATFORM, mine.owner.tenant, False)
    for text in (mine.signed_in.tokens.access, key.secret):
        with pytest.raises(Unauthenticated):
            await service.authenticate(rt, text)
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, mine.email, PASSWORD)
    await tenants.set_active(rt, PLATFORM, mine.owner.tenant, True)
    await service.authenticate(rt, key.secret)


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_refresh_token_rotates(rt: Runtime, shop: Make) -> None:
    first = (await shop()).signed_in.tokens
    second = await service.refresh(rt, first.refresh)
    assert second.refresh != first.refresh
    assert second.session == first.session
    await service.authenticate(rt, second.access)
    third = await service.refresh(rt, second.refresh)
    assert len({first.refresh, second.refresh, third.refresh}) == 3


async def test_ten_refreshes_at_once_give_one_successor(rt: Runtime, shop: Make, owner: Any) -> None:
    first = (await shop()).signed_in.tokens
    answers = await asyncio.gather(*(service.refresh(rt, first.refresh) for _ in range(10)))
    assert len({answer.refresh for answer in answers}) == 1
    live = "select count(*) from refresh_tokens where session_id = $1 and used_at is null"
    assert await owner.fetchval(live, first.session) == 1
    await service.refresh(rt, answers[0].refresh)


async def test_a_replay_after_the_window_ends_the_family(rt: Runtime, shop: Make) -> None:
    told: list[int] = []
    rt.revocation_listeners.append(lambda: told.append(1))
    first, now = (await shop()).signed_in.tokens, datetime.now(UTC)
    second = await service.refresh(rt, first.refresh, now=now)
    assert (await service.refresh(rt, first.refresh, now=now + timedelta(seconds=9))).refresh == second.refresh
    with pytest.raises(InvalidToken):
        await service.refresh(rt, first.refresh, now=now + timedelta(seconds=11))
    assert told
    for token in (first.refresh, second.refresh):
        with pytest.raises(InvalidToken):
            await service.refresh(rt, token, now=now + timedelta(seconds=12))
    for access in (first.access, second.access):
        with pytest.raises(InvalidToken):
            await service.authenticate(rt, access)


async def test_a_replay_whose_successor_was_used_ends_the_family_at_once(rt: Runtime, shop: Make) -> None:
    first = (await shop()).signed_in.tokens
    second = await service.refresh(rt, first.refresh)
    third = await service.refresh(rt, second.refresh)
    with pytest.raises(InvalidToken):
        await service.refresh(rt, first.refresh)
    for access in (first.access, third.access):
        with pytest.raises(InvalidToken):
            await service.authenticate(rt, access)
    with pytest.raises(InvalidToken):
        await service.refresh(rt, third.refresh)


async def test_an_idle_refresh_token_runs_out_and_so_does_the_session(rt: Runtime, shop: Make) -> None:
    first, now = (await shop()).signed_in.tokens, datetime.now(UTC)
    with pytest.raises(InvalidToken):
        await service.refresh(rt, first.refresh, now=now + timedelta(days=14, seconds=1))
    current = first
    for day in (10, 20, 29):
        current = await service.refresh(rt, current.refresh, now=now + timedelta(days=day))
    with pytest.raises(InvalidToken):
        await service.refresh(rt, current.refresh, now=now + timedelta(days=30, seconds=1))


async def test_foreign_and_made_up_refresh_tokens_are_refused(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    token = mine.signed_in.tokens.refresh
    moved = service.rules._spelled(other.owner.tenant, b"x" * 32)
    for text in ("", "mrt_", token[:-4] + "AAAA", moved, mine.signed_in.tokens.access):
        with pytest.raises(InvalidToken):
            await service.refresh(rt, text)
    await service.refresh(rt, token)


async def test_signing_out_is_at_once_and_ends_the_refresh_token_too(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    second = await service.sign_in(rt, mine.email, PASSWORD)
    await service.sign_out(rt, mine.owner)
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, mine.signed_in.tokens.access)
    with pytest.raises(InvalidToken):
        await service.refresh(rt, mine.signed_in.tokens.refresh)
    await service.authenticate(rt, second.tokens.access)
    await service.revoke_refresh(rt, second.tokens.refresh)
    await service.revoke_refresh(rt, second.tokens.refresh)
    await service.revoke_refresh(rt, "nonsense")
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, second.tokens.access)


async def test_a_new_password_ends_the_other_sessions(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    second = await service.sign_in(rt, mine.email, PASSWORD)
    with pytest.raises(Invalid) as refused:
        await service.change_password(rt, mine.owner, "not it at all", "another-good-one")
    assert refused.value.field == "current_password"
    with pytest.raises(Invalid):
        await service.change_password(rt, mine.owner, PASSWORD, "password")
    await service.change_password(rt, mine.owner, PASSWORD, "another-good-one")
    await service.authenticate(rt, mine.signed_in.tokens.access)
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, second.tokens.access)
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, mine.email, PASSWORD)
    await service.sign_in(rt, mine.email, "another-good-one")


async def test_a_token_of_one_session_says_nothing_about_another_tenant(rt: Runtime, shop: Make) -> None:
    """Signed by us, but for a session of somebody else: refused, whichever part does not fit."""
    mine, other = await shop(), await shop()
    key, now = rt.vault.key("jwt"), datetime.now(UTC)
    session = mine.owner.session
    assert session is not None
    make = service.rules.make_access
    public = rt.settings.public_url
    await service.authenticate(rt, make(key, public, mine.owner.tenant, staff_of(mine), session, now))
    for token in (
        make(key, public, other.owner.tenant, staff_of(mine), session, now),
        make(key, public, mine.owner.tenant, staff_of(other), session, now),
        make(key, public, mine.owner.tenant, staff_of(mine), ids.SessionId(ids.new()), now),
    ):
        with pytest.raises(InvalidToken):
            await service.authenticate(rt, token)


async def test_authenticating_is_one_statement(rt: Runtime, shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await shop()
    asked: list[str] = []
    real = rt.db.lookups

    async def counting(sql: str, *args: Any) -> list[Any]:
        asked.append(sql)
        return await real(sql, *args)

    monkeypatch.setattr(rt.db, "lookups", counting)
    found = await service.authenticate(rt, mine.signed_in.tokens.access)
    assert asked == [store.CREDENTIALS]
    assert (found.slug, found.plan, found.limits.per_minute) == (mine.signed_in.tenant.slug, Plan.FREE, 60)
    for garbage in ("sk_live_abc123xyz789", "garbage", "a.b.c"):
        with pytest.raises(Unauthenticated):
            await service.authenticate(rt, garbage)
    assert len(asked) == 1


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_bare_key_is_for_storefronts(rt: Runtime, shop: Make, owner: Any) -> None:
    mine = await shop()
    made = await keys.create(rt, mine.owner, "Production API Key")
    assert made.secret.startswith("sk_live_")
    assert set(made.key.scopes) == STOREFRONT_SCOPES
    found = await service.authenticate(rt, made.secret)
    assert (found.tenant, found.actor, found.actor_id) == (mine.owner.tenant, ActorKind.KEY, made.key.id)
    assert found.storefront_only
    stored = await owner.fetchval("select string_agg(k::text, '') from api_keys k where tenant_id = $1", found.tenant)
    assert made.secret not in stored
    assert made.secret not in repr(await keys.list_keys(rt, mine.owner))
    public = await keys.create(rt, mine.owner, "Shop window", KeyType.PUBLISHABLE)
    assert public.secret.startswith("pk_live_")


async def test_a_key_is_widened_only_to_what_its_maker_may_do(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    everything = await keys.create(rt, mine.owner, "all", scopes=["*"])
    assert (await service.authenticate(rt, everything.secret)).scopes == EVERYTHING
    _, admin, _ = await join(rt, mine, Role.ADMIN)
    _, staff, _ = await join(rt, mine, Role.STAFF)
    assert set((await keys.create(rt, admin, "a", scopes=["*"])).key.scopes) == ROLE_SCOPES[Role.ADMIN]
    with pytest.raises(Forbidden):
        await keys.create(rt, admin, "b", scopes=["team:write"])
    with pytest.raises(Forbidden):
        await keys.create(rt, staff, "c")
    stolen = await caller(rt, everything.secret)
    with pytest.raises(Forbidden) as refused:
        await keys.create(rt, stolen, "d")
    assert refused.value.code == "person_required"
    with pytest.raises(Invalid):
        await keys.create(rt, mine.owner, "e", expires_at=mine.owner.now)
    with pytest.raises(Invalid):
        await keys.create(rt, mine.owner, " ")


async def test_a_revoked_key_is_dead_at_once(rt: Runtime, shop: Make) -> None:
    told: list[int] = []
    rt.revocation_listeners.append(lambda: told.append(1))
    mine, other = await shop(), await shop()
    made = await keys.create(rt, mine.owner, "k")
    digest = service.digest_of(rt, made.secret, datetime.now(UTC))
    assert await service.standing(rt, [digest, b"unknown"]) == {digest: await service.authenticate(rt, made.secret)}
    with pytest.raises(NotFound):
        await keys.revoke(rt, other.owner, made.key.id)
    await service.authenticate(rt, made.secret)
    await keys.revoke(rt, mine.owner, made.key.id)
    assert told
    with pytest.raises(InvalidKey):
        await service.authenticate(rt, made.secret)
    assert await service.standing(rt, [digest]) == {}
    with pytest.raises(NotFound):
        await keys.revoke(rt, mine.owner, made.key.id)
    assert (await keys.get(rt, mine.owner, made.key.id)).revoked_at is not None
    assert await keys.list_keys(rt, mine.owner) == ([], 0)


async def test_a_key_runs_out(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await keys.create(rt, mine.owner, "k", expires_at=mine.owner.now + timedelta(hours=1))
    await service.authenticate(rt, made.secret, mine.owner.now + timedelta(minutes=59))
    with pytest.raises(InvalidKey):
        await service.authenticate(rt, made.secret, mine.owner.now + timedelta(minutes=61))


async def test_keys_are_paged_newest_first(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    for number in range(5):
        ctx = msgspec.structs.replace(mine.owner, now=mine.owner.now + timedelta(seconds=number))
        await keys.create(rt, ctx, f"k{number}")
    found, total = await keys.list_keys(rt, mine.owner, limit=2, offset=1)
    assert ([key.name for key in found], total) == (["k3", "k2"], 5)


async def test_when_a_key_was_used_is_written_down_once_a_minute(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await keys.create(rt, mine.owner, "k")
    at = datetime.now(UTC)
    for later, shown in ((0, 0), (30, 0), (90, 90)):
        await service.authenticate(rt, made.secret, at + timedelta(seconds=later))
        await service.save_key_use(rt)
        assert (await keys.get(rt, mine.owner, made.key.id)).last_used_at == at + timedelta(seconds=shown)


# ── The team ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_role_changes_at_once(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    staff, ctx, access = await join(rt, mine, Role.STAFF)
    assert ctx.may("products:write")
    assert not ctx.may("settings:write")
    changed = await team.change(rt, mine.owner, staff, role=Role.ADMIN)
    assert changed.role is Role.ADMIN
    assert (await caller(rt, access)).scopes == ROLE_SCOPES[Role.ADMIN]
    await team.change(rt, mine.owner, staff, permissions=["orders:read"])
    assert (await caller(rt, access)).scopes == {"orders:read"}
    await team.change(rt, mine.owner, staff, role=Role.STAFF)
    assert (await caller(rt, access)).scopes == ROLE_SCOPES[Role.STAFF]
    await team.remove(rt, mine.owner, staff)
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, access)
    with pytest.raises(NotFound):
        await team.remove(rt, mine.owner, staff)


async def test_a_shop_keeps_an_owner(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    with pytest.raises(Refused):
        await team.remove(rt, mine.owner, staff_of(mine))
    with pytest.raises(Refused):
        await team.change(rt, mine.owner, staff_of(mine), role=Role.ADMIN)
    second, ctx, _ = await join(rt, mine, Role.OWNER)
    ended = await asyncio.gather(
        team.remove(rt, mine.owner, second), team.remove(rt, ctx, staff_of(mine)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in ended) == ["NoneType", "Refused"]


async def test_nobody_raises_themselves(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    trusted = tuple(ROLE_SCOPES[Role.ADMIN] | {"team:write"})
    me, ctx, _ = await join(rt, mine, Role.ADMIN, trusted)
    for call in (
        team.change(rt, ctx, me, role=Role.OWNER),
        team.change(rt, ctx, staff_of(mine), role=Role.STAFF),
        team.remove(rt, ctx, staff_of(mine)),
        team.add(rt, ctx, new_email(), Role.OWNER, password=PASSWORD),
    ):
        with pytest.raises(Forbidden):
            await call
    for permissions in (["*"], ["nothing:known"]):
        with pytest.raises(Invalid):
            await team.change(rt, ctx, me, permissions=permissions)
    await team.add(rt, ctx, new_email(), Role.STAFF, password=PASSWORD)
    _, staff, _ = await join(rt, mine, Role.STAFF)
    with pytest.raises(Forbidden):
        await team.add(rt, staff, new_email(), Role.STAFF, password=PASSWORD)
    found, total = await team.list_members(rt, mine.owner, limit=2, offset=1)
    assert ([member.number for member in found], total) == ([2, 3], 4)


async def test_a_person_of_two_shops_keeps_their_password_and_chooses(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    joined = await team.add(rt, other.owner, mine.email, Role.STAFF, password="ignored-for-known-people")
    assert joined.staff.id == staff_of(mine)
    with pytest.raises(Conflict):
        await team.add(rt, other.owner, mine.email, Role.STAFF)
    assert (await service.sign_in(rt, mine.email, PASSWORD)).tenant.id == mine.owner.tenant
    there = await service.sign_in(rt, mine.email, PASSWORD, other.owner.tenant)
    assert (there.tenant.id, there.member.role) == (other.owner.tenant, Role.STAFF)
    seen, total = await service.visible_tenants(rt, mine.owner)
    assert ({tenant.id for tenant in seen}, total) == ({mine.owner.tenant, other.owner.tenant}, 2)
    assert len((await service.visible_tenants(rt, mine.owner, limit=1, offset=1))[0]) == 1
    with pytest.raises(Invalid):
        await team.add(rt, other.owner, new_email(), Role.STAFF)
    # A new password ends what the person has open in the other shop too.
    await service.change_password(rt, mine.owner, PASSWORD, "another-good-one")
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, there.tokens.access)


async def test_the_administrator_comes_from_the_settings(rt: Runtime, shop: Make) -> None:
    email, mine = new_email(), await shop()
    set_up = msgspec.structs.replace(
        rt, settings=msgspec.structs.replace(rt.settings, admin_email=email, admin_password=PASSWORD)
    )
    await asyncio.gather(*(service.ensure_administrator(set_up) for _ in range(3)))
    signed = await service.sign_in(rt, email, PASSWORD)
    admin = await caller(rt, signed.tokens.access)
    assert (admin.tenant, admin.scopes) == (PLATFORM_TENANT, EVERYTHING)
    seen, total = await service.visible_tenants(rt, admin, limit=100)
    assert total >= len(seen) >= 1
    assert PLATFORM_TENANT not in {tenant.id for tenant in seen}
    assert mine.owner.tenant in {t.id for t in (await service.visible_tenants(rt, mine.owner))[0]}
    changed = msgspec.structs.replace(
        rt, settings=msgspec.structs.replace(set_up.settings, admin_password="a-newer-password-1")
    )
    await service.ensure_administrator(changed)
    with pytest.raises(InvalidToken):
        await service.authenticate(rt, signed.tokens.access)
    await service.sign_in(rt, email, "a-newer-password-1")


async def test_two_shops_that_add_one_new_person_at_once(rt: Runtime, shop: Make) -> None:
    """One makes the account; the other is to send its request again, and no idempotency key keeps it from that."""
    shops, email = [await shop(), await shop()], new_email()

    async def add(one: OpenShop) -> object:
        return await team.add(rt, one.owner, email, Role.STAFF, password=PASSWORD)

    made = await asyncio.gather(*map(add, shops), return_exceptions=True)
    (refused,) = [one for one in made if isinstance(one, BaseException)]
    assert isinstance(refused, Conflict) and refused.retry_after
    await add(shops[made.index(refused)])
    person = (await service.sign_in(rt, email, PASSWORD)).member.staff.id
    assert len(await store.tenants_of(rt.db, person)) == 2


# ── OAuth clients ────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_clients_are_made_changed_and_removed(rt: Runtime, shop: Make, owner: Any) -> None:
    mine, other = await shop(), await shop()
    back = ["https://app.example.com/back"]
    made = await clients.create(rt, mine.owner, "App", back, scopes=["orders:read"])
    digest = clients.client_digest(rt, made.client.id)
    found = await store.credential(rt.db, digest)
    assert found is not None
    assert (found.tenant, found.kind, found.subject) == (mine.owner.tenant, "client", made.client.id)
    stored = await owner.fetchval("select secret_hash from oauth_clients where id = $1", made.client.id)
    assert stored == rt.vault.digest(made.secret)
    renewed = await clients.renew_secret(rt, mine.owner, made.client.id)
    assert renewed.secret != made.secret
    changed = await clients.change(rt, mine.owner, made.client.id, name="Other", scopes=["orders:read", "orders:write"])
    assert (changed.name, changed.redirect_uris) == ("Other", tuple(back))
    assert await clients.list_clients(rt, mine.owner) == ([changed], 1)
    for call in (
        clients.get(rt, other.owner, made.client.id),
        clients.change(rt, other.owner, made.client.id, name="x"),
        clients.remove(rt, other.owner, made.client.id),
    ):
        with pytest.raises(NotFound):
            await call
    await clients.remove(rt, mine.owner, made.client.id)
    assert await store.credential(rt.db, digest) is None
    assert await clients.list_clients(rt, mine.owner) == ([], 0)


# ── Sweeping, sealing ────────────────────────────────────────────────────────────────────────────────────────────────
async def test_the_sweep_takes_what_is_over_and_leaves_what_is_not(rt: Runtime, shop: Make, owner: Any) -> None:
    mine = await shop()
    await keys.create(rt, mine.owner, "short", expires_at=mine.owner.now + timedelta(days=2))
    forever = await keys.create(rt, mine.owner, "long")
    later = msgspec.structs.replace(mine.owner, now=mine.owner.now + timedelta(days=3))
    assert await service.sweep(rt, later) == 1
    await service.authenticate(rt, mine.signed_in.tokens.access)
    later = msgspec.structs.replace(mine.owner, now=mine.owner.now + timedelta(days=31))
    assert await service.sweep(rt, later) == 2  # the session and its credential; its refresh tokens go with it
    assert await service.sweep(rt, later) == 0
    assert await owner.fetchval("select count(*) from refresh_tokens where tenant_id = $1", later.tenant) == 0
    await service.authenticate(rt, forever.secret)


FORGETFUL = {
    name: getattr(store, name).replace("tenant_id = $1", "$1::uuid is not null")
    for name in ("KEY", "COUNT_MEMBERS", "SET_ROLE", "REVOKE_KEY", "END_SESSION", "SET_CLIENT_SECRET")
}


async def test_row_level_security_holds_where_a_statement_forgets_the_tenant(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    key = (await keys.create(rt, mine.owner, "k")).key
    client = (await clients.create(rt, mine.owner, "c", ["https://a.b/"])).client
    assert all("$1::uuid is not null" in sql for sql in FORGETFUL.values())
    async with rt.db.begin(mine.owner) as tx:
        assert await tx.row(FORGETFUL["KEY"], key.id) is not None  # it finds, where it may
    async with rt.db.begin(other.owner) as tx:
        assert await tx.row(FORGETFUL["KEY"], key.id) is None
        assert [row[0] for row in await tx.rows(FORGETFUL["COUNT_MEMBERS"])] == [1]
        assert await tx.run(FORGETFUL["SET_ROLE"], staff_of(mine), "staff", []) == 0
        assert await tx.run(FORGETFUL["REVOKE_KEY"], key.id, tx.ctx.now) == 0
        assert await tx.run(FORGETFUL["END_SESSION"], mine.owner.session, tx.ctx.now) == 0
        assert await tx.row(FORGETFUL["SET_CLIENT_SECRET"], client.id, b"x") is None
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with rt.db.begin(other.owner) as tx:
            values = (KeyId(ids.new()), "planted", "sk_live_", "secret", ["*"], None, tx.ctx.now, None)
            await tx.platform.row(store.INSERT_KEY, mine.owner.tenant, *values)
