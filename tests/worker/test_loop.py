"""The loop itself: who fails stops nobody else, who is slow delays nobody else, and what is old is cleared away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests import hooks
from tests.hooks import HookShop, until

from merx.core.webhooks import service
from merx.db.database import Database
from merx.kernel.context import Ctx
from merx.kernel.errors import Busy
from merx.kernel.ids import TenantId
from merx.providers.http import HttpSender
from merx.runtime import Runtime
from merx.worker import loop, store
from merx.worker.jobs import CHORES, DELIVERIES, JOBS, SWEEPS, Chore, Job

A, B = TenantId(UUID(int=1)), TenantId(UUID(int=2))


@pytest.fixture
async def mine(worker_database: Database) -> AsyncIterator[HookShop]:
    sender = HttpSender(allow_private=True)
    yield await hooks.open_hook_shop(hooks.runtime(worker_database, sender))
    await sender.close()


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, TenantId]]:
    """What the loop is told is due."""
    found: list[tuple[str, TenantId]] = []

    async def said(db: Database, now: datetime, busy: Sequence[TenantId]) -> list[tuple[str, TenantId]]:
        return list(found)

    monkeypatch.setattr(loop.store, "work_due", said)
    return found


async def test_one_tenants_failure_stops_no_other(mine: HookShop, due: list[tuple[str, TenantId]]) -> None:
    ran: list[TenantId] = []

    async def job(rt: Runtime, ctx: Ctx) -> int:
        ran.append(ctx.tenant)
        if ctx.tenant == A:
            raise ValueError("a bug")
        return 1

    due += [("holds", A), ("holds", B)]
    async with hooks.working(mine.rt, work={"holds": Job(job, 1)}):
        await until(lambda: ran.count(B) > 5)
        assert 1 <= ran.count(A) < 5  # it rests longer and longer
        await until(lambda: ran.count(A) >= 2)


async def test_who_is_slow_delays_no_other(mine: HookShop, due: list[tuple[str, TenantId]]) -> None:
    stuck, ran = asyncio.Event(), 0

    async def job(rt: Runtime, ctx: Ctx) -> int:
        nonlocal ran
        if ctx.tenant == A:
            await stuck.wait()
        ran += 1
        return 1

    due += [("payments", A), ("payments", B), ("refunds", A)]
    async with hooks.working(mine.rt, work={"payments": Job(job, 2)}, grace=0.1) as task:
        await until(lambda: ran > 5)
        assert not task.done()


async def test_a_tenants_job_never_runs_beside_itself(mine: HookShop, due: list[tuple[str, TenantId]]) -> None:
    now, most, ran = 0, 0, 0

    async def job(rt: Runtime, ctx: Ctx) -> int:
        nonlocal now, most, ran
        now, ran = now + 1, ran + 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return 1

    due += [("relay", A)]
    async with hooks.working(mine.rt, work={"relay": Job(job, 4)}):
        await until(lambda: ran > 5)
    assert most == 1


async def test_the_loop_outlives_a_database_that_is_away(mine: HookShop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ran = 0, 0

    async def away(db: Database, now: datetime, busy: Sequence[TenantId]) -> list[tuple[str, TenantId]]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise Busy("away", code="database_away")
        if asked == 3:
            raise OSError("away")
        return [("holds", A)]

    async def job(rt: Runtime, ctx: Ctx) -> int:
        nonlocal ran
        ran += 1
        return 1

    monkeypatch.setattr(loop.store, "work_due", away)
    async with hooks.working(mine.rt, work={"holds": Job(job, 1)}):
        await until(lambda: ran > 2)


async def test_a_committed_event_wakes_the_loop(mine: HookShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the clock, which is stopped here."""
    monkeypatch.setattr(loop, "POLL_SECONDS", 3600)
    hooks.minding({mine.ctx.tenant}, monkeypatch.setattr)
    async with hooks.working(mine.rt):
        await asyncio.sleep(0.2)
        await mine.happen(1)
        relayed = "select count(*) from outbox where tenant_id = $1 and state = 'relayed'"
        await until(lambda: mine.value(relayed))


