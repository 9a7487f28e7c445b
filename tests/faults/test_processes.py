"""Several server processes behave as one: what one has changed the others show at once, and they count together."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.ports import free_port

pytestmark = pytest.mark.slow
PRODUCTS = "/api/store/products/"
PROCESS = re.compile(r'merx_requests_in_flight\{process="(\d+)"\}')


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with three processes, each of which answers."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="merx-processes-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        environ = os.environ | {"MERX_DATA_DIR": str(folder / "data"), "MERX_LOG_LEVEL": "warning"}
        with (folder / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "merx.cli", "serve", "--port", str(port), "--workers", "3"],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        found, until, answered = f"http://127.0.0.1:{port}", time.monotonic() + 60, set[str]()
        while len(answered) < 3:
            answered |= _who_answers(found)
            assert process.poll() is None and time.monotonic() < until, (folder / "serve.log").read_text()[-3000:]
            time.sleep(0.05)
        yield found
        process.terminate()
        process.wait(30)


def _who_answers(url: str) -> set[str]:
    try:
        return set(PROCESS.findall(httpx.get(f"{url}/metrics", timeout=2).text))
    except httpx.HTTPError:
        return set()


async def fresh(url: str, path: str, key: str) -> httpx.Response:
    """Over a connection of its own, so that it may reach any of the processes."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        return await client.get(path, headers={"X-API-Key": key})


async def processes(url: str) -> set[str]:
    pages = await asyncio.gather(*(fresh(url, "/metrics", "") for _ in range(60)))
    return {pid for page in pages for pid in PROCESS.findall(page.text)}


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


SAMPLE = re.compile(r'^(\w+)\{([^}]*process="(\d+)"[^}]*)\} (\S+)$', re.MULTILINE)


async def scrape(url: str) -> tuple[set[str], dict[tuple[str, str], float]]:
    """Which processes one answer shows, and the value of each counter in it."""
    page = (await fresh(url, "/metrics", "")).text
    samples = SAMPLE.findall(page)
    assert len(samples) == len({(name, labels) for name, labels, _, _ in samples})  # Prometheus would refuse it all
    counted = {
        (name, labels): float(value)
        for name, labels, _, value in samples
        if name.endswith(("_total", "_count", "_sum", "_bucket"))
    }
    return {process for _, _, process, _ in samples}, counted


async def test_every_scrape_shows_every_process_and_no_counter_goes_back(url: str) -> None:
    everybody = await processes(url)
    assert len(everybody) == 3
    last: dict[tuple[str, str], float] = {}
    lives = 0.0
    for turn in range(30):
        await asyncio.gather(*(fresh(url, "/livez", "") for _ in range(turn % 5)))
        shown, counted = await scrape(url)
        assert shown == everybody
        back = {name: (was, counted.get(name)) for name, was in last.items() if counted.get(name, -1.0) < was}
        assert not back
        last = counted
    await asyncio.sleep(1.2)  # all have published by then
    _, counted = await scrape(url)
    lives = sum(value for (name, _), value in counted.items() if name == "merx_request_seconds_count")
    asked = [await fresh(url, "/livez", "") for _ in range(20)]
    assert {one.status_code for one in asked} == {200}
    await asyncio.sleep(1.2)
    _, counted = await scrape(url)
    now = sum(value for (name, _), value in counted.items() if name == "merx_request_seconds_count")
    assert now - lives >= 20 + 1  # whichever processes they met; and the scrape before


async def test_a_killed_process_is_shown_no_more_and_the_one_in_its_place_is(url: str) -> None:
    before = await processes(url)
    killed = min(before)
    process = psutil.Process(int(killed))
    process.kill()
    process.wait(10)
    until = time.monotonic() + 30
    shown: set[str] = set()
    while len(shown) < 3 and time.monotonic() < until:
        try:
            shown, _ = await scrape(url)
        except httpx.HTTPError:  # it had accepted this one
            continue
        assert killed not in shown
        await asyncio.sleep(0.1)
    assert len(shown) == 3 and before - shown == {killed}


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
