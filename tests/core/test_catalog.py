"""The catalogue against a real database: what shoppers see, what merchants can do, and what each costs."""

from __future__ import annotations

import asyncio
import contextlib
import random
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.selling import SHOPPER, Shop, open_shop

from merx.core.catalog import rows, service, store, transfer
from merx.core.catalog.model import (
    CategoryChanges,
    CategoryDraft,
    ImageDraft,
    Option,
    Product,
    ProductChanges,
    ProductDraft,
    ProductQuery,
    SkuTaken,
    SlugTaken,
    Sort,
    VariantChanges,
    VariantDraft,
    VersionConflict,
)
from merx.core.inventory import service as stock
from merx.core.inventory import store as inventory
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Busy, Forbidden, Invalid, MerxError, NotFound, Refused, Unauthenticated
from merx.kernel.ids import OrderId, ProductId, TenantId

HEADPHONES = ProductDraft(
    name="Wireless Headphones",
    price="129.99",
    compare_price="149.99",
    description="Premium wireless headphones with noise cancellation",
    sku="WH-001",
    stock=25,
    categories=("Electronics > Audio", "Sale"),
    images=(ImageDraft("https://cdn.example.com/wh.jpg", "Headphones"),),
)
SHIRT = ProductDraft(
    name="T-Shirt",
    price=20,
    options=(Option("Size", ("S", "M", "L")),),
    variants=(
        VariantDraft(sku="TS-S", options={"Size": "S"}, stock=3),
        VariantDraft(sku="TS-L", options={"Size": "L", "Colour": "Black"}, stock=4, price="18.50"),
    ),
)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


def shopper(shop: Shop) -> Ctx:
    return Ctx(shop.ctx.tenant, ActorKind.KEY, ids.new(), scopes=SHOPPER)


async def make(shop: Shop, draft: ProductDraft) -> Product:
    return await service.create_product(shop.rt, shop.ctx, draft)


async def change(shop: Shop, product: Product, **changes: Any) -> Product:
    return await service.update_product(shop.rt, shop.ctx, product.id, ProductChanges(**changes))


async def names(shop: Shop, **query: Any) -> list[str]:
    page = await service.list_products(shop.rt, shopper(shop), ProductQuery(**query))
    return [product.name for product in page.items]


async def version(shop: Shop) -> int:
    return (await service.list_products(shop.rt, shop.ctx)).version


# ── Making and reading ───────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_product_is_read_as_it_was_made(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    for found in (
        (await service.get_product(shop.rt, shopper(shop), made.id)).product,
        (await service.get_product_by_slug(shop.rt, shopper(shop), "wireless-headphones")).product,
        (await service.list_products(shop.rt, shopper(shop))).items[0],
    ):
        assert found == made
    assert (made.price.minor, made.price.currency, made.compare_price) == (12999, "USD", made.compare_price)
    assert made.compare_price is not None and made.compare_price.text() == "149.99"
    assert (made.sku, made.available, made.in_stock, made.version) == ("WH-001", 25, True, 1)
    assert [(one.name, one.number) for one in made.categories] == [("Audio", 2), ("Sale", 3)]
    assert made.categories[0].parent_id is not None
    assert made.created_at == shop.ctx.now and made.created_at.utcoffset() is not None
    assert made.images[0].url == "https://cdn.example.com/wh.jpg" and made.variants[0].title == ""


async def test_variants_give_price_sku_options_and_titles(shop: Shop) -> None:
    made = await make(shop, SHIRT)
    assert [variant.title for variant in made.variants] == ["S", "L / Black"]
    assert (made.price.minor, made.sku, made.available) == (1850, "TS-S", 7)
    assert {option.name: option.values for option in made.options} == {"Size": ("S", "M", "L"), "Colour": ("Black",)}


async def test_reading_is_one_statement(shop: Shop) -> None:
    made = await make(shop, SHIRT)
    await service.list_products(shop.rt, shop.ctx, ProductQuery(search="shirt", category="sale", min_price=1))
    assert shop.rt.db.last_round_trips == 3  # begin, the statement, commit
    await service.get_product(shop.rt, shop.ctx, made.id)
    assert shop.rt.db.last_round_trips == 3
    await service.get_product_by_slug(shop.rt, shop.ctx, made.slug)
    assert shop.rt.db.last_round_trips == 3
    await service.list_categories(shop.rt, shop.ctx)
    assert shop.rt.db.last_round_trips == 3


