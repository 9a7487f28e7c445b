"""Signing in, refreshing and signing out: who gets in where, and how a session ends, in every process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from tests.dialects.commerce.desk import BASE, Desk
from tests.dialects.site import PASSWORD
from tests.http_server import serve_app

from merx.core.auth import service as auth
from merx.db.dsn import Dsn

FIRST_USED_EARLIER = """
update refresh_tokens set used_at = used_at - interval '11 seconds' where tenant_id = $1 and used_at is not null
"""


async def login(desk: Desk, email: str, password: str = PASSWORD, status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await desk.call("POST", "/auth/login", {"email": email, "password": password}, status, named)


def bearer(shown: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown['accessToken']}"}


async def test_staff_are_found_by_their_email_alone(desk: Desk, other: Desk) -> None:
    for spelled in (desk.shop.email, f"  {desk.shop.email.upper()} "):
        made = await desk.call(
            "POST", "/products", {"name": "Lamp", "price": 1}, 201, bearer(await login(desk, spelled))
        )
        await other.refused("GET", f"/products/{made['id']}", 404)


async def test_unknown_and_wrong_look_the_same(desk: Desk) -> None:
    answers = []
    for email, password in ((desk.shop.email, "wrong-password"), ("nobody@example.com", PASSWORD), ("nonsense", "x")):
        answer = await desk.send("POST", "/auth/login", {"email": email, "password": password}, {})
        answers.append((answer.status_code, answer.json()))
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answers[0] == answers[1] == answers[2] and answers[0][0] == 401


async def test_a_shopper_needs_the_shop(desk: Desk, other: Desk) -> None:
    shop = desk.shop
    await shop.shopper()
    email, host = "shopper1@example.com", f"{shop.slug}.{shop.rt.settings.base_domain}"
    await login(desk, email, status=401)
    for named in ({"Host": host}, {"X_API_Key": shop.key}, {"Authorization": f"Bearer {shop.key}"}):
        jane = bearer(await login(desk, email, **named))
        assert (await desk.call("GET", "/orders", headers=jane))["data"] == []
        await desk.refused("POST", "/products", 403, {"name": "Lamp", "price": 1}, jane)
    foreign = other.shop
    await login(desk, email, status=401, Host=f"{foreign.slug}.{foreign.rt.settings.base_domain}")
    await login(desk, email, status=401, X_API_Key=foreign.key)
    await login(desk, email, status=401, X_API_Key="sk_live_no_such_key")
    await login(desk, email, status=404, Host=f"nosuchshop.{shop.rt.settings.base_domain}")


async def test_at_a_shops_host_only_its_own_people_get_in(desk: Desk, other: Desk) -> None:
    here = {"Host": f"{desk.shop.slug}.{desk.shop.rt.settings.base_domain}"}
    await login(desk, desk.shop.email, **here)
    await login(desk, other.shop.email, status=401, **here)


async def test_the_same_email_as_staff_and_as_shopper(desk: Desk) -> None:
    """At the shared door the password tells which of both is meant."""
    body = {"email": desk.shop.email, "password": "another-password", "first_name": "Jane"}
    answer = await desk.shop.http.post("/api/store/auth/register/", json=body)
    assert answer.status_code == 201, answer.text
    jane = bearer(await login(desk, desk.shop.email, "another-password", X_API_Key=desk.shop.key))
    await desk.refused("POST", "/products", 403, {"name": "Lamp", "price": 1}, jane)
    owner = bearer(await login(desk, desk.shop.email, X_API_Key=desk.shop.key))
    await desk.call("POST", "/products", {"name": "Lamp", "price": 1}, 201, owner)


async def test_a_token_sent_along_does_not_matter(desk: Desk, other: Desk) -> None:
    stale = bearer(await login(desk, desk.shop.email))
    await desk.call("DELETE", "/auth/logout", status=204, headers=stale)
    await desk.shop.shopper()
    host = {"Host": f"{desk.shop.slug}.{desk.shop.rt.settings.base_domain}"}
    for token in (stale["Authorization"], other.headers["Authorization"], "Bearer nonsense"):
        await login(desk, desk.shop.email, Authorization=token)
        await login(desk, "shopper1@example.com", Authorization=token, **host)
    await login(desk, "shopper1@example.com", Authorization=stale["Authorization"], X_API_Key=desk.shop.key)


async def test_ten_wrong_passwords_close_the_door_for_a_while(desk: Desk) -> None:
    for _ in range(10):
        await login(desk, desk.shop.email, "wrong-password", 401)
    answer = await desk.send("POST", "/auth/login", {"email": desk.shop.email, "password": PASSWORD}, {})
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 300
    assert answer.json()["code"] == "too_many_attempts"


# ── Refreshing ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def refresh(desk: Desk, token: str, status: int = 200) -> Any:
    return await desk.call("POST", "/auth/refresh", {"refreshToken": token}, status, {})


async def test_two_tabs_at_once(desk: Desk) -> None:
    """Both get the same successor, and nobody is signed out."""
    first = (await login(desk, desk.shop.email))["refreshToken"]
    one, two = await refresh(desk, first), await refresh(desk, first)
    assert one["refreshToken"] == two["refreshToken"] != first
    for shown in (one, two):
        await desk.call("GET", "/products", headers=bearer(shown))
    await refresh(desk, one["refreshToken"])


async def test_a_used_token_ends_the_family(desk: Desk) -> None:
    signed_in = await login(desk, desk.shop.email)
    second = await refresh(desk, signed_in["refreshToken"])
    await desk.shop.value(FIRST_USED_EARLIER + " returning 1")
    shown = await desk.refused("POST", "/auth/refresh", 401, {"refreshToken": signed_in["refreshToken"]}, {})
    assert shown["code"] == "invalid_token"
    await refresh(desk, second["refreshToken"], 401)
    for tokens in (signed_in, second):
        await desk.refused("GET", "/products", 401, headers=bearer(tokens))


async def test_within_the_ten_seconds_but_after_going_on(desk: Desk) -> None:
    """Whoever comes with the old token when its successor has been used already is somebody else."""
    first = (await login(desk, desk.shop.email))["refreshToken"]
    second = (await refresh(desk, first))["refreshToken"]
    third = await refresh(desk, second)
    await refresh(desk, first, 401)
    await refresh(desk, third["refreshToken"], 401)


@pytest.mark.parametrize("token", ["", "x", "mrt_" + "A" * 64, "x" * 1025, "mrt_" + "!" * 64])
async def test_what_is_no_refresh_token(desk: Desk, token: str) -> None:
    status = 422 if not token or len(token) > 1024 else 401
    await desk.refused("POST", "/auth/refresh", status, {"refreshToken": token}, {})


async def test_an_access_token_is_no_refresh_token(desk: Desk) -> None:
    """It is a token, and not this one: 401, and nothing about how long it is."""
    tokens = await login(desk, desk.shop.email)
    shown = await desk.refused("POST", "/auth/refresh", 401, {"refreshToken": tokens["accessToken"]}, {})
    assert shown["code"] == "invalid_token"
    await refresh(desk, tokens["refreshToken"])
    await desk.refused("GET", "/products", 401, headers={"Authorization": f"Bearer {tokens['refreshToken']}"})


async def test_a_shoppers_session_lives_by_the_same_rules(desk: Desk) -> None:
    await desk.shop.shopper()
    shown = await login(desk, "shopper1@example.com", X_API_Key=desk.shop.key)
    again = await refresh(desk, shown["refreshToken"])
    await desk.call("GET", "/orders", headers=bearer(again))
    await desk.call("DELETE", "/auth/logout", status=204, headers=bearer(again))
    await desk.refused("GET", "/orders", 401, headers=bearer(again))


# ── Signing out ──────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_signing_out_needs_a_session(desk: Desk) -> None:
    await desk.refused("DELETE", "/auth/logout", 401, headers={})
    await desk.refused("DELETE", "/auth/logout", 401, headers={"Authorization": "Bearer nonsense"})
    await desk.refused("DELETE", "/auth/logout", 401, headers=await desk.key("*"))
    await desk.call("DELETE", "/auth/logout", status=204)
    await desk.refused("DELETE", "/auth/logout", 401)


async def test_other_sessions_live_on(desk: Desk) -> None:
    mine, yours = await login(desk, desk.shop.email), await login(desk, desk.shop.email)
    await desk.call("DELETE", "/auth/logout", status=204, headers=bearer(mine))
    await desk.refused("GET", "/products", 401, headers=bearer(mine))
    await desk.call("GET", "/products", headers=bearer(yours))
    await refresh(desk, yours["refreshToken"])


@pytest.fixture(scope="module")
def second(dsn: Dsn, site: Any) -> Iterator[str]:
    """The base URL of another server process of the same installation."""
    told = {"TEST_DSN": msgspec.json.encode(dsn).decode(), "TEST_SITE_PORT": str(site.port)}
    with serve_app("tests.dialects.commerce.another:app", told) as url:
        yield url + BASE


async def test_signing_out_counts_at_once_in_every_process(desk: Desk, second: str) -> None:
    product = await desk.product()
    async with httpx.AsyncClient(timeout=30) as elsewhere:
        for ending, asking in ((f"http://127.0.0.1:{desk.shop.rt.settings.port}{BASE}", second), (second, BASE)):
            tokens = await login(desk, desk.shop.email)
            client = elsewhere if asking == second else desk.http
            for path in ("/products", f"/products/{product['id']}", "/orders"):
                assert (await client.get(asking + path, headers=bearer(tokens))).status_code == 200
            assert (await elsewhere.delete(f"{ending}/auth/logout", headers=bearer(tokens))).status_code == 204
            for path in ("/products", f"/products/{product['id']}", "/orders"):
                assert (await client.get(asking + path, headers=bearer(tokens))).status_code == 401, path
            spent = await client.post(f"{asking}/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
            assert spent.status_code == 401


async def test_the_platforms_administrator_has_no_shop_here(desk: Desk) -> None:
    rt, mark = desk.shop.rt, os.urandom(5).hex()
    email = f"admin-{mark}@example.com"
    settings = msgspec.structs.replace(rt.settings, admin_email=email, admin_password=PASSWORD)
    await auth.ensure_administrator(msgspec.structs.replace(rt, settings=settings))
    admin = bearer(await login(desk, email))
    for method, path, body in (("GET", "/products", None), ("POST", "/products", {"name": "x", "price": 1})):
        assert (await desk.refused(method, path, 403, body, admin))["code"] == "no_shop"
    await desk.call("DELETE", "/auth/logout", status=204, headers=admin)
