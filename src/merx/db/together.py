"""Owns asking together for what is asked in the same moment.

At most AT_ONCE statements are under way for one kind of question. Whoever comes meanwhile waits for the next one, which
asks for all of them. Nobody waits where nothing is under way, and a statement always begins after the question that it
answers has come: it shows whatever the asker has written before, and accepts nothing that was taken back before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from merx.db.database import Database
from merx.kernel.spans import OPEN, Span

AT_ONCE = 2
MOST = 64
"""So many are asked for in one statement."""
MOST_CROWDS = 1000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Read = Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]


class Crowd(Generic[Key, Value]):
    """Those who wait, by what they ask for. Only touched by its own event loop. It holds no database, which it is kept
    by."""

    __slots__ = ("_first", "_loop", "_reading", "_tasks", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._first: Span | None = None  # in a trace the statement stands beneath the first who waits for it
        self._reading = 0
        self._tasks: set[asyncio.Task[None]] = set()  # so that nobody collects them

    @property
    def idle(self) -> bool:
        return not self._reading

    def ask(self, key: Key, read: Read[Key, Value]) -> asyncio.Future[Value | None]:
        """What `read` finds for `key`, or None: by a statement of one's own, or somebody else's that has not begun."""
        answer: asyncio.Future[Value | None] = self._loop.create_future()
        if not self._waiting:
            self._first = OPEN.get()
        self._waiting.setdefault(key, []).append(answer)
        if self._reading < AT_ONCE:
            self._reading += 1
            reader = self._loop.create_task(self._read(read))
            self._tasks.add(reader)
            reader.add_done_callback(self._tasks.discard)
        return answer

    async def _read(self, read: Read[Key, Value]) -> None:
        """Until nobody waits. Between that look and the count nothing else runs, so nobody who comes is forgotten."""
        try:
            while self._waiting:
                OPEN.set(self._first)
                taken = self._waiting
                if len(taken) > MOST:
                    taken = {key: self._waiting.pop(key) for key in list(self._waiting)[:MOST]}
                else:
                    self._waiting = {}
                await _answer(taken, read)
        finally:
            self._reading -= 1


async def _answer(taken: dict[Key, list[asyncio.Future[Value | None]]], read: Read[Key, Value]) -> None:
    try:
        found = await read(list(taken))
    except BaseException as wrong:
        for waiter in [one for waiters in taken.values() for one in waiters if not one.done()]:
            if isinstance(wrong, Exception):
                waiter.set_exception(wrong)
            else:  # the process ends
                waiter.cancel()
        if not isinstance(wrong, Exception):
            raise
        return
    for key, waiters in taken.items():
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(found.get(key))


class Crowds(Generic[Key, Value]):
    """One crowd for each place in each database; those where nobody waits make room for others."""

    def __init__(self) -> None:
        self._all: WeakKeyDictionary[Database, dict[Hashable, Crowd[Key, Value]]] = WeakKeyDictionary()

    def at(self, db: Database, place: Hashable = None) -> Crowd[Key, Value]:
        crowds = self._all.get(db)
        if crowds is None:
            crowds = self._all[db] = {}
        crowd = crowds.get(place)
        if crowd is None:
            if len(crowds) >= MOST_CROWDS:
                for left in [one for one, kept in crowds.items() if kept.idle]:
                    del crowds[left]
            crowd = crowds[place] = Crowd()
        return crowd
