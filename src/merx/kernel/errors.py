"""One hierarchy. A Kind says what happened to the caller; a code says which rule said no.

Nothing here knows HTTP: each dialect owns a table from Kind to status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    INVALID = "invalid"  # the request makes no sense
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"  # true a moment ago, no longer: reload and retry
    REFUSED = "refused"  # well formed, but a business rule says no
    DECLINED = "declined"  # the money said no
    LIMITED = "limited"  # too many requests: wait `retry_after` seconds
    BUSY = "busy"  # lock timeout, overload, database away: try again
    UPSTREAM = "upstream"  # somebody else's server
    INTERNAL = "internal"  # our bug


class MerxError(Exception):
    """What a dialect renders. `fields` maps a request field (in the core's own words, or the wire's where the wire
    found it) to sentences; `facts` are for machines and never hold a secret."""

    kind: Kind = Kind.INTERNAL
    code: str = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        retry_after: int | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.fields: dict[str, list[str]] = {name: list(said) for name, said in (fields or {}).items()}
        if field is not None:
            self.fields.setdefault(field, [message])
        self.retry_after = retry_after
        self.facts = facts

    @property
    def field(self) -> str | None:
        return next(iter(self.fields), None)


class Invalid(MerxError):
    kind, code = Kind.INVALID, "validation_error"


class Unauthenticated(MerxError):
    kind, code = Kind.UNAUTHENTICATED, "unauthenticated"


class Forbidden(MerxError):
    kind, code = Kind.FORBIDDEN, "forbidden"


class NotFound(MerxError):
    """A foreign id answers exactly as an unknown one, so the id itself is never part of the message."""

    kind, code = Kind.NOT_FOUND, "not_found"

    def __init__(self, what: str, **facts: Any) -> None:
        super().__init__(f"No such {what}.", **facts)
        self.what = what


class Conflict(MerxError):
    kind, code = Kind.CONFLICT, "conflict"


class Refused(MerxError):
    kind, code = Kind.REFUSED, "refused"


class Declined(MerxError):
    kind, code = Kind.DECLINED, "payment_declined"


class Limited(MerxError):
    kind, code = Kind.LIMITED, "rate_limited"


class Busy(MerxError):
    kind, code = Kind.BUSY, "busy"

    def __init__(self, message: str = "Somebody else holds this; try again in a moment.", **facts: Any) -> None:
        facts.setdefault("retry_after", 1)
        super().__init__(message, **facts)


class Upstream(MerxError):
    kind, code = Kind.UPSTREAM, "upstream"

    def __init__(self, message: str, **facts: Any) -> None:
        facts.setdefault("retry_after", 5)
        super().__init__(message, **facts)
