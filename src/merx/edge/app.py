"""Owns the frame every dialect stands in: one Litestar app with strict requests, exact answers and one way to fail.

A dialect is a `Dialect` value. Its handlers are Litestar's (`@get`, `@post`, …) with three words of our own, which
Litestar keeps as the route's `opt`:

    asks=ListProducts     the struct of the query parameters; the handler calls `request.ask(ListProducts)`
    public=True           for the document only: this operation needs no credential
    media="…"             a body type other than JSON; the handler reads `await request.body()` itself
    requires=("name",)    for the document only: fields whose absence the core tells with all else
    errors=(402, 409)     statuses this operation answers with besides the usual ones, for the document
    uploads=True          beside JSON, which is then optional, a file is taken: `uploads.uploaded(request, "image")`
    needs="orders:read"   with the guard `admission.admit`: the scope the caller needs, asked before the body is read

and, for dialects whose document is exact:

    fails=SessionError    the shape of its errors, where it is not the dialect's, for the document
    refuses=(401, 404)    all the statuses of its errors, in the place of the usual ones
    schemes=("Bearer",)   which of the dialect's security schemes it takes, in the place of all
    names={"id": {…}}     schemas of the parameters in its path
    takes={"If-Match": …} request headers it reads, with what they are for
    gives={"ETag": …}     headers of its good answer, with what they say; with an ETag, a GET also answers 304
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException, LitestarDeprecationWarning
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ControllerRouterHandler, Empty

from merx.edge import body, query
from merx.edge.errors import HttpError, as_error
from merx.edge.visit import Visit, visit_of
from merx.kernel.context import Ctx
from merx.kernel.errors import Kind, MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

Shape = TypeVar("Shape", bound=msgspec.Struct)

JSON_TYPES = ("application/json", "application/merge-patch+json")
_FILE_TYPES = ("multipart/form-data", "application/octet-stream")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class MerxRequest(Request[Any, Any, State]):
    """What handlers take: `request.ctx` and `request.rt` are what a service wants as its first two arguments."""

    @property
    def visit(self) -> Visit:
        return visit_of(self.scope)

    @property
    def ctx(self) -> Ctx:
        """Who is asking; raises Unauthenticated where the credential is wrong, or nothing tells the tenant. It may be
        a context without an actor, where only the shop's host is known: services check scopes themselves."""
        return self.visit.caller()

    @property
    def once(self) -> Ctx:
        """`ctx`, for the PATCH that adds to what is instead of saying what is to be: as a POST, it is not done a second
        time under its idempotency key. For a POST the two are the same."""
        return self.visit.once or self.ctx

    @property
    def shop(self) -> Ctx:
        """The shop that is meant, for signing in to it: a stale token sent along does not matter here."""
        return self.visit.shop or self.ctx

    @property
    def door(self) -> TenantId | None:
        """The shop that the host or a key names, None where neither does: a token in the body is only good for this
        one. Raises what is wrong with them."""
        return self.shop.tenant if self.visit.host_slug is not None or self.visit.keyed else None

    @property
    def idempotency_key(self) -> str | None:
        """The caller's, where it sent one: for operations that must find their own effect again even after the edge has
        forgotten the answer."""
        sent = self.visit.headers.get(b"idempotency-key", b"").strip()
        return sent.decode("latin-1") or None

    @property
    def rt(self) -> Runtime:
        runtime = self.visit.rt
        assert runtime is not None
        return runtime

    def ask(self, shape: type[Shape]) -> Shape:
        """The query string as the struct this route declared with `asks=`."""
        assert self.route_handler.opt.get("asks") is shape, f"declare asks={shape.__name__} on the route"
        return query.parse(shape, self.scope["query_string"])

    async def body(self) -> bytes:
        """All of it. Raises HttpError: 413 past what the address takes, 400 where the client hung up before its end."""
        if self._body is Empty:
            state = self._connection_state
            if state.body is Empty:
                state.body = await body.whole(self.receive, self.visit.max_body)
                self.is_connected = False
            self._body = state.body  # what Litestar's own readers, of forms for one, look at
        raw: bytes = self._body
        return raw

    async def json(self) -> Any:
        """What Litestar gives the handler as `data`, decoded straight into its type."""
        if self.route_handler.opt.get("uploads") and not is_json(self.headers.get("content-type", "")):
            return None
        wanted = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return body.decode(await self.body(), wanted)


