"""What a product may look like and what becomes of one that is changed. An `Edit` says all that has to be written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from merx.core.catalog import model, words
from merx.core.catalog.model import (
    Amount,
    CategoryKey,
    Image,
    ImageDraft,
    Option,
    Product,
    ProductChanges,
    ProductDraft,
    ProductQuery,
    Variant,
    VariantChanges,
    VariantDraft,
)
from merx.core.inventory.model import MAX_ON_HAND
from merx.kernel import ids, money
from merx.kernel.errors import Invalid, NotFound, Refused
from merx.kernel.ids import ProductId, VariantId
from merx.kernel.money import Currency

T = TypeVar("T")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_URL = re.compile(r"(?:https?://[^\s/\\@\x00-\x20]+(?:[/?#][^\s\\\x00-\x20]*)?|/(?![/\\])[^\s\\\x00-\x20]*)", re.I)


class Edit(msgspec.Struct, frozen=True):
    """A product before and after. `stock`: what should be sellable of which variant; `categories` None: unchanged."""

    before: Product | None
    after: Product
    stock: Mapping[VariantId, int] = {}
    categories: Sequence[CategoryKey] | None = None

    @property
    def shown_more(self) -> int:
        """How many more products shoppers see: 1, 0 or -1."""
        return int(self.after.active) - int(self.before is not None and self.before.active)


# ── Single values ────────────────────────────────────────────────────────────────────────────────────────────────────
def text(value: str, field: str, longest: int, shortest: int = 0) -> str:
    """Without blanks around it; raises Invalid where it is too long, too short or holds control characters."""
    value = value.strip()
    if not shortest <= len(value) <= longest:
        wanted = f"between {shortest} and {longest}" if shortest else f"at most {longest}"
        raise Invalid(f"The {field.rpartition('.')[2]} has {wanted} characters.", field=field)
    if _NOT_TEXT.search(value):
        raise Invalid(f"The {field.rpartition('.')[2]} holds characters that are not text.", field=field)
    return value


def amount(value: Amount, currency: Currency, field: str) -> int:
    minor = money.parse_minor(value, currency)
    if minor is None:
        digits = money.exponent(currency)
        raise Invalid(
            f"A price is a number from 0 to {money.text(money.MAX_MINOR, currency)} with at most {digits} decimals.",
            field=field,
        )
    return minor


def compare_amount(value: Amount | None, price: int, currency: Currency, field: str) -> int | None:
    if value is None:
        return None
    compare = amount(value, currency, field)
    if compare < price:
        raise Invalid("The compare price is what it cost before, so it is not below the price.", field=field)
    return compare


def stock(value: int, field: str = "stock_quantity") -> int:
    if not 0 <= value <= MAX_ON_HAND:
        raise Invalid(f"Stock is a whole number between 0 and {MAX_ON_HAND}.", field=field)
    return value


def sku(value: str | None, field: str = "sku") -> str | None:
    return (text(value, field, model.MAX_SKU) or None) if value is not None else None


def slug(value: str, field: str = "slug") -> str:
    if not 1 <= len(value) <= model.MAX_SLUG or words.slugify(value, "") != value:
        raise Invalid("A slug is letters in lower case and digits, joined by single hyphens.", field=field)
    return value


def free_slug(candidates: Sequence[str], taken: Collection[str]) -> str:
    """The first that is not taken, or the first of all with letters of chance."""
    free = next((one for one in candidates if one not in taken), None)
    return free or f"{candidates[0][: model.MAX_SLUG - 9]}-{ids.new().hex[-8:]}"


def position(value: int) -> int:
    if not 0 <= value <= 1_000_000:
        raise Invalid("A position is a whole number from 0 to 1000000.", field="position")
    return value


def image(draft: ImageDraft, field: str) -> Image:
    url = draft.url.strip()
    if len(url) > 2048 or not _URL.fullmatch(url):
        raise Invalid("An image's url begins with http://, https:// or a single /.", field=f"{field}.url")
    return Image(draft.id or ids.new(), url, text(draft.alt, f"{field}.alt", 500))


def images(drafts: Sequence[ImageDraft], known: Sequence[Image] = ()) -> tuple[Image, ...]:
    """Images that the product has keep their id by it or, sent without one, by their url."""
    if len(drafts) > model.MAX_IMAGES:
        raise Invalid(f"A product has at most {model.MAX_IMAGES} images.", field="images")
    by_url = {one.url: one.id for one in known}
    own, made = {one.id for one in known}, list[Image]()
    for at, draft in enumerate(drafts):
        made.append(
            image(replace(draft, id=draft.id if draft.id in own else by_url.pop(draft.url, None)), f"images.{at}")
        )
    if len({one.id for one in made}) < len(made):
        raise Invalid("The same image is there twice.", field="images")
    return tuple(made)


def options(given: Sequence[Option]) -> tuple[Option, ...]:
    if len(given) > model.MAX_OPTIONS:
        raise Invalid(f"A product has at most {model.MAX_OPTIONS} options.", field="options")
    cleaned = []
    for at, option in enumerate(given):
        name = text(option.name, f"options.{at}.name", 50, 1)
        values = tuple(dict.fromkeys(text(value, f"options.{at}.values", 100, 1) for value in option.values))
        cleaned.append(Option(name, values))
    if len({option.name for option in cleaned}) < len(cleaned):
        raise Invalid("Two options have the same name.", field="options")
    return tuple(cleaned)


def query(asked: ProductQuery) -> ProductQuery:
    """With its texts cleaned and its bounds as decimals; raises Invalid for what nobody can mean."""
    if not 1 <= asked.limit <= model.MAX_PAGE:
        raise Invalid(f"A page has between 1 and {model.MAX_PAGE} products.", field="limit")
    if not 0 <= asked.offset <= model.MAX_OFFSET:
        raise Invalid("This page is too far down; narrow the list with filters.", field="page")
    low, high = _bound(asked.min_price, "min_price"), _bound(asked.max_price, "max_price")
    if low is not None and high is not None and low > high:
        raise Invalid("The lowest price is above the highest.", field="min_price")
    search = None if asked.search is None else text(asked.search, "search", 255) or None
    category = None if asked.category is None else text(asked.category, "category", model.MAX_NAME)
    return replace(asked, search=search, category=category, min_price=low, max_price=high)


def _bound(value: Amount | None, field: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, str) and not re.fullmatch(r"\d{1,18}(?:\.\d{1,9})?", value, re.ASCII):
        raise Invalid("A price is a number like 12.50.", field=field)
    exact = Decimal(value)
    if not exact.is_finite() or exact < 0:
        raise Invalid("A price is a number like 12.50, and not below zero.", field=field)
    return min(exact, Decimal(money.MAX_MINOR))


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def create(
    draft: ProductDraft, free_slug: str, currency: Currency, now: datetime, product_id: ProductId | None = None
) -> Edit:
    """`free_slug`: the draft's own, or one made of its name, that no other product has."""
    name = text(draft.name, "name", model.MAX_NAME, 1)
    price = None if draft.price is None else amount(draft.price, currency, "price")
    if price is None and not (draft.variants and all(variant.price is not None for variant in draft.variants)):
        raise Invalid("A product needs a price.", field="price")
    compare = compare_amount(draft.compare_price, price or 0, currency, "compare_price")
    first = Variant(VariantId(ids.new()), None, "", {}, price or 0, compare, True, 0, 0, currency)
    wanted: dict[VariantId, int] = {}
    if draft.variants:
        variants = _variants(draft.variants, (), first, wanted)
    else:
        variants = (replace(first, sku=sku(draft.sku)),)
        wanted[first.id] = stock(draft.stock)
    if draft.sku is not None and len(variants) == 1 and variants[0].sku is None:
        variants = (replace(variants[0], sku=sku(draft.sku)),)
    if draft.stock and draft.variants and len(variants) == 1 and draft.variants[0].stock is None:
        wanted[variants[0].id] = stock(draft.stock)
    product = Product(
        id=product_id or ProductId(ids.new()),
        slug=free_slug,
        name=name,
        description=text(draft.description, "description", model.MAX_DESCRIPTION),
        sku=None,
        price_minor=0,
        compare_minor=None,
        currency=currency,
        options=options(draft.options or ()),
        images=images(draft.images),
        active=draft.active,
        version=1,
        created_at=now,
        updated_at=now,
        categories=(),
        variants=variants,
    )
    return Edit(None, _settled(product), wanted, draft.categories)


