"""One product, one cart and one order in all five APIs, really asked: each answer on the page is what the dialect's own
app has said to a request that went through the gateway, with a key of the shop.

For somebody signed in, that key is made for the page and revoked when it is done, and may do no more than they may. For
everybody else there is the demo shop. Orders of a demo shop are shown where they belong to nobody real."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import msgspec
from markupsafe import Markup

from merx.core.auth import keys
from merx.core.auth.model import KeyType
from merx.edge.app import encode
from merx.edge.gateway import SITE_KEY
from merx.kernel import ids
from merx.kernel.errors import NotFound
from merx.web.pages import PageRequest
from merx.web.portal import highlight
from merx.web.portal.reader import Reader, Showcase

WANTED = ("catalog:read", "cart:write", "orders:own", "orders:read")
NOBODYS = "@example.com"
"""Addresses of this domain are nobody's (RFC 2606)."""
SHOWN_PRODUCTS = 20
STREET = {"street": "123 Main St", "city": "Anytown", "zipCode": "12345", "country": "USA"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one API says: the request, its status and the part of the answer that matters; or why there is none."""

    dialect: str
    request: str = ""
    status: int = 0
    value: Any = None
    note: str = ""

    @property
    def shown(self) -> Markup:
        return highlight.html(_written(self.value, 2), "json")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing in five spellings; None where that API does not say it."""

    name: str
    spelled: Mapping[str, str | None]


@dataclass(slots=True)
class Shelf:
    slug: str
    products: list[tuple[str, str]] = field(default_factory=list)  # (slug, name) to choose from
    chosen: str = ""
    product: list[Cell] = field(default_factory=list)
    cart: list[Cell] = field(default_factory=list)
    order: list[Cell] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    may_order: bool = False


class Asking:
    """Requests to the APIs beside this page, in this very process."""

    def __init__(self, http: httpx.AsyncClient, slug: str, public: str, secret: str) -> None:
        self.http, self.slug = http, slug
        self.public, self.secret = public, secret
        self.window = f"/api/v1/public/projects/{slug}/ecommerce"
        self.shopper: tuple[str, str] | None = None

    async def cell(
        self, dialect: str, method: str, path: str, headers: Mapping[str, str], body: Any = None, note: str = ""
    ) -> Cell:
        answer = await self.http.request(method, path, headers=dict(headers), json=body)
        try:
            value = json.loads(answer.content, parse_float=Decimal)
        except json.JSONDecodeError:
            value = None
        shown = f"{method} {path}" + ("" if body is None else f"\n{json.dumps(body, ensure_ascii=False)}")
        return Cell(dialect, shown, answer.status_code, value, note)

    def bearer(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.secret}"}

    def key(self) -> dict[str, str]:
        return {"X-API-Key": self.public}


@asynccontextmanager
async def asking(request: PageRequest, reader: Reader, showcase: Showcase, demo: bool) -> AsyncIterator[Asking]:
    scope: Any = request.scope
    transport = httpx.ASGITransport(app=scope[SITE_KEY], client=(request.visit.address, 0))
    async with httpx.AsyncClient(transport=transport, base_url=reader.base, timeout=20) as http:
        if demo:
            found = Asking(http, showcase.slug, showcase.publishable(request.rt), showcase.secret(request.rt))
            found.shopper = showcase.shopper()
            yield found
            return
        ctx = request.ctx
        ctx.require("keys:write")
        scopes = [scope for scope in WANTED if ctx.may(scope)]
        ends = ctx.now + timedelta(minutes=2)
        made = await keys.create(request.rt, ctx, "Five APIs side by side", KeyType.SECRET, scopes, ends)
        try:
            yield Asking(http, reader.slug, made.secret, made.secret)
        finally:
            await keys.revoke(request.rt, ctx, made.key.id)


async def look(ask: Asking, wanted: str, demo: bool) -> Shelf:
    """The product `wanted` (a slug), or the newest one that can be bought, and what belongs to it."""
    listed = await ask.cell("baas", "GET", f"/api/store/products/?per_page={SHOWN_PRODUCTS}", ask.key())
    rows = listed.value["results"] if listed.status == 200 else []
    shelf = Shelf(ask.slug, [(one["slug"], one["name"]) for one in rows], may_order=demo)
    sold = (one for one in rows if one["stock_quantity"] > 0)
    chosen = next((one for one in rows if one["slug"] == wanted), None) or next(sold, rows[0] if rows else None)
    if wanted and not any(one["slug"] == wanted for one in rows):
        raise NotFound("product")
    if chosen is None:
        return shelf
    shelf.chosen = chosen["slug"]
    shelf.product = await _product(ask, chosen)
    shelf.cart = await _carts(ask, chosen)
    shelf.order = await _latest_order(ask, demo)
    shelf.facts = _facts(shelf)
    return shelf


async def _product(ask: Asking, chosen: Mapping[str, Any]) -> list[Cell]:
    slug, uuid = chosen["slug"], _uuid("prod", chosen["id"])
    price = chosen["price"]
    listed = await ask.cell(
        "pycommerce", "GET", f"/api/products?tenant={ask.slug}&min_price={price}&max_price={price}", ask.bearer()
    )
    entry = next((one for one in (listed.value or {}).get("products", ()) if one["id"] == str(uuid)), listed.value)
    return [
        await ask.cell("baas", "GET", f"/api/store/products/{slug}/", ask.key()),
        await ask.cell("commerce", "GET", f"/commerce/v2/products/{uuid}", ask.key()),
        await ask.cell("aerostack", "GET", f"{ask.window}/products/{slug}", ask.bearer(ask.public)),
        await ask.cell("reference", "GET", f"/reference/v1/products/{ids.encode('prod', uuid)}", ask.bearer()),
        replace(listed, value=entry, note="It has no route for one product: this is its entry in the list."),
    ]


async def _carts(ask: Asking, chosen: Mapping[str, Any]) -> list[Cell]:
    """The same product once in a cart, where an API has carts. Carts hold no stock."""
    uuid = str(_uuid("prod", chosen["id"]))
    none = "No carts: an order names its lines at once."
    cart = f"{ask.window}/cart/docs-{uuid}"
    guest = await ask.cell("aerostack", "GET", cart, ask.bearer(ask.public))
    if guest.status == 200 and not guest.value["items"] and chosen["stock_quantity"] > 0:
        guest = await ask.cell(
            "aerostack", "POST", f"{cart}/items", ask.bearer(ask.public), {"productId": uuid, "quantity": 1}
        )
    return [
        await _shoppers_cart(ask, chosen),
        Cell("commerce", note=none),
        guest,
        Cell("reference", note=none),
        Cell("pycommerce", note=none),
    ]


async def _shoppers_cart(ask: Asking, chosen: Mapping[str, Any]) -> Cell:
    if ask.shopper is None:
        return Cell("baas", note="Its cart is a signed-in shopper's own: this needs one of your customers' tokens.")
    email, password = ask.shopper
    signed = await ask.cell("baas", "POST", "/api/store/auth/login/", ask.key(), {"email": email, "password": password})
    if signed.status != 200:
        return Cell("baas", note="The demo shopper could not sign in.")
    theirs = {**ask.key(), **ask.bearer(signed.value["access"])}
    await ask.cell("baas", "DELETE", "/api/store/cart/", theirs)
    if chosen["stock_quantity"] <= 0:
        return await ask.cell("baas", "GET", "/api/store/cart/", theirs)
    body = {"product_id": chosen["id"], "quantity": 1}
    return await ask.cell("baas", "POST", "/api/store/cart/items/", theirs, body)


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def _latest_order(ask: Asking, demo: bool) -> list[Cell]:
    listed = await ask.cell("commerce", "GET", "/commerce/v2/orders?pageSize=50", ask.bearer())
    rows = listed.value.get("data", ()) if listed.status == 200 else ()
    fine = [one for one in rows if not demo or _mail(one).endswith(NOBODYS)]
    if not fine:
        return []
    unread = Cell("reference", note="It makes orders and takes their payments, and has no route that reads one.")
    return await _order(ask, UUID(fine[0]["id"]), _mail(fine[0]), unread)


async def place_order(ask: Asking, chosen: str) -> list[Cell]:
    """Made through the Reference API, whose answer is its spelling; read in the other four; then cancelled, so that it
    holds no stock. For the demo shop only: elsewhere a real customer would be told."""
    product = await ask.cell("baas", "GET", f"/api/store/products/{chosen}/", ask.key())
    users = await ask.cell("reference", "GET", "/reference/v1/users?limit=100", ask.bearer())
    user = next((one for one in users.value or () if str(one.get("email", "")).endswith(NOBODYS)), None)
    if product.status != 200 or user is None:
        raise NotFound("product")
    line = {"productId": ids.encode("prod", _uuid("prod", product.value["id"])), "quantity": 1}
    body = {"userId": user["id"], "items": [line], "shippingAddress": STREET}
    made = await ask.cell("reference", "POST", "/reference/v1/orders", ask.bearer(), body)
    if made.status != 201:
        return [made]
    order = _uuid("ord", made.value["id"])
    cells = await _order(ask, order, user["email"], made)
    await ask.cell("commerce", "PATCH", f"/commerce/v2/orders/{order}/status", ask.bearer(), {"status": "cancelled"})
    return cells


async def _order(ask: Asking, order: UUID, email: str, reference: Cell) -> list[Cell]:
    mail = httpx.QueryParams({"email": email})
    return [
        await ask.cell("baas", "GET", f"/api/platform/orders/{ids.encode('ord', order)}/", ask.bearer()),
        await ask.cell("commerce", "GET", f"/commerce/v2/orders/{order}", ask.bearer()),
        await ask.cell("aerostack", "GET", f"{ask.window}/orders/{order}?{mail}", ask.bearer()),
        reference,
        await ask.cell("pycommerce", "GET", f"/api/orders/{order}", ask.bearer()),
    ]


# ── One fact, five spellings ─────────────────────────────────────────────────────────────────────────────────────────
_NAMES: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("Product id", "product", {}),
    ("Price", "product", {}),
    ("Stock", "product", {"baas": "stock_quantity"}),
    ("Order id", "order", {}),
    ("Order status", "order", {}),
    ("Order total", "order", {"aerostack": "grand_total"}),
    ("Ordered at", "order", {"commerce": "createdAt", "reference": "createdAt"}),
)
_FIELDS = {"Product id": "id", "Price": "price", "Stock": "stock", "Order id": "id", "Order status": "status",
           "Order total": "total", "Ordered at": "created_at"}  # fmt: skip


def _facts(shelf: Shelf) -> list[Fact]:
    found = []
    for name, row, other in _NAMES:
        cells: list[Cell] = shelf.product if row == "product" else shelf.order
        spelled: dict[str, str | None] = {}
        for cell in cells:
            value = cell.value.get(other.get(cell.dialect, _FIELDS[name])) if isinstance(cell.value, dict) else None
            spelled[cell.dialect] = None if value is None else _written(value)
        if any(one is not None for one in spelled.values()):
            found.append(Fact(name, spelled))
    return found


def with_order(shelf: Shelf, cells: list[Cell]) -> Shelf:
    shelf.order = cells
    shelf.facts = _facts(shelf)
    return shelf


def _written(value: Any, indent: int = 0) -> str:
    """As the dialect sent it: numbers keep their digits."""
    return msgspec.json.format(encode(value), indent=indent).decode()


def _mail(order: Mapping[str, Any]) -> str:
    customer = order.get("customer") or {}
    return str(customer.get("email") or "")


def _uuid(prefix: str, spelled: str) -> UUID:
    found = ids.decode(prefix, spelled)
    if found is None:
        raise NotFound("product")
    return found
