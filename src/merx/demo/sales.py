"""The past orders of a demo shop, replayed through the rules and steps that real ones go through: priced, held, paid,
shipped, refunded, each at its own time, so that the books add up as if it had all happened."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from merx.core.cart import rules as cart_rules
from merx.core.cart import store as carts
from merx.core.cart.model import Item
from merx.core.checkout import rules as checkout
from merx.core.checkout.model import CheckoutRequest
from merx.core.coupons import store as coupons
from merx.core.customers.model import Customer
from merx.core.inventory import store as inventory
from merx.core.orders import rules, steps
from merx.core.orders import store as orders
from merx.core.orders.model import Address, Order, Placement, Shipment, Status, StockState
from merx.core.payments import store as payments
from merx.core.payments.model import Payment
from merx.core.payments.model import Status as Attempt
from merx.db.database import Tx
from merx.demo import cards, goods, shops
from merx.demo.goods import Sold
from merx.demo.shops import DemoShop
from merx.kernel import ids, money
from merx.kernel.context import ActorKind
from merx.kernel.events import ORDER_CREATED, ORDER_DELIVERED, ORDER_SHIPPED, Event
from merx.kernel.ids import OrderId, PaymentId, ShipmentId, StaffId
from merx.kernel.money import Money
from merx.ports import Charge, Outcome, Receipt, RefundReceipt, RefundRequest

METHODS = {"card": "card", "bank_transfer": "bank_transfer", "cash_on_delivery": "cod"}
SOURCE = "baas"
APART = timedelta(minutes=47)
"""Between two orders of one day."""
_SHIPPED = (Status.SHIPPED, Status.DELIVERED)


class Past(msgspec.Struct, frozen=True):
    """What the orders refer to: people by e-mail, variants by SKU."""

    now: datetime
    people: dict[str, Customer]
    addresses: dict[str, shops.Address]
    catalogue: dict[str, Sold]
    owner: StaffId


async def replay(tx: Tx, shop: DemoShop, past: Past) -> None:
    """Oldest first. In the end exactly as much is for sale as the shop's file says."""
    of_the_day = Counter(order.days_ago for order in shop.orders)
    for order in shop.orders:
        placed_at = past.now - timedelta(days=order.days_ago) - of_the_day[order.days_ago] * APART
        of_the_day[order.days_ago] -= 1
        await _Story(tx, past, order, placed_at).tell()
    goods.at(tx, past.now)
    await inventory.set_available(tx, {sold.variant_id: sold.stock for sold in past.catalogue.values()}, "count")
    await tx.flush()


