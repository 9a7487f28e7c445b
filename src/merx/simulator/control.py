"""How an account's simulator misbehaves on request: callbacks late, doubled, reversed; answers slow or lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from merx.db.database import Database, Statements
from merx.simulator import store


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """The next `times` writes answer `status`: `before` anything is done; after it was done, the answer being `lost`
    (a repetition hears the true one); or after it was done, and the failure `kept` under the idempotency key."""

    times: int = 1
    status: int = 500
    when: Literal["before", "lost", "kept"] = "before"


class Control(msgspec.Struct, forbid_unknown_fields=True):
    delay_s: float = 0.0  # callbacks wait this long
    double: bool = False  # each callback is sent twice
    reverse: bool = False  # callbacks of one change are sent last first
    callback_url: str | None = None  # instead of the account's own address; on this machine only
    answer_delay_s: float = 0.0  # writes answer this late
    fault: Fault | None = None
    refunds: Literal["done", "later", "fail"] = "done"  # later, fail: pending first, and then a callback says which
    authorize_only: bool = False  # Razorpay's payments wait to be captured


def decode(text: str | None) -> Control:
    return Control() if text is None else msgspec.json.decode(text, type=_Stored).control


def change(now: Control, body: bytes) -> Control:
    """The control with the fields that `body` names replaced; raises ValueError with a sentence."""
    try:
        given = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        control = msgspec.convert(msgspec.to_builtins(now) | given, Control)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ValueError(str(wrong)) from None
    url = control.callback_url
    if url is not None and not (
        urlsplit(url).scheme == "http" and urlsplit(url).hostname in ("127.0.0.1", "localhost")
    ):
        raise ValueError("callback_url must be an http:// address of this machine")
    if not (0 <= control.delay_s <= 86400 and 0 <= control.answer_delay_s <= 60):
        raise ValueError("delay_s goes up to 86400 and answer_delay_s up to 60")
    return control


async def load(tx: Statements, account: str) -> Control:
    body = await store.get(tx, account, "control", f"control_{account}")
    return Control() if body is None else msgspec.convert(body, _Stored).control


async def save(tx: Statements, account: str, control: Control) -> None:
    body = {"id": f"control_{account}", "created": int(datetime.now(UTC).timestamp())}
    await store.put(tx, account, "control", body | {"control": msgspec.to_builtins(control)})


async def take_fault(db: Database, account: str) -> Fault | None:
    """The fault that is this call's turn, counted down."""
    async with db.platform() as tx:
        await store.lock(tx, account, "control", f"control_{account}")
        current = await load(tx, account)
        fault = current.fault
        if fault is not None:
            left = msgspec.structs.replace(fault, times=fault.times - 1) if fault.times > 1 else None
            await save(tx, account, msgspec.structs.replace(current, fault=left))
    return fault


class _Stored(msgspec.Struct):
    control: Control
