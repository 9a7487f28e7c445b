"""Products by branch of the category tree: what the statement lists is what the tree in memory says of each product."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.selling import Shop, open_shop

from merx.core.catalog import many, service, transfer
from merx.core.catalog.model import Category, CategoryDraft, ProductDraft, ProductQuery
from merx.core.catalog.tree import Tree
from merx.db.database import Database

AMONG = ("lamps", "tents", "home")
NAMES = ("Lamps", "TENTS", "Home", "home", "Lämps", "Outdoors", "For the garden")


async def categories(shop: Shop, chance: random.Random) -> list[Category]:
    """Some called as branches are, by name or by slug, also one below another."""
    made = list[Category]()
    for number in range(14):
        parent = chance.choice([None, *[one.id for one in made if one.parent_id is None]])
        slug = chance.choice([None, None, f"tents-{number}"])
        draft = CategoryDraft(chance.choice(NAMES), slug=slug, parent=parent)
        made.append(await service.create_category(shop.rt, shop.ctx, draft))
    return made


@pytest.mark.parametrize("seed", range(3))
async def test_a_branch_lists_what_the_tree_says_is_in_it(database: Database, seed: int) -> None:
    chance, shop = random.Random(seed), await open_shop(database)
    made = await categories(shop, chance)
    drafts = [
        ProductDraft(f"Thing {n}", 1 + n, categories=tuple(one.id for one in chance.sample(made, n % 5)))
        for n in range(40)
    ]
    await transfer.bulk_load(shop.rt, shop.ctx, drafts)
    tree = Tree((await service.list_categories(shop.rt, shop.ctx)).items, shop.ctx.now)
    products = (await service.list_products(shop.rt, shop.ctx, ProductQuery(limit=100))).items
    branches = {product.id: tree.branch(product.categories, AMONG) for product in products}
    assert set(branches.values()) == {*AMONG, None}
    for name in AMONG:
        wanted = {one for one, branch in branches.items() if branch == name}
        for query in ({}, {"search": "thing"}, {"min_price": "0"}, {"active": None}):
            asked = ProductQuery(category=name, among=AMONG, limit=100, **query)  # type: ignore[arg-type]
            found = await service.list_products(shop.rt, shop.ctx, asked)
            assert {product.id for product in found.items} == wanted and found.total == len(wanted), (name, query)


async def test_categories_added_at_once_are_all_there_or_refused(database: Database) -> None:
    shop = await open_shop(database)
    made = [await service.create_category(shop.rt, shop.ctx, CategoryDraft(f"C{n}")) for n in range(5)]
    product = await service.create_product(shop.rt, shop.ctx, ProductDraft("Lamp", 1))
    came = await asyncio.gather(*(many.categorize(shop.rt, shop.ctx, [product.id], one.id) for one in made))
    after = (await service.get_product(shop.rt, shop.ctx, product.id)).product
    assert {one.id for one in after.categories} == {
        one.id for one, changed in zip(made, came, strict=True) if changed.done
    }
