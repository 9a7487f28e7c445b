"""`merx demo` as a new user starts it: what it prints works, commands work beside it, and it survives kill -9."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.db.folders import new_data_dir
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
LAST = "Ctrl-C stops it."
START = [sys.executable, "-c", "from merx.cli import main; main()"]


class Demo:
    def __init__(self, data_dir: Path, port: int, log: Path) -> None:
        self.port, self.log = port, log
        self.environ = os.environ | {
            "PYTHONPATH": str(ROOT / "src"),
            "MERX_DATA_DIR": str(data_dir),
            "MERX_PORT": str(port),
            "MERX_ADMIN_EMAIL": "admin@example.com",
            "MERX_ADMIN_PASSWORD": "an-administrators-password",
        }
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([*START, "demo"], cwd=ROOT, env=self.environ, stdout=out, stderr=out)
        deadline = time.monotonic() + 90
        while LAST not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.process

    def shown(self) -> str:
        """What it printed for people, without the request log."""
        return "\n".join(line for line in self.log.read_text().splitlines() if not line.startswith("{"))

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """`url` as it was printed; its host is resolved as curl resolves *.localhost."""
        found = re.fullmatch(r"http://([^/]+)(/.*)", url)
        assert found is not None, url
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            sent = None if body is None else json.dumps(body)
            given = {"Host": found[1], "Content-Type": "application/json"} | headers
            connection.request(method, found[2], sent, given)
            answer = connection.getresponse()
            text = answer.read()
        is_json = (answer.getheader("content-type") or "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text

    def merx(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*START, *arguments], cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=90, check=False
        )


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with new_data_dir() as folder:
        started = Demo(folder, free_port(), tmp_path / "log")
        yield started
        started.process.terminate()
        started.process.wait(60)


def found(shown: str, pattern: str) -> str:
    match = re.search(pattern, shown)
    assert match is not None, shown
    return match[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_it_prints_works_and_it_survives_kill_9(demo: Demo) -> None:
    shown = demo.shown()
    tech = shown[shown.index("Tech Gadgets") : shown.index("Outdoor Adventures")]
    shop, key = found(tech, r"shop +(\S+)/\n"), found(tech, r"storefront key +(\S+)")
    front = demo.call("GET", f"{shop}/")
    assert front[0] == 200 and b"Wireless Headphones" in front[1]
    for page_of in ("Dashboard", "Documentation"):
        assert demo.call("GET", found(shown, rf"{page_of} +(\S+)"))[0] in (200, 303)
    products = f"{shop}/api/store/products/"
    status, page = demo.call("GET", products, **{"X-API-Key": key})
    assert status == 200 and page["count"] >= 60
    assert page["results"][0]["name"] == "Wireless Headphones" and page["results"][0]["stock_quantity"] == 25
    status, picture = demo.call("GET", page["results"][0]["images"][0]["url"])
    assert status == 200 and picture.startswith(b"<svg")
    assert f'curl -H "X-API-Key: {key}" {products}' in shown

    outdoor = shown[shown.index("Outdoor Adventures") :]
    foreign = found(outdoor, r"storefront key +(\S+)")
    assert demo.call("GET", products, **{"X-API-Key": foreign})[0] in (401, 403)
    base = f"http://localhost:{demo.port}/api/platform"
    email, password = re.search(r"owner +(\S+) +(\S+)", tech).groups()  # type: ignore[union-attr]
    status, tokens = demo.call("POST", f"{base}/token/", {"email": email, "password": password})
    assert status == 200 and tokens["access"]
    admin = {"email": "admin@example.com", "password": "an-administrators-password"}
    assert demo.call("POST", f"{base}/token/", admin)[0] == 200

    listed = demo.merx("tenants", "list")
    assert listed.returncode == 0, listed.stderr
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()[1:]] == ["tech", "outdoor"]
    imported = demo.merx("import", "docs/howto/sample-products.csv", "--tenant", "tech")
    assert (imported.returncode, imported.stdout) == (0, "tech: 3 products made, 0 changed.\n"), imported.stderr
    deadline = time.monotonic() + 10
    while demo.call("GET", products, **{"X-API-Key": key})[1]["count"] != page["count"] + 2:  # one is not active
        assert time.monotonic() < deadline
        time.sleep(0.05)

    demo.process.kill()
    demo.process.wait()
    demo.start()
    assert demo.shown() == shown
    status, after = demo.call("GET", products, **{"X-API-Key": key})
    assert status == 200 and after["count"] == page["count"] + 2
    demo.process.terminate()
    assert demo.process.wait(60) == 0
