"""Events on their way to real receivers over real HTTP, by a worker that is slowed, stopped and killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests import hooks
from tests.hooks import HookShop, until, working
from tests.http_server import Heard, listener

from merx.core.webhooks import service
from merx.core.webhooks.model import DeliveryState, Policy
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel import ids
from merx.kernel.events import ORDER_CREATED, ORDER_PAID, ORDER_SHIPPED, Event
from merx.providers.http import HttpSender

ROOT = Path(__file__).parent.parent.parent
PATIENT = Policy(lease=timedelta(minutes=5))  # longer than the sender waits for an answer


@pytest.fixture
async def mine(worker_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HookShop]:
    sender = HttpSender(allow_private=True, total_seconds=90)
    shop = await hooks.open_hook_shop(hooks.runtime(worker_database, sender))
    hooks.minding({shop.ctx.tenant}, monkeypatch.setattr)
    yield shop
    await sender.close()


@contextlib.asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """Accepts, and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def received(heard: list[Heard]) -> Counter[str]:
    return Counter(one.headers["webhook-id"] for one in heard)


async def test_from_a_committed_event_to_a_verified_body(mine: HookShop) -> None:
    async with listener() as receiver:
        made = await mine.endpoint(f"{receiver.url}/hooks", [ORDER_PAID, ORDER_SHIPPED])
        async with working(mine.rt):
            order = ids.new()
            async with mine.rt.db.begin(mine.ctx) as tx:
                tx.emit(Event(ORDER_CREATED, order, {"grand_total": "215.98"}))
                tx.emit(Event(ORDER_PAID, order, {"grand_total": "215.98"}))
            await until(lambda: receiver.heard)
            await until(lambda: mine.deliveries(state="delivered"))
    assert len(receiver.heard) == 1
    body = hooks.verified(receiver.heard[0], made.secret)
    assert body["type"] == ORDER_PAID and body["data"] == {"id": str(order), "grand_total": "215.98"}
    assert receiver.heard[0].path == "/hooks"
    found = (await mine.deliveries())[0]
    assert [(one.attempt, one.status, one.answer) for one in found.attempts] == [(1, 200, "{}")]


async def test_what_is_rolled_back_is_not_sent(mine: HookShop) -> None:
    async with listener() as receiver:
        await mine.endpoint(receiver.url)
        async with working(mine.rt):
            with contextlib.suppress(ZeroDivisionError):
                async with mine.rt.db.begin(mine.ctx) as tx:
                    tx.emit(Event(ORDER_PAID, ids.new()))
                    await tx.flush()
                    await tx.rows("select $1::uuid")  # what is written travels with it
                    raise ZeroDivisionError
            await mine.happen(1)
            await until(lambda: receiver.heard)
    assert received(receiver.heard).keys() == await mine.event_ids()


async def test_the_same_bytes_at_every_try_through_a_rotation(mine: HookShop) -> None:
    """Three failures, the secret replaced and the address moved between them: every try verifies, every body is one."""
    statuses = iter([500, 302, 429, 200])
    async with listener(lambda heard: (next(statuses), b"said")) as receiver:
        made = await mine.endpoint(f"{receiver.url}/old")
        await mine.happen(1)
        async with working(mine.rt, Policy(pauses=(3600,) * 9)):
            await until(lambda: tried(mine))
        rotated = await service.rotate_secret(mine.rt, mine.ctx, made.endpoint.id)
        await service.update_endpoint(mine.rt, mine.ctx, made.endpoint.id, url=f"{receiver.url}/new")
        await mine.value("update webhook_deliveries set next_at = now() where tenant_id = $1 returning 1")
        async with working(mine.rt):
            await until(lambda: mine.deliveries(state="delivered"))
    assert len({one.body for one in receiver.heard}) == 1
    assert len(received(receiver.heard)) == 1
    hooks.verified(receiver.heard[0], made.secret)
    for one in receiver.heard[1:]:
        hooks.verified(one, made.secret)
        hooks.verified(one, rotated.secret)
        assert one.path == "/new"
    found = (await mine.deliveries())[0]
    assert [one.status for one in found.attempts] == [500, 302, 429, 200]
    assert {one.answer for one in found.attempts} == {"said"}


