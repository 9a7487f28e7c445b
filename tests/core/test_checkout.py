"""Selling, against a real database: one order a cart, no piece sold twice, books right after every failure."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from tests.selling import Shop, books_are_right, open_shop, owner_of

from merx.core.cart import service as cart
from merx.core.cart.model import Item, Owner
from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import Buyer, CheckoutRequest, Placed
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponRefused, CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.inventory.model import OutOfStock
from merx.core.orders import closing
from merx.core.orders import service as orders
from merx.core.orders.model import Address, IllegalTransition, OrderQuery, PaymentStatus, Status, StockState
from merx.core.payments.model import Payment
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy, Conflict, Declined, Forbidden, MerxError, NotFound, Refused, Upstream
from merx.kernel.money import Currency, Money
from merx.ports import Notice, Outcome, Receipt
from merx.runtime import Runtime

pytestmark = pytest.mark.usefixtures("crowd")
HOME = Address(line1="1 Main St", city="Town", postal_code="12345", country="US")


async def buy(shop: Shop, shopper: Ctx, method: str = "cod", **more: object) -> Placed:
    request = CheckoutRequest(owner=owner_of(shopper), payment_method=method, **more)  # type: ignore[arg-type]
    return await checkout.place(shop.rt, shopper, request)


async def test_the_documents_own_sum(database: Database) -> None:
    shop = await open_shop(database, tax_rate=80_000)
    shopper = await shop.shopper()
    priced = await shop.put(shopper, await shop.product("Headphones", 9999, 50), 2)
    totals = priced.totals
    assert (totals.subtotal, totals.tax, totals.total, priced.item_count) == (19998, 1600, 21598, 2)
    placed = await buy(shop, shopper)
    order = placed.order
    assert (order.subtotal_minor, order.tax_minor, order.total_minor) == (19998, 1600, 21598)
    assert (order.label, order.status, order.payment_status) == ("ORD-001", Status.PENDING, PaymentStatus.UNPAID)
    assert (await orders.get(shop.rt, shopper, order.id)).order.lines == order.lines
    await books_are_right(shop)


@pytest.mark.parametrize("before", [0, 998, 1234])
async def test_events_say_the_number_that_was_drawn_with_the_commit(database: Database, before: int) -> None:
    """Of an order that costs nothing there are two, and a third event has no number."""
    shop = await open_shop(database, low_stock_threshold=5)
    shopper, variant = await shop.shopper(), await shop.product("Leaflet", 0, 6)
    await shop.value("update counters set last = $2 where tenant_id = $1 and name = 'orders' returning 1", before)
    for number in (before + 1, before + 2):
        await shop.put(shopper, variant)
        placed = await buy(shop, shopper)
        assert (placed.order.number, placed.order.label) == (number, f"ORD-{number:03d}")
        assert (await orders.get(shop.rt, shopper, placed.order.id)).order == placed.order
        sql = """select array_agg(facts ->> 'order_number' order by id) from outbox
          where tenant_id = $1 and subject = $2 and kind in ('order.created', 'order.paid')"""
        assert await shop.value(sql, placed.order.id) == [placed.order.label] * 2
    sql = "select facts ? 'order_number' from outbox where tenant_id = $1 and kind = 'inventory.low'"
    assert await shop.value(sql) is False


async def test_budgets(database: Database) -> None:
    shop = await open_shop(database)
    shopper, variant = await shop.shopper(), await shop.product("Lamp", 1000, 50)
    alone = Database(database._pool)
    rt = msgspec.structs.replace(shop.rt, db=alone)
    await cart.add(rt, shopper, owner_of(shopper), Item(None, 1, variant))
    assert alone.last_round_trips <= 3  # what is changed travels with what is read
    await coupons.create(shop.rt, shop.ctx, CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    request = CheckoutRequest(owner=owner_of(shopper), payment_method="cod", coupon_code="TEN")
    placed = await checkout.place(rt, shopper, request)
    assert alone.last_round_trips <= 5  # begin with the claim, coupon, stock, everything else with the commit
    assert placed.order.discount_minor == 100


async def test_two_hundred_shoppers_and_fifty_pieces(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Last ones", 500, 50)
    shoppers = [await shop.shopper() for _ in range(200)]
    for shopper in shoppers:
        await shop.put(shopper, variant)

    async def one(shopper: Ctx) -> str:
        for _ in range(50):
            try:
                return (await buy(shop, shopper)).order.label
            except Busy:
                await asyncio.sleep(0.05)
            except OutOfStock:
                return "refused"
        return "busy"

    answers = await asyncio.gather(*map(one, shoppers))
    assert answers.count("refused") == 150 and answers.count("busy") == 0
    assert len({answer for answer in answers if answer.startswith("ORD-")}) == 50
    assert await shop.value("select on_hand - reserved from stock where tenant_id = $1") == 0
    await books_are_right(shop)


async def test_baskets_in_any_order_never_deadlock(database: Database, deadlocks: list[str]) -> None:
    shop = await open_shop(database)
    variants = [await shop.product(f"Thing {n}", 100, 1000) for n in range(3)]
    shoppers = [await shop.shopper() for _ in range(16)]
    dice = random.Random(7)

    async def many(shopper: Ctx) -> None:
        for _ in range(6):
            for variant in dice.sample(variants, 3):
                await shop.put(shopper, variant)
            placed = await buy(shop, shopper)
            if dice.random() < 0.5:
                await orders.cancel(shop.rt, shop.ctx, placed.order.id, "changed my mind")

    await asyncio.gather(*map(many, shoppers))
    assert deadlocks == []
    await books_are_right(shop)


async def test_one_coupon_with_ten_uses_gives_ten(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Mug", 1000, 1000)
    await coupons.create(shop.rt, shop.ctx, CouponDraft("FIRST10", CouponType.FIXED, amount_minor=200, usage_limit=10))
    shoppers = [await shop.shopper() for _ in range(40)]
    for shopper in shoppers:
        await shop.put(shopper, variant)

    async def one(shopper: Ctx) -> bool:
        try:
            return (await buy(shop, shopper, coupon_code="first10")).order.discount_minor == 200
        except CouponRefused as refused:
            assert refused.code == "coupon_used_up"
            return False

    assert sum(await asyncio.gather(*map(one, shoppers))) == 10
    assert await shop.value("select used from coupons where tenant_id = $1") == 10
    await books_are_right(shop)


async def test_a_customers_limit_and_its_return(database: Database) -> None:
    shop = await open_shop(database)
    variant, shopper = await shop.product("Mug", 1000, 10), await shop.shopper()
    draft = CouponDraft("ONCE", CouponType.PERCENT, rate=500_000, per_customer_limit=1)
    await coupons.create(shop.rt, shop.ctx, draft)
    await shop.put(shopper, variant)
    first = await buy(shop, shopper, coupon_code="ONCE")
    await shop.put(shopper, variant)
    with pytest.raises(CouponRefused):
        await buy(shop, shopper, coupon_code="ONCE")
    await orders.cancel(shop.rt, shop.ctx, first.order.id, "no")
    assert (await buy(shop, shopper, coupon_code="ONCE")).order.discount_minor == 500
    await books_are_right(shop)


@pytest.mark.parametrize("method", ["cod", "card"])
async def test_the_same_checkout_twenty_times_makes_one_order(database: Database, method: str) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9), 2)
    placed = await asyncio.gather(*(buy(shop, shopper, method) for _ in range(20)))
    assert len({one.order.id for one in placed}) == 1
    assert len({one.order.total_minor for one in placed}) == 1
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 1
    assert len(shop.provider.ledger) == (1 if method == "card" else 0)
    await books_are_right(shop)


async def test_an_empty_cart_is_refused_and_long_past_is_not_replayed(database: Database) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    with pytest.raises(Refused, match="empty"):
        await buy(shop, shopper)
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper)
    assert (await buy(shop, shopper)).order.id == placed.order.id
    with pytest.raises(Refused, match="empty"):
        await buy(shop, shop.later(shopper, minutes=11))


@pytest.mark.parametrize(
    "another",
    [
        {"method": "bank_transfer"},
        {"notes": "Leave it at the door"},
        {"shipping_address": msgspec.structs.replace(HOME, line1="2 Side St")},
        {"coupon_code": "NONE"},
        {"lookup_token": True, "buyer": Buyer("joe@example.com", "Joe")},
    ],
)
async def test_another_request_is_not_answered_with_the_last_order(
    database: Database, another: dict[str, object]
) -> None:
    """Its own address and notes would be lost: it is told that there is nothing in the cart."""
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper, shipping_address=HOME)
    with pytest.raises(Refused) as raised:
        await buy(shop, shopper, **{"shipping_address": HOME, **another})  # type: ignore[arg-type]
    assert raised.value.code == "cart_empty"
    again = await buy(shop, shopper, shipping_address=HOME)
    assert again.replayed and again.order.id == placed.order.id


async def test_what_is_corrected_at_the_payment_page_is_a_new_order(database: Database) -> None:
    """The shopper steps back from the page and mends the address: what is then paid for goes there."""
    shop = await open_shop(database)
    shopper, there = await shop.shopper(), msgspec.structs.replace(HOME, line1="2 Side St")
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    first = await buy(shop, shopper, "card", shipping_address=HOME)
    second = await buy(shop, shopper, "card", shipping_address=there)
    assert second.order.id != first.order.id and not second.replayed
    assert (second.order.shipping_address, second.payment.url) == (there, "https://pay.test/")
    assert (await orders.get(shop.rt, shopper, first.order.id)).order.status is Status.CANCELLED
    again = await buy(shop, shopper, "card", shipping_address=there)
    assert again.replayed and again.order.id == second.order.id
    await books_are_right(shop)


async def test_who_is_overtaken_at_the_payment_page_is_told_to_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Retry-After, without which an idempotency key would keep the refusal for its day."""
    shop = await open_shop(database)
    shopper, make_way = await shop.shopper(), closing.make_way
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    await buy(shop, shopper, "card")

    async def overtaken(rt: Runtime, ctx: Ctx, payment: Payment) -> None:
        await make_way(rt, ctx, payment)
        monkeypatch.setattr(closing, "make_way", make_way)
        await buy(shop, shopper, "card", notes="the other one")

    monkeypatch.setattr(closing, "make_way", overtaken)
    with pytest.raises(Conflict) as raised:
        await buy(shop, shopper, "card", notes="mine")
    assert (raised.value.code, raised.value.retry_after) == ("checkout_in_progress", 1)
    assert (await buy(shop, shopper, "card", notes="mine")).order.notes == "mine"
    await books_are_right(shop)


