"""A shop whose webhooks go to listeners of the test, and a worker that minds this shop alone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from standardwebhooks import Webhook
from tests.http_server import Heard

from merx.core.tenants import opening
from merx.core.webhooks import service
from merx.core.webhooks.model import Delivery, Holder, NewEndpoint, Policy
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.events import ORDER_PAID, WEBHOOK_KINDS, Event
from merx.kernel.ids import EndpointId, TenantId
from merx.ports import Account
from merx.providers.http import HttpSender
from merx.runtime import Runtime
from merx.settings import Settings
from merx.vault import Vault
from merx.worker import loop
from merx.worker.jobs import JOBS, Job
from merx.worker.relay import relay

SECRET = b"a secret for tests, and for tests only"
_WORK_DUE = loop.store.work_due
QUICK = Policy(pauses=(0.05,) * 9)


def runtime(database: Database, sender: HttpSender) -> Runtime:
    return Runtime(
        settings=Settings(webhooks_allow_private=True),
        db=database,
        vault=Vault(SECRET),
        payments={},
        test_account=lambda name, tenant: Account(tenant, {}),
        webhooks=sender,
    )


@dataclass
class HookShop:
    rt: Runtime
    ctx: Ctx
    endpoints: list[NewEndpoint] = field(default_factory=list)

    async def endpoint(self, url: str, events: Sequence[str] = WEBHOOK_KINDS) -> NewEndpoint:
        made = await service.create_endpoint(self.rt, self.ctx, url, events)
        self.endpoints.append(made)
        return made

    async def happen(self, count: int, kind: str = ORDER_PAID) -> None:
        """So many orders are paid."""
        async with self.rt.db.begin(msgspec.structs.replace(self.ctx, now=datetime.now(UTC))) as tx:
            for number in range(count):
                tx.emit(Event(kind, ids.new(), {"order_number": f"ORD-{number:03d}", "grand_total": "19.99"}))

    async def relay(self) -> int:
        return await relay(self.rt, self.ctx)

    async def deliveries(self, endpoint: EndpointId | None = None, state: str | None = None) -> list[Delivery]:
        wanted = None if state is None else service.DeliveryState(state)
        found, _ = await service.list_deliveries(
            self.rt, self.ctx, endpoint_id=endpoint, state=wanted, limit=100_000, offset=0
        )
        return found

    async def event_ids(self) -> set[str]:
        found, _ = await service.list_events(self.rt, self.ctx, limit=100_000)
        return {str(event.id) for event in found}

    def at(self, seconds: float) -> Ctx:
        return msgspec.structs.replace(self.ctx, now=self.ctx.now + timedelta(seconds=seconds))

    async def value(self, sql: str, *args: Any) -> Any:
        async with self.rt.db.begin(self.ctx) as tx:
            row = await tx.row(sql, *args)
        return row[0] if row else None


async def open_hook_shop(rt: Runtime) -> HookShop:
    wanted = await opening.draft(rt, datetime.now(UTC), f"Hooks {os.urandom(6).hex()}")
    ctx = system(wanted.id, "tests")
    async with rt.db.begin(ctx) as tx:
        assert await opening.open_shop(tx, wanted) is not None
    return HookShop(rt, ctx)


def verified(heard: Heard, secret: str) -> Mapping[str, Any]:
    """What a receiver does: checks both families of signatures, the standard one with a library that is not ours."""
    named = {name: value for name, value in heard.headers.items() if name.startswith("webhook-")}
    body: Mapping[str, Any] = Webhook(secret).verify(heard.body, named)
    ours = "sha256=" + hmac.new(secret.encode(), heard.body, hashlib.sha256).hexdigest()
    previous = heard.headers.get("x-webhook-signature-previous")
    assert ours in (heard.headers["x-webhook-signature"], previous)
    assert heard.headers["x-webhook-event"] == body["type"]
    return body


def minding(tenants: Collection[TenantId], patch: Callable[[Any, str, Any], Any]) -> None:
    """The loop sees no other tenant's work: tests run beside this one, on the same database."""

    async def only(db: Database, now: datetime, busy: Sequence[TenantId]) -> list[tuple[str, TenantId]]:
        return [found for found in await _WORK_DUE(db, now, busy) if found[1] in tenants]

    patch(loop.store, "work_due", only)


@contextlib.asynccontextmanager
async def working(
    rt: Runtime, policy: Policy = QUICK, work: Mapping[str, Job] | None = None, grace: float = 2
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    work = {"relay": JOBS["relay"]} if work is None else work
    holder = Holder(ids.new(), policy)
    task = asyncio.create_task(loop.run(rt, stop, work=work, chores={}, holder=holder, grace=grace))
    try:
        yield task
    finally:
        stop.set()
        await task


async def until(true: Callable[[], Any], seconds: float = 30) -> None:
    """Waits for something that must come true; `true` may be sync or async."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
