"""Owns what stands before a dialect's app: HEAD and OPTIONS, cross-origin rules, credentials, limits, idempotency, and
catalogue reads from memory, which never reach the app at all. Plain ASGI, because this is the path that must be fast.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Hashable
from typing import Any

from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import Receive, Scope, Send
from litestar.utils import normalize_path

from merx.core.auth.model import Credential
from merx.edge import headers as fixed
from merx.edge.answers import Answer, AnswerCache, etag_of
from merx.edge.app import Dialect, failure
from merx.edge.body import MAX_UPLOAD
from merx.edge.credentials import NOTHING, Presented, presented, refuse_repeated
from merx.edge.direct import Direct
from merx.edge.errors import HttpError, allow
from merx.edge.gate import Gate
from merx.edge.idempotency import Idempotency
from merx.edge.sending import send_whole
from merx.edge.visit import Visit, visit_of
from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError, Unauthenticated

MAX_PATH = 8192
MAX_DRAINED, DRAIN_SECONDS = 32 << 20, 5


class Front:
    def __init__(self, dialect: Dialect, app: Direct, gate: Gate, answers: AnswerCache) -> None:
        self.dialect = dialect
        self.app = app
        self.gate = gate
        self.answers = answers
        self._idempotency = Idempotency(dialect.name)
        self._is_catalogue = dialect.catalogue or (lambda path: path.startswith(dialect.cached))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = visit_of(scope)
        path: str = scope["path"]
        self.begin(visit, path)
        try:
            if visit.extra and b"origin" in visit.headers:
                await self._by_origin(visit, path)
            await self._serve(scope, receive, send, visit, path)
        except MerxError as error:
            await self._answer_error(scope, receive, send, await self._counted(visit, error))
        finally:
            if visit.shop is None:
                await self._place(scope, visit, path)

    def begin(self, visit: Visit, path: str) -> None:
        """The visit is to this dialect."""
        visit.dialect, visit.rt, visit.limiter = self.dialect.name, self.gate.rt, self.gate.limiter
        if self.dialect.open and path.startswith(self.dialect.open):
            visit.extra = fixed.OPEN

    async def _place(self, scope: Any, visit: Visit, path: str) -> None:
        """Whose log a request stands in that was refused for its credential, or before anybody looked at one: the
        shop's that its address names."""
        if scope["method"] == "OPTIONS" or visit.status >= 500 or path.rstrip("/") in self.dialect.unasked:
            return  # where the database is away, it is not waited for a second time
        with contextlib.suppress(MerxError):
            tenant = await self.gate.tenant_of(self._slug(visit, path), visit.host_domain)
            visit.shop = None if tenant is None else Ctx(tenant, source=self.dialect.name, request_id=visit.id)

    def _slug(self, visit: Visit, path: str) -> str | None:
        return (None if self.dialect.slug is None else self.dialect.slug(path)) or visit.host_slug

    async def _serve(self, scope: Any, receive: Receive, send: Send, visit: Visit, path: str) -> None:
        method = scope["method"]
        if not visit.https and self.gate.rt.settings.require_https:
            raise HttpError(403, "https_required", "Requests over plain HTTP are refused; use https://.")
        if method == "OPTIONS":
            return await self._options(scope, send, visit, path)
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if len(path) + len(scope["query_string"]) > MAX_PATH:
            raise HttpError(414, "address_too_long", "The address is longer than 8 KiB.")
        if "\0" in path:
            raise HttpError(404, "not_found", "There is nothing at this address.")
        if len(visit.headers) != len(scope["headers"]):
            refuse_repeated(scope["headers"])
        if method == "POST" and self.dialect.takes_file(path, visit.headers.get(b"content-type", b"")):
            visit.max_body = MAX_UPLOAD
        from_memory = scope["method"] == "GET" and self._is_catalogue(path)
        who = NOTHING
        if path.rstrip("/") not in self.dialect.unasked:
            who = await self._ask_who(scope, visit, path, from_memory)
        await self.gate.count(visit, self.dialect)
        if b"content-length" in visit.headers:
            await refuse_too_large(receive, visit.headers[b"content-length"], visit.max_body)
        if from_memory and visit.ctx is not None:
            return await send_whole(send, *await self.read(scope, receive, visit, who.in_query))
        keyed = method in ("POST", "PATCH") and b"idempotency-key" in visit.headers and visit.denied is None
        if keyed and self._routed(path, method):
            return await self._idempotency(self.app, scope, receive, send, visit)
        await self.app(scope, receive, send)
        visit.route = scope.get("path_template", "")
        return None

    async def _by_origin(self, visit: Visit, path: str) -> None:
        """What a page of this origin may read, where the address alone tells the shop: so for what is asked
        beforehand, and for what is refused before anybody knows who asks."""
        tenant = await self.gate.tenant_of(self._slug(visit, path), visit.host_domain)
        if tenant is not None:
            visit.extra = await self.gate.cross_origin(visit, tenant)

    async def _ask_who(self, scope: Any, visit: Visit, path: str, from_memory: bool) -> Presented:
        """Fills in the caller and the shop that is meant."""
        try:
            who = presented(scope, visit.headers, self.dialect.query_key)
        except Unauthenticated as refused:
            visit.denied, who = refused, NOTHING
        visit.keyed = who.key is not None
        visit.host_slug = self._slug(visit, path)
        if visit.host_domain is not None:
            await self.gate.place(visit)
        if visit.denied is None and not (from_memory and self.gate.recall(visit, who, self.dialect)):
            await self.gate.enter(visit, who, self.dialect)
        if visit.extra and b"origin" in visit.headers and visit.ctx is not None:
            visit.extra = await self.gate.cross_origin(visit, visit.ctx.tenant)
        if self.dialect.reach is not None and visit.credential is not None and visit.ctx is not None:
            visit.ctx = await self.dialect.reach(self.gate.rt, visit.ctx, path, scope["query_string"])
        return who

    # ---- catalogue reads

    def keeps(self, path: str, query: bytes) -> bool:
        """Whether a GET of this address is an ordinary catalogue read, which needs nothing but memory."""
        dialect = self.dialect
        return (
            self._is_catalogue(path)
            and dialect.reach is None
            and path.rstrip("/") not in dialect.unasked
            and len(path) + len(query) <= MAX_PATH
            and "\0" not in path
        )

    async def read(
        self, scope: Any, receive: Receive, visit: Visit, in_query: bool
    ) -> tuple[int, list[fixed.Header], bytes]:
        """The answer to a catalogue read whose caller is known: its status, headers and body."""
        ctx, path = visit.caller(), scope["path"]
        key = answer_key(self.dialect, path, scope["query_string"], ctx)
        answer = self.answers.get(ctx.tenant, key)
        if answer is None:
            answer = await self.answers.compute(ctx.tenant, key, lambda: self._run(scope, receive))
        visit.route = answer.route
        if answer.status != 200:
            return answer.status, list(answer.headers), answer.body
        seen = visit.headers.get(b"if-none-match")
        if seen is not None and matches(seen, answer.etag):
            return 304, short_headers(answer, in_query), b""
        return 200, full_headers(answer, in_query), answer.body

    async def _run(self, scope: Any, receive: Receive) -> Answer:
        """The app's whole answer to this request."""
        status, headers, body = await self.app.whole(scope, receive)
        etag = next((value for name, value in headers if name == b"etag"), None)
        if etag is None:
            etag = etag_of(body)
        else:
            headers = [header for header in headers if header[0] != b"etag"]
        return Answer(status, tuple(headers), body, etag, scope.get("path_template", ""))

    # ---- OPTIONS and errors

    async def _options(self, scope: Any, send: Send, visit: Visit, path: str) -> None:
        methods = self._allowed(path)
        if methods is None:
            raise HttpError(404, "not_found", "There is nothing at this address.")
        found = [(b"allow", methods.encode())]
        if visit.extra and b"access-control-request-method" in visit.headers:
            found += fixed.preflight(visit.extra, methods, self.dialect.browser_headers)
            visit.extra = ()
        await send_whole(send, 204, found, b"")

    def _routed(self, path: str, method: str) -> bool:
        """Whether the address takes the method at all: what it does not is told so, whatever key comes along."""
        try:
            self.app.route(path=normalize_path(path), method=method)
        except (MethodNotAllowedException, NotFoundException):
            return False
        return True

    def _allowed(self, path: str) -> str | None:
        try:
            self.app.route(path=normalize_path(path), method="TRACE")
        except MethodNotAllowedException as refused:
            return allow(refused)
        except NotFoundException:
            return None
        return None

    async def _counted(self, visit: Visit, error: MerxError) -> MerxError:
        """What is refused before anybody knew who asked counts too, against the address it came from."""
        if not visit.rate:
            try:
                await self.gate.count(visit, self.dialect)
            except MerxError as over:
                return over
        return error

    async def _answer_error(self, scope: Any, receive: Receive, send: Send, error: MerxError) -> None:
        if scope["method"] == "HEAD":
            send = _without_body(send)
        response = failure(self.dialect, scope, error)
        # Litestar's own response needs nothing of the app to become ASGI.
        await response.to_asgi_response(None, None)(scope, receive, send)  # type: ignore[arg-type]


