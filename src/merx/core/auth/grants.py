"""What OAuth clients are given and how they get it: by a member's consent, or for themselves. The service role.

A grant is a session of its own: its tokens carry the tenant, the client and the scopes, its credential is asked at each
request, and ending the session ends all of it at once. Refresh tokens are stored under a digest that holds the client,
so that nobody else's, and no other endpoint, knows them.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from merx.core.auth import clients, grant_rules, grant_store, rules, sessions, store
from merx.core.auth.model import (
    ACCESS_LIFE,
    CODE_LIFE,
    REFRESH_IDLE_LIFE,
    SESSION_LIFE,
    Asked,
    AuthorizationRequest,
    Claims,
    ClientProof,
    Given,
    GrantRefused,
    Introspection,
    InvalidClient,
    InvalidToken,
    Member,
    OauthClient,
    OauthCode,
    UnknownTarget,
)
from merx.core.tenants import directory
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden
from merx.kernel.ids import SessionId, StaffId, TenantId
from merx.runtime import Runtime

SOURCE = "oauth"
AUDIENCE = rules.AUDIENCE


# ── Asking a member ──────────────────────────────────────────────────────────────────────────────────────────────────
async def begin_authorization(rt: Runtime, ctx: Ctx | None, asked: AuthorizationRequest) -> Asked:
    """What the consent page shows. Raises UnknownTarget, after which nobody may be sent anywhere, or GrantRefused,
    which the client is told at the address it named. `ctx` is whoever has signed in, in whichever shop."""
    async with _client_of(rt, asked) as (tx, client):
        member = await _member(tx, ctx)
        # Anybody can open a shop and register an address for its clients, so a mistake in a request sends nobody there
        # who is not of that shop (RFC 9700, 4.11.2).
        scopes = () if member is None else grant_rules.check_request(client, asked)
        tenant = tx.ctx.tenant
    shop = await directory.find(rt, tenant)
    if shop is None:
        raise _unknown_target()
    granted = () if member is None else _narrowed(member, scopes)
    withheld = () if member is None else tuple(scope for scope in scopes if scope not in granted)
    return Asked(client, shop, scopes, member, granted, withheld)


async def approve(rt: Runtime, ctx: Ctx, asked: AuthorizationRequest) -> str:
    """The code that a member's consent gives: for a minute, for this client, this address and this challenge."""
    code = grant_rules.make_code()
    async with _client_of(rt, asked) as (tx, client):
        member = await _member(tx, ctx)
        if member is None:
            raise Forbidden("Only a member of this shop's team can let a program act for it.", code="not_a_member")
        granted = _narrowed(member, grant_rules.check_request(client, asked))
        if not granted:
            raise GrantRefused("access_denied", "This member may do nothing of what was asked for.")
        ends = tx.ctx.now + CODE_LIFE
        made = OauthCode(client.id, member.staff.id, asked.redirect_uri, asked.code_challenge, granted, ends)
        await grant_store.insert_code(tx, rt.vault.digest(code), made)
    return code


async def _member(tx: Tx, ctx: Ctx | None) -> Member | None:
    """The signed-in person as a member of the client's shop. A program acting for somebody is not that person."""
    if ctx is None or ctx.actor is not ActorKind.STAFF or ctx.actor_id is None or ctx.client is not None:
        return None
    member = await store.member(tx, StaffId(ctx.actor_id))
    return member if member is not None and member.staff.active else None


def _narrowed(member: Member, scopes: Sequence[str]) -> tuple[str, ...]:
    mine = member.scopes
    return tuple(scope for scope in scopes if "*" in mine or scope in mine)


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def exchange_code(
    rt: Runtime, proof: ClientProof, code: str, redirect_uri: str, verifier: str, now: datetime | None = None
) -> Given:
    """What a code gives, once. Whoever shows it a second time ends what the first got."""
    given: Given | None = None
    async with _authenticated(rt, proof, now) as (tx, client):
        _may_use(client, "authorization_code")
        digest = rt.vault.digest(code)
        found = await grant_store.code(tx, digest) if grant_rules.can_be_code(code) else None
        if found is None or found.client != client.id:
            raise _wrong_code()
        if found.used_at is None:
            if found.redirect_uri != redirect_uri or not grant_rules.proves(found.challenge, verifier):
                raise _wrong_code()
            given = await _redeem(rt, tx, client, found, digest)
        if given is None and (used := await grant_store.code(tx, digest)) is not None and used.session is not None:
            await sessions.end(rt, tx, used.session)
    if given is None:
        rt.revoked()
        raise GrantRefused("invalid_grant", "This code was used before, so what it gave has ended; ask again.")
    return given


