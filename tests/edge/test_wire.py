"""What HTTP itself can get wrong, over real HTTP: every fault comes out in the dialect's own shape."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any

import httpx
import pytest
from tests.edge.fake import KEY, SECRET, state

THINGS = "/fake/v1/things/"
JSON = {"X-API-Key": SECRET, "Content-Type": "application/json"}


def in_shape(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "fields"}
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "missing_body"),
        (b"{", "malformed_json"),
        (b'{"name": "a", "price": 1} x', "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b'{"name": "\xff", "price": 1}', "malformed_json"),
        ('{"name": "a", "price": 1}'.encode("utf-16"), "malformed_json"),
        (b'{"name": "a", "price": NaN}', "malformed_json"),
        (b'{"name": "a", "price": Infinity}', "malformed_json"),
        (b'{"name": "a", "name": "b", "price": 1}', "duplicate_key"),
        (b'{"name": "a", "price": 1, "inner": {"partName": "a", "partName": "b"}}', "duplicate_key"),
        (b"[" * 100_000, "too_deep"),
        (b'{"name": "a", "price": 1, "inner":' + b'{"a":' * 40 + b"1" + b"}" * 41, "too_deep"),
    ],
)
def test_what_is_no_json_is_400(client: httpx.Client, body: bytes, code: str) -> None:
    made = state.made
    answer = client.post(THINGS, content=body, headers=JSON)
    assert answer.status_code == 400
    assert in_shape(answer)["code"] == code
    assert state.made == made


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"price": 1}', "name"),
        (b'{"name": "a"}', "price"),
        (b'{"name": 5, "price": 1}', "name"),
        (b'{"name": "", "price": 1}', "name"),
        (b'{"name": "' + b"x" * 256 + b'", "price": 1}', "name"),
        (b'{"name": "a\\u0000b", "price": 1}', "name"),
        (b'{"name": "a\\ud800b", "price": 1}', "name"),
        (b'{"name": "a", "price": "NaN"}', "price"),
        (b'{"name": "a", "price": "Infinity"}', "price"),
        (b'{"name": "a", "price": "1_000"}', "price"),
        (b'{"name": "a", "price": " 5 "}', "price"),
        (b'{"name": "a", "price": 1e999999999}', "price"),
        (b'{"name": "a", "price": true}', "price"),
        (b'{"name": "a", "price": null}', "price"),
        (b'{"name": "a", "price": 123456789012345678901234567890}', "price"),
        (b'{"name": "a", "price": 1, "kind": "medium"}', "kind"),
        (b'{"name": "a", "price": 1, "surprise": 1}', "surprise"),
        (b'{"name": "a", "price": 1, "parts": [{"partName": "a"}, {"partName": "b", "quantity": "2"}]}',
         "parts[1].quantity"),
        (b'{"name": "a", "price": 1, "parts": [{"partName": "a", "quantity": 1.5}]}', "parts[0].quantity"),
        (b'{"name": "a", "price": 1, "parts": [{"partName": "a", "quantity": 9223372036854775808}]}',
         "parts[0].quantity"),
        (b'{"name": "a", "price": 1, "inner": {"partName": "a", "other": 1}}', "inner.other"),
        (b'{"name": "a", "price": 1, "inner": {"quantity": 1}}', "inner.partName"),
        (json.dumps({"name": "a", "price": 1, "parts": [{"partName": "a"}] * 10_000}).encode(), "parts"),
        (b"[]", "body"),
        (b'"text"', "body"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(client: httpx.Client, body: bytes, field: str) -> None:
    made = state.made
    answer = client.post(THINGS, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert list(in_shape(answer)["fields"]) == [field]
    assert state.made == made


def test_every_wrong_field_is_named_at_once(client: httpx.Client) -> None:
    body = b'{"price": "dear", "kind": 1, "parts": [{"quantity": 0}], "x": 1}'
    fields = in_shape(client.post(THINGS, content=body, headers=JSON))["fields"]
    assert set(fields) == {"name", "price", "kind", "parts[0].partName", "parts[0].quantity", "x"}
    assert fields["name"] == ["This field is required."]


def test_a_backslash_before_u0000_is_text(client: httpx.Client) -> None:
    answer = client.post(THINGS, content=rb'{"name": "a\\u0000", "price": 1}', headers=JSON)
    assert answer.status_code == 201 and answer.json()["name"] == "a\\u0000"


def test_decimals_are_exact_both_ways(client: httpx.Client) -> None:
    answer = client.post(THINGS, content=b'{"name": "a", "price": 0.1234567890123456789012345}', headers=JSON)
    assert answer.status_code == 201 and b'"price":0.1234567890123456789012345' in answer.content
    answer = client.post(THINGS, content=b'{"name": "a", "price": "12.30"}', headers=JSON)
    assert b'"price":12.30' in answer.content


def test_a_whole_number_may_be_written_with_a_point(client: httpx.Client) -> None:
    """As JSON Schema has it: 2.0 is an integer, 2.5 and "2" are not."""
    body = b'{"name": "a", "price": 12.30, "parts": [{"partName": "a", "quantity": 2.0}]}'
    answer = client.post(THINGS, content=body, headers=JSON)
    assert answer.status_code == 201 and b'"price":12.30' in answer.content


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
def test_another_media_type_is_415(client: httpx.Client, media: str) -> None:
    answer = client.post(THINGS, content=b'{"name": "a", "price": 1}', headers={**JSON, "Content-Type": media})
    assert answer.status_code == 415 and in_shape(answer)["code"] == "unsupported_media_type"


def test_a_packed_body_is_415(client: httpx.Client) -> None:
    packed = gzip.compress(b'{"name": "a", "price": 1}')
    answer = client.post(THINGS, content=packed, headers={**JSON, "Content-Encoding": "gzip"})
    error = in_shape(answer)
    assert (answer.status_code, error["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding" in error["message"]
    plain = {**JSON, "Content-Encoding": "identity"}
    assert client.post(THINGS, content=b'{"name": "a", "price": 1}', headers=plain).status_code == 201


@pytest.mark.parametrize("key", [None, "k1"])
def test_a_body_over_a_mebibyte_is_413(client: httpx.Client, key: str | None) -> None:
    headers = JSON if key is None else {**JSON, "Idempotency-Key": key}
    answer = client.post(THINGS, content=b" " * ((1 << 20) + 1), headers=headers)
    assert answer.status_code == 413 and in_shape(answer)["code"] == "payload_too_large"


def test_an_optional_body_may_be_absent(client: httpx.Client) -> None:
    answer = client.patch(THINGS + "t1", headers={"X-API-Key": SECRET})
    assert answer.status_code == 202 and answer.headers["x-of-its-own"] == "yes"


def test_unknown_addresses_and_methods(client: httpx.Client) -> None:
    assert in_shape(client.get("/fake/v1/nothing"))["code"] == "not_found"
    answer = client.put(THINGS)
    assert answer.status_code == 405 and in_shape(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    answer = client.request("PROPFIND", THINGS + "t1")
    assert answer.status_code == 405 and answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert client.request("BREW", THINGS + "t1").status_code == 501


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in (THINGS, THINGS + "t1"):
        got = client.get(path, headers={"X-API-Key": KEY})
        head = client.head(path, headers={"X-API-Key": KEY})
        assert head.status_code == got.status_code == 200 and head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
    assert client.head("/fake/v1/nothing").status_code == 404


def test_options_tells_the_methods(client: httpx.Client) -> None:
    answer = client.options(THINGS)
    assert answer.status_code == 204 and answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.options("/fake/v1/nothing").status_code == 404


def test_preflight_only_where_any_origin_may_call(client: httpx.Client) -> None:
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = client.options(THINGS, headers=asks)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in client.options("/fake/v1/who/", headers=asks).headers


def test_a_bug_is_a_500_without_detail(client: httpx.Client) -> None:
    answer = client.get("/fake/v1/boom/")
    assert answer.status_code == 500 and "secret" not in answer.text
    assert answer.headers["x-request-id"] in in_shape(answer)["message"]


def test_busy_is_503_with_retry_after(client: httpx.Client) -> None:
    answer = client.post(THINGS, json={"name": "busy", "price": 1}, headers={"X-API-Key": SECRET})
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1


def test_nul_and_broken_text_in_addresses(client: httpx.Client) -> None:
    assert client.get("/fake/v1/things/a%00b").status_code == 404
    for query in ("sort=a%00b", "sort=%ff", "%00=1"):
        answer = client.get(f"{THINGS}?{query}", headers={"X-API-Key": KEY})
        assert answer.status_code == 400, query
        in_shape(answer)
    assert client.get(THINGS + "?sort=" + "x" * 9000, headers={"X-API-Key": KEY}).status_code == 414


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(request)
        connection.settimeout(5)
        return connection.recv(65536)


@pytest.mark.parametrize("name", [b"Authorization: Bearer a", b"X-API-Key: pk_a", b"Content-Type: application/json"])
def test_a_repeated_header_is_400(port: int, name: bytes) -> None:
    request = b"GET /fake/v1/who/ HTTP/1.1\r\nHost: localhost\r\n" + (name + b"\r\n") * 2 + b"Connection: close\r\n\r\n"
    assert b"400" in raw(port, request).split(b"\r\n", 1)[0]


def test_longest_prefix_on_a_segment_boundary(client: httpx.Client) -> None:
    assert client.get("/fake/things/").status_code == 500  # the other dialect's only handler
    assert "code" in client.get("/fake/v1").json()
    assert client.get("/fakes/things/").json() == {"error": "There is nothing at this address."}
    assert client.get("/livez").json() == {"status": "ok"}


def test_security_headers_and_tls(client: httpx.Client) -> None:
    answer = client.get("/fake/v1/who/")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in answer.headers


def test_readiness_needs_the_database(client: httpx.Client, app: Any) -> None:
    assert client.get("/readyz").status_code == 200
    app.rt.db.away = True
    try:
        assert client.get("/readyz").status_code == 503 and client.get("/livez").status_code == 200
    finally:
        app.rt.db.away = False
