"""Who is asking: registering, signing in and out, refreshing, and what a presented credential stands for.

Keys, the team, OAuth clients and what they are given are in `keys`, `team`, `clients` and `grants` beside this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from merx.core.auth import grant_store, passwords, rules, sessions, store
from merx.core.auth.model import (
    Credential,
    InvalidKey,
    InvalidToken,
    Member,
    Role,
    SignedIn,
    Staff,
    Tokens,
    WrongPassword,
)
from merx.core.tenants import directory, opening
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import store as tenants
from merx.core.tenants.model import SlugTaken, Tenant
from merx.db.database import Tx
from merx.db.together import Crowds
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, NotFound, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT, KeyId, StaffId, TenantId
from merx.runtime import Runtime

KEY_PREFIXES = ("pk_", "sk_")
SWEPT_AT_ONCE = 1000

_presented: Crowds[bytes, Credential] = Crowds()


class Registration(msgspec.Struct, frozen=True):
    business_name: str
    email: str
    password: str
    first_name: str = ""
    last_name: str = ""
    currency: str = "USD"


# ── Credentials ──────────────────────────────────────────────────────────────────────────────────────────────────────
async def authenticate(rt: Runtime, text: str, now: datetime | None = None) -> Credential:
    """What a key or an access token stands for at this moment, asked of the database; raises InvalidKey or
    InvalidToken."""
    now = now or datetime.now(UTC)

    async def look_up(digests: list[bytes]) -> Mapping[bytes, Credential]:
        return await store.credentials(rt.db, digests)

    found = await _presented.at(rt.db).ask(digest_of(rt, text, now), look_up)
    if found is None or not accepted(rt, found, text, now):
        raise InvalidKey if text.startswith(KEY_PREFIXES) else InvalidToken
    note_use(found, now)
    return found if found.kind != "access" else _narrowed(rt, found, text, now)


def _narrowed(rt: Runtime, found: Credential, text: str, now: datetime) -> Credential:
    """An OAuth token may do what its grant allows today and what it says itself, whichever is less."""
    claims = rules.read_access(rt.vault.key("jwt"), rt.settings.public_url, text, now)
    return msgspec.structs.replace(found, client=claims.client, scopes=found.scopes & (claims.scopes or frozenset()))


def digest_of(rt: Runtime, text: str, now: datetime) -> bytes:
    """What the database knows `text` by. Raises InvalidKey or InvalidToken for what is not well made, signed by us and
    in time, without asking anybody. To be called for each request even where the answer is remembered: time passes."""
    if text.startswith(KEY_PREFIXES):
        return rt.vault.digest(rules.check_key(text))
    claims = rules.read_access(rt.vault.key("jwt"), rt.settings.public_url, text, now)
    return sessions.session_digest(rt, claims.session)


def accepted(rt: Runtime, found: Credential, text: str, now: datetime) -> bool:
    if found.expires_at is not None and found.expires_at <= now:
        return False
    if text.startswith(KEY_PREFIXES):
        return found.kind == "api_key"
    claims = rules.read_access(rt.vault.key("jwt"), rt.settings.public_url, text, now)
    kind = "session" if claims.client is None else "access"
    return found.kind == kind and found.tenant == claims.tenant and found.actor_id == claims.subject


async def standing(rt: Runtime, digests: Sequence[bytes], now: datetime | None = None) -> dict[bytes, Credential]:
    """Those of `digests` that still stand, as they are now: one statement for all that a process remembers. Being
    remembered counts as being used."""
    now = now or datetime.now(UTC)
    found = await store.credentials(rt.db, digests)
    live = {digest: one for digest, one in found.items() if one.expires_at is None or one.expires_at > now}
    for one in live.values():
        note_use(one, now)
    return live


_used: dict[tuple[TenantId, KeyId], datetime] = {}


def note_use(credential: Credential, now: datetime) -> None:
    """Remembers in memory that a key was used; `save_key_use` writes it down."""
    if credential.kind == "api_key":
        _used[credential.tenant, KeyId(credential.subject)] = now


async def save_key_use(rt: Runtime) -> None:
    """Writes down when keys were last used, to the minute. Called once a minute by each process, and when it ends."""
    by_tenant: dict[TenantId, list[tuple[KeyId, datetime]]] = {}
    for (tenant, key), at in sorted(_used.items()):
        by_tenant.setdefault(tenant, []).append((key, at))
    _used.clear()
    for tenant, used in by_tenant.items():
        async with rt.db.begin(_acting(tenant, None)) as tx:
            await store.note_key_use(tx, used)


# ── Registering and signing in ───────────────────────────────────────────────────────────────────────────────────────
async def register(rt: Runtime, wanted: Registration, *, now: datetime | None = None, source: str = "core") -> SignedIn:
    """A new shop with its owner, signed in: all of it or nothing."""
    name, email = _checked(wanted)
    password_hash = await passwords.hashed(wanted.password)
    staff_id = StaffId(ids.new())
    for _ in range(opening.TRIES):
        tenant = await opening.draft(rt, now or datetime.now(UTC), name)
        async with rt.db.begin(_acting(tenant.id, now, source)) as tx:
            if await opening.open_shop(tx, tenant, wanted.currency, email) is None:
                continue
            staff = await store.insert_staff(
                tx, staff_id, email, password_hash, wanted.first_name.strip(), wanted.last_name.strip()
            )
            if staff is None:
                raise Invalid("An account with this e-mail exists already.", field="email", code="email_taken")
            member = await _join(tx, staff, Role.OWNER)
            tokens = await sessions.open_session(rt, tx, ActorKind.STAFF, staff.id, member.scopes)
        directory.forget(rt)
        return SignedIn(tenant, member, tokens)
    raise SlugTaken(tenant_rules.slug_base(name))


def _checked(wanted: Registration) -> tuple[str, str]:
    wrong: dict[str, list[str]] = {}
    name, email = wanted.business_name.strip(), tenant_rules.email(wanted.email)
    try:
        tenant_rules.check_name(name)
    except Invalid as said:
        wrong["business_name"] = [said.message]
    if email is None:
        wrong["email"] = ["Enter a valid email address."]
    if faults := rules.password_faults(wanted.password, name, email or ""):
        wrong["password"] = faults
    for field in ("first_name", "last_name"):
        if len(getattr(wanted, field)) > 150:
            wrong[field] = ["This has at most 150 characters."]
    try:
        tenant_rules.check_currency(wanted.currency)
    except Invalid as said:
        wrong["currency"] = [said.message]
    for field in ("business_name", "email", "password"):
        if not getattr(wanted, field):
            wrong[field] = ["This field is required."]
    if wrong or email is None:
        raise Invalid("Invalid request data", fields=wrong)
    return name, email


async def _join(tx: Tx, staff: Staff, role: Role) -> Member:
    member = await store.insert_member(tx, staff, await tenants.next_number(tx, "members"), role)
    assert member is not None  # a person who has just been made, or a look before
    return member


async def sign_in(
    rt: Runtime,
    email: str,
    password: str,
    tenant: TenantId | None = None,
    *,
    now: datetime | None = None,
    source: str = "core",
) -> SignedIn:
    """A member of a team. Without `tenant`: the platform for its administrators, otherwise the tenant they joined
    first. Unknown, wrong and not a member look the same and take the same. So does a password that was replaced while
    it was checked."""
    found = await store.staff_by_email(rt.db, tenant_rules.email(email) or "")
    staff, stored = found if found is not None else (None, None)
    if not await passwords.verified(stored, password) or staff is None or stored is None or not staff.active:
        raise WrongPassword
    chosen = await _tenant_of(rt, staff.id, tenant)
    fresh = await passwords.hashed(password) if passwords.outdated(stored) else None
    async with rt.db.begin(_acting(chosen.id, now, source)) as tx:
        member, current = await store.lock_member(tx, staff.id) or (None, None)
        if member is None or current != stored:
            raise WrongPassword
        if fresh is not None:
            await store.set_staff_password(tx, staff.id, fresh)
        return SignedIn(chosen, member, await sessions.open_session(rt, tx, ActorKind.STAFF, staff.id, member.scopes))


async def _tenant_of(rt: Runtime, staff: StaffId, wanted: TenantId | None) -> Tenant:
    joined = [tenant for tenant, *_ in await store.tenants_of(rt.db, staff)]
    ranked = sorted(joined, key=lambda tenant: tenant != PLATFORM_TENANT) if wanted is None else [wanted]
    active = {tenant.id: tenant for tenant in await tenants.by_ids(rt.db, joined) if tenant.active}
    for tenant in ranked:
        if tenant in active:
            return active[tenant]
    raise WrongPassword


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def refresh(rt: Runtime, token: str, at: TenantId | None = None, *, now: datetime | None = None) -> Tokens:
    """New tokens for a refresh token, of people and shoppers alike. It works once, and for ten seconds more it gives
    the same successor again; used after that, the whole session ends, because two parties hold it. `at`: the shop at
    whose door it was shown, where another shop's is as unknown as one that never was."""
    tenant = rules.refresh_tenant(token)
    if at is not None and at != tenant:
        raise InvalidToken
    ctx = _acting(tenant, now)
    successor = rules.next_refresh(rt.vault.key("refresh"), tenant, token)
    digest, next_digest = rt.vault.digest(token), rt.vault.digest(successor)
    async with rt.db.begin(ctx) as tx:
        rotated = await sessions.rotate(rt, tx, digest, next_digest)
    if rotated.reused:
        rt.revoked()
        raise InvalidToken("This refresh token was used before, so its session has ended; sign in again.")
    if rotated.session is None:
        raise InvalidToken
    return sessions.tokens(rt, tenant, rotated.actor_id, rotated.session, successor, ctx.now)


