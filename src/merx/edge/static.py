"""Owns files served as they are: vendored scripts and styles, pictures, the API documents. Paths are looked up in a
list made at start, so nothing outside the folder can be named."""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from merx.edge.answers import etag_of
from merx.edge.sending import send_whole

_IMMUTABLE = "public, max-age=31536000, immutable"
"""Of vendored files: their folder's name holds their version."""
_SHORT = "public, max-age=3600"
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""An SVG opened by itself is a document: it may style itself and do nothing else."""


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    media_type: str
    cache_control: str = _SHORT
    policy: str | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await send_whole(send, 405, [(b"allow", b"GET, HEAD")], b"")
        etag = etag_of(self.body)
        headers = [
            (b"etag", etag),
            (b"cache-control", self.cache_control.encode()),
            (b"vary", b"Accept-Encoding"),
            (b"cross-origin-resource-policy", b"cross-origin"),
        ]
        if self.policy:
            headers.append((b"content-security-policy", self.policy.encode()))
        given = dict(scope["headers"])
        if given.get(b"if-none-match") == etag:
            return await send_whole(send, 304, headers, b"")
        body = self.body
        if len(body) > 1400 and b"gzip" in given.get(b"accept-encoding", b"") and _compresses(self.media_type):
            body = _compressed(body)
            headers.append((b"content-encoding", b"gzip"))
        headers += [(b"content-type", self.media_type.encode()), (b"content-length", b"%d" % len(body))]
        return await send_whole(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


class Folder:
    """Everything below `root` (as it was at start), at `prefix`."""

    def __init__(self, prefix: str, root: Path) -> None:
        self._files = {
            f"{prefix.rstrip('/')}/{path.relative_to(root).as_posix()}": path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = self._files.get(scope["path"])
        if path is None:
            return await send_whole(send, 404, [(b"content-type", b"text/plain; charset=utf-8")], b"Not found\n")
        return await self._asset(path)(scope, receive, send)

    def _asset(self, path: Path) -> Asset:
        media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if media.startswith("text/") or media in ("application/javascript", "image/svg+xml"):
            media += "; charset=utf-8"
        policy = _PICTURE_POLICY if media.startswith("image/") else None
        return Asset(_read(path), media, _IMMUTABLE if "vendor" in path.parts else _SHORT, policy)


@lru_cache(64)
def _read(path: Path) -> bytes:
    return path.read_bytes()


@lru_cache(16)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _compresses(media: str) -> bool:
    return media.startswith(("text/", "application/javascript", "application/json", "image/svg"))
