"""Draws every picture the demo shops' catalogues ask for into `merx/demo/static/<shop>/` and removes the others."""

from __future__ import annotations

from pathlib import Path

from merx.demo import shops
from merx.demo.pictures import COLOURS, GROUNDS, View, draw, ground_for
from merx.demo.pictures.paint import distance

FOLDER = Path(__file__).parent.parent / "static"


def drawn(shop: shops.DemoShop) -> dict[str, str]:
    """The pictures of a shop by file name."""
    found: dict[str, str] = {}
    for product in shop.products:
        picture = product.picture
        for position, image in enumerate(shop.images(product)):
            main = picture.colours[image.colour] if image.colour else picture.main
            view = View.DETAIL if position == 1 else View.FRONT
            ground = picture.ground or ground_for(product.slug, picture.main, picture.accent)
            if main != picture.main and distance(GROUNDS[ground], COLOURS[main]) < 150:
                ground = ground_for(product.slug, main, picture.accent)
            accent = picture.accent if main != picture.accent else picture.main
            found[image.file] = draw(picture.kind, main, accent, ground, picture.form, view)
    return found


def write(folder: Path = FOLDER) -> int:
    """How many pictures the folder holds now."""
    count = 0
    for slug in shops.SLUGS:
        pictures, place = drawn(shops.load(slug)), folder / slug
        place.mkdir(parents=True, exist_ok=True)
        for name, document in pictures.items():
            (place / name).write_text(document, encoding="utf-8")
        for stale in {path.name for path in place.glob("*.svg")} - set(pictures):
            (place / stale).unlink()
        count += len(pictures)
    return count


if __name__ == "__main__":
    write()