class _Story:
    """One order from its placing to where it stands now."""

    def __init__(self, tx: Tx, past: Past, told: shops.Order, placed_at: datetime) -> None:
        self._tx, self._past, self._told, self._placed_at = tx, past, told, placed_at
        self._age = past.now - placed_at

    async def tell(self) -> None:
        told, by_card = self._told, self._told.payment == "card"
        order, payment = await self._place()
        if told.status is Status.PENDING:
            return
        if told.status is Status.CANCELLED:
            await self._give_up(payment)
            return
        if by_card:
            await self._pay(order, payment, timedelta(minutes=2), 0.05)
        elif told.payment == "bank_transfer":
            await self._pay(order, payment, timedelta(hours=9), 0.2)
        else:
            await self._by_the_shop(timedelta(hours=2), 0.1)
            await orders.move(self._tx, order.id, Status.CONFIRMED, "checked by telephone")
        if told.status is Status.REFUNDED:
            await self._refund(order.id, payment.id, None, "The order was returned before it was sent.", True)
            return
        if told.status is not Status.CONFIRMED:
            await self._by_the_shop(timedelta(hours=20), 0.3)
            await orders.move(self._tx, order.id, Status.PROCESSING)
        if told.status in _SHIPPED:
            await self._ship(order)
        if told.status is Status.DELIVERED:
            await self._by_the_shop(timedelta(days=4), 0.7)
            await self._deliver(order, payment)
        if told.refund is not None:
            amount = money.parse_minor(told.refund.amount, order.currency)
            await self._refund(order.id, payment.id, amount, told.refund.reason, False)
        await self._tx.flush()

    # ── When ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    async def _later(
        self, after: timedelta, share: float, actor: ActorKind = ActorKind.SYSTEM, who: StaffId | None = None
    ) -> None:
        """`after` the placing, though within this share of the order's age. What was said so far keeps its time: for
        nothing else are events written before the end."""
        await self._tx.flush()
        goods.at(self._tx, self._placed_at + min(after, self._age * share), actor, who)

    async def _by_the_shop(self, after: timedelta, share: float) -> None:
        await self._later(after, share, ActorKind.STAFF, self._past.owner)

    # ── What ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    async def _place(self) -> tuple[Order, Payment]:
        tx, told, by_card = self._tx, self._told, self._told.payment == "card"
        customer = self._past.people[told.customer]
        who = customer.id if customer.registered else None
        goods.at(tx, self._placed_at, ActorKind.CUSTOMER if who else ActorKind.ANONYMOUS, who)
        items = [Item(None, line.quantity, self._past.catalogue[line.sku].variant_id) for line in told.lines]
        basket = await carts.unkept(tx, items, told.coupon, customer.id)
        cart = cart_rules.price(basket, self._placed_at, told.shipping, strict=True)
        request = CheckoutRequest(
            items=tuple(items),
            customer_id=customer.id,
            payment_method=METHODS[told.payment],
            shipping_method=told.shipping,
            shipping_address=self._address(customer),
            coupon_code=told.coupon,
            notes=told.notes,
        )
        checkout.check_request(request)
        order_id = OrderId(ids.new())
        order = checkout.order_of(order_id, request, cart, by_card, not by_card, SOURCE, self._placed_at)
        payment = Payment(
            PaymentId(ids.new()),
            order_id,
            "stripe" if by_card else "manual",
            order.payment_method,
            Attempt.PENDING,
            order.total_minor,
            order.currency,
        )
        if order.coupon_id is not None:
            await coupons.redeem(tx, order.coupon_id, order.shopper)
        await inventory.reserve(tx, order_id, rules.quantities(order.lines))
        order = msgspec.structs.replace(order, number=await orders.insert(tx, order, Placement()))
        await payments.insert(tx, payment, None, None)
        tx.emit(Event(ORDER_CREATED, order_id, dict(rules.facts(order))))
        return order, payment

    def _address(self, customer: Customer) -> Address:
        return Address(**msgspec.structs.asdict(self._past.addresses[customer.email]), name=customer.name)

    async def _pay(self, order: Order, payment: Payment, after: timedelta, share: float) -> None:
        await self._later(after, share)
        reference = None
        if payment.provider == "stripe":
            charge = Charge(payment.id, order.id, order.label, payment.amount, payment.method)
            reference = await cards.paid(self._tx, charge)
        await self._capture(payment, reference)

    async def _capture(self, payment: Payment, reference: str | None = None) -> None:
        await steps.settle(self._tx, payment, Receipt(Outcome.CAPTURED, reference, captured=payment.amount))

    async def _give_up(self, payment: Payment) -> None:
        """A payment page that was left; a transfer that never came."""
        after = timedelta(minutes=30) if payment.provider == "stripe" else timedelta(days=7)
        await self._later(after, 0.5)
        await steps.settle(self._tx, payment, Receipt(Outcome.EXPIRED))
        await self._tx.flush()

    async def _ship(self, order: Order) -> None:
        await self._by_the_shop(timedelta(hours=30), 0.5)
        tx, sent = self._tx, self._told.shipment
        assert sent is not None
        await orders.move(tx, order.id, Status.SHIPPED)
        shipment = Shipment(ShipmentId(ids.new()), sent.carrier, sent.tracking_number, None, tx.ctx.now)
        await orders.insert_shipment(tx, order.id, shipment)
        facts = {"carrier": sent.carrier, "tracking_number": sent.tracking_number, "tracking_url": None}
        moved = msgspec.structs.replace(order, status=Status.SHIPPED)
        tx.emit(Event(ORDER_SHIPPED, order.id, dict(rules.facts(moved, **facts))))
        if await orders.set_stock(tx, order.id, StockState.SHIPPED):
            await inventory.ship(tx, order.id, rules.quantities(order.lines))

    async def _deliver(self, order: Order, payment: Payment) -> None:
        await orders.move(self._tx, order.id, Status.DELIVERED)
        moved = msgspec.structs.replace(order, status=Status.DELIVERED)
        self._tx.emit(Event(ORDER_DELIVERED, order.id, dict(rules.facts(moved))))
        if self._told.payment == "cash_on_delivery":
            await self._capture(payment)

    async def _refund(
        self, order_id: OrderId, payment_id: PaymentId, amount: int | None, reason: str, whole: bool
    ) -> None:
        await self._by_the_shop(timedelta(days=6), 0.9)
        tx = self._tx
        order, payment = await orders.lock(tx, order_id), await payments.get(tx, payment_id)
        assert order is not None and payment is not None
        amount = payment.captured_minor if amount is None else amount
        booked = await steps.give_back(tx, order, payment, amount, reason)
        assert booked is not None
        if whole:
            await steps.let_go(tx, order, reason, Status.REFUNDED)
        reference = f"manual_{booked.id.hex}"
        if payment.provider == "stripe" and payment.reference is not None:
            given = Money(amount, payment.currency)
            reference = await cards.refunded(tx, RefundRequest(booked.id, payment.id, payment.reference, given, reason))
        await steps.finish_refund(tx, booked, RefundReceipt(True, reference=reference))
        await tx.flush()
