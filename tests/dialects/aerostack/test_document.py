"""The OpenAPI document names every operation, it is valid, and the server is what it says: schemathesis asks it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.dialects.aerostack.window import Window

DOCS = "/api/v1/public"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
THIRTEEN = {
    ("get", "/config"),
    ("get", "/products"),
    ("get", "/products/{productSlug}"),
    ("get", "/categories"),
    ("get", "/cart/{cartId}"),
    ("post", "/cart/{cartId}/items"),
    ("patch", "/cart/{cartId}/items/{itemId}"),
    ("delete", "/cart/{cartId}/items/{itemId}"),
    ("delete", "/cart/{cartId}"),
    ("post", "/coupons/validate"),
    ("post", "/checkout"),
    ("get", "/orders"),
    ("get", "/orders/{orderId}"),
}
OURS = {("delete", "/cart/{cartId}/coupon"), ("post", "/checkout/confirm")}


@pytest.fixture
async def document(window: Window) -> Any:
    answer = await window.http.get(f"{DOCS}/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_it_is_valid_and_names_the_thirteen(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    server = document["servers"][0]
    assert server["url"] == "/api/v1/public/projects/{projectSlug}/ecommerce"
    assert server["variables"]["projectSlug"]["default"] == "my-store"
    found = {(method, path): one for path, item in document["paths"].items() for method, one in item.items()}
    assert found.keys() == THIRTEEN | OURS
    for key, one in found.items():
        assert one["summary"] and one["tags"], key
        assert {"400", "404", "429", "500", "503"} <= one["responses"].keys(), key
        for status, response in one["responses"].items():
            assert status == "304" or set(response["content"]) == {"application/json"}, (key, status)


async def test_security(document: Any) -> None:
    assert document["security"] == [{"PublicKey": []}, {"PublicKeyInQuery": []}]
    query = document["components"]["securitySchemes"]["PublicKeyInQuery"]
    assert (query["type"], query["in"], query["name"]) == ("apiKey", "query", "token")
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation.get("security") == ([] if path == "/config" else None), path


async def test_what_is_sent_is_strict(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for operation in item.values():
            if (body := operation.get("requestBody")) is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name]["additionalProperties"] is False, path
    assert schemas["CheckoutBody"]["required"] == ["cartId", "email"]
    assert set(schemas["Address"]["properties"]) == {"line1", "line2", "city", "state", "postal_code", "country"}
    assert "required" not in schemas["Address"] or schemas["Address"]["required"] == []
    assert schemas["OrderSummary"]["required"] == [
        "id", "order_number", "status", "payment_status", "currency", "grand_total", "created_at",
    ]  # fmt: skip


async def test_a_page_shows_it(window: Window) -> None:
    answer = await window.http.get(f"{DOCS}/docs")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert f"{DOCS}/openapi.json" in answer.text and "https://" not in answer.text


@pytest.mark.timeout(240)
async def test_the_server_is_what_the_document_says(window: Window, apart: str, tmp_path: Path) -> None:
    """No request of schemathesis' making is answered with a 5xx, a status or a type that the document does not name, or
    another shape."""
    for number in range(3):
        await window.shop.product(name=f"Lamp {number}", stock=1_000_000, categories=("Home > Lamps",))
    await window.sold()
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{apart}{DOCS}/openapi.json"]
    command += ["--url", f"{apart}{window.base}", "--checks", CHECKS, "--seed", "1", "--max-examples", "15"]
    command += ["--no-color", "--continue-on-failure", "--phases", "examples,coverage,fuzzing"]
    command += ["--suppress-health-check", "too_slow"]  # which says how much else this machine does
    command += ["--header", f"Authorization: Bearer {window.key}"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=220)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout[-20_000:]
