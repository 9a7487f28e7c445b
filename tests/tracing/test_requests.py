"""Traces of requests as a collector gets them, over real HTTP: whose children they are, what they say, and what they must
not say."""

from __future__ import annotations

import asyncio
import json
import os

import httpx
import pytest
from tests.dialects.baas.test_store_golden import CHECKOUT
from tests.dialects.baas.test_store_shopping import add, product_id
from tests.dialects.site import PASSWORD, Shop
from tests.tracing.collector import Collector, Told

from merx.core.orders import service as orders
from merx.edge import logs
from merx.settings import Settings

PRODUCTS = "/api/store/products/"


def parented() -> tuple[str, str, dict[str, str]]:
    """A trace that somebody else has begun: its id, the span's id, the header that says so."""
    trace, span = os.urandom(16).hex(), os.urandom(8).hex()
    return trace, span, {"traceparent": f"00-{trace}-{span}-01"}


async def request_of(collector: Collector, trace: str) -> Told:
    return await asyncio.to_thread(collector.until, lambda one: one.trace == trace and one.kind == "server")


async def test_a_request_continues_the_trace_that_it_names(shop: Shop, collector: Collector) -> None:
    product = await shop.product()
    trace, parent, header = parented()
    answer = await shop.http.get(f"{PRODUCTS}{product.slug}/?secret=hunter2", headers=header)
    assert answer.status_code == 200
    span = await request_of(collector, trace)
    assert span.parent == parent and not span.failed
    assert span.name == "GET /api/store/products/{product}"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/store/products/{product}",
        "http.response.status_code": 200,
        "url.path": f"{PRODUCTS}{product.slug}/",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": f"{shop.slug}.localhost",
        "server.port": shop.rt.settings.port,
        "merx.dialect": "baas",
        "merx.tenant": str(shop.ctx.tenant),
        "merx.request_id": answer.headers["x-request-id"],
    }
    assert span.resource["service.name"] == "merx" and span.resource["deployment.environment.name"] == "tests"


async def test_answers_from_memory_have_spans_too(shop: Shop, collector: Collector) -> None:
    await shop.product()
    seen = set()
    for _ in range(6):  # from the third on, memory has both the key and the answer
        trace, _, header = parented()
        await shop.http.get(PRODUCTS, headers=header)
        span = await request_of(collector, trace)
        assert span.name == f"GET {PRODUCTS.rstrip('/')}"
        seen.add(len(collector.below(span)))
        await asyncio.sleep(0.3)
    assert 0 in seen  # nothing was asked of the database


async def test_statements_stand_beneath_their_request(shop: Shop, collector: Collector) -> None:
    jane, product = await shop.shopper(), await product_id(shop)
    trace, _, header = parented()
    added = await add(shop, {**jane, **header}, product)
    assert added.status_code == 201, added.text
    span = await request_of(collector, trace)
    below = collector.below(span)
    assert {one.kind for one in below} == {"client"} and {one.parent for one in below} == {span.id}
    assert all(one.attributes["db.system.name"] == "postgresql" for one in below)
    assert all(span.began <= one.began <= one.ended <= span.ended for one in below)
    names = [one.name for one in below]
    assert any("cart_lines" in name for name in names) and names[-1] == "COMMIT"
    texts = " ".join(one.attributes["db.query.text"] for one in below)
    assert "$1" in texts and str(shop.ctx.tenant) not in texts and product not in texts


async def test_an_order_with_all_that_it_asks_for(shop: Shop, collector: Collector) -> None:
    """Statements that travel ahead of the commit, and the payment provider."""
    await shop.settings(payment_provider="stripe", payment_test_mode=True)
    jane = await shop.shopper()
    await add(shop, jane, await product_id(shop))
    trace, _, header = parented()
    placed = await shop.http.post("/api/store/checkout/", headers={**jane, **header}, json=CHECKOUT)
    assert placed.status_code == 201, placed.text
    span = await request_of(collector, trace)
    below = collector.below(span)
    names = [one.name for one in below]
    order = next(one for one in below if "INSERT orders" in one.name)
    commit = next(one for one in below if one.name == "COMMIT" and one.ended >= order.ended)
    assert order.began <= commit.began and order.ended <= commit.ended
    charge = below[names.index("stripe charge")]
    assert charge.kind == "client" and charge.parent == span.id
    assert charge.attributes == {
        "merx.provider": "stripe",
        "merx.operation": "charge",
        "merx.tenant": str(shop.ctx.tenant),
        "merx.outcome": "pending",
    }


