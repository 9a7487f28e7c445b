"""The platform half of the document: the quick start as it stands, every example with its keys and its words."""

from __future__ import annotations

import os
import re

import httpx
from tests.dialects.baas.merchant import BASE, Merchant
from tests.dialects.baas.shape import refused
from tests.dialects.site import PASSWORD

from merx.settings import Settings


async def test_the_quick_start(http: httpx.AsyncClient, site: Settings) -> None:
    """Typed as it stands; only the e-mail is our own, because it is unique over an installation."""
    email = f"owner-{os.urandom(5).hex()}@mystore.com"
    body = {
        "business_name": "My Store",
        "email": email,
        "password": "securepassword123",
        "first_name": "John",
        "last_name": "Doe",
    }
    answer = await http.post(f"{BASE}/register/", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert list(made) == ["tenant", "user", "access", "refresh"]
    assert re.fullmatch(r"mystore\d*", made["tenant"]["slug"]) and made["tenant"]["name"] == "My Store"
    assert made["tenant"]["plan"] == "free"
    assert list(made["user"])[:4] == ["id", "email", "first_name", "last_name"]
    assert (made["user"]["id"], made["user"]["email"]) == (1, email)
    assert (made["user"]["first_name"], made["user"]["last_name"], made["user"]["role"]) == ("John", "Doe", "owner")
    bearer = {"Authorization": f"Bearer {made['access']}"}

    answer = await http.post(f"{BASE}/api-keys/", json={"name": "Production API Key"}, headers=bearer)
    assert answer.status_code == 201, answer.text
    key = answer.json()
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{38}", key["key"]) and key["name"] == "Production API Key"
    assert re.fullmatch(r"key_[0-9a-z]{26}", key["id"]) and key["key"].startswith(key["prefix"])
    assert sorted(key["scopes"]) == ["cart:write", "catalog:read", "checkout:write", "orders:own"]

    host = f"{made['tenant']['slug']}.{site.base_domain}"
    assert made["tenant"]["url"] == f"http://{host}"
    answer = await http.get("/api/store/products/", headers={"X-API-Key": key["key"], "Host": host})
    assert (answer.status_code, answer.json()["count"]) == (200, 0)
    answer = await http.get("/api/store/products/", params={"api_key": key["key"]})
    assert answer.status_code == 200
    listed = (await http.get(f"{BASE}/api-keys/", headers=bearer)).json()
    assert listed["count"] == 1 and "key" not in listed["results"][0]
    assert (await http.delete(f"{BASE}/api-keys/{key['id']}/", headers=bearer)).status_code == 204
    refused(await http.get("/api/store/products/", headers={"X-API-Key": key["key"], "Host": host}), 401)


async def test_tokens(merchant: Merchant) -> None:
    shop = merchant.shop
    answer = await shop.http.post(f"{BASE}/token/", json={"email": shop.email, "password": PASSWORD})
    tokens = answer.json()
    assert answer.status_code == 200 and list(tokens) == ["access", "refresh", "user"]
    assert tokens["access"].startswith("eyJ") and tokens["access"].count(".") == 2
    assert list(tokens["user"])[:2] == ["id", "email"]
    assert tokens["user"]["id"] == 1 and tokens["user"]["email"] == shop.email
    assert await merchant.call("GET", "/me/") == tokens["user"]

    old = {"refresh": tokens["refresh"]}
    fresh = await merchant.call("POST", "/token/refresh/", old, headers={})
    assert list(fresh) == ["access", "refresh"] and fresh["refresh"] != tokens["refresh"]
    bearer = {"Authorization": f"Bearer {fresh['access']}"}
    assert (await merchant.call("GET", "/me/", headers=bearer))["id"] == 1
    await merchant.call("POST", "/token/revoke/", {"refresh": fresh["refresh"]}, 204, headers={})
    refused(await merchant.send("GET", "/me/", headers=bearer), 401)
    refused(await merchant.send("POST", "/token/refresh/", {"refresh": fresh["refresh"]}, headers={}), 401)
    # Without a body it is the access token's own session that ends.
    await merchant.call("POST", "/token/revoke/", status=204)
    refused(await merchant.send("GET", "/me/"), 401)


async def test_signing_out_of_one_session_and_of_all(merchant: Merchant) -> None:
    bearers = []
    for _ in range(3):
        tokens = await merchant.call(
            "POST", "/token/", {"email": merchant.shop.email, "password": PASSWORD}, headers={}
        )
        bearers.append({"Authorization": f"Bearer {tokens['access']}"})
    first, second, third = bearers
    await merchant.call("POST", "/me/sign-out/", {}, 204, headers=first)
    refused(await merchant.send("GET", "/me/", headers=first), 401)
    await merchant.call("GET", "/me/", headers=second)
    await merchant.call("POST", "/me/sign-out/", {"everywhere": True}, 204, headers=second)
    for headers in (second, third):
        refused(await merchant.send("GET", "/me/", headers=headers), 401)


async def test_the_error_example(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{BASE}/register/", json={"business_name": "My Store", "password": "short"})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "code": "validation_error",
            "message": "Invalid request data",
            "details": {
                "email": ["This field is required."],
                "password": ["Password must be at least 8 characters."],
            },
        },
        "status": 400,
    }


