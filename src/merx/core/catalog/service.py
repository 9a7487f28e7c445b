"""What shoppers can read of the catalogue and merchants can do to it. Each function is one transaction.

Reading needs catalog:read, or products:read to see what is hidden; writing needs products:write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from merx.core.catalog import model, rules, shelf, store, together, words, writing
from merx.core.catalog.model import (
    Branch,
    Category,
    CategoryChanges,
    CategoryDraft,
    CategoryKey,
    CategoryList,
    ImageDraft,
    Product,
    ProductChanges,
    ProductDetail,
    ProductDraft,
    ProductPage,
    ProductQuery,
    SlugTaken,
    VariantChanges,
    VariantDraft,
    VersionConflict,
)
from merx.core.catalog.rules import Edit
from merx.core.catalog.shelf import Shelf
from merx.core.catalog.tree import Tree
from merx.core.inventory import store as inventory
from merx.db.database import Tx
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, Invalid, NotFound
from merx.kernel.ids import ProductId, VariantId
from merx.runtime import Runtime

T = TypeVar("T")
_TRIES = 3


# ── Reading: one statement each ──────────────────────────────────────────────────────────────────────────────────────
async def list_products(rt: Runtime, ctx: Ctx, query: ProductQuery | None = None) -> ProductPage:
    query = rules.query(query or ProductQuery())
    _may_read(ctx, hidden=query.active is not True)
    return await together.listed(rt, ctx, query)


async def get_product(
    rt: Runtime, ctx: Ctx, product: ProductId, hidden: bool = False, tree: bool = False
) -> ProductDetail:
    """`hidden`: as merchants see it, inactive or not, with its inactive variants. `tree`: with the category tree."""
    _may_read(ctx, hidden)
    if not hidden and not tree:
        return _found(await together.shown(rt, ctx, product))
    async with rt.db.read(ctx) as tx:
        if tree:
            return _found(await store.get_product_with_tree(tx, product, not hidden))
        return _found(await store.kept_product(tx, product))


async def get_product_by_slug(rt: Runtime, ctx: Ctx, slug: str, hidden: bool = False) -> ProductDetail:
    _may_read(ctx, hidden)
    if "\x00" in slug:
        raise NotFound("product")
    if not hidden:
        return _found(await together.shown(rt, ctx, slug))
    async with rt.db.read(ctx) as tx:
        return _found(await store.kept_product(tx, slug))


async def list_kept(rt: Runtime, ctx: Ctx, query: ProductQuery) -> Shelf:
    """A merchant's own list, with the category tree. Counting stops at a bound."""
    ctx.require("products:read")
    query = replace(rules.query(query), tree=True)
    narrowed = query.search or query.category or query.min_price is not None or query.max_price is not None
    async with rt.db.begin(ctx) as tx:
        if not (narrowed or query.in_stock is True or (query.in_stock is False and (query.active is not None))):
            return await shelf.listed(tx, query)
        found = await store.list_products(tx, query)
        return Shelf(found.items, found.total, False, found.tree)


async def kept_products(rt: Runtime, ctx: Ctx, products: Sequence[ProductId]) -> tuple[Product, ...]:
    """As merchants see them, hidden or not, in the order of their ids; what is not there is left out."""
    ctx.require("products:read")
    async with rt.db.read(ctx) as tx:
        return await store.kept_products(tx, products)


async def list_categories(rt: Runtime, ctx: Ctx) -> CategoryList:
    """All of them, flat, parents before their children; dialects make trees of it."""
    _may_read(ctx, hidden=False)
    async with rt.db.read(ctx) as tx:
        return await store.list_categories(tx)


async def get_category(rt: Runtime, ctx: Ctx, key: CategoryKey) -> Category:
    """By id, number, slug, name or path of names."""
    listed = await list_categories(rt, ctx)
    if (found := Tree(listed.items, ctx.now).find(key)) is None:
        raise NotFound("category")
    return found


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def create_product(rt: Runtime, ctx: Ctx, draft: ProductDraft) -> Product:
    ctx.require("products:write")
    tries = 0

    async def attempt(tx: Tx) -> Product:
        nonlocal tries
        tries += 1
        base = rules.slug(draft.slug) if draft.slug else words.slugify(draft.name, "product")
        candidates = [base] if draft.slug else writing.slug_candidates(base)
        currency, taken, _ = await store.preflight(tx, candidates)
        if draft.slug and taken:
            raise SlugTaken(base)
        wanted = draft if draft.branch is None else replace(draft, categories=await _branched(tx, draft.branch, draft))
        # Where many make a product of this name at this moment, the last try goes out of everybody's way.
        free = rules.free_slug(candidates, candidates if tries == _TRIES and not draft.slug else taken)
        return await _save(tx, rules.create(wanted, free, currency, ctx.now))

    return await _again(rt, ctx, attempt)


