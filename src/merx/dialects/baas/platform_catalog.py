"""Owns the merchant's catalogue: products with their variants, images and stock, and the category tree."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from merx.core.catalog import service as catalog
from merx.core.catalog.model import CategoryChanges, CategoryDraft, ImageDraft, Product, ProductQuery, Sort
from merx.core.catalog.uploading import upload_product_image
from merx.core.inventory import service as inventory
from merx.dialects.baas import platform_catalog_translate as shown
from merx.dialects.baas import platform_goods_wire as goods
from merx.dialects.baas import translate, wire
from merx.dialects.baas.errors import by_itself, renamed
from merx.dialects.baas.platform_door import Listing, Routes, in_body, in_path, listing, number_in_path
from merx.edge.app import MerxRequest
from merx.edge.body import MAX_UPLOAD
from merx.edge.uploads import uploaded
from merx.kernel.errors import Invalid
from merx.kernel.ids import ProductId, VariantId

product_routes, category_routes = Routes("Products"), Routes("Categories")
_SORTS = {one.value: one for one in Sort} | {"name_asc": Sort.NAME}


def _product(text: str) -> ProductId:
    return ProductId(in_path("prod", text, "product"))


async def _kept(request: MerxRequest, product: str) -> Product:
    """As the merchant sees it, hidden or not."""
    found = await catalog.get_product(request.rt, request.ctx, _product(product), hidden=True)
    return found.product


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@product_routes.get("/products/", "products:read", asks=goods.FindProducts)
async def list_products(request: MerxRequest) -> Listing[goods.MerchantProduct]:
    """Lists products, hidden ones included."""
    asked = request.ask(goods.FindProducts)
    limit, offset = translate.bounds(asked)
    query = ProductQuery(
        search=asked.search or None,
        category=asked.category or None,
        min_price=asked.min_price,
        max_price=asked.max_price,
        in_stock=asked.in_stock,
        active=asked.active,
        sort=None if asked.sort is None else _SORTS[asked.sort],
        limit=limit,
        offset=offset,
    )
    # What may be seen is decided by products:read, also where only what is shown is asked for.
    found = await catalog.list_products(request.rt, request.ctx, query)
    base = request.rt.settings.public_url
    return listing(request, asked, [shown.product(one, base) for one in found.items], found.total)


@product_routes.post("/products/", "products:write", errors=(409,))
async def add_product(request: MerxRequest, data: goods.NewProduct) -> goods.MerchantProduct:
    """Adds a product."""
    base = request.rt.settings.public_url
    named = {"categories": "category"} if data.category is not None else {}
    with renamed(**named):
        made = await catalog.create_product(request.rt, request.ctx, shown.product_draft(data, base))
    return shown.product(made, base)


@product_routes.get("/products/{product:str}/", "products:read")
async def get_product(request: MerxRequest, product: str) -> goods.MerchantProduct:
    """One product."""
    return shown.product(await _kept(request, product), request.rt.settings.public_url)


@product_routes.patch("/products/{product:str}/", "products:write")
async def change_product(request: MerxRequest, product: str, data: goods.ProductChange) -> goods.MerchantProduct:
    """Changes a product."""
    base, wanted = request.rt.settings.public_url, _product(product)
    named = {"categories": "category"} if isinstance(data.category, str | int) else {}
    with renamed(**named):
        changes = shown.product_changes(data, base)
        changed = await catalog.update_product(request.rt, request.ctx, wanted, changes)
    return shown.product(changed, base)


@product_routes.delete("/products/{product:str}/", "products:write")
async def remove_product(request: MerxRequest, product: str) -> None:
    """Takes a product out of the shop; orders keep what they say about it."""
    await catalog.delete_product(request.rt, request.ctx, _product(product))


# ── Variants ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@product_routes.get("/products/{product:str}/variants/", "products:read")
async def list_variants(request: MerxRequest, product: str) -> goods.MerchantVariants:
    """Lists a product's variants."""
    return shown.variants(await _kept(request, product))


