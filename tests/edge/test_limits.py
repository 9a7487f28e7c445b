"""Ceilings are exact: alone, and with several processes counting in the database."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import pytest
from tests.edge.fake import runtime
from tests.ports import free_port

from merx.core.quotas import service
from merx.core.quotas.service import Hit, Spent
from merx.db.database import Database
from merx.edge import limits
from merx.edge.app import Quota
from merx.edge.limits import DatabaseCounter, Limiter, RedisCounter
from merx.edge.shared import Shared
from merx.kernel import ids
from merx.kernel.errors import Limited, Unauthenticated

FREE = Quota(60, 10_000)


class Clock:
    def __init__(self, now: float = 1_700_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_minute_begins_with_the_first_request() -> None:
    clock = Clock(1_700_000_039)  # a second before a minute of the clock ends
    limiter = Limiter(clock=clock)
    assert limiter.take("a", "t", FREE).remaining == 59
    clock.now += 2
    assert [limiter.take("a", "t", FREE).allowed for _ in range(60)].count(True) == 59
    refused = limiter.take("a", "t", FREE)
    assert (refused.allowed, refused.remaining, refused.retry_after) == (False, 0, 58)
    clock.now += 58
    assert limiter.take("a", "t", FREE).allowed


def test_what_is_refused_costs_nothing_of_the_day() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    quota = Quota(5, 12)
    for _ in range(50):
        limiter.take("a", "t", quota)
    clock.now += 60
    verdict = limiter.take("a", "t", quota)
    assert verdict.allowed and verdict.remaining == 4
    for _ in range(10):
        limiter.take("a", "t", quota)
    clock.now += 60
    assert [limiter.take("a", "t", quota).allowed for _ in range(4)] == [True, True, False, False]
    refused = limiter.take("a", "t", quota)
    assert refused.limit == 12 and refused.reset % 86_400 == 0
    clock.now = refused.reset
    assert limiter.take("a", "t", quota).remaining == 4


async def test_several_processes_share_one_exact_ceiling(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHARED_SECONDS", 20)  # on a busy machine a slow counter would be left alone
    rt = runtime()
    rt = type(rt)(rt.settings, database, rt.vault, {}, rt.test_account)
    subject, tenant = str(ids.new()), str(ids.new())
    processes = [Limiter(DatabaseCounter(rt), workers=3) for _ in range(3)]
    verdicts = await asyncio.gather(
        *(processes[n % 3].take_shared(subject, tenant, FREE) for n in range(200)),
    )
    good = [verdict for verdict in verdicts if verdict.allowed]
    assert len(good) == 60
    assert sorted(verdict.remaining for verdict in good) == list(range(60))
    assert all(0 < verdict.retry_after <= 60 for verdict in verdicts if not verdict.allowed)


async def test_a_window_that_is_over_begins_anew(database: Database) -> None:
    rt = runtime()
    rt = type(rt)(rt.settings, database, rt.vault, {}, rt.test_account)
    bucket, now = str(ids.new()), int(time.time()) + 3600  # a worker of other tests clears away what is over
    assert await service.add(rt, [Hit(bucket, now, 60, 3)], now) == [(3, now + 60)]
    assert await service.add(rt, [Hit(bucket, now + 59, 60)], now + 59) == [(4, now + 60)]
    await service.give_back(rt, bucket, 2)
    assert await service.add(rt, [Hit(bucket, now + 59, 60, 0)], now + 59) == [(2, now + 60)]
    assert await service.add(rt, [Hit(bucket, now + 60, 60)], now + 60) == [(1, now + 120)]


class Broken:
    def __init__(self, slow: bool) -> None:
        self.slow, self.asked = slow, 0

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
        self.asked += 1
        if self.slow:
            await asyncio.sleep(30)
        raise ConnectionError

    async def give_back(self, hit: Hit) -> None:
        raise ConnectionError


@pytest.mark.parametrize("slow", [False, True])
async def test_a_limiter_that_is_away_takes_nothing_down_and_lets_nobody_through(slow: bool) -> None:
    broken: Any = Broken(slow)
    limiter = Limiter(broken, workers=2)
    verdicts = [await limiter.take_shared("a", "t", FREE) for _ in range(100)]
    assert [verdict.allowed for verdict in verdicts].count(True) == 30  # its part of the 60
    assert broken.asked == 1
    with pytest.raises(Limited):
        for _ in range(11):
            await limiter.spend("b", 10, 300)


async def test_sign_ins_are_counted_where_they_fail() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)

    async def sign_in(good: bool) -> None:
        async with limiter.attempt("sign-in/a@b.example/1.2.3.4", 10, 300, Unauthenticated):
            await asyncio.sleep(0)
            if not good:
                raise Unauthenticated("no")

    for _ in range(30):
        await sign_in(True)
    outcomes = await asyncio.gather(*(sign_in(False) for _ in range(40)), return_exceptions=True)
    assert sum(type(one) is Unauthenticated for one in outcomes) == 10
    assert sum(type(one) is Limited for one in outcomes) == 30
    with pytest.raises(Limited) as refused:
        await sign_in(True)
    assert refused.value.retry_after == 300
    clock.now += 300
    await sign_in(True)


async def test_sign_ups_have_a_ceiling() -> None:
    limiter = Limiter(clock=Clock())
    for _ in range(60):
        await limiter.spend("sign-up/1.2.3.4", 60, 60)
    with pytest.raises(Limited):
        await limiter.spend("sign-up/1.2.3.4", 60, 60)


REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


@pytest.mark.skipif(REDIS is None, reason="needs redis-server or valkey-server")
async def test_several_machines_share_one_exact_ceiling_in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis")
    monkeypatch.setattr(limits, "SHARED_SECONDS", 20)  # on a busy machine a slow counter would be left alone
    port = free_port()
    assert REDIS is not None
    server = subprocess.Popen([REDIS, "--port", str(port), "--save", "", "--bind", "127.0.0.1"], stdout=-3)
    try:
        while not await asyncio.to_thread(listens, port):  # and one that is not there yet, too
            assert server.poll() is None
            await asyncio.sleep(0.05)
        machines = [Limiter(RedisCounter(f"redis://127.0.0.1:{port}"), workers=2) for _ in range(2)]
        verdicts = await asyncio.gather(*(machines[n % 2].take_shared("a", "t", FREE) for n in range(150)))
        good = sorted(verdict.remaining for verdict in verdicts if verdict.allowed)
        assert good == list(range(60))
        assert all(0 < verdict.retry_after <= 60 for verdict in verdicts if not verdict.allowed)
        for _ in range(30):
            async with machines[0].attempt("sign-in/x", 10, 300, Unauthenticated):
                pass
    finally:
        server.terminate()
        server.wait(10)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


class Slow:
    """Its answer comes when the next second has begun, and with it the window."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
        self.clock.now += 1
        return [(1000, int(self.clock.now) + hit.seconds) for hit in hits]

    async def give_back(self, hit: Hit) -> None:
        raise NotImplementedError


