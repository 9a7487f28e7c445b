"""Owns what this process keeps in memory: encoded catalogue answers and verified keys, and the rules for when neither
may be used.

An answer is kept for one tenant and one catalogue version. The changes of this process and of the others of its server
count before the writer's answer leaves; those of other servers come with `refresh`, four times a second. What was
computed while a change came in is handed out, but never kept. Where `refresh` has been silent for five seconds nothing
is known any more, and everything is computed anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from hashlib import blake2b
from typing import Generic, TypeVar

import msgspec

from merx.edge.shared import Shared
from merx.kernel.ids import TenantId

ANSWER_TRUST_SECONDS = 5.0
KEY_TRUST_SECONDS = 1.0
_OVERHEAD = 1100  # what an answer costs besides its body, as measured: headers, keys, entries
_IDLE_SECONDS = 60.0

Header = tuple[bytes, bytes]
Credential = TypeVar("Credential")


class Answer(msgspec.Struct, frozen=True, eq=False):
    status: int
    headers: tuple[Header, ...]
    body: bytes
    etag: bytes
    route: str = ""

    @property
    def keepable(self) -> bool:
        """Nothing about one person, and nothing that would be more than a header's line."""
        return self.status == 200 and not any(
            name == b"set-cookie" or b"\r" in value or b"\n" in value for name, value in self.headers
        )


def etag_of(body: bytes) -> bytes:
    """Weak, since a proxy may compress; of the content, so that a change elsewhere in the catalogue costs no reload."""
    return b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


class Kept:
    """The place of one answer in memory. Who holds it keeps no answer alive that the memory has dropped."""

    __slots__ = ("answer", "shelf", "used")

    def __init__(self, answer: Answer, shelf: _Shelf) -> None:
        self.answer: Answer | None = answer
        self.shelf = shelf
        self.used = False


class _Abandoned(Exception):
    """Whoever computed the answer has hung up."""


class _Flight:
    """An answer that is being computed by the first who asked for it, and who else waits for it."""

    __slots__ = ("generation", "waiting")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.waiting: list[asyncio.Future[Answer]] = []

    def landing(self) -> asyncio.Future[Answer]:
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        return waiter

    def landed(self, answer: Answer) -> None:
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(answer)

    def failed(self, wrong: BaseException) -> None:
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(wrong if isinstance(wrong, Exception) else _Abandoned())


class _Shelf:
    """One tenant's answers. `generation` counts the changes this process has heard of."""

    __slots__ = ("asked", "flights", "generation", "keys", "stamp", "tenant", "used", "version")

    def __init__(self, tenant: TenantId, stamp: int = 0) -> None:
        self.tenant = tenant
        self.stamp = stamp  # what the processes of this server had told each other of the tenant
        self.asked = False
        self.version: int | None = None
        self.generation = 0
        self.keys: set[Hashable] = set()
        self.flights: dict[Hashable, _Flight] = {}
        self.used = 0.0