async def _redeem(rt: Runtime, tx: Tx, client: OauthClient, found: OauthCode, digest: bytes) -> Given | None:
    """None where somebody was faster."""
    if found.expires_at <= tx.ctx.now:
        raise _wrong_code()
    session = SessionId(ids.new())
    locked = await store.lock_member(tx, found.staff)
    if not await grant_store.use_code(tx, digest, session):
        return None
    if locked is None or not locked[0].staff.active:
        raise _wrong_code()
    scopes = _narrowed(locked[0], [scope for scope in found.scopes if scope in grant_rules.allowed(client)])
    if not scopes:
        raise _wrong_code()
    return await _open(rt, tx, client, session, ActorKind.STAFF, found.staff, scopes, found.scopes)


def _wrong_code() -> GrantRefused:
    return GrantRefused(
        "invalid_grant", "This code is not valid (any more) for this client, this redirect_uri and this code_verifier."
    )


async def client_credentials(rt: Runtime, proof: ClientProof, scope: str = "", now: datetime | None = None) -> Given:
    """A client acting for itself: within its own scopes, for an hour, without a refresh token."""
    async with _authenticated(rt, proof, now) as (tx, client):
        _may_use(client, "client_credentials")
        if client.public:
            raise GrantRefused("unauthorized_client", "A public client has no secret, so it can't act for itself.")
        scopes = grant_rules.scopes_of(client, scope)
        session = SessionId(ids.new())
        return await _open(rt, tx, client, session, ActorKind.CLIENT, client.id, scopes, scopes)


async def _open(
    rt: Runtime,
    tx: Tx,
    client: OauthClient,
    session: SessionId,
    actor: ActorKind,
    actor_id: UUID,
    scopes: Sequence[str],
    agreed: Sequence[str],
) -> Given:
    now, refresh = tx.ctx.now, None
    lasting = actor is ActorKind.STAFF and "refresh_token" in client.grant_types
    ends = now + (SESSION_LIFE if lasting else ACCESS_LIFE + timedelta(seconds=rules.LEEWAY))
    await grant_store.insert_grant(tx, session, actor, actor_id, client.id, agreed, ends)
    if lasting:
        refresh = rules.first_refresh(tx.ctx.tenant)
        await grant_store.insert_refresh(tx, _refresh_digest(rt, client, refresh), session, now + REFRESH_IDLE_LIFE)
    digest = sessions.session_digest(rt, session)
    await store.insert_credential(tx, digest, "access", session, actor, actor_id, sorted(scopes), ends)
    return _given(rt, tx, client, session, actor_id, scopes, refresh)


async def refresh(rt: Runtime, proof: ClientProof, token: str, scope: str = "", now: datetime | None = None) -> Given:
    """New tokens for a refresh token: it works once, and for ten seconds more it gives the same successor again; used
    after that, the whole grant ends, because two parties hold it. `scope` may ask for less, never for more."""
    given: Given | None = None
    async with _authenticated(rt, proof, now) as (tx, client):
        _may_use(client, "refresh_token")
        if _refresh_tenant(token) != tx.ctx.tenant:
            raise _wrong_refresh()
        successor = rules.next_refresh(rt.vault.key("refresh"), tx.ctx.tenant, token)
        digests = _refresh_digest(rt, client, token), _refresh_digest(rt, client, successor)
        rotated = await sessions.rotate(rt, tx, *digests)
        if rotated.session is not None:
            grant = await grant_store.grant(tx, rotated.session, sessions.session_digest(rt, rotated.session))
            if grant is None:
                raise _wrong_refresh()
            scopes = grant_rules.within(grant.scopes, scope)
            given = _given(rt, tx, client, rotated.session, grant.actor_id, scopes, successor)
        elif not rotated.reused:
            raise _wrong_refresh()
    if given is None:
        rt.revoked()
        raise GrantRefused("invalid_grant", "This refresh token was used before, so its grant has ended; ask again.")
    return given


def _given(
    rt: Runtime,
    tx: Tx,
    client: OauthClient,
    session: SessionId,
    actor_id: UUID,
    scopes: Sequence[str],
    refresh: str | None,
) -> Given:
    key, issuer, ctx = rt.vault.key("jwt"), rt.settings.public_url, tx.ctx
    access = rules.make_access(key, issuer, ctx.tenant, actor_id, session, ctx.now, client.id, scopes)
    return Given(access, int(ACCESS_LIFE.total_seconds()), tuple(sorted(scopes)), refresh)


def _wrong_refresh() -> GrantRefused:
    return GrantRefused("invalid_grant", "This refresh token is not valid (any more) for this client.")


# ── Revocation and introspection ─────────────────────────────────────────────────────────────────────────────────────
async def revoke(rt: Runtime, proof: ClientProof, token: str, now: datetime | None = None) -> None:
    """Ends the grant that the client's own token, access or refresh, belongs to. Any other token is no error: it is as
    dead to this client as was asked."""
    async with _authenticated(rt, proof, now) as (tx, client):
        session = await _session_of(rt, tx, client, token)
        if session is not None:
            await sessions.end(rt, tx, session)
    rt.revoked()


