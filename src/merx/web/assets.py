"""The files pages refer to: stylesheets, scripts, the typeface, icons. Each has an address with its content's digest in
it, so browsers keep it for ever and a new version is another address.

`SHEETS` says which source files make a face's one stylesheet, in order. What lies in `static/vendor` has its version in
its folder's name and is served as it is."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from merx.edge.static import Asset, Folder
from merx.web import theme

ROOT = Path(str(files("merx.web"))) / "static"
PREFIX = "/assets"
IMMUTABLE = "public, max-age=31536000, immutable"
ICONS = "vendor/lucide-1.62.0/icons.svg"

SHEETS: dict[str, tuple[str, ...]] = {
    "dashboard.css": ("tokens.css", "base.css", "dashboard.css"),
    "landing.css": ("tokens.css", "base.css", "landing.css"),
    "storefront.css": ("tokens.css", "base.css", "storefront.css"),
    "portal.css": ("tokens.css", "base.css", "portal.css"),
    "oauth.css": ("tokens.css", "base.css", "oauth.css"),
}
"""A face's stylesheet: the shared files first. `docs.css` and others that are not named here are served alone."""

_SYMBOL = re.compile(r'<symbol id="([a-z0-9-]+)" viewBox="0 0 24 24">(.*?)</symbol>', re.DOTALL)
_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".webp": "image/webp",
}


class Assets:
    """Everything under `/assets`, as it was when the process began."""

    def __init__(self) -> None:
        self._plain = Folder(PREFIX, ROOT)
        self._addresses: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        sources = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*")) if path.is_file()}
        bodies = {name: path.read_bytes() for name, path in sources.items() if not name.startswith("vendor/")}
        for name, parts in SHEETS.items():
            bodies[name] = lean(b"\n".join((ROOT / part).read_bytes() for part in parts))
        for name, body in bodies.items():
            stem, dot, ending = name.rpartition(".")
            if f".{ending}" in _MEDIA:
                address = f"{PREFIX}/{stem}.{hashlib.sha256(body).hexdigest()[:10]}{dot}{ending}"
                self._addresses[name] = address
                self._assets[address] = Asset(body, _MEDIA[f".{ending}"], IMMUTABLE)
        for name in sources:
            if name.startswith("vendor/"):
                self._addresses[name] = f"{PREFIX}/{name}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        found = self._assets.get(path)
        if found is None and (sheet := theme.sheet_at(path)) is not None:
            found = Asset(sheet, _MEDIA[".css"], IMMUTABLE)
        await (found or self._plain)(scope, receive, send)

    def address(self, name: str) -> str:
        """Where a file is; a KeyError for one that is not there shows in the first test of its page."""
        return self._addresses[name]


def lean(sheet: bytes) -> bytes:
    """Without comments, indentation, and the spaces that only people need."""
    lines = (line.strip() for line in _COMMENT.sub(b"", sheet).splitlines())
    text = b"\n".join(line for line in lines if line)
    for wide, narrow in ((b"; }", b"}"), (b" { ", b"{"), (b"; ", b";"), (b": ", b":"), (b", ", b",")):
        text = text.replace(wide, narrow)
    return text


@cache
def assets() -> Assets:
    return Assets()


@cache
def _symbols() -> dict[str, str]:
    return {found[1]: found[2] for found in _SYMBOL.finditer((ROOT / ICONS).read_text())}


@cache
def icon(name: str, label: str = "") -> Markup:
    """An icon in the text's colour. Without a label it says nothing to a screen reader, because the text beside it
    does."""
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" viewBox="0 0 24 24" width="16" height="16" {}>{}</svg>').format(
        said,
        Markup(_symbols()[name]),  # noqa: S704  (our own file)
    )
