"""Endpoints, deliveries and tries. A delivery is one event on its way to one endpoint."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.kernel.errors import Conflict, Refused
from merx.kernel.events import ORDER_DELIVERED, PAYMENT_FLAGGED, WEBHOOK_KINDS, WEBHOOK_SWITCHED_OFF
from merx.kernel.ids import DeliveryId, EndpointId, EventId
from merx.kernel.states import Table

SHOWN_KINDS = (*WEBHOOK_KINDS, ORDER_DELIVERED, PAYMENT_FLAGGED, WEBHOOK_SWITCHED_OFF)
"""The events a merchant can read back. Named one by one, so that a new kind with something private in it stays ours."""

SECRETS_OVERLAP = timedelta(hours=24)
EVENTS_KEPT = timedelta(days=7)
DELIVERIES_KEPT = timedelta(days=30)
MAX_ENDPOINTS = 16
MAX_URL = 2048


class Policy(msgspec.Struct, frozen=True):
    """When to try again, and how many tries may be on their way at once. `pauses[n]` follows the try n + 1."""

    pauses: tuple[float, ...] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    jitter: float = 0.2
    lease: timedelta = timedelta(seconds=25)  # longer than a try may take: who holds it after this is gone
    per_endpoint: int = 4
    per_tenant: int = 16
    claimed_ahead: int = 16  # claimed for each place: claiming is paid for once a handful, not once a try
    wait_at_most: timedelta = timedelta(seconds=5)  # for a place; with a try's own time it is still within the lease
    switch_off_after: timedelta = timedelta(days=3)

    @property
    def most_tries(self) -> int:
        return len(self.pauses) + 1

    @property
    def most_claimed(self) -> int:
        """Of one tenant by one worker."""
        return self.per_tenant * self.claimed_ahead


POLICY = Policy()


class Endpoint(msgspec.Struct, frozen=True):
    id: EndpointId
    url: str
    events: tuple[str, ...]
    active: bool
    failing_since: datetime | None  # since when no try has succeeded
    disabled_reason: str | None  # why Merx switched it off, where it did
    created_at: datetime


class NewEndpoint(msgspec.Struct, frozen=True):
    """`secret` is shown now and never again."""

    endpoint: Endpoint
    secret: str


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"


TRANSITIONS: Table[DeliveryState] = {
    DeliveryState.WAITING: frozenset({DeliveryState.SENDING, DeliveryState.DEAD}),
    DeliveryState.SENDING: frozenset({DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.DEAD}),
    DeliveryState.DELIVERED: frozenset({DeliveryState.WAITING}),
    DeliveryState.DEAD: frozenset({DeliveryState.WAITING}),
}


class Attempt(msgspec.Struct, frozen=True):
    attempt: int
    status: int | None
    error: str | None
    answer: str | None
    milliseconds: int
    created_at: datetime


class Delivery(msgspec.Struct, frozen=True):
    id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
    kind: str
    state: DeliveryState
    attempt: int
    next_at: datetime
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[Attempt, ...] = ()


class Draft(msgspec.Struct, frozen=True):
    """A delivery to be written."""

    id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
    kind: str
    body: bytes
    subject: UUID  # what the event is about


class Due(msgspec.Struct, frozen=True):
    """A try that one worker has claimed. `secrets`: the newest first; none where they can't be opened."""

    delivery_id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
    kind: str
    url: str
    body: bytes
    attempt: int
    tried: int  # how many tries of this series there were, this one included
    endpoint_failing: bool
    places: int  # how many tries may be on their way to this endpoint at once
    secrets: tuple[str, ...]


class Tried(msgspec.Struct, frozen=True):
    """How a claimed try ended."""

    due: Due
    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    retry_after: int | None = None
    returned: bool = False  # the worker stopped: the try counts for nothing and is due again at once
    begun: bool = True  # one that was claimed and never begun leaves no trace

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver says that nobody lives there any more."""
        return self.status == 410


class Settlement(msgspec.Struct, frozen=True):
    """What a try makes of its delivery."""

    state: DeliveryState
    next_at: datetime


class Health(msgspec.Struct, frozen=True):
    """What a handful of tries says about their endpoint."""

    endpoint_id: EndpointId
    succeeded: bool
    gone: bool


class OnItsWay(Conflict):
    code = "delivery_on_its_way"

    def __init__(self) -> None:
        super().__init__("This delivery is being sent at the moment; try again when the try is over.", retry_after=15)


class EndpointOff(Refused):
    code = "endpoint_inactive"

    def __init__(self) -> None:
        super().__init__("This endpoint is switched off; switch it on before sending to it.")


LOST = "The worker stopped before an answer was noted."
RETURNED = "The worker was stopped before an answer came."


class Holder(msgspec.Struct, frozen=True):
    """Which worker claims, and how long its claims hold."""

    id: UUID
    policy: Policy = POLICY