async def test_paid_at_the_page(database: Database) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper, "card")
    assert placed.payment.url == "https://pay.test/" and placed.order.payment_status is PaymentStatus.UNPAID
    notice = Notice(
        "evt_1", "checkout.session.completed", placed.payment.id, None,
        Receipt(Outcome.CAPTURED, captured=placed.payment.amount),
    )  # fmt: skip
    body = msgspec.json.encode(notice)
    applied = await asyncio.gather(*(healing.apply_callback(shop.rt, shop.ctx, "stripe", {}, body) for _ in range(5)))
    assert applied.count(True) == 1
    order = (await orders.get(shop.rt, shopper, placed.order.id)).order
    assert (order.status, order.payment_status, order.hold_expires_at) == (Status.CONFIRMED, PaymentStatus.PAID, None)
    sql = "select count(*) from outbox where tenant_id = $1 and kind = 'order.paid'"
    assert await shop.value(sql) == 1
    await books_are_right(shop)


async def test_a_wrong_amount_is_flagged_and_not_paid(database: Database) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper, "card")
    receipt = Receipt(Outcome.CAPTURED, captured=Money(1, Currency("USD")))
    body = msgspec.json.encode(Notice("evt_2", "x", placed.payment.id, None, receipt))
    await healing.apply_callback(shop.rt, shop.ctx, "stripe", {}, body)
    order = (await orders.get(shop.rt, shopper, placed.order.id)).order
    assert order.payment_status is PaymentStatus.UNPAID and order.flagged