async def test_nobody_is_told_to_wait_longer_than_a_window_lasts() -> None:
    clock = Clock()
    verdict = await Limiter(Slow(clock), clock=clock).take_shared("a", None, Quota(60))
    assert (verdict.allowed, verdict.retry_after) == (False, 60)


# ── Processes of one server ──────────────────────────────────────────────────────────────────────────────────────────
def forked(work: Any, count: int) -> list[Any]:
    """What `work(number)` gives in each of so many processes that are let go at the same time."""
    gate, out = multiprocessing.get_context("fork").Barrier(count), []

    def run(number: int, end: Any) -> None:
        gate.wait()
        end.send(work(number))

    children = []
    for number in range(count):
        mine, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=run, args=(number, theirs))
        child.start()
        children.append((child, mine))
    for child, mine in children:
        assert mine.poll(60)
        out.append(mine.recv())
        child.join()
    return out


def test_processes_of_one_server_count_together_to_the_last_request() -> None:
    memory, quota = Shared(), Quota(600, 10_000)
    before = Limiter(memory=memory).take("race", "its tenant", quota)  # a window that runs already

    def hammer(number: int) -> list[int]:
        limiter = Limiter(memory=memory)
        found = [limiter.take("race", "its tenant", quota) for _ in range(400)]
        assert all(0 < one.retry_after <= 60 for one in found if not one.allowed)
        return [one.remaining for one in found if one.allowed]

    left = [one for found in forked(hammer, 4) for one in found]
    assert before.remaining == 599 and sorted(left) == list(range(599))


def test_one_that_is_killed_while_it_counts_holds_nobody_up() -> None:
    memory = Shared()
    child = os.fork()
    if child == 0:
        memory.__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert Limiter(memory=memory).take("a", "t", FREE).remaining == 59


def test_a_shared_window_is_like_one_of_its_own() -> None:
    clock = Clock()
    shared, alone = Limiter(clock=clock, memory=Shared()), Limiter(clock=clock)
    quota = Quota(5, 12)
    for step in range(200):
        subject = f"subject {step % 3}"
        assert shared.take(subject, "t", quota) == alone.take(subject, "t", quota)
        clock.now += step % 11


def test_windows_that_are_over_make_room_and_the_first_to_end_goes() -> None:
    memory, clock = Shared(), Clock()
    limiter = Limiter(clock=clock, memory=memory)
    for number in range(70_000):  # more than there is room for
        assert limiter.take(f"s{number}", None, FREE).remaining == 59
    clock.now += 90_000
    for number in range(1000):
        assert limiter.take(f"s{number}", None, FREE).remaining == 59
        assert limiter.take(f"s{number}", None, FREE).remaining == 58


async def test_attempts_are_counted_over_the_processes_of_one_server() -> None:
    memory = Shared()
    processes = [Limiter(memory=memory) for _ in range(3)]
    for number in range(10):
        await processes[number % 3].spend("sign-up", 10, 60)
    with pytest.raises(Limited):
        await processes[0].spend("sign-up", 10, 60)
