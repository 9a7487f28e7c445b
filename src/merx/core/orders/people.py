"""What people at a desk ask about customers (service): who they are, and what they have ordered. What somebody who may
not read orders asks for has none in it."""

from __future__ import annotations

import msgspec

from merx.core.customers import rules
from merx.core.customers import steps as finding_customers
from merx.core.customers import store as customers
from merx.core.customers.model import Customer, CustomerStatus
from merx.core.notifications import steps as notifications
from merx.core.notifications.model import Channel, Person
from merx.core.orders import finding, tallies
from merx.core.orders.finding import FindOrders
from merx.core.orders.model import Order
from merx.core.orders.tallies import Tally
from merx.kernel.context import Ctx
from merx.kernel.errors import NotFound
from merx.kernel.ids import CustomerId
from merx.runtime import Runtime

ORDERS_SHOWN = 20


class FoundPeople(msgspec.Struct, frozen=True):
    """`tallies` None: the caller may not read orders."""

    customers: list[Customer]
    total: int
    more: bool
    tallies: dict[CustomerId, Tally] | None


class Acquaintance(msgspec.Struct, frozen=True):
    """A customer, with their newest orders where the caller may read orders. `orders` None: they may not."""

    customer: Customer
    opted_out: frozenset[Channel]
    tally: Tally | None = None
    orders: tuple[Order, ...] | None = None


async def find(
    rt: Runtime, ctx: Ctx, *, search: str = "", status: CustomerStatus | None = None, limit: int = 25, offset: int = 0
) -> FoundPeople:
    """Needs customers:read. Newest first; `search`: the beginning of an e-mail or a name."""
    ctx.require("customers:read")
    async with rt.db.begin(ctx) as tx:
        found = await finding_customers.find(tx, rules.beginning(search), status, limit, offset)
        known = await tallies.of(tx, [one.id for one in found.customers]) if ctx.may("orders:read") else None
    return FoundPeople(found.customers, found.total, found.more, known)


async def acquaintance(rt: Runtime, ctx: Ctx, customer_id: CustomerId) -> Acquaintance:
    """Needs customers:read."""
    ctx.require("customers:read")
    async with rt.db.begin(ctx) as tx:
        customer = await customers.by_id(tx, customer_id)
        if customer is None:
            raise NotFound("customer")
        opted_out = await notifications.optouts(tx, Person.customer(customer_id), customer.email)
        if not ctx.may("orders:read"):
            return Acquaintance(customer, opted_out)
        orders = await finding.find(tx, FindOrders(customer_id=customer_id, limit=ORDERS_SHOWN))
        tally = (await tallies.of(tx, [customer_id])).get(customer_id, Tally())
    return Acquaintance(customer, opted_out, tally, tuple(orders.orders))