async def test_an_abandoned_page_gives_stock_coupon_and_cart_back(database: Database) -> None:
    shop = await open_shop(database)
    variant, shopper = await shop.product("Tent", 25000, 9), await shop.shopper()
    await coupons.create(shop.rt, shop.ctx, CouponDraft("T", CouponType.FIXED, amount_minor=100, usage_limit=1))
    await shop.put(shopper, variant, 3)
    placed = await buy(shop, shopper, "card", coupon_code="T")
    late = shop.later(shop.ctx, minutes=31)
    assert await healing.expire_holds(shop.rt, late) == 1
    assert await healing.expire_holds(shop.rt, late) == 0
    order = (await orders.get(shop.rt, shop.ctx, placed.order.id)).order
    assert (order.status, order.stock_state, order.payment_status) == (
        Status.CANCELLED, StockState.RELEASED, PaymentStatus.FAILED,
    )  # fmt: skip
    assert await shop.value("select used from coupons where tenant_id = $1") == 0
    assert (await cart.get(shop.rt, shopper, owner_of(shopper))).item_count == 3
    again = await buy(shop, shopper, "card")
    assert again.order.id != placed.order.id and again.order.cart_id == placed.order.cart_id
    await books_are_right(shop)


async def test_money_for_a_cancelled_order_goes_back(database: Database) -> None:
    shop = await open_shop(database)
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper, "card")
    await orders.cancel(shop.rt, shop.ctx, placed.order.id, "no")
    receipt = Receipt(Outcome.CAPTURED, captured=placed.payment.amount)
    body = msgspec.json.encode(Notice("evt_late", "x", placed.payment.id, None, receipt))
    assert await healing.apply_callback(shop.rt, shop.ctx, "stripe", {}, body)
    assert await orders.resume_refunds(shop.rt, shop.later(shop.ctx, minutes=1)) == 1
    detail = await orders.get(shop.rt, shop.ctx, placed.order.id)
    assert [refund.status for refund in detail.refunds] == ["succeeded"]
    assert detail.order.payment_status is PaymentStatus.REFUNDED
    assert sum(shop.provider.refunds.values()) == 25000
    await books_are_right(shop)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_between_prepare_and_settle_heals(database: Database, when: str) -> None:
    """The provider's answer is lost, before or after it did its work: the worker asks again and charges once."""
    shop = await open_shop(database)
    shop.provider.outcome = Outcome.CAPTURED
    (shop.provider.fail if when == "before" else shop.provider.fail_after).append(Upstream("gone"))
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    placed = await buy(shop, shopper, "card", token="pm_card_visa")
    assert placed.payment.status == "created"
    assert await healing.resume_payments(shop.rt, shop.later(shop.ctx, seconds=30)) == 1
    order = (await orders.get(shop.rt, shopper, placed.order.id)).order
    assert (order.payment_status, order.status) == (PaymentStatus.PAID, Status.CONFIRMED)
    assert len(shop.provider.ledger) == 1
    assert {charge.order_number for charge in shop.provider.charges} == {order.label}
    await books_are_right(shop)


