"""One product: the editor with its variants, options, images and categories, and its stock with the ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import get, post
from msgspec import UNSET

from merx.core.catalog import service as catalog
from merx.core.catalog.model import (
    MAX_IMAGES,
    MAX_OPTIONS,
    MAX_VARIANTS,
    ImageDraft,
    Option,
    Product,
    ProductChanges,
    ProductDetail,
    ProductDraft,
    VariantDraft,
)
from merx.core.inventory import service as inventory
from merx.core.media import service as media
from merx.kernel import ids
from merx.kernel.errors import Kind, MerxError, NotFound
from merx.kernel.ids import ProductId, VariantId
from merx.web.dashboard.desk import baas, commerce, ident
from merx.web.dashboard.products import LIST, indented
from merx.web.forms import Form
from merx.web.once import once
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

NAMES = {"stock_quantity": "stock"}
NEW_IMAGE = 99  # the place of the one that is added by its address


# ── Reading the form ─────────────────────────────────────────────────────────────────────────────────────────────────
def _options(form: Form) -> tuple[Option, ...]:
    found = []
    for at in range(MAX_OPTIONS):
        name = form.text(f"options.{at}.name")
        values = tuple(
            dict.fromkeys(part.strip() for part in form.value(f"options.{at}.values").split(",") if part.strip())
        )
        if name and values:
            found.append(Option(name, values))
    return tuple(found)


def _rows(form: Form) -> list[dict[str, Any]]:
    """The variants' rows as they stand in the form; `at` is their place in its names."""
    found = []
    for at in range(MAX_VARIANTS + 1):
        text = form.value(f"variants.{at}.options")
        if not text:
            continue
        try:
            options = json.loads(text)
        except ValueError:
            continue
        if isinstance(options, dict) and all(isinstance(value, str) for value in options.values()):
            found.append({"at": at, "options": {str(name): value for name, value in options.items()}})
    return found


def _variants(form: Form) -> tuple[VariantDraft, ...]:
    drafts = []
    for row in _rows(form):
        begins = f"variants.{row['at']}."
        text, was = form.text(f"{begins}stock"), form.text(f"{begins}stock_was")
        known = ids.parse_uuid(form.text(f"{begins}id"))
        drafts.append(
            VariantDraft(
                sku=form.text(f"{begins}sku"),
                options=row["options"],
                price=form.optional(f"{begins}price") or form.optional("price"),
                compare_price=form.optional(f"{begins}compare"),
                stock=form.number(f"{begins}stock") if text != was or known is None else None,
                active=form.flag(f"{begins}active"),
                id=VariantId(known) if known else None,
            )
        )
    return tuple(drafts)


def _images(form: Form) -> tuple[ImageDraft, ...]:
    """In the order in which the form has them, without those that are to go; a new one by its address."""
    found = []
    for at in form.all("image"):
        if form.flag(f"images.{at}.remove") or not form.text(f"images.{at}.url"):
            continue
        known = ids.parse_uuid(form.text(f"images.{at}.id"))
        found.append(ImageDraft(form.text(f"images.{at}.url"), form.text(f"images.{at}.alt"), known))
    return tuple(found)


async def _upload(request: PageRequest, form: Form) -> None:
    """Pictures that came with the form are stored and stand behind those that are there, also where something else in
    the form is wrong: they are not asked for again."""
    files = form.files.pop("pictures", [])
    taken = set(form.numbers("image")) - {NEW_IMAGE}
    at = max(taken, default=-1) + 1
    for file in files[:MAX_IMAGES]:
        try:
            picture = await media.upload_image(request.rt, request.ctx, await file.read())
        except MerxError as wrong:
            if wrong.kind is Kind.FORBIDDEN:
                raise
            form.fault("pictures", f"{file.filename}: {wrong.message}")
            continue
        form.add("image", str(at))
        form.set(f"images.{at}.url", picture.url)
        form.set(f"images.{at}.alt", "")
        at += 1


def _categories(form: Form) -> tuple[UUID | int | str, ...]:
    chosen: list[UUID | int | str] = [*form.numbers("category")]
    return (*chosen, *[part.strip() for part in form.text("new_categories").split(",") if part.strip()])


def _draft(form: Form) -> ProductDraft:
    variants = _variants(form)
    return ProductDraft(
        name=form.text("name"),
        price=form.optional("price"),
        description=form.value("description"),
        slug=form.optional("slug"),
        compare_price=form.optional("compare_price"),
        sku=None if variants else form.optional("sku"),
        stock=0 if variants else form.number("stock") or 0,
        active=form.text("active") != "hidden",
        options=_options(form) or None,
        images=_images(form),
        categories=_categories(form),
        variants=variants,
    )


