"""What programs call: the token, revocation and introspection endpoints and the server's metadata. Plain ASGI, because
their bodies are forms, their errors RFC 6749's, and their callers no users of a dialect."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import Any

from litestar.types import ASGIApp
from msgspec.structs import replace

from merx.core.auth import grants
from merx.core.auth.model import ClientProof, Given, GrantRefused, InvalidClient
from merx.core.tenants import service as tenants
from merx.edge.app import encode
from merx.edge.client import address_bucket
from merx.edge.credentials import refuse_repeated
from merx.edge.errors import HttpError, as_error
from merx.edge.idempotency import read_body
from merx.edge.limits import Limiter
from merx.edge.sending import json_headers, send_whole
from merx.edge.visit import Visit, visit_of
from merx.kernel.errors import MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime
from merx.web.oauth import wire

log = logging.getLogger("merx.web.oauth")

TOKENS_A_MINUTE, QUESTIONS_A_MINUTE = 300, 1200
"""Of one client from one address: tokens asked for or given back, and introspections."""
FAILURES, FAILURES_SECONDS = 10, 300
"""Wrong secrets of one client from one address."""
ANY_CLIENT_A_MINUTE = 2400
"""Of one address, whatever it calls itself."""

Header = tuple[bytes, bytes]
Answer = dict[str, Any] | None
OPEN: list[Header] = [(b"access-control-allow-origin", b"*")]
"""Browsers of any origin may call: an app in a browser is a client like others, and no cookie counts here."""
PREFLIGHT: list[Header] = [
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-max-age", b"600"),
]
FRESH: list[Header] = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]


class Endpoints:
    def __init__(self, rt: Runtime, limiter: Limiter) -> None:
        self._rt, self._limiter = rt, limiter
        self._posts: Mapping[str, tuple[Callable[[ClientProof, Mapping[str, str]], Awaitable[Answer]], int]] = {
            "/oauth/token": (self._token, TOKENS_A_MINUTE),
            "/oauth/revoke": (self._revoke, TOKENS_A_MINUTE),
            "/oauth/introspect": (self._introspect, QUESTIONS_A_MINUTE),
        }

    def mounts(self) -> list[tuple[str, ASGIApp]]:
        return [(path, self) for path in (*self._posts, wire.METADATA)]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        visit = visit_of(scope)
        visit.dialect, visit.rt = "oauth", self._rt
        try:
            status, body, headers = await self._serve(scope, receive, visit)
        except Exception as wrong:
            error = visit.error = as_error(wrong, visit.id)
            status, body, headers = _refusal(error)
        content = b"" if body is None else encode(body)
        sent = [*json_headers(content), *headers]
        await send_whole(send, status, sent, b"" if scope["method"] == "HEAD" else content)

    async def _serve(self, scope: Any, receive: Any, visit: Visit) -> tuple[int, Answer, list[Header]]:
        path, method = scope["path"].rstrip("/"), scope["method"]
        takes = "GET, HEAD, OPTIONS" if path == wire.METADATA else "POST, OPTIONS"
        if path != wire.METADATA and path not in self._posts:
            raise HttpError(404, "not_found", "There is nothing at this address.")
        visit.route = path
        if method not in takes.split(", "):
            raise HttpError(405, "method_not_allowed", f"This address takes {takes}.", headers={"Allow": takes})
        if method == "OPTIONS":
            methods = (b"access-control-allow-methods", takes.encode())
            return 204, None, [*OPEN, *PREFLIGHT, methods, (b"allow", takes.encode())]
        if not visit.https and self._rt.settings.require_https:
            raise HttpError(403, "https_required", "Requests over plain HTTP are refused; use https://.")
        if path == wire.METADATA:
            return 200, wire.metadata(self._rt.settings.public_url), [*OPEN, (b"cache-control", b"public, max-age=300")]
        answer = await self._post(path, receive, visit, scope["headers"])
        return 200, answer, [*OPEN, *FRESH]

    async def _post(self, path: str, receive: Any, visit: Visit, raw: list[Header]) -> Answer:
        refuse_repeated(raw)
        sent = visit.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if sent != wire.FORM:
            raise GrantRefused("invalid_request", f"Send the body as {wire.FORM}.")
        given = wire.parameters(await read_body(receive, visit))
        call, ceiling = self._posts[path]
        address = address_bucket(visit.address)
        await self._limiter.spend(f"oauth:{address}", ANY_CLIENT_A_MINUTE, 60)
        proof = replace(wire.proof(visit.headers.get(b"authorization"), given), at=await self._door(visit))
        client = blake2b(proof.client_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
        await self._limiter.spend(f"oauth:{path}:{client}:{address}", ceiling, 60)
        async with self._limiter.attempt(f"oauth:{client}:{address}", FAILURES, FAILURES_SECONDS, InvalidClient):
            return await call(proof, given)

    async def _door(self, visit: Visit) -> TenantId | None:
        """The shop whose host it is. A domain that nobody registered is another name of the installation's own."""
        if visit.host_slug is None:
            shop = None if visit.host_domain is None else await tenants.find_by_domain(self._rt, visit.host_domain)
            return None if shop is None else shop.id
        shop = await tenants.find_by_slug(self._rt, visit.host_slug)
        if shop is None:
            raise InvalidClient
        return shop.id

    async def _token(self, proof: ClientProof, given: Mapping[str, str]) -> Answer:
        rt = self._rt
        match given.get("grant_type"):
            case "authorization_code":
                code, uri, verifier = (_required(given, name) for name in ("code", "redirect_uri", "code_verifier"))
                return _shown(await grants.exchange_code(rt, proof, code, uri, verifier))
            case "refresh_token":
                token = _required(given, "refresh_token")
                return _shown(await grants.refresh(rt, proof, token, given.get("scope", "")))
            case "client_credentials":
                return _shown(await grants.client_credentials(rt, proof, given.get("scope", "")))
            case None:
                raise GrantRefused("invalid_request", "The parameter grant_type is missing.")
        raise GrantRefused(
            "unsupported_grant_type", "grant_type is authorization_code, refresh_token or client_credentials."
        )

    async def _revoke(self, proof: ClientProof, given: Mapping[str, str]) -> Answer:
        await grants.revoke(self._rt, proof, _required(given, "token"))
        return {}

    async def _introspect(self, proof: ClientProof, given: Mapping[str, str]) -> Answer:
        found = await grants.introspect(self._rt, proof, _required(given, "token"))
        if found is None:
            return {"active": False}
        shown: dict[str, Any] = {
            "active": True,
            "scope": " ".join(found.scopes),
            "client_id": str(found.client),
            "sub": str(found.subject),
            "tid": str(found.tenant),
            "iss": self._rt.settings.public_url,
            "iat": found.issued_at,
            "exp": found.expires_at,
        }
        return shown if found.refresh else {**shown, "token_type": "Bearer", "aud": grants.AUDIENCE}


def _required(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise GrantRefused("invalid_request", f"The parameter {name} is missing.")
    return given[name]


def _shown(given: Given) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "access_token": given.access,
        "token_type": "Bearer",
        "expires_in": given.expires_in,
        "scope": " ".join(given.scopes),
    }
    return shown if given.refresh is None else {**shown, "refresh_token": given.refresh}


def _refusal(error: MerxError) -> tuple[int, Answer, list[Header]]:
    status, headers = wire.status_of(error), [*OPEN, *FRESH]
    if isinstance(error, HttpError):
        headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if status == 401:  # never without a challenge (RFC 9110, 15.5.2), in whatever way the client tried
        headers.append((b"www-authenticate", b'Basic realm="merx", charset="UTF-8"'))
    return status, wire.error_body(error), headers
