"""OAuth clients: programs of others that act for a shop, each with a secret that is shown once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from merx.core.auth import grant_store, rules, store
from merx.core.auth.model import NewOauthClient, OauthClient
from merx.core.tenants import rules as tenant_rules
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import NotFound, Refused
from merx.runtime import Runtime

DEFAULT_GRANTS = ("authorization_code", "refresh_token")


async def create(
    rt: Runtime,
    ctx: Ctx,
    name: str,
    redirect_uris: Sequence[str] = (),
    grant_types: Sequence[str] = DEFAULT_GRANTS,
    scopes: Sequence[str] = ("catalog:read",),
    public: bool = False,
) -> NewOauthClient:
    """A public client runs where it can keep no secret, so it has none and proves itself by PKCE alone."""
    rules.require_person(ctx, "keys:write")
    name = tenant_rules.check_name(name)
    rules.check_client(redirect_uris, grant_types, public)
    allowed = rules.client_scopes(ctx, scopes)
    secret = None if public else _secret()
    uris, grants = tuple(dict.fromkeys(redirect_uris)), tuple(dict.fromkeys(grant_types))
    wanted = OauthClient(ids.new(), name, uris, grants, allowed, ctx.now, public)
    async with rt.db.begin(ctx) as tx:
        made = await store.insert_client(tx, wanted, None if secret is None else rt.vault.digest(secret))
        # Found by its id before the tenant is known: /oauth endpoints are the installation's, not a shop's.
        digest = client_digest(rt, wanted.id)
        await store.insert_credential(tx, digest, "client", wanted.id, ActorKind.CLIENT, wanted.id, allowed, None)
    return NewOauthClient(made, secret)


async def list_clients(rt: Runtime, ctx: Ctx, limit: int = 20, offset: int = 0) -> tuple[list[OauthClient], int]:
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        return await store.clients(tx, limit, offset), await store.count_clients(tx)


async def get(rt: Runtime, ctx: Ctx, client_id: UUID) -> OauthClient:
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        return _found(await store.client(tx, client_id))


async def change(
    rt: Runtime,
    ctx: Ctx,
    client_id: UUID,
    *,
    name: str | UnsetType = UNSET,
    redirect_uris: Sequence[str] | UnsetType = UNSET,
    grant_types: Sequence[str] | UnsetType = UNSET,
    scopes: Sequence[str] | UnsetType = UNSET,
) -> OauthClient:
    """Only what is given changes. What it was given to do before ends when its scopes change."""
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        before = _found(await store.client(tx, client_id))
        after = msgspec.structs.replace(
            before,
            name=before.name if name is UNSET else tenant_rules.check_name(name),
            redirect_uris=before.redirect_uris if redirect_uris is UNSET else tuple(dict.fromkeys(redirect_uris)),
            grant_types=before.grant_types if grant_types is UNSET else tuple(dict.fromkeys(grant_types)),
            scopes=before.scopes if scopes is UNSET else rules.client_scopes(ctx, scopes),
        )
        rules.check_client(after.redirect_uris, after.grant_types, after.public)
        changed = _found(await store.update_client(tx, after))
        if after.scopes != before.scopes:
            await _end_grants(tx, client_id)
            digest = client_digest(rt, client_id)
            await store.insert_credential(
                tx, digest, "client", client_id, ActorKind.CLIENT, client_id, after.scopes, None
            )
    rt.revoked()
    return changed


async def renew_secret(rt: Runtime, ctx: Ctx, client_id: UUID) -> NewOauthClient:
    """The old secret stops working at once."""
    rules.require_person(ctx, "keys:write")
    secret = _secret()
    async with rt.db.begin(ctx) as tx:
        if _found(await store.client(tx, client_id)).public:
            raise Refused("A public client has no secret; it proves itself by PKCE.", code="public_client")
        changed = _found(await store.set_client_secret(tx, client_id, rt.vault.digest(secret)))
    return NewOauthClient(changed, secret)


async def remove(rt: Runtime, ctx: Ctx, client_id: UUID) -> None:
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        if not await store.revoke_client(tx, client_id):
            raise NotFound("OAuth client")
        await _end_grants(tx, client_id)
    rt.revoked()


async def _end_grants(tx: Tx, client_id: UUID) -> None:
    """All it was given, for itself and by members, and the row it is found by."""
    ended = await grant_store.end_grants(tx, client_id)
    await store.delete_session_credentials(tx, ended)
    await store.delete_credentials_of(tx, client_id)


def client_digest(rt: Runtime, client_id: UUID) -> bytes:
    return rt.vault.digest(f"client/{client_id}")


def _secret() -> str:
    return f"mcs_{secrets.token_urlsafe(32)}"


def _found(client: OauthClient | None) -> OauthClient:
    if client is None:
        raise NotFound("OAuth client")
    return client
