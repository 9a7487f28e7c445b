"""How a product's variants are offered: one list of real radio buttons, in rows by the first of two or more options, so
that choosing needs no script."""

from __future__ import annotations

from merx.core.catalog.model import Product, Variant
from merx.kernel import ids
from merx.kernel.money import Money


class Row:
    def __init__(self, label: str, variants: list[tuple[Variant, str]]) -> None:
        self.label = label
        self.variants = variants  # with the words beside the button


class Choice:
    """`asked`: the variant an address names, if it is one of the product's."""

    def __init__(self, product: Product, asked: str = "") -> None:
        self.product = product
        self.variants = product.variants
        wanted = ids.parse_uuid(asked)
        named = [one for one in self.variants if one.id == wanted]
        able = [one for one in self.variants if one.available > 0]
        self.chosen: Variant | None = next(iter(named or able or self.variants), None)
        self.needed = len(self.variants) > 1
        self.varies = len({one.price_minor for one in self.variants}) > 1

    @property
    def legend(self) -> str:
        return " and ".join(option.name for option in self.product.options) or "Variant"

    @property
    def rows(self) -> list[Row]:
        options = [option.name for option in self.product.options]
        if len(options) < 2:
            return [Row("", [(one, one.title or self.product.name) for one in self.variants])]
        first, others = options[0], options[1:]
        rows: dict[str, list[tuple[Variant, str]]] = {}
        for one in self.variants:
            words = " / ".join(one.options[name] for name in others if name in one.options)
            rows.setdefault(one.options.get(first, ""), []).append((one, words or one.title))
        return [Row(label, variants) for label, variants in rows.items()]

    def saving(self, variant: Variant) -> Money | None:
        """What is saved against the price compared with."""
        compared = variant.compare_minor
        if compared is None or compared <= variant.price_minor:
            return None
        return Money(compared - variant.price_minor, variant.currency)
