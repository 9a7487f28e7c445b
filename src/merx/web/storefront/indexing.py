"""What search engines read: robots.txt and the sitemap, in pieces of a few thousand addresses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from xml.sax.saxutils import escape

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from merx.core.catalog import window
from merx.kernel import ids
from merx.kernel.errors import NotFound
from merx.web.face import PUBLIC
from merx.web.pages import Page, PageRequest
from merx.web.storefront.tree import Tree

NOBODY = UUID(int=0)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_KEPT = {"cache-control": "public, max-age=300"}


@get("/robots.txt", opt={"needs": PUBLIC})
async def robots(request: PageRequest) -> Page:
    home: str = request.visitor.values["home"]
    closed = ("/account", "/cart", "/checkout", "/search", "/api/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), "", f"Sitemap: {home}/sitemap.xml", ""]
    return Response("\n".join(lines).encode(), media_type="text/plain; charset=utf-8", headers=_KEPT)


@get("/sitemap.xml", opt={"needs": PUBLIC})
async def sitemap(request: PageRequest) -> Page:
    """The front page, the categories and the first products; where there are more, an index of pieces."""
    home: str = request.visitor.values["home"]
    tree: Tree = request.visitor.values["tree"]
    found = await window.addresses(request.rt, request.ctx, NOBODY)
    if len(found) < window.ADDRESSES_AT_ONCE:
        pages = [_page(f"{home}/"), *(_page(f"{home}/categories/{one.slug}") for one in tree.all)]
        pages += [_page(f"{home}/products/{one.slug}", one.updated_at) for one in found]
        return _xml(f"<urlset {_SPACE}>{''.join(pages)}</urlset>")
    after = [NOBODY, *await window.edges(request.rt, request.ctx)]
    pieces = [f"{home}/sitemap/pages.xml", *(f"{home}/sitemap/{one}.xml" for one in after)]
    listed = "".join(f"<sitemap><loc>{escape(piece)}</loc></sitemap>" for piece in pieces)
    return _xml(f"<sitemapindex {_SPACE}>{listed}</sitemapindex>")


@get("/sitemap/{piece:str}", opt={"needs": PUBLIC})
async def sitemap_piece(request: PageRequest, piece: str) -> Page:
    home: str = request.visitor.values["home"]
    name = piece.removesuffix(".xml")
    if name == "pages":
        tree: Tree = request.visitor.values["tree"]
        pages = [_page(f"{home}/"), *(_page(f"{home}/categories/{one.slug}") for one in tree.all)]
        return _xml(f"<urlset {_SPACE}>{''.join(pages)}</urlset>")
    after = ids.parse_uuid(name)
    if after is None or not piece.endswith(".xml"):
        raise NotFound("page")
    found = await window.addresses(request.rt, request.ctx, after)
    pages = [_page(f"{home}/products/{one.slug}", one.updated_at) for one in found]
    return _xml(f"<urlset {_SPACE}>{''.join(pages)}</urlset>")


def _page(url: str, changed: datetime | None = None) -> str:
    when = "" if changed is None else f"<lastmod>{changed.date().isoformat()}</lastmod>"
    return f"<url><loc>{escape(url)}</loc>{when}</url>"


def _xml(text: str) -> Page:
    return Response((_HEAD + text).encode(), media_type="application/xml; charset=utf-8", headers=_KEPT)


ROUTES: list[ControllerRouterHandler] = [robots, sitemap, sitemap_piece]
