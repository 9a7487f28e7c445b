"""A shop's colour: one accent, from which the stylesheet derives hover, tints and the text that stands on it.

The sheet's address holds the colour itself (`/assets/accent/4f46e5.css`), so it needs no look-up and may be kept for
ever; a page never carries inline style."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_ADDRESS = re.compile(r"/assets/accent/([0-9a-f]{6})\.css", re.ASCII)
_HEX = re.compile(r"#[0-9a-f]{6}", re.ASCII)
Linear = tuple[float, float, float]


def address(accent: str) -> str | None:
    """Where the sheet of this accent is; None where the shop has none of its own."""
    return f"/assets/accent/{accent[1:]}.css" if _HEX.fullmatch(accent) else None


def sheet_at(path: str) -> bytes | None:
    """The sheet at an address, if it is one of an accent's."""
    found = _ADDRESS.fullmatch(path)
    return None if found is None else sheet(f"#{found[1]}")


@lru_cache(512)
def sheet(accent: str) -> bytes:
    """The accent for light and for dark ground: its hue and chroma are kept, its lightness moved until text on it, and
    it as text on the ground, can be read (4.5:1)."""
    lightness, chroma, hue = oklch(accent)
    light = _until(min(lightness, 0.97), chroma, hue, ground=1.0, step=-0.01)
    dark = _until(min(max(lightness, 0.6), 0.97), chroma, hue, ground=_luminance(_linear(0.2, 0.0, 0.0)), step=0.01)
    return f"""@layer theme {{
:root {{
  --accent-h: {hue:.1f};
  --accent: light-dark({_spelled(light, chroma, hue)}, {_spelled(dark, chroma, hue)});
  --on-accent: light-dark({_text_on(light, chroma, hue)}, {_text_on(dark, chroma, hue)});
}}
}}
""".encode()


def _until(lightness: float, chroma: float, hue: float, *, ground: float, step: float) -> float:
    for _ in range(100):
        if contrast(_luminance(_linear(lightness, chroma, hue)), ground) >= 4.6 or not 0.05 < lightness < 0.98:
            break
        lightness += step
    return lightness


def _text_on(lightness: float, chroma: float, hue: float) -> str:
    found = _luminance(_linear(lightness, chroma, hue))
    dark = _luminance(_linear(0.18, 0.0, 0.0))
    return "oklch(1 0 0)" if contrast(1.0, found) >= contrast(found, dark) else "oklch(0.18 0 0)"


def _spelled(lightness: float, chroma: float, hue: float) -> str:
    return f"oklch({lightness:.3f} {chroma:.3f} {hue:.1f})"


def contrast(one: float, other: float) -> float:
    """WCAG's ratio of two luminances."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def oklch(colour: str) -> tuple[float, float, float]:
    """Lightness, chroma and hue of '#rrggbb'."""
    red, green, blue = (_from_srgb(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _linear(lightness: float, chroma: float, hue: float) -> Linear:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _luminance(linear: Linear) -> float:
    red, green, blue = (min(1.0, max(0.0, part)) for part in linear)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _from_srgb(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
