"""Owns the dialect as a whole: which routes it has, how it fails, how it is described."""

from __future__ import annotations

import re

from merx.dialects.baas import platform_routes, store_routes
from merx.dialects.baas.errors import Error, render
from merx.edge.app import Dialect

DIALECT = Dialect(
    name="baas",
    title="BaaS API",
    version="1.0.0",
    description=(
        "A merchant's side under /api/platform, with a JWT or a key that has the scopes, and a shopper's side under "
        "/api/store, with a storefront key, and a customer's JWT where it is about one customer. The shop is named by "
        "the host (mystore.example.com), by the key, or by both, which must then agree."
    ),
    routes={"/api/platform": platform_routes.ROUTES, "/api/store": store_routes.ROUTES},
    render=render,
    error_type=Error,
    invalid_status=400,
    trailing_slash=True,
    docs="/api/store",
    security={
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "ApiKeyInQuery": {"type": "apiKey", "in": "query", "name": "api_key"},
        "Bearer": {"type": "http", "scheme": "bearer", "description": "A JWT, or an API key"},
    },
    query_key="api_key",
    uploads=re.compile(r"/api/platform/products/[^/]+/images/?"),
    cached=("/api/store/products", "/api/store/categories"),
    open=("/api/store/",),
)