async def test_the_client_repeats_after_a_crash(database: Database) -> None:
    shop = await open_shop(database)
    shop.provider.fail.append(Upstream("gone"))
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 25000, 9))
    first = await buy(shop, shopper, "card")
    assert first.payment.url is None
    again = await buy(shop, shopper, "card")
    assert again.replayed and again.order.id == first.order.id and again.payment.url == "https://pay.test/"
    asked, repeated = shop.provider.charges
    assert asked == repeated and asked.order_number == "ORD-001"  # not an id that nobody can read out


async def test_ten_refunds_at_once_never_give_back_too_much(database: Database) -> None:
    shop = await open_shop(database)
    shop.provider.outcome = Outcome.CAPTURED
    shopper = await shop.shopper()
    await shop.put(shopper, await shop.product("Tent", 1000, 9))
    placed = await buy(shop, shopper, "card", token="pm_card_visa")

    async def one() -> bool:
        try:
            await orders.refund(shop.rt, shop.ctx, placed.order.id, 600, "part")
            return True
        except MerxError:
            return False

    assert sum(await asyncio.gather(*(one() for _ in range(10)))) == 1
    order = (await orders.get(shop.rt, shop.ctx, placed.order.id)).order
    assert (order.payment_status, order.status) == (PaymentStatus.PARTIALLY_REFUNDED, Status.CONFIRMED)
    detail = await orders.change_status(shop.rt, shop.ctx, placed.order.id, Status.REFUNDED)
    assert (detail.order.payment_status, detail.order.status) == (PaymentStatus.REFUNDED, Status.REFUNDED)
    assert sum(shop.provider.refunds.values()) == 1000
    await books_are_right(shop)


async def test_the_life_of_an_order(database: Database) -> None:
    shop = await open_shop(database)
    variant, shopper = await shop.product("Tent", 1000, 9), await shop.shopper()
    await shop.put(shopper, variant, 2)
    order_id = (await buy(shop, shopper)).order.id
    with pytest.raises(IllegalTransition, match="cancelled, confirmed"):
        await orders.change_status(shop.rt, shop.ctx, order_id, Status.DELIVERED)
    await orders.change_status(shop.rt, shop.ctx, order_id, Status.CONFIRMED)
    with pytest.raises(Refused, match="Nothing was paid"):
        await orders.change_status(shop.rt, shop.ctx, order_id, Status.REFUNDED)
    detail = await orders.ship(shop.rt, shop.ctx, order_id, "DHL", "123")
    assert (detail.order.status, detail.order.stock_state) == (Status.SHIPPED, StockState.SHIPPED)
    assert await shop.value("select on_hand from stock where tenant_id = $1") == 7
    await orders.change_status(shop.rt, shop.ctx, order_id, Status.DELIVERED)
    detail = await orders.mark_paid(shop.rt, shop.ctx, order_id)
    assert detail.order.payment_status is PaymentStatus.PAID
    assert [entry.to_status for entry in detail.history] == ["pending", "confirmed", "shipped", "delivered"]
    with pytest.raises(IllegalTransition):
        await orders.cancel(shop.rt, shop.ctx, order_id, "too late")
    await books_are_right(shop)


