"""Owns the routes: signing in, shops, catalogue, orders, and the payment page a browser asks for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from merx.core.auth import reach
from merx.core.auth import service as auth
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery
from merx.core.checkout import pages
from merx.core.checkout import service as checkout
from merx.core.customers import service as customers
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery
from merx.dialects.pycommerce import translate, wire
from merx.dialects.pycommerce.errors import unknown_order
from merx.edge import query
from merx.edge.app import MerxRequest, MerxResponse, reply
from merx.edge.visit import visit_of
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import NotFound, Unauthenticated
from merx.kernel.ids import CustomerId, OrderId, TenantId
from merx.runtime import Runtime

HEALTH = wire.Health("ok", "1.0.0", "PyCommerce API is running")
LISTS = ("/api/products", "/api/orders", "/api/categories")
_TOTAL = {"X-Total-Count": "How many there are in all; `count` is how many this answer holds"}


async def in_named_shop(rt: Runtime, ctx: Ctx, path: str, query_string: bytes) -> Ctx:
    """The caller in the shop that a list's `tenant` names, where they may be there. A `tenant` that is missing or said
    twice is the route's to refuse."""
    if path.rstrip("/") not in LISTS:
        return ctx
    named = [value for name, value in query.pairs(query_string) if name == "tenant"]
    if len(named) != 1 or not 1 <= len(named[0]) <= 63:
        return ctx
    return await reach.by_slug(rt, ctx, named[0])


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Whoever shows a credential; asked before the body is read. What they may do is the services' to say."""
    if visit_of(connection.scope).caller().actor is ActorKind.ANONYMOUS:
        raise Unauthenticated("Send an access token: Authorization: Bearer …")


def _listed(value: Any, total: int) -> MerxResponse:
    return reply(value, headers={"X-Total-Count": str(total)})


# ── Health and signing in ────────────────────────────────────────────────────────────────────────────────────────────
@get("/health", public=True, tags=["System"], errors=(403,))
async def health(request: MerxRequest) -> wire.Health:
    """Whether the API is there. It needs no token, and no database either."""
    return HEALTH


@post("/auth/login", status_code=200, public=True, tags=["Authentication"], errors=(401, 403))
async def log_in(request: MerxRequest, data: wire.Login) -> wire.Token:
    """Gives an access token.

    Members of a shop's team sign in anywhere, shoppers at the shop's own host or with its API key beside them."""
    visit = request.visit
    assert visit.limiter is not None
    async with visit.limiter.sign_in(data.email, visit.address):
        shop = _shop(request)
        if shop is not None:
            tokens = await customers.sign_in_anyone(request.rt, shop, data.email, data.password)
        else:
            tokens = (await auth.sign_in(request.rt, data.email, data.password, source="pycommerce")).tokens
    return wire.Token(tokens.access, tokens.token_type, tokens.expires_in)


def _shop(request: MerxRequest) -> Ctx | None:
    """The shop that the host or a key names. A token that is sent along names none: it may be of another shop."""
    visit = request.visit
    if visit.host_slug is None and (visit.credential is None or visit.credential.kind != "api_key"):
        return None
    return request.shop


@get("/tenants", guards=[signed_in], tags=["Tenants"], asks=wire.Paging, answers=wire.Tenants, gives=_TOTAL)
async def list_tenants(request: MerxRequest) -> MerxResponse:
    """The shops this token is for: all of them for the platform's administrator, their own for everybody else."""
    limit, offset = translate.bounds(request.ask(wire.Paging))
    found, total = await auth.visible_tenants(request.rt, request.ctx, limit, offset)
    return _listed(wire.Tenants([translate.tenant(request.rt, one) for one in found], len(found)), total)


# ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/products", guards=[signed_in], tags=["Products"], asks=wire.ListProducts, answers=wire.Products, gives=_TOTAL)
async def list_products(request: MerxRequest) -> MerxResponse:
    """A shop's products, newest first."""
    asked = request.ask(wire.ListProducts)
    limit, offset = translate.bounds(asked)
    wanted = ProductQuery(
        category=asked.category,
        min_price=asked.min_price,
        max_price=asked.max_price,
        in_stock=asked.in_stock,
        limit=limit,
        offset=offset,
        tree=True,
    )
    found = await catalog.list_products(request.rt, request.ctx, wanted)
    filters = wire.ProductFilters(asked.category, asked.min_price, asked.max_price, asked.in_stock)
    categories = translate.categorizer(found.tree)
    shown = [translate.product(one, categories(one)) for one in found.items]
    return _listed(wire.Products(shown, asked.tenant, len(shown), filters), found.total)


