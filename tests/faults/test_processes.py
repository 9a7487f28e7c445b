"""Several server processes behave as one: what one has changed the others show at once, and they count together."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = pytest.mark.slow
PRODUCTS = "/api/store/products/"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with three processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="merx-processes-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        environ = os.environ | {"MERX_DATA_DIR": str(folder / "data"), "MERX_LOG_LEVEL": "warning"}
        with (folder / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "merx.cli", "serve", "--port", str(port), "--workers", "3"],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        found, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not _ready(found):
            assert process.poll() is None and time.monotonic() < until, (folder / "serve.log").read_text()[-3000:]
            time.sleep(0.05)
        yield found
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


async def fresh(url: str, path: str, key: str) -> httpx.Response:
    """Over a connection of its own, so that it may reach any of the processes."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        return await client.get(path, headers={"X-API-Key": key})


async def processes(url: str) -> set[str]:
    pages = await asyncio.gather(*(fresh(url, "/metrics", "") for _ in range(60)))
    return {pid for page in pages for pid in re.findall(r'merx_requests_in_flight\{process="(\d+)"\}', page.text)}


async def owner(url: str, name: str) -> httpx.AsyncClient:
    client = httpx.AsyncClient(base_url=url, timeout=30)
    person = {
        "business_name": name, "email": f"{name.lower()}@processes.example.com", "password": "correct horse battery",
        "first_name": "P", "last_name": "S",
    }  # fmt: skip
    made = await client.post("/api/platform/register/", json=person)
    assert made.status_code == 201, made.text
    client.headers["Authorization"] = f"Bearer {made.json()['access']}"
    return client


async def key(client: httpx.AsyncClient) -> tuple[str, str]:
    made = (await client.post("/api/platform/api-keys/", json={"name": "shop"})).json()
    return made["key"], made["id"]


async def test_what_one_process_changes_the_others_show_at_once(url: str) -> None:
    shop = await owner(url, "Shown")
    secret, ident = await key(shop)
    made = await shop.post("/api/platform/products/", json={"name": "Lamp", "price": "1.00", "stock_quantity": 5})
    path = f"/api/platform/products/{made.json()['id']}/"
    for cents in range(10, 20):
        changed = await shop.patch(path, json={"price": f"1.{cents}"})
        assert changed.status_code == 200, changed.text
        seen = await asyncio.gather(*(fresh(url, PRODUCTS, secret) for _ in range(5)))
        assert {one.json()["results"][0]["price"] for one in seen} == {f"1.{cents}"}
    assert len(await processes(url)) == 3
    assert (await shop.delete(f"/api/platform/api-keys/{ident}/")).status_code == 204
    refused = await asyncio.gather(*(fresh(url, PRODUCTS, secret) for _ in range(9)))
    assert {one.status_code for one in refused} == {401}
    await shop.aclose()


async def test_the_61st_of_60_is_refused_whichever_process_it_meets(url: str) -> None:
    shop = await owner(url, "Counted")
    secret, _ = await key(shop)
    first = await fresh(url, PRODUCTS, secret)
    answers = [first, *await asyncio.gather(*(fresh(url, PRODUCTS, secret) for _ in range(100)))]
    good = [one for one in answers if one.status_code == 200]
    assert sorted(int(one.headers["x-ratelimit-remaining"]) for one in good) == list(range(60))
    refused = [one for one in answers if one.status_code != 200]
    assert {one.status_code for one in refused} == {429} and all(
        int(one.headers["retry-after"]) <= 60 for one in refused
    )
    await shop.aclose()


async def test_a_process_that_was_killed_takes_no_count_with_it(url: str) -> None:
    shop = await owner(url, "Killed")
    secret, _ = await key(shop)
    for _ in range(5):
        await fresh(url, PRODUCTS, secret)
    for pid in await processes(url):
        psutil.Process(int(pid)).kill()
        break
    until = time.monotonic() + 30
    answer: httpx.Response | None = None
    while answer is None and time.monotonic() < until:
        try:
            answer = await fresh(url, PRODUCTS, secret)
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
    assert answer is not None and answer.headers["x-ratelimit-remaining"] == "54"
    await shop.aclose()
