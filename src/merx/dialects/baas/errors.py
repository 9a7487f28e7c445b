"""Owns how this dialect says no: `{"error": {"code", "message", "details"}, "status"}`, with details by field."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Response

from merx.core.orders.model import IllegalTransition
from merx.core.orders.model import Status as Core
from merx.dialects.baas.translate import ORDER_STATUS
from merx.edge.app import MerxRequest, encode
from merx.edge.app import MerxResponse as Answer
from merx.edge.body import REQUIRED
from merx.edge.errors import status_of
from merx.kernel.errors import Invalid, Kind, MerxError

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 400,
    Kind.DECLINED: 402,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 502,
    Kind.INTERNAL: 500,
}
_NUMBERED = re.compile(r"\.(\d+)(?=\.|$)")
INVALID_DATA = "Invalid request data"

_CALLED = {
    "line1": "street",
    "line2": "street2",
    "offset": "page",
    "limit": "per_page",
    "stock": "stock_quantity",
    "minimum_minor": "minimum",
}
"""What the core calls a field where this dialect has another word for it."""


class Fault(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: dict[str, list[str]]


class Error(msgspec.Struct, frozen=True):
    error: Fault
    status: int


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    """Wrong fields always come as `validation_error`, with every one of them in `details`."""
    status = status_of(error, STATUS)
    details = {called(name): said for name, said in error.fields.items()}
    code, message = error.code, error.message
    if isinstance(error, IllegalTransition):
        message = _illegal(error)
        details = {"status": [message]}
    if error.kind is Kind.INVALID and details:
        code, message = "validation_error", INVALID_DATA
    body = encode(Error(Fault(code, message, details), status))
    return Answer(body, status_code=status, media_type="application/json")


def _illegal(error: IllegalTransition) -> str:
    """In this dialect's words, which has none of its own for `refunded`: there a refund leads, and no status."""
    current, wanted = ORDER_STATUS[Core(error.facts["current"])], ORDER_STATUS[Core(error.facts["wanted"])]
    legal = list(error.facts["legal"])
    following = [one for one in legal if one != Core.REFUNDED]
    then = f"only {', '.join(following)} can follow" if following else "no other status can follow"
    back = "; the money is given back with a refund" if legal == [Core.REFUNDED] else ""
    return f"An order that is {current} can't become {wanted}: {then}{back}."


def called(field: str) -> str:
    """`shipping_address.line1` is `shipping_address.street` here, and `images.1.url` is `images[1].url`."""
    field = _NUMBERED.sub(r"[\1]", field)
    head, dot, last = field.rpartition(".")
    return head + dot + _CALLED.get(last, last)


@contextlib.contextmanager
def renamed(**names: str) -> Iterator[None]:
    """Errors of the block about the field `coupon_code` are about `code`, where this body calls it so."""
    try:
        yield
    except MerxError as error:
        error.fields = {names.get(field, field): said for field, said in error.fields.items()}
        raise


@contextlib.contextmanager
def asked_for(**given: str) -> Iterator[None]:
    """Of a form whose missing fields are told together with what is wrong with the others: those that are empty are
    missing, whatever else the core says about them."""
    missing = {name: [REQUIRED] for name, value in given.items() if not value}
    try:
        yield
    except Invalid as error:
        error.fields = {**error.fields, **missing}
        raise


@contextlib.contextmanager
def by_itself() -> Iterator[None]:
    """Errors of the block about `images.3.url` are about `url`, where the body is that one thing."""
    try:
        yield
    except MerxError as error:
        error.fields = {field.rpartition(".")[2]: said for field, said in error.fields.items()}
        raise
