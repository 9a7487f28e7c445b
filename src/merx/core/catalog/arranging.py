"""What a merchant does with the category tree at a desk (service): looks at one category, puts one somewhere else."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from merx.core.catalog import store, tree, writing
from merx.core.catalog.model import Category
from merx.core.catalog.tree import Tree
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, NotFound
from merx.runtime import Runtime

COUNTED = 1_000


class Seen(msgspec.Struct, frozen=True):
    """`category` with the whole tree around it, and how many products are in it (not below it), up to `COUNTED`."""

    category: Category
    tree: tuple[Category, ...]
    products: int


async def look(rt: Runtime, ctx: Ctx, number: int) -> Seen:
    """Needs products:read."""
    ctx.require("products:read")
    async with rt.db.begin(ctx) as tx:
        listed = (await store.list_categories(tx)).items
        category = Tree(listed, ctx.now).find(number)
        if category is None:
            raise NotFound("category")
        return Seen(category, listed, await store.count_in_category(tx, category.id, COUNTED))


async def place(rt: Runtime, ctx: Ctx, number: int, parent: int | None, before: int | None) -> Category:
    """Under `parent` (None: at the top), in front of its child `before` (None: after all of them). Siblings are
    numbered anew, so that everybody sees the order that was seen here."""
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        known = await writing.locked_tree(tx)
        category = known.find(number)
        if category is None:
            raise NotFound("category")
        above = None if parent is None else known.find(parent)
        if parent is not None and above is None:
            raise Invalid("There is no such category.", field="parent")
        moved = known.moved(category, above)
        siblings = [
            one
            for one in tree.ordered((await store.list_categories(tx)).items)
            if one.parent_id == moved.parent_id and one.id != moved.id
        ]
        at = len(siblings)
        if before is not None:
            found = [place for place, one in enumerate(siblings) if one.number == before]
            if not found:
                raise Invalid("The category to stand in front of is not in that place any more.", field="before")
            at = found[0]
        siblings.insert(at, moved)
        numbered = [replace(one, position=place) for place, one in enumerate(siblings)]
        await store.write_categories(tx, numbered)
        return numbered[at]


async def shift(rt: Runtime, ctx: Ctx, number: int, down: bool) -> Category:
    """One place up or down among its siblings; the first stays first and the last last."""
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        category = (await writing.locked_tree(tx)).find(number)
        if category is None:
            raise NotFound("category")
        listed = tree.ordered((await store.list_categories(tx)).items)
        siblings = [one for one in listed if one.parent_id == category.parent_id]
        at = next(place for place, one in enumerate(siblings) if one.id == category.id)
        to = min(max(at + (1 if down else -1), 0), len(siblings) - 1)
        siblings.insert(to, siblings.pop(at))
        numbered = [replace(one, position=place) for place, one in enumerate(siblings)]
        await store.write_categories(tx, numbered)
        return numbered[to]
