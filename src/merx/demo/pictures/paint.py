"""The brush of the demo pictures: a palette, and one function for each SVG mark. Nothing here knows a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

Number = int | float

INK = "#252b3b"
COAL = "#3a4154"
PAPER = "#fbf6ec"
STEEL = "#cdd3da"
IRON = "#98a2b0"
GLASS = "#1d2a44"
GLOW = "#ffd27a"
EMBER = "#f0784a"
LEAF = "#7fb795"
SKY = "#8cc0de"

COLOURS: dict[str, str] = {
    "ink": "#2f3547",
    "graphite": "#555d6e",
    "silver": "#c3cad3",
    "white": "#e6e1d6",
    "sand": "#d9c3a0",
    "wood": "#b98556",
    "brown": "#8a5b3d",
    "clay": "#c9704f",
    "red": "#c94545",
    "orange": "#e8833a",
    "mustard": "#dfa935",
    "yellow": "#f0c94a",
    "olive": "#7c8247",
    "moss": "#8fa65f",
    "green": "#4a8f63",
    "forest": "#2f6650",
    "mint": "#8fcbb2",
    "teal": "#2f8a8c",
    "sky": "#6fb0d6",
    "blue": "#3b72b8",
    "navy": "#2f4a7a",
    "lilac": "#a99ad4",
    "plum": "#7a4a78",
    "rose": "#d98a94",
}
"""What the products are made of; a catalogue names these."""

GROUNDS: dict[str, str] = {
    "peach": "#f8e0d0",
    "butter": "#f8ebc8",
    "sage": "#dde8d4",
    "seafoam": "#d2e9e3",
    "ice": "#d9e7f3",
    "lavender": "#e4def2",
    "blush": "#f6dcdf",
    "oat": "#eee6d8",
    "mist": "#e3e8ea",
    "apricot": "#fadfba",
}
"""What they stand before: all of one lightness, so that a grid of them is calm."""


def blend(one: str, other: str, part: float) -> str:
    """`one` with `part` of `other` in it."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def distance(one: str, other: str) -> float:
    """How far two colours are apart, red-mean weighted: cheap, and near enough to what an eye says."""
    (r1, g1, b1), (r2, g2, b2) = _channels(one), _channels(other)
    mean = (r1 + r2) / 2
    red, green, blue = r1 - r2, g1 - g2, b1 - b2
    return float(((2 + mean / 256) * red * red + 4 * green * green + (2 + (255 - mean) / 256) * blue * blue) ** 0.5)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


class Paint(NamedTuple):
    """The five tones of a product's body and the three of its second colour."""

    main: str
    shade: str
    deep: str
    tint: str
    pale: str
    accent: str
    edge: str
    bright: str


def mix(main: str, accent: str) -> Paint:
    """Tones of two colours of COLOURS, shaded toward a blue night and lit toward a warm paper."""
    body, second = COLOURS[main], COLOURS[accent]
    return Paint(
        main=body,
        shade=blend(body, INK, 0.22),
        deep=blend(body, "#161b2a", 0.5),
        tint=blend(body, PAPER, 0.24),
        pale=blend(body, PAPER, 0.55),
        accent=second,
        edge=blend(second, INK, 0.28),
        bright=blend(second, PAPER, 0.4),
    )


class Kind(msgspec.Struct, frozen=True):
    """How one kind of product is drawn. `focus` is what the close-up looks at; `lay` is for things that hang or are
    seen from above, which have no floor to stand on."""

    draw: Callable[[Paint, int], str]
    forms: int
    focus: tuple[int, int]
    zoom: float
    lay: bool


KINDS: dict[str, Kind] = {}


def kind(
    name: str, *, forms: int = 1, focus: tuple[int, int] = (200, 260), zoom: float = 1.8, lay: bool = False
) -> Callable[[Callable[[Paint, int], str]], Callable[[Paint, int], str]]:
    """Enters a drawing under `name`; it is called with the paint and the number of its form, from 0."""

    def enter(draw: Callable[[Paint, int], str]) -> Callable[[Paint, int], str]:
        KINDS[name] = Kind(draw, forms, focus, zoom, lay)
        return draw

    return enter


def rect(x: Number, y: Number, w: Number, h: Number, fill: str, r: Number = 0, extra: str = "") -> str:
    corner = f' rx="{r}"' if r else ""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}"{corner} fill="{fill}"{extra}/>'


def disc(x: Number, y: Number, r: Number, fill: str, extra: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"{extra}/>'


def oval(x: Number, y: Number, rx: Number, ry: Number, fill: str, extra: str = "") -> str:
    return f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{fill}"{extra}/>'


def shape(d: str, fill: str, extra: str = "") -> str:
    return f'<path d="{d}" fill="{fill}"{extra}/>'


def line(d: str, stroke: str, width: Number = 4, extra: str = "") -> str:
    return f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width}"{extra}/>'


def ring(x: Number, y: Number, r: Number, stroke: str, width: Number, extra: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{stroke}" stroke-width="{width}"{extra}/>'


def dots(d: str, colour: str, size: Number, gap: Number) -> str:
    """Round dots of `size` along a path: what a grille, a row of lights or a stitch is made of."""
    return line(d, colour, size, f' stroke-dasharray="0 {gap}"')


def dashes(d: str, colour: str, width: Number, on: Number, off: Number) -> str:
    """Square dashes along a path: keys, slats, teeth."""
    return line(d, colour, width, f' stroke-dasharray="{on} {off}" stroke-linecap="butt"')


def rows(top: int, bottom: int, step: int, left: int, right: int, shift: int = 0) -> str:
    """A path of horizontal lines, every other one moved by `shift`."""
    return "".join(f"M{left + shift * (row % 2)} {y}H{right}" for row, y in enumerate(range(top, bottom + 1, step)))


def turn(angle: Number, body: str, x: Number = 200, y: Number = 250) -> str:
    return f'<g transform="rotate({angle} {x} {y})">{body}</g>'


def move(x: Number, y: Number, body: str, scale: Number = 1) -> str:
    size = f" scale({scale})" if scale != 1 else ""
    return f'<g transform="translate({x} {y}){size}">{body}</g>'


def mirror(body: str) -> str:
    """The body and its reflection about the middle of the picture."""
    return body + f'<g transform="matrix(-1 0 0 1 400 0)">{body}</g>'


def fade(part: float) -> str:
    return f' opacity="{part}"'
