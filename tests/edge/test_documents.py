"""The OpenAPI document says what the edge does, and its page needs nothing from anywhere else."""

from __future__ import annotations

import gzip
import re
import time
from typing import Any

import httpx
import pytest
from tests.edge.fake import KEY

from merx.edge.metrics import Metrics
from merx.edge.static import Folder


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/fake/v1/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_frame(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Fake API" and document["info"]["version"] == "1.2.3"
    assert document["components"]["securitySchemes"] == {"Bearer": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"Bearer": []}]
    assert {"get", "post"} == set(document["paths"]["/fake/v1/things"])
    assert {"get", "patch", "delete"} == set(document["paths"]["/fake/v1/things/{thing}"])


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    import json

    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names and names <= set(document["components"]["schemas"])


def test_parameters(document: dict[str, Any]) -> None:
    found = {one["name"]: one for one in document["paths"]["/fake/v1/things"]["get"]["parameters"]}
    assert list(found) == ["page", "pageSize", "sort", "active", "min_price", "since", "tag"]
    assert found["page"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 1}
    assert found["page"]["description"] == "1 is the first" and found["page"]["required"] is False
    assert found["sort"]["schema"] == {"type": "string", "enum": ["name", "price"], "default": "name"}
    assert found["min_price"]["schema"] == {"type": "number"}
    assert found["active"]["schema"] == {"type": "boolean"}
    one = document["paths"]["/fake/v1/things/{thing}"]["get"]["parameters"]
    assert one == [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string"}}]


def test_operations(document: dict[str, Any]) -> None:
    listing = document["paths"]["/fake/v1/things"]["get"]
    assert listing["summary"] == "Lists things." and listing["description"] == "And says more about it."
    assert {"400", "401", "403", "404", "405", "429", "500", "503"} <= set(listing["responses"])
    assert "ETag" in listing["responses"]["304"]["headers"] and "ETag" in listing["responses"]["200"]["headers"]
    assert "304" not in document["paths"]["/fake/v1/who"]["get"]["responses"]  # not answered from memory
    making = document["paths"]["/fake/v1/things"]["post"]
    assert {"201", "402", "409", "413", "415"} <= set(making["responses"])
    assert [one["name"] for one in making["parameters"]] == ["Idempotency-Key"]
    assert making["requestBody"]["required"] is True
    assert document["paths"]["/fake/v1/boom"]["get"]["security"] == []
    for status, response in making["responses"].items():
        assert "X-RateLimit-Remaining" in response["headers"]
        wanted = "Thing" if status == "201" else "Wrong"
        assert response["content"]["application/json"]["schema"]["$ref"].endswith(f"/{wanted}")
    assert "content" not in document["paths"]["/fake/v1/things/{thing}"]["delete"]["responses"]["204"]


def test_schemas(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["NewThing"]["additionalProperties"] is False
    assert schemas["NewThing"]["required"] == ["name", "price"]
    assert schemas["NewThing"]["properties"]["price"] == {"type": "number"}
    assert "additionalProperties" not in schemas["Thing"] and "Ask" not in schemas


def test_the_page_and_what_it_loads_are_ours(client: httpx.Client) -> None:
    page = client.get("/fake/v1/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "http" not in policy
    assert re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)
    for address in re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text):
        assert address.startswith(("/assets/", "/fake/v1/", "data:")), address


async def test_files(tmp_path: Any) -> None:
    (tmp_path / "vendor" / "x-1.0").mkdir(parents=True)
    (tmp_path / "vendor" / "x-1.0" / "x.js").write_text("x" * 5000)
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "code.py").write_text("secret")
    (tmp_path.parent / "outside.txt").write_text("secret")
    transport = httpx.ASGITransport(Folder("/assets", tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        script = await client.get("/assets/vendor/x-1.0/x.js")
        assert script.text == "x" * 5000 and script.headers["content-encoding"] == "gzip"
        assert "immutable" in script.headers["cache-control"] and "javascript" in script.headers["content-type"]
        again = await client.get("/assets/vendor/x-1.0/x.js", headers={"If-None-Match": script.headers["etag"]})
        assert again.status_code == 304 and again.content == b""
        picture = await client.get("/assets/a.svg")
        assert picture.headers["content-type"].startswith("image/svg+xml") and "immutable" not in str(picture.headers)
        assert "default-src 'none'" in picture.headers["content-security-policy"]
        assert (await client.head("/assets/a.svg")).content == b""
        assert (await client.post("/assets/a.svg")).status_code == 405
        for path in ("/assets/code.py", "/assets/../outside.txt", "/assets/%2e%2e/outside.txt", "/assets/", "/assets"):
            assert (await client.get(path)).status_code == 404, path
    assert len(gzip.compress(b"x" * 5000)) < 100


def test_metrics() -> None:
    metrics = Metrics()
    metrics.observe("baas", "GET", 200, 0.003)
    metrics.observe("baas", "GET", 200, 9)
    metrics.gauge("merx_thing", "A thing.", lambda: 3)
    text = metrics.page().decode()
    assert re.search(r'merx_request_seconds_count\{dialect="baas",method="GET",process="\d+",status="200"\} 2.0', text)
    assert re.search(r'merx_request_seconds_bucket\{dialect="baas",le="0.005",[^}]*\} 1.0', text)
    assert re.search(r'merx_thing\{process="\d+"\} 3.0', text)
    for number in range(5000):
        metrics.observe("baas", f"M{number}", 405, 0.001)
    assert metrics.page().count(b"_count") <= 2001


def test_catalogue_reads_have_etags(client: httpx.Client) -> None:
    def get(**more: str) -> httpx.Response:
        return client.get("/fake/v1/things/?page=7", headers={"X-API-Key": KEY, **more})

    def asked(sent: str) -> tuple[httpx.Response, httpx.Response]:
        """A whole answer, and the one to a request that names its tag so. Until the versions are known, and whenever
        they have become old, nothing is kept; and this application counts how often it made an answer."""
        for _ in range(50):
            first = get()
            tag = first.headers["etag"]
            again = get(**{"If-None-Match": sent.format(tag=tag, opaque=tag.removeprefix("W/"))})
            if again.headers["etag"] == tag:
                break
            time.sleep(0.1)
        return first, again

    for sent in ("{tag}", '"a", {tag}', "*", "{opaque}"):
        first, again = asked(sent)
        assert first.headers["cache-control"] == "public, no-cache"
        assert first.headers["vary"] == "Authorization, X-API-Key, Origin"
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
        assert "x-ratelimit-remaining" in again.headers
    first, other = asked('"other"')
    assert other.status_code == 200 and other.content == first.content
