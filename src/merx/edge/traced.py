"""Owns the span of a request: the gateway of a process that records traces. It continues the trace that the request's
`traceparent` names, is open while the request is worked on, and says at the end what became of it."""

from __future__ import annotations

import re
from typing import Any

from merx.edge.gateway import HUNG_UP, Gateway
from merx.edge.request_log import presentable
from merx.edge.visit import Visit
from merx.kernel.spans import OPEN, Span, Tracer

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
_HOST = re.compile(rb"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?")


class TracedGateway(Gateway):
    def __init__(self, *args: Any, tracer: Tracer, **more: Any) -> None:
        super().__init__(*args, **more)
        self._tracer = tracer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        token = OPEN.set(self._begin(scope))
        try:
            await super().__call__(scope, receive, send)
        finally:
            OPEN.reset(token)

    def _begin(self, scope: Any) -> Span:
        headers, method = dict(scope["headers"]), scope["method"]
        known = method if method in METHODS else "_OTHER"
        attributes: dict[str, str | int] = {
            "http.request.method": known,
            "url.path": presentable(scope["path"]),
            "network.protocol.version": scope["http_version"],
        }
        if (host := _HOST.fullmatch(headers.get(b"host", b""))) is not None:
            attributes["server.address"] = host[1].decode().lower()
            if host[2]:
                attributes["server.port"] = int(host[2])
        name, above = _named(known), OPEN.get()
        if above is not None:  # a page that asks the APIs beside it
            return above.child(name, "server", attributes)
        return self._tracer.root(name, "server", attributes, headers)

    def finish(self, visit: Visit, method: str, path: str) -> None:
        span = OPEN.get()
        assert span is not None
        visit.trace = span.trace
        super().finish(visit, method, path)
        attributes: dict[str, str | int] = {
            "url.scheme": "https" if visit.https else "http",
            "merx.request_id": visit.id,
        }
        route = visit.route or (path if path in self.exact else "")
        if route:
            attributes["http.route"] = route
        if visit.dialect:
            attributes["merx.dialect"] = visit.dialect
        if (whose := visit.ctx or visit.shop) is not None:
            attributes["merx.tenant"] = str(whose.tenant)
        if visit.status and visit.status != HUNG_UP:
            attributes["http.response.status_code"] = visit.status
        known = _named(method if method in METHODS else "_OTHER")
        span.note(attributes, f"{known} {route}" if route else known)
        if (failure := _failure(visit)) is not None:
            span.fail(failure)
        span.end()


def _named(method: str) -> str:
    return "HTTP" if method == "_OTHER" else method


def _failure(visit: Visit) -> str | None:
    """What the client did wrong is no failure of ours."""
    if visit.status == HUNG_UP:
        return "hung_up"
    if visit.status < 500:
        return None
    return visit.error.code if visit.error is not None else str(visit.status)
