"""The whole composition over the real database: two processes' worth of gateways, real keys, real changes."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.edge.fake import FAKE, state

from merx import asgi
from merx.assembly import open_runtime
from merx.core.auth import keys
from merx.core.auth import service as auth
from merx.core.auth.model import KeyType, SignedIn
from merx.db.dsn import Dsn
from merx.edge import answers
from merx.edge.authority import Services
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.runtime import Runtime
from merx.settings import Settings
from merx.web import callbacks

THINGS = "/fake/v1/things/"


class Process:
    def __init__(self, rt: Runtime, client: httpx.AsyncClient) -> None:
        self.rt, self.client = rt, client

    async def list(self, key: str, **headers: str) -> httpx.Response:
        return await self.client.get(THINGS, headers={"X-API-Key": key, **headers})


@contextlib.asynccontextmanager
async def process(dsn: Dsn) -> AsyncIterator[Process]:
    settings = Settings(secret_key=b"k" * 32)
    async with open_runtime(settings, dsn) as rt, asgi.running(rt) as gateway:
        transport = httpx.ASGITransport(gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield Process(rt, client)


@pytest.fixture(autouse=True)
def dialects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "DIALECTS", (FAKE,))
    for name in ("KEY_TRUST_SECONDS", "ANSWER_TRUST_SECONDS"):  # on a busy machine the polls may be late
        monkeypatch.setattr(answers, name, 60)


@pytest.fixture
async def here(dsn: Dsn) -> AsyncIterator[Process]:
    async with process(dsn) as found:
        yield found


@pytest.fixture
async def shop(here: Process) -> SignedIn:
    name = f"Edge {ids.new().hex[-10:]}"
    return await auth.register(here.rt, auth.Registration(name, f"{ids.new().hex}@example.com", "a long passphrase 1"))


def owner_of(shop: SignedIn) -> Ctx:
    scopes = frozenset({"*"})
    return Ctx(shop.tenant.id, ActorKind.STAFF, shop.member.staff.id, None, scopes, now=datetime.now(UTC))


async def until(true: Callable[[], Any], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


async def settled(process: Process, key: str) -> None:
    """Asks until two answers are the same: both key and answer are in memory, with their versions known."""

    async def same() -> bool:
        one = await process.list(key)
        await asyncio.sleep(0.3)
        return one.content == (await process.list(key)).content

    await until(same)


async def test_reads_come_from_memory_until_something_changes(
    here: Process, shop: SignedIn, dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await keys.create(here.rt, owner_of(shop), "front", KeyType.PUBLISHABLE)
    async with process(dsn) as there:
        await settled(here, made.secret)
        await settled(there, made.secret)
        listed, asked = state.listed, list[str]()
        with monkeypatch.context() as watched:
            for name in ("by_key", "by_token", "shop", "origins"):  # all that the edge asks for a request
                watched.setattr(Services, name, spy(getattr(Services, name), asked))

            async def known() -> bool:
                asked.clear()
                return (await here.list(made.secret)).status_code == 200 and asked == []

            await until(known)  # a key that nobody shows between two polls is forgotten
            for _ in range(20):
                assert (await here.list(made.secret)).status_code == 200
        assert state.listed == listed and asked == []
        tag = (await here.list(made.secret)).headers["etag"]
        assert (await here.list(made.secret, **{"If-None-Match": tag})).status_code == 304
        before = (await there.list(made.secret)).content
        async with here.rt.db.begin(owner_of(shop)) as tx:
            tx.touch_catalog()
        assert (await here.list(made.secret)).headers["etag"] != tag  # at once, here

        async def changed() -> bool:
            return (await there.list(made.secret)).content != before

        await until(changed)  # by the poll, there


def spy(real: Any, asked: list[str]) -> Any:
    async def noted(*args: Any) -> Any:
        asked.append(real.__name__)
        return await real(*args)

    return noted


async def test_a_revoked_key_is_dead_here_at_once_and_soon_elsewhere(here: Process, shop: SignedIn, dsn: Dsn) -> None:
    made = await keys.create(here.rt, owner_of(shop), "front", KeyType.PUBLISHABLE)
    async with process(dsn) as there:
        await settled(here, made.secret)
        await settled(there, made.secret)
        await keys.revoke(here.rt, owner_of(shop), made.key.id)
        assert (await here.list(made.secret)).status_code == 401

        async def dead() -> bool:
            return (await there.list(made.secret)).status_code == 401

        await until(dead)
        # What is not a catalogue read asks the database each time.
        assert (await there.client.get("/fake/v1/who/", headers={"X-API-Key": made.secret})).json()["actor"] is None


async def test_keys_hosts_and_tokens_of_real_shops(here: Process, shop: SignedIn) -> None:
    made = await keys.create(here.rt, owner_of(shop), "front", KeyType.PUBLISHABLE)
    host = {"Host": f"{shop.tenant.slug}.localhost:8000"}
    who = "/fake/v1/who/"
    assert (await here.client.get(who, headers=host)).json()["tenant"] == str(shop.tenant.id)
    assert (await here.client.get(who, headers={"Host": "platform.localhost"})).json()["tenant"] is None
    token = {"Authorization": f"Bearer {shop.tokens.access}"}
    found = (await here.client.get(who, headers={**host, **token})).json()
    assert found["actor"] == "staff" and found["tenant"] == str(shop.tenant.id)
    both = (await here.client.get(who, headers={**token, "X-API-Key": made.secret})).json()
    assert both["actor"] == "staff"
    answer = await here.client.get(who, headers={"X-API-Key": made.secret})
    assert answer.json()["actor"] == "key" and answer.headers["x-ratelimit-limit"] == "60"
    other = await auth.register(
        here.rt, auth.Registration("Other", f"{ids.new().hex}@example.com", "a long passphrase 1")
    )
    foreign = {"Authorization": f"Bearer {other.tokens.access}", "X-API-Key": made.secret}
    assert (await here.client.get(who, headers=foreign)).json()["denied"] == "wrong_tenant"
    misspelled = made.secret[:-1] + ("x" if made.secret[-1] != "x" else "y")
    assert (await here.client.get(who, headers={**host, "X-API-Key": misspelled})).json()["actor"] is None


async def test_readiness_and_small_pages(here: Process) -> None:
    assert (await here.client.get("/readyz")).status_code == 200
    assert "merx_answers_bytes" in (await here.client.get("/metrics")).text
    assert (await here.client.get("/assets/docs.css")).status_code == 200
    assert (await here.client.post("/webhooks/stripe/nobody")).status_code == 404
    assert (await here.client.get("/fake/v1/docs")).status_code == 200


async def test_callbacks_need_their_signature(here: Process, shop: SignedIn) -> None:
    for name in (shop.tenant.slug, str(shop.tenant.id)):
        answer = await here.client.post(f"/webhooks/stripe/{name}", content=b"{}", headers={"Stripe-Signature": "t=1"})
        assert answer.status_code == 400 and answer.json() == {"received": False}
    assert (await here.client.post(f"/webhooks/nothing/{shop.tenant.id}", content=b"{}")).status_code == 404


async def test_an_address_whose_callbacks_nobody_signed_is_asked_to_wait(
    here: Process, shop: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a look at the database, and needs no credential. What a provider signed is never counted."""
    monkeypatch.setattr(callbacks, "REFUSED_A_MINUTE", 4)
    secret = here.rt.test_account("razorpay", shop.tenant.id).credentials["webhook_secret"]

    async def sent(name: str, key: str) -> httpx.Response:
        body = json.dumps({"event": "payment.failed", "payload": {"payment": {"entity": {"order_id": name}}}}).encode()
        headers = {"X-Razorpay-Signature": hmac.new(key.encode(), body, "sha256").hexdigest()}
        return await here.client.post(f"/webhooks/razorpay/{name}", content=body, headers=headers)

    genuine = [(await sent(shop.tenant.slug, secret)).status_code for _ in range(6)]
    made_up = [await sent(name, "guessed") for name in (shop.tenant.slug, "no-such-shop") for _ in range(3)]
    assert genuine == [200] * 6 and [one.status_code for one in made_up] == [400, 400, 400, 404, 429, 429]
    assert 0 < int(made_up[-1].headers["retry-after"]) <= 60
