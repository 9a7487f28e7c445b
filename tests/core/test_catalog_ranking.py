"""Searches of random catalogues beside a plain model of what is found and in which order. The statements take short ways:
one row of a product stands for all its words, few products are looked up and many counted out, lists are read from their
beginnings. The model takes none."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.databases import own_database
from tests.selling import Shop, open_shop

from merx.core.catalog import reading, searching, service, transfer, words
from merx.core.catalog.model import Product, ProductChanges, ProductDraft, ProductQuery, Sort, VariantDraft
from merx.core.catalog.searching import Quick
from merx.db.database import Database
from merx.db.dsn import Dsn

BEGINNINGS = "a ab aba abac ba bac bacon cab ca λό 日本 \U0001d7d9a".split()
ENDS = ["", "s", "r", "ed", "ing", "on", "b", "cab"]
VOCABULARY = sorted({begun + end for begun in BEGINNINGS for end in ENDS})
COMMON = "the with made".split()


def text(chance: random.Random, most: int) -> str:
    return " ".join(chance.choices(VOCABULARY, k=chance.randint(1, most)))


def draft(chance: random.Random, number: int) -> ProductDraft:
    name = " ".join([text(chance, 4), *chance.choices(["", "the", f"nr{number}"], k=1)]).strip()
    description = " ".join([*COMMON[: chance.randint(1, 3)], text(chance, 8), *["hidden"] * (number % 7 == 0)])
    sku = chance.choice([None, f"AB-{number}", f"made{number}", *[f"line{number:04d}"] * 5])
    return ProductDraft(name, 1 + number % 5, description, sku=sku, active=number % 9 != 0)


def slip(chance: random.Random, word: str) -> str:
    at = chance.randrange(len(word))
    return word[:at] + chance.choice(["", "z", word[at] * 2]) + word[at + 1 :]


def asked(chance: random.Random) -> str:
    one = chance.choice([*VOCABULARY, *COMMON, "line", "line00", "nr", "made", "hidden"])
    found = [
        one,
        one[:2],
        one[:3],
        one[: chance.randint(1, len(one))],
        slip(chance, one),
        slip(chance, one[:-1] or one),
    ]
    return " ".join(chance.sample(found, chance.choice([1, 1, 1, 2, 2, 3]))) or one


def weights(product: Product) -> dict[str, int]:
    skus = [variant.sku for variant in product.variants if variant.sku]
    return dict(words.weigh(product.name, skus, product.description))


def fit(wanted: str, word: str, slips: bool) -> int:
    """How well a word fits one that was asked for; 0 where it does not."""
    if word == wanted or (len(wanted) > 1 and word.startswith(wanted)):
        return 8 if word == wanted else 4
    mine, theirs = words.stubs(wanted), words.stubs(word)
    near = [(mine[stub], theirs[stub]) for stub in mine.keys() & theirs.keys()] if slips else []
    return max((2 if min(pair) < 0 or abs(pair[0] - pair[1]) < 2 else 1 for pair in near), default=0)


def model(products: Sequence[Product], search: str) -> list[UUID]:
    known = {product.id: weights(product) for product in products}
    every = {word for found in known.values() for word in found}
    ranks = dict.fromkeys(known, 0)
    for wanted in words.asked(search):
        slips = not any(fit(wanted, word, False) for word in every)
        for one, found in known.items():
            best = max((weight * fit(wanted, word, slips) for word, weight in found.items()), default=0)
            ranks[one] = ranks[one] + best if best and one in ranks and ranks[one] >= 0 else -1
    return sorted((one for one, rank in ranks.items() if rank > 0), key=lambda one: (ranks[one], one), reverse=True)


async def all_of(shop: Shop) -> list[Product]:
    return [product async for product in transfer.export_products(shop.rt, shop.ctx)]


async def same(shop: Shop, products: Sequence[Product], search: str, chance: random.Random) -> None:
    shown = [product for product in products if product.active]
    prices = {product.id: product.price_minor for product in products}
    limit, offset = chance.choice([(100, 0), (3, 0), (2, chance.randrange(8)), (5, 30)])

    async def found(**query: object) -> tuple[list[UUID], int]:
        wanted = ProductQuery(search=search, limit=limit, offset=offset, **query)  # type: ignore[arg-type]
        page = await service.list_products(shop.rt, shop.ctx, wanted)
        return [product.id for product in page.items], page.total

    def cut(ranked: list[UUID]) -> tuple[list[UUID], int]:
        return ranked[offset : offset + limit], len(ranked)

    ranked = model(shown, search)
    assert await found() == cut(ranked), search
    assert await found(tree=True) == cut(ranked), search
    assert await found(active=None) == cut(model(products, search)), search
    assert await found(max_price="3.00") == cut([one for one in ranked if prices[one] <= 300]), search
    cheapest = sorted(sorted(ranked), key=prices.__getitem__)
    assert await found(sort=Sort.PRICE_ASC) == cut(cheapest), search


@pytest.mark.parametrize("seed", range(6))
async def test_searches_find_what_a_plain_model_finds(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, shop = random.Random(seed), await open_shop(database)
    if seed % 3:  # as in a shop with more products
        monkeypatch.setattr(searching, "MANY", 5)
        monkeypatch.setattr(searching, "WORDS", 30)
    await transfer.bulk_load(shop.rt, shop.ctx, [draft(chance, number) for number in range(90)])
    products = await all_of(shop)
    for _ in range(40):
        await same(shop, products, asked(chance), chance)


@pytest.mark.parametrize("seed", range(3))
async def test_searches_find_the_same_after_every_change(database: Database, seed: int) -> None:
    chance, shop = random.Random(seed), await open_shop(database)
    await transfer.bulk_load(shop.rt, shop.ctx, [draft(chance, number) for number in range(30)])
    for number in range(100, 125):
        products = await all_of(shop)
        one, new = chance.choice(products), draft(chance, number)
        match number % 5:
            case 0:
                await service.create_product(shop.rt, shop.ctx, new)
            case 1:
                changes = ProductChanges(name=new.name, description=new.description)
                await service.update_product(shop.rt, shop.ctx, one.id, changes)
            case 2:
                await service.update_product(shop.rt, shop.ctx, one.id, ProductChanges(active=not one.active))
            case 3:
                await service.add_variant(
                    shop.rt, shop.ctx, one.id, VariantDraft(f"aba{number}", {"Size": str(number)})
                )
            case 4:
                await service.delete_product(shop.rt, shop.ctx, one.id)
        products = await all_of(shop)
        await are_kept(shop, products)
        await same(shop, products, asked(chance), chance)


async def are_kept(shop: Shop, products: Sequence[Product]) -> None:
    """The rows are what they would be, were they made anew."""
    async with shop.rt.db.begin(shop.ctx) as tx:
        rows = await tx.rows(
            "select product_id, word, weight, shared, shown, triple from search_words where tenant_id = $1"
        )
    wanted = {
        (product.id, word, weight, shared, product.active, word[:3])
        for product in products
        for found in [weights(product)]
        for (word, weight), shared in zip(found.items(), map(words.shared(found).__getitem__, found), strict=True)
    }
    assert {tuple(row) for row in rows} == wanted


async def test_shoppers_are_told_of_so_many_and_no_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "COUNTED", 4)
    shop = await open_shop(database)
    drafts = [ProductDraft(f"Lamp {number}", 5, "The lamp for a desk") for number in range(6)]
    await transfer.bulk_load(shop.rt, shop.ctx, drafts)
    for search in ("lamp", "la", "lam", "lmap", "lamp desk"):
        for query in (ProductQuery(), ProductQuery(sort=Sort.PRICE_ASC), ProductQuery(max_price=5)):
            page = await asking(shop, query, search=search)
            assert (len(page[0]), page[1]) == (6, 4), search  # what is behind is there all the same
        assert (await asking(shop, ProductQuery(active=None), search=search))[1] == 6
    assert (await asking(shop, ProductQuery(), search="lamp 3"))[1] == 1
    assert (await asking(shop, ProductQuery()))[1] == 6


async def asking(shop: Shop, query: ProductQuery, search: str | None = None) -> tuple[list[UUID], int]:
    wanted = ProductQuery(search=search, max_price=query.max_price, sort=query.sort, active=query.active)
    page = await service.list_products(shop.rt, shop.ctx, wanted)
    return [product.id for product in page.items], page.total


@pytest.fixture
async def uncounted(dsn: Dsn) -> AsyncIterator[Database]:
    """A database of its own with some shops in it. Where tests share one, the server counts their words whenever it
    comes round, and knows from then on that the few of a test are read faster otherwise."""
    own = await own_database(dsn, "uncounted")
    assert own.owner is not None
    conn = await asyncpg.connect(**own.owner)
    await conn.execute("alter table search_words set (autovacuum_enabled = false)")
    await conn.close()
    found = await Database.open(own.app, pool_size=2)
    for seed in range(6):
        shop, chance = await open_shop(found), random.Random(seed)
        await transfer.bulk_load(shop.rt, shop.ctx, [draft(chance, number) for number in range(90)])
    yield found
    await found.close()


async def test_lists_in_order_are_read_from_their_beginning(uncounted: Database) -> None:
    """Under row-level security, by conditions that are leakproof, without anything sorted but a page's own."""
    shop = await open_shop(uncounted)
    arguments = {"limit": 20, "offset": 0, "word": "la", "last": "la~", "letters_of_word": 2, "counted": 9}
    arguments |= {"stubs": ["lamp"], "places": [-1], "many": 10, "words": 10}
    wanted = {Quick.PAIR: {"ranked", "begun"}, Quick.TRIPLE: {"ranked", "begun"}, Quick.WORD: {"ranked"}}
    async with shop.rt.db.begin(shop.ctx) as tx:
        await tx.platform.run("set local enable_seqscan = off")
        await tx.platform.run("set local enable_bitmapscan = off")
        for quick, indexes in wanted.items():
            values = [arguments[name] for name in reading.TAKES[quick]]
            row = await tx.row(f"explain (format json) {reading.LISTS[quick]}", *values)
            scans = list(scans_of(json.loads(row[0])[0]["Plan"]))
            assert {name for name, _ in scans} == {f"search_words_{name}" for name in indexes}
            for name, condition in scans:
                key = "triple " if name == "search_words_begun" else "word "
                assert "tenant_id" in condition and key in condition, (name, condition)


