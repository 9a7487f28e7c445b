"""What a connection brings reaches ASGI as it was sent, what can't be read is refused, and the short way from memory says
what the long way says."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.edge.fake import FREE, KEY, SECRET, TENANT, App, served, state
from tests.in_thread import in_thread
from tests.ports import free_port

from merx.edge import connection
from merx.edge import server as server_module
from merx.edge.body import MAX_BODY
from merx.edge.server import Server

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
    assert whole.text.split()[0] == str(size)
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
    assert "'path': '/seen/é/b'".encode() in answer and b"b'q=%41+%C3%A9&q=2'" in answer
    assert b"(b'x-twice', b'a'), (b'x-twice', b'b')" in answer
    assert b"(b'x-api-key', b'\\xe9')" in answer
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


def test_who_has_got_through_when_it_is_told_to_stop_is_answered() -> None:
    """The loop is held up meanwhile, so all of it still lies in the kernel: those who have just connected, and what was
    sent on connections that were kept."""
    app, port, line = Echo(), free_port(), b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n"
    begun, sent = threading.Event(), threading.Event()

    async def holds(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        sent.wait(30)  # as a page does that takes long to render
        await app._say(send, b"held")

    app.holds = holds  # type: ignore[attr-defined]
    with contextlib.ExitStack() as lines, in_thread(app, port) as server:
        kept = [lines.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(5)]
        for one in kept:
            one.sendall(line)
            assert one.recv(65536).endswith(b"not read\r\n0\r\n\r\n")
        holder = lines.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        holder.sendall(b"GET /holds HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
        server.stop()
        fresh = [lines.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(5)]
        for one in (*fresh, *kept):
            one.sendall(line)
        sent.set()
        for one in (holder, *fresh, *kept):
            found = b""
            while part := one.recv(65536):
                found += part
            assert found.startswith(b"HTTP/1.1 200 OK") and found.endswith(b"0\r\n\r\n"), found


GET = b"GET /early/%d HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits so long, when it is told to stop, that a busy machine makes no difference."""
    monkeypatch.setattr(server_module, "ARRIVES_WITHIN", 2.0)


def stopped(server: Server, line: socket.socket, after: bytes) -> bytes:
    """All that comes until the connection is closed, where `after` is sent once the server has begun to stop."""
    time.sleep(0.1)
    server.stop()
    time.sleep(0.4)
    line.sendall(after)
    found = b""
    while part := line.recv(65536):
        found += part
    return found


@pytest.mark.parametrize(
    ("before", "after", "answers"),
    [
        (POST + b"abc", b"def", 1),
        (b"GET /early HTTP/1.1\r\nHo", b"st: x\r\n\r\n", 1),
        (GET % 1 + GET % 2 + POST + b"abc", b"def", 3),
        (GET % 1, GET % 2 + GET % 3, 2),  # after an answer that says it is the last, nothing is
    ],
)
def test_what_has_begun_when_it_is_told_to_stop_comes_to_its_end(
    before: bytes, after: bytes, answers: int, patient: None
) -> None:
    port = free_port()
    with in_thread(Echo(), port) as server, socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(before)
        found = stopped(server, line, after)
        assert heads(found) == [b"200"] * answers and found.count(b"connection: close") == 1, found


def heads(answer: bytes) -> list[bytes]:
    """The status lines in what was received."""
    return re.findall(rb"HTTP/1\.1 (\d{3})", answer)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /seen HTTP/1.1\r\nHost: x\r\nBroken\x01: y\r\n\r\n", b"400"),
        (b"GET /seen HTTP/9.9\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"501"),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", b"400"),
        (b"BREW /seen HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"GET /seen HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /seen HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /seen HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n", b"400"),
        (b"GET /seen HTTP/1.1\r\nHost: x\r\nLong: " + b"a" * (16 << 10) + b"\r\n\r\n", b"431"),
        (b"GET /seen HTTP/1.1\r\nHost: x\r\nLong: " + b"a" * (60 << 10), b"431"),
        (b"GET /seen HTTP/1.1\r\nHost: x\r\n" + b"Many: 12345678\r\n" * 2000, b"431"),
    ],
)
def test_what_can_not_be_read_is_refused_and_the_connection_closed(at: int, sent: bytes, status: bytes) -> None:
    answer = raw(at, sent)
    assert heads(answer) == [status] and b"connection: close" in answer and b'{"error":"' in answer


def test_a_head_in_drops_is_read_and_one_without_end_is_not_waited_for(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(("127.0.0.1", at), 10) as line:
        for drop in (b"GET /se", b"en HTTP/1.1\r\nHo", b"st: x\r\nConnection: close\r\n", b"\r\n"):
            line.sendall(drop)
            time.sleep(0.05)
        assert heads(line.recv(65536)) == [b"200"]
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.4)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", at), 10) as line:
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 30:
                line.sendall(b"GET /seen HTTP/1.1\r\n" if time.monotonic() - began < 0.1 else b"A: b\r\n")
                time.sleep(0.1)
        assert time.monotonic() - began < 15


