"""Owns the one line each request leaves: who, what, how it ended, how long it took. Never a query string, a body or a
header; of the path, which is all that is left, what looks like an e-mail or a credential is taken out.

The line is rendered by hand: at ten thousand requests a second a chain of processors would cost as much as the answer.
"""

from __future__ import annotations

import logging
import re
import time

import msgspec

from merx.edge.logs import LineWriter, redact
from merx.edge.visit import Visit

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encode = msgspec.json.Encoder().encode
_DOUBTFUL = re.compile(r"@|eyJ|(?:[prs]k|p[im]|seti|whsec|mac|mcs|mpr|mrt)_")
"""What an address may hold that is no part of it: somebody's e-mail, a key or a token put in the wrong place."""


def presentable(path: str) -> str:
    """A path without what should not stand in it."""
    return redact(path) if _DOUBTFUL.search(path) else path


class RequestLog:
    def __init__(self, writer: LineWriter, level: str = "info") -> None:
        self._writer = writer
        self._level = _LEVELS[level]
        self._second = 0
        self._stamp = b""

    def wants(self, status: int) -> bool:
        """Whether a request that ended so leaves a line."""
        # A refused request is the client's affair: with `warning` set, only what was our fault is shown.
        return status >= 500 or (self._level < logging.WARNING and (status >= 400 or self._level <= logging.INFO))

    def write(self, visit: Visit, method: str, path: str, elapsed: float) -> None:
        if not self.wants(visit.status):
            return
        ctx = visit.ctx
        tenant, actor = ("", "") if ctx is None else (ctx.tenant.hex, ctx.actor)
        code = "" if visit.error is None else visit.error.code
        who = visit.dialect, tenant, actor, visit.address
        self.line(visit.status, visit.id, method, path, visit.route, elapsed, *who, code=code, trace=visit.trace)

    def line(
        self,
        status: int,
        request_id: str,
        method: str,
        path: str,
        route: str,
        elapsed: float,
        dialect: str,
        tenant: str,
        actor: str,
        address: str,
        code: str = "",
        trace: str = "",
    ) -> None:
        name = b"error" if status >= 500 else b"warning" if status >= 400 else b"info"
        more = b',"code":' + _encode(code) if code else b""
        if trace:
            more += b',"trace_id":"%b"' % trace.encode()
        self._writer.write(
            b'{"timestamp":"%b","level":"%b","event":"request","request_id":"%b","method":%b,"path":%b,"route":%b,'
            b'"status":%d,"ms":%.2f,"dialect":"%b","tenant":"%b","actor":"%b","address":"%b"%b}\n'
            % (
                self._now(),
                name,
                request_id.encode(),
                _encode(method),
                _encode(presentable(path)),
                _encode(route),
                status,
                elapsed * 1000,
                dialect.encode(),
                tenant.encode(),
                actor.encode(),
                address.encode(),
                more,
            )
        )

    def _now(self) -> bytes:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return b"%b.%03dZ" % (self._stamp, int(now % 1 * 1000))
