"""Owns request limits: exact ceilings over a minute and a day, a credential and a tenant, and over keyed attempts
(sign-ins, sign-ups).

A minute begins with the first request it counts and a day is a UTC day. In one process the counters are a dictionary;
the processes of one server count in memory they share, as exactly. Servers on several machines add in PostgreSQL or
Redis; what piles up while one statement is on its way
goes with the next, so the cost falls as the load rises. Once a process has learnt that a bucket is over, it answers by
itself until the window ends. Where the shared counter fails, each process counts for itself against its part.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import blake2b
from typing import Protocol

import msgspec

from merx.core.auth.model import WrongPassword
from merx.core.quotas import service
from merx.core.quotas.service import Hit, Spent
from merx.edge.app import Quota
from merx.edge.client import address_bucket
from merx.edge.shared import Shared, SharedWindow
from merx.kernel.errors import Limited
from merx.kernel.spans import OPEN, Span
from merx.runtime import Runtime
from merx.settings import WrongSetting

log = logging.getLogger("merx.edge.limits")

MINUTE, DAY = 60, 86_400
FAILED_SIGN_INS, FAILED_SIGN_INS_SECONDS = 10, 300  # of one account from one address
SIGN_UPS, SIGN_UPS_SECONDS = 60, 60  # from one address
SHARED_SECONDS = 0.25  # a shared counter slower than this is treated as away
REST_SECONDS = 2.0  # how long an absent shared counter is left alone
_MAX_SUBJECTS = 200_000

Headers = tuple[tuple[bytes, bytes], ...]


class Counter(Protocol):
    """Counts for all processes together."""

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]: ...

    async def give_back(self, hit: Hit) -> None: ...


class Verdict(msgspec.Struct, frozen=True):
    """`limit` and `remaining` are those of the tightest window."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int = 0

    def headers(self) -> Headers:
        return (
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        )

    def refusal(self) -> Limited:
        return Limited(
            f"Too many requests: {self.limit} are allowed in this window. Try again in {self.retry_after} seconds.",
            retry_after=self.retry_after,
        )


class _Window:
    __slots__ = ("day_ends", "day_hits", "minute_ends", "minute_hits")

    def __init__(self) -> None:
        self.minute_ends = self.minute_hits = self.day_ends = self.day_hits = 0