async def _session_of(rt: Runtime, tx: Tx, client: OauthClient, token: str) -> SessionId | None:
    if _refresh_tenant(token) == tx.ctx.tenant:
        known = await store.refresh_token(tx, _refresh_digest(rt, client, token))
        return None if known is None else known.session
    claims = _claims(rt, tx, token)
    return None if claims is None or claims.client != client.id else claims.session


async def introspect(rt: Runtime, proof: ClientProof, token: str, now: datetime | None = None) -> Introspection | None:
    """What a token of this shop's grants is worth at this moment; None where it is worth nothing. For clients with a
    secret: a public one could be anybody."""
    async with _authenticated(rt, proof, now) as (tx, client):
        if client.public:
            raise InvalidClient
        claims = _claims(rt, tx, token)
        if claims is not None:
            session, times = claims.session, (claims.issued_at, claims.expires_at)
        elif (live := await _live_refresh(rt, tx, client, token)) is not None:
            session, times = live[0], (int(live[1].timestamp()), int(live[2].timestamp()))
        else:
            return None
        grant = await grant_store.grant(tx, session, sessions.session_digest(rt, session))
        if grant is None:
            return None
        scopes = grant.scopes if claims is None or claims.scopes is None else grant.scopes & claims.scopes
        shown = tuple(sorted(scopes))
        return Introspection(grant.client, grant.actor_id, tx.ctx.tenant, shown, *times, refresh=claims is None)


async def _live_refresh(
    rt: Runtime, tx: Tx, client: OauthClient, token: str
) -> tuple[SessionId, datetime, datetime] | None:
    if _refresh_tenant(token) != tx.ctx.tenant:
        return None
    return await grant_store.live_refresh(tx, _refresh_digest(rt, client, token))


# ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.asynccontextmanager
async def _client_of(rt: Runtime, asked: AuthorizationRequest) -> AsyncIterator[tuple[Tx, OauthClient]]:
    """A transaction in the shop of the client that a browser names; raises UnknownTarget where it is not known, or
    where its answer is to go to another address than its own."""
    found = await _find(rt, asked.client_id)
    if found is None:
        raise _unknown_target()
    async with rt.db.begin(_acting(found[1], None)) as tx:
        client = await store.client(tx, found[0])
        if client is None or not grant_rules.may_return(client, asked.redirect_uri):
            raise _unknown_target()
        yield tx, client


def _unknown_target() -> UnknownTarget:
    return UnknownTarget("The program that sent you here is not known, or its return address is not one it registered.")


@contextlib.asynccontextmanager
async def _authenticated(
    rt: Runtime, proof: ClientProof, now: datetime | None
) -> AsyncIterator[tuple[Tx, OauthClient]]:
    """A transaction in the shop of a client that has proved who it is; raises InvalidClient."""
    found = await _find(rt, proof.client_id)
    if found is None or proof.at not in (None, found[1]):
        raise InvalidClient
    async with rt.db.begin(_acting(found[1], now)) as tx:
        known = await store.client_with_secret(tx, found[0])
        if known is None or not _proved(rt, proof.secret, known[1]):
            raise InvalidClient
        yield tx, known[0]


async def _find(rt: Runtime, client_id: str) -> tuple[UUID, TenantId] | None:
    ident = ids.parse_uuid(client_id)
    found = None if ident is None else await store.credential(rt.db, clients.client_digest(rt, ident))
    return None if ident is None or found is None or found.kind != "client" else (ident, found.tenant)


def _proved(rt: Runtime, secret: str | None, stored: bytes | None) -> bool:
    if stored is None or secret is None:
        return stored is None and secret is None
    return hmac.compare_digest(rt.vault.digest(secret), stored)


def _may_use(client: OauthClient, grant_type: str) -> None:
    if grant_type not in client.grant_types:
        raise GrantRefused("unauthorized_client", f"This client may not use the grant {grant_type}.")


def _refresh_digest(rt: Runtime, client: OauthClient, token: str) -> bytes:
    return rt.vault.digest(f"oauth/{client.id}/{token}")


def _refresh_tenant(token: str) -> TenantId | None:
    try:
        return rules.refresh_tenant(token)
    except InvalidToken:
        return None


def _claims(rt: Runtime, tx: Tx, token: str) -> Claims | None:
    """Those of an access token of this shop that has not run out."""
    try:
        claims = rules.read_access(rt.vault.key("jwt"), rt.settings.public_url, token, tx.ctx.now)
    except InvalidToken:
        return None
    return claims if claims.tenant == tx.ctx.tenant and claims.client is not None else None


def _acting(tenant: TenantId, now: datetime | None) -> Ctx:
    return Ctx(tenant, ActorKind.SYSTEM, scopes=frozenset({"*"}), source=SOURCE, now=now or datetime.now(UTC))
