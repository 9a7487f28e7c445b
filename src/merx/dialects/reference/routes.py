"""Owns the routes. Collections are bare arrays; where they are in the whole stands in their headers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from merx.core.activity.model import Level
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery
from merx.core.checkout import paying
from merx.core.checkout import service as checkout
from merx.core.customers import service as customers
from merx.core.customers import trail
from merx.core.customers.model import CustomerStatus
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, Person
from merx.dialects.reference import translate, wire
from merx.edge import query
from merx.edge.admission import ANYBODY_KNOWN, admit
from merx.edge.app import MerxRequest, MerxResponse, reply
from merx.edge.pagination import offset_headers
from merx.kernel import ids
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.ids import CustomerId, NotificationId, OrderId, ProductId

_HEADERS = {
    "X-Total-Count": "How many there are in all",
    "X-Limit": "The limit that was asked for, or the default",
    "X-Offset": "How many were skipped",
}


def _in_path(name: str, prefix: str, what: str) -> dict[str, dict[str, Any]]:
    return {name: {"type": "string", "description": what, "examples": [f"{prefix}_01j9zk7d3wfxr9p4t5m6n8q2ve"]}}


def _listed(found: list[Any], total: int, asked: wire.Paging) -> MerxResponse:
    return reply(found, headers=offset_headers(total, asked.limit, asked.offset))


def _named(request: MerxRequest, name: str, prefix: str, what: str) -> UUID:
    """The id in the address; what is spelled in no way of ours is as unknown as any other."""
    found = ids.decode(prefix, request.path_params[name])
    if found is None:
        raise NotFound(what, field=name)
    return found


# ── Users ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@get(
    "/users", operation_id="listUsers", tags=["Users"], asks=wire.ListUsers, answers=list[wire.User],
    guards=[admit], needs=ANYBODY_KNOWN, gives=_HEADERS,
)  # fmt: skip
async def list_users(request: MerxRequest) -> MerxResponse:
    """Lists users, newest first. Needs `users:read`.

    Users are the shop's customers: who has an account, and who is known from an order."""
    asked = request.ask(wire.ListUsers)
    status = None if asked.status is None else CustomerStatus(asked.status)
    found, total = await customers.list_customers(
        request.rt, request.ctx, status=status, limit=asked.limit, offset=asked.offset
    )
    return _listed([translate.user(one) for one in found], total, asked)


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get(
    "/products", operation_id="listProducts", tags=["Products"], asks=wire.Paging, answers=list[wire.Product],
    guards=[admit], needs=ANYBODY_KNOWN, gives=_HEADERS,
)  # fmt: skip
async def list_products(request: MerxRequest) -> MerxResponse:
    """Lists what is for sale, newest first. Needs `catalog:read` or `products:read`."""
    asked = request.ask(wire.Paging)
    wanted = ProductQuery(limit=asked.limit, offset=asked.offset)
    found = await catalog.list_products(request.rt, request.ctx, wanted)
    return _listed([translate.product(one) for one in found.items], found.total, asked)


@get(
    "/products/{productId:str}", operation_id="getProduct", tags=["Products"], guards=[admit], needs=ANYBODY_KNOWN,
    names=_in_path("productId", translate.PRODUCT, "The product's id"),
)  # fmt: skip
async def get_product(request: MerxRequest) -> wire.Product:
    """Shows one product. Needs `catalog:read` or `products:read`."""
    ident = ProductId(_named(request, "productId", translate.PRODUCT, "product"))
    return translate.product((await catalog.get_product(request.rt, request.ctx, ident)).product)


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@post("/orders", operation_id="createOrder", tags=["Orders"], guards=[admit], needs="checkout:write")
async def create_order(request: MerxRequest, data: wire.NewOrder) -> wire.Order:
    """Makes an order: all of its stock is held, or none and nothing else has happened (409).

    Prices, shipping and tax are the shop's. It waits for a payment half an hour, and is cancelled after that. Needs
    `checkout:write`, and `orders:write` to order for somebody else."""
    try:
        wanted = translate.wanted(data, request.headers.get("idempotency-key"))
        made = await checkout.place(request.rt, request.ctx, wanted)
    except NotFound as missing:
        if missing.field == "customer_id":
            raise translate.unknown_user() from None
        raise
    return translate.order(made.order)


