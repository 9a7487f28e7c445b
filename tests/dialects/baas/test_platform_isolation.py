"""Another shop's ids answer as unknown ids do, on every route of the table; and who may do what, on every route."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.dialects.baas.merchant import BASE, TABLE, Merchant, Route, fill, merchant_of, without_use
from tests.dialects.baas.platform_forms import FORMS, filled_in
from tests.dialects.baas.shape import refused
from tests.dialects.site import PASSWORD, open_shop

from merx.core.auth.model import ROLE_SCOPES, SCOPES, Role
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.dialects.baas.platform_door import NOBODY, PEOPLES, SIGNED_IN
from merx.kernel import ids as spelling
from merx.kernel.context import system
from merx.kernel.ids import PLATFORM_TENANT
from merx.runtime import Runtime

BELOW_ONE = [route for route in TABLE if route.parameters]
GUARDED = [route for route in TABLE if route.needs not in (NOBODY, SIGNED_IN)]


@pytest.fixture(scope="module")
async def theirs(site_rt: Runtime) -> AsyncIterator[Merchant]:
    """Shop A, with one of everything. Nobody may change it here."""
    merchant = await fill(await merchant_of(await open_shop(site_rt)))
    yield merchant
    await merchant.shop.http.aclose()


@pytest.fixture(scope="module")
async def ours(site_rt: Runtime) -> AsyncIterator[Merchant]:
    """Shop B, with one of everything, and more numbers given out than shop A."""
    merchant = await fill(await merchant_of(await open_shop(site_rt)))
    yield merchant
    await merchant.shop.http.aclose()


@pytest.fixture(scope="module")
async def empty(site_rt: Runtime) -> AsyncIterator[Merchant]:
    """Shop C, with nothing: what is numbered in A has no number here."""
    merchant = await merchant_of(await open_shop(site_rt))
    yield merchant
    await merchant.shop.http.aclose()


def unknown(ids: dict[str, str]) -> dict[str, str]:
    """Ids spelled the same way that nobody has."""
    found = {}
    for name, ident in ids.items():
        head, underscore, _ = ident.rpartition("_")
        if underscore:
            found[name] = spelling.encode(head, spelling.new())
        elif ident.isdigit():
            found[name] = "987654"
        else:
            found[name] = str(spelling.new()) if ident.count("-") == 4 else f"x-{ident}"
    return found


async def ask(merchant: Merchant, one: Route, path_ids: dict[str, str], body_ids: dict[str, str]) -> httpx.Response:
    content = filled_in(json.dumps(FORMS[one.name]), body_ids).encode() if one.takes_body else None
    headers = {**merchant.headers, **({"Content-Type": "application/json"} if one.takes_body else {})}
    path = BASE + filled_in(one.path, path_ids)
    return await merchant.shop.http.request(one.method, path, content=content, headers=headers)


async def seen(merchant: Merchant) -> dict[str, Any]:
    """All that a merchant can read, but how deliveries fare."""
    found = {}
    for one in TABLE:
        if one.method == "GET" and "webhooks" not in one.path:
            found[one.path] = without_use(await merchant.call("GET", filled_in(one.path, merchant.ids)))
    return found


def looks(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


@pytest.mark.parametrize("one", BELOW_ONE, ids=lambda one: one.name)
async def test_a_foreign_id_is_an_unknown_id(theirs: Merchant, empty: Merchant, one: Route) -> None:
    nobodys = unknown(theirs.ids)
    foreign = await ask(empty, one, theirs.ids, theirs.ids)
    refused(foreign, 404)
    assert looks(foreign) == looks(await ask(empty, one, nobodys, nobodys))


@pytest.mark.parametrize(
    "one",
    [route for route in TABLE if len(route.parameters) > 1 or "$" in str(FORMS.get(route.name))],
    ids=lambda r: r.name,
)
async def test_so_is_one_below_our_own(theirs: Merchant, ours: Merchant, one: Route) -> None:
    """Our own product and their variant, our own endpoint and their delivery; in the address and in the body."""
    before, nobodys = await seen(ours), unknown(theirs.ids)
    first = one.parameters[0]
    above = {first: ours.ids[first]}
    foreign = await ask(ours, one, {**theirs.ids, **above}, {**theirs.ids, **above})
    assert foreign.status_code in (400, 404), foreign.text
    assert looks(foreign) == looks(await ask(ours, one, {**nobodys, **above}, {**nobodys, **above}))
    assert await seen(ours) == before


async def test_no_list_or_filter_knows_of_another_shop(theirs: Merchant, ours: Merchant) -> None:
    words = [ident for ident in theirs.ids.values() if "_" in ident or ident.count("-") == 4]
    words += [theirs.shop.email, theirs.shop.slug, str(theirs.shop.ctx.tenant)]
    for one in TABLE:
        if one.method != "GET":
            continue
        text = (await ours.send("GET", filled_in(one.path, ours.ids))).text
        assert not [word for word in words if word in text], one.name
    customer, nobody = theirs.ids["customer"], unknown(theirs.ids)["customer"]
    assert await ours.call("GET", f"/orders/?customer={customer}") == await ours.call(
        "GET", f"/orders/?customer={nobody}"
    )


async def test_nothing_of_theirs_was_changed_by_all_this(theirs: Merchant, empty: Merchant) -> None:
    before = await seen(theirs)
    for one in BELOW_ONE:
        if one.method != "GET":
            refused(await ask(empty, one, theirs.ids, theirs.ids), 404)
    assert await seen(theirs) == before


# ── Who may do what ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
async def callers(ours: Merchant) -> dict[str, dict[str, str]]:
    """Headers of everybody who could come, to shop B."""
    rt, call = ours.shop.rt, ours.call
    platform = system(PLATFORM_TENANT)
    await tenants.set_plan(rt, platform, ours.shop.ctx.tenant, Plan.ENTERPRISE, requests_per_minute=1_000_000)
    found = {"owner": ours.headers, "anonymous": {}, "storefront": {"X-API-Key": ours.shop.key}}
    for role in (Role.ADMIN, Role.STAFF):
        email = f"{role}-{ours.shop.email}"
        await call("POST", "/team/", {"email": email, "role": role, "password": PASSWORD}, 201)
        tokens = await call("POST", "/token/", {"email": email, "password": PASSWORD}, headers={})
        found[role.value] = {"Authorization": f"Bearer {tokens['access']}"}
    secret = await call("POST", "/api-keys/", {"name": "all", "scopes": ["*"]}, 201)
    found["secret key"] = {"X-API-Key": secret["key"]}
    shopper = {"email": "jane@example.com", "password": PASSWORD}
    answer = await ours.shop.http.post("/api/store/auth/register/", json=shopper, headers=found["storefront"])
    found["customer"] = {"Authorization": f"Bearer {answer.json()['access']}"}
    return found


async def status_of(merchant: Merchant, one: Route, headers: dict[str, str]) -> int:
    """With ids that nobody has, and a body that is none: nothing happens, whoever asks."""
    path = BASE + filled_in(one.path, unknown(merchant.ids))
    content = b"[" if one.takes_body else None
    sent = {**headers, "Content-Type": "application/json"}
    answer = await merchant.shop.http.request(one.method, path, content=content, headers=sent)
    if answer.status_code >= 400:
        refused(answer)
    return answer.status_code


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
async def test_permissions(ours: Merchant, callers: dict[str, dict[str, str]], one: Route) -> None:
    status = {who: await status_of(ours, one, headers) for who, headers in callers.items()}
    if one.needs == NOBODY:
        assert {code for who, code in status.items() if who != "anonymous"} <= {400}, status
        return
    assert status["anonymous"] == 401
    assert (status["storefront"], status["customer"]) == (403, 403)
    people = {"owner": {"*"}, "admin": ROLE_SCOPES[Role.ADMIN], "staff": ROLE_SCOPES[Role.STAFF]}
    for who, scopes in people.items():
        allowed = one.needs == SIGNED_IN or "*" in scopes or one.needs in scopes
        assert (status[who] in (200, 400, 404)) is allowed and (status[who] == 403) is not allowed, (who, status)
    assert (status["secret key"] == 403) is (one.needs in {SIGNED_IN, *PEOPLES}), status


@pytest.mark.parametrize("needs", sorted({route.needs for route in GUARDED} - PEOPLES))
async def test_a_key_with_everything_but_the_one_scope(ours: Merchant, needs: str) -> None:
    """And a key with that one alone comes past the door."""
    others = sorted(SCOPES - {needs})
    most = await ours.call("POST", "/api-keys/", {"name": f"not {needs}", "scopes": others}, 201)
    alone = await ours.call("POST", "/api-keys/", {"name": needs, "scopes": [needs]}, 201)
    for one in GUARDED:
        if one.needs == needs:
            assert await status_of(ours, one, {"X-API-Key": most["key"]}) == 403, one.name
            assert await status_of(ours, one, {"X-API-Key": alone["key"]}) != 403, one.name


async def test_a_credential_of_one_shop_at_the_host_of_another(theirs: Merchant, ours: Merchant) -> None:
    for headers in (theirs.headers, {"X-API-Key": theirs.shop.key}):
        error = refused(await ours.send("GET", "/settings/", headers=headers), 403)
        assert error["code"] == "wrong_tenant"
    both = {**ours.headers, "X-API-Key": theirs.shop.key}
    refused(await ours.send("GET", "/settings/", headers=both), 403)


def test_every_route_names_its_permission() -> None:
    assert len(TABLE) > 60
    for one in TABLE:
        assert one.needs in SCOPES | {NOBODY, SIGNED_IN}, one.name
        assert bool(one.handler.guards) is (one.needs != NOBODY), one.name
    assert {one.path for one in TABLE if one.needs == NOBODY} == {
        "/register/", "/token/", "/token/refresh/", "/token/revoke/", "/password-reset/", "/password-reset/confirm/",
    }  # fmt: skip
