"""Writes orders, order_lines, order_history and shipments. A status moves by one compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from merx.core.orders.model import (
    TRANSITIONS,
    Address,
    HistoryEntry,
    Order,
    OrderDetail,
    OrderLine,
    OrderPage,
    OrderQuery,
    OrderSummaries,
    OrderSummary,
    PaymentStatus,
    Placement,
    Proof,
    Shipment,
    Status,
    StockState,
)
from merx.core.payments.model import Payment, Refund
from merx.db.database import Database, Tx
from merx.kernel import ids, states
from merx.kernel.ids import OrderId, TenantId

TABLES = ("orders", "order_lines", "order_history", "shipments")

_NAMES = """id number customer_id email customer_name phone status payment_status stock_state hold_expires_at currency
  subtotal_minor discount_minor shipping_minor tax_minor total_minor tax_included coupon_id coupon_code shipping_method
  payment_method shipping_address billing_address notes cart_id source flagged created_at updated_at""".split()
COLUMNS = ", ".join(f"o.{name}" for name in _NAMES)
LINES = """(
  select coalesce(json_agg(json_build_array(l.id, l.product_id, l.variant_id, l.sku, l.name, l.variant_title, l.image,
    l.quantity, l.unit_minor, l.total_minor, l.discount_minor, l.tax_minor) order by l.position), '[]')
  from order_lines l where l.tenant_id = $1 and l.order_id = o.id) as lines"""
_DETAIL = """
  (select coalesce(json_agg(p order by p.id desc), '[]') from (select id, order_id, provider, method, status, amount_minor,
    currency, captured_minor, refunded_minor, reference, url, client, reason, created_at
    from payments where tenant_id = $1 and order_id = o.id) p) as payments,
  (select coalesce(json_agg(r order by r.id desc), '[]') from (select id, order_id, payment_id, amount_minor, reason, status,
    reference, created_at from refunds where tenant_id = $1 and order_id = o.id) r) as refunds,
  (select coalesce(json_agg(json_build_array(h.from_status, h.to_status, h.actor, h.note, h.created_at) order by h.id), '[]')
    from order_history h where h.tenant_id = $1 and h.order_id = o.id) as history,
  (select coalesce(json_agg(json_build_array(s.id, s.carrier, s.tracking_number, s.tracking_url, s.created_at) order by s.id),
    '[]') from shipments s where s.tenant_id = $1 and s.order_id = o.id) as shipments"""

INSERT = """
with drawn as (
  insert into counters as c (tenant_id, name, last) values ($1, 'orders', 1)
  on conflict (tenant_id, name) do update set last = c.last + 1
  returning last),
o as (
  insert into orders (tenant_id, id, number, customer_id, email, customer_name, phone, status, payment_status,
    stock_state, hold_expires_at, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
    tax_included, coupon_id, coupon_code, shipping_method, payment_method, shipping_address, billing_address, notes,
    cart_id, cart_version, source, client_digest, lookup_hash, created_at, updated_at, request_digest)
  select $1, $2, d.last, $3, $4, $5, $6, $7, $8, 'held', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21::jsonb, $22::jsonb, $23, $24, $25, $26, $27, $28, $29, $29, $44
  from drawn d
  returning id, number),
l as (
  insert into order_lines (tenant_id, id, order_id, position, product_id, variant_id, sku, name, variant_title, image,
    quantity, unit_minor, total_minor, discount_minor, tax_minor)
  select $1, x.id, $2, x.place, x.product_id, x.variant_id, x.sku, x.name, x.title, x.image, x.quantity, x.unit, x.total,
    x.discount, x.tax
  from unnest($30::uuid[], $31::uuid[], $32::uuid[], $33::text[], $34::text[], $35::text[], $36::text[], $37::int[],
    $38::bigint[], $39::bigint[], $40::bigint[], $41::bigint[]) with ordinality
    as x (id, product_id, variant_id, sku, name, title, image, quantity, unit, total, discount, tax, place)
  returning 1),
h as (
  insert into order_history (tenant_id, order_id, id, to_status, actor, created_at)
  select $1, o.id, $42, $7, $43, $29 from o
  returning 1)
