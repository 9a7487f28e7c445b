"""Owns signing in, refreshing and signing out."""

from __future__ import annotations

from litestar import delete, post
from litestar.types import ControllerRouterHandler

from merx.core.auth import service as auth
from merx.core.auth.model import Tokens
from merx.core.customers import service as customers
from merx.dialects.commerce import wire
from merx.edge.app import MerxRequest
from merx.kernel.context import ActorKind, Ctx

_REFUSES = (400, 401, 409, 413, 414, 415, 422, 429, 500, 503)


@post("/auth/login", operation_id="login", status_code=200, public=True, tags=["Auth"], refuses=(*_REFUSES, 403, 404))
async def login(request: MerxRequest, data: wire.Credentials) -> wire.Tokens:
    """Signs in with e-mail and password.

    Members of a shop's team are found by their e-mail alone. A shopper's account belongs to one shop, so that shop is
    named by its host or by an API key in `X-API-Key`. After ten wrong passwords in five minutes, the account is closed
    to this address for the rest of them.
    """
    visit, ctx = request.visit, request.visit.shop
    named = (
        visit.host_slug is not None or b"x-api-key" in visit.headers or (ctx is not None and ctx.actor is ActorKind.KEY)
    )
    if named and ctx is None:
        ctx = request.ctx  # says what is wrong with the host or the key
    assert visit.limiter is not None
    async with visit.limiter.sign_in(data.email, visit.address):
        if named and ctx is not None:
            nobody = Ctx(ctx.tenant, source=ctx.source, request_id=ctx.request_id, address=ctx.address, now=ctx.now)
            return _tokens(await customers.sign_in_anyone(request.rt, nobody, data.email, data.password))
        return _tokens((await auth.sign_in(request.rt, data.email, data.password, source="commerce")).tokens)


@post(
    "/auth/refresh", operation_id="refresh", status_code=200, public=True, tags=["Auth"], refuses=(*_REFUSES, 403, 404)
)
async def refresh(request: MerxRequest, data: wire.RefreshRequest) -> wire.Tokens:
    """Gives new tokens for a refresh token, which is used up by it.

    Within ten seconds, and while its successor is unused, the same token gives the same successor again, so that a lost
    answer or a second tab is no harm. Later, a used token ends the whole session.

    At a shop's own host, or with its API key, only that shop's tokens are known.
    """
    return _tokens(await auth.refresh(request.rt, data.refresh_token, request.door))


@delete(
    "/auth/logout",
    operation_id="logout",
    tags=["Auth"],
    schemes=("BearerAuth",),
    refuses=(400, 401, 403, 404, 414, 429, 500, 503),
)
async def logout(request: MerxRequest) -> None:
    """Ends the session: its access token and its refresh token are worth nothing from now on."""
    await auth.sign_out(request.rt, request.ctx)


def _tokens(found: Tokens) -> wire.Tokens:
    return wire.Tokens(
        access_token=found.access,
        refresh_token=found.refresh,
        token_type="Bearer",  # noqa: S106
        expires_in=found.expires_in,
    )


ROUTES: list[ControllerRouterHandler] = [login, refresh, logout]
