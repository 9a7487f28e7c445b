"""Nothing secret is ever written, and nothing over and over."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from tests.edge.fake import KEY, SECRET, App, FakeAuthority, runtime, served

from merx.edge import composition, logs
from merx.edge.composition import Edge
from merx.edge.request_log import RequestLog
from merx.edge.visit import Visit
from merx.kernel.errors import Busy

CANARIES = [
    "sk_live_CANARY0123456789", "pk_test_CANARY0123456789", "whsec_CANARY+/0123456789=", "pm_CANARY1234567890",
    "mpr_CANARY0123456789-_", "mrt_CANARY0123456789", "mac_CANARY0123456789", "mcs_CANARY0123456789",
    "eyJhbGciOiJIUzI1NiJ9.CANARY.signature", "4242424242424242", "4242 4242 4242 4242", "canary@example.com",
]  # fmt: skip


@pytest.mark.parametrize("secret", CANARIES)
def test_secrets_are_found_wherever_they_stand(secret: str) -> None:
    for text in (secret, f"failed with {secret}!", f'{{"x": "{secret}"}}', f"a={secret}&b=1", f"({secret})"):
        assert secret not in logs.redact(text), text
    assert secret not in json.dumps(logs.clean({"a": [{"b": (secret,)}], "error": ValueError(secret)}))


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-API-Key", "Cookie", "Set-Cookie", "Idempotency-Key", "api_key", "token", "access_token",
     "password", "new_password", "client_secret", "card_number", "stripe-signature"],
)  # fmt: skip
def test_fields_that_are_secret_by_name(name: str) -> None:
    assert logs.clean({name: "CANARY", "inner": {name: ["CANARY"]}}) == {
        name: logs.HIDDEN,
        "inner": {name: logs.HIDDEN},
    }


@pytest.mark.parametrize(
    "text",
    ["Bearer CANARY-opaque-1", "Basic Q0FOQVJZ", "/x?api_key=CANARY", "/x?a=1&token=CANARY", 'password="x"&secret=CANARY',
     "postgresql://merx:CANARY@db/x", '{"password": "CANARY"}', "{'refresh': 'CANARY'}"],
)  # fmt: skip
def test_secrets_by_what_stands_before_them(text: str) -> None:
    assert "CANARY" not in logs.redact(text) and "Q0FOQVJZ" not in logs.redact(text)


def test_what_is_no_secret_stays() -> None:
    for text in (
        "order ORD-001 of 2024-01-15T10:30:00Z cost 129.99",
        "018f2c4e-7d2a-7000-8000-000000000001",
        "prod_01h455vb4pex5vsknk084sn02q",
        "1234567890123",
    ):
        assert logs.redact(text) == text
    one, other = logs.redact("a@example.com"), logs.redact("b@example.com")
    assert one != other and one == logs.redact("A@example.com")


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    writer = logs.LineWriter(descriptor, 0.01)
    monkeypatch.setattr(logs, "writer", writer)
    before = logging.getLogger().handlers[:], logging.getLogger().level

    def read() -> list[dict[str, Any]]:
        writer.flush()
        return [json.loads(line) for line in path.read_text().splitlines()]

    yield read
    writer.close()
    logging.getLogger().handlers[:], _ = before
    logging.getLogger().setLevel(before[1])
    structlog.reset_defaults()


def test_every_logger_writes_the_same_clean_lines(lines: Any) -> None:
    logs.configure("info")
    structlog.get_logger("a").info("signed in", email="canary@example.com", key="sk_live_CANARY0123456789")
    logging.getLogger("b").warning("mail to %s", "canary@example.com", extra={"password": "CANARY"})
    try:
        raise ValueError("sk_live_CANARY0123456789 is not it")
    except ValueError as wrong:
        logging.getLogger("c").error("unhandled", exc_info=wrong)
    logging.getLogger("d").debug("not at this level")
    found = lines()
    assert found[0]["event"] == "signed in" and len(found) == 3
    assert found[1]["event"].startswith("mail to [email ") and found[1]["password"] == logs.HIDDEN
    assert "ValueError" in found[2]["exception"] and found[2]["level"] == "error"
    assert "CANARY" not in json.dumps(found).upper().replace("CANARY@", "x") and "canary@" not in json.dumps(found)
    assert all(line["timestamp"].endswith("Z") for line in found)


def test_a_request_leaves_one_line_without_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    with served(App(log_to=path)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        ids = [
            client.get(f"/fake/v1/things/?api_key={KEY}&sort=name").headers["x-request-id"],
            client.get("/fake/v1/things/canary@example.com", headers={"X-API-Key": SECRET}).headers["x-request-id"],
            client.get("/fake/v1/boom/?token=CANARY").headers["x-request-id"],
            client.get("/fake/v1/%22%0A%ff%00").headers["x-request-id"],
        ]
    for _ in range(100):
        time.sleep(0.02)
        if path.read_text().count("\n") >= 4:
            break
    text = path.read_text()
    found = [json.loads(line) for line in text.splitlines()]
    assert [line["request_id"] for line in found] == ids
    assert KEY not in text and SECRET not in text and "canary@" not in text and "CANARY" not in text
    assert found[0]["status"] == 200 and found[0]["dialect"] == "fake" and found[0]["route"] == "/fake/v1/things"
    assert found[0]["tenant"] == "00000000000000000000000000000001" and found[0]["actor"] == "key"
    assert found[2]["level"] == "error" and found[2]["code"] == "internal"
    assert found[3]["status"] == 404


def test_a_writer_never_waits_and_counts_what_it_drops(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = logs.LineWriter(os.open(path, os.O_CREAT | os.O_WRONLY), 60)
    writer.MOST = 10  # type: ignore[misc]
    for number in range(25):
        writer.write(b"%d\n" % number)
    writer.close()
    assert path.read_text().splitlines()[:10] == [str(number) for number in range(10)]
    assert json.loads(path.read_text().splitlines()[10])["count"] == 15


@pytest.mark.parametrize(
    "secret", [*CANARIES[:4], "mrt_CANARY0123456789", "mpr_CANARY0123456789", "canary@example.com"]
)
def test_no_line_of_a_request_holds_what_was_put_into_its_path(secret: str) -> None:
    class Kept(logs.LineWriter):
        def write(self, line: bytes) -> None:
            lines.append(line)

    lines: list[bytes] = []
    RequestLog(Kept()).write(Visit({}, "192.0.2.1", False), "GET", f"/api/platform/api-keys/{secret}/", 0.001)
    assert json.loads(lines[0])["path"].startswith("/api/platform/api-keys/") and secret.encode() not in lines[0]


async def test_an_outage_is_two_lines_however_long_it_lasts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    edge, looks = Edge(runtime(), FakeAuthority()), 0

    async def poll() -> None:
        nonlocal looks
        looks += 1
        if 2 <= looks < 20:
            raise Busy("away")

    monkeypatch.setattr(edge, "poll", poll)
    monkeypatch.setattr(composition, "POLL_SECONDS", 0)
    running = asyncio.create_task(edge.run())
    async with asyncio.timeout(10):
        while looks < 30:
            await asyncio.sleep(0)
    running.cancel()
    said = [one.message for one in caplog.records if one.name == composition.log.name]
    assert said == ["versions can't be read", "versions are read again"]
