"""Writes products, variants, categories, product_categories and the words of the search. Everything that writes takes
many at once: one product and a file of a hundred thousand go the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from merx.core.catalog import reading, searching, words
from merx.core.catalog.model import (
    Address,
    Category,
    CategoryList,
    Image,
    Product,
    ProductDetail,
    ProductPage,
    ProductQuery,
    Sellable,
    Sort,
    Variant,
)
from merx.core.catalog.reading import Narrow, Shape
from merx.core.catalog.searching import Quick
from merx.core.catalog.tree import ordered
from merx.db.database import Tx
from merx.kernel.ids import CategoryId, ProductId, VariantId
from merx.kernel.money import MAX_MINOR, Currency

TABLES = ("products", "variants", "categories", "product_categories", "search_words", "search_typos")

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────
PREFLIGHT = """
select s.currency,
  (select array_agg(p.slug) from products p where p.tenant_id = $1 and p.slug = any($2::text[]) and p.deleted_at is null),
  (select json_object_agg(v.sku, v.product_id) from variants v
   where v.tenant_id = $1 and v.sku = any($3::text[]) and v.deleted_at is null)
from settings s where s.tenant_id = $1
"""
LOCK_PRODUCTS = """
select id from products where tenant_id = $1 and id = any($2::uuid[]) and deleted_at is null
order by id for no key update
"""
PRODUCTS_BY_SLUG = """
select slug, id from products where tenant_id = $1 and slug = any($2::text[]) and deleted_at is null
"""
LIST_CATEGORIES = """
select (select sum(v.version)::bigint from catalog_versions v where v.tenant_id = $1),
  (select json_agg(json_build_array(
     c.id, c.number, c.parent_id, c.name, c.slug, c.description, c.position, c.created_at))
   from categories c where c.tenant_id = $1)
"""
COVERS = """
select c.id, cover.image from unnest($2::uuid[]) as c (id)
join lateral (
  select p.images -> 0 as image
  from (
    select c.id union all select b.id from categories b where b.tenant_id = $1 and b.parent_id = c.id) as branch
  join product_categories pc on pc.tenant_id = $1 and pc.category_id = branch.id
  join products p on p.tenant_id = $1 and p.id = pc.product_id
  where p.active and p.deleted_at is null and p.images -> 0 is not null
  limit 1) as cover on true
"""
ADDRESSES = """
select p.id, p.slug, p.name, p.updated_at from products p
where p.tenant_id = $1 and p.id > $2 and p.active and p.deleted_at is null order by p.id limit $3
"""
EDGES = """
select n.id from (
  select p.id, row_number() over (order by p.id) as number from products p
  where p.tenant_id = $1 and p.active and p.deleted_at is null) as n
where n.number % $2 = 0 order by n.id
"""
_SELLABLE = """
select v.id, v.product_id, v.sku, p.name, v.title, p.images -> 0 ->> 'url', v.price_minor,
  v.active and p.active and v.deleted_at is null and p.deleted_at is null, s.on_hand - s.reserved"""
SELLABLE = f"""{_SELLABLE}
from variants v
join products p on p.tenant_id = $1 and p.id = v.product_id
join stock s on s.tenant_id = $1 and s.variant_id = v.id
where v.tenant_id = $1 and v.id = any($2::uuid[])
"""
RESOLVE_LINES = f"""
with named as (
  select w.place, v.id from unnest($2::uuid[], $3::uuid[]) with ordinality as w (product_id, variant_id, place)
  join variants v on v.tenant_id = $1 and v.id = w.variant_id and (w.product_id is null or v.product_id = w.product_id)
  where w.variant_id is not null
  union all
  select w.place, first.id from unnest($2::uuid[], $3::uuid[]) with ordinality as w (product_id, variant_id, place)
  join lateral (
    select v.id from variants v where v.tenant_id = $1 and v.product_id = w.product_id and v.deleted_at is null
    order by v.active desc, v.position, v.id limit 1) as first on true
  where w.variant_id is null){_SELLABLE}, named.place
from named
join variants v on v.tenant_id = $1 and v.id = named.id
join products p on p.tenant_id = $1 and p.id = v.product_id
join stock s on s.tenant_id = $1 and s.variant_id = v.id
"""

# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
WRITE_PRODUCTS = """
insert into products (tenant_id, id, slug, name, sort_name, description, price_minor, compare_minor, sku, options, images,
  active, version, created_at, updated_at)