select o.number from o
"""
OF_REQUEST = "select id from orders where tenant_id = $1 and request_digest = $2"
GET = f"select {COLUMNS}, {LINES} from orders o where o.tenant_id = $1 and o.id = $2 and o.number is not null"
LOCK = f"{GET} for no key update of o"
GET_MANY = f"""
select {COLUMNS}, {LINES} from orders o where o.tenant_id = $1 and o.id = any($2::uuid[]) and o.number is not null
"""
DETAIL = f"select {COLUMNS}, {LINES}, {_DETAIL} from orders o where o.tenant_id = $1 and o.id = $2"
MOVE = """
with before as (
  select id, status from orders where tenant_id = $1 and id = $2 for no key update),
moved as (
  update orders o set status = $3, hold_expires_at = null, version = o.version + 1, updated_at = $5
  from before b where o.tenant_id = $1 and o.id = b.id and b.status = any($4::text[])
  returning o.id, b.status as from_status)
insert into order_history (tenant_id, order_id, id, from_status, to_status, actor, note, created_at)
select $1, m.id, $6, m.from_status, $3, $7, $8, $5 from moved m
returning from_status
"""
SET_STOCK = """
update orders set stock_state = $3, hold_expires_at = null, updated_at = $4
where tenant_id = $1 and id = $2 and stock_state = 'held' returning id
"""
SET_PAYMENT = """
update orders set payment_status = $3, hold_expires_at = case when $4 then null else hold_expires_at end,
  version = version + 1, updated_at = $5
where tenant_id = $1 and id = $2 returning id
"""
HOLD_AGAIN = """
update orders set hold_expires_at = $3, updated_at = $4
where tenant_id = $1 and id = $2 and status = 'pending' and stock_state = 'held' and hold_expires_at is null returning id
"""
FLAG = "update orders set flagged = $3, updated_at = $4 where tenant_id = $1 and id = $2 returning id"
SHIP = """
insert into shipments (tenant_id, id, order_id, carrier, tracking_number, tracking_url, created_at)
values ($1, $2, $3, $4, $5, $6, $7) returning id
"""
TENANT_OF_ORDER = "select tenant_of_order($1)"
EXPIRED = """
select id from orders where tenant_id = $1 and stock_state = 'held' and hold_expires_at is not null and hold_expires_at <= $2
order by hold_expires_at limit 50
"""

# Looked up by e-mail. A page with how many there are in all, in one row at least, so that a hit costs what a miss does.
_SUMMARY = """
select (select count(*) from found), f.id, f.number, f.status, f.payment_status, f.currency, f.total_minor, f.created_at
from (select 1) as always left join lateral (
  select * from found order by created_at desc, id desc limit $3 offset $4) as f on true
order by f.created_at desc, f.id desc
"""
_SEEN = "o.id, o.number, o.status, o.payment_status, o.currency, o.total_minor, o.created_at, o.email"
OF_EMAIL = f"""
with found as materialized (select {_SEEN} from orders o where o.tenant_id = $1 and o.email = $2){_SUMMARY}"""
# What the proof is good for is read whole before anybody looks whose it is: the planner is not to begin at the e-mail.
PROVEN = f"""
with shown as materialized (
  select {_SEEN} from orders o where o.tenant_id = $1 and o.customer_id = $5
  union
  select {_SEEN} from orders o where o.tenant_id = $1 and o.client_digest = $6 and o.created_at > $7
  union
  select {_SEEN} from orders o where o.tenant_id = $1 and o.lookup_hash = any($8::bytea[])),
found as materialized (select * from shown where email = $2){_SUMMARY}"""
IS_OF_EMAIL = "select 1 from orders o where o.tenant_id = $1 and o.id = $2 and o.email = $3"
IS_PROVEN = f"""{IS_OF_EMAIL} and (
  o.customer_id = $4 or o.client_digest = $5 and o.created_at > $6 or o.lookup_hash = any($7::bytea[]))"""

_FILTERS = {
    "statuses": "o.status = any({}::text[])",
    "customer_id": "o.customer_id = {}",
    "email": "o.email = {}",
    "created_from": "o.created_at >= {}",
    "created_to": "o.created_at < {}",
}


def _page_statements() -> dict[tuple[str, ...], tuple[str, str]]:
    """A list and a count for every combination of filters: generic plans want no catch-all conditions."""
    made = {}
    for mask in range(1 << len(_FILTERS)):
        chosen = tuple(name for bit, name in enumerate(_FILTERS) if mask >> bit & 1)
        where = "".join(f" and {_FILTERS[name].format(f'${place + 2}')}" for place, name in enumerate(chosen))
        last = len(chosen) + 2
        page = f"""