async def refuse_too_large(receive: Receive, declared: bytes, bound: int) -> None:
    """Raises HttpError 413 for a body past the bound, after taking in what is on its way: a connection that is closed
    over unread bytes is reset, and the client would see that instead of the answer."""
    if not declared.isdigit() or int(declared) <= bound:
        return
    left = MAX_DRAINED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request":
                    break
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    raise HttpError(413, "payload_too_large", f"The body is larger than {bound >> 20} MiB.")


def _without_body(send: Send) -> Send:
    async def headless(message: Any) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headless


def answer_key(dialect: Dialect, path: str, query: bytes, ctx: Ctx | Credential) -> Hashable:
    """It does not tell a caller apart from another of the same kind, and the answer must not either."""
    return (dialect.name, path, query, ctx.actor, ctx.scopes)


def full_headers(answer: Answer, in_query: bool) -> list[fixed.Header]:
    """`in_query`: the key stood in the address, so nobody on the way may keep the answer."""
    return [*answer.headers, *short_headers(answer, in_query)]


def short_headers(answer: Answer, in_query: bool) -> list[fixed.Header]:
    return [(b"etag", answer.etag), *(() if in_query else fixed.CATALOGUE)]


def matches(sent: bytes, etag: bytes) -> bool:
    return sent.strip() == b"*" or etag.removeprefix(b"W/") in [
        one.strip().removeprefix(b"W/") for one in sent.split(b",")
    ]
