"""Products as lines of a file: CSV (a variant a line) and JSON Lines (a product a line), read and written. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from merx.core.catalog.model import (
    Amount,
    ImageDraft,
    Product,
    ProductChanges,
    ProductDraft,
    Variant,
    VariantDraft,
)
from merx.kernel.errors import Invalid
from merx.kernel.money import Money

COLUMNS = (
    "slug",
    "name",
    "description",
    "price",
    "compare_price",
    "sku",
    "stock_quantity",
    "active",
    "categories",
    "images",
    "options",
)
_KEYS = {*COLUMNS, "variants", "category", "title"}
_TRUE, _FALSE = {"true", "yes", "1", "y"}, {"false", "no", "0", "n"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Values = Mapping[str, Any]


class Record(msgspec.Struct, frozen=True):
    """One product of a file and the line it begins on. `wrong`: why the line could not be read at all."""

    line: int
    values: Values = {}
    wrong: str | None = None


class Given(msgspec.Struct, frozen=True):
    """What a record says of a product; what it does not say is UNSET."""

    slug: str | None
    name: str | UnsetType
    description: str | UnsetType
    price: Amount | UnsetType
    compare_price: Amount | None | UnsetType
    sku: str | None
    stock: int | UnsetType
    active: bool | UnsetType
    categories: tuple[str, ...] | UnsetType
    images: tuple[ImageDraft, ...] | UnsetType
    variants: tuple[VariantDraft, ...] | UnsetType

    def skus(self) -> list[str]:
        variants = self.variants if self.variants is not UNSET else ()
        return [sku for sku in (self.sku, *(variant.sku for variant in variants)) if sku]

    def draft(self) -> ProductDraft:
        if self.name is UNSET:
            raise Invalid("A new product needs a name.", field="name")
        return ProductDraft(
            name=self.name,
            price=_or(self.price, None),
            description=_or(self.description, ""),
            slug=self.slug,
            compare_price=_or(self.compare_price, None),
            sku=self.sku,
            stock=_or(self.stock, 0),
            active=_or(self.active, True),
            images=_or(self.images, ()),
            categories=_or(self.categories, ()),
            variants=_or(self.variants, ()),
        )

    def changes(self, before: Product) -> ProductChanges:
        """Of a product with several variants, a record without variants of its own changes the one with its SKU."""
        variants, price, compare, stock = self.variants, self.price, self.compare_price, self.stock
        if variants is UNSET and len(before.variants) > 1 and self.sku is not None:
            changed = VariantDraft(
                sku=self.sku, price=_or(price, None), compare_price=_or(compare, None), stock=_or(stock, None)
            )
            kept = [VariantDraft(id=one.id) for one in before.variants]
            at = [one.sku for one in before.variants].index(self.sku) if self.sku in _skus(before) else len(kept)
            variants = (*kept[:at], changed, *kept[at + 1 :])
            price = compare = stock = UNSET
        alone = variants is UNSET and len(before.variants) == 1
        return ProductChanges(
            name=self.name,
            description=self.description,
            price=price,
            compare_price=compare if variants is UNSET else UNSET,
            sku=self.sku if alone and self.sku is not None else UNSET,
            stock=stock if variants is UNSET else UNSET,
            active=self.active,
            images=self.images,
            categories=self.categories,
            variants=variants,
        )


def _skus(product: Product) -> list[str | None]:
    return [variant.sku for variant in product.variants]


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is UNSET else value


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def read_json_lines(lines: Iterable[str]) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = decoder.decode(line)
            json.loads(line, object_pairs_hook=_once)
        except _Twice as name:
            yield Record(number, wrong=f"The field {name} appears twice in one object.")
        except (msgspec.DecodeError, ValueError, RecursionError):
            yield Record(number, wrong="This line is not a JSON object.")
        else:
            yield Record(number, values)


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A second value would quietly take the first one's place."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name[:50])
        found[name] = value
    return found


def read_csv(lines: Iterable[str]) -> Iterator[Record]:
    """Consecutive lines of one slug, and lines with neither slug nor name, are variants of one product."""
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    first, group = 0, list[dict[str, str]]()
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as wrong:
            yield Record(begins, wrong=_not_csv(str(wrong)))
            return
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [cell.strip().lstrip("\ufeff").lower().replace(" ", "_") for cell in cells]
            if unknown := [name for name in header if name not in COLUMNS]:
                yield Record(begins, wrong=_no_column(unknown[0]))
                return
            if twice := [name for name in COLUMNS if header.count(name) > 1]:
                yield Record(begins, wrong=f"There are two columns {twice[0]}; leave one out.")
                return
            continue
        if len(cells) > len(header):
            yield Record(begins, wrong=f"This line has {len(cells)} cells, the header has {len(header)}.")
            continue
        values = {name: _plain(cell) for name, cell in zip(header, cells, strict=False) if cell.strip()}
        if group and _continues(group[0], values):
            group.append(values)
            continue
        if group:
            yield Record(first, _grouped(group))
        first, group = begins, [values]
    if group:
        yield Record(first, _grouped(group))
    elif header is None:
        yield Record(1, wrong=f"The file is empty; its first line names the columns: {', '.join(COLUMNS)}.")


def _not_csv(why: str) -> str:
    if "new-line character" in why:
        return "This line ends with a carriage return alone: save the file with the line ends of Windows or Unix."
    return f"This line is not CSV: {why}."


def _no_column(name: str) -> str:
    for mark, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if mark in name:
            return f"Cells have commas between them, and here it is {called}: save the file as CSV with commas."
    return f"There is no column {name[:100]}; there are {', '.join(COLUMNS)}."


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    """Or what would be taken for a guarded one: it is guarded too, so that it is read back as it was."""
    return cell.lstrip("'").startswith(_FORMULA)


def _continues(first: Values, values: Values) -> bool:
    if "slug" in values:
        return bool(values["slug"] == first.get("slug"))
    return "name" not in values and "options" in values


def _grouped(group: Sequence[dict[str, str]]) -> Values:
    product = dict(group[0])
    if len(group) == 1 and "options" not in product:
        return product
    own = ("sku", "price", "compare_price", "stock_quantity", "options")
    variants = [{name: values[name] for name in own if name in values} for values in group]
    return {name: value for name, value in product.items() if name not in own or name == "price"} | {
        "variants": variants
    }


def parse(values: Values) -> Given:
    """Raises Invalid with the field named."""
    if unknown := [name for name in values if name not in _KEYS]:
        raise Invalid(f"There is no field {str(unknown[0])[:50]}.", field=str(unknown[0])[:50])
    categories = values.get("categories", values.get("category"))
    images = values.get("images")
    variants = values.get("variants")
    if variants is None and values.get("options"):
        variants = [{name: values[name] for name in ("sku", "stock_quantity", "options", "title") if name in values}]
    return Given(
        slug=_text(values, "slug") or None,
        name=_text(values, "name", UNSET),
        description=_text(values, "description", UNSET),
        price=_amount(values, "price"),
        compare_price=_amount(values, "compare_price"),
        sku=None if variants else (_text(values, "sku") or None),
        stock=UNSET if variants else _count(values, "stock_quantity"),
        active=_flag(values, "active"),
        categories=UNSET if categories is None else tuple(_listed(categories, "categories", ";")),
        images=UNSET if images is None else tuple(_image(one) for one in _items(images, "images", "|")),
        variants=UNSET if variants is None else tuple(_variant(one) for one in _items(variants, "variants", "")),
    )


def _variant(values: Any) -> VariantDraft:
    if not isinstance(values, Mapping):
        raise Invalid("A variant is an object.", field="variants")
    active, stock = _flag(values, "active"), _count(values, "stock_quantity")
    return VariantDraft(
        sku=_text(values, "sku") or None,
        options=_options(values.get("options")),
        title=_text(values, "title", None),
        price=_or(_amount(values, "price"), None),
        compare_price=_or(_amount(values, "compare_price"), None),
        stock=_or(stock, None),
        active=_or(active, None),
    )


def _text(values: Values, name: str, otherwise: Any = "") -> Any:
    value = values.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, str):
        raise Invalid(f"The {name} is text.", field=name)
    return value.strip()


def _amount(values: Values, name: str) -> Any:
    value = values.get(name)
    if value is None or value == "":
        return UNSET
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Invalid("A price is a number like 12.50.", field=name)
    return value


def _count(values: Values, name: str) -> int | UnsetType:
    value = values.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if value is None or value == "":
        return UNSET
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid("Stock is a whole number.", field=name)
    return value


def _flag(values: Values, name: str) -> bool | UnsetType:
    value = values.get(name)
    if value is None or value == "":
        return UNSET
    if isinstance(value, str):
        value = True if value.lower() in _TRUE else False if value.lower() in _FALSE else None
    if not isinstance(value, bool):
        raise Invalid(f"{name} is true or false.", field=name)
    return value


def _items(value: Any, name: str, separator: str) -> list[Any]:
    if isinstance(value, str) and separator:
        return [part for part in (_unmarked(part.strip()) for part in _split(value, separator)) if part]
    if not isinstance(value, list):
        raise Invalid(f"{name} is a list.", field=name)
    return value


def _listed(value: Any, name: str, separator: str) -> list[str]:
    items = _items(value, name, separator)
    if not all(isinstance(one, str) for one in items):
        raise Invalid(f"{name} is a list of names.", field=name)
    return items


def _image(value: Any) -> ImageDraft:
    if isinstance(value, str):
        url, _, alt = value.strip().partition(" ")
        return ImageDraft(url, alt.strip())
    if not isinstance(value, Mapping):
        raise Invalid("An image is a url, or an object with url and alt.", field="images")
    return ImageDraft(_text(value, "url"), _text(value, "alt"))


def _options(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        pairs = [_split(part, "=") for part in _split(value, ";") if part.strip()]
        if not all(len(pair) > 1 for pair in pairs):
            raise Invalid("Options look like Colour=Black; Size=L.", field="options")
        return {_unmarked(name).strip(): _unmarked("=".join(chosen)).strip() for name, *chosen in pairs}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise Invalid("Options are names with one value each.", field="options")
    return dict(value)


# ── Several things in one cell ────────────────────────────────────────────────────────────────────────────────────────
_MARKED = re.compile(r"\\([\\;|=])")
_PIECES = re.compile(r"\\[\\;|=]|.", re.DOTALL)


def _marked(text: str, separators: str) -> str:
    """A separator that is part of a text has a backslash before it, and so has a backslash."""
    return "".join(f"\\{one}" if one == "\\" or one in separators else one for one in text)


def _unmarked(text: str) -> str:
    return _MARKED.sub(r"\1", text)


def _split(text: str, separator: str) -> list[str]:
    """At the separators that have no backslash before them; the parts are still to be `_unmarked`."""
    parts = [""]
    for piece in _PIECES.findall(text):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def json_line(product: Product, paths: Mapping[Any, str]) -> str:
    """`paths`: the path of names of each category."""
    values: dict[str, Any] = {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "price": product.price.text(),
        "active": product.active,
        "categories": [paths[one.id] for one in product.categories if one.id in paths],
        "images": [{"url": one.url, "alt": one.alt} for one in product.images],
        "variants": [_variant_values(one) for one in product.variants],
    }
    return msgspec.json.encode(values).decode()


def _variant_values(variant: Variant) -> dict[str, Any]:
    values: dict[str, Any] = {
        "sku": variant.sku,
        "title": variant.title,
        "options": variant.options,
        "price": variant.price.text(),
        "compare_price": _money(variant.compare_price),
        "stock_quantity": variant.available,
        "active": variant.active,
    }
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _money(value: Money | None) -> str | None:
    return None if value is None else value.text()


def csv_header() -> str:
    return _csv_line(COLUMNS)


def csv_lines(product: Product, paths: Mapping[Any, str]) -> Iterator[str]:
    for at, variant in enumerate(product.variants):
        of_product = (
            product.name if at == 0 else "",
            product.description if at == 0 else "",
        )
        shared = (
            "; ".join(_marked(paths[one.id], ";") for one in product.categories if one.id in paths),
            " | ".join(_marked(f"{one.url} {one.alt}".strip(), "|") for one in product.images),
        )
        yield _csv_line(
            [
                product.slug,
                *of_product,
                variant.price.text(),
                _money(variant.compare_price) or "",
                variant.sku or "",
                str(variant.available),
                str(product.active).lower(),
                *(shared if at == 0 else ("", "")),
                "; ".join(f"{_marked(name, ';=')}={_marked(value, ';=')}" for name, value in variant.options.items()),
            ]
        )


def _csv_line(cells: Sequence[str]) -> str:
    """Cells that a spreadsheet would run as a formula begin with an apostrophe."""
    line = io.StringIO()
    guarded = [f"'{cell}" if _is_formula(cell) else cell for cell in cells]
    csv.writer(line, lineterminator="\n").writerow(guarded)
    return line.getvalue()


def paths_of(categories: Iterable[Any]) -> dict[Any, str]:
    """'Electronics > Audio' of each category, parents coming before their children."""
    paths: dict[Any, str] = {}
    for category in categories:
        above = paths.get(category.parent_id)
        paths[category.id] = f"{above} > {category.name}" if above else category.name
    return paths
