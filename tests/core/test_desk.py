"""What people at a desk ask: the first page's figures, orders by what they remember, a merchant's own list of products."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.selling import Shop, open_shop

from merx.core.catalog import many
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductChanges, ProductDraft, ProductQuery, Sort, VariantDraft
from merx.core.orders import desk, finding
from merx.core.orders.finding import FindOrders
from merx.core.orders.model import PaymentStatus, Status
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.errors import Forbidden
from merx.kernel.ids import ProductId

ORDER = """
insert into orders (tenant_id, id, number, email, customer_name, status, payment_status, stock_state, currency,
  subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor, shipping_method, payment_method, source,
  flagged, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, 'shipped', 'USD', $8, 0, 0, 0, $8, 'standard', 'card', 'tests', $9, $10, $10)
"""


async def order(
    shop: Shop, number: int, *, days: float = 0, total: int = 1000, status: str = "delivered", paid: str = "paid",
    email: str = "mia@example.com", name: str = "Mia", flagged: str | None = None,
) -> None:  # fmt: skip
    at = shop.ctx.now - timedelta(days=days)
    async with shop.rt.db.begin(shop.ctx) as tx:
        await tx.run(ORDER, ids.new(), number, email, name, status, paid, total, flagged, at)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


# ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_sales_are_added_up_by_day_and_against_the_days_before(shop: Shop) -> None:
    await order(shop, 1, days=0, total=500)
    await order(shop, 2, days=29, total=700)
    await order(shop, 3, days=30, total=900)  # the period before
    await order(shop, 4, days=60, total=9999)  # before that
    await order(shop, 5, days=1, total=300, status="cancelled")
    await order(shop, 6, days=1, total=300, status="pending", paid="unpaid")
    sales = (await desk.home(shop.rt, shop.ctx)).sales
    assert sales is not None and len(sales.days) == 30
    assert (sales.today.orders, sales.today.sales_minor, sales.days[0].sales_minor) == (1, 500, 700)
    assert (sales.period.orders, sales.period.sold, sales.period.sales_minor) == (4, 2, 1200)
    assert (sales.period.average_minor, sales.before.sales_minor) == (600, 900)
    assert sales.yesterday.orders == 2 and sales.yesterday.sales_minor == 0


async def test_carts_that_became_orders_are_a_share_of_those_begun(shop: Shop) -> None:
    variant = await shop.product("Lamp", 1000, 50)
    for _ in range(4):
        await shop.put(await shop.shopper(), variant)
    async with shop.rt.db.begin(shop.ctx) as tx:
        ordered = "(select id from carts where tenant_id = $1 limit 1)"
        await tx.run(f"update carts set state = 'ordered', order_id = id where tenant_id = $1 and id = {ordered}")
    sales = (await desk.home(shop.rt, shop.ctx)).sales
    assert sales is not None and (sales.period.carts, sales.period.ordered) == (4, 1)
    assert sales.period.conversion == 0.25 and sales.before.carts == 0 and sales.before.conversion == 0.0


async def test_what_waits_is_counted_and_what_is_scarce_is_named(shop: Shop) -> None:
    await order(shop, 1, status="confirmed", days=5)
    await order(shop, 2, status="processing", days=1)
    await order(shop, 3, flagged="Paid twice.")
    for name, stock in (("Plenty", 50), ("Few", 2), ("None", 0)):
        await shop.product(name, 100, stock)
    home = await desk.home(shop.rt, shop.ctx)
    assert home.sales is not None
    assert (home.sales.to_ship, home.sales.waiting_long, home.sales.flagged) == (2, 1, 1)
    assert home.low_stock is not None and home.low_stock_total == 2
    assert [one.name for one in home.low_stock] == ["None", "Few"]


async def test_home_holds_back_what_the_caller_may_not_know(shop: Shop) -> None:
    home = await desk.home(shop.rt, replace(shop.ctx, scopes=frozenset({"orders:read"})))
    assert home.sales is not None and home.low_stock is None and home.failing is None
    home = await desk.home(shop.rt, replace(shop.ctx, scopes=frozenset()))
    assert home.sales is None


# ── Finding orders ───────────────────────────────────────────────────────────────────────────────────────────────────
FOUND: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [4, 3, 2, 1]),
    ({"oldest_first": True}, [1, 2, 3, 4]),
    ({"search": "ORD-002"}, [2]),
    ({"search": "#3"}, [3]),
    ({"search": "0004"}, [4]),
    ({"search": "Ana@Example.com"}, [3]),
    ({"search": "ana"}, [3]),
    ({"search": "%"}, []),
    ({"search": "_"}, []),
    ({"statuses": (Status.SHIPPED, Status.PENDING)}, [2, 1]),
    ({"statuses": (Status.SHIPPED,), "payment": PaymentStatus.UNPAID}, []),
    ({"payment": PaymentStatus.UNPAID}, [1]),
    ({"flagged": True}, [4]),
    ({"search": "mia", "statuses": (Status.SHIPPED,)}, [2]),
    ({"limit": 2, "offset": 1}, [3, 2]),
]


@pytest.mark.parametrize("asked, numbers", FOUND)
async def test_orders_are_found(shop: Shop, asked: dict[str, Any], numbers: list[int]) -> None:
    await order(shop, 1, days=3, status="pending", paid="unpaid")
    await order(shop, 2, days=2, status="shipped")
    await order(shop, 3, days=1, email="ana@example.com", name="Ana Diaz")
    await order(shop, 4, flagged="Look.")
    found = await desk.find(shop.rt, shop.ctx, FindOrders(**asked))
    assert [one.number for one in found.orders] == numbers
    assert not found.more and found.total == (4 if "limit" in asked else len(numbers))


async def test_the_period_of_orders_excludes_its_end(shop: Shop) -> None:
    for number in range(1, 4):
        await order(shop, number, days=number)
    now = shop.ctx.now
    asked = FindOrders(created_from=now - timedelta(days=2), created_to=now - timedelta(days=1))
    assert [one.number for one in (await desk.find(shop.rt, shop.ctx, asked)).orders] == [2]


async def test_counting_stops_at_a_bound(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "COUNTED", 2)
    for number in range(1, 5):
        await order(shop, number)
    found = await desk.find(shop.rt, shop.ctx, FindOrders(limit=1))
    assert (found.total, found.more) == (2, True)


async def test_finding_needs_the_permission(shop: Shop) -> None:
    with pytest.raises(Forbidden):
        await desk.find(shop.rt, replace(shop.ctx, scopes=frozenset({"orders:own"})), FindOrders())
    found = await desk.jump(shop.rt, replace(shop.ctx, scopes=frozenset()), "1")
    assert not (found.orders or found.products or found.customers)


# ── A merchant's list of products ────────────────────────────────────────────────────────────────────────────────────
async def goods(shop: Shop) -> list[ProductId]:
    made = []
    for at, (name, stocks, active) in enumerate(
        [("Äpfel", [3], True), ("birne", [0, 4], True), ("Citrus", [0], False), ("date", [9, 0], True),
         ("Elder", [0], True), ("fig", [1], False)]
    ):  # fmt: skip
        variants = tuple(
            VariantDraft(options={"Size": str(n)}, price=str(10 - at), stock=stock) for n, stock in enumerate(stocks)
        )
        ctx = shop.later(shop.ctx, minutes=at)
        draft = ProductDraft(name=name, variants=variants, active=active)
        made.append((await catalog.create_product(shop.rt, ctx, draft)).id)
    async with shop.rt.db.begin(shop.ctx) as tx:  # a variant that is not for sale counts for nothing
        await tx.run(
            "update variants set active = false where tenant_id = $1 and product_id = $2 and position = 0", made[3]
        )
    await catalog.delete_product(shop.rt, shop.ctx, (await shop_product(shop, "gone")))
    return made


async def shop_product(shop: Shop, name: str) -> ProductId:
    return (await catalog.create_product(shop.rt, shop.ctx, ProductDraft(name=name, price="1", stock=2))).id


@pytest.mark.parametrize("active", [None, True, False])
@pytest.mark.parametrize("sort", [one for one in Sort if one is not Sort.RELEVANCE])
async def test_the_list_is_the_one_that_the_api_gives(shop: Shop, active: bool | None, sort: Sort) -> None:
    await goods(shop)
    query = ProductQuery(active=active, sort=sort, limit=50)
    mine = await catalog.list_kept(shop.rt, shop.ctx, query)
    theirs = await catalog.list_products(shop.rt, shop.ctx, query)
    # Where only what is shown is asked for, the other answer leaves out variants that are not.
    assert [one.id for one in mine.items] == [one.id for one in theirs.items]
    assert active or mine.items == theirs.items
    assert mine.total == theirs.total == {None: 6, True: 4, False: 2}[active]
    page = await catalog.list_kept(shop.rt, shop.ctx, replace(query, limit=2, offset=1))
    assert page.items == mine.items[1:3] and page.total == mine.total


async def test_what_is_sold_out_is_what_nobody_can_buy(shop: Shop) -> None:
    await goods(shop)
    mine = await catalog.list_kept(shop.rt, shop.ctx, ProductQuery(active=None, in_stock=False, limit=50))
    assert sorted(one.name for one in mine.items) == ["Citrus", "Elder", "date"] and mine.total == 3


async def test_many_are_changed_each_by_itself(shop: Shop) -> None:
    made = await goods(shop)
    unknown = ProductId(ids.new())
    changes = {one: ProductChanges(active=False) for one in [*made[:2], unknown]}
    changed = await many.change(shop.rt, shop.ctx, changes)
    assert changed.done == tuple(made[:2]) and [product for product, _ in changed.refused] == [unknown]
    with pytest.raises(Forbidden):
        await many.remove(shop.rt, replace(shop.ctx, scopes=frozenset({"products:read"})), made)
