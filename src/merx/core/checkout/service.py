"""Selling. PREPARE is one transaction that makes the order and holds its stock, PAY calls the provider with no
transaction open, SETTLE is one transaction that applies its answer.

A crash between them leaves an order whose payment is due for a check: the worker (healing.py) asks the provider with
the payment's id, which is also its idempotency key, and goes on from there. So does the client's own repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from merx.core.cart import rules as carts_rules
from merx.core.cart import store as carts
from merx.core.cart.model import Basket, Owner
from merx.core.checkout import rules
from merx.core.checkout.model import CartEmpty, CheckoutRequest, Placed
from merx.core.coupons import rules as coupon_rules
from merx.core.coupons import store as coupons
from merx.core.customers import store as customers
from merx.core.inventory import store as inventory
from merx.core.inventory.model import OutOfStock, StockLevel
from merx.core.orders import closing, proofs, steps
from merx.core.orders import rules as order_rules
from merx.core.orders import store as orders
from merx.core.orders.model import NUMBERED, Order, PaymentStatus, Placement, Status
from merx.core.payments import store as payments
from merx.core.payments.model import OPEN, Payment
from merx.core.payments.model import Status as Attempt
from merx.core.tenants import directory
from merx.core.tenants.accounts import account as provider_account
from merx.core.tenants.model import NoCredentials
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, Declined, Invalid, MerxError, NotFound, Refused, Upstream
from merx.kernel.events import INVENTORY_LOW, ORDER_CREATED, ORDER_PAID, Event
from merx.kernel.ids import OrderId, PaymentId
from merx.kernel.money import Money
from merx.ports import Charge, Outcome, PaymentLine, Receipt
from merx.runtime import Runtime

REPLAY = timedelta(minutes=10)
"""So long after a checkout, the same request again with nothing in the cart is taken for its repetition."""


class Prepared(msgspec.Struct, frozen=True):
    placed: Placed
    charge: Charge | None  # None: nothing to ask of a provider
    in_the_way: Payment | None = None  # the cart waits at a payment page, and is now checked out differently


async def place(rt: Runtime, ctx: Ctx, request: CheckoutRequest) -> Placed:
    """Makes one order of a cart or of items. Raises Refused, OutOfStock, CouponRefused with nothing changed; Declined
    where a token was refused (the order is let go); Upstream never: the order stands and is paid or let go later. Only
    a cart that waits at a payment page and is now checked out differently is different: that page is closed first."""
    ctx.require("checkout:write")
    ctx = ctx.repeatable()
    rules.check_request(request)
    rules.check_buyer(ctx, request)
    try:
        prepared = await _prepare(rt, ctx, request)
    except (Conflict, Refused):
        # Where the same request is at work twice, the last piece was perhaps taken by the other.
        if (made := await _made_meanwhile(rt, ctx, request)) is None:
            raise
        prepared = made
    if prepared.in_the_way is not None:  # with its end the order goes, and the cart comes back
        await closing.make_way(rt, ctx, prepared.in_the_way)
        prepared = await _prepare(rt, ctx, request)
    if prepared.in_the_way is not None:  # and somebody else had it meanwhile
        raise _under_way()
    payment = prepared.placed.payment
    if prepared.charge is not None:
        payment = await pay(rt, ctx, payment, prepared.charge.numbered(prepared.placed.order.label))
    if payment.status is Attempt.DECLINED and await _let_go_of_declined(rt, ctx, payment):
        raise _declined(payment)
    if prepared.charge is None:
        return prepared.placed
    placed = msgspec.structs.replace(prepared.placed, payment=payment)
    if payment.status in (Attempt.CAPTURED, Attempt.DECLINED, Attempt.CANCELLED):
        async with rt.db.begin(ctx) as tx:
            order = await orders.get(tx, placed.order.id)
        assert order is not None
        placed = msgspec.structs.replace(placed, order=order)
    return placed


async def _let_go_of_declined(rt: Runtime, ctx: Ctx, payment: Payment) -> bool:
    """The order of a checkout whose payment was refused goes, and its cart comes back: the shopper tries again with
    another card. True also where it has gone before. False where another attempt keeps the order alive."""
    async with rt.db.begin(ctx) as tx:
        order = await orders.lock(tx, payment.order_id)
        attempts = await payments.of_order(tx, payment.order_id)
        if order is None or attempts[0].status is not Attempt.DECLINED:
            return False
        if order.status is not Status.PENDING:
            return order_rules.closed(order)
        await steps.let_go(tx, order, "The payment was declined.")
    return True


_SENTENCES = {
    "amount_too_small": "This shop's payment provider takes no amount as small as this; pay another way.",
    "amount_not_chargeable": "This shop's payment provider can't charge this very amount; pay another way.",
    "token_not_supported": "This shop's payment provider is paid in the browser, not with a stored payment method.",
    "refused_by_provider": "This shop's payment provider does not take this payment; pay another way.",
}
"""What no other card would change: refusals, not declines."""


def _declined(payment: Payment) -> MerxError:
    if payment.reason == NoCredentials.code:
        return NoCredentials(payment.provider)
    if payment.reason in _SENTENCES:
        return Refused(_SENTENCES[payment.reason], code=payment.reason, field="payment_method")
    return Declined("The payment was declined.", reason=payment.reason or "declined")


async def _prepare(rt: Runtime, ctx: Ctx, request: CheckoutRequest) -> Prepared:
    order_id = OrderId(ids.new())
    code = coupon_rules.clean_code(request.coupon_code) if request.coupon_code else None
    async with rt.db.begin(ctx) as tx:
        if request.owner is not None:
            claimed = await carts.claim(tx, carts_rules.check_owner(ctx, request.owner), order_id, code)
            if claimed is None:
                return await _replayed(rt, tx, request.owner, request)
            basket, stale = claimed
            if stale and basket.id is not None:
                basket = await carts.claimed(tx, basket.id, code)
        else:
            rules.check_items(request.items)
            if (made := await _made_before(rt, tx, request)) is not None:
                return made
            basket = await _basket_of_items(tx, request, code)
        if request.customer_id is not None and basket.customer_id is None:
            basket = msgspec.structs.replace(basket, customer_id=request.customer_id)
        if request.buyer is not None and basket.customer_id is None:
            known = await customers.upsert_by_email(tx, request.buyer.email, request.buyer.name, request.buyer.phone)
            basket = msgspec.structs.replace(basket, customer_id=known.id)
        rules.check_sellable(basket)
        prepared, number = await _write(rt, tx, request, basket, order_id)
    order = msgspec.structs.replace(prepared.placed.order, number=number())
    return msgspec.structs.replace(prepared, placed=msgspec.structs.replace(prepared.placed, order=order))


def _cart_digest(rt: Runtime, request: CheckoutRequest, order_id: OrderId) -> bytes:
    """What is kept of the request that makes an order of a cart, which is found by the cart's owner: this tells whether
    the same was asked for again."""
    return rt.vault.digest(f"cart/{order_id}/".encode() + msgspec.json.encode(request))


def _items_digest(rt: Runtime, ctx: Ctx, request: CheckoutRequest) -> bytes | None:
    """What an order of items is found by: who asked, under which idempotency key, for what."""
    if request.key is None:
        return None
    return rt.vault.digest(f"order/{ctx.principal}/".encode() + msgspec.json.encode(request))


async def _made_meanwhile(rt: Runtime, ctx: Ctx, request: CheckoutRequest) -> Prepared | None:
    if request.owner is not None or request.key is None:
        return None
    async with rt.db.begin(ctx) as tx:
        return await _made_before(rt, tx, request)


async def _made_before(rt: Runtime, tx: Tx, request: CheckoutRequest) -> Prepared | None:
    """The order of items whose answer was lost; its payment is begun again where its provider was never heard."""
    digest = _items_digest(rt, tx.ctx, request)
    order_id = None if digest is None else await orders.of_request(tx, digest)
    if order_id is None:
        return None
    order, attempts = await orders.get(tx, order_id), await payments.of_order(tx, order_id)
    assert order is not None and attempts
    begun = attempts[0].status is Attempt.CREATED
    charge = await payments.charge_of(tx, attempts[0].id) if begun else None
    return Prepared(Placed(order, attempts[0], replayed=True), charge)


async def _basket_of_items(tx: Tx, request: CheckoutRequest, code: str | None) -> Basket:
    basket = await carts.unkept(tx, request.items, code, request.customer_id)
    if request.customer_id is not None and basket.customer_id is None:
        raise NotFound("customer", field="customer_id")
    if len(basket.lines) < len(request.items):
        for place, item in enumerate(request.items):
            if not any(rules.is_of(line, item) for line in basket.lines):
                what = "product" if item.variant_id is None else "variant"
                raise Invalid(f"No such {what}.", code="product_unknown", field=f"items[{place}].{what}_id")
    return basket


async def _write(
    rt: Runtime, tx: Tx, request: CheckoutRequest, basket: Basket, order_id: OrderId
) -> tuple[Prepared, Callable[[], int]]:
    """The order, and what tells its number after the commit."""
    ctx = tx.ctx
    cart = carts_rules.price(basket, ctx.now, request.shipping_method, True, request.shipping_words)
    provider = rules.provider_of(request.payment_method, basket.payment_provider)
    immediate = provider == "manual" or cart.totals.total == 0
    order = rules.order_of(order_id, request, cart, request.token is None, immediate, ctx.source, ctx.now)
    token = proofs.order_token(rt.vault, order_id) if request.lookup_token else None
    proof = proofs.token_digest(rt.vault, token) if token else None
    of_items = request.owner is None
    digest = _items_digest(rt, ctx, request) if of_items else _cart_digest(rt, request, order_id)
    placement = Placement(proofs.client_digest(rt.vault, ctx), proof, basket.version, digest)
    waits = immediate or request.pay_later
    payment, charge = _payment_of(rt, request, basket, order, "manual" if waits else provider)
    if order.coupon_id is not None:
        await coupons.redeem(tx, order.coupon_id, order.shopper)
    wanted = order_rules.quantities(order.lines)
    try:
        levels = await inventory.reserve(tx, order_id, wanted)
    except OutOfStock as short:
        raise rules.short_of(basket.lines, short.variants) from None
    number = await orders.insert_with_commit(tx, order, placement)
    await payments.insert(tx, payment, charge, ctx.now + steps.RETRY if charge else None)
    facts = dict(order_rules.facts(order))
    tx.emit(Event(ORDER_CREATED, order_id, facts, NUMBERED))
    if order.payment_status is PaymentStatus.PAID:  # there was nothing to pay
        tx.emit(Event(ORDER_PAID, order_id, facts, NUMBERED))
    _say_what_is_low(tx, levels, wanted, basket.low_stock_threshold)
    return Prepared(Placed(order, payment, token), charge), number


def _payment_of(
    rt: Runtime, request: CheckoutRequest, basket: Basket, order: Order, provider: str
) -> tuple[Payment, Charge | None]:
    origins = directory.origins(rt, basket.slug, basket.domain, basket.allowed_origins, basket.payment_test_mode)
    rules.check_return(request.success_url, "success_url", origins)
    rules.check_return(request.cancel_url, "cancel_url", origins)
    payment_id = PaymentId(ids.new())
    charge = None
    if provider == "manual":
        status = Attempt.CAPTURED if order.total_minor == 0 else Attempt.PENDING
    else:
        status = Attempt.CREATED
        shop = directory.shop_url(rt, basket.slug)
        success = request.success_url or f"{shop}/checkout/success?order={order.id}"
        cancel = request.cancel_url or f"{shop}/checkout/cancel?order={order.id}"
        charge = _charge_of(payment_id, order, request.token, success, cancel)
    payment = Payment(
        payment_id, order.id, provider, order.payment_method, status, order.total_minor, order.currency,
        created_at=order.created_at,
    )  # fmt: skip
    return payment, charge


def _charge_of(payment_id: PaymentId, order: Order, token: str | None, success_url: str, cancel_url: str) -> Charge:
    """The provider is asked for exactly the order's total."""
    return Charge(
        payment_id=payment_id,
        order_id=order.id,
        order_number=order.label if order.number else "",  # drawn last of all: `numbered` fills it in
        amount=Money(order.total_minor, order.currency),
        method=order.payment_method,
        lines=tuple(
            PaymentLine(
                f"{line.name} ({line.variant_title})" if line.variant_title else line.name,
                line.quantity,
                Money(line.total_minor - line.discount_minor, order.currency),
            )
            for line in order.lines
        ),
        token=token,
        email=order.email,
        success_url=success_url,
        cancel_url=cancel_url,
        expires_at=order.hold_expires_at,
    )


