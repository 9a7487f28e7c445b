"""Coming back from the payment page without having paid: what is said has happened, whatever the provider does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.selling import Shop, books_are_right, open_shop, owner_of

from merx.core.cart import service as cart
from merx.core.checkout import service as checkout
from merx.core.checkout.leaving import leave
from merx.core.checkout.model import CheckoutRequest, Placed
from merx.core.orders import service as orders
from merx.core.orders.model import PaymentStatus, Status
from merx.core.payments.model import Status as Attempt
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, NotFound, Upstream
from merx.ports import Outcome


async def at_the_page(shop: Shop, shopper: Ctx) -> Placed:
    await shop.put(shopper, await shop.product("Lamp", 1000, 5))
    return await checkout.place(shop.rt, shopper, CheckoutRequest(owner=owner_of(shopper)))


async def test_the_page_is_closed_and_the_cart_comes_back(database: Database) -> None:
    shop = await open_shop(database)
    jane, john = await shop.shopper(), await shop.shopper()
    made = await at_the_page(shop, jane)
    with pytest.raises(NotFound):
        await leave(shop.rt, john, made.order.id)
    left = await leave(shop.rt, jane, made.order.id)
    assert left.status is Status.CANCELLED
    assert shop.provider.ledger[made.payment.id].outcome is Outcome.EXPIRED
    assert len((await cart.get(shop.rt, jane, owner_of(jane))).lines) == 1
    assert (await leave(shop.rt, jane, made.order.id)).status is Status.CANCELLED  # pressed twice
    await books_are_right(shop)


async def test_what_may_be_on_its_way_is_not_said_to_be_over(database: Database) -> None:
    """The provider has not heard of the payment, but may in a moment: the order stays, and can be left later."""
    shop = await open_shop(database)
    jane = await shop.shopper()
    shop.provider.fail.append(Upstream("lost"))
    made = await at_the_page(shop, jane)
    assert made.payment.status is Attempt.CREATED
    with pytest.raises(Conflict) as wait:
        await leave(shop.rt, jane, made.order.id)
    assert wait.value.retry_after
    assert (await orders.get(shop.rt, shop.ctx, made.order.id)).order.status is Status.PENDING
    assert (await leave(shop.rt, shop.later(jane, minutes=3), made.order.id)).status is Status.CANCELLED
    await books_are_right(shop)


async def test_the_money_was_quicker(database: Database) -> None:
    shop = await open_shop(database)
    jane = await shop.shopper()
    made = await at_the_page(shop, jane)
    known = shop.provider.ledger
    known[made.payment.id] = replace(known[made.payment.id], outcome=Outcome.CAPTURED, captured=made.payment.amount)
    left = await leave(shop.rt, jane, made.order.id)
    assert (left.status, left.payment_status) == (Status.CONFIRMED, PaymentStatus.PAID)
    await books_are_right(shop)
