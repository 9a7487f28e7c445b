"""A checkout, a payment, a cancellation and a refund, broken at every single statement and at every call of the payment
provider. Afterwards the client tries again and the worker comes round; then there is one order, the books are right,
and the provider's books say the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.faults.till import BAD, GOOD, Till, accounts_agree, open_till, tell
from tests.faults.wire import BreakableDatabase, Faults, Killed
from tests.selling import Shop, books_are_right, owner_of

from merx.core.checkout import healing
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CartEmpty, CheckoutRequest
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType
from merx.core.coupons.service import CouponDraft
from merx.core.orders import service as orders
from merx.core.orders.model import IllegalTransition
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel.context import Ctx
from merx.kernel.errors import Declined, MerxError, Refused, Upstream
from merx.kernel.ids import OrderId, VariantId
from merx.ports import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("provider")]


@dataclass
class Case:
    """One shopper with a full cart, and the order that comes of it."""

    shop: Shop
    till: Till
    shopper: Ctx
    notice: bytes = b""

    async def place(self, method: str, token: str | None = None) -> None:
        request = CheckoutRequest(owner=owner_of(self.shopper), payment_method=method, token=token, coupon_code="TEN")
        await checkout.place(self.shop.rt, self.shopper, request)

    async def ids(self) -> list[OrderId]:
        async with self.shop.rt.db.begin(self.shop.ctx) as tx:
            sql = "select id from orders where tenant_id = $1 and customer_id = $2 order by number"
            return [row[0] for row in await tx.rows(sql, self.shopper.customer_id())]

    async def the_order(self) -> OrderId:
        found = await self.ids()
        assert len(found) == 1
        return found[0]

    async def standing(self) -> list[tuple[str, ...]]:
        """Without the orders that were let go, where there is another: a declined card may be tried twice."""
        found = [(await orders.get(self.shop.rt, self.shop.ctx, one)).order for one in await self.ids()]
        all_of_them = [(one.status.value, one.payment_status.value, one.stock_state.value) for one in found]
        return [one for one in all_of_them if one != GONE] or [GONE]


Step = Callable[[Case], Awaitable[None]]


class Flow(msgspec.Struct, frozen=True):
    """`act` is broken, and repeated as a client would; `ends` is what then has to be, before holds run out and after."""

    before: Step
    act: Step
    soon: tuple[tuple[str, ...], ...] | None
    late: tuple[tuple[str, ...], ...]


async def nothing(case: Case) -> None:
    pass


def placing(method: str, token: str | None = None) -> Step:
    async def place(case: Case) -> None:
        await case.place(method, token)

    return place


async def page_paid(case: Case) -> None:
    await case.place("card")
    sql = "select id from payments where tenant_id = $1 and order_id = $2"
    payment = await case.shop.value(sql, await case.the_order())
    case.till.end(payment, Outcome.CAPTURED)
    case.notice = case.till.notice(payment)


async def callback(case: Case) -> None:
    await tell(case.shop, case.notice)


async def cancel(case: Case) -> None:
    try:
        await orders.cancel(case.shop.rt, case.shop.ctx, await case.the_order(), "no")
    except IllegalTransition as already:
        assert already.facts["current"] == "cancelled"


async def refund(case: Case) -> None:
    """A merchant who looks before trying again."""
    detail = await orders.get(case.shop.rt, case.shop.ctx, await case.the_order())
    if not detail.refunds:
        await orders.refund(case.shop.rt, case.shop.ctx, detail.order.id, 500, "part")


async def refund_all(case: Case) -> None:
    detail = await orders.get(case.shop.rt, case.shop.ctx, await case.the_order())
    if not detail.refunds:
        await orders.refund(case.shop.rt, case.shop.ctx, detail.order.id, None, "all")


async def pay(case: Case) -> None:
    try:
        await checkout.pay_order(case.shop.rt, case.shop.ctx, await case.the_order(), GOOD, None)
    except Refused as already:
        assert already.code == "already_paid"


async def declined(case: Case) -> None:
    """A shopper whose card is refused, who asks again where there was no answer, and then pays on delivery."""
    try:
        for _ in range(2):
            await case.place("card", BAD)
    except Declined:
        await case.place("cod")
    except CartEmpty:  # that was done already, and only its answer was lost: the order is in the shopper's list
        assert await case.ids()


async def run_out(case: Case) -> None:
    await worker(case.shop, minutes=31)


async def cancelled_in_silence(case: Case) -> None:
    """The provider heard nothing of the refund."""
    await case.place("card", GOOD)
    order = await case.the_order()

    async def gone(call: str, when: str) -> None:
        raise Upstream("gone")

    case.till.around = gone
    await orders.cancel(case.shop.rt, case.shop.ctx, order, "no")
    case.till.around = None


async def give_back(case: Case) -> None:
    await orders.resume_refunds(case.shop.rt, case.shop.later(case.shop.ctx, seconds=25))


HELD, PAID = ("pending", "unpaid", "held"), ("confirmed", "paid", "held")
GONE, GIVEN_BACK = ("cancelled", "failed", "released"), ("cancelled", "refunded", "released")
FLOWS = {
    "checkout, on delivery": Flow(nothing, placing("cod"), (HELD,), (HELD,)),
    "checkout, at a page": Flow(nothing, placing("card"), (HELD,), (GONE,)),
    "checkout, with a token": Flow(nothing, placing("card", GOOD), (PAID,), (PAID,)),
    "checkout, declined": Flow(nothing, declined, (HELD,), (HELD,)),
    "a callback": Flow(page_paid, callback, (PAID,), (PAID,)),
    "a card after all": Flow(placing("cod"), pay, (PAID,), (PAID,)),
    "cancelled at the page": Flow(placing("card"), cancel, (GONE,), (GONE,)),
    "cancelled when paid": Flow(placing("card", GOOD), cancel, (GIVEN_BACK,), (GIVEN_BACK,)),
    "cancelled when paid and not told": Flow(page_paid, cancel, (GIVEN_BACK,), (GIVEN_BACK,)),
    "the hold runs out": Flow(placing("card"), run_out, None, (GONE,)),
    "the hold runs out, paid and not told": Flow(page_paid, run_out, None, (PAID,)),
    "the worker gives back": Flow(cancelled_in_silence, give_back, (GIVEN_BACK,), (GIVEN_BACK,)),
    "refunded in part": Flow(
        placing("card", GOOD), refund, (("confirmed", "partially_refunded", "held"),),
        (("confirmed", "partially_refunded", "held"),),
    ),
    "refunded whole": Flow(
        placing("card", GOOD), refund_all, (("refunded", "refunded", "released"),),
        (("refunded", "refunded", "released"),),
    ),
}  # fmt: skip


@pytest.fixture
async def breakable(dsn: Dsn) -> AsyncIterator[BreakableDatabase]:
    found = BreakableDatabase(dsn.app)
    yield found
    await found.close()


@pytest.mark.parametrize("name", FLOWS)
async def test_broken_at_every_point(database: Database, breakable: BreakableDatabase, name: str) -> None:
    flow = FLOWS[name]
    shop, till = await open_till(database)
    tent = await shop.product("Tent", 1000, 100_000)
    await coupons.create(shop.rt, shop.ctx, CouponDraft("TEN", CouponType.PERCENT, rate=100_000))
    recorded = Faults()
    await run(flow, shop, till, tent, breakable, recorded)
    points = recorded.points()
    assert len(points) >= 10
    for faults in points:
        await run(flow, shop, till, tent, breakable, faults)
        assert faults.fired, (faults, recorded.trace)
    await worker(shop, minutes=40)
    await worker(shop, hours=5)
    await right(shop, till)


async def run(
    flow: Flow, shop: Shop, till: Till, tent: VariantId, breakable: BreakableDatabase, faults: Faults
) -> None:
    case = Case(shop, till, await shop.shopper())
    await shop.put(case.shopper, tent, 1)
    await flow.before(case)
    broken = msgspec.structs.replace(shop.rt, db=breakable)
    breakable.pool.faults, till.around = faults, faults.around_provider
    failed = False
    try:
        await flow.act(Case(Shop(broken, shop.ctx, shop.provider), till, case.shopper, case.notice))
    except (Killed, MerxError):
        failed = True
    till.around = None
    await rolled_back(shop, faults)
    if failed:
        await flow.act(case)  # the client, once more
    await worker(shop, seconds=25)
    await worker(shop, minutes=3)
    if flow.soon is not None:
        assert tuple(await case.standing()) == flow.soon, (faults, faults.trace[-3:])
    if flow.late != flow.soon:
        await worker(shop, minutes=31)
        await worker(shop, minutes=35)
        assert tuple(await case.standing()) == flow.late, faults
    await right(shop, till)


async def rolled_back(shop: Shop, faults: Faults) -> None:
    """The server has seen that the line is cut, and let go of what was locked through it."""
    for _ in range(500):
        if await shop.rt.db.lookup("select 1 from pg_stat_activity where pid = $1", faults.backend) is None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server holds on to a line that was cut")


async def worker(shop: Shop, **later: float) -> None:
    then = shop.later(shop.ctx, **later)
    await healing.resume_payments(shop.rt, then)
    await healing.expire_holds(shop.rt, then)
    await orders.resume_refunds(shop.rt, then)


async def right(shop: Shop, till: Till) -> None:
    await books_are_right(shop)
    await accounts_agree(shop, till)


def test_a_point_is_found_for_every_end() -> None:
    """The kit itself: around a commit and a call four ways to break, before any other statement one."""
    assert len(Faults(trace=["begin", "select", "commit", "charge"]).points()) == 2 + 4 + 4


async def test_the_kit_breaks_where_it_says(breakable: BreakableDatabase, database: Database) -> None:
    shop, _ = await open_till(database)
    for at, when, kept in ((0, "before", 0), (1, "before", 0), (1, "after", 1)):
        breakable.pool.faults = Faults(at, when)
        with pytest.raises(MerxError):
            async with breakable.begin(shop.ctx) as tx:
                await tx.run("insert into counters (tenant_id, name) values ($1, 'kit')")
        sql: Any = "select count(*) from counters where tenant_id = $1 and name = 'kit'"
        assert await shop.value(sql) == kept
