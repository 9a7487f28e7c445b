"""Passwords are hashed and checked here alone: argon2id in a thread, two at a time, a short queue, then Busy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from merx.core.auth.rules import checkable
from merx.kernel.errors import Busy

AT_ONCE, QUEUE = 2, 20

_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$6wIgfGiqC8Gri9LvQAIp9Q$yixfw6PUtEXgCS88y80ZUtEJOHMXuxjpAyB6chGKMzg"
"""Checked where there is no account, so that unknown and wrong cost the same. Nobody has this password."""

Answer = TypeVar("Answer")


class _Threads:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self.waiting = 0

    async def run(self, work: Callable[[], Answer]) -> Answer:
        if self.waiting >= AT_ONCE + QUEUE:
            raise Busy("Too many sign-ins at this moment; try again in a few seconds.", retry_after=2)
        self.waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self.pool, work)
        running.add_done_callback(self._done)
        # Shielded: a thread can't be stopped, so somebody who hangs up still takes a place until it is done.
        return await asyncio.shield(running)

    def _done(self, running: asyncio.Future[Answer]) -> None:
        self.waiting -= 1
        if not running.cancelled():
            running.exception()  # heard, even where nobody waits any more


_threads = _Threads()


async def hashed(password: str) -> str:
    return await _threads.run(lambda: _HASHER.hash(_bytes(password)))


async def verified(stored: str | None, password: str) -> bool:
    """Whether `password` is the one `stored` is of. Without `stored` it takes as long and is never true."""
    if not checkable(password):
        password, stored = "", None
    right = await _threads.run(lambda: _matches(stored or _NOBODY, password))
    return right and stored is not None


def outdated(stored: str) -> bool:
    """Whether it was made with other parameters than are used now."""
    return _HASHER.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, _bytes(password))
    except (Argon2Error, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _forked() -> None:
    global _threads
    _threads = _Threads()  # a thread does not live on in a child process


os.register_at_fork(after_in_child=_forked)
