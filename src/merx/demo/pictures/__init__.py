"""The demo shops' pictures: drawn by kind of product, in one flat style on tinted grounds, and kept as small SVG files
under `merx/demo/static/<shop>/`. `python -m merx.demo.pictures` draws them anew from the catalogues."""

from __future__ import annotations

import zlib
from enum import StrEnum

from merx.demo.pictures import audio, camp, climb, computing, home, paint, trail, wardrobe, wearables
from merx.demo.pictures.paint import COLOURS, GROUNDS, KINDS, Paint, blend, distance, mix

__all__ = ["COLOURS", "GROUNDS", "KINDS", "View", "draw", "ground_for"]

_DRAWERS = (audio, camp, climb, computing, home, trail, wardrobe, wearables)
"""Importing them is what fills KINDS."""

LIMIT = 4096
"""No picture is larger, in bytes."""


class View(StrEnum):
    FRONT = "front"  # the whole product
    DETAIL = "detail"  # a close look at its focus, slightly turned


def ground_for(seed: str, main: str, accent: str) -> str:
    """A ground picked by `seed` among those the product stands out from."""

    def apart(ground: str) -> float:
        return min(distance(GROUNDS[ground], COLOURS[main]), 3 * distance(GROUNDS[ground], COLOURS[accent]))

    clear = [ground for ground in GROUNDS if apart(ground) > 150] or sorted(GROUNDS, key=apart)[-4:]
    return clear[zlib.crc32(seed.encode()) % len(clear)]


def draw(kind: str, main: str, accent: str, ground: str, form: int = 0, view: View = View.FRONT) -> str:
    """An SVG document of 400 by 500 of one kind of product, in two colours of COLOURS on one of GROUNDS."""
    how, tones, tone = KINDS[kind], mix(main, accent), GROUNDS[ground]
    body = how.draw(tones, form)
    if view is View.DETAIL:
        x, y = how.focus
        angle = 8 if zlib.crc32(f"{kind}{form}".encode()) % 2 else -8
        place = f"translate(200 250) rotate({angle}) scale({how.zoom}) translate({-x} {-y})"
        scene = _close(tone) + f'<g transform="{place}">{body}</g>'
    else:
        scene = _backdrop(tone, tones, how.lay) + body
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 500" width="400" height="500">'
        f'<g stroke-linecap="round" stroke-linejoin="round">{scene}</g></svg>\n'
    )


def _backdrop(tone: str, tones: Paint, lay: bool) -> str:
    light, low = blend(tone, "#ffffff", 0.5), blend(tone, paint.INK, 0.07)
    sheet = paint.rect(0, 0, 400, 500, tone)
    if lay:
        return sheet + paint.disc(200, 250, 168, light)
    arch = paint.shape("M64 400V222a136 136 0 0 1 272 0V400Z", light)
    return sheet + arch + paint.rect(0, 400, 400, 100, low) + paint.oval(200, 404, 128, 9, blend(low, paint.INK, 0.14))


def _close(tone: str) -> str:
    return paint.rect(0, 0, 400, 500, blend(tone, paint.INK, 0.05)) + paint.disc(
        330, 90, 210, blend(tone, "#ffffff", 0.35)
    )
