"""Owns the dialect as a whole: which routes it has, how it fails, how it is described."""

from __future__ import annotations

from merx.core.tenants.model import Plan
from merx.dialects.commerce import auth_routes, order_routes, product_routes
from merx.dialects.commerce.errors import MEDIA, render
from merx.dialects.commerce.wire import Problem
from merx.edge.app import Dialect, Quota

STANDARD, ENTERPRISE = Quota(minute=1_000), Quota(minute=10_000)


def quota(plan: str, given: Quota) -> Quota:
    """This document's own: what other plans say counts elsewhere."""
    return ENTERPRISE if plan == Plan.ENTERPRISE else STANDARD


DIALECT = Dialect(
    name="commerce",
    title="Commerce API",
    version="2.4.0",
    description=(
        "Products, orders and signing in for one of many shops. Every request but signing in and refreshing carries an "
        "access token or an API key; what it may do is decided by its scopes, whichever of both it is. An API key may "
        "make 1,000 requests a minute, on the enterprise plan 10,000; the X-RateLimit headers count down. Errors are "
        "RFC 9457 problems with the wrong fields under `errors`."
    ),
    routes={"/commerce/v2": [*auth_routes.ROUTES, *product_routes.ROUTES, *order_routes.ROUTES]},
    render=render,
    error_type=Problem,
    error_media=MEDIA,
    invalid_status=422,
    docs="/commerce/v2",
    server="/commerce/v2",
    tags={
        "Auth": "Signing in and out, and keeping signed in",
        "Products": "The catalogue: read it, add to it, change it",
        "Orders": "Orders, from being placed to being delivered or given back",
    },
    security={
        "BearerAuth": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from `POST /auth/login`. It lives an hour.",
        },
        "ApiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "A key of the shop, for programs. Made in the dashboard; its scopes say what it may do.",
        },
    },
    cached=("/commerce/v2/products",),
    quota=quota,
)
