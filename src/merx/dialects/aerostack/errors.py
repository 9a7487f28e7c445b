"""Owns how this dialect says no: `{"success": false, "error": "…", "code": "…"}`, with the wrong fields beside it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Response

from merx.edge.app import MerxRequest, MerxResponse, encode
from merx.edge.errors import HttpError, status_of
from merx.kernel.errors import Kind, MerxError

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 409,
    Kind.DECLINED: 402,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 503,
    Kind.INTERNAL: 500,
}
REUSED = "idempotency_key_reused"

_CALLED = {
    "offset": "page",
    "stock": "quantity",
    "buyer.email": "email",
    "buyer.name": "customerName",
    "buyer.phone": "customerPhone",
}
_HEADS = {
    name: re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
    for name in (
        "billing_address", "cancel_url", "cart_id", "coupon_code", "in_stock", "max_price", "min_price",
        "payment_method", "product_id", "shipping_address", "shipping_method", "success_url", "variant_id",
    )
}  # fmt: skip
"""The core's words for the fields of this dialect. Not a rule for all names: some of the document's own are like that
(`postal_code`)."""


class Error(msgspec.Struct, frozen=True):
    """`error` is a sentence for people, `code` a word for programs, `fields` what is wrong by field."""

    success: bool
    error: str
    code: str
    fields: dict[str, list[str]]


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    status = status_of(error, STATUS)
    if error.code == REUSED and not isinstance(error, HttpError):
        status = 400  # the request itself contradicts an earlier one
    fields = {called(name): said for name, said in error.fields.items()}
    shown = Error(False, error.message, error.code, fields)
    return MerxResponse(encode(shown), status_code=status, media_type="application/json")


def called(field: str) -> str:
    """`shipping_address.postal_code` is `shippingAddress.postal_code` here."""
    if field in _CALLED:
        return _CALLED[field]
    head, dot, rest = field.partition(".")
    return _HEADS.get(head, head) + dot + rest


@contextlib.contextmanager
def renamed(**names: str) -> Iterator[None]:
    """Errors of the block about the field `coupon_code` are about `code`, where this body calls it so."""
    try:
        yield
    except MerxError as error:
        error.fields = {names.get(field, field): said for field, said in error.fields.items()}
        raise
