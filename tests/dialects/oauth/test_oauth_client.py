"""An OAuth client that Merx did not write completes each grant over HTTP; what a thief or a bug would try fails."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import msgspec
import pytest
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from tests.dialects.oauth.people import BACK, Browser, app_of, said
from tests.dialects.site import PASSWORD, Shop
from tests.http_server import serve_app

from merx.core.auth import clients
from merx.core.auth import service as auth
from merx.db.dsn import Dsn
from merx.edge.logs import clean, redact
from merx.settings import Settings
from merx.web.oauth.endpoints import TOKENS_A_MINUTE

Open = Callable[..., Awaitable[Shop]]
METHODS = ["client_secret_basic", "client_secret_post", "none"]


@pytest.fixture
async def browser(site: Settings) -> AsyncIterator[Browser]:
    one = Browser(site.public_url)
    yield one
    await one.http.aclose()


def wrong(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json()["error_description"], str)


async def refresh_of(shop: Shop) -> str:
    """The owner's own refresh token, from signing in as people do."""
    return (await auth.sign_in(shop.rt, shop.email, PASSWORD)).tokens.refresh


# ── Each grant ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
async def test_the_authorization_code_grant(shop: Shop, browser: Browser, method: str) -> None:
    app = await app_of(shop, method)
    returned = await browser.allow(app.url(), shop.email)
    assert returned.startswith(f"{BACK}?")
    answer = said(returned)
    assert answer["iss"] == app.base and answer["state"] == app.state and answer["code"].startswith("mac_")
    token = await app.exchange(returned)
    assert token["token_type"] == "Bearer" and token["expires_in"] == 3600
    assert token["scope"] == "orders:read users:read"
    for base, status in (("/api/platform/orders/", 200), ("/api/platform/products/", 403), ("/api/platform/me/", 403)):
        answer = await app.client.get(f"{app.base}{base}")
        assert answer.status_code == status, (base, answer.text)
    assert (await app.client.get(f"{app.base}/commerce/v2/orders")).status_code == 200
    refreshed = await app.client.refresh_token(f"{app.base}/oauth/token")
    assert refreshed["refresh_token"] != token["refresh_token"]
    assert (await app.orders(refreshed["access_token"])).status_code == 200
    await app.client.revoke_token(f"{app.base}/oauth/revoke", refreshed["refresh_token"], "refresh_token")
    for dead in (token, refreshed):
        assert (await app.orders(dead["access_token"])).status_code == 401


@pytest.mark.parametrize("method", METHODS[:2])
async def test_the_client_credentials_grant(shop: Shop, method: str) -> None:
    app = await app_of(shop, method)
    await shop.product("Headphones")
    token = await app.client.fetch_token(
        f"{app.base}/oauth/token", grant_type="client_credentials", scope="catalog:read orders:read"
    )
    assert token["scope"] == "catalog:read orders:read" and "refresh_token" not in token
    assert (await app.client.get(f"{app.base}/api/platform/orders/")).status_code == 200
    found = (await app.client.get(f"{app.base}/api/store/products/")).json()
    assert [one["name"] for one in found["results"]] == ["Headphones"]
    seen = (await app.client.introspect_token(f"{app.base}/oauth/introspect", token["access_token"])).json()
    assert seen["active"] and seen["client_id"] == seen["sub"] == str(app.made.client.id)
    refused = await app.client.post(f"{app.base}/api/platform/api-keys/", json={"name": "mine"})
    assert refused.status_code == 403
    await app.client.revoke_token(f"{app.base}/oauth/revoke", token["access_token"])
    assert (await app.orders(token["access_token"])).status_code == 401


