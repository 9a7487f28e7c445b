"""Refresh tokens are for one shop: at another one's door they are as unknown as any that never were, and stay good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import service as auth
from merx.core.customers import service as customers

Open = Callable[..., Awaitable[Shop]]
ROUTES = {
    "/api/platform/token/refresh/": "refresh",
    "/api/store/auth/token/refresh/": "refresh",
    "/commerce/v2/auth/refresh": "refreshToken",
}


async def staff_token(shop: Shop) -> str:
    return (await auth.sign_in(shop.rt, shop.email, PASSWORD)).tokens.refresh


async def shopper_token(shop: Shop) -> str:
    await shop.shopper()
    ctx = msgspec.structs.replace(shop.ctx, now=datetime.now(UTC))
    return (await customers.sign_in(shop.rt, ctx, f"shopper{shop.shoppers}@example.com", PASSWORD)).tokens.refresh


def host_of(shop: Shop) -> dict[str, str]:
    return {"Host": shop.http.headers["Host"]}


def doors(shop: Shop) -> list[dict[str, str]]:
    """Every way in which a request says that it is at this shop."""
    key = {"X-API-Key": shop.key}
    bearer = {"Authorization": f"Bearer {shop.key}"}
    return [
        host_of(shop),
        key,
        bearer,
        {**host_of(shop), **key},
        {**host_of(shop), "Authorization": f"Bearer {'x' * 5000}"},
    ]


def told(answer: httpx.Response) -> tuple[int, Any]:
    """What an answer says, but for what is its own (an id, a moment)."""
    body = answer.json()
    return answer.status_code, {k: v for k, v in body.items() if k not in ("instance", "requestId")}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("make", [staff_token, shopper_token])
async def test_at_another_shops_door_it_is_one_that_never_was(
    shop: Shop, new_shop: Open, http: httpx.AsyncClient, path: str, make: Callable[[Shop], Awaitable[str]]
) -> None:
    other, token, field = await new_shop(), await make(shop), ROUTES[path]
    unknown = token[:-6] + ("aaaaaa" if token[-6:] != "aaaaaa" else "bbbbbb")
    mine = {"Authorization": f"Bearer {(await auth.sign_in(shop.rt, shop.email, PASSWORD)).tokens.access}"}
    for door in [*doors(other), {**host_of(other), **mine}, {**host_of(other), "X-API-Key": shop.key}]:
        answer = await http.post(path, json={field: token}, headers=door)
        assert answer.status_code in (401, 403), (door, answer.text)
        assert told(answer) == told(await http.post(path, json={field: unknown}, headers=door)), door
    for door in (host_of(shop), {"X-API-Key": shop.key}, {}, {"Authorization": "Bearer stale"}, mine):
        answer = await http.post(path, json={field: token}, headers=door)  # it was neither used up nor ended
        assert answer.status_code == 200, (door, answer.text)


async def test_somebody_of_two_shops_refreshes_either_at_the_installations_own_host(
    shop: Shop, new_shop: Open, http: httpx.AsyncClient
) -> None:
    """The bearer is of one shop, the refresh token of the other: only a host or a key says where a request is."""
    other = await new_shop()
    bearer = {"Authorization": f"Bearer {(await auth.sign_in(other.rt, other.email, PASSWORD)).tokens.access}"}
    answer = await http.post("/api/platform/token/refresh/", json={"refresh": await staff_token(shop)}, headers=bearer)
    assert answer.status_code == 200, answer.text


async def test_another_shops_door_ends_no_session(shop: Shop, new_shop: Open, http: httpx.AsyncClient) -> None:
    other, token = await new_shop(), await staff_token(shop)
    for door in doors(other)[:4]:
        answer = await http.post("/api/platform/token/revoke/", json={"refresh": token}, headers=door)
        assert answer.status_code == 204, answer.text
    assert (await http.post("/api/platform/token/refresh/", json={"refresh": token})).status_code == 200
