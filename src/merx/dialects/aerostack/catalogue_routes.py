"""Owns what a shop shows: its settings, products and categories. The edge answers the latter two from memory."""

from __future__ import annotations

from litestar import get
from litestar.types import ControllerRouterHandler

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery, Sort
from merx.core.tenants import service as tenants
from merx.dialects.aerostack import translate, wire
from merx.dialects.aerostack.paths import slug_of
from merx.edge.admission import admit
from merx.edge.app import MerxRequest
from merx.edge.pagination import offset_of

SORTS: dict[wire.Sorting, Sort] = {
    "newest": Sort.NEWEST,
    "oldest": Sort.OLDEST,
    "price_asc": Sort.PRICE_ASC,
    "price_desc": Sort.PRICE_DESC,
    "name_asc": Sort.NAME,
    "name_desc": Sort.NAME_DESC,
}


@get("/config", operation_id="getConfig", public=True, tags=["Store"], refuses=(400, 404, 429, 500, 503))
async def get_config(request: MerxRequest) -> wire.Config:
    """What a checkout page needs to know: currency, tax, shipping, payment provider. Needs no key."""
    return translate.config(await tenants.shop_window(request.rt, slug_of(request)))


@get(
    "/products",
    operation_id="listProducts",
    asks=wire.ListProducts,
    tags=["Products"],
    guards=[admit],
    needs="catalog:read",
    gives={"ETag": "Changes with the answer"},
)
async def list_products(request: MerxRequest) -> wire.ProductList:
    """Lists what is for sale."""
    asked = request.ask(wire.ListProducts)
    query = ProductQuery(
        search=asked.search or None,
        category=asked.category or None,
        min_price=asked.min_price,
        max_price=asked.max_price,
        in_stock=asked.in_stock,
        sort=None if asked.sort is None else SORTS[asked.sort],
        limit=asked.limit,
        offset=offset_of(asked.page, asked.limit),
    )
    found = await catalog.list_products(request.rt, request.ctx, query)
    base = request.rt.settings.public_url
    shown = [translate.product(one, base) for one in found.items]
    return wire.ProductList(shown, found.total, asked.page, asked.limit)


@get(
    "/products/{productSlug:str}",
    operation_id="getProduct",
    tags=["Products"],
    guards=[admit],
    needs="catalog:read",
    gives={"ETag": "Changes with the answer"},
)
async def get_product(request: MerxRequest) -> wire.Product:
    """One product, by its slug."""
    found = await catalog.get_product_by_slug(request.rt, request.ctx, str(request.path_params["productSlug"]))
    return translate.product(found.product, request.rt.settings.public_url)


@get(
    "/categories",
    operation_id="listCategories",
    tags=["Products"],
    guards=[admit],
    needs="catalog:read",
    gives={"ETag": "Changes with the answer"},
)
async def list_categories(request: MerxRequest) -> wire.CategoryTree:
    """The tree of categories."""
    found = await catalog.list_categories(request.rt, request.ctx)
    return wire.CategoryTree(translate.category_tree(found.items))


ROUTES: list[ControllerRouterHandler] = [get_config, list_products, get_product, list_categories]
