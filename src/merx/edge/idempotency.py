"""Owns the `Idempotency-Key` header: the same key and request get the first answer again, marked
`Idempotent-Replayed: true`; another request with the key is refused; one that comes while the first is at work is told
to wait. Keys belong to one caller of one tenant."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from merx.core.idempotency import service
from merx.core.idempotency.model import Claim, Remembered
from merx.edge.errors import HttpError
from merx.edge.sending import send_whole
from merx.kernel.context import Ctx
from merx.kernel.errors import Kind
from merx.kernel.ids import PLATFORM_TENANT

if TYPE_CHECKING:
    from merx.edge.visit import Visit

log = logging.getLogger("merx.edge.idempotency")

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_DETERMINED = (Kind.REFUSED, Kind.CONFLICT, Kind.DECLINED, Kind.NOT_FOUND)
_KEPT_HEADERS = (b"content-type", b"location", b"etag")
_MAX_KEPT = 256 << 10


class Idempotency:
    def __init__(self, dialect: str) -> None:
        self._dialect = dialect

    async def __call__(self, app: ASGIApp, scope: Any, receive: Receive, send: Send, visit: Visit) -> None:
        key = visit.headers[b"idempotency-key"].strip()
        if not _KEY.fullmatch(key):
            raise HttpError(400, "idempotency_key_malformed", "Idempotency-Key is 1 to 255 visible ASCII characters.")
        body = await read_body(receive, visit)
        ctx = visit.ctx or Ctx(PLATFORM_TENANT, source=self._dialect, request_id=visit.id, address=visit.address)
        assert visit.rt is not None
        found = await service.begin(
            visit.rt, ctx, _principal(ctx, self._dialect), key.decode(), fingerprint(scope, visit, body, self._dialect)
        )
        if isinstance(found, Remembered):
            visit.replayed = True
            return await _replay(send, found)
        if visit.ctx is not None:
            visit.once = service.under(visit.ctx, found)
            if scope["method"] == "POST":  # a PATCH says what is to be: twice is the same
                visit.ctx = visit.once
        await self._first(app, scope, body, send, visit, ctx, found)
        return None

    async def _first(
        self, app: ASGIApp, scope: Any, body: bytes, send: Send, visit: Visit, ctx: Ctx, claim: Claim
    ) -> None:
        """Runs the request and remembers its answer before the client sees it: an answer that was seen is one that
        will be given again."""
        assert visit.rt is not None
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        try:
            await app(scope, _once(body), keep)
        except Exception:
            await self._settle(visit, ctx, claim, None)
            raise
        visit.route = scope.get("path_template", "")
        await self._settle(visit, ctx, claim, _worth_keeping(visit, messages))
        for message in messages:
            await send(message)

    async def _settle(self, visit: Visit, ctx: Ctx, claim: Claim, answer: Remembered | None) -> None:
        assert visit.rt is not None
        try:
            if answer is None:
                await service.release(visit.rt, ctx, claim)
            else:
                await service.finish(visit.rt, ctx, claim, answer)
        except Exception as lost:
            # The work is done and its answer true. A retry after the lease is told that the answer is lost, or runs it
            # again where natural keys find the first one's work.
            log.warning("an idempotency key was left to its lease", extra={"reason": type(lost).__name__})


def fingerprint(scope: Any, visit: Visit, body: bytes, dialect: str) -> bytes:
    """What makes two requests the same: the dialect, method, address, cart and the body's meaning, not its spacing."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    carts = [name + b"=" + value for name, value in visit.headers.items() if name.startswith(b"x-cart")]
    cookie = visit.headers.get(b"cookie", b"")
    parts = (dialect.encode(), scope["method"].encode(), scope["path"].encode(), scope["query_string"], *carts, cookie)
    digest = hashlib.sha256()
    for part in (*parts, body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _principal(ctx: Ctx, dialect: str) -> str:
    """The caller and what it may do: after its scopes changed, an old answer is not handed out any more."""
    may = hashlib.sha256(" ".join(sorted(ctx.scopes)).encode()).hexdigest()[:16]
    return f"{dialect}/{ctx.principal}/{may}"


def _worth_keeping(visit: Visit, messages: list[Any]) -> Remembered | None:
    """2xx, and a refusal that the request itself earned. Not what a later try may answer differently: a missing
    permission, a limit, a lock, a fault of ours or of the request's form."""
    if not messages:
        return None
    start, error = messages[0], visit.error
    if error is not None and (error.kind not in _DETERMINED or error.retry_after or isinstance(error, HttpError)):
        return None
    if error is None and not 200 <= start["status"] < 300:
        return None
    body = b"".join(message.get("body", b"") for message in messages[1:])
    if len(body) > _MAX_KEPT:
        return None
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"] if name in _KEPT_HEADERS}
    return Remembered(start["status"], headers, body)


async def _replay(send: Send, found: Remembered) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in found.headers.items()]
    headers += [(b"idempotent-replayed", b"true"), (b"content-length", b"%d" % len(found.body))]
    await send_whole(send, found.status, headers, found.body)


async def read_body(receive: Receive, visit: Visit) -> bytes:
    """The whole body; raises HttpError 413 past the bound."""
    too_large = HttpError(413, "payload_too_large", f"The body is larger than {visit.max_body >> 20} MiB.")
    declared = visit.headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > visit.max_body:
        raise too_large
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HttpError(400, "disconnected", "The connection ended before the body did.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > visit.max_body:
            raise too_large
        if not message.get("more_body", False):
            return b"".join(parts)


def _once(body: bytes) -> Receive:
    sent = False

    async def receive() -> Any:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
