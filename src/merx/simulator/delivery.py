"""Sends the callbacks that are due, and closes payment pages whose time is over: the worker's part of the simulator.

Sent at least once and in no promised order, as the real thing does; retried with growing pauses until answered 2xx.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from merx.runtime import Runtime
from merx.simulator import accounts, callbacks, control, store, stripe_flow

if TYPE_CHECKING:
    import httpx

PAUSES = (0.5, 1, 2, 5, 15, 60, 300)  # seconds after the first, second, … failed attempt; then it is given up
LEASE = timedelta(seconds=10)
KEPT = timedelta(days=2)  # answers under idempotency keys, and callbacks that were sent
TIMEOUT_SECONDS = 5
log = structlog.get_logger(__name__)


async def deliver_due(rt: Runtime) -> int:
    """Answers how much there was to do. For the worker's loop: one small question where there is nothing."""
    now = datetime.now(UTC)
    waiting, overdue = await store.anything_due(rt.db, now)
    done = await _expire(rt, now) if overdue else 0
    if waiting or done:
        taken = await store.take_callbacks(rt.db, datetime.now(UTC), LEASE)
        await _send_all(rt, taken)
        done += len(taken)
        if now.minute == 0:  # within a busy hour's first minute is often enough
            await store.forget(rt.db, now - KEPT)
    return done


async def _expire(rt: Runtime, now: datetime) -> int:
    async with rt.db.platform() as tx:
        overdue = await store.overdue(tx, now)
    for ident, account in overdue:
        async with rt.db.platform() as tx:
            change = stripe_flow.Change(tx, account, await control.load(tx, account), now)
            await stripe_flow.locked_session(change, ident)
            await change.close()
    return len(overdue)


async def _send_all(rt: Runtime, taken: Sequence[Any]) -> None:
    import httpx  # not at start: servers without a shop in test mode never need it

    turns = [list(rows) for _, rows in groupby(sorted(taken, key=_account), key=_account)]
    # No certificates are loaded: callbacks go to this machine, over plain HTTP, past any proxy.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, verify=context) as client:
        await asyncio.gather(*[_send_in_turn(rt, client, rows) for rows in turns])


async def _send_in_turn(rt: Runtime, client: httpx.AsyncClient, rows: Sequence[Any]) -> None:
    """Where nobody answers, the rest waits until its lease is over: a dead receiver holds nobody else up."""
    for row in rows:
        if not await _send(rt, client, row):
            return


async def _send(rt: Runtime, client: httpx.AsyncClient, row: Any) -> int:
    import httpx

    url, headers = _addressed(rt, row)
    body = row["body"].encode()
    try:
        status = (await client.post(url, content=body, headers=headers)).status_code
    except httpx.HTTPError as wrong:
        status = 0
        log.info("simulator.callback.unanswered", account=row["account"], error=type(wrong).__name__)
    now, attempts = datetime.now(UTC), row["attempts"]
    over = 200 <= status < 300 or attempts > len(PAUSES)
    pause = timedelta(seconds=0 if over else PAUSES[attempts - 1])
    await store.note_callback(rt.db, row["number"], status, now + pause, now if over else None)
    return status


def _addressed(rt: Runtime, row: Any) -> tuple[str, dict[str, str]]:
    """Where a callback goes, and signed as its provider signs."""
    tenant, provider, body = UUID(row["account"]), row["provider"], row["body"].encode()
    url = row["url"] or f"{accounts.internal_url(rt.settings)}/webhooks/{provider}/{tenant}"
    secret = accounts.webhook_secret(tenant, accounts.secret_of(rt.vault), provider)
    if provider == "razorpay":
        return url, {
            "content-type": "application/json",
            "user-agent": "Razorpay-Webhook/v1 (simulator)",
            "x-razorpay-event-id": row["event_id"],
            "x-razorpay-signature": callbacks.sign_body(secret, body),
        }
    return url, {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Stripe/1.0 (simulator)",
        "stripe-signature": callbacks.sign(secret, body, datetime.now(UTC)),
    }


def _account(row: Any) -> str:
    return str(row["account"])
