"""A catalogue read past the memory is answered on the short way as on the long one, and whatever happens to it there."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.edge.fake import FREE, KEY, App, served
from tests.in_thread import in_thread
from tests.ports import free_port

from merx.edge import at_once
from merx.edge import server as server_module
from merx.edge.computing import Computing
from merx.edge.front import Front

THINGS = "/fake/v1/things/"
LONG = {"Range": "bytes=0-"}  # what the short ways do not look at
_number = itertools.count(1)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were computed on the short way."""
    found: list[str] = []
    answer = Computing.answer

    async def noted(self: Computing, scope: Any) -> bytes:
        found.append(scope["path"])
        return await answer(self, scope)

    monkeypatch.setattr(Computing, "answer", noted)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def app(log: Path) -> App:
    return App(log_to=log)


@pytest.fixture
def port(app: App) -> Iterator[int]:
    with served(app) as port:
        assert get(port, THINGS).status_code == 200  # from now on the key is known
        yield port


def get(port: int, path: str, key: str = KEY, **headers: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": key, **headers})


def once(path: str = f"{THINGS}one") -> str:
    """An address that nobody has asked for."""
    return f"{path}?n={next(_number)}"


def request(path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"X-API-Key: {KEY}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    changing = ("x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "date")
    headers = {name: value for name, value in answer.headers.items() if name not in changing}
    return answer.status_code, headers, answer.content


def short_and_long(port: int, computed: list[str], address: Any, **headers: str) -> list[httpx.Response]:
    """The key is forgotten by whoever has not been asked for a moment, so it may take more than one."""
    for _ in range(50):
        long, seen = get(port, address(), **headers, **LONG), len(computed)
        short = get(port, address(), **headers)
        if len(computed) > seen:
            return [short, long]
    raise AssertionError("nothing was computed on the short way")


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"{THINGS}one", 200), (f"{THINGS}one/two", 404), (f"{THINGS}one%2Ftwo", 404), (f"{THINGS}%C3%A9/", 200)],
)
def test_it_says_what_the_long_way_says(port: int, computed: list[str], path: str, status: int) -> None:
    short, long = short_and_long(port, computed, lambda: once(path))
    assert told(short) == told(long) and short.status_code == status
    assert short.headers["x-request-id"] != long.headers["x-request-id"] and "date" in short.headers
    assert int(long.headers["x-ratelimit-remaining"]) - int(short.headers["x-ratelimit-remaining"]) == 1


def test_a_wrong_question_is_refused_in_our_shape(port: int, computed: list[str]) -> None:
    short, long = short_and_long(port, computed, lambda: f"{once(THINGS)}&page=0")
    assert told(short) == told(long) and short.status_code == 400 and short.json()["fields"]["page"]


def test_what_has_not_changed_is_not_sent_again(port: int, computed: list[str]) -> None:
    etag = get(port, f"{THINGS}one").headers["etag"]
    short, long = short_and_long(port, computed, once, **{"If-None-Match": etag})
    assert told(short) == told(long) and (short.status_code, short.content) == (304, b"")