def _say_what_is_low(tx: Tx, levels: list[StockLevel], taken: Mapping[ids.VariantId, int], threshold: int) -> None:
    for level in levels:
        if level.available <= threshold < level.available + taken[level.variant_id]:
            facts = {"product_id": str(level.product_id), "variant_id": str(level.variant_id), "stock": level.available}
            tx.emit(Event(INVENTORY_LOW, level.variant_id, facts))


async def _replayed(rt: Runtime, tx: Tx, owner: Owner, request: CheckoutRequest) -> Prepared:
    """The cart is no longer open: somebody (the same click, twice) has just made it an order. Only the request that did
    gets that order. Raises Refused for any other, and where it is too long ago to be the same click; unless the order
    still waits at a payment page, which gives way to a request that is another."""
    last = await carts.last_ordered(tx, owner)
    if last is None:
        raise CartEmpty()
    order = await orders.get(tx, last[0])
    attempts = await payments.of_order(tx, last[0])
    waits = order is not None and _waits_at_a_page(order, attempts)
    if tx.ctx.now - last[1] > REPLAY and not waits:
        raise CartEmpty()
    if order is None or not attempts:
        raise _under_way()
    payment, charge = attempts[0], None
    if await orders.of_request(tx, _cart_digest(rt, request, order.id)) != order.id:
        if not waits:
            raise CartEmpty()
        return Prepared(Placed(order, payment), None, in_the_way=payment)
    if payment.status is Attempt.CREATED and not order_rules.closed(order):
        charge = await payments.charge_of(tx, payment.id)
    token = proofs.order_token(rt.vault, order.id) if request.lookup_token else None
    return Prepared(Placed(order, payment, token, replayed=True), charge)


