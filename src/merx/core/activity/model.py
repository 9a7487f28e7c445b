"""An entry is one request. Entries are written and kept in pages: what one process saw of one tenant in one second.

Time is kept to the second, as it is shown and asked for; within a second entries stand in the order they ended in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.kernel.context import ActorKind
from merx.kernel.ids import TenantId

MAX_PATH = 500

Seen = tuple[float, TenantId, ActorKind, UUID | None, str, str, str, str, int, float, str]
"""One request as it is noted when it ends, cheap to make: (epoch seconds, tenant, caller's kind and id, address,
method, path, dialect, status, seconds it took, request id)."""


class Level(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Entry(msgspec.Struct, frozen=True):
    """`address` is the client's, past the trusted proxies; `path` is without the query, and without what is secret."""

    at: datetime
    actor: ActorKind
    actor_id: UUID | None
    address: str
    method: str
    path: str
    dialect: str
    status: int
    milliseconds: float
    request_id: str

    @property
    def level(self) -> Level:
        return Level.INFO if self.status < 400 else Level.WARN if self.status < 500 else Level.ERROR


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
