"""What merchants and shoppers can do with orders after the sale."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

import msgspec

from merx.core.auth import reach
from merx.core.auth.reach import WrongTenant
from merx.core.idempotency.model import KeyReused
from merx.core.inventory import store as inventory
from merx.core.orders import closing, rules, steps, store
from merx.core.orders.model import (
    NotPaid,
    Order,
    OrderDetail,
    OrderPage,
    OrderQuery,
    Shipment,
    Status,
    StockState,
)
from merx.core.payments import store as payments
from merx.core.payments.model import OPEN, Payment, Refund, RefundStatus
from merx.core.payments.model import Status as Attempt
from merx.core.tenants.accounts import account as provider_account
from merx.core.tenants.model import NoCredentials
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Conflict, Invalid, Kind, MerxError, NotFound, Refused, Upstream
from merx.kernel.events import ORDER_DELIVERED, ORDER_SHIPPED, Event
from merx.kernel.ids import CustomerId, OrderId, PaymentId, ShipmentId, TenantId
from merx.kernel.money import Money
from merx.ports import Outcome, Receipt, RefundReceipt, RefundRequest
from merx.runtime import Runtime

log = logging.getLogger("merx.core.orders")


class Moved(msgspec.Struct, frozen=True):
    done: tuple[OrderId, ...]
    refused: tuple[MerxError, ...]


async def get(rt: Runtime, ctx: Ctx, order_id: OrderId) -> OrderDetail:
    """The whole story of an order; a shopper's own only. Somebody else's is NotFound, like one that never was."""
    own = _only_own(ctx)
    async with rt.db.begin(ctx) as tx:
        detail = await store.detail(tx, order_id)
    if detail is None or (own is not None and detail.order.customer_id != own):
        raise NotFound("order")
    return detail


async def get_anywhere(rt: Runtime, ctx: Ctx, order_id: OrderId) -> tuple[OrderDetail, TenantId]:
    """The same, in whichever shop of the caller's it is, and which that is; for a request that names no shop."""
    if reach.is_administrator(ctx):
        return await _as_administrator(rt, ctx, order_id)
    try:
        return await get(rt, ctx, order_id), ctx.tenant
    except NotFound:
        elsewhere = await reach.others(rt, ctx)
    for place in elsewhere:
        if place.may("orders:read"):
            with contextlib.suppress(NotFound):
                return await get(rt, place, order_id), place.tenant
    raise NotFound("order")


async def _as_administrator(rt: Runtime, ctx: Ctx, order_id: OrderId) -> tuple[OrderDetail, TenantId]:
    tenant = await store.tenant_of(rt.db, order_id)
    if tenant is None:
        raise NotFound("order")
    try:
        return await get(rt, await reach.by_id(rt, ctx, tenant), order_id), tenant
    except WrongTenant:
        raise NotFound("order") from None


async def page(rt: Runtime, ctx: Ctx, query: OrderQuery) -> OrderPage:
    """Newest first; a shopper sees only their own, and asking for another's finds nothing."""
    own = _only_own(ctx)
    rules.check_period(query)
    if own is not None and query.customer_id not in (None, own):
        return OrderPage([], 0)
    if own is not None:
        query = msgspec.structs.replace(query, customer_id=own, email=None)
    async with rt.db.begin(ctx) as tx:
        return await store.page(tx, query)


def _only_own(ctx: Ctx) -> CustomerId | None:
    """None for those who may read every order, the shopper for those who may read their own; raises for the rest."""
    if ctx.may("orders:read"):
        return None
    ctx.require("orders:own")
    if ctx.actor not in (ActorKind.CUSTOMER, ActorKind.ANONYMOUS):
        ctx.require("orders:read")  # a key or a colleague has no orders of its own
    return ctx.customer_id()


async def change_status(rt: Runtime, ctx: Ctx, order_id: OrderId, target: Status, note: str = "") -> OrderDetail:
    """Raises IllegalTransition with the legal ones. Cancelling returns the stock, refunding returns the money."""
    ctx.require("orders:write")
    rules.check_note(note, "note")
    if target is Status.REFUNDED:
        ctx.require("refunds:write")
        return await refund(rt, ctx, order_id, None, note or "refunded", whole_order=True)
    if target is Status.CANCELLED:
        return await cancel(rt, ctx, order_id, note or "cancelled by the shop")
    async with rt.db.begin(ctx) as tx:
        order = await _locked(tx, order_id, target)
        await store.move(tx, order_id, target, note)
        moved = msgspec.structs.replace(order, status=target)
        if target is Status.DELIVERED:
            tx.emit(Event(ORDER_DELIVERED, order_id, dict(rules.facts(moved))))
        if target is Status.SHIPPED:
            tx.emit(Event(ORDER_SHIPPED, order_id, dict(rules.facts(moved))))
            if await store.set_stock(tx, order_id, StockState.SHIPPED):
                await inventory.ship(tx, order_id, rules.quantities(order.lines))
    return await get(rt, ctx, order_id)