def _under_way() -> Conflict:
    return Conflict(
        "This cart is being checked out; try again in a moment.", code="checkout_in_progress", retry_after=1
    )


def _waits_at_a_page(order: Order, attempts: list[Payment]) -> bool:
    """It was made to be paid by card, and nobody has paid yet."""
    open_page = bool(attempts) and attempts[0].provider != "manual" and attempts[0].status in OPEN
    return open_page and order.payment_method == "card" and order.status is Status.PENDING and order_rules.unpaid(order)


async def pay(rt: Runtime, ctx: Ctx, payment: Payment, charge: Charge) -> Payment:
    """PAY and SETTLE of an attempt that PREPARE has written. An unknown outcome leaves it for the worker. A shop that
    has no account there is as good as a refusal."""
    try:
        async with rt.db.begin(ctx) as tx:
            account = await provider_account(rt, tx, payment.provider)
        receipt = await rt.payments[payment.provider].charge(account, charge)
    except Upstream:
        return payment
    except NoCredentials as refused:
        receipt = Receipt(Outcome.DECLINED, reason=refused.code)
    async with rt.db.begin(ctx) as tx:
        return await steps.settle(tx, payment, receipt)


async def pay_order(
    rt: Runtime, ctx: Ctx, order_id: OrderId, token: str | None, amount: Money | None, return_to: str | None = None
) -> Placed:
    """Charges what an order still owes: with a token at once, without at the provider's page. The same payment sent
    twice is one attempt. Raises Declined with the provider's reason, Refused for an order that owes nothing, Invalid
    where `amount` is not what is owed."""
    ctx.require("payments:write")
    return await charge_owed(rt, ctx, order_id, token, amount, return_to)


