"""The dialect describes itself, and knows every way to fail."""

from __future__ import annotations

import httpx
import msgspec
from openapi_spec_validator import validate
from tests.dialects.site import Shop

from merx.dialects.baas.app import DIALECT
from merx.dialects.baas.errors import STATUS
from merx.edge.app import dialect_app
from merx.edge.openapi import Document
from merx.kernel.errors import Kind


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS) == set(Kind)


async def test_the_openapi_document_and_its_page(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/store/openapi.json")
    assert answer.status_code == 200
    found = answer.json()
    validate(found)
    assert found["openapi"] == "3.1.0"
    assert "/api/store/products/" in found["paths"] and "/api/platform/register/" in found["paths"]
    assert all(path.endswith("/") for path in found["paths"])
    names = [one["operationId"] for path in found["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))
    signing_in = found["paths"]["/api/store/auth/login/"]["post"]["security"]
    assert {} in signing_in and {"ApiKey": []} in signing_in  # the shop's host is enough, elsewhere a key names it
    page = await http.get("/api/store/docs")
    assert page.status_code == 200 and "/api/store/openapi.json" in page.text
    for address in ('src="', 'href="'):
        for used in page.text.split(address)[1:]:
            local = used.partition('"')[0]
            assert local.startswith(("/", "data:")), local
            if local.startswith("/assets"):
                assert (await http.get(local)).status_code == 200, local


async def test_answers_are_what_the_document_says(shop: Shop) -> None:
    """The list's answer has exactly the fields that its schema requires."""
    await shop.product()
    found = Document(DIALECT, dialect_app(DIALECT)).content
    product = (await shop.http.get("/api/store/products/")).json()["results"][0]
    assert list(product) == found["components"]["schemas"]["Product"]["required"]
    assert msgspec.json.encode(found)