def test_a_key_in_the_address_stays_there(port: int, computed: list[str]) -> None:
    def asked(path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{once(path)}&api_key={KEY}", headers=headers)

    for _ in range(50):
        long, short = asked(f"{THINGS}one", **LONG), asked(f"{THINGS}one")
        listed = asked(THINGS)
        if len(computed) == 2:
            break
        computed.clear()
    assert computed and told(short) == told(long) and short.headers["cache-control"] == "no-store"
    assert KEY not in listed.text and '"query":"n=' in listed.text


def test_it_leaves_the_same_line_and_is_counted(port: int, app: App, log: Path, computed: list[str]) -> None:
    short, long = short_and_long(port, computed, once)
    known: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + 10
    while len(known) < 2 and time.monotonic() < until:
        lines = [json.loads(line) for line in log.read_bytes().splitlines()]
        ids = [answer.headers["x-request-id"] for answer in (short, long)]
        known = {line.pop("request_id"): line for line in lines if line["request_id"] in ids}
    first, second = known.values()
    for line in known.values():
        assert line.pop("timestamp") and line.pop("ms") > 0
    assert first == second and first["route"] == "/fake/v1/things/{thing}" and first["status"] == 200
    counted = [sum(one.buckets) for key, one in app.edge.metrics._series.items() if key[2] == 200]
    assert sum(counted) >= 3 and app.edge.metrics.in_flight == 0


def test_each_key_is_held_to_its_limit(port: int, computed: list[str]) -> None:
    found = [get(port, once(), FREE) for _ in range(62)]
    assert [answer.status_code for answer in found] == [200] * 60 + [429] * 2
    assert [answer.headers["x-ratelimit-remaining"] for answer in found[:60]] == [
        str(left) for left in range(59, -1, -1)
    ]
    assert all("retry-after" in answer.headers for answer in found[60:]) and computed


def test_past_what_can_be_in_flight_it_is_left_to_the_long_way(
    port: int, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_once, "MAX_IN_FLIGHT", 0)
    assert [get(port, once()).status_code for _ in range(10)] == [200] * 10 and not computed


class Slow:
    """The front, which waits to be let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.go = False
        read = Front.read

        async def waits(front: Front, scope: Any, *args: Any) -> Any:
            self.begun += 1
            while not self.go:
                await asyncio.sleep(0.005)
            return await read(front, scope, *args)

        monkeypatch.setattr(Front, "read", waits)

    def wait(self, count: int = 1) -> None:
        until = time.monotonic() + 10
        while self.begun < count:
            assert time.monotonic() < until
            time.sleep(0.005)


def known(port: int, computed: list[str]) -> None:
    """Until the next request of the key goes the short way."""
    short_and_long(port, computed, once)
    computed.clear()


def test_what_is_sent_together_is_answered_in_its_order(
    port: int, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(port, computed)
    slow = Slow(monkeypatch)
    names = [f"{THINGS}first", f"{THINGS}second", f"{THINGS}third"]
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(request(once(names[0])) + request(once(names[1])))
        slow.wait()
        line.sendall(request(once(names[2]), Connection="close"))
        slow.go = True
        found = b""
        while part := line.recv(65536):
            found += part
    assert found.count(b"HTTP/1.1 200 OK") == 3 and computed == names[:1]
    assert found.index(b'"first"') < found.index(b'"second"') < found.index(b'"third"')


def test_who_hangs_up_meanwhile_is_no_trouble(
    port: int, app: App, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(port, computed)
    slow = Slow(monkeypatch)
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(request(once()))
        slow.wait()
    assert computed and app.edge.metrics.in_flight == 1
    slow.go = True
    assert get(port, once()).status_code == 200
    until = time.monotonic() + 10
    while app.edge.metrics.in_flight:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_what_is_being_computed_when_the_server_stops_is_answered_and_is_the_last(
    app: App, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ARRIVES_WITHIN", 1.0)
    port = free_port()
    with in_thread(app, port) as server, socket.create_connection(("127.0.0.1", port), 10) as line:
        known(port, computed)
        slow = Slow(monkeypatch)
        line.sendall(request(once()))
        slow.wait()
        server.stop()
        time.sleep(0.3)
        slow.go = True
        found = b""
        while part := line.recv(65536):
            found += part
    assert computed and found.startswith(b"HTTP/1.1 200 OK\r\nconnection: close\r\n") and found.endswith(b"}")


def test_a_bug_is_a_500_and_the_connection_goes_on(
    port: int, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(port, computed)

    async def breaks(*args: Any) -> Any:
        raise RuntimeError("secret detail")

    async def splits(*args: Any) -> Any:
        return 200, [(b"x-name", b"one\r\nset-cookie: two")], b""

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}) as client:
        for bug in (breaks, splits):
            with monkeypatch.context() as patch:
                patch.setattr(Front, "read", bug)
                broken = client.get(once())
            assert computed and broken.status_code == 500 and broken.json() == {"error": "internal"}
            assert "set-cookie" not in broken.headers and client.get(once()).status_code == 200
            computed.clear()
