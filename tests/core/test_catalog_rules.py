"""What a product may look like, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merx.core.catalog import model, rows, rules
from merx.core.catalog.model import (
    Category,
    ImageDraft,
    Option,
    Product,
    ProductChanges,
    ProductDraft,
    VariantChanges,
    VariantDraft,
)
from merx.core.catalog.tree import Tree, ordered
from merx.kernel.errors import Invalid, MerxError
from merx.kernel.ids import VariantId
from merx.kernel.money import MAX_MINOR, Currency

NOW = datetime(2026, 1, 2, tzinfo=UTC)
USD = Currency("USD")


def product(draft: ProductDraft) -> Product:
    return rules.create(draft, "slug", USD, NOW).after


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (ProductDraft("", 1), "name"),
        (ProductDraft("   ", 1), "name"),
        (ProductDraft("x" * 256, 1), "name"),
        (ProductDraft("a\x00b", 1), "name"),
        (ProductDraft("A"), "price"),
        (ProductDraft("A", -1), "price"),
        (ProductDraft("A", "1.001"), "price"),
        (ProductDraft("A", "1e3"), "price"),
        (ProductDraft("A", True), "price"),
        (ProductDraft("A", Decimal("NaN")), "price"),
        (ProductDraft("A", 10**30), "price"),
        (ProductDraft("A", 2, compare_price=1), "compare_price"),
        (ProductDraft("A", 1, description="x" * 20_001), "description"),
        (ProductDraft("A", 1, sku="x" * 101), "sku"),
        (ProductDraft("A", 1, stock=-1), "stock_quantity"),
        (ProductDraft("A", 1, stock=10**12), "stock_quantity"),
        (ProductDraft("A", 1, images=tuple(ImageDraft(f"/{n}") for n in range(21))), "images"),
        (ProductDraft("A", 1, options=(Option("x", ("a",)), Option("x", ("b",)))), "options"),
        (ProductDraft("A", 1, variants=tuple(VariantDraft(str(n), {"n": str(n)}) for n in range(101))), "variants"),
        (ProductDraft("A", 1, variants=(VariantDraft("a"), VariantDraft("b"))), "variants"),
        (ProductDraft("A", 1, variants=(VariantDraft("a", {"x": "1"}), VariantDraft("a", {"x": "2"}))), "sku"),
        (ProductDraft("A", 1, variants=(VariantDraft("a", {"x": "1"}, price="no"),)), "variants.0.price"),
        (ProductDraft("A", variants=(VariantDraft("a", {"x": "1"}),)), "price"),
    ],
)
def test_senseless_products_are_refused_with_the_field(draft: ProductDraft, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        product(draft)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil.example/x", "data:image/png;base64,x", "ftp://x/y", "x.png", "/\\evil", "",
     "https://", "https://a b/", "http://user@host/x", "/a b", "https://x/" + "y" * 2048, "/a\nb", "https:///x"],
)  # fmt: skip
def test_other_addresses_than_images_have_are_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        product(ProductDraft("A", 1, images=(ImageDraft(url),)))
    assert refused.value.field == "images.0.url"


@pytest.mark.parametrize("url", ["https://cdn.example.com/a.png?w=1#x", "http://h:8000/a", "/static/a.svg", "/"])
def test_addresses_of_images(url: str) -> None:
    assert product(ProductDraft("A", 1, images=(ImageDraft(url),))).images[0].url == url


@pytest.mark.parametrize("slug", ["A", "a_b", "a--b", "-a", "a/b", "", "é", "x" * 201])
def test_slugs_are_refused_not_changed(slug: str) -> None:
    with pytest.raises(Invalid):
        rules.slug(slug)


PRICES = st.integers(0, 10**6).map(lambda cents: Decimal(cents).scaleb(-2))
CHANGES = st.builds(
    VariantChanges,
    price=PRICES,
    active=st.booleans(),
    stock=st.integers(0, 50),
    options=st.dictionaries(st.sampled_from(["Size", "Colour"]), st.sampled_from("abc"), min_size=1),
)


@given(st.lists(st.tuples(PRICES, st.booleans()), min_size=1, max_size=8), st.lists(CHANGES, max_size=6), st.data())
def test_a_product_always_agrees_with_its_variants(
    given_variants: list[tuple[Decimal, bool]], changes: list[VariantChanges], data: st.DataObject
) -> None:
    drafts = tuple(
        VariantDraft(f"S{n}", {"N": str(n)}, price=price, active=active)
        for n, (price, active) in enumerate(given_variants)
    )
    now = product(ProductDraft("A", 1, variants=drafts))
    for change in changes:
        variant: VariantId = data.draw(st.sampled_from([one.id for one in now.variants]))
        before = now
        try:
            now = rules.change_variant(now, variant, change, NOW).after
        except MerxError:
            continue
        assert now.version == before.version + 1
        live = [one for one in now.variants if one.active] or list(now.variants)
        assert now.price_minor == min(one.price_minor for one in live) <= MAX_MINOR
        assert now.sku == now.variants[0].sku
        offered = {option.name: option.values for option in now.options}
        for one in now.variants:
            assert all(value in offered[name] for name, value in one.options.items())


@given(
    st.builds(
        ProductChanges,
        name=st.sampled_from(["x", "Lamp", " y "]),
        price=PRICES,
        stock=st.integers(0, 9),
        description=st.sampled_from(["", "words"]),
        active=st.booleans(),
    )
)
def test_a_change_sent_again_changes_nothing_more(changes: ProductChanges) -> None:
    once = rules.change(product(ProductDraft("A", 5, stock=1)), changes, NOW)
    twice = rules.change(once.after, changes, NOW)
    assert twice.after.version == once.after.version + 1
    fields = [name for name in Product.__struct_fields__ if name != "version"]
    assert [getattr(twice.after, name) for name in fields] == [getattr(once.after, name) for name in fields]


@given(st.lists(st.integers(0, 30), max_size=40))
def test_the_tree_stays_a_tree(moves: list[int]) -> None:
    tree = Tree((), NOW)
    made = [tree.resolve(f"C{n}") for n in range(8)]
    known = {one.id: one for one in made}
    for move in moves:
        child, parent = made[move % 8], made[(move // 8 + move) % 8]
        tree = Tree(known.values(), NOW)
        try:
            moved = tree.moved(known[child.id], known[parent.id])
        except Invalid:
            continue
        known[moved.id] = moved
    flat = ordered(known.values())
    assert {one.id for one in flat} == known.keys()  # all can be reached from the top
    seen: set[UUID] = set()
    for one in flat:
        assert one.parent_id is None or one.parent_id in seen
        seen.add(one.id)


def test_paths_make_what_is_missing_and_no_more() -> None:
    tree = Tree((), NOW)
    audio = tree.resolve("Electronics > Audio")
    assert tree.resolve(" electronics >AUDIO ") == audio
    assert [(one.name, one.number) for one in tree.made] == [("Electronics", 1), ("Audio", 2)]
    assert tree.find("Audio") == audio and tree.find("Home > Audio") is None
    for wrong in (" > ", "", ">".join("abcdefghijkl"), UUID(int=1), 9):
        with pytest.raises(Invalid):
            tree.resolve(wrong)
    again: list[Category] = tree.take_made()
    assert len(again) == 2 and tree.made == []


@given(st.text(max_size=60))
def test_no_csv_file_breaks_the_reader(text: str) -> None:
    for record in rows.read_csv(("name,price,options\n" + text).splitlines(keepends=True)):
        assert record.line >= 1
        if record.wrong is None:
            try:
                rows.parse(record.values)
            except Invalid as refused:
                assert refused.field


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), st.lists, max_leaves=5))
def test_no_value_breaks_a_row(value: object) -> None:
    for name in (*rows.COLUMNS, "variants"):
        try:
            rows.parse({"name": "x", name: value})
        except Invalid as refused:
            assert refused.field


def test_limits_are_the_documented_ones() -> None:
    assert (model.MAX_NAME, model.MAX_DESCRIPTION, model.MAX_VARIANTS, model.MAX_IMAGES) == (255, 20_000, 100, 20)