async def update_product(rt: Runtime, ctx: Ctx, product: ProductId, changes: ProductChanges) -> Product:
    return (await update_product_in_tree(rt, ctx, product, changes)).product


async def update_product_in_tree(
    rt: Runtime, ctx: Ctx, product: ProductId, changes: ProductChanges, tree: bool = False
) -> ProductDetail:
    """The same, for those who show where in the category tree it then is (`tree`)."""
    ctx.require("products:write")

    async def attempt(tx: Tx) -> ProductDetail:
        before = await _locked(tx, product, changes.expected_version)
        wanted = changes
        if changes.branch is not UNSET:
            wanted = replace(changes, categories=await _branched(tx, changes.branch, before))
        if changes.slug is not UNSET and changes.slug != before.slug:
            _, taken, _ = await store.preflight(tx, [rules.slug(changes.slug)])
            if taken:
                raise SlugTaken(changes.slug)
        after = await _save(tx, rules.change(before, wanted, ctx.now))
        return ProductDetail(after, 0, (await store.list_categories(tx)).items if tree else ())

    return await _again(rt, ctx, attempt)


async def _branched(tx: Tx, branch: Branch, product: Product | ProductDraft) -> tuple[CategoryKey, ...]:
    """The categories of a product that is put into this branch of the tree."""
    tree = Tree((await store.list_categories(tx)).items, tx.ctx.now)
    if isinstance(product, ProductDraft):
        return (*tree.rebranched((), branch), *product.categories)
    return tree.rebranched(product.categories, branch)


async def delete_product(rt: Runtime, ctx: Ctx, product: ProductId, expected_version: int | None = None) -> None:
    """It leaves the shop; orders keep what they say about it."""
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        before = await _locked(tx, product, expected_version)
        await store.delete_product(tx, product, before.active)
        await writing.drop_words(tx, before)


async def add_variant(rt: Runtime, ctx: Ctx, product: ProductId, draft: VariantDraft) -> Product:
    """The blank variant of a product without options gives way to its first variant with options."""
    return await _edit(rt, ctx, product, lambda before: rules.with_variant(before, draft, ctx.now))


async def update_variant(
    rt: Runtime, ctx: Ctx, product: ProductId, variant: VariantId, changes: VariantChanges
) -> Product:
    return await _edit(rt, ctx, product, lambda before: rules.change_variant(before, variant, changes, ctx.now))


async def remove_variant(rt: Runtime, ctx: Ctx, product: ProductId, variant: VariantId) -> Product:
    return await _edit(rt, ctx, product, lambda before: rules.without_variant(before, variant, ctx.now))


async def add_image(
    rt: Runtime, ctx: Ctx, product: ProductId, draft: ImageDraft, position: int | None = None
) -> Product:
    """At `position`, counted from 0, or at the end."""
    return await _edit(rt, ctx, product, lambda before: rules.with_image(before, draft, position, ctx.now))


async def remove_image(rt: Runtime, ctx: Ctx, product: ProductId, image: UUID) -> Product:
    return await _edit(rt, ctx, product, lambda before: rules.without_image(before, image, ctx.now))


async def order_images(rt: Runtime, ctx: Ctx, product: ProductId, images: Sequence[UUID]) -> Product:
    return await _edit(rt, ctx, product, lambda before: rules.images_in_order(before, images, ctx.now))


# ── Categories ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def create_category(rt: Runtime, ctx: Ctx, draft: CategoryDraft) -> Category:
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        tree = await writing.locked_tree(tx)
        slug = rules.slug(draft.slug) if draft.slug else None
        if slug and not tree.takes_slug(slug):
            raise SlugTaken(slug)
        parent = None if draft.parent is None else _parent(tree, draft.parent)
        description = rules.text(draft.description, "description", model.MAX_DESCRIPTION)
        made = tree.make(draft.name, parent, slug, description, rules.position(draft.position))
        await writing.write_made(tx, tree.take_made())
        return made


