"""Owns the second short way through the edge: a catalogue read that was let in at once (`edge/at_once.py`), but whose
answer is not in memory. The front's own handler computes it; what stands around a handler has been decided already, and
the answer leaves in one piece.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any

from merx.edge import headers as fixed
from merx.edge.front import Front
from merx.edge.gateway import HUNG_UP, SITE_KEY, Gateway
from merx.edge.headers import Header
from merx.edge.visit import SCOPE_KEY, Visit

_STATUS = {one.value: b"HTTP/1.1 %d %b\r\n" % (one, one.phrase.encode()) for one in HTTPStatus}


@lru_cache(2)
def dated(second: int) -> bytes:
    """The header `Date` (RFC 9110, 6.6.1)."""
    return formatdate(second, usegmt=True).encode()


class Computing:
    """A request that is let in and counted, and whose answer is to be computed."""

    __slots__ = ("_front", "_gateway", "_in_query", "_path", "_query", "_visit")

    def __init__(self, gateway: Gateway, front: Front, visit: Visit, path: str, query: bytes, in_query: bool) -> None:
        self._gateway, self._front, self._visit = gateway, front, visit
        self._path, self._query, self._in_query = path, query, in_query

    async def answer(self, scope: Any) -> bytes:
        """All of it, as it goes over the wire. `scope`: the request's, without what the edge adds to it."""
        visit, gateway = self._visit, self._gateway
        scope[SCOPE_KEY], scope[SITE_KEY], scope["query_string"] = visit, gateway, self._query
        gateway.metrics.in_flight += 1
        visit.status = HUNG_UP  # where nothing becomes of it
        try:
            return self._told(*await self._front.read(scope, _no_body, visit, self._in_query))
        except Exception as bug:
            return self._told(*gateway.broken(visit, bug))
        finally:
            gateway.metrics.in_flight -= 1
            gateway.finish(visit, "GET", self._path)

    def _told(self, status: int, headers: list[Header], body: bytes) -> bytes:
        visit = self._visit
        more = visit.rate + visit.extra if visit.extra else visit.rate
        whole = fixed.complete(headers, more, visit.id, visit.https)
        told = b"".join([b"%b: %b\r\n" % one for one in whole])
        if not told.count(b"\r") == told.count(b"\n") == len(whole):
            raise ValueError("a header has more than one line")
        visit.status = status
        return b"%bdate: %b\r\n%b\r\n%b" % (_STATUS[status], dated(int(time())), told, body)


async def _no_body() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}
