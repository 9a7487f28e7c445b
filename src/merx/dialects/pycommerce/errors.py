"""Owns how this dialect says no: `{"error": {"code", "message", "details"}}`, where the message says what kind of no it
is and the details say what about; below /stripe-demo, one sentence: `{"error": "…"}`."""

from __future__ import annotations

from typing import Any

from litestar import Response

from merx.dialects.pycommerce.wire import Error, Fault, SessionError
from merx.edge.app import MerxRequest, MerxResponse, encode
from merx.edge.errors import HttpError, status_of
from merx.kernel.errors import Kind, MerxError

DEMO = "/stripe-demo"

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 409,
    Kind.DECLINED: 409,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 502,
    Kind.INTERNAL: 500,
}
_SAID = {
    Kind.INVALID: "The request can't be carried out as it was sent.",
    Kind.UNAUTHENTICATED: "A valid access token is needed.",
    Kind.FORBIDDEN: "This access token does not allow that.",
    Kind.NOT_FOUND: "The requested resource was not found.",
    Kind.CONFLICT: "The request is in conflict with the present state.",
    Kind.REFUSED: "The request is in conflict with the present state.",
    Kind.DECLINED: "The payment was not accepted.",
    Kind.LIMITED: "Too many requests were made.",
    Kind.BUSY: "The server is busy.",
    Kind.UPSTREAM: "The payment provider gave no usable answer.",
    Kind.INTERNAL: "Something went wrong on the server.",
}
_SAID_OF = {
    "https_required": "This API is spoken over HTTPS only.",
    "invalid_credentials": "Signing in failed.",
}
"""Where no access token is at fault."""
NOT_FOUND = "resource_not_found"

_CALLED = {"offset": "page", "buyer": "customer", "product": "product_id", "variant": "variant_id"}


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    status = status_of(error, STATUS)
    details = _details(error)
    body: Error | SessionError
    if request.scope["path"].startswith(DEMO):
        body = SessionError(details)
    else:
        code = NOT_FOUND if error.kind is Kind.NOT_FOUND else error.code
        body = Error(Fault(code, _SAID_OF.get(code) or _SAID[error.kind], details))
    return MerxResponse(encode(body), status_code=status, media_type="application/json")


def _details(error: MerxError) -> str:
    """Every wrong field with what is wrong about it, or the error's own sentence."""
    if not error.fields:
        return error.message
    return " ".join(f"{called(name)}: {sentence}" for name, said in error.fields.items() for sentence in said)


def called(field: str) -> str:
    """`buyer.email` is `customer.email` here."""
    return ".".join([_CALLED.get(part, part) for part in field.split(".")])


def unknown_order(ident: str) -> HttpError:
    """The same for an order that never was and for one that is somebody else's."""
    shown = ident[:100] if ident.isprintable() else "…"
    return HttpError(404, NOT_FOUND, f"Order with ID '{shown}' does not exist.")
