"""Content: the category tree, where each category is put by dragging it, by buttons, or in its own form."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import get, post

from merx.core.catalog import arranging
from merx.core.catalog import service as catalog
from merx.core.catalog.arranging import Seen
from merx.core.catalog.model import Category, CategoryChanges, CategoryDraft
from merx.kernel.errors import Invalid, MerxError, NotFound
from merx.web.dashboard.desk import baas, desk_of
from merx.web.dashboard.products import indented
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render

LIST = "/dashboard/categories"


def _number(text: str) -> int:
    """The number in an address; what can't be one is as unknown as one that is nobody's."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("category")
    return int(text)


def _asked_number(form: Form, name: str) -> int | None:
    text = form.text(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("There is no such category.", field=name)
    return int(text)


@get("/categories", needs="products:read")
async def tree(request: PageRequest) -> Page:
    desk_of(request)
    found = await catalog.list_categories(request.rt, request.ctx)
    return render(
        request,
        "categories/tree.html",
        area="categories",
        rows=_rows(found.items),
        calls=[
            baas("GET", "/categories/"),
            baas("PATCH", "/categories/3/", '{"parent": 1, "position": 0}'),
        ],
    )


def _rows(tree: tuple[Category, ...]) -> list[tuple[Category, int, bool, bool]]:
    """(category, depth, the first of its siblings, the last of them)"""
    order = indented(tree)
    firsts: dict[object, object] = {}
    lasts: dict[object, object] = {}
    for one, _ in order:
        firsts.setdefault(one.parent_id, one.id)
        lasts[one.parent_id] = one.id
    return [(one, depth, firsts[one.parent_id] == one.id, lasts[one.parent_id] == one.id) for one, depth in order]


@get("/categories/new", needs="products:write")
async def new(request: PageRequest) -> Page:
    desk_of(request)
    found = await catalog.list_categories(request.rt, request.ctx)
    return _new(request, found.items, Form({"parent": request.query_params.get("parent", "")}))


def _new(request: PageRequest, tree: tuple[Category, ...], form: Form) -> Page:
    call = baas("POST", "/categories/", '{"name": "Lamps", "parent": 1}')
    return render(
        request, "categories/editor.html", area="categories", category=None, seen=None, parents=_parents(tree, None),
        form=form, doing="", calls=[call],
    )  # fmt: skip


@post("/categories/new", needs="products:write")
async def create(request: PageRequest) -> Page:
    form = await Form.read(request)
    try:
        draft = CategoryDraft(
            form.text("name"), form.optional("slug"), form.text("description"), _asked_number(form, "parent"), 9_999
        )
        made = await catalog.create_category(request.rt, request.ctx, draft)
    except MerxError as wrong:
        found = await catalog.list_categories(request.rt, request.ctx)
        return _new(request, found.items, form.refused(wrong))
    return redirect(request, f"{LIST}#c{made.number}", said=f"{made.name} has been added.")


@get("/categories/{number:str}", needs="products:read")
async def category_page(request: PageRequest, number: str) -> Page:
    desk_of(request)
    seen = await arranging.look(request.rt, request.ctx, _number(number))
    return _shown(request, seen, Form(_begun(seen)))


def _begun(seen: Seen) -> Mapping[str, object]:
    one = seen.category
    above = next((other.number for other in seen.tree if other.id == one.parent_id), "")
    return {"name": one.name, "slug": one.slug, "description": one.description, "parent": above}


def _shown(request: PageRequest, seen: Seen, form: Form) -> Page:
    path = f"/categories/{seen.category.number}/"
    return render(
        request,
        "categories/editor.html",
        area="categories",
        category=seen.category,
        seen=seen,
        below=[one for one in seen.tree if one.parent_id == seen.category.id],
        parents=_parents(seen.tree, seen.category),
        most=arranging.COUNTED,
        form=form,
        doing=request.query_params.get("do", ""),
        calls=[baas("GET", path), baas("PATCH", path, '{"name": "Lighting"}'), baas("DELETE", path)],
    )


def _parents(tree: tuple[Category, ...], itself: Category | None) -> list[tuple[str, str]]:
    """Where it may be put: not below itself."""
    choices = [("", "None: at the top")]
    own: set[object] = set() if itself is None else {itself.id}
    for one, depth in indented(tree):
        if one.id in own or one.parent_id in own:
            own.add(one.id)
        else:
            choices.append((str(one.number), "\u2003" * depth + one.name))
    return choices


@post("/categories/{number:str}", needs="products:write")
async def change(request: PageRequest, number: str) -> Page:
    form, wanted = await Form.read(request), _number(number)
    try:
        changes = CategoryChanges(
            name=form.text("name"),
            slug=form.text("slug"),
            description=form.text("description"),
            parent=_asked_number(form, "parent"),
        )
        after = await catalog.update_category(request.rt, request.ctx, wanted, changes)
    except MerxError as wrong:
        form.refused(wrong)
        return _shown(request, await arranging.look(request.rt, request.ctx, wanted), form)
    return redirect(request, f"{LIST}/{number}", said=f"{after.name} has been saved.")


@post("/categories/{number:str}/delete", needs="products:write")
async def remove(request: PageRequest, number: str) -> Page:
    await catalog.delete_category(request.rt, request.ctx, _number(number))
    return redirect(request, LIST, said="The category has been removed.")


@post("/categories/place", needs="products:write")
async def place(request: PageRequest) -> Page:
    """Where it was dropped."""
    form = await Form.read(request)
    wanted = _number(form.text("number"))
    try:
        parent, before = _asked_number(form, "parent"), _asked_number(form, "before")
        moved = await arranging.place(request.rt, request.ctx, wanted, parent, before)
    except Invalid as wrong:
        return redirect(request, LIST, said=wrong.message, tone="danger")
    return redirect(request, f"{LIST}#c{moved.number}", said=f"{moved.name} has been moved.")


@post("/categories/shift", needs="products:write")
async def shift(request: PageRequest) -> Page:
    """One place up or down."""
    form = await Form.read(request)
    way, _, number = form.text("do").partition(" ")
    if way not in ("up", "down"):
        raise NotFound("category")
    moved = await arranging.shift(request.rt, request.ctx, _number(number), way == "down")
    return redirect(request, f"{LIST}#c{moved.number}")


ROUTES = [tree, new, create, place, shift, category_page, change, remove]
