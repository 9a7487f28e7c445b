"""Credentials, limits, addresses and hosts, over real HTTP."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_network

import httpx
import msgspec
import pytest
from tests.edge.fake import FAKE, FREE, KEY, SECRET, TENANT, TOKEN, App, credential, runtime, served

from merx.core.tenants.model import Plan
from merx.edge.app import Quota
from merx.edge.client import Hosts, Proxies, address_bucket
from merx.edge.gate import ANONYMOUS, measure
from merx.edge.visit import Visit

THINGS, WHO = "/fake/v1/things/", "/fake/v1/who/"


@pytest.mark.parametrize(
    ("headers", "query", "actor"),
    [
        ({"X-API-Key": SECRET}, "", "key"),
        ({"Authorization": f"Bearer {SECRET}"}, "", "key"),
        ({"Authorization": f"bearer   {SECRET}"}, "", "key"),
        ({}, f"?api_key={KEY}", "key"),
        ({"Authorization": f"Bearer {TOKEN}"}, "", "key"),
        ({"Authorization": f"Bearer {TOKEN}", "X-API-Key": KEY}, "", "key"),
        ({"Authorization": f"Bearer {TOKEN}"}, f"?api_key={KEY}", "key"),
        ({"Authorization": f"Bearer {KEY}", "X-API-Key": KEY}, "", "key"),
        ({"Authorization": f"Bearer {KEY}"}, f"?api_key={KEY}", "key"),
        ({"X-API-Key": KEY}, f"?api_key={KEY}", "key"),
        ({}, "", None),
        ({"Authorization": "Basic abc"}, "", None),
    ],
)
def test_where_a_credential_may_stand(client: httpx.Client, headers: dict[str, str], query: str, actor: str) -> None:
    answer = client.get(WHO + query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["actor"] == actor and answer.json()["denied"] is None


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"X-API-Key": KEY}, "?api_key=pk_live_other"),
        ({"Authorization": f"Bearer {KEY}"}, "?api_key=pk_live_other"),
        ({"Authorization": f"Bearer {KEY}", "X-API-Key": KEY}, "?api_key=pk_live_other"),
        ({"X-API-Key": KEY, "Authorization": f"Bearer {SECRET}"}, ""),
        ({}, f"?api_key={KEY}&api_key={KEY}"),
        ({}, f"?api_key={KEY}&%61pi_key=pk_live_other"),
    ],
)
def test_contradicting_credentials_are_400(client: httpx.Client, headers: dict[str, str], query: str) -> None:
    answer = client.get(WHO + query, headers=headers)
    assert answer.status_code == 400 and answer.json()["code"] == "ambiguous_credentials"


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"X-API-Key": "pk_live_unknown"}, "", 401),
        ({"X-API-Key": ""}, "", 401),
        ({"X-API-Key": b"pk_live_\xff"}, "", 401),
        ({"X-API-Key": "pk_" + "x" * 5000}, "", 401),
        ({"Authorization": "Bearer stale"}, "", 401),
        ({"Authorization": "Bearer"}, "", 401),
        ({}, "?api_key=%ff%00", 401),
        ({}, f"?api_key={SECRET}", 403),
        ({"X-API-Key": SECRET}, f"?api_key={SECRET}", 403),
        ({"Authorization": f"Bearer {TOKEN}", "X-API-Key": "pk_live_unknown"}, "", 401),
        ({"X-API-Key": KEY, "Host": "other.localhost:8000"}, "", 403),
        ({"X-API-Key": KEY, "Host": "nobody.localhost:8000"}, "", 403),
    ],
)
def test_a_credential_that_does_not_hold(
    client: httpx.Client, headers: dict[str, str | bytes], query: str, status: int
) -> None:
    answer = client.get(THINGS + query, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_stale_token_does_not_keep_anybody_from_public_routes(client: httpx.Client) -> None:
    answer = client.get(WHO, headers={"Authorization": "Bearer stale"})
    assert answer.status_code == 200 and answer.json()["denied"] == "invalid_token"


def test_a_key_in_the_address_stays_out_of_links_and_caches(client: httpx.Client) -> None:
    answer = client.get(f"{THINGS}?sort=name&api_key={KEY}&page=2")
    assert answer.status_code == 200 and KEY not in answer.text and '"query":"sort=name&page=2|' in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_the_host_names_the_shop(client: httpx.Client) -> None:
    for host in ("mystore.localhost:8000", "MyStore.localhost", "shop.example"):
        assert client.get(WHO, headers={"Host": host}).json()["tenant"] == str(TENANT), host
        assert client.get(WHO, headers={"Host": host, "X-API-Key": KEY}).json()["actor"] == "key"
    for host in ("localhost:8000", "127.0.0.1", "a.mystore.localhost", "unknown.example"):
        assert client.get(WHO, headers={"Host": host}).json()["tenant"] is None, host
    assert client.get(WHO, headers={"Host": "nobody.localhost"}).json()["denied"] == "not_found"


def test_hosts() -> None:
    hosts = Hosts("shops.example.com:443", "https://api.shops.example.com")
    assert hosts.names(b"a.shops.example.com:8443") == ("a", None)
    assert hosts.names(b"api.shops.example.com") == (None, None)
    assert hosts.names(b"shops.example.com") == (None, None)
    assert hosts.names(b"[::1]:80") == (None, None)
    assert hosts.names(b"evilshops.example.com") == (None, "evilshops.example.com")
    assert hosts.names(None) == (None, None)


def test_forwarded_addresses_count_from_trusted_proxies_only() -> None:
    proxies = Proxies([ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32")])

    def client(peer: str, *more: bytes, **headers: bytes) -> tuple[str, bool]:
        sent = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        sent += [(b"x-forwarded-for", value) for value in more]
        return proxies.client({"client": (peer, 1), "scheme": "http", "headers": sent})

    assert client("192.0.2.9", x_forwarded_for=b"1.1.1.1", x_forwarded_proto=b"https") == ("192.0.2.9", False)
    assert client("127.0.0.1", x_forwarded_for=b"6.6.6.6, 203.0.113.7, 10.1.2.3") == ("203.0.113.7", False)
    assert client("127.0.0.1", x_forwarded_for=b"203.0.113.7:4711") == ("203.0.113.7", False)
    assert client("127.0.0.1", x_forwarded_for=b"6.6.6.6, rubbish") == ("127.0.0.1", False)
    assert client("127.0.0.1", x_forwarded_for=b'fe80::1%","x":"') == ("127.0.0.1", False)
    assert client("127.0.0.1", x_forwarded_for=b"[2001:db8::1]:80") == ("2001:db8::1", False)
    assert client("::ffff:10.0.0.1", x_forwarded_for=b"203.0.113.7") == ("203.0.113.7", False)
    assert client("127.0.0.1", b"6.6.6.6", b"203.0.113.7", b"10.1.2.3") == (
        "203.0.113.7",
        False,
    )  # a line of each proxy
    assert client("127.0.0.1", b"6.6.6.6, 203.0.113.7", b"10.1.2.3,10.9.9.9") == ("203.0.113.7", False)
    assert client("127.0.0.1", b"10.1.2.3", b"203.0.113.7") == ("203.0.113.7", False)
    assert client("127.0.0.1", x_forwarded_proto=b"http, https") == ("127.0.0.1", True)
    assert client("127.0.0.1", x_forwarded_proto=b"https, http") == ("127.0.0.1", False)
    assert address_bucket("2001:db8:1:2:3::1") == address_bucket("2001:db8:1:2:4::9") == "2001:db8:1:2::/64"


def test_behind_a_trusted_proxy() -> None:
    app = App(runtime(trusted_proxies=(ip_network("127.0.0.0/8"),)))
    with served(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        sent = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Proto": "https"}
        answer = client.get(WHO, headers=sent)
        assert answer.json()["address"] == "203.0.113.7" and answer.json()["https"] is True
        lines = [("X-Forwarded-For", address) for address in ("6.6.6.6", "203.0.113.7", "127.0.0.9")]
        assert client.get(WHO, headers=lines).json()["address"] == "203.0.113.7"
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_the_sixty_first_request_is_429() -> None:
    with served(App()) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        sent = {"X-API-Key": FREE}
        left, ends = [], set()
        for number in range(60):
            path = WHO if number % 2 else "/fake/v1/nothing"  # an error counts, and tells, like anything else
            answer = client.get(path, headers=sent)
            assert answer.status_code in (200, 404)
            assert answer.headers["x-ratelimit-limit"] == "60"
            left.append(int(answer.headers["x-ratelimit-remaining"]))
            ends.add(answer.headers["x-ratelimit-reset"])
        assert left == list(range(59, -1, -1)) and len(ends) == 1
        assert 0 < int(ends.pop()) - time.time() <= 60
        for path in (WHO, THINGS):
            refused = client.get(path, headers=sent)
            assert refused.status_code == 429 and refused.json()["code"] == "rate_limited"
            assert 0 < int(refused.headers["retry-after"]) <= 60
            assert refused.headers["x-ratelimit-remaining"] == "0"
            assert refused.headers["x-content-type-options"] == "nosniff"
        assert client.get(WHO, headers={"X-API-Key": KEY}).status_code == 200


def test_a_dialect_may_have_limits_of_its_own() -> None:
    visit = Visit({}, "1.2.3.4", False)
    assert measure(visit, FAKE)[2] == ANONYMOUS
    visit.credential = credential(Plan.STARTER)
    shared = measure(visit, FAKE)
    assert shared[2] == Quota(120, 50_000)
    own = measure(visit, replace(FAKE, name="own", quota=lambda plan, quota: Quota(1000)))
    assert own[2] == Quota(1000) and own[0] != shared[0] and own[1] != shared[1]
    visit.credential = msgspec.structs.replace(visit.credential, requests_per_minute=7)
    assert measure(visit, FAKE)[2].minute == 7


def test_more_keys_do_not_make_more_of_the_plan() -> None:
    app = App()
    app.authority.keys = {f"pk_live_{n}": credential(Plan.FREE, actor=100 + n) for n in range(20)}
    with served(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        good = sum(
            client.get(WHO, headers={"X-API-Key": key}).status_code == 200
            for key in app.authority.keys
            for _ in range(40)
        )
    assert good == 600
