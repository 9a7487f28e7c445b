"""Developers: API keys and OAuth clients. Their secrets are shown once, by the answer to the form that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from litestar import get, post

from merx.core.auth import clients, keys
from merx.core.auth.model import DELEGABLE, GRANT_TYPES, STOREFRONT_SCOPES, KeyType, OauthClient
from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError
from merx.kernel.ids import KeyId
from merx.web.dashboard.desk import baas, desk_of, ident
from merx.web.dashboard.shown_once import Shown, shown, shown_before
from merx.web.forms import Form
from merx.web.once import once
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

KEYS, CLIENTS = "/dashboard/developers/keys", "/dashboard/developers/clients"
GRANTS = {
    "authorization_code": ("Members sign in", "authorization_code: it acts for members of the team"),
    "client_credentials": ("It acts for itself", "client_credentials"),
    "refresh_token": ("It stays signed in", "refresh_token"),
}
EXPIRIES: tuple[tuple[str, str], ...] = (
    ("", "Never"), ("7", "In 7 days"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"),
)  # fmt: skip


def scope_choices(ctx: Ctx) -> list[tuple[str, str, str]]:
    """What this person may hand out; a shopper's own business first."""
    mine = [scope for scope in DELEGABLE if ctx.may(scope)]
    order = sorted(mine, key=lambda scope: (scope not in STOREFRONT_SCOPES, scope))
    return [(scope, scope, "") for scope in order]


# ── API keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/developers/keys", needs="keys:write")
async def key_list(request: PageRequest) -> Page:
    desk_of(request)
    number, offset = asked(request)
    found, total = await keys.list_keys(request.rt, request.ctx, SIZE, offset)
    return render(
        request,
        "credentials/keys.html",
        area="developers",
        section="keys",
        keys=found,
        paging=paging(request, number, total),
        doing=request.query_params.get("do", ""),
        calls=[baas("GET", "/api-keys/")],
    )


@get("/developers/keys/new", needs="keys:write")
async def new_key(request: PageRequest) -> Page:
    desk_of(request)
    return _new_key(request, Form({"type": "secret", "scopes": ["products:read", "orders:read"]}))


def _new_key(request: PageRequest, form: Form) -> Page:
    call = baas("POST", "/api-keys/", '{"name": "Warehouse", "type": "secret", "scopes": ["orders:read"]}')
    return render(
        request, "credentials/new_key.html", area="developers", section="keys", form=form, expiries=EXPIRIES,
        scopes=scope_choices(request.ctx), storefront=STOREFRONT_SCOPES, calls=[call],
    )  # fmt: skip


@post("/developers/keys/new", needs="keys:write")
async def create_key(request: PageRequest) -> Page:
    form = await Form.read(request)
    kind = KeyType.PUBLISHABLE if form.text("type") == "publishable" else KeyType.SECRET
    scopes = sorted(STOREFRONT_SCOPES) if kind is KeyType.PUBLISHABLE else form.all("scopes")
    try:
        async with once(request, form) as first:
            if not first:
                return shown_before(request, KEYS, "key")
            made = await keys.create(
                request.rt, request.ctx, form.text("name"), kind, scopes, _expiry(form, request.ctx.now)
            )
    except MerxError as wrong:
        return _new_key(request, form.refused(wrong, {"scopes": "scopes"}))
    use = f'curl "{request.rt.settings.public_url}/api/store/products/" \\\n  -H "X-API-Key: {made.secret}"'
    secret = Shown(f"{made.key.name} has been made", "key", made.secret, (("Scopes", ", ".join(made.key.scopes)),), use)
    return shown(request, secret, KEYS, "developers", "keys")


def _expiry(form: Form, now: datetime) -> datetime | None:
    days = form.text("expires")
    return now + timedelta(days=int(days)) if days in dict(EXPIRIES) and days else None


@post("/developers/keys/{key:str}/revoke", needs="keys:write")
async def revoke_key(request: PageRequest, key: str) -> Page:
    await keys.revoke(request.rt, request.ctx, KeyId(ident(key, "API key")))
    return redirect(request, KEYS, said="The key has been revoked: it works nowhere any more.")


# ── OAuth clients ────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/developers/clients", needs="keys:write")
async def client_list(request: PageRequest) -> Page:
    desk_of(request)
    number, offset = asked(request)
    found, total = await clients.list_clients(request.rt, request.ctx, SIZE, offset)
    return render(
        request,
        "credentials/clients.html",
        area="developers",
        section="clients",
        clients=found,
        grants=GRANTS,
        paging=paging(request, number, total),
        calls=[baas("GET", "/oauth-clients/")],
    )


