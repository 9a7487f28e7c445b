"""Owns how this dialect says no: `application/problem+json` as RFC 9457 has it, with the fields that are wrong."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from litestar import Response
from msgspec import UNSET, UnsetType

from merx.core.orders.model import IllegalTransition
from merx.core.orders.model import Status as Core
from merx.dialects.commerce.translate import STATUS_WORDS
from merx.dialects.commerce.wire import Problem, Status
from merx.edge.app import MerxRequest, MerxResponse, encode
from merx.edge.errors import status_of
from merx.kernel.errors import Kind, MerxError

MEDIA = "application/problem+json"

STATUS = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 422,
    Kind.DECLINED: 422,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 503,
    Kind.INTERNAL: 500,
}
OUTDATED = "version_conflict"
"""The one conflict that a request itself asked to be told of, with If-Match: 412."""

_CALLED = {
    "limit": "pageSize",
    "offset": "page",
    "created_from": "from",
    "created_to": "to",
    "stock_quantity": "stock",
    "compare_price": "compareAtPrice",
    "categories": "category",
    "branch": "category",
    "buyer": "customer",
    "code": "couponCode",
    "version": "If-Match",
}
_NUMBERED = re.compile(r"\.(\d+)(?=\.|$)")
_SNAKE = re.compile(r"_([a-z0-9])")


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    status = 412 if error.code == OUTDATED else status_of(error, STATUS)
    detail, legal = error.message, _legal(error)
    errors = {called(name): said for name, said in error.fields.items()}
    if isinstance(error, IllegalTransition) and legal is not UNSET:
        detail = _illegal(STATUS_WORDS[Core(error.facts["current"])], legal)
        errors = {"status": [detail]}
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=error.code,
        errors=errors,
        legal=legal,
    )
    return MerxResponse(encode(problem), status_code=status, media_type=MEDIA)


def called(field: str) -> str:
    """`variants.0.compare_price` is `variants[0].compareAtPrice` here."""
    parts = _NUMBERED.sub(r"[\1]", field).split(".")
    return ".".join([_word(part) for part in parts])


def _word(part: str) -> str:
    name, bracket, place = part.partition("[")
    return _CALLED.get(name, _SNAKE.sub(lambda found: found[1].upper(), name)) + bracket + place


def _legal(error: MerxError) -> list[Status] | UnsetType:
    """The statuses that may follow, in this dialect's words: where two of the core's are one, it does not follow
    itself."""
    if not isinstance(error, IllegalTransition):
        return UNSET
    following = {STATUS_WORDS[Core(one)] for one in error.facts["legal"]}
    following.discard(STATUS_WORDS[Core(error.facts["current"])])
    return [word for word in dict.fromkeys(STATUS_WORDS.values()) if word in following]


def _illegal(current: Status, legal: list[Status]) -> str:
    if not legal:
        return f"An order that is {current} stays so; no other status can follow."
    return f"An order that is {current} can become {' or '.join(legal)}, and nothing else."