select {COLUMNS}, {LINES} from orders o where o.tenant_id = $1{where}
order by o.created_at desc, o.id desc limit ${last} offset ${last + 1}"""
        made[chosen] = (page, f"select count(*) from orders o where o.tenant_id = $1{where}")
    return made


PAGES = _page_statements()

_lines = msgspec.json.Decoder(list[OrderLine])
_address = msgspec.json.Decoder(Address)
_payments = msgspec.json.Decoder(list[Payment])
_refunds = msgspec.json.Decoder(list[Refund])
_history = msgspec.json.Decoder(list[HistoryEntry])
_shipments = msgspec.json.Decoder(list[Shipment])


def as_order(row: Any) -> Order:
    values = list(row[: len(_NAMES)])
    values[6], values[7], values[8] = Status(row[6]), PaymentStatus(row[7]), StockState(row[8])
    values[21] = _address.decode(row[21]) if row[21] else None
    values[22] = _address.decode(row[22]) if row[22] else None
    values.append(_lines.decode(row[len(_NAMES)]))
    return Order(*values)


def _json(address: Address | None) -> str | None:
    return None if address is None else msgspec.json.encode(address).decode()


async def insert(tx: Tx, order: Order, placement: Placement) -> int:
    """The order with its lines and the first entry of its history; its number, the next of this tenant. The counter is
    a hot row: to be drawn after stock, right before the end."""
    row = await tx.row(INSERT, *_written(tx, order, placement))
    assert row is not None
    drawn: int = row[0]
    return drawn


async def insert_with_commit(tx: Tx, order: Order, placement: Placement) -> Callable[[], int]:
    """The same where nothing but statements that nobody waits for follows, and events that say `NUMBERED`: it travels
    with the commit, so that nobody waits for the counter longer than that takes. Its number can be asked afterwards."""
    sent = await tx.ahead(INSERT, *_written(tx, order, placement))

    def drawn() -> int:
        assert sent.row is not None and sent.row[0] is not None
        return int(sent.row[0])

    return drawn


def _written(tx: Tx, order: Order, placement: Placement) -> tuple[Any, ...]:
    lines = order.lines
    return (
        order.id,
        order.customer_id,
        order.email,
        order.customer_name,
        order.phone,
        order.status.value,
        order.payment_status.value,
        order.hold_expires_at,
        order.currency,
        order.subtotal_minor,
        order.discount_minor,
        order.shipping_minor,
        order.tax_minor,
        order.total_minor,
        order.tax_included,
        order.coupon_id,
        order.coupon_code,
        order.shipping_method,
        order.payment_method,
        _json(order.shipping_address),
        _json(order.billing_address),
        order.notes,
        order.cart_id,
        placement.cart_version,
        order.source,
        placement.client_digest,
        placement.lookup_hash,
        order.created_at,
        [line.id for line in lines],
        [line.product_id for line in lines],
        [line.variant_id for line in lines],
        [line.sku for line in lines],
        [line.name for line in lines],
        [line.variant_title for line in lines],
        [line.image for line in lines],
        [line.quantity for line in lines],
        [line.unit_minor for line in lines],
        [line.total_minor for line in lines],
        [line.discount_minor for line in lines],
        [line.tax_minor for line in lines],
        ids.new(),
        tx.ctx.principal,
        placement.request_digest,
    )


async def of_request(tx: Tx, digest: bytes) -> OrderId | None:
    row = await tx.row(OF_REQUEST, digest)
    return OrderId(row[0]) if row else None


async def get(tx: Tx, order_id: OrderId) -> Order | None:
    row = await tx.row(GET, order_id)
    return as_order(row) if row else None


async def get_many(tx: Tx, wanted: Sequence[OrderId]) -> dict[OrderId, Order]:
    return {order.id: order for order in map(as_order, await tx.rows(GET_MANY, list(wanted)))}


async def lock(tx: Tx, order_id: OrderId) -> Order | None:
    """The order, held until the transaction ends: before its payments and before any stock."""
    row = await tx.row(LOCK, order_id)
    return as_order(row) if row else None


async def tenant_of(db: Database, order_id: OrderId) -> TenantId | None:
    """Whose this order is. Knowing an order's id is no permission: the caller asks what may be done there."""
    row = await db.lookup(TENANT_OF_ORDER, order_id)
    return TenantId(row[0]) if row and row[0] else None


