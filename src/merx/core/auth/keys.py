"""API keys: made, listed and revoked by people. A key outlives its maker's membership: it belongs to the shop."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from merx.core.auth import rules, store
from merx.core.auth.model import ApiKey, KeyType, NewKey
from merx.core.tenants import rules as tenant_rules
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.ids import KeyId
from merx.runtime import Runtime


async def create(
    rt: Runtime,
    ctx: Ctx,
    name: str,
    type_: KeyType = KeyType.SECRET,
    scopes: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Without `scopes` a key may do a shopper's business, whatever its type says: such keys end up in browsers."""
    rules.require_person(ctx, "keys:write")
    name = tenant_rules.check_name(name)
    allowed = rules.key_scopes(ctx, type_, scopes)
    if expires_at is not None and expires_at <= ctx.now:
        raise Invalid("A key must not have run out already.", field="expires_at")
    secret, key_id = rules.make_key(type_), KeyId(ids.new())
    maker = ctx.actor_id if ctx.actor is ActorKind.STAFF else None
    async with rt.db.begin(ctx) as tx:
        made = await store.insert_key(tx, key_id, name, secret[: rules.SHOWN], type_, allowed, maker, expires_at)
        digest = rt.vault.digest(secret)
        await store.insert_credential(tx, digest, "api_key", key_id, ActorKind.KEY, key_id, allowed, expires_at)
    return NewKey(made, secret)


async def list_keys(rt: Runtime, ctx: Ctx, limit: int = 20, offset: int = 0) -> tuple[list[ApiKey], int]:
    """Those not revoked, newest first, and how many there are."""
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        return await store.keys(tx, limit, offset), await store.count_keys(tx)


async def get(rt: Runtime, ctx: Ctx, key_id: KeyId) -> ApiKey:
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        found = await store.key(tx, key_id)
    if found is None:
        raise NotFound("API key")
    return found


async def revoke(rt: Runtime, ctx: Ctx, key_id: KeyId) -> None:
    """Dead at once, in every process."""
    rules.require_person(ctx, "keys:write")
    async with rt.db.begin(ctx) as tx:
        if not await store.revoke_key(tx, key_id):
            raise NotFound("API key")
        await store.delete_credentials_of(tx, key_id)
    rt.revoked()