async def test_the_metadata_is_what_rfc_8414_asks(site: Settings, http: httpx.AsyncClient) -> None:
    answer = await http.get(get_well_known_url(site.public_url).removeprefix(site.public_url))
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    found = AuthorizationServerMetadata(answer.json())
    found.validate()
    assert found["issuer"] == site.public_url
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert {"users:read", "catalog:read", "orders:write", "payments:write", "logs:read"} <= set(
        found["scopes_supported"]
    )
    assert not {"keys:write", "team:write", "*"} & set(found["scopes_supported"])
    for name in ("token", "revocation", "introspection"):
        path = found[f"{name}_endpoint"].removeprefix(site.public_url)
        wrong(await http.post(path), 400, "invalid_request")
        assert (await http.get(path)).status_code == 405


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/api/platform/orders/", "orders:read"),
        ("/api/store/products/", "catalog:read"),
        ("/commerce/v2/orders", "orders:read"),
        ("/reference/v1/users", "users:read"),
        ("/reference/v1/logs", "logs:read"),
        ("/api/v1/public/projects/{slug}/ecommerce/products", "catalog:read"),
        ("/api/orders?tenant={slug}", "orders:read"),
    ],
)
async def test_a_token_is_good_in_every_dialect_for_what_it_says(shop: Shop, path: str, scope: str) -> None:
    path = path.format(slug=shop.slug)
    app = await app_of(shop, scopes=["orders:read", "catalog:read", "users:read", "logs:read", "coupons:read"])
    for wanted, statuses in ((scope, {200}), ("coupons:read", {401, 403})):
        token = (await app.post("/oauth/token", grant_type="client_credentials", scope=wanted)).json()
        async with httpx.AsyncClient(base_url=app.base, timeout=30) as http:
            answer = await http.get(path, headers={"Authorization": f"Bearer {token['access_token']}"})
        assert answer.status_code in statuses, (path, wanted, answer.status_code, answer.text[:300])


