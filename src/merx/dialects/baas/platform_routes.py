"""Owns the list of the platform API's routes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from merx.dialects.baas import platform_access, platform_catalog, platform_notifications, platform_sales, platform_shop

ROUTES: list[ControllerRouterHandler] = [
    *platform_access.ROUTES,
    *platform_shop.ROUTES,
    *platform_catalog.ROUTES,
    *platform_sales.ROUTES,
    *platform_notifications.ROUTES,
]
