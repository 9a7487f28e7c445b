"""Writes payments, refunds and provider_events. A payment changes state by compare-and-set against TRANSITIONS only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from merx.core.payments.model import TRANSITIONS, Payment, Refund, RefundStatus, Status
from merx.db.database import Tx
from merx.kernel import states
from merx.kernel.ids import OrderId, PaymentId, RefundId
from merx.ports import Charge, Receipt

TABLES = ("payments", "refunds", "provider_events")

_COLUMNS = """id, order_id, provider, method, status, amount_minor, currency, captured_minor, refunded_minor, reference,
  url, client, reason, created_at, superseded"""
_REFUND_COLUMNS = "id, order_id, payment_id, amount_minor, reason, status, reference, created_at"

INSERT = """
insert into payments (tenant_id, id, order_id, provider, method, status, amount_minor, currency, charge, check_at,
  created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $11)
returning id
"""
MOVE = f"""
update payments set status = $3, reference = coalesce($4, reference), url = coalesce($5, url),
  client = coalesce($6::jsonb, client), reason = $7, captured_minor = $8, check_at = $9, checks = 0, updated_at = $10
where tenant_id = $1 and id = $2 and status = any($11::text[]) returning {_COLUMNS}
"""
BY_ID = f"select {_COLUMNS} from payments where tenant_id = $1 and id = $2"
LOCK = f"{BY_ID} for no key update"
BY_REFERENCE = f"select {_COLUMNS} from payments where tenant_id = $1 and provider = $2 and reference = $3"
OF_ORDER = f"select {_COLUMNS} from payments where tenant_id = $1 and order_id = $2 order by id desc"
CHARGE = "select charge from payments where tenant_id = $1 and id = $2"
_PAUSE = "check_at = $2::timestamptz + $3::interval * power(2, least({}.checks, 7))"  # the next check, should this one settle nothing
CLAIM_DUE = f"""
update payments p set {_PAUSE.format("p")}, checks = p.checks + 1
from (select d.id from payments d where d.tenant_id = $1 and d.check_at is not null and d.check_at <= $2
  order by d.check_at limit 20 for no key update skip locked) due
where p.tenant_id = $1 and p.id = due.id
returning {", ".join("p." + name.strip() for name in _COLUMNS.split(","))}
"""
POSTPONE = "update payments set check_at = $3 where tenant_id = $1 and id = $2 returning id"
SUPERSEDE = "update payments set superseded = true where tenant_id = $1 and id = $2 returning id"
RESERVE_REFUND = """
update payments set refunded_minor = refunded_minor + $3, updated_at = $4
where tenant_id = $1 and id = $2 and refunded_minor + $3 <= captured_minor returning id
"""
UNDO_REFUND = """
update payments set refunded_minor = refunded_minor - $3, updated_at = $4 where tenant_id = $1 and id = $2 returning id
"""
MONEY_OF_ORDER = """
select coalesce(sum(captured_minor), 0)::bigint, coalesce(sum(refunded_minor), 0)::bigint from payments
where tenant_id = $1 and order_id = $2
"""
INSERT_REFUND = """
insert into refunds (tenant_id, id, order_id, payment_id, amount_minor, reason, status, check_at, actor, created_at,
  updated_at, idempotency_key)
values ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9, $9, $10)
returning id
"""
FINISH_REFUND = f"""
update refunds set status = 'succeeded', reference = coalesce($3, reference), check_at = null, updated_at = $4
where tenant_id = $1 and id = $2 and status = 'pending' returning {_REFUND_COLUMNS}
"""
FAIL_REFUND = f"""
update refunds set status = 'failed', reference = coalesce($3, reference), check_at = null, updated_at = $4
where tenant_id = $1 and id = $2 and status <> 'failed' returning {_REFUND_COLUMNS}
"""
NAME_REFUND = "update refunds set reference = $3 where tenant_id = $1 and id = $2 and reference is null returning id"
REFUNDS_OF_ORDER = f"select {_REFUND_COLUMNS} from refunds where tenant_id = $1 and order_id = $2 order by id"
REFUND_BY_KEY = f"""
select {_REFUND_COLUMNS} from refunds where tenant_id = $1 and order_id = $2 and idempotency_key = $3
"""
CLAIM_DUE_REFUNDS = f"""
update refunds r set {_PAUSE.format("r")}, checks = r.checks + 1
from (select d.id from refunds d where d.tenant_id = $1 and d.check_at is not null and d.check_at <= $2
  order by d.check_at limit 20 for no key update skip locked) due