def scans_of(plan: dict[str, object]) -> list[tuple[str, str]]:
    """(index, condition) of every scan of the table of words."""
    found = (
        [(str(plan["Index Name"]), str(plan.get("Index Cond")))] if plan.get("Relation Name") == "search_words" else []
    )
    for below in plan.get("Plans", []):  # type: ignore[attr-defined]
        found += scans_of(below)
    return found


# ── One row of a product stands for all its words ────────────────────────────────────────────────────────────────────
SHORT = st.text("ab-12 ", max_size=24)


@given(SHORT.filter(str.strip), st.lists(SHORT, max_size=2), SHORT, st.text("ab12", min_size=1, max_size=4))
def test_of_the_words_that_begin_so_one_is_known_and_fits_best(
    name: str, skus: list[str], description: str, beginning: str
) -> None:
    found = words.weigh(name, skus, description)
    shared = words.shared(found)
    begun = [word for word in found if word.startswith(beginning)]
    known = [word for word in begun if shared[word] < len(beginning)]
    assert len(known) == bool(begun)
    if begun:
        fits = {word: found[word] * fit(beginning, word, False) for word in begun}
        if len(beginning) > 1:
            assert fits[known[0]] == max(fits.values())
        assert found[known[0]] == max(found[word] for word in begun)