def change(before: Product, changes: ProductChanges, now: datetime) -> Edit:
    """What is UNSET stays. The slug, where one is given, has been checked to be free."""
    after, wanted = before, dict[VariantId, int]()
    if changes.name is not UNSET:
        after = replace(after, name=text(changes.name, "name", model.MAX_NAME, 1))
    if changes.slug is not UNSET:
        after = replace(after, slug=slug(changes.slug))
    if changes.description is not UNSET:
        after = replace(after, description=text(changes.description, "description", model.MAX_DESCRIPTION))
    if changes.active is not UNSET:
        after = replace(after, active=changes.active)
    if changes.images is not UNSET:
        after = replace(after, images=images(changes.images, before.images))
    if changes.options is not UNSET:
        after = replace(after, options=options(changes.options))
    if changes.variants is not UNSET:
        if not changes.variants:
            raise Invalid("A product keeps at least one variant.", field="variants")
        pattern = replace(before.variants[0], sku=None, title="", options={}, compare_minor=None)
        if changes.price is not UNSET:
            pattern = replace(pattern, price_minor=amount(changes.price, before.currency, "price"))
        if changes.compare_price is not UNSET:
            compare = compare_amount(changes.compare_price, pattern.price_minor, before.currency, "compare_price")
            pattern = replace(pattern, compare_minor=compare)
        after = replace(after, variants=_variants(changes.variants, before.variants, pattern, wanted))
        if changes.options is UNSET:
            after = replace(after, options=())
    else:
        shared = VariantChanges(changes.sku, UNSET, UNSET, changes.price, changes.compare_price, changes.stock)
        after = replace(after, variants=_shared(before.variants, shared, wanted))
    return _edit(before, after, now, wanted, None if changes.categories is UNSET else changes.categories)


