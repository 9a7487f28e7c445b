"""Owns who gets in: registering, tokens, a person's own account, the team, API keys, OAuth clients."""

from __future__ import annotations

from uuid import UUID

from litestar.types import ControllerRouterHandler
from msgspec import UNSET

from merx.core.auth import clients, keys, leaving, team
from merx.core.auth import service as auth
from merx.core.auth.clients import DEFAULT_GRANTS
from merx.core.tenants import service as tenants
from merx.dialects.baas import platform_translate as shown
from merx.dialects.baas import platform_wire as shop
from merx.dialects.baas import translate, wire
from merx.dialects.baas.platform_door import (
    NOBODY,
    SIGNED_IN,
    Listing,
    Routes,
    check_moments,
    in_path,
    listing,
    number_in_path,
)
from merx.edge.app import MerxRequest
from merx.edge.limits import Limiter
from merx.kernel import ids
from merx.kernel.errors import Invalid, NotFound
from merx.kernel.ids import KeyId, StaffId, TenantId

accounts, team_routes, key_routes, client_routes = Routes("Account"), Routes("Team"), Routes("Keys"), Routes("Keys")


def _limiter(request: MerxRequest) -> Limiter:
    limiter = request.visit.limiter
    assert limiter is not None
    return limiter


# ── Registering and signing in ───────────────────────────────────────────────────────────────────────────────────────
@accounts.post("/register/", NOBODY, requires=("business_name", "email", "password"))
async def register(request: MerxRequest, data: shop.OpenShop) -> shop.Registered:
    """Opens a shop and signs its owner in."""
    await _limiter(request).sign_up(request.visit.address)
    wanted = auth.Registration(
        data.business_name, data.email, data.password, data.first_name, data.last_name, data.currency
    )
    made = await auth.register(request.rt, wanted, source="baas")
    return shop.Registered(
        shown.tenant_ref(request.rt, made.tenant), shown.user(made.member), made.tokens.access, made.tokens.refresh
    )


@accounts.post("/token/", NOBODY, status_code=200, errors=(401,))
async def sign_in(request: MerxRequest, data: shop.StaffSignIn) -> shop.StaffSignedIn:
    """Signs a member of a shop's team in.

    The access token lives an hour. At a shop's own host it is that shop's; elsewhere `tenant` may name one of several.
    """
    async with _limiter(request).sign_in(data.email, request.visit.address):
        wanted = await _wanted_tenant(request, data.tenant)
        found = await auth.sign_in(request.rt, data.email, data.password, wanted, source="baas")
    return shop.StaffSignedIn(found.tokens.access, found.tokens.refresh, shown.user(found.member))


async def _wanted_tenant(request: MerxRequest, slug: str | None) -> TenantId | None:
    """A shop that does not exist is one that nobody works in."""
    slug = slug or request.visit.host_slug
    if slug is None:
        return None
    found = await tenants.find_by_slug(request.rt, slug)
    return TenantId(ids.new()) if found is None else found.id


@accounts.post("/token/refresh/", NOBODY, status_code=200, errors=(401, 403))
async def refresh(request: MerxRequest, data: shop.RefreshToken) -> shop.Refreshed:
    """New tokens for a refresh token.

    It works once; used again later, it ends its session, because then two parties hold it. At a shop's own host only
    that shop's are known."""
    found = await auth.refresh(request.rt, data.refresh, request.door)
    return shop.Refreshed(found.access, found.refresh)


@accounts.post("/token/revoke/", NOBODY, status_code=204, errors=(401, 403))
async def revoke(request: MerxRequest, data: shop.RefreshToken | None = None) -> None:
    """Ends the session of a refresh token or, without a body, of the access token that is sent along."""
    if data is None:
        await auth.sign_out(request.rt, request.ctx)
    else:
        await auth.revoke_refresh(request.rt, data.refresh, request.door)


@accounts.get("/me/", SIGNED_IN)
async def me(request: MerxRequest) -> shop.User:
    """Who is signed in."""
    return shown.user(await auth.me(request.rt, request.ctx))


@accounts.post("/me/password/", SIGNED_IN, status_code=204)
async def change_password(request: MerxRequest, data: shop.NewPassword) -> None:
    """Changes one's own password and ends one's other sessions."""
    account = f"password/{request.ctx.actor_id}"
    async with _limiter(request).sign_in(account, request.visit.address, Invalid):
        await auth.change_password(request.rt, request.ctx, data.current_password, data.password)


@accounts.post("/me/sign-out/", SIGNED_IN, status_code=204)
async def sign_out(request: MerxRequest, data: shop.SignOut) -> None:
    """Ends this session or, with `everywhere`, all of one's own in every shop."""
    if data.everywhere:
        await leaving.sign_out_everywhere(request.rt, request.ctx)
    else:
        await auth.sign_out(request.rt, request.ctx)


# ── Team ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@team_routes.get("/team/", "settings:read", asks=wire.Paging)
async def list_members(request: MerxRequest) -> Listing[shop.User]:
    """Lists the people of the shop."""
    asked = request.ask(wire.Paging)
    found, total = await team.list_members(request.rt, request.ctx, *translate.bounds(asked))
    return listing(request, asked, [shown.user(one) for one in found], total)


@team_routes.post("/team/", "team:write")
async def add_member(request: MerxRequest, data: shop.NewMember) -> shop.User:
    """Adds a person to the team."""
    made = await team.add(
        request.rt,
        request.ctx,
        data.email,
        data.role,
        password=data.password,
        first_name=data.first_name,
        last_name=data.last_name,
        permissions=data.permissions,
    )
    return shown.user(made)