# ── Thieves and bugs ─────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_stolen_code_is_worth_nothing(shop: Shop, new_shop: Open, browser: Browser) -> None:
    app, thief, foreign = await app_of(shop), await app_of(shop), await app_of(await new_shop())
    code = said(await browser.allow(app.url(), shop.email))["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    for other in (thief, foreign):
        wrong(await other.post("/oauth/token", **fields, code_verifier=app.verifier), 400, "invalid_grant")
    wrong(await app.post("/oauth/token", **fields, code_verifier=secrets.token_urlsafe(48)), 400, "invalid_grant")
    wrong(await app.post("/oauth/token", **fields), 400, "invalid_request")
    elsewhere = {**fields, "redirect_uri": "https://app.example.com/other", "code_verifier": app.verifier}
    wrong(await app.post("/oauth/token", **elsewhere), 400, "invalid_grant")
    nobody = {**fields, "code_verifier": app.verifier, "client_id": str(app.made.client.id)}
    wrong(await app.post("/oauth/token", auth=False, **nobody), 401, "invalid_client")
    wrong(await app.post("/oauth/token", auth=False, **nobody, client_secret="mcs_guess"), 401, "invalid_client")
    assert (await app.post("/oauth/token", **fields, code_verifier=app.verifier)).status_code == 200


async def test_authlib_hears_of_a_wrong_verifier(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    returned = await browser.allow(app.url(), shop.email)
    with pytest.raises(AuthlibBaseError) as refused:
        await app.exchange(returned, code_verifier=secrets.token_urlsafe(48))
    assert refused.value.error == "invalid_grant"


async def test_a_replayed_code_ends_what_it_gave(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    returned = await browser.allow(app.url(), shop.email)
    token = await app.exchange(returned)
    assert (await app.orders(token["access_token"])).status_code == 200
    with pytest.raises(AuthlibBaseError) as refused:
        await app.exchange(returned)
    assert refused.value.error == "invalid_grant"
    assert (await app.orders(token["access_token"])).status_code == 401
    fields = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    wrong(await app.post("/oauth/token", **fields), 400, "invalid_grant")


async def test_of_many_exchanges_at_once_one_wins(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    code = said(await browser.allow(app.url(), shop.email))["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": app.verifier}
    answers = await asyncio.gather(*(app.post("/oauth/token", **fields) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200] + [400] * 9
    assert {one.json()["error"] for one in answers if one.status_code == 400} == {"invalid_grant"}


async def test_a_replayed_refresh_token_ends_the_family(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    first = await app.tokens(browser)
    second = await app.client.refresh_token(f"{app.base}/oauth/token", first["refresh_token"])
    third = await app.client.refresh_token(f"{app.base}/oauth/token", second["refresh_token"])
    with pytest.raises(AuthlibBaseError) as refused:
        await app.client.refresh_token(f"{app.base}/oauth/token", first["refresh_token"])
    assert refused.value.error == "invalid_grant"
    assert (await app.orders(third["access_token"])).status_code == 401
    fields = {"grant_type": "refresh_token", "refresh_token": third["refresh_token"]}
    wrong(await app.post("/oauth/token", **fields), 400, "invalid_grant")
    # And where people refresh, a client's token is nobody's.
    fresh = await app.tokens(browser)
    async with httpx.AsyncClient(base_url=app.base) as http:
        answer = await http.post("/api/platform/token/refresh/", json={"refresh": fresh["refresh_token"]})
        assert answer.status_code == 401, answer.text
    person = {"grant_type": "refresh_token", "refresh_token": await refresh_of(shop)}
    wrong(await app.post("/oauth/token", **person), 400, "invalid_grant")


async def test_a_removed_client_and_what_it_held_are_dead(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    token = await app.tokens(browser)
    await clients.remove(shop.rt, shop.ctx, app.made.client.id)
    assert (await app.orders(token["access_token"])).status_code == 401
    fields = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    wrong(await app.post("/oauth/token", **fields), 401, "invalid_client")
    answer = await browser.get(app.url())
    assert answer.status_code == 400 and "location" not in answer.headers


async def test_scopes_are_never_widened(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    await browser.sign_in(app.url(), shop.email)
    answer = await browser.get(app.url(scope="orders:read customers:read"))
    assert answer.status_code == 303 and said(answer.headers["location"])["error"] == "invalid_scope"
    token = await app.tokens(browser)
    fields = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], "scope": "orders:write"}
    wrong(await app.post("/oauth/token", **fields), 400, "invalid_scope")
    fields = {"grant_type": "client_credentials", "scope": "orders:read settings:write"}
    wrong(await app.post("/oauth/token", **fields), 400, "invalid_scope")


async def test_a_token_is_for_its_shop(shop: Shop, new_shop: Open, browser: Browser) -> None:
    app, other = await app_of(shop), await new_shop()
    token = (await app.tokens(browser))["access_token"]
    host = {"Host": f"{other.slug}.{shop.rt.settings.base_domain}", "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=app.base) as http:
        assert (await http.get("/api/platform/orders/", headers=host)).status_code == 403


async def test_at_another_shops_host_a_client_is_not_known(shop: Shop, new_shop: Open, browser: Browser) -> None:
    """Nor is what it holds used up or ended there; at its own shop's host it is served as anywhere."""
    app, other = await app_of(shop), await new_shop()
    token = await app.tokens(browser)
    asked = {
        "/oauth/token": {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]},
        "/oauth/revoke": {"token": token["refresh_token"]},
        "/oauth/introspect": {"token": token["access_token"]},
    }
    auth = (str(app.made.client.id), app.made.secret or "")
    domain = shop.rt.settings.base_domain
    async with httpx.AsyncClient(base_url=app.base, timeout=30, auth=auth) as http:
        for host in (f"{other.slug}.{domain}", f"no-such-shop.{domain}"):
            for path, fields in asked.items():
                wrong(await http.post(path, data=fields, headers={"Host": host}), 401, "invalid_client")
        assert (await app.orders(token["access_token"])).status_code == 200
        for host in (f"{shop.slug}.{domain}", "merx.internal"):
            answer = await http.post("/oauth/introspect", data=asked["/oauth/introspect"], headers={"Host": host})
            assert answer.status_code == 200 and answer.json()["active"]
        answer = await http.post("/oauth/token", data=asked["/oauth/token"])
        assert answer.status_code == 200


async def test_a_scope_that_is_named_twice_is_given_once(shop: Shop) -> None:
    app = await app_of(shop)
    token = await app.post("/oauth/token", grant_type="client_credentials", scope="orders:read users:read orders:read")
    assert token.json()["scope"] == "orders:read users:read"


# ── The endpoints' manners ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=%00", 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=%ff", 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=\xff", 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=%22%5C%C3%A9", 400, "invalid_scope"),
        (b"grant_type=client_credentials&client_secret=x", 400, "invalid_request"),
        (b"grant_type=client_credentials&client_id=another", 400, "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=x", 400, "invalid_grant"),
        (b"grant_type=refresh_token&refresh_token=mrt_" + b"A" * 64, 400, "invalid_grant"),
        (b"grant_type=authorization_code&code=x&redirect_uri=x&code_verifier=x", 400, "invalid_grant"),
        (b"&".join(b"a%d=1" % n for n in range(60)), 400, "invalid_request"),
    ],
)
async def test_bad_input_is_told_in_the_rfcs_words(shop: Shop, body: bytes, status: int, code: str) -> None:
    app = await app_of(shop)
    async with httpx.AsyncClient(base_url=app.base, auth=(str(app.made.client.id), app.made.secret or "")) as http:
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post("/oauth/token", content=body, headers=sent)
    wrong(answer, status, code)
    assert all(" " <= c <= "~" and c not in '"\\' for c in answer.json()["error_description"])


async def test_credentials_in_any_odd_form_are_refused_alike(http: httpx.AsyncClient) -> None:
    for authorization in ("Basic", "Basic !!!", "Basic eA==", "Basic /////w==", "Bearer x", "Basic eDo="):
        answer = await http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": authorization}
        )
        wrong(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    for body in ({}, {"client_id": "x"}, {"client_id": "x", "client_secret": "x"}):
        for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
            answer = await http.post(path, data={"grant_type": "client_credentials", "token": "x", **body})
            wrong(answer, 401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic ")  # no 401 without a challenge
    wrong(await http.post("/oauth/token", json={"grant_type": "client_credentials"}), 400, "invalid_request")
    wrong(await http.post("/oauth/token?client_id=x&grant_type=client_credentials"), 400, "invalid_request")


async def test_wrong_secrets_are_counted_a_client_and_address(shop: Shop) -> None:
    app = await app_of(shop)
    guess = {"client_id": str(app.made.client.id), "grant_type": "client_credentials"}
    for _ in range(10):
        wrong(await app.post("/oauth/token", auth=False, **guess, client_secret="mcs_x"), 401, "invalid_client")
    answer = await app.post("/oauth/token", grant_type="client_credentials")
    wrong(answer, 429, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    other = await app_of(shop)
    assert (await other.post("/oauth/token", grant_type="client_credentials")).status_code == 200


async def test_tokens_are_limited_a_client_and_address(shop: Shop) -> None:
    app, other = await app_of(shop), await app_of(shop)
    ident = (str(app.made.client.id), app.made.secret or "")
    async with httpx.AsyncClient(base_url=app.base, auth=ident, timeout=60) as http:
        asked = [http.post("/oauth/token", data={"grant_type": "none"}) for _ in range(TOKENS_A_MINUTE)]
        statuses = {one.status_code for one in await asyncio.gather(*asked)}
        assert statuses == {400}
        answer = await http.post("/oauth/token", data={"grant_type": "client_credentials"})
    wrong(answer, 429, "temporarily_unavailable")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert (await other.post("/oauth/token", grant_type="client_credentials")).status_code == 200


async def test_revocation_and_introspection_tell_strangers_nothing(
    shop: Shop, new_shop: Open, browser: Browser
) -> None:
    app, public, foreign = await app_of(shop), await app_of(shop, "none"), await app_of(await new_shop())
    token = await app.tokens(browser)
    for one in (token["access_token"], token["refresh_token"], "nonsense"):
        assert (await foreign.post("/oauth/revoke", token=one)).status_code == 200
        assert (await foreign.post("/oauth/introspect", token=one)).json() == {"active": False}
        ident = str(public.made.client.id)
        wrong(await public.post("/oauth/introspect", auth=False, client_id=ident, token=one), 401, "invalid_client")
    wrong(await app.post("/oauth/introspect", auth=False, token=token["access_token"]), 401, "invalid_client")
    wrong(await app.post("/oauth/revoke"), 400, "invalid_request")
    assert (await app.orders(token["access_token"])).status_code == 200
    seen = (await app.post("/oauth/introspect", token=token["access_token"])).json()
    assert seen["active"] and seen["scope"] == "orders:read users:read" and seen["iss"] == app.base
    assert seen["tid"] == str(shop.ctx.tenant) and seen["sub"] == str(shop.ctx.actor_id)
    assert json.dumps(seen).find(shop.email) == -1


@pytest.fixture(scope="module")
def second(dsn: Dsn, site: Settings) -> Iterator[str]:
    """The base URL of another server process of the same installation."""
    told = {"TEST_DSN": msgspec.json.encode(dsn).decode(), "TEST_SITE_PORT": str(site.port)}
    with serve_app("tests.dialects.commerce.another:app", told) as url:
        yield url


async def test_what_one_process_ends_is_dead_in_the_others(shop: Shop, browser: Browser, second: str) -> None:
    app = await app_of(shop)
    secret = (str(app.made.client.id), app.made.secret or "")
    async with (
        httpx.AsyncClient(base_url=app.base, auth=secret) as one,
        httpx.AsyncClient(base_url=second, auth=secret) as two,
    ):
        for ending, asking in ((one, two), (two, one)):
            token = await app.tokens(browser)
            bearer = {"Authorization": f"Bearer {token['access_token']}"}
            question = {"token": token["access_token"]}
            for at in (ending, asking):
                assert (await at.post("/oauth/introspect", data=question)).json()["active"]
                assert (await at.get("/api/platform/orders/", headers=bearer, auth=None)).status_code == 200
            assert (await ending.post("/oauth/revoke", data={"token": token["refresh_token"]})).status_code == 200
            for at in (asking, ending):
                assert (await at.post("/oauth/introspect", data=question)).json() == {"active": False}
                assert (await at.get("/api/platform/orders/", headers=bearer, auth=None)).status_code == 401
        # A code exchanged here and replayed there.
        code = said(await browser.allow(app.url(), shop.email))["code"]
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": app.verifier}
        token = (await one.post("/oauth/token", data=fields)).json()
        wrong(await two.post("/oauth/token", data=fields), 400, "invalid_grant")
        assert (await app.orders(token["access_token"])).status_code == 401


async def test_no_log_line_holds_a_code_a_token_or_a_secret(shop: Shop, browser: Browser) -> None:
    app = await app_of(shop)
    code = said(await browser.allow(app.url(), shop.email))["code"]
    token = await app.exchange(f"{BACK}?code={code}&state={app.state}")
    secrets_of_it = (code, token["access_token"], token["refresh_token"], app.made.secret or "", app.verifier)
    for secret in secrets_of_it[:4]:
        assert secret not in redact(f"refused {secret} twice")
    for secret, name in zip(
        secrets_of_it, ("code", "token", "refresh_token", "client_secret", "code_verifier"), strict=True
    ):
        assert secret not in redact(f"POST /oauth/token?grant_type=x&{name}={secret}&state=1")
    assert app.made.secret not in str(clean({"form": {"client_secret": app.made.secret}}))


async def test_browsers_elsewhere_may_ask_for_tokens(http: httpx.AsyncClient) -> None:
    answer = await http.options("/oauth/token", headers={"Origin": "https://app.example.com"})
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    consent = await http.get("/oauth/authorize", headers={"Origin": "https://app.example.com"})
    assert "access-control-allow-origin" not in consent.headers
