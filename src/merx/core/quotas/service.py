"""What the outside asks for: add to buckets, give back, forget windows that are over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from merx.core.quotas import store
from merx.runtime import Runtime

Spent = tuple[int, int]
"""(hits with this one, when the window ends in epoch seconds)"""


@dataclass(frozen=True, slots=True)
class Hit:
    """`amount` more in `bucket`; a window that is over begins anew at `start`."""

    bucket: str
    start: int
    seconds: int
    amount: int = 1


async def add(rt: Runtime, hits: Sequence[Hit], now: int) -> list[Spent]:
    """In the order of `hits`; no bucket may stand there twice."""
    found = await store.add(
        rt.db,
        [hit.bucket for hit in hits],
        [hit.start for hit in hits],
        [hit.seconds for hit in hits],
        [hit.amount for hit in hits],
        now,
    )
    return [found[hit.bucket] for hit in hits]


async def give_back(rt: Runtime, bucket: str, amount: int = 1) -> None:
    await store.give_back(rt.db, bucket, amount)


async def forget_old(rt: Runtime) -> None:
    """The sweep: windows that ended a while ago count nothing any more."""
    await store.forget(rt.db, int(time.time()) - 60)
