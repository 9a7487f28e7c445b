"""The statements that read products, composed once at import. Only text is made here; `store` runs it.

Lists are a family, one statement for each set of filters and sort, because a plan made for all of them at once fits
none of them. Each answers one row: the catalogue's version, the total, and the page as one JSON array that needs one
decode: the children of twenty products cost less as JSON built by PostgreSQL than as rows of their own.
"""

from __future__ import annotations

import itertools
from enum import StrEnum

import msgspec

from merx.core.catalog import searching
from merx.core.catalog.model import Sort
from merx.core.catalog.searching import Argument, Quick
from merx.kernel.money import EXPONENTS

_SHOP = """
with shop as materialized (select s.currency from settings s where s.tenant_id = $1)"""
_VERSION = "(select sum(v.version)::bigint from catalog_versions v where v.tenant_id = $1)"
_PRODUCT = """json_build_array(p.id, p.slug, p.name, p.description, p.sku, p.price_minor, p.compare_minor,
  (select shop.currency from shop), p.options, p.images, p.active, p.version, p.created_at, p.updated_at,
  coalesce((
    select json_agg(json_build_array(c.id, c.number, c.slug, c.name, c.parent_id) order by pc.position, c.number)
    from product_categories pc join categories c on c.tenant_id = $1 and c.id = pc.category_id
    where pc.tenant_id = $1 and pc.product_id = p.id), '[]'::json),
  coalesce((
    select json_agg(json_build_array(v.id, v.sku, v.title, v.options, v.price_minor, v.compare_minor, v.active,
      s.on_hand, s.reserved, (select shop.currency from shop)) order by v.position, v.id)
    from variants v join stock s on s.tenant_id = $1 and s.variant_id = v.id
    where v.tenant_id = $1 and v.product_id = p.id and v.deleted_at is null{live}), '[]'::json))"""
_SHOWN, KEPT = _PRODUCT.format(live=" and v.active"), _PRODUCT.format(live="")
"""A product as JSON: to shoppers, and to merchants (with its inactive variants). In the order of `model.Product`."""

_TREE = """,
tree as (
  with recursive below as (
    select c.id from categories c where c.tenant_id = $1 and (c.slug = any({slugs}) or lower(c.name) = lower({name}))
    union
    select c.id from categories c join below on c.tenant_id = $1 and c.parent_id = below.id)
  select id from below)"""
_IN_TREE = """p.id in (
    select pc.product_id from product_categories pc
    where pc.tenant_id = $1 and pc.category_id in (select tree.id from tree))"""
# Each product is in the one branch that the first of its categories with one is in, as `Tree.branch` has it: a category
# that is called by one of the words begins a branch, also where it lies in another one.
_BRANCH = """,
branches as materialized (
  with recursive below as (
    select c.id, c.number, called.word from categories c
    join lateral (
      select w.word from unnest({among}) with ordinality as w (word, place)
      where c.slug = w.word or lower(c.name) = w.word order by w.place limit 1) as called on true
    where c.tenant_id = $1
    union
    select c.id, c.number, below.word from categories c join below on c.tenant_id = $1 and c.parent_id = below.id
    where c.slug <> all({among}) and lower(c.name) <> all({among}))
  select id, number, word from below)"""
_IN_BRANCH = """p.id in (
    select placed.product_id from (
      select pc.product_id, b.word, pc.position::bigint << 32 | b.number as place
      from product_categories pc join branches b on b.id = pc.category_id where pc.tenant_id = $1) as placed
    group by placed.product_id having min(placed.place) = min(placed.place) filter (where placed.word = {name}))"""
# How much of each product can be sold, put below the matching products (`p.id`, its key, nothing available, 1) and
# summed with them: one pass that costs the same whatever the planner believes, where a join of the two went through the
# stock anew for each product. All stock, less that of the few variants which are not for sale.
_STOCKED = """
    union all
    select s.product_id, null, s.on_hand - s.reserved, 0 from stock s where s.tenant_id = $1
    union all
    select v.product_id, null, s.reserved - s.on_hand, 0
    from variants v join stock s on s.tenant_id = $1 and s.variant_id = v.id
    where v.tenant_id = $1 and (not v.active or v.deleted_at is not null)"""

_KEYS = {
    Sort.NEWEST: ("p.created_at", " desc"),
    Sort.OLDEST: ("p.created_at", ""),
    Sort.NAME: ("p.sort_name", ""),
    Sort.NAME_DESC: ("p.sort_name", " desc"),
    Sort.PRICE_ASC: ("p.price_minor", ""),
    Sort.PRICE_DESC: ("p.price_minor", " desc"),
    Sort.STOCK_ASC: ("null::bigint", ""),  # what is summed up below
    Sort.STOCK_DESC: ("null::bigint", " desc"),
    Sort.RELEVANCE: ("f.rank", " desc"),
}
_BY_STOCK = (Sort.STOCK_ASC, Sort.STOCK_DESC)


