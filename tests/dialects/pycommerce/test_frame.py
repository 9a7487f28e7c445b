"""What holds for the dialect as a whole: its document, HTTPS, health without a database, its place among the others."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.dialects.pycommerce.desk import Desk, desk_of, refused, refused_simply
from tests.dialects.site import Shop, open_shop

from merx import asgi
from merx.assembly import open_runtime
from merx.db.dsn import Dsn
from merx.dialects.pycommerce.errors import _SAID, STATUS
from merx.dialects.pycommerce.translate import CORE_STATUS, ORDER_STATUS
from merx.edge.authority import Services
from merx.edge.client import Hosts, Proxies
from merx.edge.composition import Edge
from merx.edge.gateway import Gateway, nothing_here
from merx.edge.logs import writer
from merx.edge.metrics import Metrics
from merx.edge.request_log import RequestLog
from merx.kernel.errors import Busy, Kind
from merx.runtime import Runtime
from merx.settings import Settings, load

SECRET = "k" * 32
PROXY = "127.0.0.1"
HEALTH = {"status": "ok", "version": "1.0.0", "message": "PyCommerce API is running"}


def test_every_kind_of_error_and_every_status_has_its_word() -> None:
    assert set(STATUS) == set(_SAID) == set(Kind)
    assert len(CORE_STATUS) == len(ORDER_STATUS) == 7


async def test_the_openapi_document_and_its_page(desk: Desk) -> None:
    answer = await desk.http.get("/api/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found = answer.json()
    OpenAPIV31SpecValidator(found).validate()
    assert found["openapi"] == "3.1.0" and found["info"]["title"] == "PyCommerce API"
    operations = {(method, path): one for path, item in found["paths"].items() for method, one in item.items()}
    assert operations.keys() == {
        ("get", "/api/health"),
        ("post", "/api/auth/login"),
        ("get", "/api/tenants"),
        ("get", "/api/products"),
        ("get", "/api/categories"),
        ("get", "/api/orders"),
        ("post", "/api/orders"),
        ("get", "/api/orders/{order_id}"),
        ("post", "/stripe-demo/create-checkout-session-json"),
    }
    without_token = {path for (_, path), one in operations.items() if one.get("security") == []}
    assert without_token == {"/api/health", "/api/auth/login", "/stripe-demo/create-checkout-session-json"}
    asked = {one["name"]: one["required"] for one in operations["get", "/api/products"]["parameters"]}
    assert asked == {
        "tenant": True, "category": False, "min_price": False, "max_price": False, "in_stock": False,
        "page": False, "limit": False,
    }  # fmt: skip
    simple = operations["post", "/stripe-demo/create-checkout-session-json"]["responses"]["400"]["content"]
    assert simple["application/json"]["schema"] == {"$ref": "#/components/schemas/SessionError"}
    created = operations["post", "/api/orders"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert created == {"$ref": "#/components/schemas/OrderCreated"}
    page = await desk.http.get("/api/docs")
    assert page.status_code == 200 and "/api/openapi.json" in page.text


async def test_lists_hold_what_the_document_requires(desk: Desk) -> None:
    await desk.shop.product("Lamp", "1.00", stock=2)
    schemas = (await desk.http.get("/api/openapi.json")).json()["components"]["schemas"]
    body = (await desk.get("/api/products", tenant=desk.slug)).json()
    assert list(body) == schemas["Products"]["required"]
    assert list(body["products"][0]) == schemas["Product"]["required"]


async def test_the_document_names_what_an_address_too_long_gets(desk: Desk) -> None:
    paths = (await desk.http.get("/api/openapi.json")).json()["paths"]
    for path in ("/api/health", "/api/tenants", "/api/products", "/api/orders", "/api/categories"):
        refused(await desk.get(f"{path}?x={'x' * 9000}"), 414)
        assert "414" in paths[path]["get"]["responses"]


async def test_what_has_not_changed_has_the_headers_the_document_names(desk: Desk) -> None:
    paths = (await desk.http.get("/api/openapi.json")).json()["paths"]
    for path in ("/api/products", "/api/categories"):
        first = await desk.get(path, tenant=desk.slug)
        known = {**desk.headers(), "If-None-Match": first.headers["ETag"]}
        same = await desk.http.get(path, params={"tenant": desk.slug}, headers=known)
        assert same.status_code == 304
        wanted = paths[path]["get"]["responses"]["304"]["headers"]
        assert "ETag" in wanted and [name for name in wanted if name not in same.headers] == []


async def test_head_and_options(desk: Desk) -> None:
    answer = await desk.http.head("/api/health")
    assert answer.status_code == 200 and answer.content == b""
    answer = await desk.http.options("/api/orders")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


# ── HTTPS only ───────────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.asynccontextmanager
async def behind(dsn: Dsn, **environment: str) -> AsyncIterator[tuple[Runtime, httpx.AsyncClient]]:
    settings = load({"MERX_SECRET_KEY": SECRET, **environment})
    async with open_runtime(settings, dsn) as rt, asgi.running(rt) as gateway:
        transport = httpx.ASGITransport(gateway, client=(PROXY, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield rt, client


async def shops_desk(rt: Runtime, client: httpx.AsyncClient, **headers: str) -> tuple[Shop, Desk]:
    shop = await open_shop(rt)
    client.headers.update(headers)
    desk = await desk_of(shop, client)
    for name in headers:
        del client.headers[name]
    return shop, desk


ROUTES = [
    ("GET", "/api/health"), ("POST", "/api/auth/login"), ("GET", "/api/tenants"), ("GET", "/api/products"),
    ("GET", "/api/categories"), ("GET", "/api/orders"), ("POST", "/api/orders"), ("GET", "/api/nothing"),
]  # fmt: skip


async def test_plain_http_is_refused_and_a_trusted_proxys_word_counts(dsn: Dsn) -> None:
    async with behind(dsn, MERX_REQUIRE_HTTPS="1", MERX_TRUSTED_PROXIES="127.0.0.0/8") as (rt, client):
        shop, desk = await shops_desk(rt, client, **{"X-Forwarded-Proto": "https"})
        await shop.product("Lamp", "1.00")
        for plain in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https, http"}):
            headers = {**desk.headers(), **plain}
            for method, path in ROUTES:
                said = refused(await client.request(method, path, headers=headers), 403, "HTTP", "https_required")
                assert "HTTPS" in said["message"] and "token" not in said["message"]  # most of them need none
            refused_simply(await client.post("/stripe-demo/create-checkout-session-json", headers=headers), 403, "HTTP")
        secure = {**desk.headers(), "X-Forwarded-Proto": "https"}
        found = await client.get("/api/products", params={"tenant": desk.slug}, headers=secure)
        assert found.json()["count"] == 1 and "Strict-Transport-Security" in found.headers
        # Served from memory the second time, and still not over plain HTTP.
        assert (await client.get("/api/products", params={"tenant": desk.slug}, headers=secure)).status_code == 200
        plainly = await client.get("/api/products", params={"tenant": desk.slug}, headers=desk.headers())
        refused(plainly, 403, code="https_required")
        assert (await client.get("/api/health", headers={"X-Forwarded-Proto": "https"})).json() == HEALTH
        await shop.http.aclose()


async def test_anybodys_word_does_not_count(dsn: Dsn) -> None:
    async with behind(dsn, MERX_REQUIRE_HTTPS="1", MERX_TRUSTED_PROXIES="192.0.2.1") as (_, client):
        for headers in ({}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "proto=https"}):
            refused(await client.get("/api/health", headers=headers), 403, code="https_required")
    async with behind(dsn, MERX_REQUIRE_HTTPS="1") as (_, client):
        refused(await client.get("/api/health", headers={"X-Forwarded-Proto": "https"}), 403, code="https_required")
        secure = await client.get("https://localhost:8000/api/health")
        assert secure.status_code == 200
    async with behind(dsn) as (_, client):
        assert (await client.get("/api/health")).status_code == 200


# ── Without a database ───────────────────────────────────────────────────────────────────────────────────────────────
class Away:
    """A database nobody reaches."""

    def __init__(self) -> None:
        self.catalog_listeners: list[Any] = []
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        raise Busy("The database is away.")


@pytest.fixture
def away() -> Away:
    return Away()


@pytest.fixture
async def stranded(away: Away) -> AsyncIterator[httpx.AsyncClient]:
    """The dialect as it is served, where its database is gone."""
    settings = Settings(secret_key=SECRET.encode())
    rt: Any = Runtime(settings, away, None, {}, None)  # type: ignore[arg-type]
    edge = Edge(rt, Services())
    gateway = Gateway(
        edge.mounts(asgi.PYCOMMERCE),
        nothing_here,
        nothing_here,
        proxies=Proxies(()),
        hosts=Hosts("localhost:8000"),
        request_log=RequestLog(writer, "error"),
        metrics=Metrics(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://localhost:8000") as client:
        yield client


async def test_health_needs_no_database(stranded: httpx.AsyncClient, away: Away) -> None:
    for headers in ({}, {"Host": "someshop.localhost:8000"}, {"Host": "shop.example.com"}, {"X-API-Key": "pk_live_x"}):
        answer = await stranded.get("/api/health", headers=headers)
        assert answer.status_code == 200 and answer.json() == HEALTH
    assert (await stranded.get("/api/health/")).json() == HEALTH
    assert away.asked == []
    elsewhere = await stranded.get("/api/tenants", headers={"Host": "someshop.localhost:8000"})
    refused(elsewhere, 503)
    assert int(elsewhere.headers["Retry-After"]) > 0
    assert len(away.asked) == 1, "it is not asked again whose log this belongs to"
