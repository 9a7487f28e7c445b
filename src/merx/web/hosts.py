"""Which face answers at which host: a path below a face's prefix, at the installation's own host or at a shop's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from litestar.types import ASGIApp

from merx.edge.limits import Limiter
from merx.edge.sending import send_whole
from merx.edge.visit import visit_of
from merx.runtime import Runtime
from merx.web.face import Face, FaceApp


class Faces:
    """The gateway's fallback and the app of the faces' prefixes. A page of the installation that is asked for at a
    shop's host is shown where it lives."""

    def __init__(self, faces: Sequence[Face], rt: Runtime, limiter: Limiter, nothing_here: ASGIApp) -> None:
        self._public = rt.settings.public_url
        self._nothing_here = nothing_here
        made = sorted((FaceApp(face, rt, limiter) for face in faces), key=lambda app: -len(app.face.prefix))
        self._at_shops = [app for app in made if app.face.shop_host]
        self._at_home = [app for app in made if not app.face.shop_host]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit = visit_of(scope)
        path: str = scope["path"]
        at_shop = visit.host_slug is not None or visit.host_domain is not None
        home = _app_for(self._at_home, path)
        app = _app_for(self._at_shops, path) if at_shop else home
        if at_shop and home is not None and home.face.prefix != "/" and (app is None or app.face.prefix == "/"):
            query: bytes = scope["query_string"]
            await _moved(send, f"{self._public}{quote(path)}".encode() + (b"?" + query if query else b""))
        elif app is not None:
            await app(scope, receive, send)
        else:
            await self._nothing_here(scope, receive, send)


def _app_for(apps: Sequence[FaceApp], path: str) -> FaceApp | None:
    for app in apps:
        prefix = app.face.prefix.rstrip("/")
        if path == prefix or path.startswith(f"{prefix}/"):
            return app
    return None


async def _moved(send: Any, to: bytes) -> None:
    await send_whole(send, 307, [(b"location", to), (b"content-length", b"0")], b"")
