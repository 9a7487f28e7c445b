"""An entry is one request. Entries are written and kept in pages: what one process saw of one tenant in one second.

Time is kept to the second, as it is shown and asked for; within a second entries stand in the order they ended in."""

from __future__ import annotations

from array import array
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.kernel.context import ActorKind
from merx.kernel.ids import TenantId

MAX_PATH = 500


class Level(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Kind(msgspec.Struct, frozen=True, array_like=True):
    """What many requests have in common. `address` is the client's, past the trusted proxies; `path` is without the
    query, and without what is secret."""

    actor: ActorKind
    actor_id: UUID | None
    address: str
    method: str
    path: str
    dialect: str
    status: int

    @property
    def level(self) -> Level:
        return Level.INFO if self.status < 400 else Level.WARN if self.status < 500 else Level.ERROR


class Strip:
    """Requests of one kind that have ended and are not written yet, in columns of plain numbers: to note one more is
    three appends and twenty bytes, and leaves no object behind."""

    __slots__ = ("at", "kind", "numbers", "tenant", "took")

    def __init__(self, tenant: TenantId, kind: Kind) -> None:
        self.tenant, self.kind = tenant, kind
        self.empty()

    def empty(self) -> None:
        self.at = array("d")  # epoch seconds
        self.took = array("f")  # seconds
        self.numbers = array("Q")  # a request's id is its process's birth, `-`, and this in hexadecimal


class Entry(msgspec.Struct, frozen=True):
    at: datetime
    kind: Kind
    milliseconds: float
    request_id: str


class Page(msgspec.Struct, frozen=True):
    """`id` makes writing it twice the same as writing it once."""

    tenant: TenantId
    at: datetime
    id: UUID
    infos: int
    warns: int
    errors: int
    entries: bytes

    @property
    def size(self) -> int:
        return self.infos + self.warns + self.errors