async def test_chores_come_round_and_their_failures_stop_nothing(
    mine: HookShop, due: list[tuple[str, TenantId]]
) -> None:
    ran = {"good": 0, "bad": 0}

    async def good(rt: Runtime) -> int:
        ran["good"] += 1
        return 0

    async def bad(rt: Runtime) -> int:
        ran["bad"] += 1
        raise RuntimeError("a bug")

    stop = asyncio.Event()
    task = asyncio.create_task(
        loop.run(mine.rt, stop, work={}, chores={"good": Chore(good, 0.05), "bad": Chore(bad, 0.05)})
    )
    await until(lambda: ran["good"] > 3 and ran["bad"] >= 1)
    stop.set()
    await task


async def test_stopping_by_cancelling_ends_everything(mine: HookShop, due: list[tuple[str, TenantId]]) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def job(rt: Runtime, ctx: Ctx) -> int:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return 1

    due += [("holds", A)]
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(mine.rt, stop, work={"holds": Job(job, 1)}, chores={}, grace=0.1))
    await asyncio.wait_for(began.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_every_kind_of_work_has_a_handler(mine: HookShop, worker_owner: Any) -> None:
    """What the two questions can answer is what the tables of the worker know."""
    for question, known in ((store.WORK_DUE, {*JOBS, DELIVERIES}), (store.STALE_ROWS, set(SWEEPS))):
        asked: set[str] = set()
        for function in re.findall(r"from (\w+)\(", question):
            text = await worker_owner.fetchval("select prosrc from pg_proc where proname = $1", function)
            asked |= set(re.findall(r"select (?:distinct )?'(\w+)'", text))
        assert asked == known, question
    assert set(CHORES) == {"simulator callbacks", "quota windows", "days of the access log"}


async def test_the_question_names_tenants_with_work_and_hides_the_busy(mine: HookShop) -> None:
    tenant = mine.ctx.tenant

    async def kinds(busy: Sequence[TenantId] = ()) -> set[str]:
        """The question has a limit; in a crowd of other tests' tenants it may take a few goes."""
        return {kind for kind, whose in await store.work_due(mine.rt.db, datetime.now(UTC), busy) if whose == tenant}

    assert await kinds() == set()
    await mine.endpoint("https://hooks.example.com/")
    await mine.happen(1)
    assert await kinds() == {"relay"}
    await mine.relay()
    assert await kinds() == {"deliveries"}
    assert await kinds([tenant]) == set()


async def test_the_sweep_clears_what_is_past_its_time(mine: HookShop, worker_owner: Any) -> None:
    await mine.endpoint("https://hooks.example.com/")
    await mine.happen(3)
    await mine.relay()
    old = "update outbox set created_at = created_at - interval '8 days' where tenant_id = $1"
    await worker_owner.execute(old, mine.ctx.tenant)
    await mine.happen(1)
    await worker_owner.execute(
        "update webhook_deliveries set state = 'dead', finished_at = now() - interval '31 days' where tenant_id = $1",
        mine.ctx.tenant,
    )
    await worker_owner.execute(
        """insert into idempotency_keys (tenant_id, principal, key, fingerprint, state, locked_until, created_at)
        values ($1, 'key:1', 'k', 'x', 'started', now(), now() - interval '25 hours')""",
        mine.ctx.tenant,
    )
    assert await loop.sweep(mine.rt) >= 7
    assert (await service.list_events(mine.rt, mine.ctx))[1] == 1
    assert await mine.deliveries() == []
    assert (
        await worker_owner.fetchval("select count(*) from idempotency_keys where tenant_id = $1", mine.ctx.tenant) == 0
    )


async def test_a_sweep_that_fails_leaves_the_others_alone(mine: HookShop, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[TenantId] = []

    async def stale(db: Database, now: datetime) -> list[tuple[str, TenantId]]:
        return [("outbox", A), ("outbox", B)]

    async def clear(rt: Runtime, ctx: Ctx) -> int:
        if ctx.tenant == A:
            raise Busy()
        swept.append(ctx.tenant)
        return 5 if len(swept) < 3 else 0

    monkeypatch.setattr(loop.store, "stale_rows", stale)
    assert await loop.sweep(mine.rt, {"outbox": clear}) == 10
    assert swept == [B] * 3