async def test_both_forms_of_an_address(merchant: Merchant) -> None:
    assert await merchant.call("GET", "/settings") == await merchant.call("GET", "/settings/")
    listed = await merchant.call("GET", "/products?per_page=1")
    assert list(listed) == ["count", "next", "previous", "results"]


async def test_pages_link_to_one_another(merchant: Merchant) -> None:
    for number in range(3):
        await merchant.call("POST", "/products/", {"name": f"Thing {number}", "price": "1.00"}, 201)
    first = await merchant.call("GET", "/products/?per_page=2&sort=name")
    assert (first["count"], first["previous"]) == (3, None)
    assert first["next"] == "/api/platform/products/?per_page=2&sort=name&page=2"
    second = await merchant.call("GET", first["next"].removeprefix(BASE))
    assert [one["name"] for one in first["results"] + second["results"]] == ["Thing 0", "Thing 1", "Thing 2"]
    assert second["next"] is None
    assert second["previous"] == "/api/platform/products/?per_page=2&sort=name&page=1"


async def test_ten_failed_sign_ins_are_enough(merchant: Merchant) -> None:
    """Of one account and address; the right password is not tried any more, other accounts are not concerned."""
    shop = merchant.shop
    wrong = {"email": shop.email, "password": "not-the-password"}
    unknown = {"email": f"nobody-{os.urandom(5).hex()}@example.com", "password": "not-the-password"}
    said = [refused(await merchant.send("POST", "/token/", wrong, headers={}), 401) for _ in range(10)]
    assert refused(await merchant.send("POST", "/token/", unknown, headers={}), 401) == said[0]
    right = {"email": shop.email.upper(), "password": PASSWORD}
    answer = await merchant.send("POST", "/token/", right, headers={})
    assert refused(answer, 429)["code"] == "too_many_attempts"
    assert 0 < int(answer.headers["retry-after"]) <= 300
    refused(await merchant.send("POST", "/token/", unknown, headers={}), 401)


async def test_a_person_of_two_shops_chooses(merchant: Merchant, http: httpx.AsyncClient) -> None:
    """By the shop's host or by its slug; a shop they do not work in looks like a wrong password."""
    email = f"both-{os.urandom(5).hex()}@example.com"
    body = {"business_name": "Elsewhere", "email": email, "password": "a-good-password-here"}
    first = (await http.post(f"{BASE}/register/", json=body)).json()
    added = await merchant.call("POST", "/team/", {"email": email, "role": "admin"}, 201)
    assert added["id"] == 2
    sign_in = {"email": email, "password": "a-good-password-here"}
    here = await merchant.call("POST", "/token/", sign_in, headers={})  # at the shop's own host
    assert (here["user"]["id"], here["user"]["role"]) == (2, "admin")
    there = (await http.post(f"{BASE}/token/", json=sign_in)).json()
    assert (there["user"]["id"], there["user"]["role"]) == (1, "owner")
    chosen = (await http.post(f"{BASE}/token/", json={**sign_in, "tenant": merchant.shop.slug})).json()
    assert chosen["user"]["id"] == 2
    refused(await http.post(f"{BASE}/token/", json={**sign_in, "tenant": "no-such-shop"}), 401)
    bearer = {"Authorization": f"Bearer {there['access']}"}
    assert (await http.get(f"{BASE}/tenant/", headers=bearer)).json()["id"] == first["tenant"]["id"]
    # A token of one shop at another shop's host.
    refused(await merchant.send("GET", "/tenant/", headers=bearer), 403)


async def test_an_address_opens_sixty_shops_a_minute(site: Settings) -> None:
    """Tries count too. From an address of our own, so that no other test is concerned."""
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.77")
    base = f"http://127.0.0.1:{site.port}"
    async with httpx.AsyncClient(base_url=base, transport=transport, timeout=30) as client:
        for _ in range(60):
            refused(await client.post(f"{BASE}/register/", json={"business_name": "My Store"}), 400, "email")
        answer = await client.post(f"{BASE}/register/", json={"business_name": "My Store"})
        assert refused(answer, 429)["code"] == "too_many_attempts"
        assert 0 < int(answer.headers["retry-after"]) <= 60