async def test_a_shopper_sees_no_one_elses_order(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Tent", 1000, 9)
    mine, other = await shop.shopper(), await shop.shopper()
    await shop.put(mine, variant)
    placed = await buy(shop, mine)
    with pytest.raises(NotFound):
        await orders.get(shop.rt, other, placed.order.id)
    asked = OrderQuery(customer_id=mine.customer_id(), email="shopper1@example.com", statuses=(Status.PENDING,))
    assert (await orders.page(shop.rt, other, asked)).orders == []
    assert (await orders.page(shop.rt, mine, OrderQuery())).total == 1
    with pytest.raises(Forbidden):
        await orders.change_status(shop.rt, mine, placed.order.id, Status.CONFIRMED)
    stranger = (await open_shop(database)).ctx
    with pytest.raises(NotFound):
        await orders.get(shop.rt, stranger, placed.order.id)


async def test_a_hundred_adds_at_once_lose_nothing(database: Database) -> None:
    shop = await open_shop(database)
    variant = await shop.product("Bean", 3, 1000)
    guest = msgspec.structs.replace(await shop.shopper())
    owner = Owner(token="a-cart-of-my-own")
    await asyncio.gather(*(cart.add(shop.rt, guest, owner, Item(None, 1 + n % 3, variant)) for n in range(100)))
    final = await cart.get(shop.rt, guest, owner)
    assert final.item_count == sum(1 + n % 3 for n in range(100))
    assert final.totals.total == final.item_count * 3


async def test_an_order_of_items_without_a_cart(database: Database) -> None:
    shop = await open_shop(database, flat_shipping_minor=500, free_shipping_threshold_minor=5000)
    variant, shopper = await shop.product("Tent", 1000, 9), await shop.shopper()
    request = CheckoutRequest(
        items=(Item(None, 2, variant),), customer_id=shopper.customer_id(), payment_method="bank_transfer"
    )
    placed = await checkout.place(shop.rt, shopper, request)
    assert (placed.order.total_minor, placed.order.shipping_minor) == (2500, 500)
    many = msgspec.structs.replace(request, items=(Item(None, 5, variant),))
    assert (await checkout.place(shop.rt, shopper, many)).order.shipping_minor == 0
    with pytest.raises(OutOfStock):
        await checkout.place(shop.rt, shopper, many)
    await books_are_right(shop)


async def test_a_declined_order_of_items_is_declined_again_when_its_request_comes_again(database: Database) -> None:
    """The process was killed after the order had gone: its repetition does not find a sale in it."""
    shop = await open_shop(database)
    shop.provider.outcome = Outcome.DECLINED
    items = (Item(None, 2, await shop.product("Tent", 1000, 9)),)
    request = CheckoutRequest(items=items, buyer=Buyer("joe@example.com"), token="pm_card", key="one")
    for _ in range(2):
        with pytest.raises(Declined):
            await checkout.place(shop.rt, shop.ctx, request)
    assert await shop.value("select array_agg(status) from orders where tenant_id = $1") == ["cancelled"]
    assert len(shop.provider.charges) == 1
    await books_are_right(shop)


@pytest.mark.parametrize(("method", "stock"), [("cod", 99), ("card", 99), ("card", 2)])
async def test_the_same_order_of_items_at_once_is_one_order(database: Database, method: str, stock: int) -> None:
    """Its first request stood still past the lease of its key: the repetition began, and they end in one moment."""
    shop = await open_shop(database)
    items = (Item(None, 2, await shop.product("Tent", 1000, stock)),)
    request = CheckoutRequest(items=items, buyer=Buyer("joe@example.com"), payment_method=method, key="one")
    placed = await asyncio.gather(*(checkout.place(shop.rt, shop.ctx, request) for _ in range(6)))
    assert len({one.order.id for one in placed}) == 1 and sum(not one.replayed for one in placed) == 1
    assert len(shop.provider.ledger) == (method == "card")
    await books_are_right(shop)