def with_variant(before: Product, draft: VariantDraft, now: datetime) -> Edit:
    """One more. The blank variant that a product without options has gives way to the first one with options."""
    kept = before.variants
    if len(kept) == 1 and not kept[0].options and not kept[0].title:
        kept = ()
    pattern = replace(before.variants[0], sku=None, title="", options={}, active=True)
    wanted: dict[VariantId, int] = {}
    made = _variants([replace(draft, id=None)], (), pattern, wanted)
    return _edit(before, replace(before, variants=(*kept, *made)), now, wanted)


def change_variant(before: Product, variant: VariantId, changes: VariantChanges, now: datetime) -> Edit:
    wanted: dict[VariantId, int] = {}
    old = next((one for one in before.variants if one.id == variant), None)
    if old is None:
        raise NotFound("variant")
    new = _changed(old, changes, wanted)
    variants = tuple(new if one is old else one for one in before.variants)
    return _edit(before, replace(before, variants=variants), now, wanted)


def without_variant(before: Product, variant: VariantId, now: datetime) -> Edit:
    kept = tuple(one for one in before.variants if one.id != variant)
    if len(kept) == len(before.variants):
        raise NotFound("variant")
    if not kept:
        raise Refused("A product keeps at least one variant; delete the product instead.", code="last_variant")
    return _edit(before, replace(before, variants=kept), now)


def with_image(before: Product, draft: ImageDraft, position: int | None, now: datetime) -> Edit:
    drafts = [ImageDraft(one.url, one.alt, one.id) for one in before.images]
    drafts.insert(len(drafts) if position is None else max(0, position), replace(draft, id=None))
    return _edit(before, replace(before, images=images(drafts, before.images)), now)


def without_image(before: Product, image_id: UUID, now: datetime) -> Edit:
    kept = tuple(one for one in before.images if one.id != image_id)
    if len(kept) == len(before.images):
        raise NotFound("image")
    return _edit(before, replace(before, images=kept), now)


def images_in_order(before: Product, wanted: Sequence[UUID], now: datetime) -> Edit:
    known = {one.id: one for one in before.images}
    if len(wanted) != len(known) or set(wanted) != known.keys():
        raise Invalid("Name each of the product's images once, in their new order.", field="images")
    return _edit(before, replace(before, images=tuple(known[one] for one in wanted)), now)


def _edit(
    before: Product,
    after: Product,
    now: datetime,
    wanted: Mapping[VariantId, int] | None = None,
    categories: Sequence[CategoryKey] | None = None,
) -> Edit:
    after = replace(after, version=before.version + 1, updated_at=now)
    return Edit(before, _settled(after), wanted or {}, categories)


