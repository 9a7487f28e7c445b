"""Where payment providers report: `POST /webhooks/{provider}/{tenant}`. The signature is checked on the bytes as they
came; what is verified is handed to the checkout, which applies each event once. Providers may send as much as they
like; what carries no signature of theirs is counted by the address it comes from."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from merx.core.checkout import healing
from merx.core.tenants import service as tenants
from merx.edge.client import address_bucket
from merx.edge.errors import HttpError
from merx.edge.idempotency import read_body
from merx.edge.limits import Limiter
from merx.edge.sending import json_headers, send_whole
from merx.edge.visit import visit_of
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, Kind, Limited, MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

log = logging.getLogger("merx.web.callbacks")

REFUSED_A_MINUTE = 600
"""Callbacks from one address that nobody signed, or for a shop that is none: as many as it may ask of us without a
credential elsewhere."""

_AGAIN = (Kind.BUSY, Kind.UPSTREAM, Kind.CONFLICT)


class Callbacks:
    prefix = "/webhooks"

    def __init__(self, rt: Runtime, limiter: Limiter) -> None:
        self._rt, self._limiter = rt, limiter

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit, retry_after = visit_of(scope), None
        visit.dialect, visit.route = "callbacks", f"{self.prefix}/{{provider}}/{{tenant}}"
        try:
            status, said = await self._take(scope, receive, visit)
        except HttpError as wrong:
            status, said = wrong.status, wrong.message
        except Invalid as wrong:
            status, said = 400, wrong.message
        except Limited as wrong:
            status, said, retry_after = 429, wrong.message, wrong.retry_after
        except MerxError as wrong:
            # A provider sends again what was not answered with 2xx, so only what may pass is asked for once more.
            status, said = (503 if wrong.kind in _AGAIN else 200), wrong.message
            log.warning("a callback could not be applied", extra={"code": wrong.code, "request_id": visit.id})
        body = b'{"received":%b}' % (b"true" if status == 200 else b"false")
        headers = json_headers(body)
        if status == 405:
            headers.append((b"allow", b"POST"))
        if retry_after is not None:
            headers.append((b"retry-after", b"%d" % retry_after))
        visit.error = None if status == 200 else HttpError(status, "callback_refused", said)
        await send_whole(send, status, headers, body)

    async def _take(self, scope: Any, receive: Any, visit: Any) -> tuple[int, str]:
        parts = scope["path"].removeprefix(self.prefix).strip("/").split("/")
        if len(parts) != 2 or parts[0] not in self._rt.payments:
            raise HttpError(404, "not_found", "There is no such provider.")
        if scope["method"] != "POST":
            raise HttpError(405, "method_not_allowed", "Callbacks are sent with POST.")
        bucket = f"callback:{address_bucket(visit.address)}"
        async with self._limiter.attempt(bucket, REFUSED_A_MINUTE, 60, (Invalid, HttpError)):
            return await self._apply(parts[0], parts[1], receive, visit)

    async def _apply(self, provider: str, shop: str, receive: Any, visit: Any) -> tuple[int, str]:
        ident = ids.parse_uuid(shop)
        found = await (tenants.find(self._rt, TenantId(ident)) if ident else tenants.find_by_slug(self._rt, shop[:63]))
        if found is None:
            raise HttpError(404, "not_found", "There is no such shop.")
        body = await read_body(receive, visit)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in visit.headers.items()}
        now = datetime.now(UTC)
        ctx = Ctx(found.id, ActorKind.SYSTEM, scopes=frozenset({"*"}), source="callback", request_id=visit.id, now=now)
        await healing.apply_callback(self._rt, ctx, provider, headers, body)
        return 200, ""
