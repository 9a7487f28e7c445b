"""Owns the list of the store API's routes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from merx.dialects.baas import store_catalog

ROUTES: list[ControllerRouterHandler] = [*store_catalog.ROUTES]
