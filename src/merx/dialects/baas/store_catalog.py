"""Owns the store API's catalogue: products and categories, which the edge answers from memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import get
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery, Sort
from merx.dialects.baas import translate, wire
from merx.edge.app import MerxRequest
from merx.edge.fragments import Fragments
from merx.kernel import ids
from merx.kernel.ids import ProductId

PRODUCTS = "/api/store/products/"
_parts, _details = Fragments(translate.product), Fragments(translate.product_detail)

SORTS = {
    "price_asc": Sort.PRICE_ASC,
    "price_desc": Sort.PRICE_DESC,
    "name": Sort.NAME,
    "name_asc": Sort.NAME,
    "name_desc": Sort.NAME_DESC,
    "newest": Sort.NEWEST,
    "oldest": Sort.OLDEST,
}
Sorting = Literal["price_asc", "price_desc", "name", "name_asc", "name_desc", "newest", "oldest"]


class ListProducts(wire.Paging, frozen=True, kw_only=True):
    category: Annotated[str | None, Meta(description="A slug or a name; with its subcategories")] = None
    search: Annotated[str | None, Meta(description="Words, their beginnings, or nearly these words")] = None
    min_price: Annotated[Decimal | None, Meta(description="Included")] = None
    max_price: Annotated[Decimal | None, Meta(description="Included")] = None
    sort: Annotated[Sorting | None, Meta(description="newest; with a search, the best match first")] = None


@get("/products/", asks=ListProducts, tags=["Products"])
async def list_products(request: MerxRequest) -> wire.ProductPage:
    """Lists products."""
    asked = request.ask(ListProducts)
    limit, offset = translate.bounds(asked)
    query = ProductQuery(
        search=asked.search or None,
        category=asked.category or None,
        min_price=asked.min_price,
        max_price=asked.max_price,
        sort=None if asked.sort is None else SORTS[asked.sort],
        limit=limit,
        offset=offset,
    )
    found = await catalog.list_products(request.rt, request.ctx, query)
    following, preceding = translate.links(request, PRODUCTS, asked, found.total)
    base = request.rt.settings.public_url
    return wire.ProductPage(found.total, following, preceding, [_parts.of(one, base) for one in found.items])


@get("/products/{product:str}/", tags=["Products"], answers=wire.ProductDetail)
async def get_product(request: MerxRequest, product: str) -> Any:
    """One product, by its id or its slug."""
    ident = ids.decode("prod", product)
    if ident is None:
        found = await catalog.get_product_by_slug(request.rt, request.ctx, product)
    else:
        found = await catalog.get_product(request.rt, request.ctx, ProductId(ident))
    return _details.of(found.product, request.rt.settings.public_url)


@get("/categories/", tags=["Products"])
async def list_categories(request: MerxRequest) -> wire.CategoryPage:
    """The tree of categories."""
    found = await catalog.list_categories(request.rt, request.ctx)
    return wire.CategoryPage(len(found.items), None, None, translate.category_tree(found.items))


ROUTES: list[ControllerRouterHandler] = [list_products, get_product, list_categories]