where r.tenant_id = $1 and r.id = due.id
returning {", ".join("r." + name.strip() for name in _REFUND_COLUMNS.split(","))}
"""
RECORD_EVENT = """
insert into provider_events (tenant_id, provider, event_id, kind, received_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, provider, event_id) do nothing returning event_id
"""

ERASE = """
with given_back as (update refunds set reason = '' where tenant_id = $1 and order_id = any($2::uuid[]) and reason <> '')
update payments set charge = '{}', url = null where tenant_id = $1 and order_id = any($2::uuid[])
"""
FORGET_EVENTS = """
delete from provider_events where tenant_id = $1 and (provider, event_id) in
  (select provider, event_id from provider_events where tenant_id = $1 and received_at <= $2 limit $3)
"""


def payment_of(row: Any) -> Payment:
    return Payment(
        id=row[0],
        order_id=row[1],
        provider=row[2],
        method=row[3],
        status=Status(row[4]),
        amount_minor=row[5],
        currency=row[6],
        captured_minor=row[7],
        refunded_minor=row[8],
        reference=row[9],
        url=row[10],
        client=msgspec.json.decode(row[11]),
        reason=row[12],
        created_at=row[13],
        superseded=row[14],
    )


def refund_of(row: Any) -> Refund:
    return Refund(row[0], row[1], row[2], row[3], row[4], RefundStatus(row[5]), row[6], row[7])


async def insert(tx: Tx, payment: Payment, charge: Charge | None, check_at: datetime | None) -> None:
    """`check_at`: when the worker asks the provider about it if nothing else has moved it."""
    await tx.ahead(
        INSERT,
        payment.id,
        payment.order_id,
        payment.provider,
        payment.method,
        payment.status.value,
        payment.amount_minor,
        payment.currency,
        "{}" if charge is None else msgspec.json.encode(charge).decode(),
        check_at,
        tx.ctx.now,
    )


async def move(
    tx: Tx, payment_id: PaymentId, target: Status, receipt: Receipt, captured_minor: int, check_at: datetime | None
) -> Payment | None:
    """None where the payment has left every state that `target` may follow: somebody else has settled it."""
    row = await tx.row(
        MOVE,
        payment_id,
        target.value,
        receipt.reference,
        receipt.url,
        msgspec.json.encode(receipt.client).decode() if receipt.client else None,
        receipt.reason,
        captured_minor,
        check_at,
        tx.ctx.now,
        states.sources(TRANSITIONS, target),
    )
    return payment_of(row) if row else None


async def get(tx: Tx, payment_id: PaymentId) -> Payment | None:
    row = await tx.row(BY_ID, payment_id)
    return payment_of(row) if row else None


async def lock(tx: Tx, payment_id: PaymentId) -> Payment | None:
    row = await tx.row(LOCK, payment_id)
    return payment_of(row) if row else None


async def by_reference(tx: Tx, provider: str, reference: str) -> Payment | None:
    row = await tx.row(BY_REFERENCE, provider, reference)
    return payment_of(row) if row else None


async def of_order(tx: Tx, order_id: OrderId) -> list[Payment]:
    """Newest first."""
    return [payment_of(row) for row in await tx.rows(OF_ORDER, order_id)]


async def charge_of(tx: Tx, payment_id: PaymentId) -> Charge | None:
    row = await tx.row(CHARGE, payment_id)
    return msgspec.json.decode(row[0], type=Charge) if row and row[0] != "{}" else None


async def claim_due(tx: Tx, moment: datetime, pause: timedelta) -> list[Payment]:
    """Up to twenty payments whose hour has come; each is due again after `pause`, which doubles with every check that
    settles nothing, should this worker die over it or learn nothing."""
    return [payment_of(row) for row in await tx.rows(CLAIM_DUE, moment, pause)]


async def postpone(tx: Tx, payment_id: PaymentId, check_at: datetime | None) -> None:
    await tx.rows(POSTPONE, payment_id, check_at)


async def supersede(tx: Tx, payment_id: PaymentId) -> None:
    """Another attempt is to take its place: its end no longer lets the order go."""
    await tx.rows(SUPERSEDE, payment_id)


async def reserve_refund(tx: Tx, payment_id: PaymentId, amount_minor: int) -> bool:
    """False where more would be given back than was taken."""
    return await tx.row(RESERVE_REFUND, payment_id, amount_minor, tx.ctx.now) is not None


async def undo_refund(tx: Tx, payment_id: PaymentId, amount_minor: int) -> None:
    await tx.rows(UNDO_REFUND, payment_id, amount_minor, tx.ctx.now)


async def money_of_order(tx: Tx, order_id: OrderId) -> tuple[int, int]:
    """(captured, refunded) over all of an order's attempts."""
    row = await tx.row(MONEY_OF_ORDER, order_id)
    assert row is not None
    return row[0], row[1]