def _changes(form: Form, before: Product) -> ProductChanges:
    variants = _variants(form)
    touched = form.text("stock") != form.text("stock_was")
    stock = form.number("stock")
    plain = not variants and len(before.variants) == 1
    version = form.number("version")
    single = VariantDraft(
        id=before.variants[0].id,
        price=form.text("price") or "0",
        compare_price=form.optional("compare_price"),
        sku=form.text("sku"),
        stock=stock if touched else None,
    )
    return ProductChanges(
        name=form.text("name"),
        slug=form.optional("slug") or UNSET,
        description=form.value("description"),
        active=form.text("active") != "hidden",
        options=_options(form),
        images=_images(form),
        categories=_categories(form),
        variants=(single,) if plain else variants,
        compare_price=form.optional("compare_price") if plain else UNSET,
        price=form.text("price") or "0" if plain else UNSET,
        expected_version=version,
    )


# ── Showing it ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _begun(product: Product) -> Mapping[str, Any]:
    first = product.variants[0]
    values: dict[str, Any] = {
        "name": product.name,
        "slug": product.slug,
        "description": product.description,
        "active": "active" if product.active else "hidden",
        "version": product.version,
        "price": product.price.text(),
        "compare_price": product.compare_price.text() if product.compare_price else "",
        "sku": first.sku or "",
        "stock": first.available,
        "stock_was": first.available,
        "category": [str(one.number) for one in product.categories],
        "image": [str(at) for at in range(len(product.images))],
    }
    for at, option in enumerate(product.options):
        values |= {f"options.{at}.name": option.name, f"options.{at}.values": ", ".join(option.values)}
    for at, image in enumerate(product.images):
        values |= {f"images.{at}.id": image.id, f"images.{at}.url": image.url, f"images.{at}.alt": image.alt}
    if _has_variants(product):
        for at, one in enumerate(product.variants):
            values |= _row_of(at, one.options, one.sku or "", one.price.text(), one.available, one.active, one.id)
            values[f"variants.{at}.compare"] = one.compare_price.text() if one.compare_price else ""
            values[f"variants.{at}.title"] = one.title
    return values


def _has_variants(product: Product) -> bool:
    return len(product.variants) > 1 or bool(product.variants[0].options)


def _row_of(
    at: int, options: Mapping[str, str], sku: str, price: str, stock: int | str, active: bool, ident: UUID | None
) -> dict[str, Any]:
    return {
        f"variants.{at}.options": json.dumps(dict(options), ensure_ascii=False),
        f"variants.{at}.sku": sku,
        f"variants.{at}.price": price,
        f"variants.{at}.stock": stock,
        f"variants.{at}.stock_was": stock if ident else "",
        f"variants.{at}.active": "on" if active else "",
        f"variants.{at}.id": ident or "",
    }


def _combined(form: Form) -> None:
    """The form's rows become one for each combination of its options; those that were there keep what they say."""
    options = _options(form)
    known = {tuple(sorted(row["options"].items())): row["at"] for row in _rows(form)}
    wanted = list(itertools.islice(itertools.product(*[one.values for one in options]), MAX_VARIANTS + 1))
    if len(wanted) > MAX_VARIANTS:
        form.fault("options.0.values", f"These options make more than {MAX_VARIANTS} variants.")
        return
    fields = ("id", "sku", "price", "compare", "stock", "stock_was", "active")
    kept = {key: {name: form.value(f"variants.{at}.{name}") for name in fields} for key, at in known.items()}
    for row in _rows(form):
        form.set(f"variants.{row['at']}.options", "")
    if not options:
        return
    for at, values in enumerate(wanted):
        made = dict(zip([one.name for one in options], values, strict=True))
        before = kept.get(tuple(sorted(made.items())))
        fresh = _row_of(at, made, "", form.text("price"), 0, True, None)
        for name, value in fresh.items():
            form.set(name, value)
        for name, value in (before or {}).items():
            form.set(f"variants.{at}.{name}", value)


async def _editor(request: PageRequest, form: Form, detail: ProductDetail | None) -> Page:
    """The editor; of a new product where there is no detail."""
    tree = detail.tree if detail is not None and detail.tree else None
    if tree is None:
        tree = (await catalog.list_categories(request.rt, request.ctx)).items
    product = None if detail is None else detail.product
    body = '{"name": "…", "price": "19.90", "stock_quantity": 10, "category": "Lamps"}'
    calls = [baas("POST", "/products/", body), commerce("POST", "/products", '{"name": "…", "price": 19.9}')]
    if product is not None:
        path = f"/products/{ids.encode('prod', product.id)}/"
        calls = [
            baas("GET", path),
            baas("PATCH", path, '{"price": "19.90"}'),
            commerce("GET", f"/products/{product.id}"),
        ]
    return render(
        request,
        "products/editor.html",
        area="products",
        product=product,
        form=form,
        rows=_rows(form),
        option_rows=range(max(3, sum(1 for at in range(MAX_OPTIONS) if form.text(f"options.{at}.name")))),
        categories=indented(tuple(tree)),
        calls=calls,
    )