async def test_slugs_are_numbered_and_freed(shop: Shop) -> None:
    made = [await make(shop, ProductDraft(name="Café Crème!", price=1)) for _ in range(11)]
    slugs = [product.slug for product in made]
    assert slugs[:3] == ["cafe-creme", "cafe-creme-2", "cafe-creme-3"]
    assert len(set(slugs)) == 11
    with pytest.raises(SlugTaken):
        await make(shop, ProductDraft(name="Other", price=1, slug="cafe-creme"))
    with pytest.raises(SlugTaken):
        await change(shop, made[1], slug="cafe-creme")
    await service.delete_product(shop.rt, shop.ctx, made[0].id)
    assert (await change(shop, made[1], slug="cafe-creme")).slug == "cafe-creme"


async def test_many_make_the_same_product_at_once(shop: Shop) -> None:
    draft = ProductDraft(name="Same", price=1, categories=("New here",))
    made = await asyncio.gather(*[make(shop, draft) for _ in range(6)])
    assert len({product.slug for product in made}) == 6
    listed = await service.list_categories(shop.rt, shop.ctx)
    assert [one.name for one in listed.items] == ["New here"]
    made = await asyncio.gather(*[make(shop, ProductDraft(name="X", price=1, sku="ONE")) for _ in range(5)],
                                return_exceptions=True)  # fmt: skip
    assert sorted(type(one) is SkuTaken for one in made) == [False, True, True, True, True]


async def test_a_sku_belongs_to_one_product(shop: Shop) -> None:
    made, other = await make(shop, HEADPHONES), await make(shop, ProductDraft(name="Other", price=1, sku="O-1"))
    with pytest.raises(SkuTaken) as refused:
        await make(shop, HEADPHONES)
    assert refused.value.field == "sku"
    with pytest.raises(SkuTaken):
        await change(shop, other, sku="WH-001")
    with pytest.raises(Invalid):
        await make(shop, ProductDraft(name="A", price=1, variants=(VariantDraft("S", {"a": "1"}), VariantDraft("S"))))
    await service.delete_product(shop.rt, shop.ctx, made.id)
    assert (await change(shop, other, sku="WH-001")).sku == "WH-001"


# ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_only_what_is_sent_changes(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    after = await change(shop, made, price=Decimal("99.50"))
    expected = {"price_minor": 9950, "version": 2, "updated_at": after.updated_at}
    variants = (msgspec.structs.replace(made.variants[0], price_minor=9950),)
    assert after == msgspec.structs.replace(made, **expected, variants=variants)
    after = await change(shop, after, compare_price=None, description="", categories=(), images=(), sku=None, stock=7)
    assert (after.compare_price, after.description, after.categories, after.images, after.sku, after.available) == (
        None, "", (), (), None, 7)  # fmt: skip


