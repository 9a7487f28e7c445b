"""Paying for an order that stands: what a crash, a silent provider and an order let go meanwhile come to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.selling import Shop, books_are_right, open_shop

from merx.core.cart.model import Item
from merx.core.checkout import healing, paying
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest, Placed
from merx.core.orders import service as orders
from merx.core.orders.model import PaymentStatus, Status
from merx.core.payments.model import Status as Attempt
from merx.db.database import Database
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Declined, Forbidden, Invalid, NotFound, Refused, Upstream
from merx.ports import Account, Charge, Outcome, Receipt

TEN = Decimal("10.00")


async def ordered(shop: Shop, buyer: Ctx | None = None) -> Placed:
    variant = await shop.product("Lamp", 1000, 5)
    customer = None if buyer is None else buyer.customer_id()
    request = CheckoutRequest(items=(Item(None, 1, variant),), customer_id=customer, pay_later=True)
    return await checkout.place(shop.rt, shop.ctx, request)


async def pay(shop: Shop, of: Placed, ctx: Ctx | None = None, method: str = "pm_card_visa") -> Placed:
    return await paying.pay_order(shop.rt, ctx or shop.ctx, of.order.id, method, TEN, "USD")


async def test_the_order_waits_without_asking_the_provider(database: Database) -> None:
    shop = await open_shop(database)
    made = await ordered(shop)
    assert shop.provider.asked == 0 and made.payment.status is Attempt.PENDING
    assert made.order.status is Status.PENDING and made.order.hold_expires_at is not None
    shop.provider.outcome = Outcome.CAPTURED
    paid = await pay(shop, made)
    assert (paid.order.status, paid.order.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    assert paid.payment.amount_minor == 1000
    with pytest.raises(Refused, match="has been paid"):
        await pay(shop, made)
    await books_are_right(shop)


async def test_a_provider_that_says_nothing(database: Database) -> None:
    """It took the money and its answer was lost: the same payment sent again is the same attempt."""
    shop = await open_shop(database)
    made = await ordered(shop)
    shop.provider.outcome = Outcome.CAPTURED
    shop.provider.fail_after.append(Upstream("lost"))
    with pytest.raises(Upstream) as unknown:
        await pay(shop, made)
    assert unknown.value.code == "payment_outcome_unknown"
    paid = await pay(shop, made)
    assert paid.order.payment_status is PaymentStatus.PAID and len(shop.provider.ledger) == 1
    with pytest.raises(Refused, match="has been paid"):
        await pay(shop, made, method="pm_card_mastercard")
    await books_are_right(shop)


@pytest.mark.parametrize("reached", [True, False])
async def test_a_crash_while_it_was_asked_is_healed_by_the_worker(database: Database, reached: bool) -> None:
    """Whether the provider heard of it or not, it is charged once, and the order is paid."""
    shop = await open_shop(database)
    made = await ordered(shop)
    shop.provider.outcome = Outcome.CAPTURED
    (shop.provider.fail_after if reached else shop.provider.fail).append(asyncio.CancelledError())  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await pay(shop, made)
    await healing.resume_payments(shop.rt, shop.later(shop.ctx, minutes=1))
    detail = await orders.get(shop.rt, shop.ctx, made.order.id)
    assert detail.order.payment_status is PaymentStatus.PAID
    assert len(shop.provider.ledger) == 1
    with pytest.raises(Refused, match="has been paid"):
        await pay(shop, made)
    await books_are_right(shop)


async def test_an_order_let_go_while_the_provider_was_asked(database: Database) -> None:
    """The money comes too late: whoever paid is told so, and it is given back."""
    shop = await open_shop(database)
    made = await ordered(shop)
    shop.provider.outcome = Outcome.CAPTURED
    charging = shop.provider.charge

    async def slowly(account: Account, charge: Charge) -> Receipt:
        taken = await charging(account, charge)
        await orders.cancel(shop.rt, shop.ctx, made.order.id, "no")
        return taken

    shop.provider.charge = slowly  # type: ignore[method-assign]
    with pytest.raises(Refused) as closed:
        await pay(shop, made)
    assert closed.value.code == "order_closed"
    await orders.resume_refunds(shop.rt, shop.later(shop.ctx, hours=1))
    assert sum(shop.provider.refunds.values()) == 1000
    await books_are_right(shop)


async def test_a_refused_card_leaves_the_order_to_be_paid(database: Database) -> None:
    shop = await open_shop(database)
    made = await ordered(shop)
    shop.provider.outcome = Outcome.DECLINED
    with pytest.raises(Declined) as declined:
        await pay(shop, made)
    assert declined.value.facts["reason"] == "card_declined"
    shop.provider.outcome = Outcome.CAPTURED
    assert (await pay(shop, made)).order.payment_status is PaymentStatus.PAID
    await books_are_right(shop)


async def test_whose_order_it_is(database: Database) -> None:
    shop = await open_shop(database)
    jane, john = await shop.shopper(), await shop.shopper()
    made = await ordered(shop, jane)
    shop.provider.outcome = Outcome.CAPTURED
    with pytest.raises(NotFound):
        await pay(shop, made, john)
    key = Ctx(shop.ctx.tenant, ActorKind.KEY, scopes=frozenset({"orders:write", "orders:own"}), now=datetime.now(UTC))
    with pytest.raises(Forbidden):
        await pay(shop, made, key)
    with pytest.raises(NotFound):
        await pay(shop, made, (await open_shop(database)).ctx)
    assert shop.provider.asked == 0
    assert (await pay(shop, made, jane)).order.payment_status is PaymentStatus.PAID


async def test_what_is_paid_is_what_is_owed(database: Database) -> None:
    shop = await open_shop(database)
    made = await ordered(shop)
    for amount, currency in (
        (Decimal("9.99"), "USD"),
        (TEN, "EUR"),
        (Decimal("10.001"), "USD"),
        (Decimal("NaN"), "USD"),
    ):
        with pytest.raises(Invalid) as wrong:
            await paying.pay_order(shop.rt, shop.ctx, made.order.id, "pm_card_visa", amount, currency)
        assert wrong.value.code == "amount_mismatch"
    assert shop.provider.asked == 0


async def test_who_may_order_in_whose_name(database: Database) -> None:
    """A storefront's key is in everybody's hands: it names no customer."""
    shop = await open_shop(database)
    jane, john = await shop.shopper(), await shop.shopper()
    variant = await shop.product("Lamp", 1000, 5)
    request = CheckoutRequest(items=(Item(None, 1, variant),), customer_id=jane.customer_id(), pay_later=True)
    storefront = Ctx(shop.ctx.tenant, ActorKind.KEY, scopes=frozenset({"checkout:write"}))
    with pytest.raises(Forbidden):
        await checkout.place(shop.rt, storefront, request)
    with pytest.raises(NotFound):
        await checkout.place(shop.rt, john, request)
    assert (await checkout.place(shop.rt, jane, request)).order.customer_id == jane.customer_id()
    program = replace(storefront, scopes=frozenset({"checkout:write", "orders:write"}))
    assert (await checkout.place(shop.rt, program, request)).order.customer_id == jane.customer_id()


async def test_an_authorisation_that_is_given_up_leaves_no_stock_held_for_ever(database: Database) -> None:
    """Authorised, the order waits without end; another way takes its place and comes to nothing."""
    shop = await open_shop(database)
    made = await ordered(shop)
    shop.provider.outcome = Outcome.AUTHORIZED
    first = (await pay(shop, made)).payment
    detail = await orders.get(shop.rt, shop.ctx, made.order.id)
    assert detail.order.payment_status is PaymentStatus.AUTHORIZED and detail.order.hold_expires_at is None
    shop.provider.ledger[first.id] = replace(shop.provider.ledger[first.id], outcome=Outcome.EXPIRED)
    shop.provider.outcome = Outcome.DECLINED
    with pytest.raises(Declined):
        await pay(shop, made, method="pm_card_mastercard")
    after = (await orders.get(shop.rt, shop.ctx, made.order.id)).order
    assert (after.status, after.payment_status) == (Status.PENDING, PaymentStatus.UNPAID)
    assert after.hold_expires_at is not None
    await healing.expire_holds(shop.rt, shop.later(shop.ctx, hours=1))
    assert (await orders.get(shop.rt, shop.ctx, made.order.id)).order.status is Status.CANCELLED
    await books_are_right(shop)
