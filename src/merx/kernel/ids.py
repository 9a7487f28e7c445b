"""UUIDv7 inside; TypeID spelling (prefix, underscore, 26 base32 characters) at the edge of dialects that show prefixes.

The TypeID alphabet and layout follow the TypeID specification 0.3: Crockford base32, lower case, no padding.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
StaffId = NewType("StaffId", UUID)
CustomerId = NewType("CustomerId", UUID)
SessionId = NewType("SessionId", UUID)
KeyId = NewType("KeyId", UUID)
ProductId = NewType("ProductId", UUID)
VariantId = NewType("VariantId", UUID)
CategoryId = NewType("CategoryId", UUID)
CouponId = NewType("CouponId", UUID)
CartId = NewType("CartId", UUID)
LineId = NewType("LineId", UUID)
OrderId = NewType("OrderId", UUID)
PaymentId = NewType("PaymentId", UUID)
RefundId = NewType("RefundId", UUID)
ShipmentId = NewType("ShipmentId", UUID)
EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
EventId = NewType("EventId", UUID)
NotificationId = NewType("NotificationId", UUID)

PLATFORM_TENANT = TenantId(UUID(int=0))
"""The tenant of the platform's own administrators; it has no shop and no host."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_PART = (1 << 50) - 1
_VALUE = {character: index for index, character in enumerate(_ALPHABET)}


def new() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, 12 bits of what is between two of them (so that ids made one
    after the other rise), then 62 random bits."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    noise = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (rest << 12) // 1_000_000 << 64 | 0b10 << 62 | noise)


def made_at(ident: UUID) -> datetime | None:
    """When one of our ids was made; None for an id that does not say."""
    return datetime.fromtimestamp((ident.int >> 80) / 1000, UTC) if ident.version == 7 else None


def encode(prefix: str, ident: UUID) -> str:
    """`prod_01h455vb4pex5vsknk084sn02q`"""
    number = ident.int
    # Written out, and by parts that are small numbers to Python: many an answer consists of ids.
    a, b, c, of = number >> 100, number >> 50 & _PART, number & _PART, _PAIRS
    return (
        f"{prefix}_{of[a >> 20]}{of[a >> 10 & 1023]}{of[a & 1023]}"
        f"{of[b >> 40]}{of[b >> 30 & 1023]}{of[b >> 20 & 1023]}{of[b >> 10 & 1023]}{of[b & 1023]}"
        f"{of[c >> 40]}{of[c >> 30 & 1023]}{of[c >> 20 & 1023]}{of[c >> 10 & 1023]}{of[c & 1023]}"
    )


def decode(prefix: str, text: str) -> UUID | None:
    """The id that `text` spells with `prefix`, or None if it spells none."""
    head, separator, body = text.rpartition("_")
    if head != prefix or not separator or len(body) != 26:
        return None
    number = 0
    for character in body:
        value = _VALUE.get(character)
        if value is None:
            return None
        number = number << 5 | value
    return UUID(int=number) if number < 1 << 128 else None


def parse_uuid(text: str) -> UUID | None:
    """A UUID in its canonical 36-character spelling only; braces, URNs and bare hex are refused."""
    if len(text) != 36:
        return None
    try:
        return UUID(text) if text.count("-") == 4 else None
    except ValueError:
        return None
