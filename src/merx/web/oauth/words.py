"""What each scope means to the person who is asked for it."""

from __future__ import annotations

from collections.abc import Mapping

SCOPE_WORDS: Mapping[str, str] = {
    "catalog:read": "See the catalogue as shoppers do",
    "cart:write": "Fill shopping carts",
    "checkout:write": "Place orders as a shopper",
    "orders:own": "See orders of the shopper it acts for",
    "products:read": "See products, drafts and stock",
    "products:write": "Change products, prices and stock",
    "orders:read": "See all orders and who placed them",
    "orders:write": "Create and change orders",
    "refunds:write": "Give money back",
    "payments:write": "Charge orders",
    "customers:read": "See customers and their addresses",
    "customers:write": "Change customers",
    "customers:erase": "Erase customers and what is known of them, for good",
    "users:read": "See the list of users",
    "coupons:read": "See coupons",
    "coupons:write": "Create and change coupons",
    "settings:read": "See the shop's settings and its team",
    "settings:write": "Change the shop's settings, payment included",
    "webhooks:read": "See webhooks and what they delivered",
    "webhooks:write": "Change where the shop's events are sent",
    "notifications:read": "See messages that were sent to users",
    "notifications:send": "Write e-mail and SMS to users",
    "logs:read": "Read the log of all API requests",
}


def described(scopes: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(scope, SCOPE_WORDS.get(scope, scope)) for scope in scopes]
