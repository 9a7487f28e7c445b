"""Orders: the list with its tabs and filters, one order with everything that happened to it, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import get, post

from merx.core.orders import desk
from merx.core.orders import service as orders
from merx.core.orders.desk import Story
from merx.core.orders.finding import FindOrders
from merx.core.orders.model import TRANSITIONS, Order, PaymentStatus, Status
from merx.kernel.errors import MerxError
from merx.kernel.ids import OrderId
from merx.kernel.money import Money, parse_minor
from merx.web.dashboard import order_story
from merx.web.dashboard.desk import baas, commerce, currency_of, ident
from merx.web.forms import Form
from merx.web.once import once
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

VIEWS: Mapping[str, tuple[str, tuple[Status, ...]]] = {
    "all": ("All", ()),
    "to-ship": ("To ship", (Status.CONFIRMED, Status.PROCESSING)),
    "pending": ("Pending", (Status.PENDING,)),
    "shipped": ("Shipped", (Status.SHIPPED,)),
    "delivered": ("Delivered", (Status.DELIVERED,)),
    "closed": ("Closed", (Status.CANCELLED, Status.REFUNDED)),
    "flagged": ("Flagged", ()),
}
BULK = {"processing": Status.PROCESSING, "shipped": Status.SHIPPED, "delivered": Status.DELIVERED}
AT_ONCE = 100


# ── The list ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/orders", needs="orders:read")
async def order_list(request: PageRequest) -> Page:
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    number, offset = asked(request)
    form = Form({name: query.get(name, "") for name in ("q", "payment", "from", "to", "sort")})
    wanted = FindOrders(
        search=form.text("q")[:200],
        statuses=VIEWS[view][1],
        payment=_payment(form.text("payment")),
        flagged=view == "flagged",
        created_from=_day(form, "from"),
        created_to=_day(form, "to", after=1),
        oldest_first=form.text("sort") == "oldest",
        limit=SIZE,
        offset=offset,
    )
    found = await desk.find(request.rt, request.ctx, wanted)
    return render(
        request,
        "orders/rows.html" if request.partial else "orders/list.html",
        area="orders",
        orders=found.orders,
        paging=paging(request, number, found.total, more=found.more),
        views=VIEWS,
        view=view,
        payments=list(PaymentStatus),
        form=form,
        filtered=any(form.text(name) for name in ("q", "payment", "from", "to")),
        calls=[
            baas("GET", "/orders/" + "&".join(["?per_page=25", *(f"status={one}" for one in VIEWS[view][1])])),
            commerce("GET", "/orders?pageSize=25"),
        ],
    )


def _payment(text: str) -> PaymentStatus | None:
    return PaymentStatus(text) if text in list(PaymentStatus) else None


def _day(form: Form, name: str, after: int = 0) -> datetime | None:
    text = form.text(name)
    if not text:
        return None
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return found + timedelta(days=after) if 2000 <= found.year < 2200 else None
    except ValueError:
        return None


@post("/orders/bulk", needs="orders:write")
async def bulk(request: PageRequest) -> Page:
    form = await Form.read(request)
    chosen = [OrderId(ident(text, "order")) for text in form.all("id")][:AT_ONCE]
    target = BULK.get(form.text("action"))
    back = form.text("back") if form.text("back").startswith("/dashboard/orders") else "/dashboard/orders"
    if target is None or not chosen:
        return redirect(request, back, said="Choose some orders and what to do with them.", tone="warning")
    moved = await orders.change_statuses(request.rt, request.ctx, chosen, target)
    if not moved.refused:
        count = "One order is" if len(moved.done) == 1 else f"{len(moved.done)} orders are"
        return redirect(request, back, said=f"{count} {target} now.")
    first = moved.refused[0]
    said = f"{len(moved.done)} moved, {len(moved.refused)} could not: {first.message}"
    return redirect(request, back, said=said, tone="warning")


# ── One order ────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/orders/{order:str}", needs="orders:read")
async def order_page(request: PageRequest, order: str) -> Page:
    found = await desk.story(request.rt, request.ctx, OrderId(ident(order, "order")))
    return _shown(request, found, Form(_begun(found)), request.query_params.get("do", ""))


def _begun(found: Story) -> Mapping[str, Any]:
    left = order_story.refundable(found.detail)
    return {"amount": Money(left, found.detail.order.currency).text() if left else ""}


def _shown(request: PageRequest, found: Story, form: Form, doing: str) -> Page:
    order, ctx = found.detail.order, request.ctx
    path = f"/orders/{order_story.spelled(order)}/"
    return render(
        request,
        "orders/detail.html",
        area="orders",
        order=order,
        detail=found.detail,
        timeline=order_story.timeline(found),
        refundable=order_story.refundable(found.detail),
        by_hand=order_story.payable_by_hand(found.detail),
        follows=_follows(order) if ctx.may("orders:write") else [],
        form=form,
        doing=doing,
        calls=[
            baas("GET", path),
            baas("POST", f"{path}shipments/", '{"carrier": "DHL", "tracking_number": "…"}'),
            commerce("GET", f"/orders/{order.id}"),
        ],
    )  # fmt: skip


def _follows(order: Order) -> list[Status]:
    """What may be chosen by hand; refunding and cancelling have forms of their own."""
    own = (Status.CANCELLED, Status.REFUNDED, Status.CONFIRMED)
    return [status for status in Status if status in TRANSITIONS[order.status] and status not in own]


async def _refused(request: PageRequest, order: OrderId, form: Form, wrong: MerxError, doing: str) -> Page:
    """The order's page again, with the dialog open and what was said against it."""
    form.refused(wrong)
    return _shown(request, await desk.story(request.rt, request.ctx, order), form, doing)