async def sign_out(rt: Runtime, ctx: Ctx) -> None:
    """Ends the caller's session: its access and refresh tokens are dead at once, everywhere."""
    if ctx.session is None:
        raise Unauthenticated("Only a signed-in person can sign out.", code="no_session")
    async with rt.db.begin(ctx) as tx:
        await sessions.end(rt, tx, ctx.session)
    rt.revoked()


async def revoke_refresh(rt: Runtime, token: str, at: TenantId | None = None) -> None:
    """Ends the session of a refresh token. A token nobody knows is no error: it is as dead as was asked. `at` as in
    `refresh`."""
    try:
        tenant = rules.refresh_tenant(token)
    except InvalidToken:
        return
    if at is not None and at != tenant:
        return
    async with rt.db.begin(_acting(tenant, None)) as tx:
        known = await store.refresh_token(tx, rt.vault.digest(token))
        if known is not None:
            await sessions.end(rt, tx, known.session)
    rt.revoked()


# ── A person's own account ───────────────────────────────────────────────────────────────────────────────────────────
async def me(rt: Runtime, ctx: Ctx) -> Member:
    """The signed-in member of the team."""
    async with rt.db.begin(ctx) as tx:
        member = await store.member(tx, _person(ctx))
    if member is None:
        raise NotFound("member")
    return member


