"""Owns the dialect as a whole: which routes it has, how it fails, how it is described."""

from __future__ import annotations

from merx.dialects.aerostack import cart_routes, catalogue_routes, order_routes
from merx.dialects.aerostack.errors import Error, render
from merx.dialects.aerostack.paths import ABOVE, ROOT, SHOWN, is_catalogue, project
from merx.edge.app import Dialect

DIALECT = Dialect(
    name="aerostack",
    title="Aerostack E-commerce API",
    version="1.0.0",
    description=(
        "A shop's catalogue, guest carts, checkout and order history, called by its pages straight from the browser. "
        "The address names the shop, a public key of the same shop opens it. Amounts are numbers in the currency's "
        "main unit, times are milliseconds since 1970."
    ),
    routes={ROOT: [*catalogue_routes.ROUTES, *cart_routes.ROUTES, *order_routes.ROUTES]},
    mounts=(ABOVE,),
    render=render,
    error_type=Error,
    invalid_status=400,
    docs="/api/v1/public",
    server=SHOWN,
    server_names={"projectSlug": {"default": "my-store", "description": "The shop's slug"}},
    tags={
        "Store": "What a checkout page needs to know",
        "Products": "The catalogue",
        "Cart": "Carts under the client's own ids, and coupons",
        "Checkout": "From a cart to a paid order",
        "Orders": "What was bought",
    },
    security={
        "PublicKey": {"type": "http", "scheme": "bearer", "description": "A public key, or a customer's JWT"},
        "PublicKeyInQuery": {"type": "apiKey", "in": "query", "name": "token"},
    },
    query_key="token",
    catalogue=is_catalogue,
    open=(ABOVE + "/",),
    browser_headers=(order_routes.TOKEN_HEADER,),
    slug=project,
)