async def test_what_goes_wrong_here_is_an_error_and_what_the_client_did_is_none(
    shop: Shop, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, _, header = parented()
    assert (await shop.http.get(f"{PRODUCTS}no-such-thing/", headers=header)).status_code == 404
    span = await request_of(collector, trace)
    assert span.attributes["http.response.status_code"] == 404 and not span.failed
    assert "error.type" not in span.attributes

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("ann@example.com broke it")

    monkeypatch.setattr(orders, "page", broken)
    shopper = await shop.shopper()
    trace, _, header = parented()
    answer = await shop.http.get("/api/store/orders/", headers={**header, **shopper})
    assert answer.status_code == 500, answer.text
    span = await request_of(collector, trace)
    assert span.failed and span.attributes["error.type"] == "internal"
    assert span.attributes["http.response.status_code"] == 500
    assert span.events == 0 and "ann@" not in str(span.attributes)


async def test_nothing_that_is_a_secret_or_a_person_is_told(
    shop: Shop, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[bytes] = []
    monkeypatch.setattr(logs.writer, "write", lines.append)
    monkeypatch.setattr("merx.edge.request_log.RequestLog.wants", lambda *_: True)
    email = f"told-{os.urandom(4).hex()}@example.com"
    person = {"email": email, "password": PASSWORD, "first_name": "Zebedee", "last_name": "Quill"}
    trace, _, header = parented()
    header |= {"tracestate": "vendor=abc"}
    made = await shop.http.post("/api/store/auth/register/", json=person, headers=header)
    assert made.status_code == 201, made.text
    again = {"email": email, "password": PASSWORD}
    signed = await shop.http.post("/api/store/auth/login/", json=again, headers=header)
    assert signed.status_code == 200
    await shop.http.get(f"/api/store/products/{email}/?api_key={shop.key}", headers=header)
    await shop.http.post(f"/oauth/token/{email}", headers=header)
    last, _, ends = parented()
    await shop.http.get("/api/store/products/", headers=ends)
    await request_of(collector, last)
    told = json.dumps([[one.name, one.attributes, one.resource] for one in collector.spans])
    token = str(signed.json())[-40:-4]
    logged = b"".join(lines).decode()
    for secret in (email, "Zebedee", PASSWORD, shop.key, shop.email, token, "api_key=", "example.com"):
        assert secret not in told and secret not in logged
    assert any(one.trace == trace for one in collector.spans)


async def test_the_log_names_the_trace(shop: Shop, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    monkeypatch.setattr(logs.writer, "write", lines.append)
    trace, _, header = parented()
    monkeypatch.setattr("merx.edge.request_log.RequestLog.wants", lambda *_: True)
    await shop.http.get(PRODUCTS, headers=header)
    await request_of(collector, trace)
    said = [json.loads(line) for line in lines if b'"request"' in line]
    assert trace in [line.get("trace_id") for line in said]


async def test_a_trace_that_its_beginner_does_not_want_is_not_told(shop: Shop, collector: Collector) -> None:
    trace, span, _ = parented()
    await shop.http.get(PRODUCTS, headers={"traceparent": f"00-{trace}-{span}-00"})
    last, _, header = parented()
    await shop.http.get(PRODUCTS, headers=header)
    await request_of(collector, last)
    assert not [one for one in collector.spans if one.trace == trace]


async def test_pages_and_nonsense_have_spans(traced: Settings, collector: Collector) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{traced.port}", timeout=30) as http:
        for method, path, name in (
            ("GET", "/dashboard/sign-in", "GET /dashboard/sign-in"),
            ("GET", "/livez", "GET /livez"),
            ("GET", "/no/such/page", "GET"),
        ):
            trace, _, header = parented()
            await http.request(method, path, headers={**header, "Host": f"localhost:{traced.port}"})
            span = await request_of(collector, trace)
            assert span.name == name and span.attributes["server.address"] == "localhost"
        trace, _, header = parented()
        await http.get("/livez", headers={**header, "Host": "somebody@example.com"})
        assert "server.address" not in (await request_of(collector, trace)).attributes
        await http.get("/livez", headers={"traceparent": "00-nonsense-01"})
