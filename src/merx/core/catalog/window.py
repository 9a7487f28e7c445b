"""What a shop's own pages show of the catalogue beside its lists (service): a picture for each category, and the
addresses a search engine is told. One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from merx.core.catalog import store
from merx.core.catalog.model import Address, Image
from merx.kernel.context import Ctx
from merx.kernel.ids import CategoryId, ProductId
from merx.runtime import Runtime

ADDRESSES_AT_ONCE = 5_000


async def covers(rt: Runtime, ctx: Ctx, categories: Sequence[CategoryId]) -> Mapping[CategoryId, Image]:
    """For each of these categories the first picture of a product in it or right below it; none where there is none."""
    ctx.require("catalog:read")
    async with rt.db.begin(ctx) as tx:
        return await store.covers(tx, categories)


async def addresses(rt: Runtime, ctx: Ctx, after: UUID, limit: int = ADDRESSES_AT_ONCE) -> list[Address]:
    """The shown products in the order of their ids, from the one behind `after` on."""
    ctx.require("catalog:read")
    async with rt.db.begin(ctx) as tx:
        return await store.addresses(tx, after, limit)


async def edges(rt: Runtime, ctx: Ctx, every: int = ADDRESSES_AT_ONCE) -> list[ProductId]:
    """After which products `addresses` goes on, where there are more than it gives at once."""
    ctx.require("catalog:read")
    async with rt.db.begin(ctx) as tx:
        return await store.edges(tx, every)