@team_routes.get("/team/{member:str}/", "settings:read")
async def get_member(request: MerxRequest, member: str) -> shop.User:
    """One person of the team."""
    return shown.user(await team.find(request.rt, request.ctx, number_in_path(member, "member")))


@team_routes.patch("/team/{member:str}/", "team:write")
async def change_member(request: MerxRequest, member: str, data: shop.MemberChange) -> shop.User:
    """Changes what a person may do; it holds from their next request on."""
    staff = await _staff(request, member)
    changed = await team.change(request.rt, request.ctx, staff, role=data.role, permissions=data.permissions)
    return shown.user(changed)


@team_routes.delete("/team/{member:str}/", "team:write")
async def remove_member(request: MerxRequest, member: str) -> None:
    """Takes a person out of the team and signs them out."""
    await team.remove(request.rt, request.ctx, await _staff(request, member))


async def _staff(request: MerxRequest, member: str) -> StaffId:
    found = await team.find(request.rt, request.ctx, number_in_path(member, "member"))
    return found.staff.id


# ── API keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@key_routes.get("/api-keys/", "keys:write", asks=wire.Paging)
async def list_keys(request: MerxRequest) -> Listing[shop.ApiKey]:
    """Lists the keys that work, newest first."""
    asked = request.ask(wire.Paging)
    found, total = await keys.list_keys(request.rt, request.ctx, *translate.bounds(asked))
    return listing(request, asked, [shown.key(one) for one in found], total)


@key_routes.post("/api-keys/", "keys:write")
async def make_key(request: MerxRequest, data: shop.NewKey) -> shop.MadeKey:
    """Makes an API key. The answer is the only place where it is ever shown."""
    check_moments(expires_at=data.expires_at)
    made = await keys.create(request.rt, request.ctx, data.name, data.type, data.scopes, data.expires_at)
    return shown.made_key(made)


@key_routes.get("/api-keys/{key:str}/", "keys:write")
async def get_key(request: MerxRequest, key: str) -> shop.ApiKey:
    """One key, without its secret."""
    return shown.key(await keys.get(request.rt, request.ctx, KeyId(in_path("key", key, "API key"))))


@key_routes.delete("/api-keys/{key:str}/", "keys:write")
async def revoke_key(request: MerxRequest, key: str) -> None:
    """Revokes a key: it stops working at once."""
    await keys.revoke(request.rt, request.ctx, KeyId(in_path("key", key, "API key")))


# ── OAuth clients ────────────────────────────────────────────────────────────────────────────────────────────────────
@client_routes.get("/oauth-clients/", "keys:write", asks=wire.Paging)
async def list_clients(request: MerxRequest) -> Listing[shop.OauthClient]:
    """Lists the programs that may ask to act for the shop."""
    asked = request.ask(wire.Paging)
    found, total = await clients.list_clients(request.rt, request.ctx, *translate.bounds(asked))
    return listing(request, asked, [shown.client(one) for one in found], total)


@client_routes.post("/oauth-clients/", "keys:write")
async def make_client(request: MerxRequest, data: shop.NewOauthClient) -> shop.MadeOauthClient:
    """Registers an OAuth client. Its secret is shown now and never again."""
    grants = DEFAULT_GRANTS if data.grant_types is UNSET else data.grant_types
    scopes = ("catalog:read",) if data.scopes is UNSET else data.scopes
    made = await clients.create(request.rt, request.ctx, data.name, data.redirect_uris, grants, scopes, data.public)
    return shown.made_client(made)


@client_routes.get("/oauth-clients/{client:str}/", "keys:write")
async def get_client(request: MerxRequest, client: str) -> shop.OauthClient:
    """One OAuth client."""
    return shown.client(await clients.get(request.rt, request.ctx, _client_id(client)))


@client_routes.patch("/oauth-clients/{client:str}/", "keys:write")
async def change_client(request: MerxRequest, client: str, data: shop.OauthClientChange) -> shop.OauthClient:
    """Changes an OAuth client. With other scopes, what it was given before ends."""
    changed = await clients.change(
        request.rt,
        request.ctx,
        _client_id(client),
        name=data.name,
        redirect_uris=data.redirect_uris,
        grant_types=data.grant_types,
        scopes=data.scopes,
    )
    return shown.client(changed)


@client_routes.post("/oauth-clients/{client:str}/rotate-secret/", "keys:write", status_code=200)
async def renew_client_secret(request: MerxRequest, client: str) -> shop.MadeOauthClient:
    """Makes a new secret; the old one stops working at once."""
    return shown.made_client(await clients.renew_secret(request.rt, request.ctx, _client_id(client)))


@client_routes.delete("/oauth-clients/{client:str}/", "keys:write")
async def remove_client(request: MerxRequest, client: str) -> None:
    """Removes an OAuth client and everything it was given."""
    await clients.remove(request.rt, request.ctx, _client_id(client))


def _client_id(text: str) -> UUID:
    found = ids.parse_uuid(text)
    if found is None:
        raise NotFound("OAuth client")
    return found


ROUTES: list[ControllerRouterHandler] = [
    register,
    sign_in,
    refresh,
    revoke,
    me,
    change_password,
    sign_out,
    list_members,
    add_member,
    get_member,
    change_member,
    remove_member,
    list_keys,
    make_key,
    get_key,
    revoke_key,
    list_clients,
    make_client,
    get_client,
    change_client,
    renew_client_secret,
    remove_client,
]
