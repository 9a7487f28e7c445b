"""Owns what a remembered request is, and its errors."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from merx.kernel.errors import Conflict, Refused

LEASE = timedelta(seconds=60)
"""How long a claim holds without an answer. A process that died leaves its key usable again after this, unless what it
did had taken effect."""

RETENTION = timedelta(hours=24)


class Claim(msgspec.Struct, frozen=True):
    """This request is the first with its key, and has until `lease` to say how it ended."""

    principal: str
    key: str
    lease: datetime


class Remembered(msgspec.Struct, frozen=True):
    """How the first one ended. `body` is sealed where it is stored: an answer may hold a token or a person."""

    status: int
    headers: dict[str, str]
    body: bytes


class InProgress(Conflict):
    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__("The first request with this idempotency key is still being worked on.", retry_after=1)


class AnswerLost(Conflict):
    code = "idempotency_answer_lost"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this idempotency key took effect, but its answer was lost. Look at what is there "
            "now; send it under a new key only if it is to be done a second time."
        )


class KeyReused(Refused):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This idempotency key was used for a different request; use a new one.")
