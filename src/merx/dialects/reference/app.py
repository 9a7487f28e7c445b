"""Owns the dialect as a whole: which routes it has, how it fails, how it is described."""

from __future__ import annotations

from merx.core.auth.model import DELEGABLE
from merx.dialects.reference import routes
from merx.dialects.reference.errors import render
from merx.dialects.reference.wire import Error
from merx.edge.app import Dialect

PREFIX = "/reference/v1"

DIALECT = Dialect(
    name="reference",
    title="Reference API",
    version="1.0.0",
    description=(
        "Users, products, orders, payments, notifications and access logs of one of many shops. Every request carries "
        "an API key or an OAuth 2.0 access token as a bearer; what it may do is decided by its scopes. Collections are "
        "arrays: `limit` and `offset` choose a part, and the X-Total-Count, X-Limit and X-Offset headers say which it "
        "is. Amounts are numbers in the currency's main unit, times are UTC to the second."
    ),
    routes={PREFIX: routes.ROUTES},
    render=render,
    error_type=Error,
    docs=PREFIX,
    server=PREFIX,
    tags={
        "Users": "The shop's customers",
        "Products": "What is for sale",
        "Orders": "Making orders",
        "Payments": "Paying for them",
        "Notifications": "Telling users something",
        "Logs": "Who has called which of the shop's APIs",
    },
    security={
        "ApiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of the shop. Made in the dashboard; its scopes say what it may do.",
        },
        "OAuth2": {
            "type": "oauth2",
            "description": "An access token for one of the shop's OAuth 2.0 clients.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "/oauth/authorize",
                    "tokenUrl": "/oauth/token",
                    "refreshUrl": "/oauth/token",
                    "scopes": {scope: scope for scope in sorted(DELEGABLE)},
                },
                "clientCredentials": {
                    "tokenUrl": "/oauth/token",
                    "scopes": {scope: scope for scope in sorted(DELEGABLE)},
                },
            },
        },
    },
    cached=(f"{PREFIX}/products",),
)
