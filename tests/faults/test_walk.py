"""A random walk through one shop: several shoppers and a merchant do what comes into their heads, callbacks come late,
twice and in any order. A small model walks along, and after every step the shop is what the model says."""

from __future__ import annotations

import os
import random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.faults.ledger import CAN_CANCEL, CAN_REFUND, ModelOrder, ModelShop
from tests.faults.till import BAD, GOOD, Till, accounts_agree, open_till, tell
from tests.selling import Shop, books_are_right, owner_of

from merx.core.cart import service as cart
from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponRefused, CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.inventory import service as inventory
from merx.core.inventory.model import OutOfStock
from merx.core.orders import service as orders
from merx.core.orders.model import Status
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Declined, Invalid, MerxError, Refused
from merx.kernel.ids import OrderId, VariantId
from merx.ports import Outcome

pytestmark = pytest.mark.slow
STEPS = int(os.environ.get("MERX_WALK_STEPS", "500"))
SEEDS = range(int(os.environ.get("MERX_WALK_SEED", "0")), int(os.environ.get("MERX_WALK_SEED", "0")) + 5)
WHERE_ORDERS_STAND = """
select o.id, o.status, o.payment_status, o.stock_state, o.hold_expires_at is not null,
  coalesce(sum(p.captured_minor), 0)::bigint, coalesce(sum(p.refunded_minor), 0)::bigint
from orders o left join payments p on p.tenant_id = $1 and p.order_id = o.id where o.tenant_id = $1 group by o.tenant_id, o.id
"""