async def change_statuses(rt: Runtime, ctx: Ctx, chosen: Sequence[OrderId], target: Status) -> Moved:
    """Each by itself: what one order refuses does not keep the others back."""
    ctx.require("orders:write")
    done, refused = list[OrderId](), list[MerxError]()
    for order_id in chosen:
        try:
            await change_status(rt, ctx, order_id, target)
            done.append(order_id)
        except MerxError as wrong:
            if wrong.kind in (Kind.FORBIDDEN, Kind.BUSY):
                raise
            refused.append(wrong)
    return Moved(tuple(done), tuple(refused))


async def ship(
    rt: Runtime, ctx: Ctx, order_id: OrderId, carrier: str, tracking_number: str, tracking_url: str | None = None
) -> OrderDetail:
    """Adds a shipment. The first one moves the order to shipped and its stock out of the house."""
    ctx.require("orders:write")
    if not 1 <= len(carrier.strip()) <= 100:
        raise Invalid("A carrier has 1 to 100 characters.", field="carrier")
    if len(tracking_number) > 200:
        raise Invalid("A tracking number has at most 200 characters.", field="tracking_number")
    if tracking_url is not None and (not tracking_url.startswith(("https://", "http://")) or len(tracking_url) > 2000):
        raise Invalid("A tracking address begins with https:// or http://.", field="tracking_url")
    shipment = Shipment(ShipmentId(ids.new()), carrier.strip(), tracking_number.strip(), tracking_url, ctx.now)
    async with rt.db.begin(ctx) as tx:
        order = await store.lock(tx, order_id)
        if order is None:
            raise NotFound("order")
        first = order.status is not Status.SHIPPED
        if first:
            rules.check_transition(order, Status.SHIPPED)
            await store.move(tx, order_id, Status.SHIPPED)
        await store.insert_shipment(tx, order_id, shipment)
        moved = msgspec.structs.replace(order, status=Status.SHIPPED)
        sent = {"carrier": shipment.carrier, "tracking_number": shipment.tracking_number, "tracking_url": tracking_url}
        tx.emit(Event(ORDER_SHIPPED, order_id, dict(rules.facts(moved, **sent))))
        if first and await store.set_stock(tx, order_id, StockState.SHIPPED):
            await inventory.ship(tx, order_id, rules.quantities(order.lines))
    return await get(rt, ctx, order_id)


async def cancel(rt: Runtime, ctx: Ctx, order_id: OrderId, note: str) -> OrderDetail:
    """Stock and coupon return at once; an open payment is closed at its provider, money taken already goes back."""
    ctx.require("orders:write")
    rules.check_note(note, "note")
    async with rt.db.begin(ctx) as tx:
        order = await _locked(tx, order_id, Status.CANCELLED)
        attempts = await payments.of_order(tx, order_id)
        refunds = await steps.give_all_back(tx, order, attempts, note)
        open_attempts = [attempt for attempt in attempts if attempt.status in OPEN]
        for attempt in open_attempts:
            await payments.postpone(tx, attempt.id, ctx.now + steps.RETRY)
        await steps.let_go(tx, order, note)
    for attempt in open_attempts:
        await _close_payment(rt, ctx, attempt)
    for booked in refunds:
        await _send_refund(rt, ctx, booked)
    return await get(rt, ctx, order_id)


async def refund(
    rt: Runtime,
    ctx: Ctx,
    order_id: OrderId,
    amount_minor: int | None,
    reason: str,
    whole_order: bool = False,
    key: str | None = None,
) -> OrderDetail:
    """Gives back part of what was paid, or all that is left of it (None); with all of it the order is refunded, and
    stock it still holds returns. `whole_order` demands that the order may become refunded. `key` is the caller's
    idempotency key: the same one again, however late, finds the same refund. Raises KeyReused for another amount."""
    ctx.require("refunds:write")
    rules.check_note(reason, "reason")
    ctx = ctx if key is None else ctx.repeatable()
    mark = None if key is None else f"{ctx.principal}/{key}"
    async with rt.db.begin(ctx) as tx:
        order = await store.lock(tx, order_id)
        if order is None:
            raise NotFound("order")
        booked = None if mark is None else await payments.refund_by_key(tx, order_id, mark)
        if booked is None:
            booked = await _book_refund(tx, order, amount_minor, reason, whole_order, mark)
        elif amount_minor not in (None, booked.amount_minor):
            raise KeyReused()
    if booked.status is RefundStatus.PENDING:
        await _send_refund(rt, ctx, booked)
    return await get(rt, ctx, order_id)


