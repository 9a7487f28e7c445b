"""What the outside asks for: begin, and then either finish or release.

The claim is a short transaction of its own, before the work, with a lease. The work's own transactions are safe to
repeat by their natural keys (one order per cart version, one charge per payment id), so a crash between the work and
`finish` costs a second run that finds the first one's result, never a second effect.
"""

from __future__ import annotations

import msgspec

from merx.core.idempotency import store
from merx.core.idempotency.model import LEASE, RETENTION, Claim, InProgress, KeyReused, Remembered
from merx.kernel.context import Ctx
from merx.runtime import Runtime


async def begin(rt: Runtime, ctx: Ctx, principal: str, key: str, fingerprint: bytes) -> Claim | Remembered:
    """A Claim for the first, what the first answered for the others. Raises InProgress and KeyReused."""
    lease = ctx.now + LEASE
    async with rt.db.begin(ctx) as tx:
        if await store.claim(tx, principal, key, fingerprint, lease, ctx.now, ctx.now - RETENTION):
            return Claim(principal, key, lease)
        found = await store.find(tx, principal, key)
    if found is None:
        raise InProgress()
    known, state, status, headers, body = found
    if known != fingerprint:
        raise KeyReused()
    if state == "started":
        raise InProgress()
    plain = rt.vault.open(body, _bound(ctx, principal, key))
    return Remembered(status, msgspec.json.decode(headers, type=dict[str, str]), plain)


async def finish(rt: Runtime, ctx: Ctx, claim: Claim, answer: Remembered) -> None:
    sealed = rt.vault.seal(answer.body, _bound(ctx, claim.principal, claim.key))
    async with rt.db.begin(ctx) as tx:
        await store.finish(tx, claim.principal, claim.key, claim.lease, answer.status, answer.headers, sealed)


async def release(rt: Runtime, ctx: Ctx, claim: Claim) -> None:
    """Nothing happened that is worth remembering: the same key may try again at once."""
    async with rt.db.begin(ctx) as tx:
        await store.release(tx, claim.principal, claim.key, claim.lease)


async def forget_old(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: how many keys of this tenant were past their day."""
    async with rt.db.begin(ctx) as tx:
        return await store.forget(tx, ctx.now - RETENTION)


def _bound(ctx: Ctx, principal: str, key: str) -> str:
    return f"idempotency/{ctx.tenant}/{principal}/{key}"
