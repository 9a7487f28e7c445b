"""Sessions of browsers (service): the same sessions as those of tokens, named by an opaque token in a cookie.

The token is 256 random bits, kept as a credential of its session under a digest, so whatever ends or narrows the
session (signing out, signing out everywhere, another role, leaving the team) holds for the very next page."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

import msgspec

from merx.core.auth import rules, sessions, store
from merx.core.auth.model import Credential, InvalidToken, Member, Tokens
from merx.core.tenants import store as tenants
from merx.core.tenants.model import ShopSettings, Tenant
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import NotFound, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT, StaffId
from merx.runtime import Runtime

COOKIE_LIFE = timedelta(days=14)
_SPELLED = re.compile(r"[0-9A-Za-z_-]{43}", re.ASCII)


class Desk(msgspec.Struct, frozen=True):
    """What every page of the dashboard shows: who sits there, and for which shop."""

    member: Member
    tenant: Tenant
    settings: ShopSettings | None  # the platform itself is no shop


async def keep(rt: Runtime, tokens: Tokens, now: datetime) -> str:
    """The cookie for a session that has just been opened, of a person or a shopper: a new one each time somebody signs
    in, so that a token planted before means nothing after."""
    claims = rules.read_access(rt.vault.key("jwt"), rt.settings.public_url, tokens.access, now)
    found = await store.credential(rt.db, sessions.session_digest(rt, claims.session))
    if found is None:
        raise InvalidToken
    token = secrets.token_urlsafe(32)
    ends = now + COOKIE_LIFE
    async with rt.db.begin(msgspec.structs.replace(system(found.tenant, "pages"), now=now)) as tx:
        if not await store.lock_session(tx, claims.session):  # it was ended this very moment
            raise InvalidToken
        digest = cookie_digest(rt, token)
        await store.insert_credential(
            tx, digest, "session", claims.session, found.actor, found.actor_id, sorted(found.scopes), ends
        )
    return token


async def recognise(rt: Runtime, token: str, now: datetime) -> Credential | None:
    """Who a cookie stands for at this moment; None where it is nobody's (any more)."""
    if not _SPELLED.fullmatch(token):
        return None
    found = await store.credential(rt.db, cookie_digest(rt, token))
    if found is None or found.kind != "session" or (found.expires_at is not None and found.expires_at <= now):
        return None
    return found


async def desk(rt: Runtime, ctx: Ctx) -> Desk:
    staff = _person(ctx)
    async with rt.db.begin(ctx) as tx:
        member = await store.member(tx, staff)
        settings = None if ctx.tenant == PLATFORM_TENANT else await tenants.settings(tx)
    tenant = next(iter(await tenants.by_ids(rt.db, [ctx.tenant])), None)
    if member is None or tenant is None:
        raise Unauthenticated("You are not in this shop's team any more.", code="staff_required")
    return Desk(member, tenant, settings)


def cookie_digest(rt: Runtime, token: str) -> bytes:
    return rt.vault.digest(f"browser/{token}")


async def shops(rt: Runtime, ctx: Ctx) -> list[Tenant]:
    """The shops in whose team this person is, the platform among them; the oldest first."""
    staff = _person(ctx)
    joined = [tenant for tenant, *_ in await store.tenants_of(rt.db, staff)]
    return [shop for shop in await tenants.by_ids(rt.db, joined) if shop.active]


async def switch(rt: Runtime, ctx: Ctx, slug: str) -> Tokens:
    """A session in another shop of theirs, in the place of this one, which ends."""
    staff = _person(ctx)
    found = next((shop for shop in await shops(rt, ctx) if shop.slug == slug), None)
    if found is None:
        raise NotFound("shop")
    async with rt.db.begin(msgspec.structs.replace(ctx, tenant=found.id)) as tx:
        locked = await store.lock_member(tx, staff)
        if locked is None:
            raise NotFound("shop")
        tokens = await sessions.open_session(rt, tx, ActorKind.STAFF, staff, locked[0].scopes)
    if ctx.session is not None:
        async with rt.db.begin(ctx) as tx:
            await sessions.end(rt, tx, ctx.session)
        rt.revoked()
    return tokens


def _person(ctx: Ctx) -> StaffId:
    if ctx.actor is not ActorKind.STAFF or ctx.actor_id is None:
        raise Unauthenticated("Sign in as a member of the shop's team.", code="staff_required")
    return StaffId(ctx.actor_id)