async def _book_refund(
    tx: Tx, order: Order, amount_minor: int | None, reason: str, whole_order: bool, mark: str | None
) -> Refund:
    if whole_order:
        rules.check_transition(order, Status.REFUNDED)
    attempts = [attempt for attempt in await payments.of_order(tx, order.id) if attempt.captured_minor]
    if not attempts:
        raise NotPaid("Nothing was paid for this order, so nothing can be refunded.", field="amount")
    attempt = max(attempts, key=lambda a: a.captured_minor - a.refunded_minor)
    amount = rules.refund_amount(amount_minor, attempt.captured_minor, attempt.refunded_minor)
    booked = await steps.give_back(tx, order, attempt, amount, reason, mark)
    if booked is None:
        raise Conflict("Somebody else refunded this payment just now; look again.", code="refund_conflict")
    await steps.close_if_all_went_back(tx, order, reason)
    return booked


async def mark_paid(rt: Runtime, ctx: Ctx, order_id: OrderId) -> OrderDetail:
    """Cash was handed over, the transfer has come: only for payments that no provider reports about. A payment page
    that is open for such an order is closed first."""
    ctx.require("orders:write")
    before = ctx.repeatable()  # a page is closed as often as it takes; what is paid is paid once, and that is noted
    async with rt.db.begin(before) as tx:
        page = await _page_in_the_way(tx, await store.lock(tx, order_id))
    if page is not None:
        await closing.make_way(rt, before, page)
    async with rt.db.begin(ctx) as tx:
        order = await store.lock(tx, order_id)
        if order is None:
            raise NotFound("order")
        payment = await _to_be_paid_by_hand(tx, order)
        await steps.settle(tx, payment, Receipt(Outcome.CAPTURED, captured=payment.amount))
    return await get(rt, ctx, order_id)


async def _page_in_the_way(tx: Tx, order: Order | None) -> Payment | None:
    """A card payment that is open for an order on delivery."""
    if order is None or rules.closed(order) or not rules.unpaid(order):
        return None
    attempts = await payments.of_order(tx, order.id)
    running = next((attempt for attempt in attempts if attempt.status in OPEN), None)
    by_hand = any(attempt.provider == "manual" for attempt in attempts)
    if running is None or running.provider == "manual" or not by_hand:
        return None
    await payments.supersede(tx, running.id)
    return running


async def _to_be_paid_by_hand(tx: Tx, order: Order) -> Payment:
    """The order's open cash or transfer payment; a new one where a card was tried in between and came to nothing."""
    attempts = await payments.of_order(tx, order.id)
    running = next((attempt for attempt in attempts if attempt.status in OPEN), None)
    if running is not None and running.provider == "manual" and not rules.closed(order):
        return running
    by_hand = any(attempt.provider == "manual" for attempt in attempts)
    if running is not None or not by_hand or rules.closed(order) or not rules.unpaid(order):
        raise Refused("This order has no open cash or transfer payment.", code="not_manual", field="payment_status")
    payment = Payment(
        PaymentId(ids.new()), order.id, "manual", order.payment_method, Attempt.PENDING, order.total_minor,
        order.currency, created_at=tx.ctx.now,
    )  # fmt: skip
    await payments.insert(tx, payment, None, None)
    return payment


async def _send_refund(rt: Runtime, ctx: Ctx, refund: Refund) -> None:
    """Asks the provider for a booked refund, as often as needed: the refund's id makes it one. Whatever goes wrong, it
    stays booked and the worker asks again."""
    try:
        await _ask_for_refund(rt, ctx, refund)
    except (Upstream, NoCredentials):
        return
    except Exception:
        log.exception("a refund could not be sent", extra={"refund": str(refund.id)})


async def _ask_for_refund(rt: Runtime, ctx: Ctx, refund: Refund) -> None:
    async with rt.db.begin(ctx) as tx:
        payment = await payments.get(tx, refund.payment_id)
        assert payment is not None
        account = await provider_account(rt, tx, payment.provider)
    request = RefundRequest(
        refund.id, payment.id, payment.reference or "", Money(refund.amount_minor, payment.currency), refund.reason
    )
    answer: RefundReceipt = await rt.payments[payment.provider].refund(account, request)
    async with rt.db.begin(ctx) as tx:
        await steps.finish_refund(tx, refund, answer)


async def _close_payment(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
    """Makes an open payment impossible to pay. If it was paid meanwhile, `settle` gives the money back. Whatever goes
    wrong, the worker closes it."""
    try:
        await closing.close(rt, ctx, payment)
    except (Upstream, NoCredentials):
        return
    except Exception:
        log.exception("a payment could not be closed", extra={"payment": str(payment.id)})


async def resume_refunds(rt: Runtime, ctx: Ctx) -> int:
    """For the worker: asks again about refunds whose answer never came. How many were asked about."""
    async with rt.db.begin(ctx) as tx:
        due = await payments.claim_due_refunds(tx, ctx.now, steps.RETRY)
    for booked in due:
        await _send_refund(rt, ctx, booked)
    return len(due)


async def _locked(tx: Tx, order_id: OrderId, target: Status) -> Order:
    """The order, locked, that may become `target`."""
    order = await store.lock(tx, order_id)
    if order is None:
        raise NotFound("order")
    rules.check_transition(order, target)
    return order