select $1, w.id, w.slug, w.name, w.sort_name, w.description, w.price_minor, w.compare_minor, w.sku, w.options::jsonb,
  w.images::jsonb, w.active, w.version, w.created_at, w.updated_at
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
  $10::text[], $11::text[], $12::bool[], $13::int[], $14::timestamptz[], $15::timestamptz[])
  as w (id, slug, name, sort_name, description, price_minor, compare_minor, sku, options, images, active, version,
    created_at, updated_at)
on conflict (tenant_id, id) do update set slug = excluded.slug, name = excluded.name, sort_name = excluded.sort_name,
  description = excluded.description, price_minor = excluded.price_minor, compare_minor = excluded.compare_minor,
  sku = excluded.sku, options = excluded.options, images = excluded.images, active = excluded.active,
  version = excluded.version, updated_at = excluded.updated_at
returning 1
"""
WRITE_VARIANTS = """
insert into variants (tenant_id, id, product_id, sku, title, options, price_minor, compare_minor, active, position)
select $1, w.id, w.product_id, w.sku, w.title, w.options::jsonb, w.price_minor, w.compare_minor, w.active, w.position
from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bool[],
  $10::int[]) as w (id, product_id, sku, title, options, price_minor, compare_minor, active, position)
on conflict (tenant_id, id) do update set sku = excluded.sku, title = excluded.title, options = excluded.options,
  price_minor = excluded.price_minor, compare_minor = excluded.compare_minor, active = excluded.active,
  position = excluded.position
returning 1
"""
REMOVE_VARIANTS = """
update variants set deleted_at = $3 where tenant_id = $1 and id = any($2::uuid[]) and deleted_at is null
"""
DELETE_PRODUCT = """
with sold_no_more as (
  update variants set deleted_at = $3 where tenant_id = $1 and product_id = $2 and deleted_at is null)
update products set deleted_at = $3, updated_at = $3, version = version + 1
where tenant_id = $1 and id = $2 and deleted_at is null
"""
CATEGORIZE = """
with wanted as (
  select * from unnest($3::uuid[], $4::uuid[], $5::int[]) as w (product_id, category_id, position)),
gone as (
  delete from product_categories pc where pc.tenant_id = $1 and pc.product_id = any($2::uuid[]) and not exists (
    select 1 from wanted w where w.product_id = pc.product_id and w.category_id = pc.category_id))
insert into product_categories (tenant_id, product_id, category_id, position)
select $1, w.product_id, w.category_id, w.position from wanted w
on conflict (tenant_id, product_id, category_id) do update set position = excluded.position
"""
DROP_WORDS = """
delete from search_words s using unnest($2::text[], $3::uuid[]) as w (word, product_id)
where s.tenant_id = $1 and s.word = w.word and s.product_id = w.product_id
"""
ADD_WORDS = """
insert into search_words (tenant_id, product_id, word, weight, shared, shown)
select $1, w.product_id, w.word, w.weight, w.shared, w.shown
from unnest($2::uuid[], $3::text[], $4::smallint[], $5::smallint[], $6::bool[])
  as w (product_id, word, weight, shared, shown)
returning 1
"""
PUT_WORDS = ADD_WORDS.replace(
    "returning 1",
    "on conflict (tenant_id, product_id, word) do update set weight = excluded.weight, shared = excluded.shared, "
    "shown = excluded.shown",
)
PUT_TYPOS = """
insert into search_typos (tenant_id, stub, word, place)
select $1, w.stub, w.word, w.place from unnest($2::text[], $3::text[], $4::smallint[]) as w (stub, word, place)
where not exists (select 1 from search_typos t where t.tenant_id = $1 and t.stub = w.stub and t.word = w.word)
order by w.stub collate "C", w.word collate "C"
on conflict do nothing
"""
WRITE_CATEGORIES = """
insert into categories (tenant_id, id, number, parent_id, name, slug, description, position, created_at)
select $1, w.id, w.number, w.parent_id, w.name, w.slug, w.description, w.position, w.created_at
from unnest($2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[])
  as w (id, number, parent_id, name, slug, description, position, created_at)