def test_who_says_nothing_is_not_waited_for(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", at), 10) as line:
        assert line.recv(1) == b""


def test_requests_sent_together_are_answered_in_their_order(at: int) -> None:
    first = b"GET /seen/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /seen/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(at, first + b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + last)
    assert heads(answer) == [b"200"] * 3
    assert answer.index(b"/seen/1") < answer.index(b"3 False") < answer.index(b"/seen/2")


# ── From memory ──────────────────────────────────────────────────────────────────────────────────────────────────────
THINGS = "/fake/v1/things/"


def test_the_last_answer_says_so_where_it_is_kept_in_memory_too(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    app, port, ending, ends = App(), free_port(), threading.Event(), connection.Connection.end_with_next
    request = request_of(THINGS, **{"X-API-Key": KEY})

    def end(self: connection.Connection) -> None:
        ends(self)
        ending.set()

    monkeypatch.setattr(connection.Connection, "end_with_next", end)
    with in_thread(app, port) as server, socket.create_connection(("127.0.0.1", port), 10) as line:

        def answered() -> bytes:
            time.sleep(0.005)  # below its limit; who asks less often is forgotten, and goes the long way
            line.sendall(request)
            found = line.recv(65536)
            assert heads(found) == [b"200"]
            return found

        deadline = time.monotonic() + 20
        while app.edge.answers.hits < 5:
            assert time.monotonic() < deadline, "nothing was answered from memory"
            assert b"connection: close" not in answered()
        server.stop()
        last = answered()
        while not ending.is_set():
            last = answered()
        assert b"connection: close" in last or b"connection: close" in answered()


@pytest.fixture
def fresh() -> Iterator[tuple[App, int]]:
    """One whose minute, in which it counts, begins with the test."""
    app = App()
    with served(app) as port:
        yield app, port


def get(port: int, path: str = THINGS, **headers: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers)


def told(answer: httpx.Response) -> dict[str, str]:
    """All that must be the same each time."""
    changing = ("x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "date")
    return {name: value for name, value in answer.headers.items() if name not in changing}


def test_the_short_way_says_what_the_long_way_says(fresh: tuple[App, int]) -> None:
    app, port = fresh
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


def request_of(path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def warm(app: App, port: int, path: str) -> None:
    """Until the shop's version is known, which counts as a change, and this address is answered from memory."""
    for _ in range(200):
        known = app.edge.answers._shelf(TENANT).version is not None
        assert get(port, path, **{"X-API-Key": KEY}).status_code == 200
        if known:
            return
        time.sleep(0.05)
    raise AssertionError("the shop's version did not become known")


def test_the_same_bytes_are_answered_as_often_as_they_come(fresh: tuple[App, int]) -> None:
    """Alone, in one piece, in two, and with more behind them; each with an id of its own, and each counted."""
    app, port = fresh
    path = f"{THINGS}?page=11"
    warm(app, port, path)
    one = request_of(path, **{"X-API-Key": KEY})
    other = request_of(f"{THINGS}?page=12", **{"X-API-Key": KEY})
    end = request_of("/fake/v1/nothing", Connection="close")
    for sent in ([one, one, one], [one + one, one], [one[:40], one[40:] + one], [one, other + one, one + other]):
        found = b""
        with socket.create_connection(("127.0.0.1", port), 10) as line:
            for piece in sent:
                line.sendall(piece)
                time.sleep(0.03)
            line.sendall(end)
            while part := line.recv(65536):
                found += part
        wanted = b"".join(sent).count(b"GET ")
        assert heads(found) == [b"200"] * wanted + [b"404"]
        ids = re.findall(rb"x-request-id: (\S+)", found)
        assert len(set(ids)) == wanted + 1
        left = [int(one) for one in re.findall(rb"x-ratelimit-remaining: (\d+)", found)][:wanted]
        assert left == list(range(left[0], left[0] - wanted, -1))


def test_a_known_request_behind_a_slow_one_waits_for_it(app: App, port: int) -> None:
    warm(app, port, THINGS)
    one = request_of(THINGS, **{"X-API-Key": KEY})
    slow = request_of(f"{THINGS}?page=13", **{"X-API-Key": KEY})  # not in memory: it takes the long way
    end = request_of("/fake/v1/nothing", Connection="close")
    for _ in range(3):
        found = raw(port, one + slow + one + end)
        assert heads(found) == [b"200", b"200", b"200", b"404"]
        bodies = [part.rpartition(b"\r\n\r\n")[2] for part in found.split(b"HTTP/1.1 ")[1:]]
        assert bodies[0] == bodies[2] != bodies[1]


def test_a_body_behind_a_get_is_no_request(app: App, port: int) -> None:
    """What a body looks like is never taken for the next request."""
    warm(app, port, THINGS)
    one = request_of(THINGS, **{"X-API-Key": KEY})
    raw(port, one + request_of("/fake/v1/nothing", Connection="close"))
    body = request_of(THINGS, **{"X-API-Key": KEY, "Content-Length": str(len(one))})
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(body)
        time.sleep(0.1)
        line.sendall(one)  # these bytes are known, but here they are a body
        time.sleep(0.1)
        line.sendall(request_of("/fake/v1/nothing", Connection="close"))
        found = b""
        while part := line.recv(65536):
            found += part
    assert heads(found) == [b"200", b"404"]


def test_a_key_in_the_address_and_one_in_a_header_are_told_apart(port: int) -> None:
    for _ in range(3):
        in_address = get(port, f"{THINGS}?page=8&api_key={KEY}")
        in_header = get(port, f"{THINGS}?page=8", **{"X-API-Key": KEY})
        assert in_address.status_code == in_header.status_code == 200
        assert in_address.headers["cache-control"] == "no-store"
        assert in_header.headers["cache-control"] == "public, no-cache"
        assert get(port, f"{THINGS}?page=8&api_key={SECRET}").status_code == 403
        both = get(port, f"{THINGS}?page=8&api_key={KEY}", **{"X-API-Key": KEY})
        assert both.status_code == 200 and both.headers["cache-control"] == "no-store"
        other = get(port, f"{THINGS}?page=8&api_key=pk_live_other", **{"X-API-Key": KEY})
        assert other.status_code == 400


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
