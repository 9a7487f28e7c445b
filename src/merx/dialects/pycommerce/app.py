"""Owns the dialect as a whole: which routes it has, how it fails, how it is described."""

from __future__ import annotations

from merx.dialects.pycommerce import errors, routes
from merx.dialects.pycommerce.wire import Error
from merx.edge.app import Dialect

DIALECT = Dialect(
    name="pycommerce",
    title="PyCommerce API",
    version="1.0.0",
    description=(
        "Products, categories and orders of one or many shops. A list names its shop by `tenant`, which must be one "
        "that the access token is for; `GET /api/tenants` tells which those are. Amounts are numbers in the shop's "
        "main unit, times are UTC. The payment demo below /stripe-demo needs no token and answers errors with one "
        "sentence."
    ),
    routes={"/api": routes.API, errors.DEMO: routes.DEMO},
    render=errors.render,
    error_type=Error,
    docs="/api",
    tags={
        "System": "Whether the API is there",
        "Authentication": "Access tokens",
        "Tenants": "The shops a token is for",
        "Products": "What a shop sells",
        "Categories": "How a shop's products are sorted",
        "Orders": "What was bought",
        "Checkout": "Payment pages for browsers",
    },
    security={
        "Bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from `POST /api/auth/login`, or an API key of a shop.",
        }
    },
    cached=("/api/products", "/api/categories"),
    reach=routes.in_named_shop,
    unasked=("/api/health",),
)
