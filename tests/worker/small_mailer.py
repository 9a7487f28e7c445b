"""A worker in a process of its own that sends mails and text messages, for tests that kill it. TEST_DIES names where it
kills itself: `before` it hands anything over, or `after` the other side has taken it and before that is written down."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from tests import hooks, mailroom

from merx import worker
from merx.core.notifications.model import Policy
from merx.db.database import Database
from merx.kernel.ids import TenantId
from merx.ports import Account, Sent, TextMessage

POLICY = Policy(pauses=(0.2,) * 6, lease=timedelta(seconds=1.5))


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Mortal:
    """Whoever sends, until it is killed."""

    def __init__(self, inner: Any, when: str) -> None:
        self.inner, self.when = inner, when
        self.ready, self.domain = getattr(inner, "ready", True), getattr(inner, "domain", "")

    async def send(self, *given: Any) -> Sent:
        if self.when == "before":
            die()
        sent: Sent = await self.inner.send(*given)
        if self.when == "after":
            die()
        return sent

    async def find(self, account: Account, message: TextMessage) -> list[str] | None:
        found: list[str] | None = await self.inner.find(account, message)
        return found

    async def close(self) -> None:
        await self.inner.close()


async def main() -> None:
    database = await Database.open(msgspec.json.decode(os.environ["TEST_DSN"]), pool_size=4)
    rt = mailroom.runtime(database, smtp=os.environ.get("TEST_SMTP"), sms=os.environ.get("TEST_SMS"))
    if when := os.environ.get("TEST_DIES"):
        rt = msgspec.structs.replace(rt, mailer=Mortal(rt.mailer, when), sms=Mortal(rt.sms, when))
    hooks.minding({TenantId(UUID(one)) for one in sys.argv[1:]}, setattr)
    print("works", flush=True)
    await worker.run(rt, asyncio.Event(), work=mailroom.jobs(POLICY), chores={})


if __name__ == "__main__":
    asyncio.run(main())
