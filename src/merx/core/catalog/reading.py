"""The statements that read products, composed once at import. Only text is made here; `store` runs it.

Lists are a family, one statement for each set of filters and sort, because a plan made for all of them at once fits
none of them. Each answers one row: the catalogue's version, the total, and the page as one JSON array that needs one
decode: the children of twenty products cost less as JSON built by PostgreSQL than as rows of their own.
"""

from __future__ import annotations

import itertools

import msgspec

from merx.core.catalog.model import Sort
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
_SHOWN, _KEPT = _PRODUCT.format(live=" and v.active"), _PRODUCT.format(live="")
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
_SELLABLE = """exists (
    select 1 from stock s join variants v on v.tenant_id = $1 and v.id = s.variant_id
    where s.tenant_id = $1 and s.product_id = p.id and s.on_hand > s.reserved and v.active and v.deleted_at is null)"""
_AVAILABLE = """(
    select coalesce(sum(s.on_hand - s.reserved), 0)
    from stock s join variants v on v.tenant_id = $1 and v.id = s.variant_id
    where s.tenant_id = $1 and s.product_id = p.id and v.active and v.deleted_at is null)"""

# Words found as they are, as beginnings and, where a word is found neither way, in the forms of a slip of the hand.
# Every word asked for must be found. Comparing text is leakproof, so these are index scans under row-level security.
_FOUND = """,
asked as materialized (
  select a.low, a.high, a.n from unnest({low}::text[], {high}::text[]) with ordinality as a (low, high, n)),
hits as (
  select w.product_id, a.n, w.weight * case when w.word = a.low then 8 else 4 end as score
  from asked a join search_words w on w.tenant_id = $1 and w.word >= a.low and w.word <= a.high{shown}
  union all
  select w.product_id, s.n,
    w.weight * case when s.place < 0 or t.place < 0 or abs(s.place - t.place) < 2 then 2 else 1 end
  from unnest({stubs}::text[], {places}::int[], {of}::bigint[]) as s (stub, place, n)
  join (select a.n from asked a where not exists (
    select 1 from search_words w where w.tenant_id = $1 and w.word >= a.low and w.word <= a.high{shown})) as missing
    on missing.n = s.n
  join search_typos t on t.tenant_id = $1 and t.stub = s.stub
  join search_words w on w.tenant_id = $1 and w.word = t.word{shown}),
found as materialized (
  select b.product_id, sum(b.score) as rank
  from (select h.product_id, h.n, max(h.score) as score from hits h group by h.product_id, h.n) as b
  group by b.product_id having count(*) = (select count(*) from asked))"""

_ORDER = {
    Sort.NEWEST: "p.created_at desc, p.id desc",
    Sort.OLDEST: "p.created_at, p.id",
    Sort.NAME: "p.sort_name, p.id",
    Sort.NAME_DESC: "p.sort_name desc, p.id desc",
    Sort.PRICE_ASC: "p.price_minor, p.id",
    Sort.PRICE_DESC: "p.price_minor desc, p.id desc",
    Sort.STOCK_ASC: f"{_AVAILABLE}, p.id",
    Sort.STOCK_DESC: f"{_AVAILABLE} desc, p.id desc",
    Sort.RELEVANCE: "f.rank desc, p.id desc",
}


def _currencies(digits: int) -> str:
    return ", ".join(f"'{currency}'" for currency, exponent in EXPONENTS.items() if exponent == digits)


# A bound comes as three numbers of minor units, for currencies of no, two and three decimals: the statement itself
# knows which currency the shop has.
_BOUND = f"""(
    select ({{bounds}}::bigint[])[case when shop.currency in ({_currencies(0)}) then 1
      when shop.currency in ({_currencies(3)}) then 3 else 2 end] from shop)"""


class Shape(msgspec.Struct, frozen=True):
    """Which filters a list has. `shown`: what shoppers see; otherwise what is not deleted, active or not as asked."""

    shown: bool
    search: bool
    category: bool
    narrowed: bool  # by price or by stock
    sort: Sort


def _compose(shape: Shape) -> tuple[str, tuple[str, ...]]:
    """The statement, and the names of its arguments after the tenant, in order."""
    takes = ["limit", "offset"]

    def argument(name: str) -> str:
        takes.append(name)
        return f"${len(takes) + 1}"

    head, source = _SHOP, "products p"
    where = ["p.tenant_id = $1", "p.deleted_at is null"]
    where.append("p.active" if shape.shown else f"p.active = any({argument('active')}::bool[])")
    if shape.search:
        names = {name: argument(name) for name in ("low", "high", "stubs", "places", "of")}
        head += _FOUND.format(shown=" and w.shown" if shape.shown else "", **names)
        source += " join found f on f.product_id = p.id"
    if shape.category:
        head += _TREE.format(slugs=f"{argument('slugs')}::text[]", name=f"{argument('name')}::text")
        where.append(_IN_TREE)
    if shape.narrowed:
        low, high = (_BOUND.format(bounds=argument(name)) for name in ("lowest", "highest"))
        where.append(f"p.price_minor between {low} and {high}")
        stocked = f"{argument('in_stock')}::bool"
        where.append(f"({stocked} is null or {stocked} = {_SELLABLE})")
    condition = "\n  and ".join(where)
    total = f"(select count(*) from {source} where {condition})"
    if shape.shown and not (shape.category or shape.narrowed):
        # What is shown is counted with each change, what is found was just counted: neither is counted again.
        counted = "(select sum(v.products)::bigint from catalog_versions v where v.tenant_id = $1)"
        total = "(select count(*) from found)" if shape.search else counted
        if shape.sort is Sort.RELEVANCE:
            best = "select * from found order by rank desc, product_id desc limit $2 offset $3"
            source = f"({best}) f join products p on p.id = f.product_id"
    page = f"select p.* from {source} where {condition}\n  order by {_ORDER[shape.sort]}"
    page += "" if source.startswith("(") else " limit $2 offset $3"
    shape_of = _SHOWN if shape.shown else _KEPT
    sql = f"{head}\nselect {_VERSION}, {total},\n(select json_agg({shape_of}) from (\n  {page}) as p)"
    return sql, tuple(takes)


_SHAPES = [
    shape
    for shape in itertools.starmap(Shape, itertools.product(*[(True, False)] * 4, Sort))
    if shape.search or shape.sort is not Sort.RELEVANCE
]
LISTS: dict[Shape, str] = {shape: _compose(shape)[0] for shape in _SHAPES}
TAKES: dict[Shape, tuple[str, ...]] = {shape: _compose(shape)[1] for shape in _SHAPES}


def _one(product: str, condition: str) -> str:
    where = f"p.tenant_id = $1 and p.deleted_at is null and {condition}"
    return f"{_SHOP}\nselect {_VERSION}, (select {product} from products p where {where})"


SHOWN_BY_ID = _one(_SHOWN, "p.id = $2 and p.active")
SHOWN_BY_SLUG = _one(_SHOWN, "p.slug = $2 and p.active")
KEPT_BY_ID = _one(_KEPT, "p.id = $2")
KEPT_BY_SLUG = _one(_KEPT, "p.slug = $2")
KEPT_PRODUCTS = f"""{_SHOP}
select (select json_agg({_KEPT} order by p.id) from products p
  where p.tenant_id = $1 and p.id = any($2::uuid[]) and p.deleted_at is null)
"""
EXPORTED = f"""{_SHOP}
select (select json_agg({_KEPT}) from (
  select p.* from products p where p.tenant_id = $1 and p.deleted_at is null and p.id > $2 order by p.id limit $3) as p)
"""
