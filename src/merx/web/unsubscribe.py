"""The link at the end of a message: `GET /unsubscribe?token=…` asks, `POST` does it, at once and without signing in.

The POST may come from anywhere: mail programmes send it themselves when their own button is pressed (RFC 8058,
one-click). It carries no cookie and needs none: the token says who opts out of what, and can't be made up."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from merx.core.notifications import service as notifications
from merx.core.tenants import service as tenants
from merx.edge.client import address_bucket
from merx.edge.errors import HttpError
from merx.edge.idempotency import read_body
from merx.edge.limits import Limiter
from merx.edge.sending import send_whole
from merx.edge.visit import visit_of
from merx.kernel.errors import MerxError, NotFound
from merx.runtime import Runtime
from merx.web.pages import environment

PER_MINUTE = 60  # from one address
POLICY = b"default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; " \
    b"base-uri 'none'; frame-ancestors 'none'"  # fmt: skip
_BUSY = 503


class Unsubscribe:
    prefix = "/unsubscribe"

    def __init__(self, rt: Runtime, limiter: Limiter) -> None:
        self._rt, self._limiter = rt, limiter

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit = visit_of(scope)
        visit.dialect, visit.route, visit.limiter = "pages", self.prefix, self._limiter
        retry: int | None = None
        try:
            status, values = await self._answer(scope, receive, visit)
        except NotFound:
            status, values = 404, {"wrong": True}
        except HttpError as error:
            status, values, visit.error = error.status, {"wrong": True}, error
        except MerxError as error:
            limited = error.kind == "limited"
            status, values, retry, visit.error = (429 if limited else _BUSY), {"wrong": True}, error.retry_after, error
        await self._page(scope["method"], send, status, values, retry)

    async def _answer(self, scope: Any, receive: Any, visit: Any) -> tuple[int, dict[str, Any]]:
        method = scope["method"]
        if scope["path"].rstrip("/") != self.prefix:
            raise NotFound("page")
        if method not in ("GET", "HEAD", "POST"):
            raise HttpError(405, "method_not_allowed", "This page is read with GET and confirmed with POST.")
        await self._limiter.spend(f"unsubscribe:{address_bucket(visit.address)}", PER_MINUTE, 60)
        query = parse_qs(scope["query_string"][:2000].decode("latin-1"))
        token = query.get("token", [""])[0]
        tenant, _, _ = notifications.link(self._rt, token)
        shop = await tenants.find(self._rt, tenant)
        if shop is None:
            raise NotFound("shop")
        values: dict[str, Any] = {"shop": shop.name, "token": token}
        if method != "POST":
            return 200, values
        await read_body(receive, visit)  # List-Unsubscribe=One-Click, or nothing: the token says it all
        await notifications.unsubscribe(self._rt, token)
        return 200, {**values, "done": True}

    async def _page(self, method: str, send: Any, status: int, values: dict[str, Any], retry: int | None) -> None:
        given = {"shop": "Merx", "token": "", "done": False, "wrong": False, "face": "landing", **values}
        body = environment().get_template("shared/unsubscribe.html").render(given).encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", POLICY),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD, POST"))
        if retry is not None:
            headers.append((b"retry-after", b"%d" % retry))
        await send_whole(send, status, headers, b"" if method == "HEAD" else body)
