"""The same key does a thing once: over the real database, with the effects counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from tests.edge.fake import KEY, SECRET, App, credential, runtime, state

from merx.core.auth.model import EVERYTHING
from merx.core.idempotency import service
from merx.core.idempotency.model import Claim, InProgress, KeyReused, Remembered
from merx.core.tenants.model import Plan
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.ids import TenantId

THINGS = "/fake/v1/things/"
INSERT_TENANT = "insert into tenants (id, slug, name, plan, created_at) values ($1, $2, $3, 'free', now())"


@pytest.fixture
async def app(database: Database, owner: Any) -> App:
    tenant = ids.new()
    await owner.execute(INSERT_TENANT, tenant, f"t-{tenant.hex[-12:]}", "Once")
    rt = msgspec.structs.replace(runtime(), db=database)
    app = App(rt)
    for key, actor in ((SECRET, 8), (KEY, 7)):
        found = credential(Plan.ENTERPRISE, EVERYTHING, actor)
        app.authority.keys[key] = msgspec.structs.replace(found, tenant=TenantId(tenant))
    return app


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def make(client: httpx.AsyncClient, key: str, body: Any = None, secret: str = SECRET) -> httpx.Response:
    sent = {"X-API-Key": secret, "Idempotency-Key": key}
    return await client.post(THINGS, json=body or {"name": "a", "price": 1}, headers=sent)


@pytest.mark.usefixtures("crowd")
async def test_twenty_at_once_make_one(client: httpx.AsyncClient) -> None:
    made = state.made
    answers = await asyncio.gather(*(make(client, "k1") for _ in range(20)))
    assert state.made == made + 1
    good = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code != 201]
    assert good and len({answer.content for answer in good}) == 1
    assert all(answer.status_code == 409 and answer.headers["retry-after"] == "1" for answer in waiting)
    again = await make(client, "k1")
    assert again.content == good[0].content and again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == good[0].headers["content-type"]
    assert state.made == made + 1


async def test_the_body_counts_by_its_meaning(client: httpx.AsyncClient) -> None:
    headers = {"X-API-Key": SECRET, "Idempotency-Key": "k2", "Content-Type": "application/json"}
    first = await client.post(THINGS, content=b'{"name":"a","price":1}', headers=headers)
    again = await client.post(THINGS, content=b'{ "price": 1, "name": "a" }', headers=headers)
    assert again.content == first.content and "idempotent-replayed" in again.headers
    other = await client.post(THINGS, content=b'{"name":"b","price":1}', headers=headers)
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


async def test_a_key_belongs_to_its_caller_and_address(client: httpx.AsyncClient) -> None:
    made = state.made
    first = await make(client, "k3")
    theirs = await make(client, "k3", secret=KEY)
    assert first.status_code == theirs.status_code == 201 and state.made == made + 2
    assert "idempotent-replayed" not in theirs.headers
    headers = {"X-API-Key": SECRET, "Idempotency-Key": "k3"}
    assert (await client.patch(THINGS + "t1", headers=headers)).status_code == 422


async def test_who_has_no_credential_has_a_key_too(client: httpx.AsyncClient) -> None:
    made, key = state.made, ids.new().hex
    first = await client.post("/fake/v1/open/", json={"email": "a"}, headers={"Idempotency-Key": key})
    again = await client.post("/fake/v1/open/", json={"email": "a"}, headers={"Idempotency-Key": key})
    other = await client.post("/fake/v1/open/", json={"email": "b"}, headers={"Idempotency-Key": key})
    assert first.status_code == 201 and again.content == first.content and "idempotent-replayed" in again.headers
    assert other.status_code == 422 and state.made == made + 1


async def test_whose_scopes_changed_gets_no_old_answer(client: httpx.AsyncClient, app: App) -> None:
    await make(client, "k4")
    narrowed = msgspec.structs.replace(app.authority.keys[SECRET], scopes=frozenset({"catalog:read"}))
    app.authority.keys[SECRET] = narrowed
    assert (await make(client, "k4")).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "replayed"),
    [
        ({"name": "refused", "price": 1}, 422, True),
        ({"name": "busy", "price": 1}, 503, False),
        ({"name": "", "price": 1}, 400, False),
    ],
)
async def test_what_is_remembered(client: httpx.AsyncClient, body: Any, status: int, replayed: bool) -> None:
    key = f"k-{body['name']}"
    assert (await make(client, key, body)).status_code == status
    made = state.made
    again = await make(client, key, body)
    assert again.status_code == status and ("idempotent-replayed" in again.headers) is replayed
    if replayed:
        assert state.made == made
    else:  # the key is free for what is right
        assert (await make(client, key)).status_code == 201


async def test_a_malformed_key_is_400(client: httpx.AsyncClient) -> None:
    for key in ("", "a b", "x" * 256):
        answer = await make(client, key)
        assert answer.status_code == 400 and answer.json()["code"] == "idempotency_key_malformed"


async def test_nothing_readable_is_stored(client: httpx.AsyncClient, app: App, owner: Any) -> None:
    await make(client, "k5", {"name": "CANARY", "price": 1})
    tenant = app.authority.keys[SECRET].tenant
    rows = await owner.fetch("select * from idempotency_keys where tenant_id = $1", tenant)
    assert len(rows) == 1 and "CANARY" not in str(rows) and b"CANARY" not in rows[0]["body"]


async def test_a_crash_leaves_the_key_to_its_lease(app: App) -> None:
    tenant = app.authority.keys[SECRET].tenant
    now = datetime.now(UTC)

    def at(seconds: float) -> Ctx:
        return Ctx(tenant, ActorKind.KEY, UUID(int=8), now=now + timedelta(seconds=seconds))

    first = await service.begin(app.rt, at(0), "p", "k6", b"a")
    assert isinstance(first, Claim)
    with pytest.raises(InProgress):
        await service.begin(app.rt, at(59), "p", "k6", b"a")
    with pytest.raises(KeyReused):
        await service.begin(app.rt, at(61), "p", "k6", b"b")
    second = await service.begin(app.rt, at(61), "p", "k6", b"a")
    assert isinstance(second, Claim)
    # The first one wakes up: it may neither answer for the second nor take its claim away.
    await service.finish(app.rt, at(62), first, Remembered(200, {}, b"late"))
    await service.release(app.rt, at(62), first)
    with pytest.raises(InProgress):
        await service.begin(app.rt, at(63), "p", "k6", b"a")
    await service.finish(app.rt, at(64), second, Remembered(201, {"content-type": "x"}, b"good"))
    assert await service.begin(app.rt, at(3600), "p", "k6", b"a") == Remembered(201, {"content-type": "x"}, b"good")
    anew = await service.begin(app.rt, at(86_500), "p", "k6", b"b")  # after a day the key is as good as new
    assert isinstance(anew, Claim)
    assert await service.forget_old(app.rt, at(2 * 86_500)) == 1
