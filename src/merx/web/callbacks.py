"""Where payment providers report: `POST /webhooks/{provider}/{tenant}`. The signature is checked on the bytes as they
came; what is verified is handed to the checkout, which applies each event once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from merx.core.checkout import healing
from merx.core.tenants import service as tenants
from merx.edge.errors import HttpError
from merx.edge.idempotency import read_body
from merx.edge.visit import visit_of
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, Kind, MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

log = logging.getLogger("merx.web.callbacks")

_AGAIN = (Kind.BUSY, Kind.UPSTREAM, Kind.CONFLICT, Kind.LIMITED)


class Callbacks:
    prefix = "/webhooks"

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit = visit_of(scope)
        visit.dialect, visit.route = "callbacks", f"{self.prefix}/{{provider}}/{{tenant}}"
        try:
            status, said = await self._take(scope, receive, visit)
        except HttpError as wrong:
            status, said = wrong.status, wrong.message
        except Invalid as wrong:
            status, said = 400, wrong.message
        except MerxError as wrong:
            # A provider sends again what was not answered with 2xx, so only what may pass is asked for once more.
            status, said = (503 if wrong.kind in _AGAIN else 200), wrong.message
            log.warning("a callback could not be applied", extra={"code": wrong.code, "request_id": visit.id})
        body = b'{"received":%b}' % (b"true" if status == 200 else b"false")
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if status == 405:
            headers.append((b"allow", b"POST"))
        visit.error = None if status == 200 else HttpError(status, "callback_refused", said)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(self, scope: Any, receive: Any, visit: Any) -> tuple[int, str]:
        parts = scope["path"].removeprefix(self.prefix).strip("/").split("/")
        if len(parts) != 2 or parts[0] not in self._rt.payments:
            raise HttpError(404, "not_found", "There is no such provider.")
        if scope["method"] != "POST":
            raise HttpError(405, "method_not_allowed", "Callbacks are sent with POST.")
        ident = ids.parse_uuid(parts[1])
        found = await (
            tenants.find(self._rt, TenantId(ident)) if ident else tenants.find_by_slug(self._rt, parts[1][:63])
        )
        if found is None:
            raise HttpError(404, "not_found", "There is no such shop.")
        body = await read_body(receive, visit)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in visit.headers.items()}
        now = datetime.now(UTC)
        ctx = Ctx(found.id, ActorKind.SYSTEM, scopes=frozenset({"*"}), source="callback", request_id=visit.id, now=now)
        await healing.apply_callback(self._rt, ctx, parts[0], headers, body)
        return 200, ""