def _currencies(digits: int) -> str:
    return ", ".join(f"'{currency}'" for currency, exponent in EXPONENTS.items() if exponent == digits)


# A bound comes as three numbers of minor units, for currencies of no, two and three decimals: the statement itself
# knows which currency the shop has.
_BOUND = f"""(
    select ({{bounds}}::bigint[])[case when shop.currency in ({_currencies(0)}) then 1
      when shop.currency in ({_currencies(3)}) then 3 else 2 end] from shop)"""


class Narrow(StrEnum):
    """By what a list is narrowed besides search and category. By stock is by price as well, its bounds wide open."""

    NOT = "not"
    PRICE = "price"
    IN_STOCK = "in_stock"
    OUT_OF_STOCK = "out_of_stock"


_HAVING = {Narrow.IN_STOCK: " and sum(u.available) > 0", Narrow.OUT_OF_STOCK: " and sum(u.available) = 0"}


class Shape(msgspec.Struct, frozen=True):
    """Which filters a list has. `shown`: what shoppers see; otherwise what is not deleted, active or not as asked.
    `among`: the category is one of a few branches, of which each product is in one."""

    shown: bool
    search: bool
    category: bool
    narrow: Narrow
    sort: Sort
    among: bool = False


BEST = Shape(True, True, False, Narrow.NOT, Sort.RELEVANCE)
"""What a search by shoppers is who say nothing else."""


def _taking() -> tuple[list[str], Argument]:
    """The names of a statement's arguments after the tenant, in order, and how it gets one more."""
    takes = ["limit", "offset"]

    def argument(name: str) -> str:
        takes.append(name)
        return f"${len(takes) + 1}"

    return takes, argument


def _compose(shape: Shape) -> tuple[str, tuple[str, ...]]:
    """The statement, and the names of its arguments after the tenant, in order."""
    takes, argument = _taking()
    head, source = _SHOP, "products p"
    where = ["p.tenant_id = $1", "p.deleted_at is null"]
    where.append("p.active" if shape.shown else f"p.active = any({argument('active')}::bool[])")
    if shape.search:
        head += searching.found(shape.shown, argument)
        head += "" if shape == BEST else _FOUND_PART
        source += " join found f on f.product_id = p.id"
    if shape.category and shape.among:
        head += _BRANCH.format(among=f"{argument('among')}::text[]")
        where.append(_IN_BRANCH.format(name=f"{argument('name')}::text"))
    elif shape.category:
        head += _TREE.format(slugs=f"{argument('slugs')}::text[]", name=f"{argument('name')}::text")
        where.append(_IN_TREE)
    if shape.narrow is not Narrow.NOT:
        low, high = (_BOUND.format(bounds=argument(name)) for name in ("lowest", "highest"))
        # With + 0 the index by price is out of the question: what was found or is in the category is the way in.
        price = "p.price_minor + 0" if shape.search or shape.category else "p.price_minor"
        where.append(f"{price} between {low} and {high}")
    counted = argument("counted") if shape.search and shape.shown else None
    return head + _page(shape, source, "\n  and ".join(where), counted), tuple(takes)


def _quickly(quick: Quick) -> tuple[str, tuple[str, ...]]:
    """The same of a search for one word."""
    takes, argument = _taking()
    best, total = searching.best(quick, argument)
    return f"{_SHOP}{best}\n{_answer(total, _BEST_PAGE.format(best='best'), _SHOWN)}", tuple(takes)


_BEST_PAGE = """select p.* from {best} as f join products p on p.tenant_id = $1 and p.id = f.product_id
  where p.deleted_at is null and p.active order by f.rank desc, p.id desc"""


def _answer(total: str, page: str, product: str) -> str:
    return f"select {_VERSION}, {total},\n(select json_agg({product}) from (\n  {page}) as p)"


_FOUND_PART = """,
found_part as materialized (
  select 6 * (select count(*) from found) > coalesce(sum(v.products), 0) as good
  from catalog_versions v where v.tenant_id = $1)"""


