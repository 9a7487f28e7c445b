"""What a shop's page can ask about the orders of an e-mail. An e-mail is no secret, so it opens nothing by itself: the
asker is the merchant, the signed-in shopper (their own orders), holds the token that checkout gave, or asks from where
the order came within a day. The shop's setting `guest_order_lookup` leaves out the last of these (`verified`) or asks
for no proof at all (`open`). Whoever proves nothing learns nothing: the answer is the one for an unknown e-mail."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from merx.core.orders import proofs, store
from merx.core.orders.model import OrderDetail, OrderSummaries, Proof
from merx.core.tenants import store as tenants
from merx.core.tenants.rules import email as stored_email
from merx.db.database import Tx
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.ids import CustomerId, OrderId
from merx.runtime import Runtime


class Asked(msgspec.Struct, frozen=True):
    email: str
    tokens: Sequence[str] = ()


async def page(rt: Runtime, ctx: Ctx, asked: Asked, limit: int, offset: int) -> OrderSummaries:
    """The orders of this e-mail that the asker may see, newest first."""
    ctx.require("orders:own")
    email = _email(asked)
    async with rt.db.begin(ctx) as tx:
        proof = await _proof(rt, tx, asked)
        if proof is None:
            return await store.of_email(tx, email, limit, offset)
        return await store.proven(tx, email, proof, limit, offset)


async def one(rt: Runtime, ctx: Ctx, order_id: OrderId, asked: Asked) -> OrderDetail:
    """One order, by its id and its e-mail and what `page` asks for besides. Raises NotFound, the same for an order that
    is not the asker's and for one that never was."""
    ctx.require("orders:own")
    email = _email(asked)
    async with rt.db.begin(ctx) as tx:
        return await _shown(tx, order_id, email, await _proof(rt, tx, asked))


def proves(rt: Runtime, ctx: Ctx, order_id: OrderId, asked: Asked) -> bool:
    """Whether the asker shows something that nobody can guess: the order's own token, or being signed in."""
    return ctx.actor is ActorKind.CUSTOMER or proofs.opens(rt.vault, order_id, asked.tokens)


async def proven(rt: Runtime, ctx: Ctx, order_id: OrderId, asked: Asked) -> OrderDetail:
    """`one`, by such a proof alone. It still takes the order's e-mail, and whoever is signed in sees their own."""
    ctx.require("orders:own")
    email = _email(asked)
    async with rt.db.begin(ctx) as tx:
        return await _shown(tx, order_id, email, _own(rt, ctx, asked))


async def _shown(tx: Tx, order_id: OrderId, email: str, proof: Proof | None) -> OrderDetail:
    if not await store.may_see(tx, order_id, email, proof):
        raise NotFound("order")
    detail = await store.detail(tx, order_id)
    assert detail is not None
    return detail


def unlimited(ctx: Ctx) -> bool:
    """Whether asking tells this caller nothing that a list does not: those who may read all orders anyway."""
    return ctx.may("orders:read")


def _email(asked: Asked) -> str:
    found = stored_email(asked.email)
    if found is None:
        raise Invalid("Enter a valid email address.", field="email")
    return found


async def _proof(rt: Runtime, tx: Tx, asked: Asked) -> Proof | None:
    """None where none is needed."""
    ctx, setting = tx.ctx, (await tenants.settings(tx)).guest_order_lookup
    if ctx.may("orders:read") or setting == "open":
        return None
    own = _own(rt, ctx, asked)
    return replace(own, client_digest=proofs.client_digest(rt.vault, ctx)) if setting == "recent" else own


def _own(rt: Runtime, ctx: Ctx, asked: Asked) -> Proof:
    return Proof(
        customer_id=CustomerId(ctx.customer_id()) if ctx.actor is ActorKind.CUSTOMER else None,
        client_digest=None,
        since=ctx.now - proofs.RECENT,
        tokens=proofs.token_digests(rt.vault, asked.tokens),
    )