class MerxResponse(Response[Any]):
    """Decimals become JSON numbers with all their digits; bytes are sent as they are."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if isinstance(content, bytes):
            return content
        if content is None:
            return b""
        return _ENCODER.encode(content) if media_type.endswith("json") else str(content).encode()


def encode(value: Any) -> bytes:
    """The JSON every dialect's answers are made with."""
    return _ENCODER.encode(value)


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> MerxResponse:
    """An encoded answer with a status or headers of its own; a handler with neither just returns its struct."""
    media = "application/json"
    return MerxResponse(encode(value), status_code=status, media_type=media, headers=dict(headers or {}))


Render = Callable[[MerxRequest, MerxError], Response[Any]]
"""How a dialect writes an error. Headers that any error needs (Allow, Retry-After, …) are added for it."""


Reach = Callable[[Runtime, Ctx, str, bytes], Awaitable[Ctx]]
"""(caller, path, query string) -> the caller in the shop that the request names; raises where they may not be there.
Asked before anything is looked up in memory, so that answers are kept for the shop they are about."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests a credential may make. `tenant` times as many for all of a tenant's credentials together."""

    minute: int
    day: int | None = None
    tenant: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    name: str
    title: str
    version: str
    description: str = ""
    routes: Mapping[str, Sequence[ControllerRouterHandler]]  # full path prefix -> its handlers
    mounts: tuple[str, ...] = ()  # what asgi.py sends here; the prefixes of `routes` where not given
    render: Render
    error_type: type[msgspec.Struct]  # the error's shape, for the document
    error_media: str = "application/json"
    invalid_status: int = 400  # what the dialect answers where a field is wrong, for the document
    trailing_slash: bool = False  # how the document writes its paths; both are answered
    docs: str  # the prefix under which openapi.json and docs are served
    server: str = ""  # the prefix that the document's paths leave out; a name in braces is said in `server_names`
    server_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # OpenAPI server variables
    tags: Mapping[str, str] = field(default_factory=dict)  # what the document says about groups of operations
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # OpenAPI security schemes
    query_key: str | None = None  # the query parameter that may carry a storefront key
    cached: tuple[str, ...] = ()  # GET paths below these prefixes are catalogue reads, answered from memory
    catalogue: Callable[[str], bool] | None = None  # the same, where the shop's name stands before what tells
    open: tuple[str, ...] = ()  # browsers of any origin that the shop allows may call paths below these prefixes
    browser_headers: tuple[str, ...] = ()  # request headers that browsers may send there, besides the usual ones
    slug: Callable[[str], str | None] | None = None  # a shop named in the path
    reach: Reach | None = None  # where callers may act in other shops than their credential's own
    unasked: tuple[str, ...] = ()  # paths answered to anybody, without asking who: not even the database is
    uploads: re.Pattern[str] | None = None  # the paths whose POST takes a file, of MAX_UPLOAD bytes
    quota: Callable[[str, Quota], Quota] | None = None  # (plan, what the plan says) -> this dialect's own limits

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self.mounts or tuple(self.routes)

    def takes_file(self, path: str, content_type: bytes) -> bool:
        if self.uploads is None or self.uploads.fullmatch(path) is None:
            return False
        return not is_json(content_type.decode("latin-1"))


