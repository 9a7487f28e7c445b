"""What the merchant's first page asks: how selling goes, what sells, what waits to be done. Statements, and the rows
they give; `desk` beside this file is the service.

Each is one statement over the newest part of an index. What could be long is counted up to a bound and says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from merx.core.inventory.model import StockLevel
from merx.core.orders.model import Status
from merx.core.webhooks.model import Endpoint
from merx.db.database import Tx
from merx.kernel.ids import ProductId, VariantId
from merx.kernel.money import Currency, Money

SOLD = (Status.CONFIRMED, Status.PROCESSING, Status.SHIPPED, Status.DELIVERED)
"""What counts as a sale: not what still waits for its payment, nor what was cancelled or given back whole."""
TO_SHIP = (Status.CONFIRMED, Status.PROCESSING)
COUNTED = 1_000
SELLERS_FROM = 5_000
LONG_WAITS_DAYS = 3

SALES = """
select (o.created_at at time zone 'UTC')::date, o.status, count(*), sum(o.total_minor)::bigint
from orders o where o.tenant_id = $1 and o.created_at >= $2 and o.created_at < $3
group by 1, 2
"""
BEST_SELLERS = """
with recent as materialized (
  select o.id from orders o where o.tenant_id = $1 and o.created_at >= $2 and o.status = any($3::text[])
  order by o.created_at desc, o.id desc limit $4)
select l.product_id, (array_agg(l.name order by l.id desc))[1], (array_agg(l.image order by l.id desc))[1],
  sum(l.quantity)::bigint, sum(l.total_minor - l.discount_minor)::bigint, (select count(*) from recent)
from recent r join order_lines l on l.tenant_id = $1 and l.order_id = r.id
group by l.product_id order by 4 desc, 5 desc, 1 limit $5
"""
WAITING = """
select
  (select count(*) from (
    select 1 from orders o where o.tenant_id = $1 and o.status = any($2::text[]) limit $3) as s),
  (select count(*) from (
    select 1 from orders o where o.tenant_id = $1 and o.status = any($2::text[]) and o.created_at < $4 limit $3) as s),
  (select count(*) from (
    select 1 from orders o where o.tenant_id = $1 and o.flagged is not null limit $3) as s)
"""
CARTS = """
select count(*) filter (where c.created_at >= $3), count(*) filter (where c.created_at >= $3 and c.state = 'ordered'),
  count(*) filter (where c.created_at < $3), count(*) filter (where c.created_at < $3 and c.state = 'ordered')
from carts c where c.tenant_id = $1 and c.id > $2
"""
LOW_STOCK = """
with low as materialized (
  select s.product_id, s.variant_id, s.on_hand, s.reserved from stock s
  where s.tenant_id = $1 and s.on_hand - s.reserved <= $2
    and not exists (select from variants v
      where v.tenant_id = $1 and v.id = s.variant_id and (not v.active or v.deleted_at is not null))
    and not exists (select from products p
      where p.tenant_id = $1 and p.id = s.product_id and not (p.active and p.deleted_at is null))
  order by s.on_hand - s.reserved, s.variant_id limit $4)
select l.product_id, l.variant_id, l.on_hand, l.reserved, p.name, v.title, p.images -> 0 ->> 'url',
  (select count(*) from low)
from (select * from low order by on_hand - reserved, variant_id limit $3) as l
join variants v on v.tenant_id = $1 and v.id = l.variant_id
join products p on p.tenant_id = $1 and p.id = l.product_id
order by l.on_hand - l.reserved, p.sort_name, l.variant_id
"""


class Day(msgspec.Struct, frozen=True):
    day: date
    orders: int = 0  # placed, whatever became of them
    sold: int = 0
    sales_minor: int = 0


class Period(msgspec.Struct, frozen=True):
    """Some days added up. `carts` and `ordered`: of the carts that were begun in it, how many became orders."""

    orders: int
    sold: int
    sales_minor: int
    carts: int
    ordered: int

    @property
    def average_minor(self) -> int:
        return self.sales_minor // self.sold if self.sold else 0

    @property
    def conversion(self) -> float:
        return self.ordered / self.carts if self.carts else 0.0


class Seller(msgspec.Struct, frozen=True):
    product_id: ProductId
    name: str
    image: str | None
    quantity: int
    revenue_minor: int


class LowStock(msgspec.Struct, frozen=True):
    product_id: ProductId
    level: StockLevel
    name: str
    variant_title: str
    image: str | None


class Sales(msgspec.Struct, frozen=True):
    """`days` are the period's, one after the other, those without orders too; `today` is the last of them."""

    days: tuple[Day, ...]
    period: Period
    before: Period  # as many days before
    sellers: tuple[Seller, ...]
    sellers_bounded: bool  # only the newest orders were looked at
    to_ship: int
    waiting_long: int
    flagged: int

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def yesterday(self) -> Day:
        return self.days[-2]


class Home(msgspec.Struct, frozen=True):
    """What the caller may not know is None."""

    currency: Currency
    sales: Sales | None
    low_stock: tuple[LowStock, ...] | None
    low_stock_total: int
    failing: tuple[Endpoint, ...] | None
    products: int

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)


async def by_day(tx: Tx, since: datetime, until: datetime) -> dict[date, Day]:
    found: dict[date, Day] = {}
    for day, status, count, minor in await tx.rows(SALES, since, until):
        known = found.get(day, Day(day))
        sold, sales = (count, minor) if status in SOLD else (0, 0)
        found[day] = Day(day, known.orders + count, known.sold + sold, known.sales_minor + sales)
    return found


async def best_sellers(tx: Tx, since: datetime, limit: int) -> tuple[tuple[Seller, ...], bool]:
    sold = [status.value for status in SOLD]
    rows = await tx.rows(BEST_SELLERS, since, sold, SELLERS_FROM, limit)
    found = tuple(Seller(ProductId(row[0]), row[1], row[2], row[3], row[4]) for row in rows)
    return found, bool(rows) and rows[0][5] >= SELLERS_FROM


async def waiting(tx: Tx, long_since: datetime) -> Sequence[int]:
    """(to ship, of those since long, flagged), each up to COUNTED."""
    row = await tx.row(WAITING, [status.value for status in TO_SHIP], COUNTED, long_since)
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])


async def carts(tx: Tx, since: datetime, middle: datetime) -> Sequence[int]:
    """(begun, ordered) from `middle` on, then those before it. Ids rise with time: the first to look at follows from
    `since`."""
    first = UUID(int=int(since.timestamp() * 1000) << 80)
    row = await tx.row(CARTS, first, middle)
    return (0, 0, 0, 0) if row is None else tuple(row)


async def low_stock(tx: Tx, threshold: int, limit: int) -> tuple[tuple[LowStock, ...], int]:
    """The scarcest first, and how many there are, up to COUNTED."""
    rows = await tx.rows(LOW_STOCK, threshold, limit, COUNTED)
    found = tuple(
        LowStock(ProductId(row[0]), StockLevel(VariantId(row[1]), ProductId(row[0]), row[2], row[3]), *tuple(row)[4:7])
        for row in rows
    )
    return found, rows[0][7] if rows else 0
