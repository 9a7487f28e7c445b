"""Owns the memory that the worker processes of one server have in common: the windows that requests are counted in, and
stamps that tell them at once what one of them has changed. It is made before they are forked, costs 2.6 MB and needs no
database. A lock of the kernel's guards the counting; a process that is killed lets go of it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from merx.kernel.ids import TenantId

_SLOTS, _WORDS, _PROBES = 1 << 16, 5, 16
_STAMPS = 1 << 12
_REVOKED = _SLOTS * _WORDS + _STAMPS


class SharedWindow:
    """One subject's minute and day. To be used while the lock is held."""

    __slots__ = ("_at", "_memory")

    def __init__(self, memory: Any, at: int) -> None:
        self._memory, self._at = memory, at

    @property
    def minute_ends(self) -> int:
        return int(self._memory[self._at + 1])

    @minute_ends.setter
    def minute_ends(self, value: int) -> None:
        self._memory[self._at + 1] = value

    @property
    def minute_hits(self) -> int:
        return int(self._memory[self._at + 2])

    @minute_hits.setter
    def minute_hits(self, value: int) -> None:
        self._memory[self._at + 2] = value

    @property
    def day_ends(self) -> int:
        return int(self._memory[self._at + 3])

    @day_ends.setter
    def day_ends(self, value: int) -> None:
        self._memory[self._at + 3] = value

    @property
    def day_hits(self) -> int:
        return int(self._memory[self._at + 4])

    @day_hits.setter
    def day_hits(self, value: int) -> None:
        self._memory[self._at + 4] = value


class Shared:
    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, (_REVOKED + 1) * 8)).cast("Q")
        self._lock = os.memfd_create("merx-windows")

    # ── Windows ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def __enter__(self) -> None:
        fcntl.lockf(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def window(self, subject: str, now: int) -> SharedWindow:
        """That of this subject; a new one takes the place of one that is over. Where sixteen subjects meet whose
        windows all run, the one that ends first is forgotten."""
        memory, key = self._memory, _key(subject)
        free = oldest = -1
        for step in range(_PROBES):
            at = (key + step) % _SLOTS * _WORDS
            found = memory[at]
            if found == key:
                return SharedWindow(memory, at)
            if found == 0 or (memory[at + 1] <= now and memory[at + 3] <= now):
                free = at if free < 0 else free
                if found == 0:
                    break
            elif oldest < 0 or memory[at + 1] < memory[oldest + 1]:
                oldest = at
        at = free if free >= 0 else oldest
        memory[at] = key
        memory[at + 1] = memory[at + 2] = memory[at + 3] = memory[at + 4] = 0
        return SharedWindow(memory, at)

    # ── Stamps ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def catalogue(self, tenant: TenantId) -> int:
        """What this was before it is read from the database; once it is another, that may be out of date. Tenants may
        share a stamp."""
        return int(self._memory[_SLOTS * _WORDS + hash(tenant.int) % _STAMPS])

    def catalogue_changed(self, tenant: TenantId) -> None:
        """After the commit."""
        self._memory[_SLOTS * _WORDS + hash(tenant.int) % _STAMPS] = _stamp()

    @property
    def revoked(self) -> int:
        return int(self._memory[_REVOKED])

    def revoke(self) -> None:
        self._memory[_REVOKED] = _stamp()


@lru_cache(16_384)
def _key(subject: str) -> int:
    return int.from_bytes(blake2b(subject.encode(), digest_size=8).digest(), "big") or 1


def _stamp() -> int:
    """One that no process has made before: one clock for all of them, and who it was."""
    return (time.monotonic_ns() << 16 & 0xFFFF_FFFF_FFFF_FFFF) | (os.getpid() & 0xFFFF)


_made: Shared | None = None


def make() -> None:
    """In the parent, before it forks."""
    global _made
    _made = Shared()


def made() -> Shared | None:
    """What the processes of this server share; None where one serves alone."""
    return _made
