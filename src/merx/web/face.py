"""A face: one Litestar app of plain HTML pages (dashboard, storefront, portal), and what stands before it.

Handlers are Litestar's, take a `PageRequest` and say what they need:

    needs=PUBLIC            anybody
    needs=SIGNED_IN         whoever has signed in to this face
    needs="orders:read"     a permission; the services ask again

Before a handler runs, every unsafe request (POST, PUT, PATCH, DELETE) has been shown to come from this site
(Sec-Fetch-Site, else Origin) and to carry the visitor's form token (`{{ token() }}` in a form, `X-Form-Token` from
htmx). Whoever is missing a session is sent to sign in; every error is a page."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, LitestarDeprecationWarning
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from merx.core.tenants import service as tenants
from merx.edge.app import MerxResponse, Mounted, Plain, Quota, handlers_of
from merx.edge.client import address_bucket
from merx.edge.credentials import refuse_repeated
from merx.edge.errors import HttpError, as_error
from merx.edge.front import refuse_too_large
from merx.edge.limits import Limiter
from merx.edge.visit import Visit, visit_of
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Kind, MerxError, NotFound, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT
from merx.runtime import Runtime
from merx.web import cookies
from merx.web.forms import Form
from merx.web.pages import HTML, Page, PageRequest, environment, redirect
from merx.web.visitors import SCOPE_KEY, Visitor, visitor_of

PUBLIC, SIGNED_IN = "public", "signed in"
SAFE = ("GET", "HEAD", "OPTIONS")
MAX_PATH = 8192
STATUS = {
    Kind.INVALID: 400, Kind.UNAUTHENTICATED: 401, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409,
    Kind.REFUSED: 422, Kind.DECLINED: 402, Kind.LIMITED: 429, Kind.BUSY: 503, Kind.UPSTREAM: 502, Kind.INTERNAL: 500,
}  # fmt: skip
POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: https:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""No inline script, no inline style, nothing from elsewhere but pictures."""
FIXED: tuple[tuple[bytes, bytes], ...] = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"referrer-policy", b"same-origin"),
)
STRANGERS, KNOWN = Quota(minute=600), Quota(minute=1200)