async def tried(shop: HookShop) -> bool:
    return bool([one for one in await shop.deliveries() if one.attempts])


async def test_an_unreliable_receiver_gets_everything(mine: HookShop) -> None:
    """It fails, hangs up and answers too late, most of the time; each event reaches it all the same."""
    calls = 0

    def moody(heard: Heard) -> tuple[int, bytes] | None:
        nonlocal calls
        calls += 1
        return None if calls % 5 == 1 else (500, b"") if calls % 5 in (2, 3) else (200, b"")

    async with listener(moody) as receiver:
        await mine.endpoint(receiver.url)
        await mine.happen(40)
        async with working(mine.rt, Policy(pauses=(0.01,) * 40)):
            await until(lambda: done(mine, 40))
    assert received(receiver.heard).keys() == await mine.event_ids()


async def done(shop: HookShop, count: int) -> bool:
    return len(await shop.deliveries(state="delivered")) == count


async def test_a_dead_endpoint_among_five_delays_no_other(mine: HookShop) -> None:
    """The four others have everything before the first try at the dead one is even over."""
    async with contextlib.AsyncExitStack() as stack:
        living = [await stack.enter_async_context(listener()) for _ in range(4)]
        dead = await mine.endpoint(await stack.enter_async_context(black_hole()))
        for one in living:
            await mine.endpoint(one.url)
        await mine.happen(100)
        async with working(mine.rt, PATIENT, grace=0.2):
            await until(lambda: done(mine, 400), 60)
            waiting = await mine.deliveries(dead.endpoint.id)
            assert not [one for one in waiting if one.attempts]
            assert 1 <= sum(one.state is DeliveryState.SENDING for one in waiting) <= 4 * Policy().claimed_ahead
        for one in living:
            assert received(one.heard).keys() == await mine.event_ids()


