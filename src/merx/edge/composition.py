"""Owns putting the pieces of the edge together for one process: what a dialect's front needs, and the small pages that
belong to no dialect."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from litestar.types import ASGIApp

from merx.core.auth.model import Credential
from merx.edge import figures, shared
from merx.edge.answers import AnswerCache, KeyMemory
from merx.edge.app import Dialect, dialect_app
from merx.edge.direct import Direct
from merx.edge.front import Front
from merx.edge.gate import Authority, Gate
from merx.edge.limits import Counter, Limiter
from merx.edge.metrics import CONTENT_TYPE, Metrics
from merx.edge.openapi import Document, page
from merx.edge.sending import json_headers, send_whole
from merx.edge.static import Asset
from merx.kernel.errors import MerxError
from merx.runtime import Runtime

log = logging.getLogger("merx.edge")

POLL_SECONDS = 0.25
PUBLISH_SECONDS = 1.0


class Edge:
    """One process's memory, limits and door, shared by all its dialects."""

    def __init__(
        self,
        rt: Runtime,
        authority: Authority,
        *,
        counter: Counter | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.rt = rt
        self.authority = authority
        memory = shared.made()
        self.answers = AnswerCache(rt.settings.cache_bytes, shared=memory)
        self.keys: KeyMemory[Credential] = KeyMemory(shared=memory)
        self.limiter = Limiter(counter, rt.settings.workers, memory=memory)
        self.gate = Gate(rt, authority, self.limiter, self.keys)
        self.metrics = metrics or Metrics(figures.made())
        self.metrics.gauge("merx_answers_bytes", "Bytes of catalogue answers in memory.", lambda: self.answers.size)
        self.metrics.counter("merx_answers_hits", "Catalogue answers given from memory.", lambda: self.answers.hits)
        self.metrics.counter("merx_answers_misses", "Catalogue answers computed.", lambda: self.answers.misses)
        rt.db.catalog_listeners.append(self.answers.changed)
        rt.revocation_listeners.append(self.keys.revoked)

    def mounts(self, dialect: Dialect) -> list[tuple[str, ASGIApp]]:
        """What the gateway sends to this dialect, its document and its page included."""
        app = dialect_app(dialect)
        front = Front(dialect, Direct(dialect, app), self.gate, self.answers)
        document = Document(dialect, app)

        async def described(scope: Any, receive: Any, send: Any) -> None:
            await document.json()(scope, receive, send)

        found: list[tuple[str, ASGIApp]] = [(prefix, front) for prefix in dialect.prefixes]
        return [*found, (f"{dialect.docs}/openapi.json", described), (f"{dialect.docs}/docs", page(dialect))]

    async def poll(self) -> None:
        """One look at what other processes changed. What can't be asked is not known, and so not used."""
        loop_time = asyncio.get_running_loop().time
        tenants, digests = self.answers.tenants(), self.keys.digests()
        asked = loop_time()
        self.answers.refresh(await self.rt.db.catalog_versions(tenants) if tenants else {}, asked)
        if digests:
            asked = loop_time()
            self.keys.confirm(set(digests), await self.authority.standing(self.rt, digests), asked)
        else:
            self.keys.confirm((), {}, asked)

    async def run(self) -> None:
        """Polls until cancelled. A database that is away is told of once, and once when it is back."""
        away = False
        while True:
            try:
                async with asyncio.timeout(2):
                    await self.poll()
                if away:
                    log.warning("versions are read again")
                away = False
            except (MerxError, TimeoutError) as wrong:
                if not away:
                    log.warning("versions can't be read", extra={"reason": type(wrong).__name__})
                away = True
            except Exception as bug:
                log.error("versions could not be read", exc_info=bug)
            await asyncio.sleep(POLL_SECONDS)

    async def publish(self) -> None:
        """Shows the other processes this one's figures, until cancelled."""
        while True:
            self.metrics.publish()
            await asyncio.sleep(PUBLISH_SECONDS)


def live() -> Asset:
    return Asset(b'{"status":"ok"}', "application/json", "no-store")


class Ready:
    """Whether this process can do its work: the database is there and takes writes."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(2):
                row = await self._rt.db.lookup("select not pg_is_in_recovery()")
            ready, said = bool(row and row[0]), b"the database takes no writes"
        except (MerxError, TimeoutError, OSError):
            ready, said = False, b"the database can't be reached"
        status, body = (200, b'{"status":"ready"}') if ready else (503, b'{"status":"%b"}' % said)
        await send_whole(send, status, json_headers(body), body)


class MetricsPage:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = self._metrics.page()
        headers = [(b"content-type", CONTENT_TYPE), (b"content-length", b"%d" % len(body))]
        await send_whole(send, 200, headers, body)
