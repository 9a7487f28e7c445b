"""Serves uploaded pictures, at /media/{tenant}/{digest}-{size}.webp. An address never changes what it shows, so that it
may be kept for ever by whoever asked for it."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from merx.core.media import service as media
from merx.core.media.model import SIZES
from merx.edge.sending import send_whole
from merx.edge.static import Asset
from merx.kernel.errors import MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

PREFIX = "/media"
_ADDRESS = re.compile(r"/media/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([0-9a-f]{32})-([0-9]{3,4})\.webp")
_FOR_EVER = "public, max-age=31536000, immutable"
_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Pictures:
    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = _ADDRESS.fullmatch(scope["path"])
        if asked is None or int(asked[3]) not in SIZES:
            return await _say(send, 404, b"Not found\n")
        if scope["method"] not in ("GET", "HEAD"):
            return await Asset(b"", "image/webp")(scope, receive, send)
        tenant, digest, size = TenantId(UUID(asked[1])), asked[2], int(asked[3])
        try:
            content = await media.read_file(self._rt, tenant, digest, size)
        except MerxError:
            return await _say(send, 503, b"Pictures can't be read at the moment\n")
        if content is None:
            return await _say(send, 404, b"Not found\n")
        return await Asset(content, "image/webp", _FOR_EVER, _POLICY)(scope, receive, send)


async def _say(send: Any, status: int, text: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        (b"cache-control", b"no-store"),
    ]
    await send_whole(send, status, headers, text)
