"""Uploading a picture, and reading one of its files."""

from __future__ import annotations

from merx.core.media.model import Picture, name
from merx.core.media.uploading import store_picture
from merx.kernel.context import Ctx
from merx.kernel.ids import TenantId
from merx.runtime import Runtime


async def upload_image(rt: Runtime, ctx: Ctx, data: bytes) -> Picture:
    """Checks it, makes its sizes and stores them; `Picture.url` is what a product's image is given. The same bytes
    again are the same picture. One that no product shows within a day is cleared away."""
    ctx.require("products:write")
    return await store_picture(rt, ctx, data)


async def read_file(rt: Runtime, tenant: TenantId, digest: str, size: int) -> bytes | None:
    """The bytes that `/media/…` answers with, for everybody; None where there are none."""
    return await rt.media.get(name(tenant, digest, size))
