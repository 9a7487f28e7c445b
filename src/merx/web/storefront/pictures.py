"""Which sizes of a picture a browser may choose from."""

from __future__ import annotations

from merx.core.media.model import sized


def srcset(url: str) -> str:
    """The `srcset` of a picture that is kept in several sizes; empty for any other."""
    return ", ".join(f"{address} {width}w" for width, address in sized(url).items())
