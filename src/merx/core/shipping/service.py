"""What a merchant can do with shipping methods."""

from __future__ import annotations

import re

from merx.core.shipping import store
from merx.core.shipping.model import STANDARD, ShippingMethod
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.money import MAX_MINOR
from merx.runtime import Runtime

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


async def all_methods(rt: Runtime, ctx: Ctx) -> list[ShippingMethod]:
    """The tenant's own rows; 'standard' is part of the settings."""
    ctx.require("settings:read")
    async with rt.db.begin(ctx) as tx:
        return await store.all_methods(tx)


async def put(rt: Runtime, ctx: Ctx, method: ShippingMethod) -> ShippingMethod:
    """Makes or replaces the method of that code."""
    ctx.require("settings:write")
    if method.code == STANDARD:
        raise Invalid("'standard' is the flat rate of the settings; change it there.", field="code")
    if not _CODE.fullmatch(method.code):
        raise Invalid("A code is up to 64 lower-case letters, digits, hyphens and underscores.", field="code")
    if not 1 <= len(method.name) <= 255:
        raise Invalid("A name has 1 to 255 characters.", field="name")
    if not 0 <= method.price_minor <= MAX_MINOR:
        raise Invalid("A price is not negative.", field="price")
    if method.free_over_minor is not None and not 0 <= method.free_over_minor <= MAX_MINOR:
        raise Invalid("The amount from which sending is free is not negative.", field="free_over")
    if not 0 <= method.position < 2**31:
        raise Invalid("A position is not negative.", field="position")
    async with rt.db.begin(ctx) as tx:
        return await store.put(tx, method)


async def remove(rt: Runtime, ctx: Ctx, code: str) -> None:
    ctx.require("settings:write")
    async with rt.db.begin(ctx) as tx:
        if not await store.remove(tx, code):
            raise NotFound("shipping method")
