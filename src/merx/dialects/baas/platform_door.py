"""Owns how a platform route is declared: which permission it needs, asked before its body is even looked at; and how
lists, ids and numbers are read and written there.

Every route names its permission (`needs`), so that nothing of the merchant's side can be left open by forgetting; the
services ask again. `SIGNED_IN` is for a person's own account, `NOBODY` for what gives the first credential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from merx.core.auth.rules import require_person
from merx.dialects.baas import translate, wire
from merx.edge.admission import admit
from merx.edge.app import MerxRequest
from merx.edge.visit import visit_of
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.errors import Forbidden, Invalid, NotFound, Unauthenticated

SIGNED_IN = "signed in"
NOBODY = ""
PEOPLES = frozenset({"keys:write", "team:write"})
"""What decides about access: done by people, never by a key."""
T = TypeVar("T")


async def _admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    ctx, needs = visit_of(connection.scope).caller(), handler.opt["needs"]
    if needs == SIGNED_IN:
        if ctx.actor is ActorKind.ANONYMOUS:
            raise Unauthenticated("Sign in with your e-mail and password.")
        if ctx.actor is not ActorKind.STAFF:
            raise Forbidden("Only a signed-in member of the shop's team can do this.", code="person_required")
        return
    if needs in PEOPLES:
        require_person(ctx, needs)
    admit(connection, handler)


Declared = Callable[[Callable[..., Any]], HTTPRouteHandler]


class Routes:
    """Litestar's decorators for one group of routes, each with the permission that it needs."""

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def get(self, path: str, needs: str, **more: Any) -> Declared:
        return lambda fn: get(path, **self._options(fn, needs, more))(fn)

    def post(self, path: str, needs: str, **more: Any) -> Declared:
        return lambda fn: post(path, **self._options(fn, needs, more))(fn)

    def put(self, path: str, needs: str, **more: Any) -> Declared:
        return lambda fn: put(path, **self._options(fn, needs, more))(fn)

    def patch(self, path: str, needs: str, **more: Any) -> Declared:
        return lambda fn: patch(path, **self._options(fn, needs, more))(fn)

    def delete(self, path: str, needs: str, **more: Any) -> Declared:
        return lambda fn: delete(path, **self._options(fn, needs, more))(fn)

    def _options(self, fn: Callable[..., Any], needs: str, more: dict[str, Any]) -> dict[str, Any]:
        door: dict[str, Any] = {"public": True} if needs == NOBODY else {"guards": [_admit]}
        name = f"platform_{fn.__name__}"  # the store has functions of the same names
        return {"needs": needs, "tags": [self._tag], "operation_id": name, **door, **more}


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Listing(msgspec.Struct, Generic[T]):
    count: int
    next: str | None
    previous: str | None
    results: list[T]


def listing(request: MerxRequest, asked: wire.Paging, results: Sequence[T], total: int) -> Listing[T]:
    path = request.scope["path"].rstrip("/") + "/"
    following, preceding = translate.links(request, path, asked, total)
    return Listing(total, following, preceding, list(results))


# ── Ids and times ────────────────────────────────────────────────────────────────────────────────────────────────────
def in_path(prefix: str, text: str, what: str) -> UUID:
    """The id in an address; what can't be one is as unknown as one that is nobody's."""
    found = ids.decode(prefix, text)
    if found is None:
        raise NotFound(what)
    return found


def in_body(prefix: str, text: str, what: str, field: str) -> UUID:
    found = ids.decode(prefix, text)
    if found is None:
        raise Invalid(f"This is not the id of a {what}.", field=field)
    return found


def number_in_path(text: str, what: str) -> int:
    """People and categories have numbers."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and text == str(int(text))):
        raise NotFound(what)
    return int(text)


def moment(at: datetime | None) -> datetime | None:
    return None if at is None else translate.second(at)


def check_moments(**given: datetime | None) -> None:
    """Times so far away that no calendar can turn them."""
    wrong = {name: ["Must be between the years 2000 and 2200."] for name, at in given.items() if at and _far(at)}
    if wrong:
        raise Invalid("Some times are out of range.", fields=wrong)


def _far(at: datetime) -> bool:
    return not 2000 <= at.year < 2200
