"""Owns what the merchant does with orders, coupons and customers."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from merx.core.coupons import service as coupons
from merx.core.customers import service as customers
from merx.core.customers.model import CustomerPatch
from merx.core.erasure import service as erasure
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery, Status
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import service as tenants
from merx.dialects.baas import platform_goods_wire as goods
from merx.dialects.baas import platform_order_translate as sold
from merx.dialects.baas import platform_translate as shown
from merx.dialects.baas import translate, wire
from merx.dialects.baas.platform_door import Listing, Routes, check_moments, in_body, in_path, listing
from merx.edge.app import MerxRequest
from merx.kernel.errors import Invalid
from merx.kernel.ids import CouponId, CustomerId, OrderId
from merx.kernel.money import Currency

order_routes, coupon_routes, customer_routes = Routes("Orders"), Routes("Coupons"), Routes("Customers")


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@order_routes.get("/orders/", "orders:read", asks=goods.FindOrders)
async def list_orders(request: MerxRequest) -> Listing[goods.MerchantOrder]:
    """Lists orders, newest first."""
    asked = request.ask(goods.FindOrders)
    limit, offset = translate.bounds(asked)
    check_moments(created_from=asked.created_from, created_to=asked.created_to)
    query = OrderQuery(
        statuses=tuple(core for said in dict.fromkeys(asked.status) for core in translate.CORE_STATUSES[said]),
        customer_id=_buyer(asked.customer),
        email=_email(asked.email),
        created_from=asked.created_from,
        created_to=asked.created_to,
        limit=limit,
        offset=offset,
    )
    found = await orders.page(request.rt, request.ctx, query)
    base = request.rt.settings.public_url
    return listing(request, asked, [sold.order(one, base) for one in found.orders], found.total)


def _buyer(text: str | None) -> CustomerId | None:
    return None if text is None else CustomerId(in_body("cus", text, "customer", "customer"))


def _email(text: str | None) -> str | None:
    if text is None:
        return None
    found = tenant_rules.email(text)
    if found is None:
        raise Invalid("Enter a valid email address.", field="email")
    return found


@order_routes.get("/orders/{order:str}/", "orders:read")
async def get_order(request: MerxRequest, order: str) -> goods.MerchantOrderDetail:
    """One order with everything that happened to it."""
    found = await orders.get(request.rt, request.ctx, _order(order))
    return sold.order_detail(found, request.rt.settings.public_url)


@order_routes.post("/orders/{order:str}/status/", "orders:write", status_code=200)
async def set_order_status(request: MerxRequest, order: str, data: goods.StatusChange) -> goods.MerchantOrderDetail:
    """Moves an order on. Cancelling returns the stock, and money that was taken."""
    return await _move(request, order, data)


@order_routes.patch("/orders/{order:str}/status/", "orders:write")
async def change_order_status(request: MerxRequest, order: str, data: goods.StatusChange) -> goods.MerchantOrderDetail:
    """Moves an order on. Cancelling returns the stock, and money that was taken."""
    return await _move(request, order, data)


async def _move(request: MerxRequest, order: str, data: goods.StatusChange) -> goods.MerchantOrderDetail:
    moved = await orders.change_status(request.rt, request.ctx, _order(order), Status(data.status), data.note)
    return sold.order_detail(moved, request.rt.settings.public_url)


@order_routes.post("/orders/{order:str}/shipments/", "orders:write")
async def add_shipment(request: MerxRequest, order: str, data: goods.NewShipment) -> goods.MerchantOrderDetail:
    """Notes a shipment. The first one makes the order shipped."""
    shipped = await orders.ship(
        request.rt, request.ctx, _order(order), data.carrier, data.tracking_number, data.tracking_url
    )
    return sold.order_detail(shipped, request.rt.settings.public_url)


@order_routes.post("/orders/{order:str}/refunds/", "refunds:write")
async def add_refund(
    request: MerxRequest, order: str, data: goods.NewRefund | None = None
) -> goods.MerchantOrderDetail:
    """Gives back part of what was paid, or all that is left of it."""
    wanted, given = _order(order), data or goods.NewRefund()
    amount = None
    if given.amount is not None:
        before = await orders.get(request.rt, request.ctx, wanted)
        amount = shown.minor(given.amount, before.order.currency, "amount")
    key = request.idempotency_key
    refunded = await orders.refund(request.rt, request.ctx, wanted, amount, given.reason, key=key)
    return sold.order_detail(refunded, request.rt.settings.public_url)


@order_routes.post("/orders/{order:str}/payments/", "orders:write", errors=(502,))
async def mark_paid(request: MerxRequest, order: str, data: goods.MarkPaid | None = None) -> goods.MerchantOrderDetail:
    """Notes that cash was handed over or the transfer has come. Providers report their own payments."""
    paid = await orders.mark_paid(request.rt, request.ctx, _order(order))
    return sold.order_detail(paid, request.rt.settings.public_url)


def _order(text: str) -> OrderId:
    return OrderId(in_path("ord", text, "order"))


# ── Coupons ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@coupon_routes.get("/coupons/", "coupons:read", asks=wire.Paging)
async def list_coupons(request: MerxRequest) -> Listing[goods.Coupon]:
    """Lists coupons, newest first."""
    asked = request.ask(wire.Paging)
    found, total = await coupons.page(request.rt, request.ctx, *translate.bounds(asked))
    currency = await _currency(request)
    return listing(request, asked, [shown.coupon(one, currency) for one in found], total)


@coupon_routes.post("/coupons/", "coupons:write", errors=(409,))
async def add_coupon(request: MerxRequest, data: goods.NewCoupon) -> goods.Coupon:
    """Adds a coupon."""
    check_moments(starts_at=data.starts_at, ends_at=data.ends_at)
    currency = await _currency(request)
    made = await coupons.create(request.rt, request.ctx, shown.coupon_draft(data, currency))
    return shown.coupon(made, currency)


@coupon_routes.get("/coupons/{coupon:str}/", "coupons:read")
async def get_coupon(request: MerxRequest, coupon: str) -> goods.Coupon:
    """One coupon, and how often it was used."""
    found = await coupons.get(request.rt, request.ctx, _coupon(coupon))
    return shown.coupon(found, await _currency(request))


@coupon_routes.patch("/coupons/{coupon:str}/", "coupons:write", errors=(409,))
async def change_coupon(request: MerxRequest, coupon: str, data: goods.CouponChange) -> goods.Coupon:
    """Changes a coupon. Orders keep what it gave them."""
    wanted, currency = _coupon(coupon), await _currency(request)
    before = await coupons.get(request.rt, request.ctx, wanted)
    whole = shown.changed_coupon(before, data, currency)
    check_moments(starts_at=whole.starts_at, ends_at=whole.ends_at)
    changed = await coupons.update(request.rt, request.ctx, wanted, shown.coupon_draft(whole, currency))
    return shown.coupon(changed, currency)


@coupon_routes.delete("/coupons/{coupon:str}/", "coupons:write")
async def remove_coupon(request: MerxRequest, coupon: str) -> None:
    """Removes a coupon."""
    await coupons.remove(request.rt, request.ctx, _coupon(coupon))


def _coupon(text: str) -> CouponId:
    return CouponId(in_path("cpn", text, "coupon"))


async def _currency(request: MerxRequest) -> Currency:
    return (await tenants.get_settings(request.rt, request.ctx)).currency


# ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
@customer_routes.get("/customers/", "customers:read", asks=goods.FindCustomers)
async def list_customers(request: MerxRequest) -> Listing[goods.MerchantCustomer]:
    """Lists customers, newest first: those with an account, and guests known from their orders."""
    asked = request.ask(goods.FindCustomers)
    limit, offset = translate.bounds(asked)
    found, total = await customers.list_customers(
        request.rt, request.ctx, status=asked.status, search=asked.search, limit=limit, offset=offset
    )
    return listing(request, asked, [shown.customer(one) for one in found], total)


@customer_routes.get("/customers/{customer:str}/", "customers:read")
async def get_customer(request: MerxRequest, customer: str) -> goods.MerchantCustomer:
    """One customer."""
    return shown.customer(await customers.get(request.rt, request.ctx, _customer(customer)))


@customer_routes.patch("/customers/{customer:str}/", "customers:write")
async def change_customer(request: MerxRequest, customer: str, data: goods.CustomerChange) -> goods.MerchantCustomer:
    """Changes a customer, or switches their account off and on."""
    patch = CustomerPatch(
        first_name=data.first_name,
        last_name=data.last_name,
        phone=data.phone,
        accepts_marketing=data.accepts_marketing,
        status=data.status,
    )
    return shown.customer(await customers.update(request.rt, request.ctx, _customer(customer), patch))


@customer_routes.delete("/customers/{customer:str}/", erasure.PERMISSION, asks=goods.Erasing, status_code=202)
async def erase_customer(request: MerxRequest, customer: str) -> goods.MerchantCustomer:
    """Erases a customer: everything personal, in their orders too; amounts and numbers stay. They are signed out and
    nothing is mailed to them from now on. Final at `erase_at`, in three days; until then `restore/` takes it back.
    400 `orders_open` while an order is not done with: paid and delivered, cancelled or refunded."""
    at_once = request.ask(goods.Erasing).at_once
    return shown.customer(await erasure.request(request.rt, request.ctx, _customer(customer), at_once=at_once))


@customer_routes.post("/customers/{customer:str}/restore/", erasure.PERMISSION, status_code=200)
async def restore_customer(request: MerxRequest, customer: str) -> goods.MerchantCustomer:
    """Takes back that a customer is erased, as long as it is not final. They may sign in again."""
    return shown.customer(await erasure.take_back(request.rt, request.ctx, _customer(customer)))


def _customer(text: str) -> CustomerId:
    return CustomerId(in_path("cus", text, "customer"))


ROUTES: list[ControllerRouterHandler] = [
    list_orders,
    get_order,
    set_order_status,
    change_order_status,
    add_shipment,
    add_refund,
    mark_paid,
    list_coupons,
    add_coupon,
    get_coupon,
    change_coupon,
    remove_coupon,
    list_customers,
    get_customer,
    change_customer,
    erase_customer,
    restore_customer,
]
