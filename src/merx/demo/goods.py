"""The catalogue of a demo shop, written the way a file of products is: many at once, through the catalogue's own rules.
Also the clock of the past: `at` says when what follows in a transaction happened."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from merx.core.catalog import rules, writing
from merx.core.catalog.model import Category, ImageDraft, Option, ProductDraft, VariantDraft
from merx.core.catalog.tree import Tree
from merx.core.orders.model import Status
from merx.db.database import Tx
from merx.demo.shops import DemoShop, Product
from merx.kernel.context import ActorKind
from merx.kernel.ids import ProductId, VariantId
from merx.kernel.money import Currency

FILLED = timedelta(days=150)
APART = timedelta(hours=7)
"""Between one product's arrival and the next; those that stand first in the file came last, so that they are listed
first."""


def at(tx: Tx, moment: datetime, actor: ActorKind = ActorKind.SYSTEM, actor_id: UUID | None = None) -> None:
    """From here on the transaction takes it to be `moment`, and this to be the one who acts."""
    tx.ctx = msgspec.structs.replace(tx.ctx, now=moment, actor=actor, actor_id=actor_id)


class Sold(msgspec.Struct, frozen=True):
    product_id: ProductId
    variant_id: VariantId
    stock: int  # what is for sale when the past is over


async def fill(tx: Tx, shop: DemoShop, now: datetime) -> dict[str, Sold]:
    """Categories and products, with stock enough for every order there will have been. By SKU."""
    at(tx, now - FILLED)
    currency = Currency(shop.settings.currency)
    tree = await writing.locked_tree(tx)
    _categories(tree, shop)
    first = first_stock(shop)
    edits = [
        rules.create(_draft(shop, product, first), product.slug, currency, now - FILLED - place * APART)
        for place, product in enumerate(shop.products)
    ]
    vocabulary: set[str] = set()
    await writing.write(tx, edits, tree, vocabulary)
    await writing.write_vocabulary(tx, vocabulary)
    return {
        variant.sku: Sold(edit.after.id, made.id, variant.stock)
        for edit, product in zip(edits, shop.products, strict=True)
        for variant, made in zip(product.variants, edit.after.variants, strict=True)
    }


def _categories(tree: Tree, shop: DemoShop) -> None:
    made: dict[str, Category] = {}
    places: Counter[str] = Counter()
    for category, parent in shop.walk():
        below = parent.slug if parent else ""
        made[category.slug] = tree.make(
            category.name,
            made[parent.slug] if parent else None,
            category.slug,
            category.description,
            places[below],
        )
        places[below] += 1


def _draft(shop: DemoShop, product: Product, first: dict[str, int]) -> ProductDraft:
    return ProductDraft(
        name=product.name,
        description=product.description,
        slug=product.slug,
        active=product.active,
        options=tuple(Option(option.name, option.values) for option in product.options),
        images=tuple(ImageDraft(image.url, image.alt) for image in shop.images(product)),
        categories=product.categories,
        variants=tuple(
            VariantDraft(
                sku=variant.sku,
                options=variant.options,
                price=variant.price,
                compare_price=variant.compare_price,
                stock=first[variant.sku],
            )
            for variant in product.variants
        ),
    )


def first_stock(shop: DemoShop) -> dict[str, int]:
    """What came in at first: what is there now, what orders took, and what an order held that was let go again."""
    given = {variant.sku: variant.stock for product in shop.products for variant in product.variants}
    first, let_go = dict(given), (Status.CANCELLED, Status.REFUNDED)
    for order in shop.orders:
        if order.status not in let_go:
            for line in order.lines:
                first[line.sku] += line.quantity
    left = dict(first)
    for order in shop.orders:
        for line in order.lines:
            if (short := line.quantity - left[line.sku]) > 0:
                first[line.sku] += short
                left[line.sku] += short
            if order.status not in let_go:
                left[line.sku] -= line.quantity
    return first
