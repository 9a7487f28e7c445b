"""A payment provider with books of its own, for tests of selling under faults: what it took and gave back is decided
here and nowhere else, so the shop's books have something to be compared with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from tests.selling import Shop, open_shop

from merx.core.checkout import healing
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid
from merx.kernel.ids import PaymentId
from merx.kernel.money import Money
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundReceipt, RefundRequest

GOOD, BAD = "pm_card_visa", "pm_card_chargeDeclined"
PROVIDER = "stripe"
"""Whose place the till takes; the fixture `provider` runs a test for each."""


@dataclass
class Taken:
    """One payment as the provider sees it."""

    charge: Charge
    outcome: Outcome
    captured: Money | None = None
    refunds: dict[UUID, int] = field(default_factory=dict)

    def receipt(self) -> Receipt:
        reason = "card_declined" if self.outcome is Outcome.DECLINED else None
        reference = f"ref_{self.charge.payment_id.hex}"
        return Receipt(self.outcome, reference, "https://pay.test/", self.captured, reason)


@dataclass
class Till:
    """`around` is awaited with the name of each call and "before" or "after" its work; it may raise."""

    name: str = "stripe"
    payments: dict[UUID, Taken] = field(default_factory=dict)
    calls: int = 0
    events: int = 0
    around: Callable[[str, str], Awaitable[None]] | None = None
    stuck: bool = False  # pages neither end nor can be closed
    slow_refunds: bool = False  # answered with "pending"
    left: set[UUID] = field(default_factory=set)  # pages that Razorpay was asked to close, and can't

    @property
    def lingers(self) -> bool:
        """Razorpay's orders can be paid for ever."""
        return self.name == "razorpay"

    def is_closed(self, payment_id: UUID) -> bool:
        return payment_id in self.left or self.payments[payment_id].outcome is Outcome.EXPIRED

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        return await self._call("charge", lambda: self._charge(charge))

    async def find(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        return await self._call("find", lambda: self._standing(payment_id))

    async def cancel(self, account: Account, payment_id: PaymentId, reference: str | None) -> Receipt:
        return await self._call("cancel", lambda: self._cancel(payment_id))

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        return await self._call("refund", lambda: self._refund(request))

    def confirm(self, account: Account, reference: str, fields: Any) -> None:
        if fields.get("proof") != reference:
            raise Invalid("The signature does not match.", code="signature_wrong")

    def verify(self, account: Account, headers: Any, body: bytes, now: Any) -> Notice:
        return msgspec.json.decode(body, type=Notice)

    async def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.around is not None:
            await self.around(name, "before")
        answer = work()
        if self.around is not None:
            await self.around(name, "after")
        return answer

    def _charge(self, charge: Charge) -> Receipt:
        known = self.payments.get(charge.payment_id)
        if known is None:
            known = self.payments[charge.payment_id] = Taken(charge, Outcome.PENDING)
            if charge.token is not None:
                self.end(charge.payment_id, Outcome.CAPTURED if charge.token == GOOD else Outcome.DECLINED)
        assert known.charge == charge, "a repeated charge is the same charge"
        return known.receipt()

    def _standing(self, payment_id: UUID) -> Receipt:
        known = self.payments.get(payment_id)
        if known is None:
            return Receipt(Outcome.UNKNOWN)
        if known.outcome is Outcome.AUTHORIZED:  # whoever looks captures
            known.outcome, known.captured = Outcome.CAPTURED, known.charge.amount
        given = Money(sum(known.refunds.values()), known.charge.amount.currency)
        return msgspec.structs.replace(known.receipt(), refunded=given if known.refunds else None)

    def _cancel(self, payment_id: UUID) -> Receipt:
        known = self.payments.get(payment_id)
        if known is not None and known.outcome is Outcome.PENDING and not self.stuck:
            if self.lingers:
                self.left.add(payment_id)
                return msgspec.structs.replace(known.receipt(), outcome=Outcome.EXPIRED, lingers=True)
            known.outcome = Outcome.EXPIRED
        return self._standing(payment_id)

    def _refund(self, request: RefundRequest) -> RefundReceipt:
        known = self.payments[request.payment_id]
        captured = known.captured.minor if known.captured else 0
        if request.refund_id not in known.refunds:
            if sum(known.refunds.values()) + request.amount.minor > captured:
                return RefundReceipt(False, reason="charge_already_refunded")
            known.refunds[request.refund_id] = request.amount.minor
        if self.slow_refunds:
            return RefundReceipt(False, pending=True)
        return RefundReceipt(True, reference=f"re_{request.refund_id.hex}")

    # ── What happens at the provider's own pages ─────────────────────────────────────────────────────────────────────

    def end(self, payment_id: UUID, outcome: Outcome, captured: Money | None = None) -> bool:
        """The shopper pays, is declined or leaves. False where the page is closed."""
        known = self.payments[payment_id]
        if known.outcome is not Outcome.PENDING:
            return False
        known.outcome = outcome
        if outcome is Outcome.CAPTURED:
            known.captured = captured or known.charge.amount
        return True

    def notice(self, payment_id: UUID, **more: Any) -> bytes:
        """A signed callback about where the payment stands now."""
        self.events += 1
        receipt = more.pop("receipt", self.payments[payment_id].receipt())
        return msgspec.json.encode(Notice(f"evt_{self.events}", "x", PaymentId(payment_id), None, receipt, **more))

    @property
    def kept(self) -> int:
        """What this provider took and has not given back."""
        taken = sum(one.captured.minor for one in self.payments.values() if one.captured)
        return taken - sum(sum(one.refunds.values()) for one in self.payments.values())


async def open_till(database: Database, **settings: Any) -> tuple[Shop, Till]:
    shop, till = await open_shop(database, **{"payment_provider": PROVIDER, **settings}), Till(PROVIDER)
    shop.rt = msgspec.structs.replace(shop.rt, payments={**shop.rt.payments, PROVIDER: till})
    shop.provider = till  # type: ignore[assignment]
    return shop, till


async def tell(shop: Shop, body: bytes, ctx: Ctx | None = None) -> bool:
    return await healing.apply_callback(shop.rt, ctx or shop.ctx, shop.provider.name, {}, body)


KEPT = """
select coalesce(sum(captured_minor - refunded_minor), 0) from payments where tenant_id = $1 and provider <> 'manual'
"""
WRONGLY_PAID = """
select count(*) from orders o
left join (select order_id, sum(captured_minor) taken, sum(refunded_minor) given
  from payments where tenant_id = $1 group by 1) p on p.order_id = o.id
where o.tenant_id = $1 and o.flagged is null and (
  (o.payment_status = 'paid') <> (coalesce(p.taken, 0) - coalesce(p.given, 0) >= o.total_minor
    and o.payment_status in ('paid', 'unpaid', 'failed'))
    and o.total_minor > 0
  or o.payment_status in ('unpaid', 'failed', 'authorized') and coalesce(p.taken, 0) > 0
  or o.payment_status = 'refunded' and p.taken <> p.given
  or o.payment_status = 'partially_refunded' and not (p.given > 0 and p.taken > p.given)
  or coalesce(p.taken, 0) - coalesce(p.given, 0) > o.total_minor)
"""
NO_PATH = """
select count(*) from (
  select from_status, lag(to_status) over (partition by order_id order by id) before, id
  from order_history where tenant_id = $1) h
where h.from_status is distinct from h.before
"""
WRONG_EVENTS = """
select count(*) from orders o
left join (select subject, count(*) filter (where kind = 'order.created') created,
    count(*) filter (where kind = 'order.paid') paid, count(*) filter (where kind = 'order.cancelled') cancelled
  from outbox where tenant_id = $1 group by 1) e on e.subject = o.id
where o.tenant_id = $1 and (e.created is distinct from 1 or e.paid > 1 or e.cancelled > 1
  or (o.status = 'cancelled') <> (e.cancelled = 1)
  or o.payment_status in ('paid', 'partially_refunded') and o.flagged is null and e.paid <> 1)
"""
REFUNDS_UNTOLD = """
select (select count(*) from refunds r where r.tenant_id = $1 and r.status = 'succeeded' and not exists (
    select 1 from outbox o where o.tenant_id = $1 and o.kind = 'order.refunded' and o.facts ->> 'refund_id' = r.id::text))
  + (select count(*) - count(distinct facts ->> 'refund_id') from outbox where tenant_id = $1 and kind = 'order.refunded')
"""
REFUNDS_ADD_UP = """
select count(*) from payments p where p.tenant_id = $1 and p.refunded_minor <> (
  select coalesce(sum(r.amount_minor), 0) from refunds r
  where r.tenant_id = $1 and r.payment_id = p.id and r.status <> 'failed')
"""
ONE_HOLD = """
select count(*) from order_lines l
join orders o on o.tenant_id = $1 and o.id = l.order_id
left join (select order_id, variant_id, sum(reserved_delta) r, sum(on_hand_delta) h, count(*) n
  from stock_movements where tenant_id = $1 and order_id is not null group by 1, 2) m
  on m.order_id = l.order_id and m.variant_id = l.variant_id
where l.tenant_id = $1 and not case o.stock_state
  when 'held' then m.n = 1 and m.r > 0 and m.h = 0
  when 'released' then m.n = 2 and m.r = 0 and m.h = 0
  else m.n = 2 and m.r = 0 and m.h < 0 end
"""
COUPON_USES = """
select count(*) from coupons c where c.tenant_id = $1 and (
  c.used <> (select count(*) from orders o where o.tenant_id = $1 and o.coupon_id = c.id and o.stock_state <> 'released')
  or c.used <> (select coalesce(sum(u.used), 0) from coupon_uses u where u.tenant_id = $1 and u.coupon_id = c.id))
"""
ORACLES = {
    name: globals()[name]
    for name in "WRONGLY_PAID NO_PATH WRONG_EVENTS REFUNDS_UNTOLD REFUNDS_ADD_UP ONE_HOLD COUPON_USES".split()
}


async def accounts_agree(shop: Shop, till: Till) -> None:
    """Beside `books_are_right`: what the shop says of its money is what the provider says; payment status, history,
    events, holds and coupon uses follow from each other."""
    assert await shop.value(KEPT) == till.kept, "the shop's books and the provider's differ"
    for name, sql in ORACLES.items():
        assert await shop.value(sql) == 0, name