def dialect_app(dialect: Dialect, extra: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """The dialect's own Litestar app: its 404, 405, 413, 415 and 500 come out in its own shape."""

    def fail(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
        return failure(dialect, request.scope, exc)

    with warnings.catch_warnings():
        # `data: Shape` and `{id:str}` are this project's way of saying it; Litestar 3 will want markers.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        routers = [Mounted(prefix, route_handlers=list(handlers)) for prefix, handlers in dialect.routes.items()]
        app = _litestar([*routers, *extra], fail)
    _prepare(app)
    return app


class Mounted(Router):
    """A router for one app alone. Litestar copies every router to its last handler, in case it is used twice: a quarter
    of what it took to build the apps."""

    def __deepcopy__(self, memo: Any) -> Mounted:
        return self


class Plain(Litestar):
    """Litestar without its plugins for pydantic and attrs, of which nothing here is made: where those can be imported,
    as they can wherever something else wants them, that took a tenth of a start and ten megabytes."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]

    @staticmethod
    def _patch_opentelemetry_middleware(config: AppConfig) -> AppConfig:
        """Nor its own for OpenTelemetry, of which it would load a part wherever that is installed."""
        return config


def _litestar(routes: list[ControllerRouterHandler], fail: Callable[..., Response[Any]]) -> Litestar:
    return Plain(
        routes,
        exception_handlers={HTTPException: fail, Exception: fail},
        before_request=_check_body,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=body.MAX_BODY,
        request_class=MerxRequest,
        response_class=MerxResponse,
        debug=False,
    )


def failure(dialect: Dialect, scope: Any, exc: BaseException) -> Response[Any]:
    """Any exception as the dialect's answer, with the headers that go with its kind."""
    visit = visit_of(scope)
    error = visit.error = as_error(exc, visit.id)
    response = dialect.render(MerxRequest(scope), error)
    if isinstance(error, HttpError):
        response.headers.update(error.headers)
    if error.retry_after is not None:
        response.headers.setdefault("Retry-After", str(error.retry_after))
    elif error.kind in (Kind.BUSY, Kind.LIMITED):
        response.headers.setdefault("Retry-After", "1")
    if response.status_code == 401:
        told = ', error="invalid_token"' if error is visit.denied else ""
        response.headers.setdefault("WWW-Authenticate", f'Bearer realm="merx"{told}')
    elif response.status_code == 403 and "scope" in error.facts:  # RFC 6750, 3
        told = f'error="insufficient_scope", scope="{error.facts["scope"]}"'
        response.headers.setdefault("WWW-Authenticate", f'Bearer realm="merx", {told}')
    return response


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in JSON_TYPES


async def _check_body(request: Request[Any, Any, Any]) -> None:
    """Before the handler: the body's presence and type. Litestar itself would read any type as JSON."""
    method = request.scope["method"]
    if method not in _WITH_BODY:
        return
    handler = request.route_handler
    data = handler.parsed_fn_signature.parameters.get("data")
    media = handler.opt.get("media")
    if data is None and media is None:
        return
    raw = await request.body()
    if not raw:
        if handler.opt.get("uploads"):
            raise HttpError(400, "missing_body", "This request needs a file, or a JSON body.")
        if data is not None and not data.has_default and not data.is_optional:
            raise HttpError(400, "missing_body", "This request needs a JSON body.")
        return
    headers = visit_of(request.scope).headers
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise HttpError(415, "unsupported_media_type", "Send the body as it is, without a Content-Encoding.")
    sent, _, parameters = headers.get(b"content-type", b"").decode("latin-1").partition(";")
    kind = sent.strip().lower()
    if handler.opt.get("uploads"):
        if kind in _FILE_TYPES or kind.startswith("image/"):
            return
        if len(raw) > body.MAX_BODY:
            raise HttpError(413, "payload_too_large", "The body is larger than 1 MiB.")
    accepted = (media,) if media else JSON_TYPES
    charset = parameters.lower().partition("charset=")[2].strip(' "')
    if kind not in accepted or charset not in ("", "utf-8", "utf8"):
        raise HttpError(415, "unsupported_media_type", f"Send the body as {accepted[0]}.")


def _prepare(app: Litestar) -> None:
    """Every decoder is built now: a type msgspec can't read is a failed start, not a failed request."""
    for handler in handlers_of(app):
        data = handler.parsed_fn_signature.parameters.get("data")
        try:
            if data is not None:
                body.prepare(data.annotation)
            if (asks := handler.opt.get("asks")) is not None:
                query.prepare(asks)
        except TypeError as wrong:
            raise TypeError(f"{handler.handler_name} takes what can't be read: {wrong}") from wrong


def handlers_of(app: Litestar) -> list[HTTPRouteHandler]:
    found: dict[int, HTTPRouteHandler] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            found[id(handler)] = handler
    return list(found.values())


__all__ = [
    "Dialect",
    "MerxRequest",
    "MerxResponse",
    "Quota",
    "Render",
    "dialect_app",
    "encode",
    "failure",
    "handlers_of",
    "reply",
]
