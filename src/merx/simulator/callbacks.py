"""The queue of signed callbacks to the shops, of every provider the simulator plays; `delivery.py` empties it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from merx.db.database import Statements
from merx.simulator import store
from merx.simulator.control import Control


class Outgoing(msgspec.Struct, frozen=True):
    ident: str
    kind: str
    body: bytes


async def queue(
    tx: Statements, account: str, provider: str, control: Control, events: Sequence[Outgoing], now: datetime
) -> None:
    """In the order they happened, a millisecond apart, unless the account's control says otherwise."""
    first = now + timedelta(seconds=control.delay_s)
    rows = []
    for place, event in enumerate(reversed(events) if control.reverse else events):
        row = (event.ident, event.kind, event.body.decode(), first + timedelta(milliseconds=place))
        rows += [row, row] if control.double else [row]
    await store.insert_callbacks(tx, account, provider, control.callback_url, rows)


def sign(secret: str, body: bytes, now: datetime) -> str:
    """Stripe's: with the moment it was signed."""
    moment = int(now.timestamp())
    return f"t={moment},v1={hmac.new(secret.encode(), b'%d.' % moment + body, hashlib.sha256).hexdigest()}"


def sign_body(secret: str, body: bytes) -> str:
    """Razorpay's."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
