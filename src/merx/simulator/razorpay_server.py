"""One call of Razorpay's API: who asks, has this refund been asked before, do it in one transaction, answer in
Razorpay's shape."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from merx.kernel.errors import MerxError
from merx.runtime import Runtime
from merx.simulator import control, http, razorpay_api, store
from merx.simulator import razorpay_objects as objects
from merx.simulator.control import Control, Fault
from merx.simulator.razorpay_flow import Change
from merx.simulator.razorpay_objects import RazorpayError

JSON = {"content-type": "application/json", "cache-control": "no-store"}
_REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{10,255}", re.ASCII)


async def answer(rt: Runtime, account: UUID | None, request: http.Request, path: str) -> http.Reply:
    """`path` begins with /v1."""
    try:
        if account is None:
            raise RazorpayError("Authentication failed", status=401, reason="authentication_failed")
        endpoint, ids = razorpay_api.route(request.method, path)
        call = _Call(rt, str(account), endpoint, ids, _params(request))
        if request.method == "GET":
            return await call.run(Control(), None, None)
        key = request.headers.get("x-refund-idempotency", "") if path.endswith("/refund") else ""
        return await call.write(key, path)
    except RazorpayError as refused:
        return reply(refused.status, refused.body)
    except MerxError as wrong:  # our database is busy or away: what Razorpay says of itself then
        return reply(502, objects.error("GATEWAY_ERROR", wrong.message, reason="server_error"))


class _Call:
    def __init__(
        self,
        rt: Runtime,
        account: str,
        endpoint: razorpay_api.Endpoint,
        ids: tuple[str, ...],
        params: dict[str, Any],
    ) -> None:
        self.rt, self.account, self.endpoint, self.ids, self.params = rt, account, endpoint, ids, params

    async def write(self, given: str, path: str) -> http.Reply:
        """Late or broken where the account's control says so. With a key, done once and its answer kept."""
        async with self.rt.db.platform() as tx:
            rules = await control.load(tx, self.account)
        if rules.answer_delay_s:
            await asyncio.sleep(rules.answer_delay_s)
        fault = None if rules.fault is None else await control.take_fault(self.rt.db, self.account)
        if fault is not None and fault.when == "before":
            return _failed(fault)
        if not given:
            return await self.run(rules, None, fault)
        if not _REFUND_KEY.fullmatch(given):
            raise RazorpayError("The idempotency key is 10 or more letters, digits, hyphens and underscores.")
        key = f"razorpay/{given}"
        print_ = hashlib.sha256(path.encode() + b"\n" + msgspec.json.encode(self.params, order="sorted")).hexdigest()
        seen = await store.claim(self.rt.db, self.account, key, print_, datetime.now(UTC))
        if not seen["claimed"]:
            return _repeated(seen, print_)
        try:
            return await self.run(rules, key, fault)
        except BaseException:  # also the caller's going away: nothing was done, so nothing is kept
            await asyncio.shield(store.unclaim(self.rt.db, self.account, key))
            raise

    async def run(self, rules: Control, key: str | None, fault: Fault | None) -> http.Reply:
        async with self.rt.db.platform() as tx:
            change = Change(tx, self.account, rules, datetime.now(UTC), key)
            done = reply(200, await self.endpoint(change, self.params, self.ids))
            await change.close()
            if key is not None:
                kept = _failed(fault) if fault is not None and fault.when == "kept" else done
                await store.answered(tx, self.account, key, kept.status, kept.body.decode())
        return done if fault is None else _failed(fault)


def reply(status: int, body: Any) -> http.Reply:
    return http.Reply(status, msgspec.json.encode(body), JSON)


def _repeated(seen: Any, fingerprint: str) -> http.Reply:
    if seen["fingerprint"] != fingerprint:
        raise RazorpayError("The idempotency key was used for a different request.", reason="idempotency_error")
    if seen["status"] is None:
        raise RazorpayError("A request with this idempotency key is in progress.", status=409)
    return http.Reply(seen["status"], seen["answer"].encode(), JSON)


def _failed(fault: Fault) -> http.Reply:
    return reply(fault.status, objects.error("SERVER_ERROR", "The simulator was told to fail.", reason="server_error"))


def _params(request: http.Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RazorpayError("The request body is not a JSON object.") from None