on conflict (tenant_id, id) do update set parent_id = excluded.parent_id, name = excluded.name, slug = excluded.slug,
  description = excluded.description, position = excluded.position
returning 1
"""
LIFT_CATEGORIES = """
update categories set parent_id = $3 where tenant_id = $1 and parent_id = $2
"""
COUNT_IN_CATEGORY = """
select count(*) from (select 1 from product_categories c
  join products p on p.tenant_id = $1 and p.id = c.product_id and p.deleted_at is null
  where c.tenant_id = $1 and c.category_id = $2 limit $3::bigint) as counted
"""
DELETE_CATEGORY = "delete from categories where tenant_id = $1 and id = $2"

_parts = msgspec.json.Decoder(tuple[msgspec.Raw, ...])
_product = msgspec.json.Decoder(Product)
_categories = msgspec.json.Decoder(list[Category])
_image = msgspec.json.Decoder(Image)
_owners = msgspec.json.Decoder(dict[str, ProductId])

_MOST_KNOWN = 1024
_known: dict[bytes | str, Product] = {}


def _remembered(raw: bytes | str) -> Product:
    """A product that was read before and has not changed since is the very same object: what is read is mostly the same
    products again, and whoever made something of one may keep it with the object."""
    product = _known.get(raw)
    if product is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        product = _known[raw] = _product.decode(raw)
    return product


def _products(text: str) -> tuple[Product, ...]:
    return tuple([_remembered(bytes(part)) for part in _parts.decode(text)])


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def list_products(tx: Tx, query: ProductQuery) -> ProductPage:
    asked = words.asked(query.search) if query.search and query.search.strip() else None
    narrow = Narrow.NOT if query.min_price is None and query.max_price is None else Narrow.PRICE
    if query.in_stock is not None:
        narrow = Narrow.IN_STOCK if query.in_stock else Narrow.OUT_OF_STOCK
    sort = query.sort or Sort.RELEVANCE
    if asked is None and sort is Sort.RELEVANCE:
        sort = Sort.NEWEST
    among = bool(query.category and query.among)
    shape: Shape | Quick = Shape(
        query.active is True, asked is not None, query.category is not None, narrow, sort, among
    )
    if asked and shape == reading.BEST:
        shape = searching.quick(asked) or shape
    values = _arguments(query, asked or [])
    lists = reading.LISTS_WITH_TREE if query.tree else reading.LISTS
    row = await tx.row(lists[shape], *[values[name] for name in reading.TAKES[shape]])
    assert row is not None
    tree = tuple(_categories.decode(row[3])) if query.tree and row[3] else ()
    return ProductPage(_products(row[2]) if row[2] else (), row[1] or 0, row[0] or 0, tree)


def _arguments(query: ProductQuery, asked: Sequence[str]) -> Mapping[str, Any]:
    slips = [(stub, place, n) for n, word in enumerate(asked, 1) for stub, place in words.stubs(word).items()]
    stubs, places, of = _columns(slips, 3)
    category = (query.category or "").strip()
    low, high, letters = asked, list(map(_last, asked)), list(map(_letters, asked))
    return {
        "limit": query.limit,
        "offset": query.offset,
        "active": [True, False] if query.active is None else [query.active],
        "low": low,
        "high": high,
        "letters": letters,
        "word": low[0] if low else None,
        "last": high[0] if high else None,
        "letters_of_word": letters[0] if letters else None,
        "stubs": stubs,
        "places": places,
        "of": of,
        "counted": searching.COUNTED,
        "many": searching.MANY,
        "words": searching.WORDS,
        "slugs": [category, words.slugify(category, "")],
        "name": category,
        "among": query.among,
        "lowest": _bounds(query.min_price, 0, ROUND_CEILING),
        "highest": _bounds(query.max_price, MAX_MINOR, ROUND_FLOOR),
    }


def _last(word: str) -> str:
    """The last that a word asked for finds. One letter begins too much."""
    return f"{word}\U0010ffff" if len(word) > 1 else word


def _letters(word: str) -> int:
    return len(word) if len(word) > 1 else searching.WHATEVER


def _bounds(bound: Decimal | int | str | None, otherwise: int, rounding: str) -> list[int]:
    """In minor units of currencies with no, two and three decimals."""
    if bound is None:
        return [otherwise] * 3
    exact = min(Decimal(bound), Decimal(MAX_MINOR))
    return [int(exact.scaleb(digits).to_integral_value(rounding)) for digits in (0, 2, 3)]


async def kept_product(tx: Tx, key: ProductId | str) -> ProductDetail | None:
    """As merchants see it, by id, or by slug where `key` is text."""
    if isinstance(key, str):
        row = await tx.row(reading.KEPT_BY_SLUG, key)
    else:
        row = await tx.row(reading.KEPT_BY_ID, key)
    return ProductDetail(_product.decode(row[1]), row[0] or 0) if row and row[1] else None


async def shown_products(tx: Tx, keys: Sequence[ProductId] | Sequence[str]) -> dict[ProductId | str, ProductDetail]:
    """What shoppers see of these products, all named by id or all by slug; what is not there is left out."""
    rows = await tx.rows(reading.SHOWN_BY_SLUGS if isinstance(keys[0], str) else reading.SHOWN_BY_IDS, keys)
    return {row[1]: ProductDetail(_remembered(row[2]), row[0] or 0) for row in rows}


async def get_product_with_tree(tx: Tx, product: ProductId, shown: bool) -> ProductDetail | None:
    row = await tx.row(reading.SHOWN_BY_ID_WITH_TREE if shown else reading.KEPT_BY_ID_WITH_TREE, product)
    if row is None or not row[1]:
        return None
    return ProductDetail(_product.decode(row[1]), row[0] or 0, tuple(_categories.decode(row[2])) if row[2] else ())


async def kept_products(tx: Tx, products: Sequence[ProductId]) -> tuple[Product, ...]:
    """As merchants see them, in the order of their ids."""
    row = await tx.row(reading.KEPT_PRODUCTS, list(products))
    return _products(row[0]) if row and row[0] else ()


async def exported(tx: Tx, after: UUID, limit: int) -> tuple[Product, ...]:
    row = await tx.row(reading.EXPORTED, after, limit)
    return _products(row[0]) if row and row[0] else ()


async def covers(tx: Tx, categories: Sequence[CategoryId]) -> dict[CategoryId, Image]:
    rows = await tx.rows(COVERS, categories)
    return {row[0]: _image.decode(row[1]) for row in rows}


async def addresses(tx: Tx, after: UUID, limit: int) -> list[Address]:
    return [Address(*row) for row in await tx.rows(ADDRESSES, after, limit)]


async def edges(tx: Tx, every: int) -> list[ProductId]:
    """The last product of each full piece of so many."""
    return [row[0] for row in await tx.rows(EDGES, every)]


async def preflight(
    tx: Tx, slugs: Iterable[str] = (), skus: Iterable[str] = ()
) -> tuple[Currency, set[str], dict[str, ProductId]]:
    """The shop's currency, which of the slugs are taken, and which products the SKUs belong to."""
    row = await tx.row(PREFLIGHT, list(slugs), list(skus))
    assert row is not None
    return Currency(row[0]), set(row[1] or ()), _owners.decode(row[2]) if row[2] else {}


