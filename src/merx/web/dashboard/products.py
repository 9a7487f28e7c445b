"""Products: the list with its tabs, filters and columns, and what can be done to many of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from litestar import get, post

from merx.core.catalog import many
from merx.core.catalog import service as catalog
from merx.core.catalog.many import Changed
from merx.core.catalog.model import Category, Product, ProductChanges, ProductQuery, Sort, VariantDraft
from merx.kernel.errors import Invalid, MerxError
from merx.kernel.ids import ProductId
from merx.web.dashboard.desk import baas, commerce, ident
from merx.web.forms import Form
from merx.web.once import once
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

VIEWS: Mapping[str, tuple[str, bool | None, bool | None]] = {
    "all": ("All", None, None),
    "active": ("Active", True, None),
    "hidden": ("Hidden", False, None),
    "sold-out": ("Sold out", None, False),
}
"""name -> (words, active, in stock)"""
COLUMNS: Mapping[str, tuple[Sort, Sort]] = {
    "name": (Sort.NAME, Sort.NAME_DESC),
    "stock": (Sort.STOCK_ASC, Sort.STOCK_DESC),
    "price": (Sort.PRICE_ASC, Sort.PRICE_DESC),
    "created": (Sort.NEWEST, Sort.OLDEST),
}
LIST = "/dashboard/products"


@get("/products", needs="products:read")
async def product_list(request: PageRequest) -> Page:
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    number, offset = asked(request)
    form = Form({name: query.get(name, "") for name in ("q", "category", "sort")})
    sort = form.text("sort") if form.text("sort") in list(Sort) else ""
    wanted = ProductQuery(
        search=form.text("q")[:200] or None,
        category=form.text("category")[:200] or None,
        active=VIEWS[view][1],
        in_stock=VIEWS[view][2],
        sort=Sort(sort) if sort else None,
        limit=SIZE,
        offset=offset,
    )
    found = await catalog.list_kept(request.rt, request.ctx, wanted)
    return render(
        request,
        "products/rows.html" if request.partial else "products/list.html",
        area="products",
        products=found.items,
        paging=paging(request, number, found.total, more=found.more),
        views=VIEWS,
        view=view,
        columns=COLUMNS,
        sort=sort,
        categories=indented(found.tree),
        form=form,
        filtered=bool(form.text("q") or form.text("category")),
        calls=[baas("GET", "/products/?per_page=25"), commerce("GET", "/products?pageSize=25")],
    )


def indented(tree: tuple[Category, ...]) -> list[tuple[Category, int]]:
    """Each category with its depth, parents before their children."""
    below: dict[object, list[Category]] = {}
    for one in tree:
        below.setdefault(one.parent_id, []).append(one)
    for siblings in below.values():
        siblings.sort(key=lambda one: (one.position, one.name.casefold()))
    made: list[tuple[Category, int]] = []

    def walk(parent: object, depth: int) -> None:
        for one in below.get(parent, ()):
            made.append((one, depth))
            walk(one.id, depth + 1)

    walk(None, 0)
    return made


# ── Many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────
@post("/products/bulk", needs="products:write")
async def bulk(request: PageRequest) -> Page:
    form = await Form.read(request)
    chosen = [ProductId(ident(text, "product")) for text in form.all("id")][: many.AT_ONCE]
    back = form.text("back") if form.text("back").startswith(LIST) else LIST
    action = form.text("action")
    if not chosen or not action:
        return redirect(request, back, said="Choose some products and what to do with them.", tone="warning")
    if action == "edit":
        return redirect(request, f"{LIST}/bulk?" + "&".join(f"id={one}" for one in chosen[:50]))
    try:
        changed = await _done(request, form, action, chosen)
    except MerxError as wrong:
        form.refused(wrong)
        return redirect(request, back, said=wrong.message, tone="danger")
    return _told(request, back, changed)


async def _done(request: PageRequest, form: Form, action: str, chosen: list[ProductId]) -> Changed:
    rt, ctx = request.rt, request.ctx
    if action in ("show", "hide"):
        return await many.change(rt, ctx, {one: ProductChanges(active=action == "show") for one in chosen})
    if action == "delete":
        return await many.remove(rt, ctx, chosen)
    if action == "categorize":
        category = form.numbers("category")
        if not category:
            raise Invalid("Choose a category.", field="category")
        return await many.categorize(rt, ctx, chosen, category[-1])
    if action == "reprice":
        percent = _percent(form.text("percent"))
        async with once(request, form) as first:
            if not first:
                return Changed(tuple(chosen), ())
            return await many.reprice(rt, request.ctx, chosen, percent, form.flag("compare"))
    raise Invalid("There is no such action.", field="action")


def _percent(text: str) -> Decimal:
    try:
        found = Decimal(text.replace("%", "").strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > 10_000:
        raise Invalid("Enter a percentage, such as -10 or 5.", field="percent")
    return found


def _told(request: PageRequest, back: str, changed: Changed) -> Page:
    if not changed.refused:
        count = "One product has" if len(changed.done) == 1 else f"{len(changed.done)} products have"
        return redirect(request, back, said=f"{count} been changed.")
    said = f"{len(changed.done)} changed, {len(changed.refused)} could not be: {changed.refused[0][1].message}"
    return redirect(request, back, said=said, tone="warning")


# ── A sheet to change many in ────────────────────────────────────────────────────────────────────────────────────────
@get("/products/bulk", needs="products:write")
async def sheet(request: PageRequest) -> Page:
    chosen = [ProductId(ident(text, "product")) for text in request.query_params.getall("id", [])][:50]
    found = await catalog.kept_products(request.rt, request.ctx, chosen)
    return _sheet(request, found, Form(_cells(found)))


def _sheet(request: PageRequest, products: tuple[Product, ...], form: Form) -> Page:
    call = baas("PATCH", "/products/prod_…/", '{"name": "…", "price": "12.50", "active": true}')
    return render(request, "products/sheet.html", area="products", products=products, form=form, calls=[call])


def _cells(products: tuple[Product, ...]) -> dict[str, object]:
    cells: dict[str, object] = {}
    for product in products:
        cells |= {f"{product.id}.name": product.name, f"{product.id}.active": "on" if product.active else ""}
        for one in product.variants:
            cells |= {
                f"{one.id}.price": one.price.text(),
                f"{one.id}.compare": one.compare_price.text() if one.compare_price else "",
                f"{one.id}.sku": one.sku or "",
                f"{one.id}.stock": one.available,
            }
    return cells


@post("/products/sheet", needs="products:write")
async def save_sheet(request: PageRequest) -> Page:
    form = await Form.read(request)
    chosen = [ProductId(ident(text, "product")) for text in form.all("id")][:50]
    before = await catalog.kept_products(request.rt, request.ctx, chosen)
    changes = {one.id: changed for one in before if (changed := _row(form, one)) is not None}
    if not form.ok:
        return _sheet(request, before, form)
    result = await many.change(request.rt, request.ctx, changes)
    if result.refused:
        names = {one.id: one.name for one in before}
        form.summary = [f"{names[product]}: {wrong.message}" for product, wrong in result.refused]
        form.status = 422
        return _sheet(request, await catalog.kept_products(request.rt, request.ctx, chosen), form)
    return redirect(request, LIST, said=f"Saved: {len(result.done)} changed.")


def _row(form: Form, product: Product) -> ProductChanges | None:
    """What a row says that differs from what is there; a stock only where it was touched."""
    known = _cells((product,))
    touched = any(form.value(name) != str(value) for name, value in known.items())
    if not touched:
        return None
    variants = []
    for one in product.variants:
        stock = form.number(f"{one.id}.stock") if form.text(f"{one.id}.stock") != str(one.available) else None
        variants.append(
            VariantDraft(
                id=one.id,
                sku=form.optional(f"{one.id}.sku"),
                price=form.text(f"{one.id}.price") or "0",
                compare_price=form.optional(f"{one.id}.compare"),
                stock=stock,
            )
        )
    return ProductChanges(
        name=form.text(f"{product.id}.name"),
        active=form.flag(f"{product.id}.active"),
        variants=tuple(variants),
        options=product.options,
        expected_version=product.version,
    )


ROUTES = [product_list, bulk, sheet, save_sheet]