@product_routes.post("/products/{product:str}/variants/", "products:write", errors=(409,))
async def add_variant(request: MerxRequest, product: str, data: goods.NewVariant) -> goods.MerchantVariant:
    """Adds a variant. The one without options that a product begins with gives way to the first with options."""
    if data.id is not None:
        raise Invalid("A new variant gets its id here; leave it out.", field="id")
    before = await _kept(request, product)
    with by_itself():
        after = await catalog.add_variant(request.rt, request.ctx, before.id, shown.variant_draft(data))
    return shown.variant(shown.added_variant(before.variants, after.variants))


@product_routes.get("/products/{product:str}/variants/{variant:str}/", "products:read")
async def get_variant(request: MerxRequest, product: str, variant: str) -> goods.MerchantVariant:
    """One variant."""
    return shown.variant(shown.variant_of(await _kept(request, product), _variant(variant)))


@product_routes.patch("/products/{product:str}/variants/{variant:str}/", "products:write")
async def change_variant(
    request: MerxRequest, product: str, variant: str, data: goods.VariantChange
) -> goods.MerchantVariant:
    """Changes a variant."""
    wanted = _variant(variant)
    changed = await catalog.update_variant(
        request.rt, request.ctx, _product(product), wanted, shown.variant_changes(data)
    )
    return shown.variant(shown.variant_of(changed, wanted))


@product_routes.delete("/products/{product:str}/variants/{variant:str}/", "products:write")
async def remove_variant(request: MerxRequest, product: str, variant: str) -> None:
    """Removes a variant; a product keeps at least one."""
    await catalog.remove_variant(request.rt, request.ctx, _product(product), _variant(variant))


def _variant(text: str) -> VariantId:
    return VariantId(in_path("var", text, "variant"))


# ── Images ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@product_routes.get("/products/{product:str}/images/", "products:read")
async def list_images(request: MerxRequest, product: str) -> goods.MerchantImages:
    """Lists a product's images."""
    return shown.images(await _kept(request, product), request.rt.settings.public_url)


@product_routes.post(
    "/products/{product:str}/images/",
    "products:write",
    request_max_body_size=MAX_UPLOAD,
    uploads=goods.IMAGE_FORM,
    errors=(409, 502),
)
async def add_image(request: MerxRequest, product: str, data: goods.AddedImage | None = None) -> goods.MerchantImages:
    """Adds an image: a file, as the body itself or in a form, or the address of one that lies elsewhere."""
    base = request.rt.settings.public_url
    if data is None:
        return shown.images(await _taken_in(request, _product(product)), base)
    draft = ImageDraft(shown.hostless(data.url, base), data.alt)
    with by_itself():
        after = await catalog.add_image(request.rt, request.ctx, _product(product), draft, data.position)
    return shown.images(after, base)


async def _taken_in(request: MerxRequest, product: ProductId) -> Product:
    upload = await uploaded(request, "image")
    if unknown := upload.fields.keys() - {"alt", "position"}:
        raise Invalid("There is no such field.", field=min(unknown))
    position = upload.fields.get("position")
    if position is not None and not (position.isascii() and position.isdigit() and len(position) <= 2):
        raise Invalid("Must be a whole number from 0 to 99.", field="position")
    at = None if position is None else int(position)
    with by_itself():
        return await upload_product_image(
            request.rt, request.ctx, product, upload.content, upload.fields.get("alt", ""), at
        )


@product_routes.put("/products/{product:str}/images/", "products:write")
async def order_images(request: MerxRequest, product: str, data: goods.ImageOrder) -> goods.MerchantImages:
    """Puts a product's images into another order."""
    wanted = [in_body("img", one, "image", f"order[{at}]") for at, one in enumerate(data.order)]
    with renamed(images="order"):
        after = await catalog.order_images(request.rt, request.ctx, _product(product), wanted)
    return shown.images(after, request.rt.settings.public_url)


@product_routes.delete("/products/{product:str}/images/{image:str}/", "products:write")
async def remove_image(request: MerxRequest, product: str, image: str) -> None:
    """Removes an image."""
    await catalog.remove_image(request.rt, request.ctx, _product(product), in_path("img", image, "image"))


# ── Stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@product_routes.get("/products/{product:str}/stock/", "products:read", asks=wire.Paging)
async def get_stock(request: MerxRequest, product: str) -> goods.StockReport:
    """What there is of a product, and the ledger of how it came to that."""
    asked = request.ask(wire.Paging)
    return await _report(request, product, asked)