async def lock_products(tx: Tx, products: Sequence[ProductId]) -> list[ProductId]:
    """Nobody else changes them until the transaction ends. What is missing from the answer is not there."""
    return [row[0] for row in await tx.rows(LOCK_PRODUCTS, list(products))]


async def products_by_slug(tx: Tx, slugs: Sequence[str]) -> dict[str, ProductId]:
    return {row[0]: row[1] for row in await tx.rows(PRODUCTS_BY_SLUG, list(slugs))}


async def list_categories(tx: Tx) -> CategoryList:
    row = await tx.row(LIST_CATEGORIES)
    return CategoryList(ordered(_categories.decode(row[1])) if row and row[1] else (), (row[0] if row else 0) or 0)


async def sellable(tx: Tx, variants: Sequence[VariantId]) -> dict[VariantId, Sellable]:
    return {row[0]: Sellable(*row) for row in await tx.rows(SELLABLE, list(variants))}


async def resolve_lines(tx: Tx, wanted: Sequence[tuple[ProductId | None, VariantId | None]]) -> list[Sellable | None]:
    """What each of `wanted` sells, in its order. A product without a variant means its first active one; None: there
    is no such product, or the variant is not the product's."""
    rows = await tx.rows(RESOLVE_LINES, [product for product, _ in wanted], [variant for _, variant in wanted])
    found = {row[9]: Sellable(*tuple(row)[:9]) for row in rows}
    return [found.get(place) for place in range(1, len(wanted) + 1)]


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def write_products(tx: Tx, products: Sequence[Product]) -> None:
    """Makes or overwrites them, each as it is, without its children."""
    tx.touch_catalog()
    rows = [
        (
            p.id,
            p.slug,
            p.name,
            words.sort_key(p.name),
            p.description,
            p.price_minor,
            p.compare_minor,
            p.sku,
            _text(p.options),
            _text(p.images),
            p.active,
            p.version,
            p.created_at,
            p.updated_at,
        )
        for p in products
    ]
    await tx.rows(WRITE_PRODUCTS, *_columns(rows, 14))


