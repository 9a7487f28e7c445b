"""What people at a desk ask about orders (service): the first page's figures, lists by what they remember, and who did
what to an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from merx.core.auth import store as auth
from merx.core.catalog import rules as catalog_rules
from merx.core.catalog import store as catalog
from merx.core.catalog.model import Product, ProductQuery
from merx.core.customers import steps as customers
from merx.core.customers.model import Customer
from merx.core.orders import figures, finding, rules, store
from merx.core.orders.figures import Day, Home, Period, Sales
from merx.core.orders.finding import FindOrders, FoundOrders
from merx.core.orders.model import Order, OrderDetail, OrderQuery
from merx.core.tenants import store as tenants
from merx.core.webhooks import store as webhooks
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import NotFound
from merx.kernel.ids import OrderId
from merx.runtime import Runtime

SELLERS, SCARCE = 5, 5


class Story(msgspec.Struct, frozen=True):
    """An order with the names of those who did something to it, by `actor` as it is written in the history."""

    detail: OrderDetail
    names: dict[str, str]


async def home(rt: Runtime, ctx: Ctx, days: int = 30) -> Home:
    """How the shop does. Each part is for those who may read what it is made of; nothing is refused."""
    async with rt.db.begin(ctx) as tx:
        settings = await tenants.settings(tx)
        products = await tenants.shown_products(tx)
        sales = await _sales(tx, days) if ctx.may("orders:read") else None
        low, total = None, 0
        if ctx.may("products:read"):
            low, total = await figures.low_stock(tx, settings.low_stock_threshold, SCARCE)
        failing = None
        if ctx.may("webhooks:read"):
            known = await webhooks.endpoints(tx)
            failing = tuple(one for one in known if one.failing_since is not None or one.disabled_reason is not None)
    return Home(settings.currency, sales, low, total, failing, products)


async def _sales(tx: Tx, days: int) -> Sales:
    midnight = tx.ctx.now.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = midnight - timedelta(days=days - 1)
    before = begins - timedelta(days=days)
    known = await figures.by_day(tx, before, midnight + timedelta(days=1))
    begun, ordered, begun_before, ordered_before = await figures.carts(tx, before, begins)
    sellers, bounded = await figures.best_sellers(tx, begins, SELLERS)
    to_ship, long, flagged = await figures.waiting(tx, tx.ctx.now - timedelta(days=figures.LONG_WAITS_DAYS))
    shown = tuple(_days(known, begins, days))
    return Sales(
        days=shown,
        period=_added(shown, begun, ordered),
        before=_added(_days(known, before, days), begun_before, ordered_before),
        sellers=sellers,
        sellers_bounded=bounded,
        to_ship=to_ship,
        waiting_long=long,
        flagged=flagged,
    )


def _days(known: Mapping[date, Day], since: datetime, count: int) -> Iterable[Day]:
    for after in range(count):
        day = (since + timedelta(days=after)).date()
        yield known.get(day, Day(day))


def _added(days: Iterable[Day], carts: int, ordered: int) -> Period:
    listed = list(days)
    return Period(
        sum(day.orders for day in listed),
        sum(day.sold for day in listed),
        sum(day.sales_minor for day in listed),
        carts,
        ordered,
    )


async def find(rt: Runtime, ctx: Ctx, query: FindOrders) -> FoundOrders:
    """Orders of the whole shop; needs orders:read."""
    ctx.require("orders:read")
    rules.check_period(OrderQuery(created_from=query.created_from, created_to=query.created_to))
    async with rt.db.begin(ctx) as tx:
        return await finding.find(tx, query)


async def story(rt: Runtime, ctx: Ctx, order_id: OrderId) -> Story:
    """Needs orders:read: an order with everything that happened to it, and who did it."""
    ctx.require("orders:read")
    async with rt.db.begin(ctx) as tx:
        detail = await store.detail(tx, order_id)
        if detail is None:
            raise NotFound("order")
        actors = {entry.actor for entry in detail.history}
        known = {actor: found for actor in actors if (found := _ident(actor)) is not None}
        names = await auth.names(tx, sorted(set(known.values())))
    return Story(detail, {actor: names[ident] for actor, ident in known.items() if ident in names})


def _ident(actor: str) -> UUID | None:
    return ids.parse_uuid(actor.partition(":")[2])


class Jump(msgspec.Struct, frozen=True):
    """What a few typed letters may mean, of what the caller may see."""

    orders: tuple[Order, ...] = ()
    products: tuple[Product, ...] = ()
    customers: tuple[Customer, ...] = ()


async def jump(rt: Runtime, ctx: Ctx, text: str, limit: int = 5) -> Jump:
    """Orders by number, e-mail or name, products by their words, customers by the beginning of a name or an e-mail."""
    text = text.strip()[:100]
    if not text:
        return Jump()
    found = Jump()
    async with rt.db.begin(ctx) as tx:
        if ctx.may("orders:read"):
            orders = await finding.find(tx, FindOrders(search=text, limit=limit))
            found = msgspec.structs.replace(found, orders=tuple(orders.orders))
        if ctx.may("products:read"):
            query = catalog_rules.query(ProductQuery(search=text, active=None, limit=limit))
            page = await catalog.list_products(tx, query)
            found = msgspec.structs.replace(found, products=page.items)
        if ctx.may("customers:read"):
            people = await customers.find(tx, text, None, limit, 0)
            found = msgspec.structs.replace(found, customers=tuple(people.customers))
    return found
