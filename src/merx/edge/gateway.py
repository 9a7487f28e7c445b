"""Owns the outermost frame: every request, whichever app answers it, gets an id, a true client address, the security
headers, one line in the log and its place in the metrics. Which app answers is decided here too: the longest path
prefix that ends at a segment's end. The scope's paths are never rewritten; each app owns its full paths."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

from litestar.types import ASGIApp

from merx.edge import headers as fixed
from merx.edge.access_log import AccessLog
from merx.edge.client import Hosts, Proxies
from merx.edge.headers import Header
from merx.edge.metrics import Metrics
from merx.edge.request_log import RequestLog
from merx.edge.sending import json_headers, send_whole
from merx.edge.visit import SCOPE_KEY, Visit

log = logging.getLogger("merx.edge")

Lifespan = Callable[[Any, Any, Any], Awaitable[None]]
MAX_IN_FLIGHT = 2000
HUNG_UP = 499
SITE_KEY = "merx.site"
"""In the scope: the gateway itself, for a page that asks the APIs beside it."""


class Gateway:
    def __init__(
        self,
        mounts: Sequence[tuple[str, ASGIApp]],
        fallback: ASGIApp,
        lifespan: Lifespan,
        *,
        proxies: Proxies,
        hosts: Hosts,
        request_log: RequestLog,
        metrics: Metrics,
        access_log: AccessLog | None = None,
    ) -> None:
        ordered = sorted(mounts, key=lambda mount: -len(mount[0].rstrip("/")))
        self._mounts = [(prefix.rstrip("/"), prefix.rstrip("/") + "/", app) for prefix, app in ordered]
        self.exact = frozenset(exact for exact, _, _ in self._mounts)
        self._fallback = fallback
        self.app_for = lru_cache(4096)(self._app_for)
        self._lifespan = lifespan
        self.proxies, self.hosts = proxies, hosts
        self.request_log, self.metrics, self.access_log = request_log, metrics, access_log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = dict(scope["headers"])
        address, https = self.proxies.client(scope)
        visit = scope[SCOPE_KEY] = Visit(headers, address, https)
        scope[SITE_KEY] = self
        visit.host_slug, visit.host_domain = self.hosts.names(headers.get(b"host"))
        method, path, outgoing = scope["method"], scope["path"], _Outgoing(visit, send)
        metrics = self.metrics
        metrics.in_flight += 1
        try:
            if metrics.in_flight > MAX_IN_FLIGHT:
                await send_whole(outgoing, *_plain(503, b'{"error":"overloaded"}', (b"retry-after", b"1")))
            else:
                await self.app_for(path)(scope, receive, outgoing)
        except asyncio.CancelledError:
            visit.status = visit.status or HUNG_UP
            raise
        except Exception as bug:
            answer = self.broken(visit, bug)
            if not visit.status:
                await send_whole(outgoing, *answer)
        finally:
            metrics.in_flight -= 1
            self.finish(visit, method, path)

    def broken(self, visit: Visit, bug: Exception) -> tuple[int, list[Header], bytes]:
        """What is left to say where even the answer to a failure failed."""
        log.error("unhandled", exc_info=bug, extra={"request_id": visit.id})
        return _plain(500, b'{"error":"internal"}')

    def finish(self, visit: Visit, method: str, path: str) -> None:
        """The last thing done for every request, however it was answered."""
        elapsed = time.perf_counter() - visit.started
        self.metrics.observe(visit.dialect, method, visit.status, elapsed)
        self.request_log.write(visit, method, path, elapsed)
        if self.access_log is not None:
            self.access_log.note(visit, method, path, elapsed)

    def _app_for(self, path: str) -> ASGIApp:
        for exact, below, app in self._mounts:
            if path.startswith(below) or path == exact:
                return app
        return self._fallback


class _Outgoing:
    """`send` with the headers every answer carries."""

    __slots__ = ("_send", "_visit")

    def __init__(self, visit: Visit, send: Any) -> None:
        self._visit = visit
        self._send = send

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            visit = self._visit
            visit.status, visit.answered = message["status"], time.time()
            more = visit.rate + visit.extra if visit.extra else visit.rate
            message["headers"] = fixed.complete(list(message["headers"]), more, visit.id, visit.https)
        await self._send(message)


def _plain(status: int, body: bytes, *more: Header) -> tuple[int, list[Header], bytes]:
    return status, [*json_headers(body), *more], body


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """What answers an address that belongs to nobody."""
    await send_whole(send, *_plain(404, b'{"error":"There is nothing at this address."}'))
