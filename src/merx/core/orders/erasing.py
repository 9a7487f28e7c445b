"""Store role: what an erased customer's orders keep. Amounts, states, numbers and times stay as they are, and of an
address its country, region and the beginning of its postcode."""

from __future__ import annotations

from merx.core.customers.model import ERASED
from merx.core.orders.model import PaymentStatus, Status, label
from merx.db.database import Tx
from merx.kernel.ids import CartId, CustomerId, OrderId

TABLES = ()

_UNDONE = f"""(o.status in ('{Status.PENDING}', '{Status.CONFIRMED}', '{Status.PROCESSING}', '{Status.SHIPPED}')
  or o.status = '{Status.DELIVERED}'
  and o.payment_status in ('{PaymentStatus.UNPAID}', '{PaymentStatus.AUTHORIZED}', '{PaymentStatus.FAILED}'))"""
UNDONE = f"""
select o.number from orders o where o.tenant_id = $1 and o.customer_id = $2 and {_UNDONE} order by o.number limit $3
"""
PICK = f"""
select o.id, o.cart_id from orders o
where o.tenant_id = $1 and o.customer_id = $2 and not o.erased and not {_UNDONE}
order by o.id limit $3 for no key update skip locked
"""
ANY_LEFT = "select 1 from orders where tenant_id = $1 and customer_id = $2 and not erased limit 1"


def _coarse(address: str) -> str:
    code = f"{address} ->> 'postal_code'"
    return f"""case when {address} is not null then jsonb_strip_nulls(jsonb_build_object(
    'country', {address} -> 'country', 'state', {address} -> 'state',
    'postal_code', left({code}, least(3, length({code}) / 2)))) end"""


ERASE = f"""
with history as (
  update order_history set note = '' where tenant_id = $1 and order_id = any($2::uuid[]) and note <> ''),
parcels as (
  update shipments set tracking_number = '', tracking_url = null where tenant_id = $1 and order_id = any($2::uuid[]))
update orders o
set erased = true, email = null, customer_name = $3, phone = null, notes = '', client_digest = null, lookup_hash = null,
  request_digest = null,
  shipping_address = {_coarse("o.shipping_address")},
  billing_address = {_coarse("o.billing_address")}
where o.tenant_id = $1 and o.id = any($2::uuid[])
"""


async def undone(tx: Tx, customer: CustomerId, limit: int) -> list[str]:
    """The numbers of orders that are not paid, not delivered, or neither, and have not been let go: their shopper's
    name and address are still needed."""
    return [label(row[0]) for row in await tx.rows(UNDONE, customer, limit)]


async def pick(tx: Tx, customer: CustomerId, limit: int) -> dict[OrderId, CartId | None]:
    """Orders that are done with and still name this customer, with their carts; locked. What somebody else holds is
    left for the next time."""
    return {OrderId(row[0]): row[1] for row in await tx.rows(PICK, customer, limit)}


async def erase(tx: Tx, orders: list[OrderId]) -> None:
    await tx.run(ERASE, orders, ERASED)


async def any_left(tx: Tx, customer: CustomerId) -> bool:
    return await tx.row(ANY_LEFT, customer) is not None