async def insert_refund(tx: Tx, refund: Refund, check_at: datetime | None, key: str | None = None) -> None:
    """`key`: what a repeated request finds it by."""
    await tx.rows(
        INSERT_REFUND,
        refund.id,
        refund.order_id,
        refund.payment_id,
        refund.amount_minor,
        refund.reason,
        check_at,
        tx.ctx.principal,
        tx.ctx.now,
        key,
    )


async def finish_refund(tx: Tx, refund_id: RefundId, reference: str | None) -> Refund | None:
    """It was given back. None where it was finished before."""
    row = await tx.row(FINISH_REFUND, refund_id, reference, tx.ctx.now)
    return refund_of(row) if row else None


async def fail_refund(tx: Tx, refund_id: RefundId, reference: str | None) -> Refund | None:
    """It came to nothing, perhaps long after it looked done. None where that was known."""
    row = await tx.row(FAIL_REFUND, refund_id, reference, tx.ctx.now)
    return refund_of(row) if row else None


async def name_refund(tx: Tx, refund_id: RefundId, reference: str) -> None:
    """The provider's name for a refund that had none yet."""
    await tx.rows(NAME_REFUND, refund_id, reference)


async def refunds_of_order(tx: Tx, order_id: OrderId) -> list[Refund]:
    """Oldest first."""
    return [refund_of(row) for row in await tx.rows(REFUNDS_OF_ORDER, order_id)]


async def refund_by_key(tx: Tx, order_id: OrderId, key: str) -> Refund | None:
    row = await tx.row(REFUND_BY_KEY, order_id, key)
    return refund_of(row) if row else None


async def claim_due_refunds(tx: Tx, moment: datetime, pause: timedelta) -> list[Refund]:
    return [refund_of(row) for row in await tx.rows(CLAIM_DUE_REFUNDS, moment, pause)]


async def record_event(tx: Tx, provider: str, event_id: str, kind: str) -> bool:
    """False where this event has been applied already."""
    return await tx.row(RECORD_EVENT, provider, event_id, kind, tx.ctx.now) is not None


async def forget_events(tx: Tx, before: datetime, limit: int) -> int:
    return await tx.run(FORGET_EVENTS, before, limit)


async def erase(tx: Tx, orders: Sequence[OrderId]) -> None:
    """What names the shopper of these orders, which nothing is asked of a provider about any more."""
    await tx.run(ERASE, list(orders))
