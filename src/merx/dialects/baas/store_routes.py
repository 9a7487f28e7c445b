"""Owns the list of the store API's routes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from merx.dialects.baas import store_accounts, store_cart, store_catalog, store_orders

ROUTES: list[ControllerRouterHandler] = [
    *store_catalog.ROUTES,
    *store_accounts.ROUTES,
    *store_cart.ROUTES,
    *store_orders.ROUTES,
]