async def change_password(rt: Runtime, ctx: Ctx, current: str, wanted: str) -> None:
    """Ends every other session of this person, in every shop."""
    staff_id = _person(ctx)
    found = await store.staff_by_id(rt.db, staff_id)
    if not await passwords.verified(found[1] if found else None, current) or found is None:
        raise Invalid("This is not your current password.", field="current_password")
    if faults := rules.password_faults(wanted, found[0].email):
        raise Invalid(faults[0], fields={"password": faults})
    password_hash = await passwords.hashed(wanted)
    await _set_password(rt, ctx, staff_id, password_hash)


async def _set_password(rt: Runtime, ctx: Ctx, staff: StaffId, password_hash: str) -> None:
    joined = [tenant for tenant, *_ in await store.tenants_of(rt.db, staff)]
    for tenant in sorted({*joined, ctx.tenant}):
        async with rt.db.begin(msgspec.structs.replace(ctx, tenant=tenant)) as tx:
            await store.set_staff_password(tx, staff, password_hash)
            await sessions.end_all(rt, tx, staff, ctx.session if tenant == ctx.tenant else None)
    rt.revoked()


def _person(ctx: Ctx) -> StaffId:
    if ctx.actor is not ActorKind.STAFF or ctx.actor_id is None:
        raise Unauthenticated("Sign in as a member of the shop's team.", code="staff_required")
    if ctx.client is not None:
        raise Forbidden("A person's own account is not for programs that act for them.", code="person_required")
    return StaffId(ctx.actor_id)


