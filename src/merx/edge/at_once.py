"""Owns the short ways through the edge, of catalogue reads whose caller is in memory. Where the answer is there too, it
is given at once: no ASGI scope is built, and what follows from the address and the credential alone is worked out once
and kept. Where it is not, the request is let in here and computed (`edge/computing.py`). Either is decided as `Front`
decides it, and whatever is out of the ordinary is left to `Front`.

What may change is looked at each time: whether the key still stands, whether the answer is still true, the limits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from merx.core.activity.model import Strip
from merx.core.auth.model import Credential
from merx.edge import headers as fixed
from merx.edge.answers import Answer, Kept
from merx.edge.app import Quota
from merx.edge.computing import Computing, dated
from merx.edge.credentials import presented
from merx.edge.front import Front, answer_key, full_headers, matches, short_headers
from merx.edge.gate import counted, know
from merx.edge.gateway import MAX_IN_FLIGHT, Gateway
from merx.edge.headers import Header
from merx.edge.visit import Visit, birth, numbered
from merx.kernel.errors import MerxError

_MOST = 4096
"""Addresses, and requests byte for byte, that are kept worked out; past that, all are forgotten."""
_LONGEST = 1024  # bytes of a request that is kept
_ASIDE = frozenset((b"content-length", b"transfer-encoding", b"origin", b"upgrade", b"expect", b"range"))
"""Requests with one of these headers are looked at in full."""
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto")
_NOTHING: Mapping[str, str] = {}

_START = (
    b"HTTP/1.1 %b\r\ndate: %%b\r\nx-request-id: %%b-%%x\r\nx-ratelimit-limit: %%d\r\nx-ratelimit-remaining: %%d\r\n"
    b"x-ratelimit-reset: %%d\r\n%b\r\n"
)


class _Route:
    """What follows from the address and the credential's text."""

    __slots__ = (
        "address",
        "credential",
        "extra",
        "front",
        "https",
        "in_query",
        "kept",
        "path",
        "query",
        "quota",
        "rendered",
        "secret",
        "slug",
        "starts",
        "strip",
    )

    def __init__(
        self, front: Front, path: str, query: bytes, https: bool, secret: str, in_query: bool, slug: str | None
    ) -> None:
        self.front, self.path, self.query, self.https = front, path, query, https
        self.secret, self.in_query, self.slug = secret, in_query, slug
        self.extra = fixed.OPEN if front.dialect.open and path.startswith(front.dialect.open) else ()
        self.credential: Credential | None = None  # the quota and the strip are this credential's …
        self.quota: tuple[str, str | None, Quota] = ("", None, Quota(0))
        self.address = ""  # … and of requests from here
        self.strip: Strip | None = None
        self.kept: Kept | None = None
        self.rendered: Answer | None = None  # the starts are this answer's
        self.starts: tuple[bytes, bytes] = (b"", b"")

    def admit(self, credential: Credential) -> bool:
        """Whether this credential may ask here."""
        if self.slug is not None and self.slug != credential.slug:
            return False
        if self.in_query and not credential.storefront_only:
            return False
        self.credential, self.quota = credential, counted(credential, self.front.dialect)
        self.kept = self.strip = None
        return True

    def answer(self, credential: Credential) -> Answer | None:
        answers = self.front.answers
        found = answers.use(self.kept)
        if found is None:
            key = answer_key(self.front.dialect, self.path, self.query, credential)
            self.kept = answers.find(credential.tenant, key)
            found = answers.use(self.kept)
        return found

    def start(self, answer: Answer, unchanged: bool) -> bytes:
        """The whole answer's status and headers, or those of the word that it is unchanged."""
        if self.rendered is not answer:
            full = self._start(b"200 OK", full_headers(answer, self.in_query))
            self.starts = full, self._start(b"304 Not Modified", short_headers(answer, self.in_query))
            self.rendered = answer
        return self.starts[unchanged]

    def _start(self, status: bytes, sent: list[Header]) -> bytes:
        whole = [one for one in fixed.complete(sent, self.extra, "", self.https) if one[0] != b"x-request-id"]
        told = b"".join(b"%b: %b\r\n" % one for one in whole)
        return _START % (status, told.replace(b"%", b"%%"))


class _Sent:
    """A request as it was sent, byte for byte."""

    __slots__ = ("forwarded", "route", "tag")

    def __init__(self, route: _Route, tag: bytes | None, forwarded: Mapping[str, str]) -> None:
        self.route = route
        self.tag = tag  # of the answer the client has already
        self.forwarded = forwarded


