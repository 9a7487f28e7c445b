"""Service role: a product's image from an uploaded file."""

from __future__ import annotations

from merx.core.catalog import service
from merx.core.catalog.model import ImageDraft, Product
from merx.core.media.uploading import store_picture
from merx.kernel.context import Ctx
from merx.kernel.ids import ProductId
from merx.runtime import Runtime


async def upload_product_image(
    rt: Runtime, ctx: Ctx, product: ProductId, data: bytes, alt: str = "", position: int | None = None
) -> Product:
    """Takes the picture in and gives it to the product, at `position`, counted from 0, or at the end. The same bytes
    twice for one product are refused, as the same address twice is."""
    ctx.require("products:write")
    await service.get_product(rt, ctx, product, hidden=True)  # a picture for nothing is not even decoded
    picture = await store_picture(rt, ctx, data)
    return await service.add_image(rt, ctx, product, ImageDraft(picture.url, alt), position)
