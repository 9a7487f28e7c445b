"""`python -m bench.webhooks`: so many events to five endpoints, one of which never answers, through `merx worker` in a
process of its own. Told are the seconds until the four others have everything, and the processor time of everybody who
takes part. With `--kill` the worker is killed in the middle and started again; nothing may be missing then either."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil

from bench.__main__ import RESULTS, machine
from bench.settings import WebhookPlan
from merx.assembly import open_runtime
from merx.core.auth import service as auth
from merx.core.webhooks import service as webhooks
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.events import ORDER_PAID, WEBHOOK_KINDS, Event
from merx.runtime import Runtime
from merx.serve import open_database, with_secret
from merx.settings import Settings

PER_TRANSACTION = 100
GIVE_UP_SECONDS = 600
EVENTS = "select id::text from outbox where kind = $1"
WAITING = "select count(*) from webhook_deliveries d where d.state in ('waiting', 'sending') and d.endpoint_id <> $1"


class Receivers:
    """The other end, in a process of its own."""

    def __init__(self, living: int) -> None:
        command = [sys.executable, "-m", "bench.receivers", str(living)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.urls = [f"http://127.0.0.1:{port}/hooks" for port in self._read()]

    def ask(self, what: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(what.encode() + b"\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline())


@contextlib.contextmanager
def worker(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {"MERX_DATA_DIR": str(data), "MERX_WEBHOOKS_ALLOW_PRIVATE": "1", "MERX_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "merx.cli", "worker"], env=environ, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def open_shop(rt: Runtime, urls: list[str]) -> tuple[Ctx, list[Any]]:
    """A shop with an endpoint at each address, the dead one last."""
    wanted = auth.Registration(
        business_name="Hooks", email=f"owner-{ids.new().hex}@example.com", password="correct horse battery"
    )
    signed = await auth.register(rt, wanted)
    caller = await auth.authenticate(rt, signed.tokens.access, datetime.now(UTC))
    ctx = system(caller.ctx(now=datetime.now(UTC), source="bench").tenant)
    return ctx, [await webhooks.create_endpoint(rt, ctx, url, WEBHOOK_KINDS) for url in urls]


async def happen(rt: Runtime, ctx: Ctx, count: int) -> None:
    facts = {"order_number": "ORD-1001", "grand_total": "119.97", "currency": "USD", "items": 3, "status": "confirmed"}
    for begun in range(0, count, PER_TRANSACTION):
        async with rt.db.begin(ctx) as tx:
            for _ in range(min(PER_TRANSACTION, count - begun)):
                tx.emit(Event(ORDER_PAID, ids.new(), facts))


def spent(processes: list[psutil.Process]) -> float:
    found = 0.0
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            found += times.user + times.system
    return found


def postgres(owner_pid: int) -> list[psutil.Process]:
    """The server process and its children, by the id of one of those."""
    parent = psutil.Process(owner_pid).parent()
    assert parent is not None
    return [parent, *parent.children()]


async def measure(plan: WebhookPlan, rt: Runtime, owner: Any, data: Path) -> dict[str, Any]:
    receivers = Receivers(plan.living)
    try:
        ctx, endpoints = await open_shop(rt, receivers.urls)
        await happen(rt, ctx, plan.events)
        backend = await owner.fetchval("select pg_backend_pid()")
        # A backend that ends adds what it used to what the server has used of its children.
        before = spent(postgres(backend)) + psutil.Process(backend).parent().cpu_times().children_user
        cpu = {"worker": 0.0, "receivers": -spent([psutil.Process(receivers.process.pid)])}
        began, killed, most = time.perf_counter(), 0, plan.events * plan.living
        while True:
            with worker(data) as process:
                await _arrived(receivers, most * (killed + 1) // (plan.kills + 1))
                took = time.perf_counter() - began
                cpu["worker"] += spent([psutil.Process(process.pid)])
                if killed == plan.kills:
                    await _noted(owner, endpoints[-1].endpoint.id)
                    break
                killed += 1
        cpu["receivers"] += spent([psutil.Process(receivers.process.pid)])
        cpu["postgresql"] = (
            spent(postgres(backend)) + psutil.Process(backend).parent().cpu_times().children_user - before
        )
        wanted = {row[0] for row in await owner.fetch(EVENTS, ORDER_PAID)}
        missing = sum(len(wanted - set(receivers.ask(f"ids {number}"))) for number in range(plan.living))
        counts = receivers.ask("counts")
    finally:
        receivers.process.kill()
        receivers.process.wait()
    return {
        "seconds": round(took, 2),
        "deliveries_per_second": round(most / took),
        "missing": missing,
        "sent_twice": sum(one[1] - one[0] for one in counts),
        "connections": sum(one[2] for one in counts),
        "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "cpu_ms_a_delivery": round(1000 * sum(cpu.values()) / most, 3),
    }


async def _arrived(receivers: Receivers, wanted: int) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while sum(one[0] for one in receivers.ask("counts")) < wanted:
            await asyncio.sleep(0.1)


async def _noted(owner: Any, dead: Any) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await owner.fetchval(WAITING, dead):
            await asyncio.sleep(0.2)


async def run(plan: WebhookPlan, settings: Settings, dsn: Any) -> dict[str, Any]:
    owner = await asyncpg.connect(**dsn.owner)
    try:
        async with open_runtime(settings, dsn) as rt:
            return await measure(plan, rt, owner, settings.data_dir)
    finally:
        await owner.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.webhooks")
    parser.add_argument("--events", type=int, default=WebhookPlan().events)
    parser.add_argument("--kills", type=int, default=0, help="how often the worker is killed on the way")
    asked = parser.parse_args()
    plan = WebhookPlan(events=asked.events, kills=asked.kills)
    with tempfile.TemporaryDirectory(prefix="merx-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        settings = with_secret(Settings(data_dir=folder / "data", webhooks_allow_private=True))
        with open_database(settings, "bench") as dsn:
            measured = asyncio.run(run(plan, settings, dsn))
    for what, value in measured.items():
        print(f"{what:24}{value}")
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"webhooks-{now:%Y-%m-%dT%H%M%S}.json"
    kept = {"at": now.isoformat(), "machine": machine(), "plan": plan, "webhooks": measured}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"kept in bench/results/{path.name}")
    if measured["missing"]:
        raise SystemExit("something did not arrive")


if __name__ == "__main__":
    main()
