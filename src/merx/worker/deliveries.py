"""Sends webhooks. Each tenant with deliveries under way has a task of its own, and each try has one too: a try that
takes long holds up nothing but its own place. Places are shared out so that no endpoint uses another's."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from merx.core.webhooks import rules, service
from merx.core.webhooks.model import RETURNED, Due, Holder, Tried
from merx.kernel import ids, spans
from merx.kernel.context import system
from merx.kernel.errors import MerxError
from merx.kernel.ids import EndpointId, TenantId
from merx.ports import Posting
from merx.runtime import Runtime

MOST_SENDING, MOST_CLAIMED = 400, 4000  # in this process
TURNS_AT_ONCE = 3  # database transactions of all tenants together; the pool serves shoppers too
LOOK_AGAIN_SECONDS = 0.25
GATHER_SECONDS = 0.02  # what ends meanwhile is noted together
NO_SECRET = "The endpoint's secret can't be read with this installation's key; rotate it."  # noqa: S105
log = structlog.get_logger(__name__)


class Senders:
    """The tasks of all tenants. `poke` is all the loop has to say: there is something for this tenant."""

    def __init__(self, rt: Runtime, holder: Holder | None = None) -> None:
        self.rt = rt
        self.holder = holder or Holder(ids.new())
        self.turns = asyncio.Semaphore(TURNS_AT_ONCE)
        self.places = asyncio.Semaphore(MOST_SENDING)
        self.stopping = False
        self.claimed = 0
        self._tenants: dict[TenantId, _Tenant] = {}
        self._tasks: dict[TenantId, asyncio.Task[None]] = {}

    def busy(self) -> list[TenantId]:
        return list(self._tenants)

    def poke(self, tenant: TenantId) -> None:
        if self.stopping:
            return
        found = self._tenants.get(tenant)
        if found is not None:
            found.nudge()
            return
        found = self._tenants[tenant] = _Tenant(self, tenant)
        task = asyncio.create_task(found.run(lambda: self._tenants.pop(tenant, None)))
        self._tasks[tenant] = task
        task.add_done_callback(lambda done: self._ended(tenant, done))

    def _ended(self, tenant: TenantId, task: asyncio.Task[None]) -> None:
        if self._tasks.get(tenant) is task:
            del self._tasks[tenant]
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._tenants.pop(tenant, None)
            log.error("worker.deliveries.failed", tenant=str(tenant), exc_info=bug)

    async def stop(self, grace: float) -> None:
        """Claims nothing more, lets tries end for `grace` seconds, and gives back those that did not."""
        self.stopping = True
        tenants, tasks = list(self._tenants.values()), list(self._tasks.values())
        for tenant in tenants:
            tenant.nudge()
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for tenant in tenants:
            tenant.give_back()
        if remaining := [task for task in tasks if not task.done()]:
            await asyncio.wait(remaining, timeout=grace)
            for task in remaining:
                task.cancel()
            await asyncio.gather(*remaining, return_exceptions=True)


class _Lane:
    """The way to one endpoint: what was claimed for it and waits for one of its places, and what is on its way."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, Due]] = deque()
        self.places = 1
        self.sending: set[asyncio.Task[None]] = set()


