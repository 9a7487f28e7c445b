"""How edits become rows: one way for a single product and for a file of them. Inside somebody else's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from merx.core.catalog import model, store, words
from merx.core.catalog.model import Category, CategoryKey, Product, SkuTaken
from merx.core.catalog.rules import Edit
from merx.core.catalog.tree import Tree
from merx.core.inventory import store as inventory
from merx.core.tenants import store as tenants
from merx.db.database import Tx
from merx.kernel.errors import Invalid
from merx.kernel.ids import CategoryId, ProductId, VariantId

COUNTER = "categories"
BATCH = 10_000
COUNTED = 9
"""A tenth product of one name gets a slug with random letters: counting on would need a look-up each."""


def slug_candidates(base: str) -> list[str]:
    return [base, *[f"{base[: model.MAX_SLUG - 2]}-{number}" for number in range(2, COUNTED + 1)]]


async def write(tx: Tx, edits: Sequence[Edit], tree: Tree | None, vocabulary: set[str]) -> None:
    """All of the edits but the counts of stock, which come last: `write_stock`. New words are put into `vocabulary`."""
    await _check_skus(tx, edits)
    for edit in edits:
        tx.touch_catalog(products=edit.shown_more)
    sorted_in = {e.after.id: keys for e in edits if tree and (keys := _keys(e, tree)) is not None}
    if tree is not None and (made := tree.take_made()):
        await write_made(tx, made)
    await store.write_products(tx, [edit.after for edit in edits])
    if removed := [one.id for edit in edits if edit.before for one in _removed(edit.before, edit.after)]:
        await store.remove_variants(tx, removed)
    if variants := [row for edit in edits for row in _changed_variants(edit)]:
        await store.write_variants(tx, variants)
    if sorted_in:
        await store.categorize(tx, sorted_in)
    await write_words(tx, edits, vocabulary)
    if opened := [
        (variant.id, edit.after.id, edit.stock.get(variant.id, 0)) for edit in edits for variant in _new_variants(edit)
    ]:
        await inventory.open_stock(tx, opened)


async def locked_tree(tx: Tx) -> Tree:
    """One transaction at a time makes and moves categories, so that their numbers and their tree are sound."""
    first = await tenants.next_number(tx, COUNTER, 0)
    return Tree((await store.list_categories(tx)).items, tx.ctx.now, first)


async def write_made(tx: Tx, made: Sequence[Category]) -> None:
    await tenants.next_number(tx, COUNTER, len(made))
    await store.write_categories(tx, made)


def counts(edits: Sequence[Edit]) -> dict[VariantId, int]:
    """How many of which variant should be sellable, where that is not so already; new ones have been opened with it."""
    wanted: dict[VariantId, int] = {}
    for edit in edits:
        levels = {one.id: one.available for one in edit.before.variants} if edit.before else {}
        wanted |= {one: count for one, count in edit.stock.items() if one in levels and levels[one] != count}
    return wanted


async def write_vocabulary(tx: Tx, vocabulary: set[str]) -> None:
    """How the words are found in spite of a slip. Others who write the same words wait: so late, and sorted."""
    slips = sorted((stub, word, place) for word in vocabulary for stub, place in words.stubs(word).items())
    for at in range(0, len(slips), BATCH):
        await store.put_typos(tx, slips[at : at + BATCH])


async def write_words(tx: Tx, edits: Sequence[Edit], vocabulary: set[str]) -> None:
    gone: list[tuple[str, ProductId]] = []
    found: list[tuple[ProductId, str, int, int, bool]] = []
    for edit in edits:
        product, before = edit.after, edit.before
        was = _weights(before) if before else {}
        now = _weights(product)
        same = before is not None and before.active == product.active
        gone += [(word, product.id) for word in was if word not in now]
        found += [
            (product.id, word, weight, shared, product.active)
            for word, (weight, shared) in now.items()
            if not (same and was.get(word) == (weight, shared))
        ]
        vocabulary.update(word for word in now if word not in was)
    if gone:
        await store.drop_words(tx, gone)
    if found:
        await store.put_words(tx, found, new=all(edit.before is None for edit in edits))


async def drop_words(tx: Tx, product: Product) -> None:
    if known := _weights(product):
        await store.drop_words(tx, [(word, product.id) for word in known])


def resolve(tree: Tree, keys: Sequence[CategoryKey]) -> list[CategoryId]:
    if len(keys) > model.MAX_CATEGORIES:
        raise Invalid(f"A product is in at most {model.MAX_CATEGORIES} categories.", field="categories")
    return list(dict.fromkeys(tree.resolve(key).id for key in keys))


def _keys(edit: Edit, tree: Tree) -> list[CategoryId] | None:
    return None if edit.categories is None else resolve(tree, edit.categories)


def _weights(product: Product) -> dict[str, tuple[int, int]]:
    """Every word of a product with what it counts, and how many letters it shares with one that counts more."""
    skus = [variant.sku for variant in product.variants if variant.sku]
    weights = words.weigh(product.name, skus, product.description)
    shared = words.shared(weights)
    return {word: (weight, shared[word]) for word, weight in weights.items()}


def _removed(before: Product, after: Product) -> Iterator[model.Variant]:
    kept = {one.id for one in after.variants}
    return (one for one in before.variants if one.id not in kept)


def _new_variants(edit: Edit) -> Iterator[model.Variant]:
    known = {one.id for one in edit.before.variants} if edit.before else set()
    return (one for one in edit.after.variants if one.id not in known)


def _changed_variants(edit: Edit) -> Iterator[tuple[ProductId, int, model.Variant]]:
    was = {one.id: (at, one) for at, one in enumerate(edit.before.variants)} if edit.before else {}
    for at, one in enumerate(edit.after.variants):
        if was.get(one.id) != (at, one):
            yield edit.after.id, at, one


async def _check_skus(tx: Tx, edits: Sequence[Edit]) -> None:
    """Raises SkuTaken where another product, or another edit, has one."""
    holders: dict[str, ProductId] = {}
    for edit in edits:
        was = {one.sku for one in edit.before.variants} if edit.before else set()
        for one in edit.after.variants:
            if (
                one.sku is not None
                and one.sku not in was
                and holders.setdefault(one.sku, edit.after.id) != edit.after.id
            ):
                raise SkuTaken([one.sku])
    if holders:
        _, _, owners = await store.preflight(tx, (), holders)
        if taken := [sku for sku, owner in owners.items() if owner != holders[sku]]:
            raise SkuTaken(taken)
