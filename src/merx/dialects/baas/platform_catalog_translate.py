"""Owns the way between the core's catalogue and what the merchant sees and sends of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import asdict

from merx.core.catalog import model as catalog
from merx.core.inventory.model import Movement
from merx.core.media.model import sized
from merx.dialects.baas import platform_goods_wire as goods
from merx.dialects.baas import translate, wire
from merx.dialects.baas.platform_door import in_body
from merx.kernel import ids
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.ids import VariantId

second = translate.second


def image(found: catalog.Image, base: str) -> goods.MerchantImage:
    url = translate.absolute(base, found.url)
    sizes = {str(width): address for width, address in sized(url).items()}
    return goods.MerchantImage(ids.encode("img", found.id), url, found.alt, sizes)


def images(found: catalog.Product, base: str) -> goods.MerchantImages:
    return goods.MerchantImages(len(found.images), None, None, [image(one, base) for one in found.images])


def variant(found: catalog.Variant) -> goods.MerchantVariant:
    return goods.MerchantVariant(**asdict(translate.variant(found)), active=found.active)


def variants(found: catalog.Product) -> goods.MerchantVariants:
    return goods.MerchantVariants(len(found.variants), None, None, [variant(one) for one in found.variants])


def product(found: catalog.Product, base: str) -> goods.MerchantProduct:
    compare, first = found.compare_price, found.categories[0] if found.categories else None
    return goods.MerchantProduct(
        id=ids.encode("prod", found.id),
        name=found.name,
        slug=found.slug,
        description=found.description,
        price=found.price.text(),
        compare_price=None if compare is None else compare.text(),
        images=[image(one, base) for one in found.images],
        category=None if first is None else wire.CategoryRef(first.number, first.name),
        in_stock=found.in_stock,
        stock_quantity=found.available,
        created_at=second(found.created_at),
        updated_at=second(found.updated_at),
        sku=found.sku,
        currency=found.currency,
        active=found.active,
        version=found.version,
        categories=[goods.MerchantCategoryRef(one.number, one.name, one.slug) for one in found.categories],
        options=tuple(wire.Option(one.name, one.values) for one in found.options),
        variants=[variant(one) for one in found.variants],
    )


def image_drafts(given: Iterable[goods.NewImage | str], base: str) -> tuple[catalog.ImageDraft, ...]:
    """A picture that Merx serves itself comes back as it was shown, and is kept without a host again."""
    drafts = []
    for at, one in enumerate(given):
        if isinstance(one, str):
            drafts.append(catalog.ImageDraft(hostless(one, base)))
        else:
            known = None if one.id is None else in_body("img", one.id, "image", f"images[{at}].id")
            drafts.append(catalog.ImageDraft(hostless(one.url, base), one.alt, known))
    return tuple(drafts)


def hostless(url: str, base: str) -> str:
    return url[len(base) :] if url.startswith(f"{base}/") else url


def options(given: Iterable[goods.NewOption]) -> tuple[catalog.Option, ...]:
    return tuple(catalog.Option(one.name, tuple(one.values)) for one in given)


def variant_draft(given: goods.NewVariant, field: str = "id") -> catalog.VariantDraft:
    known = None if given.id is None else VariantId(in_body("var", given.id, "variant", field))
    return catalog.VariantDraft(
        sku=given.sku,
        options=given.options,
        title=given.title,
        price=given.price,
        compare_price=given.compare_price,
        stock=given.stock_quantity,
        active=given.active,
        id=known,
    )


def variant_drafts(given: Iterable[goods.NewVariant]) -> tuple[catalog.VariantDraft, ...]:
    return tuple(variant_draft(one, f"variants[{at}].id") for at, one in enumerate(given))


def one_way(category: Any, categories: Any, absent: Any) -> Any:
    """`category` and `categories` say the same thing; who sends both means one of them wrong."""
    if category is not absent and categories is not absent:
        raise Invalid("Send category or categories, not both.", field="category")
    if category is absent:
        return absent if categories is absent else tuple(categories)
    return () if category is None else (category,)


def product_draft(given: goods.NewProduct, base: str) -> catalog.ProductDraft:
    return catalog.ProductDraft(
        name=given.name,
        price=given.price,
        description=given.description,
        slug=given.slug,
        compare_price=given.compare_price,
        sku=given.sku,
        stock=given.stock_quantity,
        active=given.active,
        options=None if given.options is None else options(given.options),
        images=image_drafts(given.images, base),
        categories=one_way(given.category, given.categories, None) or (),
        variants=variant_drafts(given.variants),
    )


def product_changes(given: goods.ProductChange, base: str) -> catalog.ProductChanges:
    return catalog.ProductChanges(
        name=given.name,
        slug=given.slug,
        description=given.description,
        price=given.price,
        compare_price=given.compare_price,
        sku=given.sku,
        stock=given.stock_quantity,
        active=given.active,
        options=UNSET if given.options is UNSET else options(given.options),
        images=UNSET if given.images is UNSET else image_drafts(given.images, base),
        categories=one_way(given.category, given.categories, UNSET),
        variants=UNSET if given.variants is UNSET else variant_drafts(given.variants),
        expected_version=None if given.version is UNSET else given.version,
    )


def variant_changes(given: goods.VariantChange) -> catalog.VariantChanges:
    return catalog.VariantChanges(
        given.sku, given.options, given.title, given.price, given.compare_price, given.stock_quantity, given.active
    )


def added_variant(before: Sequence[catalog.Variant], after: Sequence[catalog.Variant]) -> catalog.Variant:
    known = {one.id for one in before}
    return next((one for one in after if one.id not in known), after[-1])


def level(found: catalog.Variant) -> goods.StockLevel:
    return goods.StockLevel(
        ids.encode("var", found.id), found.sku, found.title, found.available, found.on_hand, found.reserved
    )


def movement(found: Movement) -> goods.Movement:
    return goods.Movement(
        id=ids.encode("mov", found.id),
        variant_id=ids.encode("var", found.variant_id),
        type=found.kind.value,
        on_hand_change=found.on_hand_delta,
        reserved_change=found.reserved_delta,
        order_id=None if found.order_id is None else ids.encode("ord", found.order_id),
        reason=found.reason,
        actor=found.actor.partition(":")[0],
        created_at=second(found.created_at),
    )


def chosen_variant(found: catalog.Product, given: str | None) -> catalog.Variant:
    """The variant that is meant; a product with one needs none named."""
    if given is None:
        if len(found.variants) > 1:
            raise Invalid("This product has several variants; say which one.", field="variant_id")
        return found.variants[0]
    wanted = in_body("var", given, "variant", "variant_id")
    known = next((one for one in found.variants if one.id == wanted), None)
    if known is None:
        raise NotFound("variant", field="variant_id")
    return known


def variant_of(found: catalog.Product, wanted: UUID) -> catalog.Variant:
    known = next((one for one in found.variants if one.id == wanted), None)
    if known is None:
        raise NotFound("variant")
    return known


def category_of(found: Iterable[catalog.Category], number: int) -> catalog.Category:
    known = next((one for one in found if one.number == number), None)
    if known is None:
        raise NotFound("category")
    return known


def category(found: catalog.Category, numbers: Mapping[UUID, int]) -> goods.MerchantCategory:
    return goods.MerchantCategory(**_category(found, numbers))


def _category(found: catalog.Category, numbers: Mapping[UUID, int]) -> dict[str, Any]:
    return {
        "id": found.number,
        "name": found.name,
        "slug": found.slug,
        "description": found.description,
        "parent": None if found.parent_id is None else numbers.get(found.parent_id),
        "position": found.position,
        "created_at": second(found.created_at),
    }


def category_numbers(found: Iterable[catalog.Category]) -> dict[UUID, int]:
    return {one.id: one.number for one in found}


def category_tree(found: Sequence[catalog.Category]) -> list[goods.CategoryNode]:
    """`found` has parents before their children."""
    numbers = category_numbers(found)
    top: list[goods.CategoryNode] = []
    below: dict[UUID, list[goods.CategoryNode]] = {}
    for one in found:
        node = goods.CategoryNode(**_category(one, numbers), children=below.setdefault(one.id, []))
        (top if one.parent_id is None else below.setdefault(one.parent_id, [])).append(node)
    return top