@get("/developers/clients/new", needs="keys:write")
async def new_client(request: PageRequest) -> Page:
    desk_of(request)
    begun = {"grant_types": list(clients.DEFAULT_GRANTS), "scopes": ["catalog:read"]}
    return _client_form(request, None, Form(begun), "")


def _client_form(request: PageRequest, client: OauthClient | None, form: Form, doing: str) -> Page:
    make = baas("POST", "/oauth-clients/", '{"name": "Figures", "redirect_uris": ["https://figures.example.com/back"]}')
    path = f"/oauth-clients/{client.id}/" if client else ""
    return render(
        request,
        "credentials/client.html",
        area="developers",
        section="clients",
        client=client,
        form=form,
        scopes=scope_choices(request.ctx),
        grants=[(one, *GRANTS[one]) for one in GRANT_TYPES],
        doing=doing,
        calls=[baas("GET", path), baas("POST", f"{path}rotate-secret/")] if client else [make],
    )


@post("/developers/clients/new", needs="keys:write")
async def create_client(request: PageRequest) -> Page:
    form = await Form.read(request)
    public = form.flag("public")
    try:
        async with once(request, form) as first:
            if not first:
                return shown_before(request, CLIENTS, "secret")
            made = await clients.create(
                request.rt, request.ctx, form.text("name"), _uris(form), form.all("grant_types"), form.all("scopes"),
                public,
            )  # fmt: skip
    except MerxError as wrong:
        return _client_form(request, None, form.refused(wrong, _FIELDS), "")
    if made.secret is None:
        said = f"{made.client.name} has been registered. It has no secret; it proves itself by PKCE."
        return redirect(request, f"{CLIENTS}/{made.client.id}", said=said)
    return _client_secret(request, made.client, made.secret, f"{made.client.name} has been registered")


_FIELDS: Mapping[str, str] = {"redirect_uris": "redirect_uris", "grant_types": "grant_types", "scopes": "scopes"}


def _client_secret(request: PageRequest, client: OauthClient, secret: str, title: str) -> Page:
    found = Shown(title, "client secret", secret, (("Client id", str(client.id)),))
    return shown(request, found, f"{CLIENTS}/{client.id}", "developers", "clients")


def _uris(form: Form) -> list[str]:
    return [line.strip() for line in form.value("redirect_uris").splitlines() if line.strip()]


@get("/developers/clients/{client:str}", needs="keys:write")
async def client_page(request: PageRequest, client: str) -> Page:
    desk_of(request)
    found = await clients.get(request.rt, request.ctx, ident(client, "OAuth client"))
    begun = {
        "name": found.name, "redirect_uris": "\n".join(found.redirect_uris), "grant_types": list(found.grant_types),
        "scopes": list(found.scopes),
    }  # fmt: skip
    return _client_form(request, found, Form(begun), request.query_params.get("do", ""))


@post("/developers/clients/{client:str}", needs="keys:write")
async def change_client(request: PageRequest, client: str) -> Page:
    form, wanted = await Form.read(request), ident(client, "OAuth client")
    try:
        await clients.change(
            request.rt, request.ctx, wanted, name=form.text("name"), redirect_uris=_uris(form),
            grant_types=form.all("grant_types"), scopes=form.all("scopes"),
        )  # fmt: skip
    except MerxError as wrong:
        form.refused(wrong, _FIELDS)
        return _client_form(request, await clients.get(request.rt, request.ctx, wanted), form, "")
    return redirect(request, f"{CLIENTS}/{client}", said="The client has been saved.")


@post("/developers/clients/{client:str}/rotate", needs="keys:write")
async def rotate_client(request: PageRequest, client: str) -> Page:
    form = await Form.read(request)
    async with once(request, form) as first:
        if not first:
            return shown_before(request, f"{CLIENTS}/{client}", "secret")
        made = await clients.renew_secret(request.rt, request.ctx, ident(client, "OAuth client"))
    return _client_secret(request, made.client, made.secret or "", "A new client secret")


@post("/developers/clients/{client:str}/delete", needs="keys:write")
async def remove_client(request: PageRequest, client: str) -> Page:
    await clients.remove(request.rt, request.ctx, ident(client, "OAuth client"))
    return redirect(request, CLIENTS, said="The client has been removed, and all it was given has ended.")


ROUTES = [
    key_list, new_key, create_key, revoke_key, client_list, new_client, create_client, client_page, change_client,
    rotate_client, remove_client,
]  # fmt: skip
