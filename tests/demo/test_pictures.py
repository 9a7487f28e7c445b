"""Every demo product has its pictures, and the committed files are what the drawings give."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from merx.demo import pictures, shops
from merx.demo.pictures import COLOURS, GROUNDS, KINDS, View, draw, ground_for
from merx.demo.pictures.__main__ import FOLDER, drawn, write

PLAIN = {"svg", "g", "rect", "circle", "ellipse", "path"}


@pytest.mark.parametrize("slug", shops.SLUGS)
def test_committed_pictures_are_current(slug: str) -> None:
    """`python -m merx.demo.pictures` brings them up to date."""
    wanted = drawn(shops.load(slug))
    kept = {path.name: path.read_text(encoding="utf-8") for path in (FOLDER / slug).iterdir()}
    assert set(kept) == set(wanted)
    assert [name for name in wanted if kept[name] != wanted[name]] == []


@pytest.mark.parametrize("slug", shops.SLUGS)
def test_each_product_has_several_of_its_own(slug: str) -> None:
    shop = shops.load(slug)
    wanted = drawn(shop)
    assert len(set(wanted.values())) == len(wanted), "two products share a picture"
    for product in shop.products:
        images = shop.images(product)
        assert len(images) >= 2 and images[0].file == f"{product.slug}-1.svg"
        assert len({image.alt for image in images}) == len(images)
        assert all(image.url == f"/demo/pictures/{slug}/{image.file}" for image in images)
        for option in product.options:
            if option.name == shops.COLOUR and product.picture.colours:
                assert list(option.values) == list(product.picture.colours), product.slug
                assert {image.colour for image in images} - {None} == set(option.values)
        if product.picture.colours:
            assert next(iter(product.picture.colours.values())) == product.picture.main, product.slug
            assert shops.COLOUR in {option.name for option in product.options}, product.slug


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("view", list(View))
def test_drawings_are_small_plain_svg(kind: str, view: View) -> None:
    for form in range(KINDS[kind].forms):
        document = draw(kind, "teal", "mustard", "peach", form, view)
        assert len(document.encode()) <= pictures.LIMIT
        root = ElementTree.fromstring(document)
        assert root.get("viewBox") == "0 0 400 500"
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= PLAIN
        names = {name for element in root.iter() for name in element.attrib}
        assert not any(name.startswith("on") or "href" in name or name in {"style", "id"} for name in names)
        assert document.count("http") == 1, "the namespace and no other address"


def test_colour_and_form_make_different_pictures() -> None:
    one = draw("tent", "orange", "sand", "ice", 0)
    assert len({one, draw("tent", "teal", "sand", "ice", 0), draw("tent", "orange", "sand", "ice", 1)}) == 3
    assert draw("tent", "orange", "sand", "ice", 0) == one


def test_a_ground_is_found_for_every_pair_of_colours() -> None:
    for main in COLOURS:
        for accent in COLOURS:
            assert ground_for("a-product", main, accent) in GROUNDS
    assert len({ground_for(f"product-{n}", "ink", "clay") for n in range(60)}) > 5


def test_every_kind_is_sold() -> None:
    sold = {(p.picture.kind, p.picture.form) for slug in shops.SLUGS for p in shops.load(slug).products}
    assert {(kind, form) for kind, how in KINDS.items() for form in range(how.forms)} == sold


def test_writing_twice_changes_nothing_and_removes_strangers(tmp_path: Path) -> None:
    count = write(tmp_path)
    (tmp_path / "tech" / "gone-1.svg").write_text("<svg/>")
    assert write(tmp_path) == count == len(list(tmp_path.glob("*/*.svg")))