# ── Payments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@post(
    "/payments", operation_id="createPayment", status_code=200, tags=["Payments"], guards=[admit], needs=ANYBODY_KNOWN,
    errors=(402, 502),
)  # fmt: skip
async def create_payment(request: MerxRequest, data: wire.NewPayment) -> wire.Payment:
    """Charges an order to a payment method of the shop's payment provider, at once. Needs `payments:write`.

    Amount and currency must equal what the order owes. 402 says why the payment failed; the order stays and may be
    paid with another method. Sent twice, it is charged once. Shoppers pay their own orders."""
    found = ids.decode(translate.ORDER, data.order_id)
    if found is None:
        raise NotFound("order", field="orderId")
    paid = await paying.pay_order(
        request.rt, request.ctx, OrderId(found), data.payment_method_id, data.amount, data.currency
    )
    return translate.payment(paid, data.payment_method_id)


# ── Notifications ────────────────────────────────────────────────────────────────────────────────────────────────────
@post(
    "/notifications/send", operation_id="sendNotification", status_code=202, tags=["Notifications"], guards=[admit],
    needs="notifications:send", gives={"Location": "Where its state is told"},
)  # fmt: skip
async def send_notification(request: MerxRequest, data: wire.NewNotification) -> Response[wire.Notification]:
    """Takes in a message to a user; it is sent in the background. Needs `notifications:send`.

    By `email` to the user's address, or by `sms` to their number."""
    found = ids.decode(translate.USER, data.user_id)
    if found is None:
        raise NotFound("user", field="userId")
    to, key = Person.customer(CustomerId(found)), request.headers.get("idempotency-key")
    try:
        made = await notifications.send_message(
            request.rt,
            request.ctx,
            to,
            Channel(data.type),
            data.subject,
            data.message,
            transactional=data.transactional,
            key=key,
        )
    except NotFound as missing:
        raise NotFound(missing.what, field="userId") from None
    shown = translate.notification(made)
    return reply(shown, 202, {"Location": f"{translate.OWN_PREFIX}/notifications/{shown.id}"})


@get(
    "/notifications/{notificationId:str}", operation_id="getNotification", tags=["Notifications"], guards=[admit],
    needs=ANYBODY_KNOWN, names=_in_path("notificationId", translate.NOTIFICATION, "The id that sending it gave"),
)  # fmt: skip
async def get_notification(request: MerxRequest) -> wire.Notification:
    """Tells what became of a notification. Needs `notifications:read` or `notifications:send`."""
    ident = NotificationId(_named(request, "notificationId", translate.NOTIFICATION, "notification"))
    try:
        return translate.notification(await notifications.get(request.rt, request.ctx, ident))
    except NotFound as missing:
        raise NotFound(missing.what, field="notificationId") from None


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@get(
    "/logs", operation_id="listLogs", tags=["Logs"], asks=wire.ListLogs, answers=list[wire.LogEntry],
    guards=[admit], needs="logs:read", gives=_HEADERS,
)  # fmt: skip
async def list_logs(request: MerxRequest) -> MerxResponse:
    """Lists the requests made in all of the shop's APIs, newest first. Needs `logs:read`.

    A request is there within two seconds of its answer."""
    asked = request.ask(wire.ListLogs)
    written = dict(query.pairs(request.scope["query_string"])).get("endDate")
    until = translate.end(asked.end_date, written)
    if asked.start_date is not None and until is not None and asked.start_date > until:
        raise Invalid("It is later than endDate.", field="startDate")
    level: Level | None = translate.level(asked.level)
    found, total = await trail.list_entries(
        request.rt, request.ctx, asked.start_date, until, level, asked.limit, asked.offset
    )
    return _listed([translate.log_entry(one) for one in found], total, asked)


ROUTES: list[ControllerRouterHandler] = [
    list_users,
    list_products,
    get_product,
    create_order,
    create_payment,
    send_notification,
    get_notification,
    list_logs,
]