class Walk:
    def __init__(self, shop: Shop, till: Till, dice: random.Random) -> None:
        self.shop, self.till, self.dice = shop, till, dice
        self.model = ModelShop()
        self.shoppers: list[Ctx] = []
        self.letters: list[tuple[UUID, bytes]] = []  # callbacks that are on their way
        self.clock = 0.0
        self.story: list[str] = []

    async def open(self) -> None:
        for price, stock in ((100, 40), (250, 12), (999, 3)):
            variant = await self.shop.product("Thing", price, stock)
            self.model.prices[variant], self.model.on_hand[variant] = price, stock
        self.shoppers = [await self.shop.shopper() for _ in range(4)]
        draft = CouponDraft(
            "OFF", CouponType.FIXED, amount_minor=self.model.coupon_off, usage_limit=self.model.coupon_limit
        )
        await coupons.create(self.shop.rt, self.shop.ctx, draft)

    # ── Who acts, when, on what ──────────────────────────────────────────────────────────────────────────────────────

    def at(self, ctx: Ctx) -> Ctx:
        """Everybody's watch shows the same."""
        return msgspec.structs.replace(ctx, now=self.shop.later(self.shop.ctx, seconds=self.clock).now)

    @property
    def merchant(self) -> Ctx:
        return self.at(self.shop.ctx)

    def any_order(self) -> ModelOrder | None:
        found = list(self.model.orders.values())
        return self.dice.choice(found[-12:]) if found else None

    async def expect(self, refused: type[MerxError] | tuple[type[MerxError], ...] | None, wanted: Any) -> Any:
        """`refused`: how the model says it ends; None where it goes through."""
        if refused is None:
            return await wanted
        with pytest.raises(refused):
            await wanted
        return None

    # ── Shoppers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add(self) -> None:
        who, variant = self.dice.randrange(4), self.dice.choice(list(self.model.prices))
        count, basket = self.dice.randint(1, 3), self.model.carts.get(who, {})
        short = basket.get(variant, 0) + count > self.model.available(variant)
        self.story.append(f"{who} adds {count}, short={short}")
        put = self.shop.put(self.at(self.shoppers[who]), VariantId(variant), count)
        await self.expect(OutOfStock if short else None, put)
        if not short:
            self.model.carts[who] = basket | {variant: basket.get(variant, 0) + count}

    async def check_out(self) -> None:
        who, kind = self.dice.randrange(4), self.dice.choice(["cod", "page", "token", "token", "declined"])
        shopper, coupon = self.at(self.shoppers[who]), self.dice.random() < 0.4
        basket = self.model.carts.get(who, {})
        method = "cod" if kind == "cod" else "card"
        token = {"token": GOOD, "declined": BAD}.get(kind)
        code = "OFF" if coupon else None
        request = CheckoutRequest(owner=owner_of(shopper), payment_method=method, token=token, coupon_code=code)
        self.story.append(f"{who} checks out {kind} coupon={coupon} {list(basket.values())}")
        refused: type[MerxError] | tuple[type[MerxError], ...] | None = None
        waits = None if basket else self.at_a_page(who)
        if waits is not None and (kind, coupon) != ("page", waits.coupon):
            if self.till.payments[waits.page].outcome is Outcome.CAPTURED:  # type: ignore[index]
                await self.expect(Refused, checkout.place(self.shop.rt, shopper, request))
                self.known(waits)
                return
            self.model.page_left(waits)  # it is closed, and the cart is sold differently
            basket = self.model.carts[who]
        if not basket:
            await self.nothing_in_it(shopper, request, kind, coupon)
            return
        if coupon and self.model.coupon_used >= self.model.coupon_limit:
            refused = CouponRefused if not self.model.short(basket) else (CouponRefused, OutOfStock)
        elif self.model.short(basket):
            refused = OutOfStock
        elif kind == "declined":
            refused = Declined
        placed = await self.expect(refused, checkout.place(self.shop.rt, shopper, request))
        if placed is None and refused is not Declined:
            return
        if placed is None:
            sql = "select id from orders where tenant_id = $1 order by number desc limit 1"
            order = ModelOrder(await self.shop.value(sql), who, kind, basket, self.model.total(basket, coupon), coupon)
            self.model.place(order)
            self.model.let_go(order, "cancelled")
            return
        order = ModelOrder(placed.order.id, who, kind, basket, placed.order.total_minor, coupon)
        assert order.total == self.model.total(basket, coupon) and order.id not in self.model.orders
        self.model.place(order)
        if kind == "token":
            self.model.money(order)
        if kind == "page":
            order.page, order.runs_out = placed.payment.id, self.clock + 1800

    def at_a_page(self, who: int) -> ModelOrder | None:
        """The shopper's last order, where it still waits at its page."""
        last = next((one for one in reversed(self.model.orders.values()) if one.shopper == who), None)
        waits = last is not None and last.page is not None and last.status == "pending" and not last.page_ended
        return last if waits else None

    async def nothing_in_it(self, shopper: Ctx, request: CheckoutRequest, kind: str, coupon: bool) -> None:
        """The same click again, or an empty cart: nothing new in either case."""
        try:
            placed = await checkout.place(self.shop.rt, shopper, request)
        except Refused as empty:
            assert empty.code == "cart_empty"
        else:
            made = self.model.orders[placed.order.id]
            assert placed.replayed and (made.kind, made.coupon) == (kind, coupon)

    # ── The provider ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def end_a_page(self) -> None:
        order = self.any_order()
        if order is None or order.page is None:
            return
        outcome = self.dice.choice([Outcome.CAPTURED, Outcome.CAPTURED, Outcome.EXPIRED])
        if self.till.lingers:
            outcome = Outcome.CAPTURED  # there is no other end
        if self.till.end(order.page, outcome):
            self.story.append(f"page of {order.status} order: {outcome}")
            self.letters += [(order.id, self.till.notice(order.page))] * self.dice.choice([0, 1, 1, 2])

    async def deliver(self) -> None:
        if self.letters:
            place = self.dice.randrange(len(self.letters))
            order_id, body = self.letters.pop(place)
            self.story.append("a callback comes")
            await tell(self.shop, body, self.merchant)
            self.known(self.model.orders[order_id])

    def known(self, order: ModelOrder) -> None:
        """We have heard how the order's page ended; where it could not be closed, perhaps for the second time."""
        if order.page is None or order.page_paid:
            return
        if self.till.payments[order.page].outcome is Outcome.CAPTURED:
            order.page_paid = True
            self.model.money(order)
        elif self.till.is_closed(order.page):
            self.model.page_left(order)

    async def worker(self) -> None:
        """Time passes, and what ran out is looked at."""
        self.clock += self.dice.choice([30, 600, 1900])
        self.story.append(f"it is {self.clock}")
        while self.letters:
            await self.deliver()
        await healing.resume_payments(self.shop.rt, self.merchant)
        await healing.expire_holds(self.shop.rt, self.merchant)
        await orders.resume_refunds(self.shop.rt, self.merchant)
        for order in self.model.orders.values():
            ended = order.page and (order.page in self.till.left or self.till.payments[order.page].outcome != "pending")
            if order.page and not order.page_paid and ended:
                # Without a callback it is heard of when the hold runs out; the till closes what nobody paid by then.
                stands = await self.shop.value(
                    "select status from payments where tenant_id = $1 and id = $2", order.page
                )
                if stands == "captured":
                    self.known(order)
                elif stands == "cancelled":
                    self.model.page_left(order)
            assert not (order.status == "pending" and order.runs_out is not None and order.runs_out <= self.clock)

    # ── The merchant ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def cancel(self) -> None:
        if (order := self.any_order()) is None:
            return
        legal = order.status in CAN_CANCEL
        self.story.append(f"cancel {order.kind} {order.status} {order.payment_status}")
        wanted = orders.cancel(self.shop.rt, self.merchant, OrderId(order.id), "no")
        await self.expect(None if legal else Refused, wanted)
        if legal:
            self.model.cancel(order)
            self.known(order)

    async def move(self) -> None:
        if (order := self.any_order()) is None:
            return
        legal = {
            "pending": ["confirmed"],
            "confirmed": ["processing", "shipped"],
            "processing": ["shipped"],
            "shipped": ["delivered"],
        }
        target = self.dice.choice(["confirmed", "processing", "shipped", "delivered"])
        may = target in legal.get(order.status, [])
        self.story.append(f"{order.status} -> {target}")
        if target == "shipped" and self.dice.random() < 0.5 and may:
            await orders.ship(self.shop.rt, self.merchant, OrderId(order.id), "DHL", "1")
        else:
            wanted = orders.change_status(self.shop.rt, self.merchant, OrderId(order.id), Status(target))
            await self.expect(None if may else Refused, wanted)
        if may and target == "shipped":
            self.model.ship(order)
        elif may:
            order.status, order.runs_out = target, None

    async def refund(self) -> None:
        if (order := self.any_order()) is None:
            return
        amount = self.dice.choice([None, 1, order.total // 2, order.total, order.total + 1, 0, -5])
        left = order.captured - order.refunded
        refused = Refused if left <= 0 or (amount or 0) > left else None
        if refused is None and amount is not None and amount <= 0:
            refused = Invalid
        self.story.append(f"refund {amount} of {order.status} {order.payment_status}")
        wanted = orders.refund(self.shop.rt, self.merchant, OrderId(order.id), amount, "")
        await self.expect(refused, wanted)
        if refused is None:
            self.model.refund(order, left if amount is None else amount)

    async def refund_order(self) -> None:
        if (order := self.any_order()) is None:
            return
        may = order.status in CAN_REFUND and order.payment_status in ("paid", "partially_refunded")
        self.story.append(f"{order.status} {order.payment_status} -> refunded")
        wanted = orders.change_status(self.shop.rt, self.merchant, OrderId(order.id), Status.REFUNDED)
        await self.expect(None if may else Refused, wanted)
        if may:
            self.model.refund(order, order.captured - order.refunded)

    async def mark_paid(self) -> None:
        if (order := self.any_order()) is None:
            return
        may = order.kind == "cod" and not order.closed and not order.captured
        self.story.append(f"mark {order.kind} {order.status} as paid: {may}")
        await self.expect(None if may else Refused, orders.mark_paid(self.shop.rt, self.merchant, OrderId(order.id)))
        if may:
            self.model.money(order)

    async def charge_later(self) -> None:
        order = self.any_order()
        if order is None or order.kind != "cod":
            return
        token = self.dice.choice([GOOD, BAD])
        refused = Refused if order.closed or order.captured else Declined if token == BAD else None
        self.story.append(f"charge {token} for cod {order.status}")
        wanted = checkout.pay_order(self.shop.rt, self.merchant, OrderId(order.id), token, None)
        await self.expect(refused, wanted)
        if refused is None:
            self.model.money(order)

    async def restock(self) -> None:
        variant, delta = self.dice.choice(list(self.model.prices)), self.dice.choice([-4, 2, 6, 12])
        may = self.model.available(variant) + delta >= 0
        self.story.append(f"stock {delta}: {may}")
        wanted = inventory.receive(self.shop.rt, self.merchant, VariantId(variant), delta)
        await self.expect(None if may else Refused, wanted)
        if may:
            self.model.on_hand[variant] += delta

    # ── Comparing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def compare(self) -> None:
        async with self.shop.rt.db.begin(self.shop.ctx) as tx:
            stock = await tx.rows("select variant_id, on_hand, reserved from stock where tenant_id = $1")
            standing = await tx.rows(WHERE_ORDERS_STAND)
            used = await tx.row("select used from coupons where tenant_id = $1")
        for variant, on_hand, reserved in stock:
            assert (on_hand, reserved) == (self.model.on_hand[variant], self.model.reserved(variant))
        assert used is not None and used[0] == self.model.coupon_used
        assert len(standing) == len(self.model.orders)
        for order_id, *found in standing:
            one = self.model.orders[order_id]
            wanted = [one.status, one.payment_status, one.stock, one.runs_out is not None, one.captured, one.refunded]
            assert found == wanted, one

    async def compare_carts(self) -> None:
        for who, shopper in enumerate(self.shoppers):
            kept = await cart.get(self.shop.rt, shopper, owner_of(shopper))
            assert {line.variant_id: line.quantity for line in kept.lines} == self.model.carts.get(who, {})


ACTIONS = {
    Walk.add: 6, Walk.check_out: 6, Walk.end_a_page: 4, Walk.deliver: 3, Walk.worker: 2, Walk.cancel: 2, Walk.move: 4,
    Walk.refund: 2, Walk.refund_order: 1, Walk.mark_paid: 1, Walk.charge_later: 1, Walk.restock: 2,
}  # fmt: skip


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("seed", SEEDS)
async def test_walk(database: Database, seed: int) -> None:
    shop, till = await open_till(database)
    walk = Walk(shop, till, random.Random(seed))
    await walk.open()
    try:
        for number in range(STEPS):
            walk.clock += 5
            (action,) = walk.dice.choices(list(ACTIONS), weights=list(ACTIONS.values()))
            await action(walk)
            await walk.compare()
            if number % 10 == 9:
                await books_are_right(shop)
                await walk.compare_carts()
        walk.clock += 8000
        for _ in range(3):
            await walk.worker()
        await walk.compare()
        await books_are_right(shop)
        await accounts_agree(shop, till)
    except BaseException:
        print("\n".join(walk.story[-25:]))
        raise
    assert len(walk.model.orders) > STEPS // 20, "the walk went somewhere"