async def write_variants(tx: Tx, variants: Sequence[tuple[ProductId, int, Variant]]) -> None:
    """(product, position, variant); stock is the inventory's."""
    tx.touch_catalog()
    rows = [
        (v.id, product, v.sku, v.title, _text(v.options), v.price_minor, v.compare_minor, v.active, position)
        for product, position, v in variants
    ]
    await tx.rows(WRITE_VARIANTS, *_columns(rows, 9))


async def remove_variants(tx: Tx, variants: Sequence[VariantId]) -> None:
    """They leave the shop; orders and the ledger keep them."""
    tx.touch_catalog()
    await tx.run(REMOVE_VARIANTS, list(variants), tx.ctx.now)


async def delete_product(tx: Tx, product: ProductId, shown: bool) -> None:
    """It leaves the shop, with its variants, and its slug and SKUs are free again. `shown`: it was active."""
    tx.touch_catalog(products=-1 if shown else 0)
    await tx.run(DELETE_PRODUCT, product, tx.ctx.now)


async def categorize(tx: Tx, wanted: Mapping[ProductId, Sequence[CategoryId]]) -> None:
    """Exactly these categories for each of these products."""
    tx.touch_catalog()
    rows = [(product, one, at) for product, given in wanted.items() for at, one in enumerate(given)]
    await tx.run(CATEGORIZE, list(wanted), *_columns(rows, 3))


async def drop_words(tx: Tx, gone: Sequence[tuple[str, ProductId]]) -> None:
    await tx.run(DROP_WORDS, *_columns(gone, 2))


async def put_words(tx: Tx, found: Sequence[tuple[ProductId, str, int, int, bool]], new: bool) -> None:
    """(product, word, weight, shared, shown). `new`: none of the products had words before, which is quicker."""
    await tx.run(ADD_WORDS if new else PUT_WORDS, *_columns(sorted(found, key=itemgetter(1)), 5))


async def put_typos(tx: Tx, slips: Sequence[tuple[str, str, int]]) -> None:
    """(stub, word, place): how `word` is found in spite of a slip."""
    await tx.run(PUT_TYPOS, *_columns(slips, 3))


async def write_categories(tx: Tx, categories: Sequence[Category]) -> None:
    """Makes or overwrites them; parents come before their children."""
    tx.touch_catalog()
    rows = [(c.id, c.number, c.parent_id, c.name, c.slug, c.description, c.position, c.created_at) for c in categories]
    await tx.rows(WRITE_CATEGORIES, *_columns(rows, 8))


async def lift_categories(tx: Tx, category: CategoryId, parent: CategoryId | None) -> None:
    """Its children become its parent's."""
    tx.touch_catalog()
    await tx.run(LIFT_CATEGORIES, category, parent)


async def count_in_category(tx: Tx, category: CategoryId, most: int) -> int:
    """How many products, up to `most`."""
    row = await tx.row(COUNT_IN_CATEGORY, category, most)
    return int(row[0]) if row else 0


async def delete_category(tx: Tx, category: CategoryId) -> None:
    """Its products stay, without it."""
    tx.touch_catalog()
    await tx.run(DELETE_CATEGORY, category)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[at] for row in rows] for at in range(width)]
