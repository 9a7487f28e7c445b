"""What Granian hands over reaches ASGI as it was sent, and the short way from memory says what the long way says."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.edge.fake import FREE, KEY, SECRET, TENANT, App, served, state

from merx.edge.body import MAX_BODY
from merx.edge.rsgi import length_of, spelled

PART = 70_000


class Echo:
    """Says what it was given, in the way the path names."""

    def __init__(self) -> None:
        self.life: list[str] = []
        self.left = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                self.life.append((await receive())["type"])
                await send({"type": f"{self.life[-1]}.complete"})
            return
        await getattr(self, scope["path"].split("/")[1])(scope, receive, send)

    async def body(self, scope: Any, receive: Any, send: Any) -> None:
        parts, message = [], await receive()
        while True:
            parts.append(len(message["body"]))
            if not message["more_body"]:
                break
            message = await receive()
        await self._say(send, f"{sum(parts)} {len(parts) > 1}".encode())

    async def early(self, scope: Any, receive: Any, send: Any) -> None:
        await self._say(send, b"not read")

    async def seen(self, scope: Any, receive: Any, send: Any) -> None:
        kept = {name: scope[name] for name in ("method", "path", "query_string", "scheme", "client")}
        await self._say(send, repr((kept, sorted(scope["headers"]))).encode())

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-name", "é".encode())]})
        for part in (b"one ", b"", b"two ", b"three"):
            await send({"type": "http.response.body", "body": part, "more_body": part != b"three"})

    async def waits(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        self.left = (await receive())["type"] == "http.disconnect"
        assert (await receive())["type"] == "http.disconnect"

    async def cookies(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-length", b"4")]
        body = b"" if scope["method"] == "HEAD" else b"four"
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _say(self, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body, "more_body": False})


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def at(echo: Echo) -> Iterator[int]:
    with served(echo) as port:
        yield port
    assert echo.life == ["lifespan.startup", "lifespan.shutdown"]


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(sent)
        found = b""
        while part := line.recv(65536):
            found += part
    return found


@pytest.mark.parametrize("size", [0, 1, PART, 1 << 20, (1 << 20) + 1])
def test_bodies_arrive_whole_declared_or_in_parts(at: int, size: int) -> None:
    sent = b"x" * size
    whole = httpx.post(f"http://127.0.0.1:{at}/body", content=sent)
    assert whole.text == f"{size} {size > 1 << 20}"
    pieces = (sent[start : start + PART] for start in range(0, size, PART))
    chunked = httpx.post(f"http://127.0.0.1:{at}/body", content=pieces)
    assert chunked.text.split()[0] == str(size)
    assert httpx.post(f"http://127.0.0.1:{at}/early", content=sent).text == "not read"


def test_address_and_headers_are_what_was_sent(at: int) -> None:
    answer = raw(
        at,
        b"GET /seen/%C3%A9%2Fb?q=%41+\xc3\xa9&q=2 HTTP/1.1\r\nHost: shop.example\r\nX-Twice: a\r\nX-Twice: b\r\n"
        b"X-Api-Key: \xe9\r\nConnection: close\r\n\r\n",
    )
    assert "'path': '/seen/é/b'".encode() in answer and b"b'q=%41+\\xc3\\xa9&q=2'" in answer
    assert b"(b'x-twice', b'a'), (b'x-twice', b'b')" in answer
    assert b"(b'x-api-key', b'\\xef\\xbf\\xbd')" in answer  # there, and not to be taken for a key
    assert b"'client': ('127.0.0.1', " in answer


def test_streams_cookies_and_head(at: int) -> None:
    streamed = httpx.get(f"http://127.0.0.1:{at}/stream")
    assert (streamed.status_code, streamed.content) == (201, b"one two three")
    assert dict(streamed.headers.raw)[b"x-name"] == "é".encode()
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, f"http://127.0.0.1:{at}/cookies")
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert answer.headers["content-length"] == "4" and answer.text == ("four" if method == "GET" else "")


def test_who_hangs_up_is_told_of(at: int, echo: Echo) -> None:
    with socket.create_connection(("127.0.0.1", at)) as line:
        line.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while not echo.left and time.monotonic() < deadline:
        time.sleep(0.01)
    assert echo.left


def test_a_body_s_length_is_known_or_not() -> None:
    assert length_of([]) == 0 and length_of([(b"content-length", b"12")]) == 12
    assert length_of([(b"transfer-encoding", b"chunked")]) is None
    assert spelled([(b"a", b"\xe9")]) == [("a", "�")]


# ── From memory ──────────────────────────────────────────────────────────────────────────────────────────────────────
THINGS = "/fake/v1/things/"


def get(port: int, path: str = THINGS, **headers: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers)


def told(answer: httpx.Response) -> dict[str, str]:
    """All that must be the same each time."""
    changing = ("x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "date")
    return {name: value for name, value in answer.headers.items() if name not in changing}


def test_the_short_way_says_what_the_long_way_says(app: App, port: int) -> None:
    path = f"{THINGS}?page=7"
    for _ in range(50):  # a busy machine may let what is known run out between two requests
        first = get(port, path, **{"X-API-Key": KEY})
        listed, hits, asked = state.listed, app.edge.answers.hits, app.authority.asked
        again = get(port, path, **{"X-API-Key": KEY})
        same = get(port, path, **{"X-API-Key": KEY, "If-None-Match": again.headers["etag"]})
        if (state.listed, app.edge.answers.hits, app.authority.asked) == (listed, hits + 2, asked):
            break
    else:
        raise AssertionError("nothing was answered from memory")
    assert (again.status_code, again.content, told(again)) == (200, first.content, told(first))
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, again)]
    assert left[0] - left[1] == 1
    assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == again.headers["etag"]
    assert same.headers["access-control-allow-origin"] == "*" and "x-ratelimit-remaining" in same.headers
    head = httpx.head(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": KEY})
    assert (head.status_code, head.content) == (200, b"") and head.headers["content-length"] == str(len(first.content))


def test_a_key_in_the_address_and_one_in_a_header_are_told_apart(port: int) -> None:
    for _ in range(3):
        in_address = get(port, f"{THINGS}?page=8&api_key={KEY}")
        in_header = get(port, f"{THINGS}?page=8", **{"X-API-Key": KEY})
        assert in_address.status_code == in_header.status_code == 200
        assert in_address.headers["cache-control"] == "no-store"
        assert in_header.headers["cache-control"] == "public, no-cache"
        assert get(port, f"{THINGS}?page=8&api_key={SECRET}").status_code == 403
        both = get(port, f"{THINGS}?page=8&api_key={KEY}", **{"X-API-Key": KEY})
        assert both.status_code == 400


def test_nothing_is_given_at_once_that_the_long_way_would_refuse(port: int) -> None:
    good = {"X-API-Key": KEY, "Host": "mystore.localhost:8000"}
    for _ in range(3):
        assert get(port, **good).status_code == 200
        assert get(port, **{**good, "Host": "another.localhost:8000"}).status_code == 403
        assert get(port, **{**good, "Authorization": "Bearer ey.no.token"}).status_code == 401
        assert get(port, **{**good, "X-API-Key": KEY + "x"}).status_code == 401
        assert get(port, f"{THINGS}?q={'x' * 9000}", **good).status_code == 414
        twice = b"GET " + THINGS.encode() + b" HTTP/1.1\r\nHost: mystore.localhost:8000\r\nConnection: close\r\n"
        assert raw(port, twice + f"X-API-Key: {KEY}\r\nX-API-Key: {SECRET}\r\n\r\n".encode()).startswith(
            b"HTTP/1.1 400"
        )
        unreadable = twice + f"X-API-Key: {KEY}\r\n".encode() + b"Authorization: Bearer \xe9\r\n\r\n"
        assert raw(port, unreadable).startswith(b"HTTP/1.1 401")


def test_a_revoked_key_and_a_changed_catalogue_count_at_once(app: App, port: int) -> None:
    path = f"{THINGS}?page=9"
    for _ in range(50):  # until the shop's version is known, and its answers are kept
        first = get(port, path, **{"X-API-Key": KEY})
        if get(port, path, **{"X-API-Key": KEY}).content == first.content:
            break
    else:
        raise AssertionError("nothing was kept")
    app.edge.answers.changed(TENANT)
    assert get(port, path, **{"X-API-Key": KEY}).content != first.content
    kept = app.authority.keys.pop(KEY)
    app.rt.revoked()
    try:
        assert get(port, path, **{"X-API-Key": KEY}).status_code == 401
    finally:
        app.authority.keys[KEY] = kept


def test_the_61st_of_60_is_refused_from_memory_too() -> None:
    with served(App()) as port:
        line = http.client.HTTPConnection("127.0.0.1", port)
        found = []
        for _ in range(62):
            line.request("GET", THINGS, headers={"X-API-Key": FREE})
            answer = line.getresponse()
            answer.read()
            found.append((answer.status, answer.getheader("x-ratelimit-remaining"), answer.getheader("retry-after")))
        assert [(status, left) for status, left, _ in found[:60]] == [(200, str(left)) for left in range(59, -1, -1)]
        assert all(status == 429 and left == "0" and wait for status, left, wait in found[60:])


async def test_a_declared_body_past_the_bound_is_refused_in_our_shape(port: int) -> None:
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(
            *(
                client.post(f"http://127.0.0.1:{port}{THINGS}", content=body, headers=headers)
                for body in (b"x" * (MAX_BODY + 1), b"{")
                for headers in ({"X-API-Key": SECRET, "Content-Type": "application/json"},)
            )
        )
    assert [answer.status_code for answer in answers] == [413, 400]
    assert all("code" in answer.json() for answer in answers)