@get("/categories", guards=[signed_in], tags=["Categories"], asks=wire.ListCategories)
async def list_categories(request: MerxRequest) -> wire.Categories:
    """A shop's categories: all of them, or those right below one."""
    asked = request.ask(wire.ListCategories)
    found = (await catalog.list_categories(request.rt, request.ctx)).items
    shown = [translate.category(one) for one in found if asked.parent_id in (None, one.parent_id)]
    return wire.Categories(shown, asked.tenant, len(shown))


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/orders", guards=[signed_in], tags=["Orders"], asks=wire.ListOrders, answers=wire.Orders, gives=_TOTAL)
async def list_orders(request: MerxRequest) -> MerxResponse:
    """A shop's orders, newest first; a shopper sees their own."""
    asked = request.ask(wire.ListOrders)
    limit, offset = translate.bounds(asked)
    wanted = OrderQuery(
        statuses=() if asked.status is None else (translate.CORE_STATUS[asked.status],),
        customer_id=None if asked.customer_id is None else CustomerId(asked.customer_id),
        limit=limit,
        offset=offset,
    )
    found = await orders.page(request.rt, request.ctx, wanted)
    filters = wire.OrderFilters(asked.status, asked.customer_id)
    shown = [translate.summary(one) for one in found.orders]
    return _listed(wire.Orders(shown, asked.tenant, len(shown), filters), found.total)


@get("/orders/{order_id:str}", guards=[signed_in], tags=["Orders"])
async def get_order(request: MerxRequest, order_id: str) -> wire.Order:
    """One order."""
    ident = ids.parse_uuid(order_id)
    with suppress(NotFound):
        if ident is not None:
            found, tenant = await orders.get_anywhere(request.rt, request.ctx, OrderId(ident))
            return translate.order(found.order, tenant)
    raise unknown_order(order_id)


@post("/orders", guards=[signed_in], tags=["Orders"], errors=(502,))
async def create_order(request: MerxRequest, data: wire.NewOrder) -> wire.OrderCreated:
    """Places an order.

    Prices, shipping and tax are the shop's own. Paid by credit card, the order waits for its payment page, which
    `/stripe-demo/create-checkout-session-json` opens."""
    ctx = await reach.by_id(request.rt, request.ctx, TenantId(data.tenant_id))
    shopper = ctx.customer_id() if ctx.actor is ActorKind.CUSTOMER else None
    wanted = translate.wanted(data, shopper, request.headers.get("idempotency-key"))
    placed = await checkout.place(request.rt, ctx, wanted)
    return wire.OrderCreated(placed.order.id, translate.ORDER_STATUS[placed.order.status], "Order created successfully")


# ── Paying from a browser ────────────────────────────────────────────────────────────────────────────────────────────
@post(
    "/create-checkout-session-json",
    status_code=200,
    public=True,
    tags=["Checkout"],
    fails=wire.SessionError,
    errors=(401, 403, 409, 502),
)
async def create_session(request: MerxRequest, data: wire.NewSession) -> wire.Session:
    """Opens a payment page.

    For an order, it is paid what the order owes; the items must be the order's own. Without such an order there is a
    page in payment test mode only, which pays for nothing. No token is needed: the shop is the host's, the key's, the
    token's or the order's."""
    visit = request.visit
    shop = None if visit.denied is None and visit.ctx is None else request.ctx
    page = await pages.open_page(request.rt, shop, data.order_id, translate.claimed(data.items))
    return wire.Session(page.url, page.session)


API: list[ControllerRouterHandler] = [
    health,
    log_in,
    list_tenants,
    list_products,
    list_categories,
    list_orders,
    get_order,
    create_order,
]
DEMO: list[ControllerRouterHandler] = [create_session]
