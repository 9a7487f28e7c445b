"""Files of products: all or nothing, with the lines that are wrong; and out again as they came in."""

from __future__ import annotations

import pytest
from tests.selling import Shop, open_shop

from merx.core.catalog import rows, service, transfer
from merx.core.catalog.model import (
    BadRows,
    CategoryDraft,
    ImageDraft,
    ImportReport,
    Product,
    ProductDraft,
    ProductQuery,
    VariantDraft,
)
from merx.core.inventory import service as stock
from merx.db.database import Database

CSV = """slug,name,description,price,compare_price,sku,stock_quantity,active,categories,images,options
mug,Mug,"For tea,
and coffee",5.50,7,MUG,12,true,Home > Kitchen; Sale,/a.png A mug | https://x.example/b.png,
shirt,T-Shirt,Soft,20,,TS-S,3,yes,Clothes,,Size=S; Colour=Black
shirt,,,18.50,,TS-L,4,,,,Size=L; Colour=Black

,Poster,,9,,,7,no,,,
"""
JSON_LINES = """{"name": "Lamp", "price": 30.25, "sku": "LAMP", "stock_quantity": 2, "categories": ["Home"]}

{"name": "Bag", "variants": [{"sku": "BAG-R", "price": "50", "options": {"Colour": "Red"}, "stock_quantity": 1},
 "x"]}
"""


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def take(shop: Shop, text: str) -> ImportReport:
    read = rows.read_json_lines if text.startswith("{") else rows.read_csv
    return await transfer.import_products(shop.rt, shop.ctx, read(text.splitlines(keepends=True)))


async def test_a_csv_file_comes_in(shop: Shop) -> None:
    assert await take(shop, CSV) == ImportReport(created=3, updated=0)
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(active=None))
    poster, shirt, mug = sorted(page.items, key=lambda one: one.price_minor)[1], None, None
    by_slug = {one.slug: one for one in page.items}
    mug, shirt, poster = by_slug["mug"], by_slug["shirt"], by_slug["poster"]
    assert (mug.name, mug.description, mug.price_minor, mug.compare_minor, mug.sku, mug.available) == (
        "Mug", "For tea,\nand coffee", 550, 700, "MUG", 12)  # fmt: skip
    assert [(one.url, one.alt) for one in mug.images] == [("/a.png", "A mug"), ("https://x.example/b.png", "")]
    assert [one.name for one in mug.categories] == ["Kitchen", "Sale"]
    assert [(one.title, one.price_minor, one.available) for one in shirt.variants] == [
        ("S / Black", 2000, 3), ("L / Black", 1850, 4)]  # fmt: skip
    assert (poster.active, poster.available) == (False, 7)
    found = await service.list_products(shop.rt, shop.ctx, ProductQuery(search="cofee", category="home"))
    assert [one.slug for one in found.items] == ["mug"]


async def test_the_same_file_again_changes_what_it_says(shop: Shop) -> None:
    await take(shop, CSV)
    mug = (await service.get_product_by_slug(shop.rt, shop.ctx, "mug")).product
    await stock.set_available(shop.rt, shop.ctx, mug.variants[0].id, 1)
    changed = CSV.replace("5.50", "6.50").replace(",Poster", "poster,Poster")
    assert await take(shop, changed) == ImportReport(created=0, updated=3)
    after = (await service.get_product_by_slug(shop.rt, shop.ctx, "mug")).product
    assert (after.id, after.price_minor, after.available, after.images[0].id) == (mug.id, 650, 12, mug.images[0].id)
    assert await take(shop, "sku,price\nTS-L,17\n") == ImportReport(created=0, updated=1)
    shirt = (await service.get_product_by_slug(shop.rt, shop.ctx, "shirt")).product
    assert [(one.sku, one.price_minor, one.available) for one in shirt.variants] == [
        ("TS-S", 2000, 3),
        ("TS-L", 1700, 4),
    ]
    assert shirt.name == "T-Shirt"


