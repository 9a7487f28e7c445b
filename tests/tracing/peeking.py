"""The real site with one more address, which says whether this process has loaded OpenTelemetry."""

from __future__ import annotations

import os
import sys
from typing import Any

from merx import asgi, serve
from merx.db.dsn import Dsn
from merx.settings import Settings, WrongSetting, load


class Peeking:
    def __init__(self, site: asgi.Site) -> None:
        self.site = site

    @property
    def at_once(self) -> Any:
        return self.site.at_once

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/peek":
            await self.site(scope, receive, send)
            return
        loaded = any(name.partition(".")[0] in ("opentelemetry", "google") for name in sys.modules)
        body = f"{os.getpid()} {loaded} {self.at_once is not None}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def build(settings: Settings, dsn: Dsn) -> Peeking:
    return Peeking(asgi.build(settings, dsn))


if __name__ == "__main__":
    try:
        serve.run(load(), app="tests.tracing.peeking:build")
    except WrongSetting as wrong:
        sys.exit(str(wrong))
