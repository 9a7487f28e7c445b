"""One request's transaction on one account at a simulated provider, and the events it gathers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from merx.db.database import Statements
from merx.simulator import callbacks
from merx.simulator.control import Control

Body = dict[str, Any]


class Change:
    """`close` queues the events as callbacks."""

    provider = ""

    def __init__(self, tx: Statements, account: str, control: Control, now: datetime, key: str | None = None) -> None:
        self.tx, self.account, self.control, self.now, self.key = tx, account, control, now, key
        self.created = int(now.timestamp())
        self._events: list[callbacks.Outgoing] = []

    def gather(self, ident: str, kind: str, body: Body) -> None:
        """The event shows its objects as they are at this moment."""
        self._events.append(callbacks.Outgoing(ident, kind, msgspec.json.encode(body)))

    async def close(self) -> None:
        if self._events:
            await callbacks.queue(self.tx, self.account, self.provider, self.control, self._events, self.now)
            self._events = []
