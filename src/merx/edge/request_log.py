"""Owns the one line each request leaves: who, what, how it ended, how long it took. Never a query string, a body or a
header; of the path, which is all that is left, what looks like an e-mail or a credential is taken out.

The line is rendered by hand: at ten thousand requests a second a chain of processors would cost as much as the answer.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import msgspec

from merx.edge.logs import LineWriter, redact
from merx.edge.visit import Visit

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encode = msgspec.json.Encoder().encode
_DOUBTFUL = re.compile(r"@|eyJ|(?:[prs]k|p[im]|seti|whsec|mac|mcs|mpr|mrt)_")
"""What an address may hold that is no part of it: somebody's e-mail, a key or a token put in the wrong place."""


class RequestLog:
    def __init__(self, writer: LineWriter, level: str = "info") -> None:
        self._writer = writer
        self._level = _LEVELS[level]
        self._second = 0
        self._stamp = b""

    def write(self, visit: Visit, method: str, path: str, elapsed: float) -> None:
        status = visit.status
        if status >= 500:
            level, name = logging.ERROR, b"error"
        elif status >= 400:
            level, name = logging.WARNING, b"warning"
        else:
            level, name = logging.INFO, b"info"
        # A refused request is the client's affair: with `warning` set, only what was our fault is shown.
        if level < self._level or (self._level == logging.WARNING and status < 500):
            return
        if _DOUBTFUL.search(path):
            path = redact(path)
        ctx = visit.ctx
        tenant: Any = "" if ctx is None else ctx.tenant.hex
        actor: Any = "" if ctx is None else ctx.actor
        error = b"" if visit.error is None else b',"code":' + _encode(visit.error.code)
        self._writer.write(
            b'{"timestamp":"%b","level":"%b","event":"request","request_id":"%b","method":%b,"path":%b,"route":%b,'
            b'"status":%d,"ms":%.2f,"dialect":"%b","tenant":"%b","actor":"%b","address":"%b"%b}\n'
            % (
                self._now(),
                name,
                visit.id.encode(),
                _encode(method),
                _encode(path),
                _encode(visit.route),
                status,
                elapsed * 1000,
                visit.dialect.encode(),
                tenant.encode(),
                actor.encode(),
                visit.address.encode(),
                error,
            )
        )

    def _now(self) -> bytes:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return b"%b.%03dZ" % (self._stamp, int(now % 1 * 1000))