class AtOnce:
    def __init__(self, gateway: Gateway, only_https: bool) -> None:
        self._gateway, self._only_https = gateway, only_https
        self._proxies, self._direct = gateway.proxies, gateway.proxies.none
        self._metrics, self._request_log, self._access_log = gateway.metrics, gateway.request_log, gateway.access_log
        self._routes: dict[tuple[Any, ...], _Route] = {}
        self._sent: dict[bytes, _Sent] = {}

    def repeated(self, raw: bytes, peer: str) -> bytes | None:
        sent = self._sent.get(raw)
        if sent is None:
            return None
        route = sent.route
        if not self._direct:
            peer, https = self._proxies.of(peer, False, sent.forwarded)
            if https is not route.https:
                return None
        credential = self._admitted(route)
        answer = None if credential is None else route.answer(credential)
        return None if answer is None else self._told(route, answer, peer, sent.tag)

    def parsed(
        self, path: str, query: bytes, headers: list[Header], peer: str
    ) -> tuple[bytes, _Sent] | Computing | None:
        front = self._gateway.app_for(path)
        if not isinstance(front, Front):
            return None
        given = dict(headers)
        if len(given) != len(headers) or not _ASIDE.isdisjoint(given):
            return None
        forwarded, address, https = _NOTHING, peer, False
        if not self._direct:
            forwarded = {name.decode(): given[name].decode("latin-1") for name in _FORWARDED if name in given}
            address, https = self._proxies.of(peer, False, forwarded)
        if self._only_https and not https:
            return None
        name = (path, query, https, given.get(b"host"), given.get(b"x-api-key"), given.get(b"authorization"))
        kept = self._routes.get(name)
        route = kept or self._route(front, path, query, https, given)
        if route is None:
            return None
        credential = self._admitted(route)
        if credential is None:
            return None
        answer = route.answer(credential)
        if answer is None:
            return self._computing(route, credential, address, given)
        tag = given.get(b"if-none-match")
        told = self._told(route, answer, address, tag)
        if told is None:
            return None
        if kept is None:
            if len(self._routes) >= _MOST:
                self._routes.clear()
            self._routes[name] = route
        return told, _Sent(route, tag, forwarded)

    def remember(self, raw: bytes, known: _Sent) -> None:
        if len(raw) <= _LONGEST:
            if len(self._sent) >= _MOST:
                self._sent.clear()
            self._sent[raw] = known

    def _route(self, front: Front, path: str, query: bytes, https: bool, given: Mapping[bytes, bytes]) -> _Route | None:
        if not front.keeps(path, query):
            return None
        slug, domain = self._gateway.hosts.names(given.get(b"host"))
        if domain is not None:
            return None
        scope: dict[str, Any] = {"query_string": query}
        try:
            who = presented(scope, given, front.dialect.query_key)
        except MerxError:
            return None
        if who.key is None or who.token is not None:
            return None
        if front.dialect.slug is not None:
            slug = front.dialect.slug(path) or slug
        return _Route(front, path, scope["query_string"], https, who.key, who.in_query, slug)

    def _admitted(self, route: _Route) -> Credential | None:
        """Who is asking, where that is in memory and may be asked here."""
        gate = route.front.gate
        credential = gate.keys.recall(route.secret)
        if credential is None or gate.limiter.shared is not None:
            return None
        if credential.expires_at is not None and credential.expires_at <= datetime.now(UTC):
            return None
        if credential is not route.credential and not route.admit(credential):
            return None
        return credential

    def _told(self, route: _Route, answer: Answer, address: str, tag: bytes | None) -> bytes | None:
        """The whole answer; the request is then counted. None: it is one too many."""
        started = time.perf_counter()
        verdict = route.front.gate.limiter.take(*route.quota)
        if not verdict.allowed:
            return None
        unchanged = tag is not None and matches(tag, answer.etag)
        begun, number = numbered()
        start = route.start(answer, unchanged)
        now = time.time()
        told = start % (dated(int(now)), begun, number, verdict.limit, verdict.remaining, verdict.reset)
        self._ended(route, address, 304 if unchanged else 200, number, now, time.perf_counter() - started)
        return told if unchanged else told + answer.body

    def _computing(
        self, route: _Route, credential: Credential, address: str, given: Mapping[bytes, bytes]
    ) -> Computing | None:
        """The request is let in, and counted. None: it is one too many, or there are too many at once."""
        if self._metrics.in_flight >= MAX_IN_FLIGHT:
            return None
        front, visit = route.front, Visit(given, address, route.https)
        verdict = front.gate.limiter.take(*route.quota)
        if not verdict.allowed:
            return None
        front.begin(visit, route.path)
        visit.keyed, visit.host_slug, visit.rate = True, route.slug, verdict.headers()
        know(visit, credential, front.dialect, datetime.now(UTC))
        return Computing(self._gateway, front, visit, route.path, route.query, route.in_query)

    def _ended(self, route: _Route, address: str, status: int, number: int, now: float, elapsed: float) -> None:
        """What `Gateway.finish` does for every other request."""
        dialect = route.front.dialect.name
        self._metrics.observe(dialect, "GET", status, elapsed)
        credential = route.credential
        assert credential is not None
        if self._request_log.wants(status):
            answered = "" if route.rendered is None else route.rendered.route
            ident, tenant = f"{birth()}-{number:x}", credential.tenant.hex
            named = dialect, tenant, credential.actor, address
            self._request_log.line(status, ident, "GET", route.path, answered, elapsed, *named)
        if self._access_log is not None:
            strip = route.strip
            if strip is None or address is not route.address or status != strip.kind.status:
                who = credential.tenant, credential.actor, credential.actor_id, address
                strip = self._access_log.strip(*who, "GET", route.path, dialect, status)
                route.strip, route.address = strip, address
            self._access_log.add(strip, now, elapsed, number)
