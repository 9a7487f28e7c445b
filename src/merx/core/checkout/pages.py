"""Payment pages that a browser asks for with nothing but an order's id and what it believes to be in it.

An id that names an order opens that order's own page, for what that order owes: the items are compared with it and
decide nothing. One that names none opens a page for the items in payment test mode only; such a page belongs to no
order and touches no stock. Where nothing else tells the shop, the order does; where there is no order either, the page
is a trial at the simulator."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.checkout import rules, service
from merx.core.checkout.model import Claimed, PaymentPage
from merx.core.orders import store as orders
from merx.core.orders.model import Order
from merx.core.payments.model import Status as Attempt
from merx.core.tenants import directory
from merx.core.tenants import store as tenants
from merx.core.tenants.accounts import account as provider_account
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, NotFound, Refused, Upstream
from merx.kernel.ids import PLATFORM_TENANT, OrderId, PaymentId
from merx.kernel.money import MAX_MINOR, Currency, Money, parse_minor
from merx.ports import Account, Charge, PaymentLine
from merx.runtime import Runtime

PROVIDER = "stripe"
TRIAL_CURRENCY = Currency("USD")


async def open_page(rt: Runtime, ctx: Ctx | None, reference: str, items: Sequence[Claimed]) -> PaymentPage:
    """`ctx` None: nobody has said which shop is meant. Raises Invalid where the items are not the order's, Refused
    where the order can't be paid this way, NotFound for an unknown one in live mode."""
    rules.check_claims(items)
    found = ids.parse_uuid(reference)
    if ctx is not None and ctx.tenant == PLATFORM_TENANT:
        ctx = None
    if ctx is None and found is not None:
        ctx = await _shop_of(rt, OrderId(found))
    if ctx is not None and found is not None and (order := await _payable(rt, ctx, OrderId(found))) is not None:
        return await _of_order(rt, ctx, order, items)
    return await _of_items(rt, ctx, reference, items)


async def _shop_of(rt: Runtime, order_id: OrderId) -> Ctx | None:
    tenant = await orders.tenant_of(rt.db, order_id)
    shop = None if tenant is None else await directory.find(rt, tenant)
    return Ctx(shop.id, source="core") if shop is not None and shop.active else None


async def _payable(rt: Runtime, ctx: Ctx, order_id: OrderId) -> Order | None:
    """The order, unless a shopper is signed in who did not place it: to them it is like one that never was."""
    async with rt.db.begin(ctx) as tx:
        order = await orders.get(tx, order_id)
    if order is not None and ctx.actor is ActorKind.CUSTOMER and order.customer_id != ctx.actor_id:
        return None
    return order


async def _of_order(rt: Runtime, ctx: Ctx, order: Order, items: Sequence[Claimed]) -> PaymentPage:
    rules.check_same_items(order, items)
    if order.payment_method != "card" and not ctx.may("payments:write"):
        # A page that is abandoned lets its order go; that is not for everybody who knows an id to bring about.
        raise Refused("This order is not paid by card.", code="not_by_card", field="order_id")
    paid = (await service.charge_owed(rt, ctx, order.id)).payment
    if paid.status is Attempt.CREATED:
        raise Upstream("The payment provider gave no answer; try again in a moment.", retry_after=5)
    if paid.status is Attempt.PENDING and paid.url is None:
        raise Refused(
            "This shop's payment provider has no page of its own; its window is opened from the shop's checkout.",
            code="no_payment_page",
        )
    if paid.status is not Attempt.PENDING or paid.url is None:
        raise Refused("This order can't be paid any more.", code="order_closed", field="order_id")
    return PaymentPage(paid.url, paid.reference or "")


async def _of_items(rt: Runtime, ctx: Ctx | None, reference: str, items: Sequence[Claimed]) -> PaymentPage:
    account, currency, back = await _trial_account(rt, ctx)
    lines = _lines(items, currency)
    total = sum(line.total.minor for line in lines)
    if not 0 < total <= MAX_MINOR:
        raise Invalid("The items must cost something, and not more than a payment can be.", field="items")
    charge = Charge(
        payment_id=PaymentId(ids.new()),
        order_id=OrderId(ids.new()),
        order_number=reference,
        amount=Money(total, currency),
        method="card",
        lines=lines,
        success_url=f"{back}/checkout/success",
        cancel_url=f"{back}/checkout/cancel",
    )
    receipt = await rt.payments[PROVIDER].charge(account, charge)
    if receipt.url is None or receipt.reference is None:
        raise Invalid("The payment provider does not take this amount.", field="items", code="amount_not_chargeable")
    return PaymentPage(receipt.url, receipt.reference)


async def _trial_account(rt: Runtime, ctx: Ctx | None) -> tuple[Account, Currency, str]:
    """(account, currency, where its pages lead back to) of the shop in test mode, or of nobody's trial."""
    if ctx is None:
        return rt.test_account(PROVIDER, PLATFORM_TENANT), TRIAL_CURRENCY, rt.settings.public_url
    shop = await directory.find(rt, ctx.tenant)
    async with rt.db.begin(ctx) as tx:
        settings = await tenants.settings(tx)
        if shop is None or not settings.payment_test_mode:
            raise NotFound("order")
        account = await provider_account(rt, tx, PROVIDER, settings)
    return account, settings.currency, directory.shop_url(rt, shop.slug)


def _lines(items: Sequence[Claimed], currency: Currency) -> tuple[PaymentLine, ...]:
    lines = []
    for place, item in enumerate(items):
        minor = parse_minor(item.price, currency)
        if minor is None or minor * item.quantity > MAX_MINOR:
            raise Invalid(f"This is not a price in {currency}.", field=f"items[{place}].price")
        lines.append(PaymentLine(item.name, item.quantity, Money(minor * item.quantity, currency)))
    return tuple(lines)
