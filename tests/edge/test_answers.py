"""Memory never tells what is no longer true."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merx.edge.answers import Answer, AnswerCache, KeyMemory, etag_of
from merx.edge.shared import Shared
from merx.kernel.errors import Busy
from merx.kernel.ids import TenantId

ONE, TWO = TenantId(UUID(int=1)), TenantId(UUID(int=2))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, (), body, etag_of(body))


def known(clock: Clock, max_bytes: int = 1 << 20) -> AnswerCache:
    cache = AnswerCache(max_bytes, clock)
    for tenant in (ONE, TWO):
        cache._shelf(tenant)
    cache.refresh({ONE: 1, TWO: 1})
    return cache


async def put(cache: AnswerCache, tenant: TenantId, key: str, body: bytes, status: int = 200) -> None:
    async def compute() -> Answer:
        return answer(body, status)

    await cache.compute(tenant, key, compute)


async def test_one_computation_for_all_who_ask_meanwhile() -> None:
    cache, runs, gate = known(Clock()), 0, asyncio.Event()

    async def compute() -> Answer:
        nonlocal runs
        runs += 1
        await gate.wait()
        return answer(b"x")

    asking = [asyncio.create_task(cache.compute(ONE, "k", compute)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    assert [found.body for found in await asyncio.gather(*asking)] == [b"x"] * 50 and runs == 1
    assert cache.get(ONE, "k") is not None and cache.get(TWO, "k") is None


@pytest.mark.parametrize("waits", [True, False])
async def test_whoever_computes_hangs_up_and_another_does_it(waits: bool) -> None:
    """Once more, whether that takes a while or not; and it goes wrong for all of them alike."""
    cache, runs, gate = known(Clock()), 0, asyncio.Event()

    async def compute() -> Answer:
        nonlocal runs
        runs += 1
        await gate.wait()
        if waits and runs == 2:
            await asyncio.sleep(0)
        if runs == 3:
            raise Busy
        return answer(b"x")

    async def ask(count: int) -> list[asyncio.Task[Answer]]:
        asking = [asyncio.create_task(cache.compute(ONE, "k", compute)) for _ in range(count)]
        await asyncio.sleep(0)
        return asking

    asking = await ask(50)
    asking[0].cancel()
    asking[7].cancel()
    gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert runs == 2 and [one.body for one in found if isinstance(one, Answer)] == [b"x"] * 48
    gate.clear()
    asking = await ask(5)
    gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert runs == 3 and [type(one) for one in found] == [Busy] * 5


async def test_what_was_computed_while_a_change_came_in_is_not_kept() -> None:
    cache, gate = known(Clock()), asyncio.Event()

    async def old() -> Answer:
        await gate.wait()
        return answer(b"old")

    async def new() -> Answer:
        return answer(b"new")

    late = asyncio.create_task(cache.compute(ONE, "k", old))
    await asyncio.sleep(0)
    cache.changed(ONE)
    # Somebody who asks after the change does not get what was begun before it.
    assert (await cache.compute(ONE, "k", new)).body == b"new"
    gate.set()
    assert (await late).body == b"old"
    kept = cache.get(ONE, "k")
    assert kept is not None and kept.body == b"new"


async def test_another_process_changes_something() -> None:
    cache = known(Clock())
    await put(cache, ONE, "k", b"a")
    await put(cache, TWO, "k", b"b")
    cache.refresh({ONE: 1, TWO: 1})
    assert cache.get(ONE, "k") and cache.get(TWO, "k")
    cache.refresh({ONE: 2, TWO: 1})
    assert cache.get(ONE, "k") is None and cache.get(TWO, "k") is not None
    cache.refresh({ONE: 1, TWO: 1})  # a failover lost a version: different is different
    await put(cache, ONE, "k", b"c")
    cache.refresh({ONE: 2, TWO: 1})
    assert cache.get(ONE, "k") is None


async def test_a_first_version_counts_as_a_change() -> None:
    cache = AnswerCache(1 << 20, Clock())
    cache.refresh({})
    await put(cache, ONE, "k", b"a")
    assert cache.get(ONE, "k") is not None
    cache.refresh({tenant: 7 for tenant in cache.tenants()})
    assert cache.get(ONE, "k") is None


async def test_silence_of_five_seconds_makes_everything_unknown() -> None:
    clock = Clock()
    cache = known(clock)
    await put(cache, ONE, "k", b"a")
    clock.now += 4.9
    assert cache.get(ONE, "k") is not None
    clock.now += 0.2
    assert cache.get(ONE, "k") is None
    await put(cache, ONE, "other", b"b")
    assert cache.get(ONE, "other") is None
    cache.refresh({ONE: 1, TWO: 1})
    assert cache.get(ONE, "k") is not None


@pytest.mark.parametrize("header", [(b"set-cookie", b"a=b"), (b"link", b"a\r\nset-cookie: b"), (b"link", b"a\nb")])
async def test_errors_and_private_answers_are_not_kept(header: tuple[bytes, bytes]) -> None:
    cache = known(Clock())
    await put(cache, ONE, "k", b"a", 404)
    assert cache.get(ONE, "k") is None

    async def private() -> Answer:
        return Answer(200, (header,), b"x", b"e")

    await cache.compute(ONE, "k", private)
    assert cache.get(ONE, "k") is None


async def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    cache = known(Clock(), 10_000)
    for number in range(100):
        await put(cache, ONE, f"k{number}", b"x" * 1000)
        cache.get(ONE, "k0")
        assert cache.size <= 10_000
    assert cache.get(ONE, "k0") and cache.get(ONE, "k99") and cache.get(ONE, "k50") is None
    await put(cache, ONE, "huge", b"x" * 9000)
    assert cache.get(ONE, "huge") is None
    cache.changed(ONE)
    assert cache.size == 0


async def test_tenants_nobody_asks_about_are_forgotten() -> None:
    clock = Clock()
    cache = known(clock)
    await put(cache, ONE, "k", b"a")
    await put(cache, TWO, "k", b"a")
    clock.now += 40
    cache.refresh({ONE: 1, TWO: 1})
    assert cache.get(ONE, "k") and set(cache.tenants()) == {ONE, TWO}
    clock.now += 40
    assert cache.tenants() == [ONE] and cache.size > 0


STEPS = st.lists(st.sampled_from(["write", "poll", "begin", "finish", "read"]), max_size=40)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_what_is_read_is_never_older_than_the_last_poll(steps: list[str]) -> None:
    """A database with a version, another process that writes, computations that take their time. Whatever is read from
    memory was true at the last poll or after it."""

    async def run() -> None:
        clock = Clock()
        cache = AnswerCache(1 << 20, clock)
        truth, polled = 1, 1
        cache.refresh({})
        flying: list[tuple[asyncio.Future[None], asyncio.Task[Answer]]] = []
        for step in steps:
            if step == "write":
                truth += 1
            elif step == "poll":
                cache.refresh(dict.fromkeys(cache.tenants(), truth))
                polled = truth
            elif step == "begin":
                gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                seen = truth

                async def compute(gate: asyncio.Future[None] = gate, seen: int = seen) -> Answer:
                    await gate
                    return answer(b"%d" % seen)

                flying.append((gate, asyncio.create_task(cache.compute(ONE, "k", compute))))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            elif step == "finish" and flying:
                gate, task = flying.pop(0)
                gate.done() or gate.set_result(None)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            elif step == "read" and (found := cache.get(ONE, "k")) is not None:
                assert int(found.body) >= polled
        for gate, task in flying:
            gate.done() or gate.set_result(None)
            task.cancel()

    asyncio.run(run())


def test_keys_are_believed_for_a_second_and_forgotten_at_once() -> None:
    clock = Clock()
    keys: KeyMemory[str] = KeyMemory(clock=clock)
    keys.confirm((), {}, clock.now)
    begun = keys.begin()
    keys.remember("pk_a", b"a", "all", begun)
    assert keys.recall("pk_a") == "all" and keys.recall("pk_b") is None
    clock.now += 1.1
    assert keys.recall("pk_a") is None  # nobody has confirmed it
    assert keys.digests() == [b"a"]
    keys.confirm({b"a"}, {b"a": "all"}, clock.now)
    assert keys.recall("pk_a") == "all"
    keys.confirm({b"a"}, {b"a": "less"}, clock.now)  # its scopes were narrowed elsewhere
    assert keys.recall("pk_a") is None
    keys.remember("pk_a", b"a", "all", keys.begin())
    keys.confirm({b"a"}, {}, clock.now)  # it was revoked elsewhere
    assert keys.recall("pk_a") is None
    begun = keys.begin()
    keys.revoked()  # here, while the database was being asked
    keys.remember("pk_a", b"a", "all", begun)
    assert keys.recall("pk_a") is None


def test_keys_nobody_uses_are_dropped() -> None:
    clock = Clock()
    keys: KeyMemory[str] = KeyMemory(clock=clock)
    keys.confirm((), {}, clock.now)
    keys.remember("pk_a", b"a", "all", keys.begin())
    keys.confirm(set(keys.digests()), {b"a": "all"}, clock.now)
    assert keys.digests() == []


# ── Processes of one server ──────────────────────────────────────────────────────────────────────────────────────────
async def test_a_change_in_one_process_counts_at_once_in_the_others() -> None:
    clock, memory = Clock(), Shared()
    caches = [AnswerCache(1 << 20, clock, memory) for _ in range(2)]
    for cache in caches:
        for tenant in (ONE, TWO):
            cache._shelf(tenant)
        cache.refresh({ONE: 1, TWO: 1})
        await put(cache, ONE, "k", b"old")
        await put(cache, TWO, "k", b"old")
        assert cache.get(ONE, "k") is not None
    caches[0].changed(ONE)
    assert [cache.get(ONE, "k") for cache in caches] == [None, None]
    assert all(cache.get(TWO, "k") is not None for cache in caches)
    await put(caches[1], ONE, "k", b"new")
    kept = caches[1].get(ONE, "k")
    assert kept is not None and kept.body == b"new"


async def test_what_was_computed_while_another_process_changed_it_is_not_kept_or_shared() -> None:
    clock, memory = Clock(), Shared()
    cache, other = (AnswerCache(1 << 20, clock, memory) for _ in range(2))
    cache._shelf(ONE)
    cache.refresh({ONE: 1})
    gates = [asyncio.Event(), asyncio.Event()]

    async def compute(number: int) -> Answer:
        await gates[number].wait()
        return answer(b"old" if number == 0 else b"new")

    before = asyncio.create_task(cache.compute(ONE, "k", lambda: compute(0)))
    await asyncio.sleep(0)
    other.changed(ONE)
    after = asyncio.create_task(cache.compute(ONE, "k", lambda: compute(1)))
    await asyncio.sleep(0)
    gates[1].set()
    assert (await after).body == b"new"
    gates[0].set()
    assert (await before).body == b"old"
    kept = cache.get(ONE, "k")
    assert kept is not None and kept.body == b"new"


def test_a_key_revoked_in_one_process_is_forgotten_in_the_others() -> None:
    clock, memory = Clock(), Shared()
    one, other = (KeyMemory[str](clock=clock, shared=memory) for _ in range(2))
    for keys in (one, other):
        keys.remember("key", b"d", "credential", keys.begin())
        keys.confirm([b"d"], {b"d": "credential"}, clock.now)
        assert keys.recall("key") == "credential"
    begun = other.begin()
    one.revoked()
    assert one.recall("key") is None and other.recall("key") is None
    other.remember("key", b"d", "credential", begun)
    assert other.recall("key") is None
