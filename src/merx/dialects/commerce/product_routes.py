"""Owns the catalogue's routes. What is read is answered from memory by the edge; what is changed can name, with
`If-Match`, the version that it is a change of."""

from __future__ import annotations

import re
from hashlib import blake2b

from litestar import Response, delete, get, patch, post
from litestar.types import ControllerRouterHandler

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery, Sort
from merx.dialects.commerce import translate, wire
from merx.dialects.commerce.paths import ident, in_path
from merx.edge.admission import ANYBODY_KNOWN, admit
from merx.edge.app import MerxRequest, MerxResponse, encode
from merx.edge.pagination import offset_of
from merx.kernel.ids import ProductId

SORTS: dict[tuple[wire.SortField, wire.Direction], Sort] = {
    ("name", "asc"): Sort.NAME,
    ("name", "desc"): Sort.NAME_DESC,
    ("price", "asc"): Sort.PRICE_ASC,
    ("price", "desc"): Sort.PRICE_DESC,
    ("stock", "asc"): Sort.STOCK_ASC,
    ("stock", "desc"): Sort.STOCK_DESC,
    ("createdAt", "asc"): Sort.OLDEST,
    ("createdAt", "desc"): Sort.NEWEST,
}
_STRONG = re.compile(r'"(\d{1,9})-[0-9a-f]+"', re.ASCII)
_ETAG = {"ETag": "The product's version; for If-None-Match and If-Match"}
_IF_NONE_MATCH = {"If-None-Match": "The ETag of an answer: 304 where it still is the answer"}
_IF_MATCH = {"If-Match": "The ETag of the product that is meant: 412 where it has been changed since"}
_PRODUCT_ID = in_path("productId", "Product UUID")


@get(
    "/products",
    operation_id="listProducts",
    tags=["Products"],
    asks=wire.ListProducts,
    guards=[admit],
    needs=ANYBODY_KNOWN,
    takes=_IF_NONE_MATCH,
    gives={"ETag": "Of this very answer; for If-None-Match"},
    refuses=(400, 401, 403, 404, 414, 422, 429, 500, 503),
)
async def list_products(request: MerxRequest) -> wire.ProductList:
    """Lists products, in pages, by any of the filters together.

    Shoppers see what is for sale; who has `products:read` sees the rest as well.
    """
    ctx, asked = request.ctx, request.ask(wire.ListProducts)
    by = asked.sort or ("createdAt" if asked.order else None)
    found = await catalog.list_products(
        request.rt,
        ctx,
        ProductQuery(
            search=asked.search,
            category=asked.category,
            among=() if asked.category is None else wire.CATEGORIES,
            active=None if asked.active is None and ctx.may("products:read") else asked.active is not False,
            sort=None if by is None else SORTS[by, asked.order or "asc"],
            limit=asked.page_size,
            offset=offset_of(asked.page, asked.page_size),
            tree=True,
        ),
    )
    base, category = request.rt.settings.public_url, translate.categorizer(found.tree)
    shown = [translate.product(one, category(one), base) for one in found.items]
    return wire.ProductList(data=shown, pagination=translate.pagination(asked, found.total))


@post(
    "/products",
    operation_id="createProduct",
    tags=["Products"],
    guards=[admit],
    needs="products:write",
    gives={**_ETAG, "Location": "Where the product is"},
    refuses=(400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 500, 503),
)
async def create_product(request: MerxRequest, data: wire.ProductCreate) -> Response[wire.Product]:
    """Adds a product. Needs `products:write`.

    A product without `variants` has one, with the product's own price, sku and stock.
    """
    made = await catalog.create_product(request.rt, request.ctx, translate.draft(data))
    shown = translate.product(made, data.category, request.rt.settings.public_url)
    return _tagged(shown, made.version, 201, Location=f"/commerce/v2/products/{made.id}")


@get(
    "/products/{productId:str}",
    operation_id="getProduct",
    tags=["Products"],
    guards=[admit],
    needs=ANYBODY_KNOWN,
    names=_PRODUCT_ID,
    takes=_IF_NONE_MATCH,
    gives=_ETAG,
    refuses=(400, 401, 403, 404, 414, 422, 429, 500, 503),
)
async def get_product(request: MerxRequest) -> Response[wire.Product]:
    """Shows one product."""
    ctx = request.ctx
    found = await catalog.get_product(request.rt, ctx, _product_id(request), hidden=ctx.may("products:read"), tree=True)
    category = translate.categorizer(found.tree)(found.product)
    return _tagged(translate.product(found.product, category, request.rt.settings.public_url), found.product.version)


@patch(
    "/products/{productId:str}",
    operation_id="updateProduct",
    tags=["Products"],
    guards=[admit],
    needs="products:write",
    names=_PRODUCT_ID,
    takes=_IF_MATCH,
    gives=_ETAG,
    refuses=(400, 401, 403, 404, 409, 412, 413, 414, 415, 422, 429, 500, 503),
)
async def update_product(request: MerxRequest, data: wire.ProductUpdate) -> Response[wire.Product]:
    """Changes what is sent, and nothing else. Needs `products:write`.

    Null empties what may be empty. Another category takes the product out of the old one's branch of the category tree.
    """
    wanted = translate.changes(data, expected_version(request))
    found = await catalog.update_product_in_tree(request.rt, request.ctx, _product_id(request), wanted, tree=True)
    category = translate.categorizer(found.tree)(found.product)
    return _tagged(translate.product(found.product, category, request.rt.settings.public_url), found.product.version)


@delete(
    "/products/{productId:str}",
    operation_id="deleteProduct",
    tags=["Products"],
    guards=[admit],
    needs="products:write",
    names=_PRODUCT_ID,
    takes=_IF_MATCH,
    refuses=(400, 401, 403, 404, 412, 414, 422, 429, 500, 503),
)
async def delete_product(request: MerxRequest) -> None:
    """Takes a product out of the shop. Needs `products:write`. Orders keep what they say about it."""
    await catalog.delete_product(request.rt, request.ctx, _product_id(request), expected_version(request))


def _product_id(request: MerxRequest) -> ProductId:
    return ProductId(ident(request, "productId"))


def _tagged(shown: wire.Product, version: int, status: int = 200, **headers: str) -> MerxResponse:
    """Its ETag is strong: the version, for If-Match, and a digest, because stock moves without a new version."""
    body = encode(shown)
    etag = f'"{version}-{blake2b(body, digest_size=9).hexdigest()}"'
    return MerxResponse(body, status_code=status, media_type="application/json", headers={"ETag": etag, **headers})


def expected_version(request: MerxRequest) -> int | None:
    """What If-Match asks for; None where it asks for nothing, or for anything. Of several versions the highest: an
    older one can't be there any more. What is no ETag of ours is version 0, which nothing has."""
    sent = request.headers.get("if-match")
    if sent is None or sent.strip() == "*":
        return None
    return max([int(found[1]) for one in sent.split(",") if (found := _STRONG.fullmatch(one.strip()))], default=0)


ROUTES: list[ControllerRouterHandler] = [list_products, create_product, get_product, update_product, delete_product]
