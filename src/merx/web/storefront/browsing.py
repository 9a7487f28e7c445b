"""Looking around: the front page, categories, search and what it suggests, a product."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from litestar import get
from litestar.types import ControllerRouterHandler

from merx.core.catalog import service as catalog
from merx.core.catalog import window
from merx.core.catalog.model import Category, ProductPage, ProductQuery, Sort
from merx.kernel.errors import NotFound
from merx.web.face import PUBLIC
from merx.web.pages import Page, PageRequest, address, render
from merx.web.storefront import structured
from merx.web.storefront.choosing import Choice
from merx.web.storefront.tree import Tree

PAGE = 24
NEW, RELATED, SUGGESTED = 9, 4, 6
MOST_WAYS_IN = 8
MAX_WORDS = 100
SORTS = {
    "newest": (Sort.NEWEST, "Newest"),
    "price": (Sort.PRICE_ASC, "Price, low to high"),
    "price-desc": (Sort.PRICE_DESC, "Price, high to low"),
    "name": (Sort.NAME, "Name"),
}


class Listing(msgspec.Struct, frozen=True):
    """A page of products with the filters that hold for it, as they stand in its address."""

    found: ProductPage
    number: int
    sort: str
    lowest: str
    highest: str
    in_stock: bool

    @property
    def pages(self) -> int:
        return max(1, -(-self.found.total // PAGE))

    @property
    def narrowed(self) -> bool:
        return bool(self.lowest or self.highest or self.in_stock)


@get("/", opt={"needs": PUBLIC})
async def front(request: PageRequest) -> Page:
    """What is new, and the way into each category."""
    tree: Tree = request.visitor.values["tree"]
    newest = await catalog.list_products(request.rt, request.ctx, ProductQuery(limit=NEW, in_stock=True))
    ways_in = tree.ways_in(MOST_WAYS_IN)
    covers = await window.covers(request.rt, request.ctx, [one.id for one in ways_in])
    first = next(iter(newest.items), None)
    return render(request, "front.html", hero=first, newest=newest.items[1:], ways_in=ways_in, covers=covers)


@get("/categories/{slug:str}", opt={"needs": PUBLIC})
async def category(request: PageRequest, slug: str) -> Page:
    """The products of a category and of those below it."""
    tree: Tree = request.visitor.values["tree"]
    chosen = tree.find(slug)
    if chosen is None:
        raise NotFound("category")
    listing = await _listing(request, category=slug)
    way = tree.way(chosen)
    told = structured.trail(request.visitor.values["home"], [(one.name, f"/categories/{one.slug}") for one in way])
    return _list(request, listing, category=chosen, way=way, words="", told=told)


@get("/products", opt={"needs": PUBLIC})
async def products(request: PageRequest) -> Page:
    """Everything the shop sells."""
    return _list(request, await _listing(request), category=None, way=[], words="", told=None)


@get("/search", opt={"needs": PUBLIC})
async def search(request: PageRequest, q: str = "") -> Page:
    """What was found for these words; without words, everything."""
    words = q.strip()[:MAX_WORDS]
    listing = await _listing(request, search=words or None)
    return _list(request, listing, category=None, way=[], words=words, told=None)


@get("/search/suggest", opt={"needs": PUBLIC})
async def suggest(request: PageRequest, q: str = "") -> Page:
    """What to offer while somebody types: categories of that name, and products."""
    words, tree = q.strip()[:MAX_WORDS], request.visitor.values["tree"]
    found = ProductPage((), 0, 0)
    if len(words) >= 2:
        found = await catalog.list_products(request.rt, request.ctx, ProductQuery(search=words, limit=SUGGESTED))
    return render(request, "suggestions.html", words=words, found=found, named=tree.matching(words, 3))


@get("/products/{slug:str}", opt={"needs": PUBLIC})
async def product(request: PageRequest, slug: str, variant: str = "") -> Page:
    """One product: its pictures, its variants, what goes with it."""
    detail = await catalog.get_product_by_slug(request.rt, request.ctx, slug)
    shown, tree = detail.product, request.visitor.values["tree"]
    home: str = request.visitor.values["home"]
    deepest = _deepest(tree, [one.slug for one in shown.categories])
    related: tuple[Any, ...] = ()
    if deepest is not None:
        query = ProductQuery(category=deepest.slug, limit=RELATED + 1)
        found = await catalog.list_products(request.rt, request.ctx, query)
        related = tuple(one for one in found.items if one.id != shown.id)[:RELATED]
    way = [] if deepest is None else tree.way(deepest)
    trail = [(one.name, f"/categories/{one.slug}") for one in way] + [(shown.name, f"/products/{shown.slug}")]
    return render(
        request,
        "product.html",
        product=shown,
        choice=Choice(shown, variant),
        related=related,
        way=way,
        told=[structured.product(shown, home), structured.trail(home, trail)],
        few=request.visitor.values["settings"].low_stock_threshold,
    )


@get("/{rest:path}", opt={"needs": PUBLIC})
async def nothing(request: PageRequest, rest: str) -> Page:
    """Any other address, so that it has the shop around it."""
    raise NotFound("page")


def _deepest(tree: Tree, slugs: list[str]) -> Category | None:
    found = [one for slug in slugs if (one := tree.find(slug)) is not None]
    return max(found, key=lambda one: len(tree.way(one)), default=None)


def _list(request: PageRequest, listing: Listing, **values: Any) -> Page:
    template = "results.html" if request.partial else "list.html"
    way_on = None if listing.number >= listing.pages else address(request, page=listing.number + 1)
    way_back = (
        None if listing.number <= 1 else address(request, page=listing.number - 1 if listing.number > 2 else None)
    )
    return render(request, template, listing=listing, sorts=SORTS, following=way_on, preceding=way_back, **values)


async def _listing(request: PageRequest, category: str | None = None, search: str | None = None) -> Listing:
    """What the address asks for. A page asked for wrongly is the first one, a price that is none no bound: a shopper
    who mistypes an address wants goods, not an error."""
    asked: Mapping[str, str] = dict(request.query_params.items())
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 5 else 1
    number = max(1, number)
    sort = asked.get("sort", "")
    lowest, highest = _price(asked.get("min", "")), _price(asked.get("max", ""))
    in_stock = asked.get("stock") == "1"
    query = ProductQuery(
        search=search,
        category=category,
        min_price=lowest,
        max_price=highest,
        in_stock=True if in_stock else None,
        sort=SORTS[sort][0] if sort in SORTS else None,
        limit=PAGE,
        offset=(number - 1) * PAGE,
    )
    found = await catalog.list_products(request.rt, request.ctx, query)
    return Listing(
        found,
        number,
        sort if sort in SORTS else "",
        "" if lowest is None else str(lowest),
        "" if highest is None else str(highest),
        in_stock,
    )


def _price(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip().replace(",", ".")) if 0 < len(text) <= 12 else None
    except InvalidOperation:
        return None
    if found is None or not found.is_finite() or found < 0 or found > 10**9:
        return None
    return round(found, 2)


ROUTES: list[ControllerRouterHandler] = [front, category, products, search, suggest, product, nothing]
