"""A merchant's own list of products: everything that is not removed, hidden or not. Statements, composed once.

Lists are read in the order of an index and counted up to a bound. By stock there is no index, because stock changes
with every order and an index on it would make each of these changes dearer: one pass over the stock sums it up, with
the few variants and products left out that are not for sale."""

from __future__ import annotations

from typing import Any

import msgspec

from merx.core.catalog.model import Category, Product, ProductQuery, Sort
from merx.core.catalog.reading import _SHOP, CATEGORIES, KEPT
from merx.db.database import Tx

COUNTED = 10_000

_STATES = {None: "", True: " and p.active", False: " and not p.active"}
_KEYS = {
    Sort.NEWEST: ("p.created_at", " desc"),
    Sort.OLDEST: ("p.created_at", ""),
    Sort.NAME: ("p.sort_name", ""),
    Sort.NAME_DESC: ("p.sort_name", " desc"),
    Sort.PRICE_ASC: ("p.price_minor", ""),
    Sort.PRICE_DESC: ("p.price_minor", " desc"),
}
# What is not in the list, as the few that have to be left out of a sum; of hidden products, those are the many.
_NOT_LISTED = {None: "g.deleted_at is not null", True: "not (g.active and g.deleted_at is null)"}


# As 32-bit numbers, which are summed up faster; a variant has a thousand million pieces at most.
_AVAILABLE = "sum(case when v.id is null then (s.on_hand - s.reserved)::int else 0 end)"
_COUNT = """select count(*) from (
    select 1 from products p where p.tenant_id = $1 and p.deleted_at is null{state} limit $4) as counted"""


def _head(total: str, page: str) -> str:
    return f"{_SHOP}\nselect {total},\n(select json_agg({KEPT}) from ({page}) as p),\n{CATEGORIES}"


def _indexed(active: bool | None, sort: Sort) -> str:
    where = f"p.tenant_id = $1 and p.deleted_at is null{_STATES[active]}"
    key, way = _KEYS[sort]
    page = f"select p.* from products p where {where} order by {key}{way}, p.id{way} limit $2 offset $3"
    return _head(f"({_COUNT.format(state=_STATES[active])})", page)


def _summed(active: bool | None, way: str, gone: bool) -> str:
    """`gone`: only what is sold out."""
    listed = f"""
    left join products g on g.tenant_id = $1 and g.id = s.product_id and {_NOT_LISTED.get(active)}
    where s.tenant_id = $1 and g.id is null"""
    if active is False:
        listed = """
    join products g on g.tenant_id = $1 and g.id = s.product_id and g.deleted_at is null and not g.active
    where s.tenant_id = $1"""
    having = f" having {_AVAILABLE} <= 0" if gone else ""
    sums = f"""
  select s.product_id as id, {_AVAILABLE} as available
  from stock s
    left join variants v
      on v.tenant_id = $1 and v.id = s.variant_id and (not v.active or v.deleted_at is not null){listed}
  group by s.product_id{having}"""
    counted, head, source = f"({_COUNT.format(state=_STATES[active])})", "", f"({sums})"
    if gone:
        counted, source = "(select count(*) from (select 1 from gone limit $4) as counted)", "gone"
        head = f",\ngone as materialized ({sums})"
    page = f"""
  select p.* from (
    select u.id, u.available from {source} u order by u.available{way}, u.id{way} limit $2 offset $3) as m
  join products p on p.tenant_id = $1 and p.id = m.id order by m.available{way}, m.id{way}"""
    return f"{_SHOP}{head}\nselect {counted},\n(select json_agg({KEPT}) from ({page}) as p),\n{CATEGORIES}"


INDEXED = {(active, sort): _indexed(active, sort) for active in _STATES for sort in _KEYS}
SUMMED = {
    (active, sort): _summed(active, " desc" if sort is Sort.STOCK_DESC else "", False)
    for active in _STATES
    for sort in (Sort.STOCK_ASC, Sort.STOCK_DESC)
}
SOLD_OUT = _summed(None, "", True)

_products = msgspec.json.Decoder(tuple[Product, ...])
_categories = msgspec.json.Decoder(tuple[Category, ...])


class Shelf(msgspec.Struct, frozen=True):
    items: tuple[Product, ...]
    total: int
    more: bool  # `total` is where counting stopped
    tree: tuple[Category, ...]


async def listed(tx: Tx, query: ProductQuery) -> Shelf:
    """A page of a list without search, category or prices; what is sold out is in the order of its ids."""
    sort = query.sort if query.sort not in (None, Sort.RELEVANCE) else Sort.NEWEST
    if query.in_stock is False:
        statement = SOLD_OUT
    else:
        statement = INDEXED[query.active, sort] if sort in _KEYS else SUMMED[query.active, sort]
    row: Any = await tx.row(statement, query.limit, query.offset, COUNTED + 1)
    tree = _categories.decode(row[2]) if row[2] else ()
    items = _products.decode(row[1]) if row[1] else ()
    return Shelf(items, min(row[0], COUNTED), row[0] > COUNTED, tree)
