"""Changes to many products at once (service): each by itself, so that what one of them refuses keeps nobody back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec

from merx.core.catalog import service
from merx.core.catalog.model import CategoryKey, Product, ProductChanges, VariantDraft
from merx.kernel import money
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, Kind, MerxError
from merx.kernel.ids import ProductId
from merx.runtime import Runtime

AT_ONCE = 200


class Changed(msgspec.Struct, frozen=True):
    done: tuple[ProductId, ...]
    refused: tuple[tuple[ProductId, MerxError], ...]


async def change(rt: Runtime, ctx: Ctx, changes: Mapping[ProductId, ProductChanges]) -> Changed:
    async def one(product: ProductId) -> None:
        await service.update_product(rt, ctx, product, changes[product])

    return await _each(ctx, list(changes), one)


async def remove(rt: Runtime, ctx: Ctx, products: Sequence[ProductId]) -> Changed:
    async def one(product: ProductId) -> None:
        await service.delete_product(rt, ctx, product)

    return await _each(ctx, products, one)


async def categorize(rt: Runtime, ctx: Ctx, products: Sequence[ProductId], category: CategoryKey) -> Changed:
    """Adds one category to what each of them has."""

    async def one(product: ProductId) -> None:
        before = (await service.get_product(rt, ctx, product, hidden=True)).product
        kept: list[CategoryKey] = [known.id for known in before.categories]
        changes = ProductChanges(categories=(*kept, category), expected_version=before.version)
        await service.update_product(rt, ctx, product, changes)

    return await _each(ctx, products, one)


async def reprice(rt: Runtime, ctx: Ctx, products: Sequence[ProductId], percent: Decimal, compare: bool) -> Changed:
    """Prices of all variants up or down by a percentage. `compare`: what they cost before is shown struck through."""
    if not Decimal(-99) <= percent <= Decimal(1000) or percent == 0:
        raise Invalid("A change of prices is between -99 and 1000 percent, and not 0.", field="percent")
    share = 1 + Fraction(percent) / 100

    async def one(product: ProductId) -> None:
        before = (await service.get_product(rt, ctx, product, hidden=True)).product
        await service.update_product(rt, ctx, product, _repriced(before, share, compare))

    return await _each(ctx, products, one)


def _repriced(before: Product, share: Fraction, compare: bool) -> ProductChanges:
    variants = []
    for one in before.variants:
        minor = money.share(one.price_minor, share)
        was = one.price_minor if compare and share < 1 else None
        variants.append(
            VariantDraft(
                id=one.id,
                price=money.text(minor, one.currency),
                compare_price=None if was is None else money.text(was, one.currency),
            )
        )
    return ProductChanges(variants=tuple(variants), options=before.options, expected_version=before.version)


async def _each(ctx: Ctx, products: Sequence[ProductId], work: Callable[[ProductId], Awaitable[None]]) -> Changed:
    ctx.require("products:write")
    if len(products) > AT_ONCE:
        raise Invalid(f"At most {AT_ONCE} products are changed at once.", field="products")
    done, refused = list[ProductId](), list[tuple[ProductId, MerxError]]()
    for product in products:
        try:
            await work(product)
            done.append(product)
        except MerxError as wrong:
            if wrong.kind in (Kind.FORBIDDEN, Kind.BUSY):
                raise
            refused.append((product, wrong))
    return Changed(tuple(done), tuple(refused))
