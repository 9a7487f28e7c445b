"""What is told about a field that is wrong: what it takes, in words a person can act on."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from merx.edge import body, query
from merx.edge.body import SAID
from merx.kernel.errors import Invalid

Line = Annotated[str, Meta(pattern="^[a-z]*$", extra={SAID: "Must be small letters."})]


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Thing(msgspec.Struct, kw_only=True):
    kind: Literal["one", "two"] | None = None
    kinds: list[Literal["one", "two"]] = []
    size: Size = Size.SMALL
    price: Decimal = Decimal(0)
    count: int | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    id: UUID | None = None
    line: Line | None = None
    options: dict[Line, Line] = {}
    plain: Annotated[str, Meta(pattern="^x*$")] = ""


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        ({"kind": "three"}, "kind", "Must be one of one, two."),
        ({"kinds": ["one", "three"]}, "kinds[1]", "Must be one of one, two."),
        ({"size": "huge"}, "size", "Must be one of small, large."),
        ({"price": "dear"}, "price", "Must be a number like 12.50."),
        ({"count": 1.5}, "count", "Must be a whole number or null."),
        ({"count": "1"}, "count", "Must be a whole number or null, not text."),
        ({"at": "2026-01-01"}, "at", "Must be a date and time like 2024-01-15T10:30:00Z."),
        ({"at": "2026-01-01T00:00:00"}, "at", "Must say its offset, like 2024-01-15T10:30:00Z."),
        ({"id": "x"}, "id", "Must be a UUID."),
        ({"line": "A"}, "line", "Must be small letters."),
        ({"options": {"a": "B"}}, "options", "Must be small letters."),
        ({"plain": "y"}, "plain", "Is not written the way this field needs it."),
        (b'{"count": ' + b"1" * 5000 + b"}", "count", "The number is too large."),
        (b'{"count": -' + b"1" * 5000 + b"}", "count", "The number is too large."),
    ],
)
def test_a_wrong_field_says_what_it_takes(raw: Any, field: str, said: str) -> None:
    text = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(Invalid) as wrong:
        body.decode(text, Thing)
    assert next(iter(wrong.value.fields.items())) == (field, [said])


class Asked(msgspec.Struct, kw_only=True):
    line: Line | None = None


def test_so_does_a_parameter() -> None:
    with pytest.raises(Invalid) as wrong:
        query.parse(Asked, b"line=A")
    assert wrong.value.fields == {"line": ["Must be small letters."]}