@product_routes.put("/products/{product:str}/stock/", "products:write")
async def set_stock(request: MerxRequest, product: str, data: goods.StockChange) -> goods.StockReport:
    """Sets what can be sold (`stock_quantity`), or adds to it (`delta`)."""
    return await _change_stock(request, product, data)


@product_routes.patch("/products/{product:str}/stock/", "products:write")
async def add_stock(request: MerxRequest, product: str, data: goods.StockChange) -> goods.StockReport:
    """Adds to what there is (`delta`), or sets it (`stock_quantity`)."""
    return await _change_stock(request, product, data)


async def _change_stock(request: MerxRequest, product: str, data: goods.StockChange) -> goods.StockReport:
    if (data.stock_quantity is None) == (data.delta is None):
        raise Invalid("Send either stock_quantity or delta.", field="stock_quantity")
    variant = shown.chosen_variant(await _kept(request, product), data.variant_id)
    if data.delta is not None:
        await inventory.receive(request.rt, request.once, variant.id, data.delta, data.reason)
    else:
        wanted = data.stock_quantity or 0
        await inventory.set_available(request.rt, request.ctx, variant.id, wanted, data.reason or "count")
    return await _report(request, product, wire.Paging())


async def _report(request: MerxRequest, product: str, asked: wire.Paging) -> goods.StockReport:
    found = await _kept(request, product)
    moves, total = await inventory.product_ledger(request.rt, request.ctx, found.id, *translate.bounds(asked))
    page = listing(request, asked, [shown.movement(one) for one in moves], total)
    return goods.StockReport(
        [shown.level(one) for one in found.variants], page.count, page.next, page.previous, page.results
    )


# ── Categories ───────────────────────────────────────────────────────────────────────────────────────────────────────
@category_routes.get("/categories/", "products:read")
async def list_categories(request: MerxRequest) -> Listing[goods.CategoryNode]:
    """The tree of categories; `count` is that of all of them."""
    found = await catalog.list_categories(request.rt, request.ctx)
    return Listing(len(found.items), None, None, shown.category_tree(found.items))


@category_routes.post("/categories/", "products:write", errors=(409,))
async def add_category(request: MerxRequest, data: goods.NewCategory) -> goods.MerchantCategory:
    """Adds a category."""
    draft = CategoryDraft(data.name, data.slug, data.description, data.parent, data.position)
    return await _shown(request, (await catalog.create_category(request.rt, request.ctx, draft)).number)


@category_routes.get("/categories/{category:str}/", "products:read")
async def get_category(request: MerxRequest, category: str) -> goods.MerchantCategory:
    """One category."""
    return await _shown(request, number_in_path(category, "category"))


@category_routes.patch("/categories/{category:str}/", "products:write")
async def change_category(request: MerxRequest, category: str, data: goods.CategoryChange) -> goods.MerchantCategory:
    """Changes a category; with another parent it moves with everything below it."""
    changes = CategoryChanges(data.name, data.slug, data.description, data.parent, data.position)
    number = number_in_path(category, "category")
    await catalog.update_category(request.rt, request.ctx, number, changes)
    return await _shown(request, number)


@category_routes.delete("/categories/{category:str}/", "products:write")
async def remove_category(request: MerxRequest, category: str) -> None:
    """Removes a category: what stood below it moves up, its products stay without it."""
    await catalog.delete_category(request.rt, request.ctx, number_in_path(category, "category"))


async def _shown(request: MerxRequest, number: int) -> goods.MerchantCategory:
    listed = await catalog.list_categories(request.rt, request.ctx)
    return shown.category(shown.category_of(listed.items, number), shown.category_numbers(listed.items))


ROUTES: list[ControllerRouterHandler] = [
    list_products,
    add_product,
    get_product,
    change_product,
    remove_product,
    list_variants,
    add_variant,
    get_variant,
    change_variant,
    remove_variant,
    list_images,
    add_image,
    order_images,
    remove_image,
    get_stock,
    set_stock,
    add_stock,
    list_categories,
    add_category,
    get_category,
    change_category,
    remove_category,
]
