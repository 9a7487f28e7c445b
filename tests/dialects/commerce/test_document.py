"""The OpenAPI document is the published one, it is valid, and the server is what it says: schemathesis asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.dialects.commerce.desk import BASE, Desk
from tests.dialects.site import PASSWORD

HERE = Path(__file__).parent
ANY = ["400", "401", "429", "500", "503", "414"]
KEPT = [*ANY, "403", "404"]
BODY = ["409", "413", "415", "422"]
OPERATIONS = {
    ("post", "/auth/login"): ("Auth", "200", [*KEPT, *BODY]),
    ("post", "/auth/refresh"): ("Auth", "200", [*KEPT, *BODY]),
    ("delete", "/auth/logout"): ("Auth", "204", KEPT),
    ("get", "/products"): ("Products", "200", [*KEPT, "304", "422"]),
    ("post", "/products"): ("Products", "201", [*KEPT, *BODY]),
    ("get", "/products/{productId}"): ("Products", "200", [*KEPT, "304", "422"]),
    ("patch", "/products/{productId}"): ("Products", "200", [*KEPT, *BODY, "412"]),
    ("delete", "/products/{productId}"): ("Products", "204", [*KEPT, "412", "422"]),
    ("get", "/orders"): ("Orders", "200", [*KEPT, "422"]),
    ("post", "/orders"): ("Orders", "201", [*KEPT, *BODY]),
    ("get", "/orders/{orderId}"): ("Orders", "200", [*KEPT, "422"]),
    ("patch", "/orders/{orderId}/status"): ("Orders", "200", [*KEPT, *BODY]),
}
STATUSES = ["pending", "confirmed", "shipped", "delivered", "cancelled", "refunded"]
PAGES: dict[str, Any] = {
    "page": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1, "examples": [1]},
    "pageSize": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "examples": [20]},
}
QUERIES = {
    "/products": {
        **PAGES,
        "search": {"type": "string", "maxLength": 255, "pattern": r"^[^\u0000-\u001f]*$"},
        "category": {"type": "string", "enum": ["footwear", "apparel", "accessories", "electronics", "home"]},
        "active": {"type": "boolean"},
        "sort": {"type": "string", "enum": ["name", "price", "stock", "createdAt"]},
        "order": {"type": "string", "enum": ["asc", "desc"]},
    },
    "/orders": {
        **PAGES,
        "status": {"type": "string", "enum": STATUSES},
        "from": {"type": "string", "format": "date-time"},
        "to": {"type": "string", "format": "date-time"},
    },
}


@pytest.fixture
async def document(desk: Desk) -> Any:
    answer = await desk.http.get(f"{BASE}/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_it_is_valid_and_the_published_version(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "Commerce API")
    assert document["info"]["version"] == "2.4.0"
    assert [tag["name"] for tag in document["tags"]] == ["Auth", "Products", "Orders"]
    assert document["servers"] == [{"url": BASE}]


async def test_operations_with_their_tags_and_exact_statuses(document: Any) -> None:
    found = {(method, path): one for path, item in document["paths"].items() for method, one in item.items()}
    assert found.keys() == OPERATIONS.keys()
    for key, (tag, good, errors) in OPERATIONS.items():
        assert found[key]["tags"] == [tag] and found[key]["summary"]
        assert set(found[key]["responses"]) == {good, *errors}, key
        for status, response in found[key]["responses"].items():
            media = {"application/problem+json"} if status >= "400" else {"application/json"}
            assert set(response.get("content", media)) == media
            assert "content" in response or status in ("204", "304")


async def test_parameters_with_their_bounds_and_enums(document: Any) -> None:
    for path, wanted in QUERIES.items():
        found = [one for one in document["paths"][path]["get"]["parameters"] if one["in"] == "query"]
        assert {one["name"]: one["schema"] for one in found} == wanted
        assert not any(one["required"] for one in found) and all(one["description"] for one in found)
    for path in ("/products/{productId}", "/orders/{orderId}", "/orders/{orderId}/status"):
        for operation in document["paths"][path].values():
            one = operation["parameters"][0]
            assert one["name"] == path.split("{")[1].split("}")[0] and one["in"] == "path" and one["required"]
            assert one["schema"] == {"type": "string", "format": "uuid"} and one["description"].endswith("UUID")


async def test_security(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    bearer, key = schemes["BearerAuth"], schemes["ApiKey"]
    assert (bearer["type"], bearer["scheme"], bearer["bearerFormat"]) == ("http", "bearer", "JWT")
    assert (key["type"], key["in"], key["name"]) == ("apiKey", "header", "X-API-Key")
    assert document["security"] == [{"BearerAuth": []}, {"ApiKey": []}]
    own = {
        (m, p): one["security"] for p, item in document["paths"].items() for m, one in item.items() if "security" in one
    }
    assert own == {
        ("post", "/auth/login"): [],
        ("post", "/auth/refresh"): [],
        ("delete", "/auth/logout"): [{"BearerAuth": []}],
    }


async def test_what_is_sent_is_strict(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if (body := operation.get("requestBody")) is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name]["additionalProperties"] is False, (method, path)
    assert schemas["ProductCreate"]["required"] == ["name", "price"]
    assert schemas["OrderCreate"]["required"] == ["items"]
    assert schemas["StatusUpdate"]["properties"]["status"]["enum"] == STATUSES


async def test_a_page_shows_it(desk: Desk) -> None:
    answer = await desk.http.get(f"{BASE}/docs")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert f"{BASE}/openapi.json" in answer.text and "https://" not in answer.text


@pytest.mark.timeout(240)
async def test_the_server_is_what_the_document_says(desk: Desk, apart: str, tmp_path: Path) -> None:
    """schemathesis with all its checks: examples, boundaries, random data, and chains of requests."""
    products = [await desk.product(name=f"Lamp {number}", stock=1_000_000) for number in range(5)]
    await desk.order(product=products[0])
    site = f"{apart}{BASE}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE.parent.parent.parent),
        "SCHEMATHESIS_HOOKS": "tests.dialects.commerce.fuzzing",
        "MERX_TEST_URL": site,
        "MERX_TEST_EMAIL": desk.shop.email,
        "MERX_TEST_PASSWORD": PASSWORD,
        "MERX_TEST_KEY": (await desk.key("*"))["X-API-Key"],
        "MERX_TEST_PRODUCTS": ",".join(one["id"] for one in products),
    }
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{site}/openapi.json", "--checks", "all", "--seed", "1", "--max-examples", "15"]
    command += ["--no-color", "--continue-on-failure"]
    command += ["--suppress-health-check", "too_slow"]  # which says how much else this machine does
    done = await _run(command, environment, tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:]


async def _run(command: list[str], environment: dict[str, str], where: Path) -> subprocess.CompletedProcess[str]:
    import asyncio

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True, timeout=220)

    return await asyncio.to_thread(run)