async def update_category(rt: Runtime, ctx: Ctx, key: CategoryKey, changes: CategoryChanges) -> Category:
    """Moves it, with everything below it, where `parent` is given."""
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        tree = await writing.locked_tree(tx)
        new = old = _category(tree, key)
        if changes.name is not UNSET:
            new = replace(new, name=rules.text(changes.name, "name", model.MAX_NAME, 1))
        if changes.slug is not UNSET:
            new = replace(new, slug=rules.slug(changes.slug))
            if not tree.takes_slug(new.slug, old):
                raise SlugTaken(new.slug)
        if changes.description is not UNSET:
            description = rules.text(changes.description, "description", model.MAX_DESCRIPTION)
            new = replace(new, description=description)
        if changes.position is not UNSET:
            new = replace(new, position=rules.position(changes.position))
        if changes.parent is not UNSET:
            new = tree.moved(new, None if changes.parent is None else _parent(tree, changes.parent))
        await store.write_categories(tx, [new])
        return new


async def delete_category(rt: Runtime, ctx: Ctx, key: CategoryKey) -> None:
    """Its subcategories move up to its parent, its products stay without it."""
    ctx.require("products:write")
    async with rt.db.begin(ctx) as tx:
        category = _category(await writing.locked_tree(tx), key)
        await store.lift_categories(tx, category.id, category.parent_id)
        await store.delete_category(tx, category.id)


# ── What they share ──────────────────────────────────────────────────────────────────────────────────────────────────
def _may_read(ctx: Ctx, hidden: bool) -> None:
    if hidden or not ctx.may("catalog:read"):
        ctx.require("products:read")


def _found(detail: ProductDetail | None) -> ProductDetail:
    if detail is None:
        raise NotFound("product")
    return detail


async def _locked(tx: Tx, product: ProductId, expected_version: int | None = None) -> Product:
    """Read after it was locked, so that its children are those of this very moment."""
    if not await store.lock_products(tx, [product]):
        raise NotFound("product")
    (before,) = await store.kept_products(tx, [product])
    if expected_version is not None and expected_version != before.version:
        raise VersionConflict(before.version)
    return before


async def _edit(rt: Runtime, ctx: Ctx, product: ProductId, change: Callable[[Product], Edit]) -> Product:
    ctx.require("products:write")

    async def attempt(tx: Tx) -> Product:
        return await _save(tx, change(await _locked(tx, product)))

    return await _again(rt, ctx, attempt)


async def _save(tx: Tx, edit: Edit) -> Product:
    vocabulary = set[str]()
    await writing.write(tx, [edit], await _tree_for(tx, edit), vocabulary)
    await writing.write_vocabulary(tx, vocabulary)
    if counts := writing.counts([edit]):
        await inventory.set_available(tx, counts, "count")
    (after,) = await store.kept_products(tx, [edit.after.id])
    return after


async def _tree_for(tx: Tx, edit: Edit) -> Tree | None:
    """The categories, if the edit names some; locked only where one of them has to be made."""
    if edit.categories is None:
        return None
    tree = Tree((await store.list_categories(tx)).items, tx.ctx.now) if edit.categories else Tree((), tx.ctx.now)
    writing.resolve(tree, edit.categories)
    return await writing.locked_tree(tx) if tree.made else tree


def _category(tree: Tree, key: CategoryKey) -> Category:
    if (found := tree.find(key)) is None:
        raise NotFound("category")
    return found


def _parent(tree: Tree, key: CategoryKey) -> Category:
    if (found := tree.find(key)) is None:
        raise Invalid("There is no such category to put it below.", field="parent")
    return found


async def _again(rt: Runtime, ctx: Ctx, attempt: Callable[[Tx], Awaitable[T]]) -> T:
    """Once more where somebody else took a slug or SKU in between: now it is seen, and another is taken or refused."""
    for left in reversed(range(_TRIES)):
        try:
            async with rt.db.begin(ctx) as tx:
                return await attempt(tx)
        except Conflict as conflict:
            if conflict.code != "already_exists" or not left:
                raise
    raise AssertionError("unreachable")
