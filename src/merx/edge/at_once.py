"""Owns the shortest way through the edge: a catalogue read whose caller and answer are both in memory. It is decided as
`Front` decides it, and whatever is out of the ordinary is left to `Front`; but no ASGI scope is built, and what follows
from the address and the credential alone is worked out once and kept.

What may change is looked at each time: whether the key still stands, whether the answer is still true, the limits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from merx.core.auth.model import Credential
from merx.edge import headers as fixed
from merx.edge.answers import Answer
from merx.edge.app import Quota
from merx.edge.credentials import presented
from merx.edge.front import Front, answer_key, full_headers, matches, short_headers
from merx.edge.gate import counted
from merx.edge.gateway import Gateway
from merx.edge.headers import Header
from merx.edge.limits import Verdict
from merx.edge.rsgi import spelled
from merx.edge.visit import Visit
from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError

_MOST = 4096
"""Addresses that are kept worked out; past that, all are forgotten."""
_ASIDE = ("content-length", "transfer-encoding", "origin")
"""Requests with one of these headers are looked at in full."""

Told = list[tuple[str, str]]


class _Route:
    """What follows from the address and the credential's text."""

    __slots__ = (
        "_answer",
        "_headers",
        "credential",
        "extra",
        "front",
        "https",
        "in_query",
        "key",
        "path",
        "query",
        "quota",
        "secret",
        "slug",
    )

    def __init__(
        self, front: Front, path: str, query: bytes, https: bool, secret: str, in_query: bool, slug: str | None
    ) -> None:
        self.front, self.path, self.query, self.https = front, path, query, https
        self.secret, self.in_query, self.slug = secret, in_query, slug
        self.extra = fixed.OPEN if front.dialect.open and path.startswith(front.dialect.open) else ()
        self.credential: Credential | None = None  # key and quota are this credential's
        self.key: Any = None
        self.quota: tuple[str, str | None, Quota] = ("", None, Quota(0))
        self._answer: Answer | None = None  # the headers are this answer's
        self._headers: Told = []

    def admit(self, credential: Credential, ctx: Ctx) -> bool:
        """Whether this credential may ask here."""
        if self.slug is not None and self.slug != credential.slug:
            return False
        if self.in_query and not credential.storefront_only:
            return False
        self.credential, self.quota = credential, counted(credential, self.front.dialect)
        self.key = answer_key(self.front.dialect, self.path, self.query, ctx)
        return True

    def full(self, answer: Answer) -> Told:
        """The headers of the whole answer that are the same each time."""
        if self._answer is not answer:
            self._headers = self._completed(full_headers(answer, self.in_query))
            self._answer = answer
        return self._headers

    def short(self, answer: Answer) -> Told:
        return self._completed(short_headers(answer, self.in_query))

    def _completed(self, sent: list[Header]) -> Told:
        return [one for one in spelled(fixed.complete(sent, self.extra, "", self.https)) if one[0] != "x-request-id"]


class AtOnce:
    """`at_once(scope, proto)`: whether the request was answered here."""

    def __init__(self, gateway: Gateway, only_https: bool) -> None:
        self._gateway, self._only_https = gateway, only_https
        self._routes: dict[tuple[Any, ...], _Route] = {}

    def __call__(self, scope: Any, proto: Any) -> bool:
        if scope.method != "GET":
            return False
        started, path = time.perf_counter(), scope.path
        front = self._gateway.app_for(path)
        if not isinstance(front, Front):
            return False
        pairs = scope.headers.items()
        sent = dict(pairs)
        if len(sent) != len(pairs):
            return False
        peer = scope.client.rpartition(":")[0].strip("[]")
        address, https = self._gateway.proxies.of(peer, scope.scheme == "https", sent)
        if self._only_https and not https:
            return False
        query = scope.query_string
        name = (path, query, https, sent.get("host"), sent.get("x-api-key"), sent.get("authorization"))
        kept = self._routes.get(name)
        route = kept or self._route(front, path, query, https, sent)
        if route is None:
            return False
        for aside in _ASIDE:
            if aside in sent:
                return False
        if "authorization" not in sent and "authorization" in scope.headers:
            return False  # it is there, with a value that is not ASCII
        visit = Visit({}, address, https, started)
        found = self._found(route, visit)
        if found is None:
            return False
        if kept is None:
            if len(self._routes) >= _MOST:
                self._routes.clear()
            self._routes[name] = route
        _tell(proto, route, visit, *found, sent.get("if-none-match"))
        self._gateway.finish(visit, "GET", path)
        return True

    def _route(self, front: Front, path: str, query: str, https: bool, sent: Mapping[str, str]) -> _Route | None:
        if not front.keeps(path, query):
            return None
        host = sent.get("host")
        slug, domain = self._gateway.hosts.names(None if host is None else host.encode())
        if domain is not None:
            return None
        shown = {name.encode(): sent[name].encode() for name in ("authorization", "x-api-key") if name in sent}
        scope: dict[str, Any] = {"query_string": query.encode()}
        try:
            who = presented(scope, shown, front.dialect.query_key)
        except MerxError:
            return None
        if who.key is None or who.token is not None:
            return None
        if front.dialect.slug is not None:
            slug = front.dialect.slug(path) or slug
        return _Route(front, path, scope["query_string"], https, who.key, who.in_query, slug)

    def _found(self, route: _Route, visit: Visit) -> tuple[Answer, Verdict] | None:
        """The answer, where all it takes is in memory; the request is then counted."""
        front = route.front
        gate, dialect = front.gate, front.dialect
        credential = gate.keys.recall(route.secret)
        if credential is None or gate.limiter.shared is not None:
            return None
        now = datetime.now(UTC)
        if credential.expires_at is not None and credential.expires_at <= now:
            return None
        ctx = credential.ctx(now=now, source=dialect.name, request_id=visit.id, address=visit.address)
        if credential is not route.credential and not route.admit(credential, ctx):
            return None
        answer = front.answers.get(credential.tenant, route.key)
        if answer is None or answer.status != 200:
            return None
        verdict = gate.limiter.take(*route.quota)
        if not verdict.allowed:
            return None
        visit.ctx, visit.credential, visit.dialect, visit.route = ctx, credential, dialect.name, answer.route
        return answer, verdict


def _tell(proto: Any, route: _Route, visit: Visit, answer: Answer, verdict: Verdict, seen: str | None) -> None:
    mine = [("x-request-id", visit.id), *verdict.told()]
    if seen is not None and matches(seen.encode(), answer.etag):
        visit.status = 304
        proto.response_empty(304, mine + route.short(answer))
    else:
        visit.status = 200
        proto.response_bytes(200, mine + route.full(answer), answer.body)