async def visible_tenants(rt: Runtime, ctx: Ctx, limit: int = 20, offset: int = 0) -> tuple[list[Tenant], int]:
    """All tenants for the platform's administrators, those they have joined for people, its own for a key; and how many
    there are."""
    if ctx.tenant == PLATFORM_TENANT and ctx.may("*"):
        return await tenants.page(rt.db, limit, offset), await tenants.count(rt.db)
    if ctx.actor is ActorKind.ANONYMOUS:
        raise Unauthenticated("Sign in or send an API key.")
    mine = [ctx.tenant]
    if ctx.actor is ActorKind.STAFF and ctx.client is None:
        mine = [tenant for tenant, *_ in await store.tenants_of(rt.db, _person(ctx)) if tenant != PLATFORM_TENANT]
    return await tenants.by_ids(rt.db, mine, limit, offset), len(mine)


# ── The installation's own needs ─────────────────────────────────────────────────────────────────────────────────────
async def ensure_administrator(rt: Runtime) -> None:
    """Makes the platform's administrator from the settings, or gives them the password that stands there now. Safe to
    run at each start, also of several processes at once."""
    email, password = rt.settings.admin_email, rt.settings.admin_password
    if email is None or password is None:
        return
    ctx = _acting(PLATFORM_TENANT, None, "start")
    known = await store.staff_by_email(rt.db, email)
    if known is None:
        password_hash = await passwords.hashed(password)
        async with rt.db.begin(ctx) as tx:
            staff = await store.insert_staff(tx, StaffId(ids.new()), email, password_hash, "", "")
            if staff is not None:
                await _join(tx, staff, Role.OWNER)
                return
        known = await store.staff_by_email(rt.db, email)  # another process was faster
        assert known is not None
    staff, stored = known
    if not await passwords.verified(stored, password):
        await _set_password(rt, ctx, staff.id, await passwords.hashed(password))
    async with rt.db.begin(ctx) as tx:
        if await store.member(tx, staff.id) is None:
            number = await tenants.next_number(tx, "members")
            await store.insert_member(tx, staff, number, Role.OWNER)


async def sweep(rt: Runtime, ctx: Ctx) -> int:
    """Deletes one tenant's expired credentials and old sessions with their refresh tokens, some at a time; how many."""
    async with rt.db.begin(ctx) as tx:
        await grant_store.delete_old_codes(tx, ctx.now - timedelta(days=1), SWEPT_AT_ONCE)
        gone = await store.delete_old_sessions(tx, ctx.now - timedelta(days=1), SWEPT_AT_ONCE)
        return gone + await store.delete_expired_credentials(tx, SWEPT_AT_ONCE)


def _acting(tenant: TenantId, now: datetime | None, source: str = "core") -> Ctx:
    return Ctx(tenant, ActorKind.SYSTEM, scopes=frozenset({"*"}), source=source, now=now or datetime.now(UTC))