async def charge_owed(
    rt: Runtime,
    ctx: Ctx,
    order_id: OrderId,
    token: str | None = None,
    amount: Money | None = None,
    return_to: str | None = None,
) -> Placed:
    """The same for a caller whose right to do it was looked at already."""
    rules.check_token(token)
    ctx = ctx.repeatable()
    chosen = await _attempt_for(rt, ctx, order_id, token, amount, return_to)
    if isinstance(chosen, Payment):  # another way is open
        await closing.make_way(rt, ctx, chosen)
        chosen = await _attempt_for(rt, ctx, order_id, token, amount, return_to)
    if isinstance(chosen, Payment):
        raise Conflict(
            "Another payment of this order is under way; wait for its end.", code="payment_in_progress", retry_after=5
        )
    paid = await pay(rt, ctx, *chosen)
    if paid.status is Attempt.DECLINED:
        raise _declined(paid)
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, order_id)
    assert order is not None
    return Placed(order, paid)


async def _attempt_for(
    rt: Runtime, ctx: Ctx, order_id: OrderId, token: str | None, amount: Money | None, return_to: str | None
) -> Payment | tuple[Payment, Charge]:
    """The attempt to make now: the one under way where it is the same, else a new one. Alone, it is an attempt that is
    in the way, and gives way from now on."""
    async with rt.db.begin(ctx) as tx:
        order = await orders.lock(tx, order_id)
        if order is None:
            raise NotFound("order")
        attempts = await payments.of_order(tx, order_id)
        _check_owed(order, attempts, amount)
        running = next((attempt for attempt in attempts if attempt.status in OPEN), None)
        if running is None or running.provider == "manual":
            return await _another_attempt(rt, tx, order, running, token, return_to)
        charge = await payments.charge_of(tx, running.id)
        if charge is not None and charge.token == token:
            return running, charge.numbered(order.label)
        await payments.supersede(tx, running.id)
        await payments.postpone(tx, running.id, ctx.now + steps.RETRY)
        return running


