"""Owns the guard of routes that name the scope they need (`needs="orders:write"`). It is asked before the body is even
looked at, so that what a stranger sends is never read; the services ask again."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from merx.edge.visit import visit_of
from merx.kernel.context import ActorKind
from merx.kernel.errors import Forbidden, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT

ANYBODY_KNOWN = ""
"""For `needs`: whoever shows a credential."""


def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    ctx, needs = visit_of(connection.scope).caller(), handler.opt["needs"]
    if needs != ANYBODY_KNOWN:
        ctx.require(needs)
    elif ctx.actor is ActorKind.ANONYMOUS:
        raise Unauthenticated("Sign in or send an API key.")
    if ctx.tenant == PLATFORM_TENANT:
        raise Forbidden("The platform itself has no shop; sign in to one of its shops.", code="no_shop")