class Limiter:
    """`take` decides one request. It is synchronous where this process counts alone."""

    def __init__(
        self,
        shared: Counter | None = None,
        workers: int = 1,
        clock: Callable[[], float] = time.time,
        memory: Shared | None = None,
    ) -> None:
        self.shared = _Batched(shared) if shared is not None else None
        self._part = workers if shared is not None else 1
        self._clock = clock
        self._memory = memory
        self._windows: dict[str, _Window] = {}
        self._over: dict[str, Spent] = {}  # bucket -> (limit, end): known to be used up
        self._resting_until = 0.0

    def take(self, subject: str, tenant: str | None, quota: Quota) -> Verdict:
        """Counts here and now: in this process, or in the memory that all of this server's have."""
        if self._memory is None:
            return self._take(subject, tenant, quota)
        with self._memory:
            return self._take(subject, tenant, quota)

    def _take(self, subject: str, tenant: str | None, quota: Quota) -> Verdict:
        now = int(self._clock())
        own = self._window(subject, now)
        found = _tightest(own, quota.minute, quota.day, now)
        if tenant is None:
            if found.allowed:
                own.minute_hits += 1
                own.day_hits += 1
            return found
        whole = self._window(tenant, now)
        day = None if quota.day is None else quota.day * quota.tenant
        total = _tightest(whole, quota.minute * quota.tenant, day, now)
        if not found.allowed or not total.allowed:
            return total if found.allowed else found
        own.minute_hits += 1
        own.day_hits += 1
        whole.minute_hits += 1
        whole.day_hits += 1
        return total if total.remaining < found.remaining else found

    async def take_shared(self, subject: str, tenant: str | None, quota: Quota) -> Verdict:
        """Counts together with the other processes."""
        now = int(self._clock())
        wanted = _buckets(subject, tenant, quota, now)
        for hit, limit in wanted:
            if (known := self._known_over(hit.bucket, limit, now)) is not None:
                return known
        assert self.shared is not None
        if now >= self._resting_until:
            try:
                spent = await self.shared.add([hit for hit, _ in wanted], now)
            except Exception as away:
                log.warning("the shared limiter is away; counting locally", extra={"reason": type(away).__name__})
                self._resting_until = now + REST_SECONDS
            else:
                return self._judge(wanted, spent, int(self._clock()))  # a second may have begun meanwhile
        part = Quota(
            -(-quota.minute // self._part), None if quota.day is None else -(-quota.day // self._part), quota.tenant
        )
        return self.take(subject, tenant, part)

    def _judge(self, wanted: list[tuple[Hit, int]], spent: list[Spent], now: int) -> Verdict:
        tightest: Verdict | None = None
        for (hit, limit), (count, ends) in zip(wanted, spent, strict=True):
            allowed = count <= limit
            if count >= limit:
                self._remember_over(hit.bucket, limit, ends)
            verdict = Verdict(allowed, limit, max(0, limit - count), ends, 0 if allowed else max(1, ends - now))
            if not allowed:
                return verdict
            if tightest is None or verdict.remaining < tightest.remaining:
                tightest = verdict
        assert tightest is not None
        return tightest

    def _known_over(self, bucket: str, limit: int, now: int) -> Verdict | None:
        known = self._over.get(bucket)
        if known is None:
            return None
        if known[1] <= now or limit > known[0]:  # the window ended, or the plan was raised
            del self._over[bucket]
            return None
        return Verdict(False, limit, 0, known[1], max(1, known[1] - now))

    def _remember_over(self, bucket: str, limit: int, ends: int) -> None:
        if len(self._over) > _MAX_SUBJECTS:
            self._over.clear()
        self._over[bucket] = (limit, ends)

    def _window(self, subject: str, now: int) -> _Window | SharedWindow:
        window = self._found(subject, now)
        if window.minute_ends <= now:
            window.minute_ends, window.minute_hits = now + MINUTE, 0
            if window.day_ends <= now:
                window.day_ends, window.day_hits = now - now % DAY + DAY, 0
        return window

    def _found(self, subject: str, now: int) -> _Window | SharedWindow:
        if self._memory is not None:
            return self._memory.window(subject, now)
        window = self._windows.get(subject)
        if window is None:
            if len(self._windows) >= _MAX_SUBJECTS:
                self._windows = {s: w for s, w in self._windows.items() if w.minute_ends > now}
            window = self._windows[subject] = _Window()
        return window

    # ---- keyed attempts: sign-ins that failed, sign-ups

    async def spend(self, bucket: str, ceiling: int, seconds: int) -> None:
        """One more in `bucket`; raises Limited past the ceiling."""
        count, ends = await self._add(bucket, seconds, 1)
        if count > ceiling:
            raise _too_often(ends - int(self._clock()))

    @contextlib.asynccontextmanager
    async def attempt(
        self, bucket: str, ceiling: int, seconds: int, failure: type[Exception] | tuple[type[Exception], ...]
    ) -> AsyncIterator[None]:
        """The block is one attempt. It counts beforehand, so that attempts made at once do not slip through together,
        and is given back unless it ends in `failure`."""
        count, ends = await self._add(bucket, seconds, 1)
        if count > ceiling:
            await self._give_back(bucket, seconds)
            raise _too_often(ends - int(self._clock()))
        try:
            yield
        except failure:
            raise
        except BaseException:
            await self._give_back(bucket, seconds)
            raise
        await self._give_back(bucket, seconds)

    def sign_in(
        self, account: str, address: str, failure: type[Exception] = WrongPassword
    ) -> AbstractAsyncContextManager[None]:
        """One attempt at the password of `account` from this address; only what ends in `failure` counts. The account
        goes into the bucket's name as a digest, because counters may lie in a shared store."""
        digest = blake2b(account.strip().lower().encode("utf-8", "replace"), digest_size=16).hexdigest()
        bucket = f"signin:{digest}:{address_bucket(address)}"
        return self.attempt(bucket, FAILED_SIGN_INS, FAILED_SIGN_INS_SECONDS, failure)

    async def sign_up(self, address: str) -> None:
        """One account opened from this address, wherever."""
        await self.spend(f"signup:{address_bucket(address)}", SIGN_UPS, SIGN_UPS_SECONDS)

    async def _add(self, bucket: str, seconds: int, amount: int) -> Spent:
        now = int(self._clock())
        local = self._add_local(bucket, now, seconds, amount)  # kept beside the shared one: this never fails open
        if self.shared is not None and now >= self._resting_until:
            try:
                return (await self.shared.add([Hit(bucket, now, seconds, amount)], now))[0]
            except Exception:
                self._resting_until = now + REST_SECONDS
        return local

    async def _give_back(self, bucket: str, seconds: int) -> None:
        now = int(self._clock())
        self._add_local(bucket, now, seconds, -1)
        if self.shared is not None and now >= self._resting_until:
            with contextlib.suppress(Exception):
                await self.shared.give_back(Hit(bucket, now, seconds))

    def _add_local(self, bucket: str, now: int, seconds: int, amount: int) -> Spent:
        if self._memory is None:
            return self._add_here(bucket, now, seconds, amount)
        with self._memory:
            return self._add_here(bucket, now, seconds, amount)

    def _add_here(self, bucket: str, now: int, seconds: int, amount: int) -> Spent:
        window = self._found(bucket, now)
        if window.minute_ends <= now:
            window.minute_ends, window.minute_hits = now + seconds, 0
        window.minute_hits = max(0, window.minute_hits + amount)
        return window.minute_hits, window.minute_ends


def _tightest(window: _Window | SharedWindow, minute: int, day: int | None, now: int) -> Verdict:
    """Where the window stands after one more request, had it been counted."""
    left = minute - window.minute_hits - 1
    if day is not None and (rest := day - window.day_hits - 1) < left:
        if rest < 0:
            return Verdict(False, day, 0, window.day_ends, max(1, window.day_ends - now))
        if left >= 0:
            return Verdict(True, day, rest, window.day_ends)
    if left < 0:
        return Verdict(False, minute, 0, window.minute_ends, max(1, window.minute_ends - now))
    return Verdict(True, minute, left, window.minute_ends)


def _buckets(subject: str, tenant: str | None, quota: Quota, now: int) -> list[tuple[Hit, int]]:
    today = now - now % DAY
    found = [(Hit(f"m:{subject}", now, MINUTE), quota.minute)]
    if quota.day is not None:
        found.append((Hit(f"d:{subject}", today, DAY), quota.day))
    if tenant is not None:
        found.append((Hit(f"m:{tenant}", now, MINUTE), quota.minute * quota.tenant))
        if quota.day is not None:
            found.append((Hit(f"d:{tenant}", today, DAY), quota.day * quota.tenant))
    return found


def _too_often(seconds: int) -> Limited:
    seconds = max(1, seconds)
    return Limited(f"Too many attempts. Try again in {seconds} seconds.", code="too_many_attempts", retry_after=seconds)


class _Batched:
    """One statement at a time; what comes meanwhile goes with the next. Counts are handed out in order of arrival, so
    each request learns its own place as if it had asked alone."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._waiting: list[tuple[Sequence[Hit], asyncio.Future[list[Spent]]]] = []
        self._first: Span | None = None  # in a trace the statement stands beneath the first who waits for it
        self._task: asyncio.Task[None] | None = None

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
        answer: asyncio.Future[list[Spent]] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._first = OPEN.get()
        self._waiting.append((hits, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(now))
        async with asyncio.timeout(SHARED_SECONDS * 2):
            return await answer

    async def give_back(self, hit: Hit) -> None:
        async with asyncio.timeout(SHARED_SECONDS):
            await self._counter.give_back(hit)

    async def _run(self, now: int) -> None:
        while self._waiting:
            OPEN.set(self._first)
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(SHARED_SECONDS):
                    await self._send(batch, now)
            except Exception as wrong:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(ConnectionError(str(wrong)))

    async def _send(self, batch: Sequence[tuple[Sequence[Hit], asyncio.Future[list[Spent]]]], now: int) -> None:
        total: dict[str, Hit] = {}
        for hits, _ in batch:
            for hit in hits:
                known = total.get(hit.bucket)
                amount = hit.amount + (known.amount if known else 0)
                total[hit.bucket] = Hit(hit.bucket, hit.start, hit.seconds, amount)
        ordered = [total[bucket] for bucket in sorted(total)]  # one lock order for all processes
        spent = dict(zip((hit.bucket for hit in ordered), await self._counter.add(ordered, now), strict=True))
        before = {bucket: count - total[bucket].amount for bucket, (count, _) in spent.items()}
        for hits, answer in batch:
            places = []
            for hit in hits:
                before[hit.bucket] += hit.amount
                places.append((before[hit.bucket], spent[hit.bucket][1]))
            if not answer.done():
                answer.set_result(places)


class DatabaseCounter:
    """Counters in PostgreSQL, for the processes of one installation."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
        return await service.add(self._rt, hits, now)

    async def give_back(self, hit: Hit) -> None:
        await service.give_back(self._rt, hit.bucket, hit.amount)


class RedisCounter:
    """Counters in Redis or Valkey, for several machines, through the `limits` package's atomic scripts."""

    def __init__(self, url: str) -> None:
        try:
            import redis  # noqa: F401
            from limits.aio.storage import RedisStorage
        except ImportError:
            raise WrongSetting("MERX_REDIS_URL needs the package redis: install it.") from None
        self._storage = RedisStorage(f"async+{url}", implementation="redispy")

    async def add(self, hits: Sequence[Hit], now: int) -> list[Spent]:
        return list(await asyncio.gather(*(self._one(hit) for hit in hits)))

    async def give_back(self, hit: Hit) -> None:
        await self._storage.incr(f"merx/{hit.bucket}", hit.seconds, amount=-hit.amount)

    async def _one(self, hit: Hit) -> Spent:
        key = f"merx/{hit.bucket}/{hit.start}" if hit.seconds == DAY else f"merx/{hit.bucket}"
        lasting = hit.start + hit.seconds - int(time.time()) if hit.seconds == DAY else hit.seconds
        count = await self._storage.incr(key, max(1, lasting), amount=hit.amount)
        return count, int(await self._storage.get_expiry(key))