# ── Handlers ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/products/new", needs="products:write")
async def new_product(request: PageRequest) -> Page:
    return await _editor(request, Form({"active": "active", "stock": "0"}), None)


@post("/products/new", needs="products:write")
async def create_product(request: PageRequest) -> Page:
    form = await Form.read(request)
    if form.text("do") == "variants":
        _combined(form)
        return await _editor(request, form, None)
    try:
        await _upload(request, form)
        draft = _draft(form)
        if not form.ok:
            return await _editor(request, form, None)
        made = await catalog.create_product(request.rt, request.ctx, draft)
    except MerxError as wrong:
        return await _editor(request, form.refused(wrong, _placed(wrong)), None)
    return redirect(request, f"{LIST}/{made.id}", said=f"{made.name} has been added.")


def _placed(wrong: MerxError) -> Mapping[str, str]:
    """The core's names of fields as this form has them."""
    placed = {}
    for name in wrong.fields:
        placed[name] = name.replace(".stock_quantity", ".stock").replace(".compare_price", ".compare")
    return {**placed, **{name: NAMES[name] for name in wrong.fields if name in NAMES}}


@post("/products/variants", needs="products:write")
async def combine(request: PageRequest) -> Page:
    """The table of variants anew, after an option has changed."""
    form = await Form.read(request)
    _combined(form)
    return render(request, "products/variants.html", form=form, rows=_rows(form))


@get("/products/{product:str}", needs="products:read")
async def edit_product(request: PageRequest, product: str) -> Page:
    found = await _found(request, product)
    return await _editor(request, Form(_begun(found.product)), found)


async def _found(request: PageRequest, product: str) -> ProductDetail:
    wanted = ProductId(ident(product, "product"))
    return await catalog.get_product(request.rt, request.ctx, wanted, hidden=True, tree=True)


@post("/products/{product:str}", needs="products:write")
async def save_product(request: PageRequest, product: str) -> Page:
    form = await Form.read(request)
    before = await _found(request, product)
    if form.text("do") == "variants":
        _combined(form)
        return await _editor(request, form, before)
    try:
        await _upload(request, form)
        changes = _changes(form, before.product)
        if not form.ok:
            return await _editor(request, form, before)
        after = await catalog.update_product(request.rt, request.ctx, before.product.id, changes)
    except MerxError as wrong:
        return await _editor(request, form.refused(wrong, _placed(wrong)), before)
    return redirect(request, f"{LIST}/{product}", said=f"{after.name} has been saved.")


@post("/products/{product:str}/delete", needs="products:write")
async def delete_product(request: PageRequest, product: str) -> Page:
    await catalog.delete_product(request.rt, request.ctx, ProductId(ident(product, "product")))
    return redirect(request, LIST, said="The product has been removed.")


# ── Stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/products/{product:str}/stock", needs="products:read")
async def stock_page(request: PageRequest, product: str) -> Page:
    return await _stock(request, product, Form({"delta": "", "reason": ""}))


async def _stock(request: PageRequest, product: str, form: Form) -> Page:
    number, offset = asked(request)
    found = (await _found(request, product)).product
    moves, total = await inventory.product_ledger(request.rt, request.ctx, found.id, SIZE, offset)
    path = f"/products/{ids.encode('prod', found.id)}/stock/"
    return render(
        request,
        "products/stock.html",
        area="products",
        product=found,
        titles={one.id: one.title or one.sku or found.name for one in found.variants},
        moves=moves,
        paging=paging(request, number, total),
        form=form,
        calls=[baas("GET", path), baas("PATCH", path, '{"delta": 10, "reason": "delivery"}')],
    )


@post("/products/{product:str}/stock", needs="products:write")
async def change_stock(request: PageRequest, product: str) -> Page:
    form = await Form.read(request)
    variant = ids.parse_uuid(form.text("variant"))
    if variant is None:
        raise NotFound("variant")
    amount = form.number("delta")
    if amount is None:
        form.fault("delta", "Enter a whole number.")
        return await _stock(request, product, form)
    try:
        if form.text("way") == "set":
            reason = form.text("reason") or "count"
            await inventory.set_available(request.rt, request.ctx, VariantId(variant), amount, reason)
        else:
            async with once(request, form) as first:
                if first:
                    await inventory.receive(request.rt, request.ctx, VariantId(variant), amount, form.text("reason"))
    except MerxError as wrong:
        return await _stock(request, product, form.refused(wrong, {"stock_quantity": "delta"}))
    return redirect(request, f"{LIST}/{product}/stock", said="The stock has been changed.")


ROUTES = [
    new_product, create_product, combine, edit_product, save_product, delete_product, stock_page, change_stock,
]  # fmt: skip