def _page(shape: Shape, source: str, condition: str, counted: str | None) -> str:
    """What is shown is counted with each change and read in the order of an index; what was found has its rank: neither
    is gone through for a page. Anything else is matched once, for the total and the page alike."""
    key, direction = _KEYS[shape.sort]
    order = f"{key}{direction}, p.id{direction}"
    plain = not (shape.search or shape.category or shape.narrow is not Narrow.NOT or shape.sort in _BY_STOCK)
    head = ""
    if plain:
        total = f"(select count(*) from {source} where {condition})"
        if shape.shown:
            total = "(select sum(v.products)::bigint from catalog_versions v where v.tenant_id = $1)"
        page = f"select p.* from {source} where {condition} order by {order} limit $2 offset $3"
    elif shape == BEST:
        total = "(select count(*) from found)"
        best = "select * from found order by rank desc, product_id desc limit $2 offset $3"
        page = _BEST_PAGE.format(best=f"({best})")
    else:
        matching = _rows(shape, f"p.id, {key} as key", source, condition)
        if shape.sort in _BY_STOCK or shape.narrow in _HAVING:
            rows = _rows(shape, f"p.id, {key} as key, 0::bigint as available, 1 as matches", source, condition)
            key = "sum(u.available)" if shape.sort in _BY_STOCK else "max(u.key)"
            matching = f"select u.id, {key} as key from (\n    {rows}{_STOCKED}) as u (id, key, available, matches)"
            matching += f"\n  group by u.id having sum(u.matches) = 1{_HAVING.get(shape.narrow, '')}"
        head = f",\nmatching as materialized (\n  {matching})"
        total = "(select count(*) from matching)"
        best = f"select * from matching order by key{direction}, id{direction} limit $2 offset $3"
        page = f"select p.* from ({best}) as m join products p on p.tenant_id = $1 and p.id = m.id"
        page += f" order by m.key{direction}, m.id{direction}"
    if counted is not None:
        total = f"least({total}, {counted}::bigint)"
    return f"{head}\n{_answer(total, page, _SHOWN if shape.shown else KEPT)}"


def _rows(shape: Shape, columns: str, source: str, condition: str) -> str:
    """What was found is looked up among the products, or, where it is a good part of them, they among it."""
    rows = f"select {columns} from {source} where {condition}"
    if not shape.search:
        return rows
    products = f"(select p.* from products p where {condition} offset 0) as p join found f on f.product_id = p.id"
    return f"""{rows} and not (select f.good from found_part f)
    union all
    select {columns} from {products} where (select f.good from found_part f)"""


_SHAPES = [
    shape
    for shape in itertools.starmap(Shape, itertools.product(*[(True, False)] * 3, Narrow, Sort, (False, True)))
    if (shape.search or shape.sort is not Sort.RELEVANCE) and (shape.category or not shape.among)
]
_COMPOSED = {shape: _compose(shape) for shape in _SHAPES} | {quick: _quickly(quick) for quick in Quick}
LISTS: dict[Shape | Quick, str] = {shape: sql for shape, (sql, _) in _COMPOSED.items()}
TAKES: dict[Shape | Quick, tuple[str, ...]] = {shape: takes for shape, (_, takes) in _COMPOSED.items()}
"""BEST has quicker statements where one word is asked for."""


def _one(product: str, condition: str) -> str:
    where = f"p.tenant_id = $1 and p.deleted_at is null and {condition}"
    return f"{_SHOP}\nselect {_VERSION}, (select {product} from products p where {where})"


# The whole tree beside the answer, in the order of `model.Category`; nobody reads the descriptions there.
CATEGORIES = """(select json_agg(json_build_array(
    c.id, c.number, c.parent_id, c.name, c.slug, '', c.position, c.created_at))
  from categories c where c.tenant_id = $1)"""
LISTS_WITH_TREE: dict[Shape | Quick, str] = {shape: f"{sql},\n{CATEGORIES}" for shape, sql in LISTS.items()}


def _several(condition: str) -> str:
    """One row for each product that is there: the catalogue's version, what it was asked for by, the product."""
    key = "p.slug" if "slug" in condition else "p.id"
    where = f"p.tenant_id = $1 and p.deleted_at is null and {condition}"
    return f"{_SHOP}\nselect {_VERSION}, {key}, {_SHOWN} from products p where {where}"


SHOWN_BY_IDS = _several("p.id = any($2::uuid[]) and p.active")
SHOWN_BY_SLUGS = _several("p.slug = any($2::text[]) and p.active")
KEPT_BY_ID = _one(KEPT, "p.id = $2")
KEPT_BY_SLUG = _one(KEPT, "p.slug = $2")
SHOWN_BY_ID_WITH_TREE = f"{_one(_SHOWN, 'p.id = $2 and p.active')},\n{CATEGORIES}"
KEPT_BY_ID_WITH_TREE = f"{KEPT_BY_ID},\n{CATEGORIES}"
KEPT_PRODUCTS = f"""{_SHOP}
select (select json_agg({KEPT} order by p.id) from products p
  where p.tenant_id = $1 and p.id = any($2::uuid[]) and p.deleted_at is null)
"""
EXPORTED = f"""{_SHOP}
select (select json_agg({KEPT}) from (
  select p.* from products p where p.tenant_id = $1 and p.deleted_at is null and p.id > $2 order by p.id limit $3) as p)
"""
