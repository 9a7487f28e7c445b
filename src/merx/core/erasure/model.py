"""An erasure and its states. Until the worker has begun it can be taken back; from then on it is final, and goes on
until nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.kernel.errors import Refused
from merx.kernel.ids import CustomerId
from merx.kernel.states import Table

UNDO = timedelta(hours=72)
"""So long asking for it can be taken back."""

LEASE = timedelta(minutes=3)
"""So long an erasure is one worker's, longer than a job may run. What was interrupted is taken up again after it."""

POSTPONED = timedelta(hours=1)
"""What waits for an order to be done with is looked at again after this."""

SETTLES = timedelta(minutes=1)
"""What was under way when the customer was erased (a checkout, a letter, a page of the access log) is written by then;
it is done when nothing has been found after this."""

HOUR = timedelta(hours=1)
LOG_PIECE = timedelta(minutes=10)
"""So much of the access log is looked through in one statement."""

ORDERS_AT_ONCE = 100
ROWS_AT_ONCE = 500
NAMED = 5


class State(StrEnum):
    WAITING = "waiting"
    TAKEN_BACK = "taken_back"
    RUNNING = "running"
    DONE = "done"


TRANSITIONS: Table[State] = {
    State.WAITING: frozenset({State.TAKEN_BACK, State.RUNNING}),
    State.RUNNING: frozenset({State.DONE}),
    State.TAKEN_BACK: frozenset(),
    State.DONE: frozenset(),
}


class Erasure(msgspec.Struct, frozen=True):
    """As one worker has claimed it. `begun_at` None: it can still be taken back."""

    id: UUID
    customer_id: CustomerId
    asked_at: datetime
    begun_at: datetime | None


class OrdersOpen(Refused):
    code = "orders_open"

    def __init__(self, numbers: Sequence[str]) -> None:
        more = " and others" if len(numbers) > NAMED else ""
        super().__init__(
            f"Name and address are still needed for {', '.join(numbers[:NAMED])}{more}: an order is done with when it "
            "is paid and delivered, cancelled or refunded.",
            orders=list(numbers[:NAMED]),
        )


class NotBeingErased(Refused):
    code = "not_being_erased"

    def __init__(self) -> None:
        super().__init__("Nobody has asked for this customer to be erased.")