@post("/orders/{order:str}/status", needs="orders:write")
async def set_status(request: PageRequest, order: str) -> Page:
    form, wanted = await Form.read(request), OrderId(ident(order, "order"))
    text = form.text("status")
    if text not in list(Status):
        form.fault("status", "Choose what the order becomes.")
        return _shown(request, await desk.story(request.rt, request.ctx, wanted), form, "")
    try:
        after = await orders.change_status(request.rt, request.ctx, wanted, Status(text), form.text("note"))
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "cancel" if text == Status.CANCELLED else "")
    return redirect(request, f"/dashboard/orders/{order}", said=f"{after.order.label} is {after.order.status} now.")


@post("/orders/{order:str}/shipments", needs="orders:write")
async def ship(request: PageRequest, order: str) -> Page:
    form, wanted = await Form.read(request), OrderId(ident(order, "order"))
    try:
        async with once(request, form) as first:
            if first:
                await orders.ship(
                    request.rt, request.ctx, wanted, form.text("carrier"), form.text("tracking_number"),
                    form.optional("tracking_url"),
                )  # fmt: skip
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "ship")
    return redirect(request, f"/dashboard/orders/{order}", said="The shipment has been added.")


@post("/orders/{order:str}/refunds", needs="refunds:write")
async def refund(request: PageRequest, order: str) -> Page:
    form, wanted = await Form.read(request), OrderId(ident(order, "order"))
    currency = currency_of(request)
    minor = parse_minor(form.text("amount"), currency)
    if minor is None:
        form.fault("amount", f"Enter an amount in {currency}, such as 12.50.")
        return _shown(request, await desk.story(request.rt, request.ctx, wanted), form, "refund")
    try:
        async with once(request, form) as first:
            if first:
                key = form.value("once") or None
                await orders.refund(request.rt, request.ctx, wanted, minor, form.text("reason"), key=key)
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "refund")
    return redirect(request, f"/dashboard/orders/{order}", said="The refund is on its way.")


@post("/orders/{order:str}/payments", needs="orders:write")
async def mark_paid(request: PageRequest, order: str) -> Page:
    form, wanted = await Form.read(request), OrderId(ident(order, "order"))
    try:
        after = await orders.mark_paid(request.rt, request.ctx, wanted)
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "")
    return redirect(request, f"/dashboard/orders/{order}", said=f"{after.order.label} is paid.")


@get("/orders/{order:str}/print", needs="orders:read")
async def print_view(request: PageRequest, order: str) -> Page:
    found = await desk.story(request.rt, request.ctx, OrderId(ident(order, "order")))
    return render(request, "orders/print.html", orders=[found.detail.order])


ROUTES = [order_list, bulk, order_page, set_status, ship, refund, mark_paid, print_view]