async def test_a_shop_with_a_dead_endpoint_delays_no_other_shop(
    mine: HookShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await hooks.open_hook_shop(mine.rt)
    hooks.minding({mine.ctx.tenant, other.ctx.tenant}, monkeypatch.setattr)
    async with black_hole() as url, listener() as receiver:
        await mine.endpoint(url)
        await mine.happen(500)
        async with working(mine.rt, PATIENT, grace=0.2):
            await until(lambda: mine.deliveries(state="sending"))
            await other.endpoint(receiver.url)
            await other.happen(50)
            await until(lambda: done(other, 50))
            assert not [one for one in await mine.deliveries() if one.attempts]
    assert received(receiver.heard).keys() == await other.event_ids()


async def test_no_more_than_four_at_once_to_one_endpoint(mine: HookShop) -> None:
    now, most, full = 0, 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
            now += 1
            most = max(most, now)
            if now == 4:
                full.set()
            await full.wait()  # nobody is answered before four are there, so that four have to be
            await asyncio.sleep(0.02)
            now -= 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await mine.endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    await mine.happen(40)
    async with working(mine.rt):
        await until(lambda: done(mine, 40))
    server.close()
    assert most == 4


async def test_a_slow_transaction_with_a_lower_id_is_relayed_too(mine: HookShop) -> None:
    """The lost-cursor trap: its id is lower than one that was relayed before it was committed."""
    async with listener() as receiver:
        await mine.endpoint(receiver.url)
        async with working(mine.rt):
            async with mine.rt.db.begin(mine.ctx) as slow:
                slow.emit(Event(ORDER_PAID, ids.new()))
                await slow.flush()
                await slow.rows("select $1::uuid")  # what is written travels with it
                await asyncio.sleep(0.01)
                await mine.happen(1)
                await until(lambda: done(mine, 1))
            await until(lambda: done(mine, 2))
    first, second = [one.headers["webhook-id"] for one in receiver.heard]
    assert second < first


async def test_two_workers_share_the_work_and_send_nothing_twice(mine: HookShop) -> None:
    async with listener() as one, listener() as two:
        await mine.endpoint(one.url)
        await mine.endpoint(two.url)
        async with working(mine.rt, Policy()), working(mine.rt, Policy()):
            for _ in range(5):
                await mine.happen(30)
                await asyncio.sleep(0.05)
            await until(lambda: done(mine, 300))
        for receiver in (one, two):
            counted = received(receiver.heard)
            assert counted.keys() == await mine.event_ids() and set(counted.values()) == {1}


async def test_a_stopped_worker_gives_back_what_it_holds(mine: HookShop) -> None:
    """At once, not when its lease is over; and the try it gave back counts for nothing."""
    async with black_hole() as url:
        made = await mine.endpoint(url)
        await mine.happen(3)
        async with working(mine.rt, Policy(lease=timedelta(hours=1)), grace=0.1):
            await until(lambda: mine.deliveries(state="sending"))
        assert {one.state for one in await mine.deliveries()} == {DeliveryState.WAITING}
        locked = "select count(*) from webhook_deliveries where tenant_id = $1 and locked_by is not null"
        assert await mine.value(locked) == 0
        assert (await service.get_endpoint(mine.rt, mine.ctx, made.endpoint.id)).failing_since is None
    async with listener() as receiver:
        await service.update_endpoint(mine.rt, mine.ctx, made.endpoint.id, url=receiver.url)
        async with working(mine.rt, Policy(lease=timedelta(hours=1))):
            await until(lambda: done(mine, 3))
    assert received(receiver.heard).keys() == await mine.event_ids()


async def test_a_try_under_way_may_end_when_the_worker_stops(mine: HookShop) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await mine.endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    await mine.happen(1)
    async with working(mine.rt, grace=10):
        await arrived.wait()
        asyncio.get_running_loop().call_later(0.2, go.set)
    server.close()
    assert (await mine.deliveries())[0].state is DeliveryState.DELIVERED


@contextlib.contextmanager
def worker_process(worker_dsn: Dsn, shop: HookShop) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "TEST_DSN": msgspec.json.encode(worker_dsn.app).decode(),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
    }
    command = [sys.executable, str(ROOT / "tests/worker/small_worker.py"), str(shop.ctx.tenant)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def test_a_killed_worker_loses_nothing(mine: HookShop, worker_dsn: Dsn) -> None:
    """kill -9 in the middle, three times over; the last one brings everything to its end."""
    async with listener() as one, listener() as two:
        await mine.endpoint(one.url)
        await mine.endpoint(two.url)
        heard_before = 0
        for _ in range(3):
            await mine.happen(60)
            with worker_process(worker_dsn, mine) as process:
                await until(lambda before=heard_before: len(one.heard) + len(two.heard) >= before + 25)
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
            heard_before = len(one.heard) + len(two.heard)
        assert len(await mine.deliveries(state="delivered")) < 360
        with worker_process(worker_dsn, mine):
            await until(lambda: done(mine, 360), 60)
        for receiver in (one, two):
            assert received(receiver.heard).keys() == await mine.event_ids()
            assert max(received(receiver.heard).values()) <= 4
    assert len(await mine.event_ids()) == 180


async def test_a_burst_past_a_dead_endpoint_and_a_killed_worker(mine: HookShop, worker_dsn: Dsn) -> None:
    """What `python -m bench.webhooks --kills 1` does with 10,000 events: the four that answer get all of theirs."""
    async with contextlib.AsyncExitStack() as stack:
        await mine.endpoint(await stack.enter_async_context(black_hole()))
        living = [await stack.enter_async_context(listener()) for _ in range(4)]
        for one in living:
            await mine.endpoint(one.url)
        await mine.happen(600)
        with worker_process(worker_dsn, mine) as process:
            await until(lambda: sum(len(one.heard) for one in living) >= 1000)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert len(await mine.deliveries(state="delivered")) < 2400
        with worker_process(worker_dsn, mine):
            await until(lambda: done(mine, 2400), 60)
        wanted = await mine.event_ids()
        for one in living:
            assert received(one.heard).keys() == wanted