async def test_a_stale_version_is_refused(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    await change(shop, made, name="New name", expected_version=1)
    with pytest.raises(VersionConflict):
        await change(shop, made, name="Newer name", expected_version=1)
    with pytest.raises(VersionConflict):
        await service.delete_product(shop.rt, shop.ctx, made.id, expected_version=1)
    assert await names(shop) == ["New name"]


async def test_concurrent_changes_all_count(shop: Shop) -> None:
    made = await make(shop, SHIRT)
    results = await asyncio.gather(
        *[change(shop, made, description=str(at)) for at in range(6)],
        *[service.update_variant(shop.rt, shop.ctx, made.id, v.id, VariantChanges(price=at + 30))
          for v in made.variants for at in range(3)],
    )  # fmt: skip
    last = (await service.get_product(shop.rt, shop.ctx, made.id)).product
    assert last.version == 13 and len({one.version for one in results}) == 12
    assert last.price_minor == min(variant.price_minor for variant in last.variants)


async def test_the_set_of_variants_is_replaced(shop: Shop) -> None:
    made = await make(shop, SHIRT)
    small, large = made.variants
    await stock.set_available(shop.rt, shop.ctx, large.id, 40)
    after = await change(shop, made, variants=(
        VariantDraft(id=large.id, price=30), VariantDraft(sku="TS-S", options={"Size": "XS"}, stock=9, active=False),
        VariantDraft(sku="TS-XL", options={"Size": "XL"}, stock=2),
    ))  # fmt: skip
    assert [one.id for one in after.variants][:2] == [large.id, small.id]
    assert [(one.title, one.price_minor, one.available) for one in after.variants] == [
        ("L / Black", 3000, 40), ("XS", 2000, 9), ("XL", 2000, 2)]  # fmt: skip
    assert (after.price_minor, after.available) == (2000, 42)  # the inactive one counts for neither
    seen = (await service.get_product(shop.rt, shopper(shop), made.id)).product
    assert [one.title for one in seen.variants] == ["L / Black", "XL"]
    after = await change(shop, after, variants=(VariantDraft(sku="TS-XL"),))
    assert [one.sku for one in after.variants] == ["TS-XL"]
    with pytest.raises(Invalid):
        await change(shop, after, variants=())


async def test_single_variants(shop: Shop) -> None:
    made = await make(shop, ProductDraft(name="Mug", price=5, sku="MUG", stock=1))
    made = await service.add_variant(shop.rt, shop.ctx, made.id, VariantDraft("MUG-R", {"Colour": "Red"}, stock=2))
    assert [(one.sku, one.title, one.price_minor) for one in made.variants] == [("MUG-R", "Red", 500)]
    made = await service.add_variant(shop.rt, shop.ctx, made.id, VariantDraft("MUG-B", {"Colour": "Blue"}, price=4))
    with pytest.raises(Invalid):
        await service.add_variant(shop.rt, shop.ctx, made.id, VariantDraft("MUG-C", {"Colour": "Blue"}))
    for field in ({"sku": "X"}, {"stock": 1}):
        with pytest.raises(Refused):
            await change(shop, made, **field)
    red, blue = made.variants
    made = await service.update_variant(shop.rt, shop.ctx, made.id, blue.id, VariantChanges(stock=6, active=False))
    assert (made.available, made.price_minor) == (2, 500)
    made = await service.remove_variant(shop.rt, shop.ctx, made.id, red.id)
    with pytest.raises(Refused):
        await service.remove_variant(shop.rt, shop.ctx, made.id, blue.id)
    with pytest.raises(NotFound):
        await service.remove_variant(shop.rt, shop.ctx, made.id, red.id)


async def test_images_are_added_ordered_and_removed(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    made = await service.add_image(shop.rt, shop.ctx, made.id, ImageDraft("/static/a.svg"), position=0)
    first, second = made.images
    assert first.url == "/static/a.svg"
    made = await service.order_images(shop.rt, shop.ctx, made.id, [second.id, first.id])
    assert made.images == (second, first)
    made = await change(shop, made, images=(ImageDraft(second.url, "New words"), ImageDraft("https://x.example/c.png")))
    assert made.images[0].id == second.id and made.images[0].alt == "New words"
    made = await service.remove_image(shop.rt, shop.ctx, made.id, second.id)
    assert len(made.images) == 1
    with pytest.raises(NotFound):
        await service.remove_image(shop.rt, shop.ctx, made.id, second.id)
    with pytest.raises(Invalid):
        await service.order_images(shop.rt, shop.ctx, made.id, [])


async def test_a_deleted_product_is_gone_but_its_rows_are_kept(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    await service.delete_product(shop.rt, shop.ctx, made.id)
    with pytest.raises(NotFound):
        await service.get_product(shop.rt, shop.ctx, made.id, hidden=True)
    with pytest.raises(NotFound):
        await change(shop, made, name="Back")
    with pytest.raises(NotFound):
        await service.delete_product(shop.rt, shop.ctx, made.id)
    assert await names(shop) == [] == await names(shop, search="wireless")
    async with shop.rt.db.begin(shop.ctx) as tx:
        line = (await store.sellable(tx, [made.variants[0].id]))[made.variants[0].id]
        assert (line.name, line.active) == ("Wireless Headphones", False)


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_shoppers_see_what_is_active_and_change_nothing(shop: Shop) -> None:
    made = await make(shop, msgspec.structs.replace(HEADPHONES, active=False))
    shown = await make(shop, SHIRT)
    seen = shopper(shop)
    assert await names(shop) == ["T-Shirt"] and await names(shop, search="wireless") == []
    for key in (made.id, ProductId(ids.new())):
        with pytest.raises(NotFound) as missing:
            await service.get_product(shop.rt, seen, key)
        assert missing.value.message == "No such product."
    for wrong in (ProductQuery(active=None), ProductQuery(active=False)):
        with pytest.raises(Forbidden):
            await service.list_products(shop.rt, seen, wrong)
    with pytest.raises(Forbidden):
        await service.get_product(shop.rt, seen, shown.id, hidden=True)
    for act in (
        lambda: service.create_product(shop.rt, seen, HEADPHONES),
        lambda: service.update_product(shop.rt, seen, shown.id, ProductChanges(name="x")),
        lambda: service.delete_product(shop.rt, seen, shown.id),
        lambda: service.create_category(shop.rt, seen, CategoryDraft("x")),
    ):
        with pytest.raises(Forbidden):
            await act()
    with pytest.raises(Unauthenticated):
        await service.list_products(shop.rt, Ctx(shop.ctx.tenant))
    hidden = await service.list_products(shop.rt, shop.ctx, ProductQuery(active=False))
    both = await service.list_products(shop.rt, shop.ctx, ProductQuery(active=None, search="t-shirt"))
    assert ([one.id for one in hidden.items], hidden.total) == ([made.id], 1)
    assert [one.id for one in both.items] == [shown.id]
    assert (await service.list_products(shop.rt, shop.ctx, ProductQuery(active=None))).total == 2


async def test_another_tenant_sees_and_changes_nothing(shop: Shop, database: Database) -> None:
    made, other = await make(shop, HEADPHONES), await open_shop(database)
    before = await version(shop)
    theirs = await make(other, HEADPHONES)  # the same slug, SKU and categories
    assert theirs.slug == made.slug and theirs.categories[0].number == made.categories[0].number
    assert [one.id for one in (await service.list_products(other.rt, other.ctx)).items] == [theirs.id]
    for search in ("wireless", "wirless", "wire"):
        found = await service.list_products(other.rt, other.ctx, ProductQuery(search=search, active=None))
        assert [one.id for one in found.items] == [theirs.id]
    for act in (
        lambda: service.get_product(other.rt, other.ctx, made.id, hidden=True),
        lambda: service.update_product(other.rt, other.ctx, made.id, ProductChanges(name="x")),
        lambda: service.delete_product(other.rt, other.ctx, made.id),
        lambda: service.update_variant(other.rt, other.ctx, theirs.id, made.variants[0].id, VariantChanges(stock=1)),
        lambda: service.get_category(other.rt, other.ctx, made.categories[0].id),
        lambda: service.delete_category(other.rt, other.ctx, made.categories[0].id),
    ):
        with pytest.raises(NotFound):
            await act()
    with pytest.raises(Invalid):
        await change(other, theirs, categories=(made.categories[0].id,))
    async with other.rt.db.begin(other.ctx) as tx:
        assert await store.resolve_lines(tx, [(made.id, None), (None, made.variants[0].id)]) == [None, None]
    assert await version(shop) == before


async def test_without_its_tenant_predicate_a_statement_still_sees_one_tenant_only(
    shop: Shop, database: Database
) -> None:
    await make(shop, HEADPHONES)
    other = await open_shop(database)
    for table in store.TABLES:
        async with other.rt.db.begin(other.ctx) as tx:
            row = await tx.platform.row(f"select count(*) from {table} where tenant_id <> $1", other.ctx.tenant)
            assert row is not None and row[0] == 0, table


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_filters(shop: Shop) -> None:
    await make(shop, HEADPHONES)
    await make(shop, ProductDraft("Bluetooth Speaker", "79.99", stock=42, categories=("Electronics > Audio",)))
    await make(shop, ProductDraft("Laptop", 999, categories=("Electronics",)))
    await make(shop, ProductDraft("Chair", 80, stock=1, categories=("Home",)))
    assert await names(shop, category="electronics") == ["Laptop", "Bluetooth Speaker", "Wireless Headphones"]
    assert await names(shop, category="AUDIO") == ["Bluetooth Speaker", "Wireless Headphones"]
    assert await names(shop, category="nothing") == []
    assert await names(shop, min_price="79.99", max_price=129) == ["Chair", "Bluetooth Speaker"]
    assert await names(shop, min_price=Decimal("79.991"), max_price=Decimal("129.99")) == [
        "Chair", "Wireless Headphones"]  # fmt: skip
    assert await names(shop, in_stock=False) == ["Laptop"]
    assert await names(shop, in_stock=True, category="electronics") == ["Bluetooth Speaker", "Wireless Headphones"]
    assert await names(shop, search="audio wireless") == []
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(category="electronics", limit=1, offset=1))
    assert (page.total, [one.name for one in page.items]) == (3, ["Bluetooth Speaker"])
    beyond = await service.list_products(shop.rt, shop.ctx, ProductQuery(offset=50))
    assert (beyond.total, beyond.items) == (4, ())


async def test_bounds_are_in_the_shops_own_currency(database: Database) -> None:
    yen = await open_shop(database, currency="JPY")
    dinar = await open_shop(database, currency="KWD")
    await make(yen, ProductDraft("Yen", 500))
    await make(dinar, ProductDraft("Dinar", "1.005"))
    assert await names(yen, min_price=500, max_price=500) == ["Yen"] and await names(yen, min_price="500.5") == []
    assert await names(dinar, min_price="1.004", max_price="1.005") == ["Dinar"]
    with pytest.raises(Invalid):
        await make(yen, ProductDraft("Half a yen", "0.5"))


@pytest.mark.parametrize("search", [None, "thing"])
async def test_sorts(shop: Shop, search: str | None) -> None:
    for name, price, pieces in [("éclair", 3, 5), ("Apple", 2, 0), ("zoo", 1, 9), ("Banana", 2, 7)]:
        shop.ctx = shop.later(shop.ctx, seconds=1)
        await make(shop, ProductDraft(name, price, description="A thing", stock=pieces))
    expected = {
        Sort.NEWEST: "Banana zoo Apple éclair",
        Sort.OLDEST: "éclair Apple zoo Banana",
        Sort.NAME: "Apple Banana éclair zoo",
        Sort.NAME_DESC: "zoo éclair Banana Apple",
        Sort.PRICE_ASC: "zoo Apple Banana éclair",
        Sort.PRICE_DESC: "éclair Banana Apple zoo",
        Sort.STOCK_ASC: "Apple éclair Banana zoo",
        Sort.STOCK_DESC: "zoo Banana éclair Apple",
        Sort.RELEVANCE: "Banana zoo Apple éclair",
    }
    for sort, wanted in expected.items():
        assert await names(shop, sort=sort, search=search) == wanted.split(), sort
        assert await names(shop, sort=sort, search=search, limit=2, offset=1) == wanted.split()[1:3], sort
        merchants = ProductQuery(sort=sort, search=search, active=None, max_price=5, in_stock=None)
        page = await service.list_products(shop.rt, shop.ctx, merchants)
        assert [one.name for one in page.items] == wanted.split(), sort


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"min_price": -1}, {"max_price": "1e5"}, {"min_price": "x"},
     {"min_price": Decimal("NaN")}, {"max_price": Decimal("Infinity")}, {"min_price": 2, "max_price": 1},
     {"search": "a\x00b"}, {"category": "\x00"}, {"search": "x" * 300}],
)  # fmt: skip
async def test_senseless_queries_are_refused_with_the_field(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        await service.list_products(shop.rt, shop.ctx, ProductQuery(**wrong))
    assert refused.value.field


# ── The version and the count ────────────────────────────────────────────────────────────────────────────────────────
async def test_every_kind_of_change_raises_the_version(shop: Shop) -> None:
    made = await make(shop, HEADPHONES)
    one, rt, ctx = made.variants[0], shop.rt, shop.ctx
    category = await service.create_category(rt, ctx, CategoryDraft("Garden"))

    async def raised(act: Any) -> None:
        before = await version(shop)
        await act
        assert await version(shop) > before

    await raised(change(shop, made, name="Other"))
    await raised(change(shop, made, stock=9))
    await raised(change(shop, made, categories=("Garden",)))
    await raised(service.add_image(rt, ctx, made.id, ImageDraft("/b.png")))
    await raised(service.update_variant(rt, ctx, made.id, one.id, VariantChanges(price=3)))
    await raised(service.add_variant(rt, ctx, made.id, VariantDraft("NEW", {"a": "b"})))
    await raised(stock.receive(rt, ctx, one.id, 3))
    await raised(stock.set_available(rt, ctx, one.id, 1))
    await raised(service.create_category(rt, ctx, CategoryDraft("New")))
    await raised(service.update_category(rt, ctx, category.id, CategoryChanges(name="Gardening")))
    await raised(service.delete_category(rt, ctx, category.id))
    await raised(service.delete_product(rt, ctx, made.id))
    heard: list[TenantId] = []
    rt.db.catalog_listeners.append(heard.append)
    await make(shop, HEADPHONES)
    rt.db.catalog_listeners.remove(heard.append)
    assert heard == [ctx.tenant]


async def test_a_refused_change_raises_nothing(shop: Shop) -> None:
    made, before = await make(shop, HEADPHONES), await version(shop)
    for wrong in (
        {"name": ""},
        {"price": -1},
        {"sku": "x" * 101},
        {"categories": (99,)},
        {"images": (ImageDraft("x"),)},
    ):
        with pytest.raises(MerxError):
            await change(shop, made, **wrong)
    assert await version(shop) == before and (await service.list_categories(shop.rt, shop.ctx)).version == before


async def test_the_counted_products_are_the_products_there_are(shop: Shop) -> None:
    dice, kept = random.Random(4), list[Product]()
    for step in range(60):
        roll = dice.random()
        if not kept or roll < 0.4:
            kept.append(await make(shop, ProductDraft(f"Thing {step}", 1, active=dice.random() < 0.7)))
        elif roll < 0.8:
            at = dice.randrange(len(kept))
            kept[at] = await change(shop, kept[at], active=dice.random() < 0.5, name=f"Thing {step}")
        else:
            await service.delete_product(shop.rt, shop.ctx, kept.pop(dice.randrange(len(kept))).id)
        if step % 10 == 9:
            real = await shop.value(
                "select count(*) from products where tenant_id = $1 and active and deleted_at is null"
            )
            page = await service.list_products(shop.rt, shop.ctx, ProductQuery(limit=100))
            found = await service.list_products(shop.rt, shop.ctx, ProductQuery(search="thing", limit=100))
            shown = sum(product.active for product in kept)
            assert (page.total, len(page.items), real, found.total) == (shown, shown, shown, shown)


# ── Categories ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_categories_are_a_tree(shop: Shop) -> None:
    rt, ctx = shop.rt, shop.ctx
    electronics = await service.create_category(rt, ctx, CategoryDraft("Electronics", description="All of it"))
    audio = await service.create_category(rt, ctx, CategoryDraft("Audio", parent=electronics.number))
    hifi = await service.create_category(rt, ctx, CategoryDraft("Hi-Fi", parent="audio", position=2))
    second = await service.create_category(rt, ctx, CategoryDraft("Audio", parent=None, position=5))
    assert (second.slug, second.number) == ("audio-2", 4)
    listed = await service.list_categories(rt, ctx)
    assert [one.slug for one in listed.items] == ["electronics", "audio", "hi-fi", "audio-2"]
    for wrong in (electronics.id, audio.id, hifi.id):
        with pytest.raises(Invalid):
            await service.update_category(rt, ctx, electronics.id, CategoryChanges(parent=wrong))
    with pytest.raises(Invalid):
        await service.update_category(rt, ctx, hifi.id, CategoryChanges(parent=12345))
    with pytest.raises(SlugTaken):
        await service.update_category(rt, ctx, hifi.id, CategoryChanges(slug="audio"))
    made = await make(shop, ProductDraft("Amp", 1, categories=("Hi-Fi",)))
    assert await names(shop, category="Electronics") == ["Amp"]
    await service.update_category(rt, ctx, audio.id, CategoryChanges(parent=None, name="Sound"))
    assert await names(shop, category="Electronics") == [] and await names(shop, category="sound") == ["Amp"]
    await service.delete_category(rt, ctx, audio.id)
    assert (await service.get_category(rt, ctx, hifi.id)).parent_id is None
    await service.delete_category(rt, ctx, "hi-fi")
    assert (await service.get_product(rt, ctx, made.id)).product.categories == ()
    fresh = await service.create_category(rt, ctx, CategoryDraft("Fresh"))
    assert fresh.number == 5  # numbers are never given twice


async def test_products_name_categories_in_many_ways(shop: Shop) -> None:
    made = await service.create_category(shop.rt, shop.ctx, CategoryDraft("Électronique"))
    for key in (made.id, made.number, str(made.number), made.slug, "électronique", "ÉLECTRONIQUE", "electronique"):
        product = await make(shop, ProductDraft("P", 1, categories=(key,)))
        assert [one.id for one in product.categories] == [made.id], key
    for key in (UUID(int=5), 77):
        with pytest.raises(Invalid):
            await make(shop, ProductDraft("P", 1, categories=(key,)))
    assert len((await service.list_categories(shop.rt, shop.ctx)).items) == 1


# ── For the floors above ─────────────────────────────────────────────────────────────────────────────────────────────
async def test_lines_are_resolved(shop: Shop) -> None:
    shirt, mug = await make(shop, SHIRT), await make(shop, ProductDraft("Mug", 5, stock=2, images=(ImageDraft("/m"),)))
    small, large = shirt.variants
    await service.update_variant(shop.rt, shop.ctx, shirt.id, small.id, VariantChanges(active=False))
    async with shop.rt.db.begin(shop.ctx) as tx:
        found = await store.resolve_lines(tx, [
            (shirt.id, None), (None, large.id), (shirt.id, small.id), (mug.id, large.id), (None, None), (mug.id, None),
            (ProductId(ids.new()), None), (mug.id, None),
        ])  # fmt: skip
    assert [one and one.variant_id for one in found] == [
        large.id, large.id, small.id, None, None, mug.variants[0].id, None, mug.variants[0].id]  # fmt: skip
    assert found[2] is not None and not found[2].active
    line = found[5]
    assert line is not None
    assert (line.product_id, line.name, line.image, line.unit_minor, line.active, line.available) == (
        mug.id, "Mug", "/m", 500, True, 2)  # fmt: skip


async def test_edits_files_and_reservations_at_once_never_deadlock(shop: Shop, deadlocks: list[str]) -> None:
    made = [await make(shop, ProductDraft(f"P{at}", 1, stock=1000, sku=f"S{at}")) for at in range(6)]
    dice = random.Random(7)

    async def edit() -> None:
        one = dice.choice(made)
        await change(shop, one, stock=dice.randrange(500, 900), name=f"P{dice.random()}", categories=("C",))

    async def file() -> None:
        lines = [rows.Record(at, {"sku": f"S{at}", "stock_quantity": 800}) for at in dice.sample(range(6), 4)]
        await transfer.import_products(shop.rt, shop.ctx, lines)

    async def reserve() -> None:
        async with shop.rt.db.begin(shop.ctx) as tx:
            wanted = {one.variants[0].id: 1 for one in dice.sample(made, 3)}
            await inventory.reserve(tx, OrderId(ids.new()), wanted)

    async def busy_at_most(act: Any) -> None:
        with contextlib.suppress(Busy):
            await act()

    for _ in range(5):
        await asyncio.gather(*[busy_at_most(dice.choice([edit, file, reserve])) for _ in range(16)])
    assert deadlocks == []
    for one in (await service.list_products(shop.rt, shop.ctx)).items:
        sums = "select sum(on_hand_delta), sum(reserved_delta) from stock_movements where tenant_id = $1 and variant_id = $2"
        async with shop.rt.db.begin(shop.ctx) as tx:
            row = await tx.row(sums, one.variants[0].id)
        assert row is not None
        assert tuple(row) == (one.variants[0].on_hand, one.variants[0].reserved)
