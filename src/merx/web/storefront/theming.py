"""Themes: a folder of the installation's (`MERX_THEME_DIR`) whose files come before the storefront's own.

    storefront/product.html     this template, for every shop
    shops/tech/product.html     for one shop
    theme.css, shops/tech.css   after the storefront's stylesheet

A shop's colour is a setting and needs none of this. Templates are code: they come from whoever runs the installation,
never from a merchant."""

from __future__ import annotations

import hashlib
from pathlib import Path

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from merx.kernel.errors import NotFound
from merx.web.face import PUBLIC
from merx.web.pages import Page, PageRequest

_KEPT = {"cache-control": "public, max-age=31536000, immutable"}
EVERY_SHOP = "theme"
_read: dict[Path, tuple[int, bytes, str]] = {}


def sheets(folder: Path | None, slug: str) -> tuple[str, ...]:
    """The addresses of the stylesheets that hold for a shop, in order; each changes with its content."""
    if folder is None:
        return ()
    found = [(name, _sheet(folder, name)) for name in (EVERY_SHOP, slug)]
    return tuple(f"/theme/{name}.css?{sheet[2]}" for name, sheet in found if sheet is not None)


def _sheet(folder: Path, name: str) -> tuple[int, bytes, str] | None:
    path = folder / "theme.css" if name == EVERY_SHOP else folder / "shops" / f"{name}.css"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    kept = _read.get(path)
    if kept is None or kept[0] != changed:
        body = path.read_bytes()
        kept = _read[path] = changed, body, hashlib.sha256(body).hexdigest()[:10]
    return kept


@get("/theme/{name:str}", opt={"needs": PUBLIC})
async def sheet(request: PageRequest, name: str) -> Page:
    """Only the shop's own and everybody's; a shop's slug has no character that means anything in a path."""
    folder, wanted = request.rt.settings.theme_dir, name.removesuffix(".css")
    if folder is None or wanted not in (EVERY_SHOP, request.visitor.values["shop"].slug):
        raise NotFound("page")
    found = _sheet(folder, wanted)
    if found is None:
        raise NotFound("page")
    return Response(found[1], media_type="text/css; charset=utf-8", headers=_KEPT)


ROUTES: list[ControllerRouterHandler] = [sheet]
