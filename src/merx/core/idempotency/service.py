"""What the outside asks for: begin, and then either finish or release.

The claim is a short transaction of its own, before the work, with a lease. A transaction of the work notes with its
commit that the request took effect (`under`), so a crash between it and `finish` costs the answer, never a second
effect. Work that is safe to repeat by natural keys (one order per cart version, one charge per payment id) notes
nothing: its second run finds the first one's result.
"""

from __future__ import annotations

import msgspec

from merx.core.idempotency import store
from merx.core.idempotency.model import LEASE, RETENTION, AnswerLost, Claim, InProgress, KeyReused, Remembered
from merx.kernel.context import Ctx
from merx.runtime import Runtime


async def begin(rt: Runtime, ctx: Ctx, principal: str, key: str, fingerprint: bytes) -> Claim | Remembered:
    """A Claim for the first, what the first answered for the others. Raises InProgress, AnswerLost and KeyReused."""
    lease = ctx.now + LEASE
    async with rt.db.begin(ctx) as tx:
        if await store.claim(tx, principal, key, fingerprint, lease, ctx.now, ctx.now - RETENTION):
            return Claim(principal, key, lease)
        found = await store.find(tx, principal, key, ctx.now)
    if found is None:
        raise InProgress()
    known, state, status, headers, body, lost = found
    if known != fingerprint:
        raise KeyReused()
    if state == "started":
        raise AnswerLost() if lost else InProgress()
    plain = rt.vault.open(body, _bound(ctx, principal, key))
    return Remembered(status, msgspec.json.decode(headers, type=dict[str, str]), plain)


def under(ctx: Ctx, claim: Claim) -> Ctx:
    """The same caller, whose transactions note with their commit that the request took effect."""
    return msgspec.structs.replace(ctx, closing=store.closing(ctx.tenant, claim.principal, claim.key, claim.lease))


async def finish(rt: Runtime, ctx: Ctx, claim: Claim, answer: Remembered) -> None:
    sealed = rt.vault.seal(answer.body, _bound(ctx, claim.principal, claim.key))
    async with rt.db.begin(ctx) as tx:
        await store.finish(tx, claim.principal, claim.key, claim.lease, answer.status, answer.headers, sealed)


async def release(rt: Runtime, ctx: Ctx, claim: Claim) -> None:
    """The answer is not worth remembering: unless the request took effect all the same, its key may try again at
    once."""
    async with rt.db.begin(ctx) as tx:
        await store.release(tx, claim.principal, claim.key, claim.lease, ctx.now)


async def forget_old(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: how many keys of this tenant were past their day."""
    async with rt.db.begin(ctx) as tx:
        return await store.forget(tx, ctx.now - RETENTION)


def _bound(ctx: Ctx, principal: str, key: str) -> str:
    return f"idempotency/{ctx.tenant}/{principal}/{key}"
