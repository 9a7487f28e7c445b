"""The loop: asks once, for all tenants, what is due, and starts it. It never waits for what it started, so that nothing
slow delays anything else; what fails is logged, rests a while, and stops neither the loop nor the other tenants."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog

from merx.core.webhooks.model import Holder
from merx.kernel import spans
from merx.kernel.context import system
from merx.kernel.errors import MerxError
from merx.kernel.ids import TenantId
from merx.runtime import Runtime
from merx.worker import jobs, store
from merx.worker.deliveries import Senders
from merx.worker.jobs import CHORES, DELIVERIES, JOBS, SWEEPS, Chore, ForTenant, Job

POLL_SECONDS = 0.25
JITTER = 0.2
AT_MOST_EVERY = 0.1  # a busy shop commits events all the time; what comes meanwhile is found in one look
NOTHING_DONE_REST = 1.0
LONGEST_REST = 60.0
JOB_SECONDS = 120.0
GRACE_SECONDS = 5.0
SWEEP_ROUNDS = 20
log = structlog.get_logger(__name__)
_Key = str | tuple[str, TenantId]  # a chore's name, or a kind of work for a tenant


async def run(
    rt: Runtime,
    stop: asyncio.Event,
    *,
    work: Mapping[str, Job] = JOBS,
    chores: Mapping[str, Chore] = CHORES,
    holder: Holder | None = None,
    grace: float = GRACE_SECONDS,
) -> None:
    """Works until `stop` is set (or this task is cancelled), then ends or gives back what it had begun."""
    worker = Worker(rt, work, chores, holder)
    try:
        await worker.work_until(stop)
    finally:
        await worker.stop(grace)


class Worker:
    def __init__(
        self, rt: Runtime, work: Mapping[str, Job], chores: Mapping[str, Chore], holder: Holder | None = None
    ) -> None:
        self._rt, self._work, self._chores = rt, work, chores
        self._senders = Senders(rt, holder)
        self._places = {kind: asyncio.Semaphore(job.at_once) for kind, job in work.items()}
        self._running: dict[_Key, asyncio.Task[None]] = {}
        self._resting: dict[_Key, tuple[float, int]] = {}  # until when, after how many failures in a row
        self._round: dict[str, float] = {}
        self._away = False

    async def work_until(self, stop: asyncio.Event) -> None:
        sweep_at = time.monotonic() + random.uniform(1, jobs.SWEEP_EVERY)  # noqa: S311
        while not stop.is_set():
            self._rt.db.wake.clear()
            began = time.monotonic()
            await self._look()
            self._do_chores(began)
            if began >= sweep_at:
                sweep_at = began + jobs.SWEEP_EVERY * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
                self._start("sweep", self._sweep)
            await _first_of(stop, timeout=AT_MOST_EVERY)
            if not stop.is_set():
                pause = POLL_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
                await _first_of(stop, self._rt.db.wake, timeout=pause)

    async def stop(self, grace: float) -> None:
        tasks = list(self._running.values())
        sending = asyncio.create_task(self._senders.stop(grace))
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=grace)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        await sending

    async def _look(self) -> None:
        try:
            due = await store.work_due(self._rt.db, datetime.now(UTC), self._senders.busy())
        except Exception as wrong:
            if not self._away:
                log.warning("worker.database_away", reason=_reason(wrong), exc_info=_bug(wrong))
            self._away = True
            return
        self._away = False
        for kind, tenant in due:
            if kind == DELIVERIES:
                self._senders.poke(tenant)
            elif kind in self._work:
                self._start((kind, tenant), partial(self._job, kind, tenant))

    def _do_chores(self, now: float) -> None:
        for name, chore in self._chores.items():
            if now >= self._round.get(name, 0.0):
                self._round[name] = now + chore.every
                self._start(name, partial(self._chore, name, chore))

    def _start(self, key: _Key, begin: Callable[[], Awaitable[bool]]) -> None:
        """Unless it runs already, or rests."""
        if key in self._running or self._resting.get(key, (0.0, 0))[0] > time.monotonic():
            return
        self._running[key] = asyncio.create_task(self._guarded(key, begin))

    async def _guarded(self, key: _Key, begin: Callable[[], Awaitable[bool]]) -> None:
        """`begin` answers whether it got something done."""
        failures = self._resting.pop(key, (0.0, 0))[1]
        rest = 0.0
        try:
            async with asyncio.timeout(JOB_SECONDS):
                if not await begin() and isinstance(key, tuple):
                    rest = NOTHING_DONE_REST
            failures = 0
        except Exception as wrong:
            failures += 1
            rest = min(2.0 ** (failures - 1), LONGEST_REST)
            level = logging.WARNING if _bug(wrong) is None else logging.ERROR
            log.log(level, "worker.failed", job=str(key), reason=_reason(wrong), again_in=rest, exc_info=_bug(wrong))
        finally:
            del self._running[key]
        if rest:
            self._resting[key] = (time.monotonic() + rest, failures)

    async def _job(self, kind: str, tenant: TenantId) -> bool:
        told = {"merx.job": kind, "merx.tenant": str(tenant)}
        async with self._places[kind]:
            with spans.alone(self._rt.tracer, f"job {kind}", told) as span:
                done = await self._work[kind].run(self._rt, system(tenant))
                span.note({"merx.done": done})
        if done and kind == "relay":  # there may be more, and there may be deliveries now
            self._senders.poke(tenant)
            self._rt.db.wake.set()
        return done > 0

    async def _chore(self, name: str, chore: Chore) -> bool:
        tracer = self._rt.tracer if chore.traced else None
        with spans.alone(tracer, f"chore {name}", {"merx.job": name}):
            return bool(await chore.run(self._rt))

    async def _sweep(self) -> bool:
        with spans.alone(self._rt.tracer, "sweep", {"merx.job": "sweep"}) as span:
            cleared = await sweep(self._rt)
            span.note({"merx.done": cleared})
        return cleared > 0


async def sweep(rt: Runtime, sweeps: Mapping[str, ForTenant] = SWEEPS) -> int:
    """Clears away what is past its time, tenant by tenant, some at a time; how much it was. A tenant that fails is left
    for the next sweep."""
    cleared, failed = 0, set()
    for _ in range(SWEEP_ROUNDS):
        found = [entry for entry in await store.stale_rows(rt.db, datetime.now(UTC)) if entry not in failed]
        gone = 0
        for kind, tenant in found:
            try:
                here = await sweeps[kind](rt, system(tenant))
            except Exception as wrong:
                here = 0
                log.warning(
                    "worker.sweep_failed", kind=kind, tenant=str(tenant), reason=_reason(wrong), exc_info=_bug(wrong)
                )
            gone += here
            if here == 0:
                failed.add((kind, tenant))
        cleared += gone
        if gone == 0:
            break
    return cleared


async def _first_of(*events: asyncio.Event, timeout: float) -> None:  # noqa: ASYNC109
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _bug(wrong: Exception) -> Exception | None:
    """Only what is our own fault needs a traceback."""
    return None if isinstance(wrong, MerxError | TimeoutError | OSError) else wrong


def _reason(wrong: Exception) -> str:
    return wrong.code if isinstance(wrong, MerxError) else type(wrong).__name__
