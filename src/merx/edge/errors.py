"""Owns the one table between what the framework raises and what a dialect renders."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    ValidationException,
)

from merx.kernel.errors import Kind, MerxError

log = logging.getLogger("merx.edge")


class HttpError(MerxError):
    """Something only HTTP can get wrong. It carries its own status; a dialect adds nothing but its shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        field: str | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, code=code, field=field, fields=fields, retry_after=retry_after)
        self.kind = _KIND_OF.get(status, Kind.INVALID if status < 500 else Kind.INTERNAL)
        self.status = status
        self.headers = dict(headers or {})


class Internal(MerxError):
    """Our bug. What happened is in the log under the request's id; the caller learns the id and nothing else."""


_KIND_OF = {
    401: Kind.UNAUTHENTICATED,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    429: Kind.LIMITED,
    503: Kind.BUSY,
}

INCOMPLETE = "The connection ended before the body did."

_SAID = {
    400: ("bad_request", "The request can't be understood."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method; see the Allow header."),
    413: ("payload_too_large", "The body is larger than 1 MiB."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}


def status_of(error: MerxError, table: Mapping[Kind, int]) -> int:
    """The status a dialect answers with: the error's own where HTTP itself is at fault, else the dialect's table."""
    return error.status if isinstance(error, HttpError) else table[error.kind]


def as_error(exc: BaseException, request_id: str = "") -> MerxError:
    """Everything a handler or the framework can raise, as one error a dialect can render."""
    if isinstance(exc, MerxError):
        return exc
    if isinstance(exc, ValidationException):
        return HttpError(400, "bad_request", _SAID[400][1], fields=_fields(exc.extra))
    if isinstance(exc, InternalServerException) and "disconnected" in exc.detail:
        return HttpError(400, "incomplete_body", INCOMPLETE)
    if isinstance(exc, HTTPException) and exc.status_code < 500:
        code, message = _SAID.get(exc.status_code, ("bad_request", _SAID[400][1]))
        headers = {"Allow": allow(exc)} if isinstance(exc, MethodNotAllowedException) else {}
        return HttpError(exc.status_code, code, message, headers=headers)
    log.error("unhandled", exc_info=exc, extra={"request_id": request_id})
    return Internal(f"Something went wrong on our side. Quote {request_id or 'the time'} to support.")


def allow(exc: MethodNotAllowedException) -> str:
    """The methods an address takes, HEAD and OPTIONS included, in a stable order."""
    methods = {method.strip() for method in (exc.headers or {}).get("allow", "").split(",") if method.strip()}
    return ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


def _fields(extra: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in extra if isinstance(extra, list) else []:
        found.setdefault(str(entry.get("key", "")), []).append(str(entry.get("message", "is wrong")))
    return found