async def test_one_bad_row_and_nothing_is_written(shop: Shop) -> None:
    lines = [f'{{"name": "P{at}", "price": 1, "sku": "S{at}", "categories": ["New"]}}' for at in range(1200)]
    lines[3] = '{"name": "No price"}'
    lines[700] = "not json"
    lines[1100] = '{"name": "Twice", "price": 1, "sku": "S1"}'
    lines[1101] = '{"name": "Odd", "price": 1, "colour": "red"}'
    lines[1102] = '{"name": "Odd", "price": 1, "stock_quantity": "many"}'
    lines[1103] = '{"name": "Odd", "price": 1.005}'
    with pytest.raises(BadRows) as refused:
        await take(shop, "\n".join(lines))
    assert [(row.line, row.field) for row in refused.value.rows] == [
        (4, "price"), (701, None), (1101, "sku"), (1102, "colour"), (1103, "stock_quantity"), (1104, "price")]  # fmt: skip
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(active=None))
    assert (page.total, page.version) == (0, 0)
    assert (await service.list_categories(shop.rt, shop.ctx)).items == ()
    with pytest.raises(BadRows) as refused:
        await take(shop, JSON_LINES)
    assert [row.line for row in refused.value.rows] == [3, 4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name,price\nA,1\nB,x\n", 3),
        ("name,prize\nA,1\n", 1),
        ("name,price\nA,1,2\n", 2),
        ('name,price\n"A,1\n', 2),
        ("name,price\n,1\n", 2),
        ("name,price,images\nA,1,javascript:x\n", 2),
        ("name,price,options\nA,1,Red\n", 2),
        ("name,price,description\nA,1,\x00\n", 2),
    ],
)
async def test_bad_lines_are_named(shop: Shop, text: str, line: int) -> None:
    with pytest.raises(BadRows) as refused:
        await take(shop, text)
    assert refused.value.rows[0].line == line


async def test_a_sku_of_another_product_is_a_bad_row(shop: Shop) -> None:
    await take(shop, "slug,name,price,sku\na,A,1,SA\nb,B,1,SB\n")
    with pytest.raises(BadRows) as refused:
        await take(shop, "slug,name,price,sku\na,A,1,SB\nc,C,1,SA\n")
    assert [(row.line, row.field) for row in refused.value.rows] == [(2, "sku"), (3, "sku")]


@pytest.mark.parametrize("as_csv", [False, True])
async def test_what_goes_out_comes_in_again(shop: Shop, database: Database, as_csv: bool) -> None:
    await take(shop, CSV)
    await service.create_product(shop.rt, shop.ctx, ProductDraft('=HYPERLINK("x")', 1, slug="formula"))
    file = "".join([line async for line in transfer.export_lines(shop.rt, shop.ctx, as_csv)])
    assert "\n=" not in file and ",=" not in file
    other = await open_shop(database)
    assert await take(other, file) == ImportReport(created=4, updated=0)
    again = "".join([line async for line in transfer.export_lines(other.rt, other.ctx, as_csv)])
    assert again == file


@pytest.mark.parametrize("as_csv", [False, True])
async def test_names_with_separators_come_in_as_they_were(shop: Shop, database: Database, as_csv: bool) -> None:
    """Also what looks like a guarded formula, and categories that share a name or have a path's own sign in theirs."""
    for name in ("Tea; Coffee", "In > Out", "Twins", "Twins", "Back\\slash"):
        await service.create_category(shop.rt, shop.ctx, CategoryDraft(name))
    draft = ProductDraft(
        "'=quoted",
        1,
        description="'+'",
        categories=("tea-coffee", "in-out", "twins-2", "back-slash"),
        images=(ImageDraft("https://x.example/a|b.png?c=d", "left | right; \\o/"),),
        variants=(VariantDraft("'-1", {"Si;ze": "1=2; wide", "A=B": "c|d\\"}, stock=1),),
    )
    made = await service.create_product(shop.rt, shop.ctx, draft)
    file = "".join([line async for line in transfer.export_lines(shop.rt, shop.ctx, as_csv)])
    assert await take(shop, file) == ImportReport(created=0, updated=1)
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(active=None))
    assert [_said(one) for one in page.items] == [_said(made)]
    assert [one.slug for one in page.items[0].categories] == ["tea-coffee", "in-out", "twins-2", "back-slash"]
    other = await open_shop(database)
    await take(other, file)
    copied = (await service.list_products(other.rt, other.ctx, ProductQuery(active=None))).items
    assert [_said(one) for one in copied] == [_said(made)]
    assert {one.name for one in copied[0].categories} >= {"Tea; Coffee", "Back\\slash"}


def _said(product: Product) -> tuple[object, ...]:
    return (
        product.name,
        product.description,
        [(one.url, one.alt) for one in product.images],
        [(one.sku, one.options, one.price.text(), one.available) for one in product.variants],
    )


async def test_many_at_once(shop: Shop) -> None:
    heard: list[int] = []
    drafts = [
        ProductDraft("Same name" if at % 2 else f"Thing {at}", at + 1, stock=at, categories=(f"C{at % 3}",),
                     variants=(VariantDraft(f"V{at}", {"a": "b"}, stock=at),))
        for at in range(1100)
    ]  # fmt: skip
    made = await transfer.bulk_load(shop.rt, shop.ctx, drafts, heard.append)
    assert len(set(made)) == 1100 and heard == [500, 1000, 1100]
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(category="c1", limit=1000, sort=None))
    assert page.total == 367 and (await service.list_products(shop.rt, shop.ctx)).total == 1100
    exported = [product async for product in transfer.export_products(shop.rt, shop.ctx)]
    assert [product.id for product in exported] == sorted(made) and len({one.slug for one in exported}) == 1100
    assert sum(product.available for product in exported) == sum(range(1100))