class AnswerCache:
    def __init__(
        self, max_bytes: int, clock: Callable[[], float] = time.monotonic, shared: Shared | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._shared = shared
        self._clock = clock
        self._kept: OrderedDict[tuple[TenantId, Hashable], Kept] = OrderedDict()
        self._shelves: dict[TenantId, _Shelf] = {}
        self._bytes = 0
        self._trusted_until = 0.0
        self.hits = self.misses = 0

    @property
    def size(self) -> int:
        return self._bytes

    def get(self, tenant: TenantId, key: Hashable) -> Answer | None:
        """The kept answer, where it may still be used."""
        return self.use(self.find(tenant, key))

    def find(self, tenant: TenantId, key: Hashable) -> Kept | None:
        return self._kept.get((tenant, key))

    def use(self, kept: Kept | None) -> Answer | None:
        """The answer kept here, where it may still be used."""
        if kept is None or kept.answer is None or self._clock() >= self._trusted_until:
            return None
        shelf = kept.shelf
        if self._shared is not None and self._outdated(shelf):
            return None
        kept.used = shelf.asked = True
        self.hits += 1
        return kept.answer

    async def compute(self, tenant: TenantId, key: Hashable, fn: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of `fn`, run once for all who ask for the same meanwhile. Somebody who asks after a change does
        not share a computation that began before it."""
        shelf = self._shelf(tenant)
        self._outdated(shelf)
        self.misses += 1
        while (flight := shelf.flights.get(key)) is not None and flight.generation == shelf.generation:
            try:
                return await flight.landing()
            except _Abandoned:  # one of those who waited with us may have computed it meanwhile
                if (found := self.get(tenant, key)) is not None:
                    return found
                self._outdated(shelf)
        return await self._compute(shelf, tenant, key, fn)

    async def _compute(
        self, shelf: _Shelf, tenant: TenantId, key: Hashable, fn: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        flight = shelf.flights[key] = _Flight(shelf.generation)
        try:
            answer = await fn()
        except BaseException as wrong:
            flight.failed(wrong)
            raise
        finally:
            if shelf.flights.get(key) is flight:
                del shelf.flights[key]
        self._outdated(shelf)
        unchanged = shelf.generation == flight.generation and self._shelves.get(tenant) is shelf
        if unchanged and answer.keepable and self._clock() < self._trusted_until:
            self._keep(shelf, tenant, key, answer)
        flight.landed(answer)
        return answer

    def changed(self, tenant: TenantId) -> None:
        """This process has committed a change of this tenant's catalogue."""
        if self._shared is not None:
            self._shared.catalogue_changed(tenant)
        shelf = self._shelves.get(tenant)
        if shelf is not None:
            self._forget(shelf)

    def tenants(self) -> list[TenantId]:
        """Whose versions `refresh` needs; tenants nobody has asked about for a minute are dropped here."""
        now = self._clock()
        horizon = now - _IDLE_SECONDS
        for tenant, shelf in list(self._shelves.items()):
            if shelf.asked:
                shelf.asked, shelf.used = False, now
            elif shelf.used < horizon and not shelf.flights:
                self._forget(shelf)
                del self._shelves[tenant]
        return list(self._shelves)

    def refresh(self, versions: Mapping[TenantId, int], asked_at: float | None = None) -> None:
        """What the database said the versions are. A first version counts as a change: what was kept before it was
        known may be older. `asked_at` is the clock before the statement was sent."""
        for tenant, version in versions.items():
            shelf = self._shelves.get(tenant)
            if shelf is not None and shelf.version != version:
                self._forget(shelf)
                shelf.version = version
        self._trusted_until = (self._clock() if asked_at is None else asked_at) + ANSWER_TRUST_SECONDS

    def _outdated(self, shelf: _Shelf) -> bool:
        """Whether another process of this server has changed something since: then all of it is forgotten."""
        if self._shared is None or (stamp := self._shared.catalogue(shelf.tenant)) == shelf.stamp:
            return False
        self._forget(shelf)
        shelf.stamp = stamp
        return True

    def _shelf(self, tenant: TenantId) -> _Shelf:
        shelf = self._shelves.get(tenant)
        if shelf is None:
            stamp = 0 if self._shared is None else self._shared.catalogue(tenant)
            shelf = self._shelves[tenant] = _Shelf(tenant, stamp)
        shelf.used = self._clock()
        return shelf

    def _forget(self, shelf: _Shelf) -> None:
        shelf.generation += 1
        for key in shelf.keys:
            self._drop(self._kept.pop((shelf.tenant, key)))
        shelf.keys.clear()

    def _drop(self, kept: Kept) -> None:
        if kept.answer is not None:
            self._bytes -= _size(kept.answer)
            kept.answer = None

    def _keep(self, shelf: _Shelf, tenant: TenantId, key: Hashable, answer: Answer) -> None:
        size = _size(answer)
        if size > self._max_bytes // 4:
            return
        if (old := self._kept.pop((tenant, key), None)) is not None:
            self._drop(old)
        self._kept[tenant, key] = Kept(answer, shelf)
        shelf.keys.add(key)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._make_room()

    def _make_room(self) -> None:
        """The oldest goes; one that was used since it was last looked at stays for another round."""
        (whose, key), oldest = self._kept.popitem(last=False)
        if oldest.used:
            oldest.used = False
            self._kept[whose, key] = oldest
        else:
            oldest.shelf.keys.discard(key)
            self._drop(oldest)


def _size(answer: Answer) -> int:
    return len(answer.body) + _OVERHEAD


class KeyMemory(Generic[Credential]):
    """Keys the database has vouched for, so that a catalogue read from memory needs no statement. Only such reads use
    it. A key revoked here is forgotten at once; `confirm` brings, four times a second, which keys still stand and
    unchanged, and what it has not confirmed for a second is not used."""

    def __init__(
        self, most: int = 10_000, clock: Callable[[], float] = time.monotonic, shared: Shared | None = None
    ) -> None:
        self._most = most
        self._shared = shared
        self._stamp = 0 if shared is None else shared.revoked
        self._clock = clock
        self._kept: dict[str, _Remembered[Credential]] = {}
        self._generation = 0
        self._trusted_until = 0.0

    def recall(self, secret: str) -> Credential | None:
        self._listen()
        found = self._kept.get(secret)
        if found is None or self._clock() >= self._trusted_until:
            return None
        found.used = True
        return found.credential

    def begin(self) -> int:
        """Before the database is asked; hand it to `remember` afterwards."""
        self._listen()
        return self._generation

    def remember(self, secret: str, digest: bytes, credential: Credential, begun: int) -> None:
        """Not kept where anything was revoked since `begun`."""
        self._listen()
        if begun == self._generation and len(self._kept) < self._most:
            self._kept[secret] = _Remembered(digest, credential)

    def _listen(self) -> None:
        if self._shared is not None and self._shared.revoked != self._stamp:
            self._stamp = self._shared.revoked
            self._generation += 1
            self._kept.clear()

    def revoked(self) -> None:
        """This process has revoked or changed some credential, or some tenant's plan: ask about all of them again."""
        if self._shared is not None:
            self._shared.revoke()
        self._generation += 1
        self._kept.clear()

    def digests(self) -> list[bytes]:
        """Which keys `confirm` needs to hear about. Those nobody has used since the last time are dropped."""
        idle = [secret for secret, one in self._kept.items() if not one.used and one.confirmed]
        for secret in idle:
            del self._kept[secret]
        for one in self._kept.values():
            one.used = False
        return [one.digest for one in self._kept.values()]

    def confirm(self, asked: Collection[bytes], standing: Mapping[bytes, Credential], asked_at: float) -> None:
        """`standing` is the answer to `asked`: the credential as it is now. One that is gone or different is dropped,
        and so is one remembered while the statement ran, because it may not have seen it."""
        kept = {}
        for secret, one in self._kept.items():
            if one.digest not in asked:
                kept[secret] = one  # younger than the statement; the next one is asked about it
            elif standing.get(one.digest) == one.credential:
                one.confirmed = True
                kept[secret] = one
        self._kept = kept
        self._trusted_until = asked_at + KEY_TRUST_SECONDS


class _Remembered(Generic[Credential]):
    __slots__ = ("confirmed", "credential", "digest", "used")

    def __init__(self, digest: bytes, credential: Credential) -> None:
        self.digest = digest
        self.credential = credential
        self.used = True
        self.confirmed = False