class _Tenant:
    def __init__(self, senders: Senders, tenant: TenantId) -> None:
        self._all, self._tenant = senders, tenant
        self._policy = senders.holder.policy
        self._lanes: dict[EndpointId, _Lane] = {}
        self._held = 0  # claimed, and not yet among the ended
        self._ended: list[Tried] = []
        self._something = asyncio.Event()
        self._work = True

    def nudge(self) -> None:
        self._work = True
        self._something.set()

    def give_back(self) -> None:
        for lane in self._lanes.values():
            self._return_waiting(lane)
            for task in lane.sending:
                task.cancel()

    async def run(self, leave: Callable[[], object]) -> None:
        """Until nothing is due and nothing is on its way. `leave` is called at the moment that is certain, so that
        whoever comes later starts a new task."""
        spans.OPEN.set(None)  # whatever poked us ends long before this
        try:
            failures = 0
            while True:
                self._something.clear()
                self._work = False
                try:
                    claimed = await self._turn()
                    failures = 0
                except Exception as wrong:
                    failures += 1
                    self._complain(wrong)
                    await self._wait(min(0.25 * 2**failures, 10))
                    if self._all.stopping and failures > 2:
                        return
                    continue
                if not self._held and not self._ended and not claimed and not self._something.is_set():
                    return
                await self._wait(LOOK_AGAIN_SECONDS)
                if not self._work and self._held:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            leave()
            for lane in self._lanes.values():
                for task in lane.sending:
                    task.cancel()

    async def _turn(self) -> int:
        """Notes what has ended and claims what there is room for. What could not be noted is kept for the next turn:
        noting it twice changes nothing."""
        stopping = self._all.stopping
        if stopping:
            for lane in self._lanes.values():
                self._return_waiting(lane)
        ended = list(self._ended)
        places = self._policy.most_claimed - self._held
        room = 0 if stopping else max(0, min(places, MOST_CLAIMED - self._all.claimed))
        if not ended and not room:
            return 0
        async with self._all.turns:
            claimed = await service.take_turn(self._all.rt, system(self._tenant), self._all.holder, ended, room)
        del self._ended[: len(ended)]
        self._held += len(claimed)
        self._all.claimed += len(claimed)
        at = time.monotonic()
        touched = {due.endpoint_id: due.places for due in claimed}
        for due in claimed:
            self._lanes.setdefault(due.endpoint_id, _Lane()).waiting.append((at, due))
        for endpoint, share in touched.items():
            self._lanes[endpoint].places = share
            self._fill(self._lanes[endpoint])
        return len(claimed)

    def _fill(self, lane: _Lane) -> None:
        for _ in range(min(lane.places - len(lane.sending), len(lane.waiting))):
            task = asyncio.create_task(self._send(lane))
            lane.sending.add(task)
            task.add_done_callback(lane.sending.discard)

    async def _send(self, lane: _Lane) -> None:
        """One of the lane's places: sends what waits, one after the other. After a failure nothing more of it is sent:
        the endpoint has one place from then on, or none if it went well for others meanwhile."""
        patience = self._policy.wait_at_most.total_seconds()
        while lane.waiting and len(lane.sending) <= lane.places:
            claimed_at, due = lane.waiting.popleft()
            begun = False
            try:
                async with self._all.places:
                    begun = not self._all.stopping and time.monotonic() - claimed_at <= patience
                    tried = await self._attempt(due) if begun else _returned(due, begun)
            except BaseException:
                self._note(_returned(due, begun))
                raise
            self._note(tried)
            if begun and not tried.succeeded:
                self._return_waiting(lane)

    async def _attempt(self, due: Due) -> Tried:
        told: dict[str, str | int] = {
            "merx.tenant": str(self._tenant),
            "merx.event": due.kind,
            "merx.delivery": str(due.delivery_id),
            "merx.attempt": due.attempt,
        }
        with spans.alone(self._all.rt.tracer, f"deliver {due.kind}", told, "producer") as span:
            tried = await attempt(self._all.rt, due)
            if not tried.succeeded:
                span.fail(str(tried.status or "no_answer"))
            return tried

    def _return_waiting(self, lane: _Lane) -> None:
        while lane.waiting:
            self._note(_returned(lane.waiting.popleft()[1], begun=False))

    def _note(self, tried: Tried) -> None:
        self._held -= 1
        self._all.claimed -= 1
        self._ended.append(tried)
        self._something.set()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something.wait()

    def _complain(self, wrong: Exception) -> None:
        if isinstance(wrong, MerxError):
            log.warning("worker.deliveries.postponed", tenant=str(self._tenant), reason=wrong.code)
        else:
            log.error("worker.deliveries.failed", tenant=str(self._tenant), exc_info=wrong)


def _returned(due: Due, begun: bool) -> Tried:
    return Tried(due, datetime.now(UTC), 0, error=RETURNED, returned=True, begun=begun)


async def attempt(rt: Runtime, due: Due) -> Tried:
    """One try. A bug of ours is a try that failed, or it would be tried for ever."""
    began, at = time.perf_counter(), datetime.now(UTC)
    if not due.secrets:
        return Tried(due, at, 0, error=NO_SECRET)
    try:
        answered = await rt.webhooks.send(Posting(due.url, rules.headers(due, at), due.body))
    except Exception as bug:
        log.error("worker.webhook.failed", delivery=str(due.delivery_id), exc_info=bug)
        return Tried(
            due, datetime.now(UTC), round((time.perf_counter() - began) * 1000), error="The try failed inside Merx."
        )
    return Tried(
        due=due,
        at=datetime.now(UTC),
        milliseconds=answered.milliseconds,
        status=answered.status,
        error=answered.error,
        answer=answered.text,
        retry_after=answered.retry_after,
    )