async def detail(tx: Tx, order_id: OrderId) -> OrderDetail | None:
    row = await tx.row(DETAIL, order_id)
    if row is None:
        return None
    payments, refunds, history, shipments = row[len(_NAMES) + 1 :]
    return OrderDetail(
        as_order(row),
        _payments.decode(payments),
        _refunds.decode(refunds),
        _history.decode(history),
        _shipments.decode(shipments),
    )


async def page(tx: Tx, query: OrderQuery) -> OrderPage:
    """Newest first, with the whole count."""
    given: dict[str, Any] = {
        "statuses": [status.value for status in query.statuses],
        "customer_id": query.customer_id,
        "email": query.email,
        "created_from": query.created_from,
        "created_to": query.created_to,
    }
    chosen = tuple(name for name in _FILTERS if given[name])
    listing, counting = PAGES[chosen]
    args = [given[name] for name in chosen]
    rows = await tx.rows(listing, *args, query.limit, query.offset)
    if query.offset == 0 and len(rows) < query.limit:
        return OrderPage([as_order(row) for row in rows], len(rows))
    counted = await tx.row(counting, *args)
    return OrderPage([as_order(row) for row in rows], counted[0] if counted else 0)


async def of_email(tx: Tx, email: str, limit: int, offset: int) -> OrderSummaries:
    return _summaries(await tx.rows(OF_EMAIL, email, limit, offset))


async def proven(tx: Tx, email: str, proof: Proof, limit: int, offset: int) -> OrderSummaries:
    """Those of the e-mail's orders that the proof is good for. It is what the statement begins at: how long it takes
    does not depend on the e-mail."""
    given = (proof.customer_id, proof.client_digest, proof.since, proof.tokens)
    return _summaries(await tx.rows(PROVEN, email, limit, offset, *given))


def _summaries(rows: list[Any]) -> OrderSummaries:
    found = [
        OrderSummary(row[1], row[2], Status(row[3]), PaymentStatus(row[4]), row[5], row[6], row[7])
        for row in rows
        if row[1] is not None
    ]
    return OrderSummaries(found, rows[0][0])


async def may_see(tx: Tx, order_id: OrderId, email: str, proof: Proof | None) -> bool:
    """Whether this is an order of the e-mail's, and one that the proof is good for."""
    if proof is None:
        return await tx.row(IS_OF_EMAIL, order_id, email) is not None
    given = (proof.customer_id, proof.client_digest, proof.since, proof.tokens)
    return await tx.row(IS_PROVEN, order_id, email, *given) is not None


async def move(tx: Tx, order_id: OrderId, target: Status, note: str = "") -> Status | None:
    """The status it came from, or None where the order is not in a state that `target` may follow. Only a pending
    order's hold on stock can run out."""
    row = await tx.row(
        MOVE,
        order_id,
        target.value,
        states.sources(TRANSITIONS, target),
        tx.ctx.now,
        ids.new(),
        tx.ctx.principal,
        note,
    )
    return Status(row[0]) if row else None


async def set_stock(tx: Tx, order_id: OrderId, target: StockState) -> bool:
    """False where the order's stock is no longer held: a hold is resolved exactly once."""
    return await tx.row(SET_STOCK, order_id, target.value, tx.ctx.now) is not None


async def set_payment(tx: Tx, order_id: OrderId, status: PaymentStatus, keep_hold: bool = False) -> None:
    """`keep_hold`: its hold on stock does not run out any more."""
    await tx.rows(SET_PAYMENT, order_id, status.value, keep_hold, tx.ctx.now)


async def hold_again(tx: Tx, order_id: OrderId, until: datetime) -> None:
    """An unpaid order whose hold on stock had been lifted has an end again."""
    await tx.rows(HOLD_AGAIN, order_id, until, tx.ctx.now)


async def flag(tx: Tx, order_id: OrderId, why: str) -> None:
    await tx.rows(FLAG, order_id, why, tx.ctx.now)


async def insert_shipment(tx: Tx, order_id: OrderId, shipment: Shipment) -> None:
    await tx.rows(
        SHIP,
        shipment.id,
        order_id,
        shipment.carrier,
        shipment.tracking_number,
        shipment.tracking_url,
        shipment.created_at,
    )


async def expired(tx: Tx, moment: datetime) -> list[OrderId]:
    """Orders whose hold on stock has run out."""
    return [row[0] for row in await tx.rows(EXPIRED, moment)]