async def _another_attempt(
    rt: Runtime, tx: Tx, order: Order, running: Payment | None, token: str | None, return_to: str | None
) -> tuple[Payment, Charge]:
    """A new attempt takes the place of an open cash payment."""
    if running is not None:
        await payments.move(tx, running.id, Attempt.CANCELLED, Receipt(Outcome.EXPIRED), 0, None)
    basket = await carts.unkept(tx, [], None, None)
    provider = basket.payment_provider
    if provider == "manual":
        raise Refused("This shop takes no card payments.", code="provider_not_configured")
    request = CheckoutRequest(token=token, success_url=return_to, cancel_url=return_to)
    payment, charge = _payment_of(rt, request, basket, order, provider)
    assert charge is not None
    await payments.insert(tx, payment, charge, tx.ctx.now + steps.RETRY)
    return payment, charge


def _check_owed(order: Order, attempts: list[Payment], amount: Money | None) -> None:
    if order_rules.closed(order):
        raise Refused(f"This order is {order.status}; it can't be paid.", code="order_closed")
    if not order_rules.unpaid(order) or any(attempt.status is Attempt.CAPTURED for attempt in attempts):
        raise Refused("This order has been paid.", code="already_paid")
    owed = order.money(order.total_minor)
    if amount is not None and amount != owed:
        field = "currency" if amount.currency != owed.currency else "amount"
        raise Invalid("Amount and currency must equal what the order owes.", field=field, code="amount_mismatch")