def _settled(product: Product) -> Product:
    """With all that follows from its variants: options, titles, price, SKU; raises Invalid where they do not fit."""
    if len(product.variants) > model.MAX_VARIANTS:
        raise Invalid(f"A product has at most {model.MAX_VARIANTS} variants.", field="variants")
    named: dict[str, dict[str, None]] = {option.name: dict.fromkeys(option.values) for option in product.options}
    for variant in product.variants:
        for name, value in variant.options.items():
            named.setdefault(name, {}).setdefault(value)
    gathered = options([Option(name, tuple(values)) for name, values in named.items()])
    variants = tuple(_titled(variant, gathered) for variant in product.variants)
    if len({(tuple(sorted(one.options.items())), one.title) for one in variants}) < len(variants):
        raise Invalid("Two variants have the same options.", field="variants")
    skus = [variant.sku for variant in variants if variant.sku is not None]
    if len(set(skus)) < len(skus):
        raise Invalid("Two variants have the same SKU.", field="sku")
    cheapest = min([one for one in variants if one.active] or variants, key=lambda one: one.price_minor)
    return replace(
        product,
        options=gathered,
        variants=variants,
        price_minor=cheapest.price_minor,
        compare_minor=cheapest.compare_minor,
        sku=variants[0].sku,
    )


def _titled(variant: Variant, ordered: Sequence[Option]) -> Variant:
    if variant.title or not variant.options:
        return variant
    title = " / ".join(variant.options[option.name] for option in ordered if option.name in variant.options)
    return replace(variant, title=title[: model.MAX_NAME])


def _shared(
    variants: tuple[Variant, ...], changes: VariantChanges, wanted: dict[VariantId, int]
) -> tuple[Variant, ...]:
    """Changes that name the product, not one of its variants."""
    if len(variants) > 1:
        for field, value in (("sku", changes.sku), ("stock_quantity", changes.stock)):
            if value is not UNSET:
                raise Refused(
                    "This product has several variants; change it on the variant.", code="has_variants", field=field
                )
    return tuple(_changed(one, changes, wanted) for one in variants)


def _variants(
    drafts: Sequence[VariantDraft], known: Sequence[Variant], pattern: Variant, wanted: dict[VariantId, int]
) -> tuple[Variant, ...]:
    """The drafts as variants: those of `known` that they name, changed, and new ones after `pattern`."""
    if len(drafts) > model.MAX_VARIANTS:
        raise Invalid(f"A product has at most {model.MAX_VARIANTS} variants.", field="variants")
    made, left = list[Variant](), list(known)
    for at, draft in enumerate(drafts):
        field = f"variants.{at}."
        old = next((one for one in left if _names(draft, one)), None)
        if old is None and draft.id is not None:
            if any(one.id == draft.id for one in known):
                raise Invalid("This variant is in the list twice.", field=f"{field}id")
            raise NotFound("variant", field=f"{field}id")
        if old is not None:
            left.remove(old)
        base = old or replace(pattern, id=VariantId(ids.new()), on_hand=0, reserved=0)
        changes = VariantChanges(
            sku=draft.sku if draft.sku is not None else UNSET,
            options=draft.options or UNSET,
            title=_given(draft.title),
            price=_given(draft.price),
            compare_price=_given(draft.compare_price),
            stock=_given(draft.stock),
            active=_given(draft.active),
        )
        made.append(_changed(base, changes, wanted, field))
        if old is None:
            wanted.setdefault(base.id, 0)
    return tuple(made)


def _names(draft: VariantDraft, variant: Variant) -> bool:
    if draft.id is not None:
        return draft.id == variant.id
    if draft.sku is not None:
        return draft.sku.strip() == variant.sku
    return draft.options == variant.options


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _changed(old: Variant, changes: VariantChanges, wanted: dict[VariantId, int], field: str = "") -> Variant:
    new = old
    if changes.sku is not UNSET:
        new = replace(new, sku=sku(changes.sku, f"{field}sku"))
    if changes.options is not UNSET and changes.options != old.options:
        cleaned = {
            text(name, f"{field}options", 50, 1): text(value, f"{field}options", 100, 1)
            for name, value in changes.options.items()
        }
        new = replace(new, options=cleaned, title="")
    if changes.title is not UNSET:
        new = replace(new, title=text(changes.title, f"{field}title", model.MAX_NAME))
    if changes.price is not UNSET:
        new = replace(new, price_minor=amount(changes.price, old.currency, f"{field}price"))
    if changes.compare_price is not UNSET:
        compare = compare_amount(changes.compare_price, new.price_minor, old.currency, f"{field}compare_price")
        new = replace(new, compare_minor=compare)
    if changes.active is not UNSET:
        new = replace(new, active=changes.active)
    if changes.stock is not UNSET:
        wanted[old.id] = stock(changes.stock, f"{field}stock_quantity")
    return new