Prepare = Callable[[PageRequest], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    name: str  # also the folder of its templates and the dialect in the log
    prefix: str  # "/" or "/dashboard"
    routes: Sequence[ControllerRouterHandler]  # their paths begin below the prefix
    cookie: str = cookies.STAFF
    shop_host: bool = False  # answers at the hosts of shops; otherwise at the installation's own
    scopes: frozenset[str] = frozenset()  # what somebody without a session may do in a shop
    sign_in: str | None = None  # where somebody without a session is sent; `next` tells the way back
    prepare: Prepare | None = None  # what all its templates get; asked before each handler
    policy: Mapping[str, str] = field(default_factory=dict)  # what it adds to POLICY
    max_body: int = 1 << 20


class FaceApp:
    """ASGI: the visitor, the limits, the headers; then the app."""

    def __init__(self, face: Face, rt: Runtime, limiter: Limiter) -> None:
        self.face, self._rt, self._limiter = face, rt, limiter
        self._app = _litestar(face)
        self._policy = {**POLICY, **_pictures(rt), **face.policy}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit = visit_of(scope)
        visit.dialect, visit.rt, visit.limiter = self.face.name, self._rt, self._limiter
        visitor = scope[SCOPE_KEY] = Visitor(self._rt, visit, self.face.cookie)
        outgoing = self._sending(scope["method"], visitor, send)
        try:
            await self._check(scope, visit, visitor)
            if b"content-length" in visit.headers:
                await refuse_too_large(receive, visit.headers[b"content-length"], self.face.max_body)
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
            await self._app(scope, receive, outgoing)
            visit.route = scope.get("path_template", "")
        except MerxError as error:
            await fail(PageRequest(scope), error).to_asgi_response(None, None)(scope, receive, outgoing)  # type: ignore[arg-type]

    async def _check(self, scope: Any, visit: Visit, visitor: Visitor) -> None:
        if not visit.https and self._rt.settings.require_https:
            raise HttpError(403, "https_required", "Requests over plain HTTP are refused; use https://.")
        if len(scope["path"]) + len(scope["query_string"]) > MAX_PATH:
            raise HttpError(414, "address_too_long", "The address is longer than 8 KiB.")
        if "\0" in scope["path"]:
            raise NotFound("page")
        if len(visit.headers) != len(scope["headers"]):
            refuse_repeated(scope["headers"])
        if scope["method"] not in SAFE:
            check_origin(visit)
        await visitor.recognise()
        await self._enter(visit, visitor)
        await self._count(visit)

    async def _enter(self, visit: Visit, visitor: Visitor) -> None:
        """Fills in who is asking, and which shop."""
        found, now = visitor.credential, datetime.now(UTC)
        shop = await _shop(self._rt, visit) if self.face.shop_host else None
        if found is not None and (shop is None or shop.tenant == found.tenant):
            visit.credential = found
            visit.ctx = found.ctx(now=now, source=self.face.name, request_id=visit.id, address=visit.address)
            visit.shop = visit.ctx
        elif shop is not None:
            source, scopes = self.face.name, self.face.scopes
            visit.ctx = visit.shop = Ctx(
                shop.tenant, scopes=scopes, source=source, request_id=visit.id, address=visit.address, now=now
            )

    async def _count(self, visit: Visit) -> None:
        found = visit.credential
        subject = f"p:{found.actor_id.hex}" if found else f"p:{address_bucket(visit.address)}"
        quota, limiter = (KNOWN if found else STRANGERS), self._limiter
        verdict = (
            limiter.take(subject, None, quota)
            if limiter.shared is None
            else await limiter.take_shared(subject, None, quota)
        )
        if not verdict.allowed:
            raise verdict.refusal()

    def _sending(self, method: str, visitor: Visitor, send: Any) -> Any:
        async def outgoing(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent = list(message["headers"])
                names = {name for name, _ in sent}
                policy = self._policy_of(visitor)
                more = [(b"content-security-policy", policy), *FIXED, (b"vary", b"Cookie, HX-Request")]
                sent += [header for header in more if header[0] not in names]
                message = {**message, "headers": sent + visitor.headers}
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        return outgoing

    def _policy_of(self, visitor: Visitor) -> bytes:
        parts = dict(self._policy)
        for name, value in visitor.policy.items():
            parts[name] = f"{parts.get(name, '')} {value}".strip()
        return "; ".join(f"{name} {value}" for name, value in parts.items()).encode("latin-1")


def _pictures(rt: Runtime) -> dict[str, str]:
    """Pictures may come from the installation's own host too, when the page is at a shop's."""
    public = urlsplit(rt.settings.public_url)
    return {"img-src": f"{POLICY['img-src']} {public.scheme}://{public.netloc}"}


async def _shop(rt: Runtime, visit: Visit) -> Ctx | None:
    if visit.host_slug is not None:
        found = await tenants.find_by_slug(rt, visit.host_slug)
    elif visit.host_domain is not None:
        found = await tenants.find_by_domain(rt, visit.host_domain)
    else:
        return None
    if found is None or not found.active or found.id == PLATFORM_TENANT:
        raise NotFound("shop")
    visit.host_slug = found.slug
    return Ctx(found.id)


def check_origin(visit: Visit) -> None:
    """An unsafe request comes from a page of this very host. Raises Forbidden-like HttpError 403."""
    site = visit.headers.get(b"sec-fetch-site")
    if site is not None:
        fine = site == b"same-origin"
    else:
        origin = visit.headers.get(b"origin", b"").decode("latin-1")
        host = visit.headers.get(b"host", b"").decode("latin-1")
        fine = bool(host) and origin == f"{'https' if visit.https else 'http'}://{host}"
    if not fine:
        raise HttpError(403, "cross_site", "This form was sent from another site, so nothing was done.")


# ── The app ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _litestar(face: Face) -> Litestar:
    async def before(request: Request[Any, Any, Any]) -> None:
        assert isinstance(request, PageRequest)
        if request.method not in SAFE:
            await _check_token(request)
        if face.prepare is not None:
            request.visitor.values.update(await face.prepare(request))

    def failed(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
        error = as_error(exc, visit_of(request.scope).id)
        wanted = error.kind is Kind.UNAUTHENTICATED and face.sign_in is not None
        return _to_sign_in(face, PageRequest(request.scope)) if wanted else fail(PageRequest(request.scope), error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = Plain(
            [Mounted(face.prefix, route_handlers=list(face.routes))],
            exception_handlers={HTTPException: failed, Exception: failed},
            before_request=before,
            guards=[_admit],
            openapi_config=None,
            logging_config=None,
            request_max_body_size=face.max_body,
            request_class=PageRequest,
            response_class=MerxResponse,
            debug=False,
        )
    for handler in handlers_of(app):
        if "needs" not in handler.opt and handler.http_methods != {"OPTIONS"}:
            raise TypeError(f"{handler.handler_name} does not say what it needs: PUBLIC, SIGNED_IN or a permission")
    return app


def _admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    needs = handler.opt.get("needs", PUBLIC)  # only OPTIONS, which Litestar answers itself, says nothing
    if needs == PUBLIC:
        return
    ctx = visit_of(connection.scope).caller()
    if ctx.actor is ActorKind.ANONYMOUS:
        raise Unauthenticated("Sign in first.")
    if needs != SIGNED_IN:
        ctx.require(needs)


async def _check_token(request: PageRequest) -> None:
    token = request.visit.headers.get(b"x-form-token", b"").decode("latin-1")
    if not token:
        token = (await Form.read(request)).value("form_token")
    if not request.visitor.knows(token):
        raise HttpError(403, "stale_form", "This form is out of date: go back, reload the page and send it again.")


def _to_sign_in(face: Face, request: PageRequest) -> Page:
    assert face.sign_in is not None
    path: str = request.scope["path"]
    back = request.visit.headers.get(b"hx-current-url", b"").decode("latin-1") if request.partial else ""
    if request.method == "GET" and not request.partial:
        query = request.scope["query_string"].decode("latin-1")
        back = f"{path}?{query}" if query else path
    elif back:
        back = urlsplit(back).path
    return redirect(request, f"{face.sign_in}?next={quote(back, safe='/')}" if back else face.sign_in)


def fail(request: PageRequest, error: MerxError) -> Page:
    """Any error as a page of its face. Without a page that could have been prepared it stands on its own."""
    visit = request.visit
    visit.error = error
    status = error.status if isinstance(error, HttpError) else STATUS[error.kind]
    visitor = visitor_of(request.scope)
    templates = environment(visit.rt.settings.theme_dir if visit.rt else None)
    own = [f"{visit.dialect}/error.html"] if visitor.values else []
    lost = status == 404 and not visitor.values and bool(visit.host_slug or visit.host_domain)
    values = {
        "lost_at": visit.headers.get(b"host", b"").decode("latin-1") if lost else None,
        "front": f"{visit.rt.settings.public_url}/" if lost and visit.rt else "/",
        "status": status, "error": error, "visit": visit, "face": visit.dialect, "flashes": lambda: (),
        "partial": request.partial, "form_token": visitor.form_token, "query": {}, "locale": "en_US",
        "may": visit.ctx.may if visit.ctx else (lambda scope: False), "now": datetime.now(UTC),
        **visitor.values,
    }  # fmt: skip
    text = templates.select_template([*own, "shared/error.html"]).render(values)
    headers = dict(error.headers) if isinstance(error, HttpError) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Page(text.encode(), status_code=status, media_type=HTML, headers=headers)
