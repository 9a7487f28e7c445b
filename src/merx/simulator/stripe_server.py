"""One call of Stripe's API: who asks, has it been asked before, do it in one transaction, answer in Stripe's shape."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.kernel.errors import MerxError
from merx.runtime import Runtime
from merx.simulator import control, http, store, stripe_api
from merx.simulator import stripe_objects as objects
from merx.simulator.control import Control, Fault
from merx.simulator.stripe_flow import Change
from merx.simulator.stripe_objects import StripeError

JSON = {"content-type": "application/json", "stripe-version": objects.API_VERSION, "cache-control": "no-store"}


async def answer(rt: Runtime, account: UUID | None, request: http.Request, path: str, pages: str) -> http.Reply:
    """`path` begins with /v1."""
    try:
        if account is None:
            raise StripeError("Invalid API Key provided.", status=401)
        endpoint, ident = stripe_api.route(request.method, path)
        raw = request.query if request.method == "GET" else _form(request)
        params = http.parse_form(raw)
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if len(key) > 255 or not key.isprintable():
            raise StripeError("An idempotency key has up to 255 characters.", param="Idempotency-Key")
        call = _Call(rt, str(account), endpoint, ident, params, pages)
        if not key:
            return await call.run(None, None)
        fingerprint = hashlib.sha256(b"\n".join([request.method.encode(), path.encode(), _canonical(params)]))
        return await call.once(key, fingerprint.hexdigest())
    except StripeError as refused:
        return reply(refused.status, refused.body)
    except http.Malformed as wrong:
        return reply(400, StripeError(str(wrong)).body)
    except MerxError as wrong:  # our database is busy or away: what Stripe says of itself then
        body = {"error": {"type": "api_error", "message": wrong.message}}
        return reply(503, body)


class _Call:
    def __init__(
        self, rt: Runtime, account: str, endpoint: stripe_api.Endpoint, ident: str, params: dict[str, Any], pages: str
    ) -> None:
        self.rt, self.account, self.endpoint, self.ident, self.params, self.pages = (
            rt,
            account,
            endpoint,
            ident,
            params,
            pages,
        )

    async def once(self, key: str, fingerprint: str) -> http.Reply:
        """First call: done and its answer kept. Repetition: the kept answer. Other parameters, or still running: no."""
        seen = await store.claim(self.rt.db, self.account, key, fingerprint, datetime.now(UTC))
        if not seen["claimed"]:
            return _repeated(seen, key, fingerprint)
        rules = control.decode(seen["control"])
        try:
            if rules.answer_delay_s:
                await asyncio.sleep(rules.answer_delay_s)
            fault = None if rules.fault is None else await control.take_fault(self.rt.db, self.account)
            if fault is not None and fault.when == "before":
                await store.unclaim(self.rt.db, self.account, key)
                return _failed(fault)
            return await self.run(key, rules, fault)
        except BaseException:  # also the caller's going away: nothing was done, so nothing is kept
            await asyncio.shield(store.unclaim(self.rt.db, self.account, key))
            raise

    async def run(self, key: str | None, rules: Control | None, fault: Fault | None = None) -> http.Reply:
        async with self.rt.db.platform() as tx:
            if rules is None:
                rules = await control.load(tx, self.account)
            change = Change(tx, self.account, rules, datetime.now(UTC), key)
            status, body = await self.endpoint(change, self.params, self.ident, self.pages)
            await change.close()
            done = reply(status, body, {"idempotency-key": key} if key else {})
            if key is not None:
                kept = _failed(fault) if fault is not None and fault.when == "kept" else done
                await store.answered(tx, self.account, key, kept.status, kept.body.decode())
        return done if fault is None else _failed(fault)


def reply(status: int, body: Any, headers: dict[str, str] | None = None) -> http.Reply:
    return http.Reply(
        status, msgspec.json.encode(body), JSON | {"request-id": objects.new_id("req", 14)} | (headers or {})
    )


def _repeated(seen: Any, key: str, fingerprint: str) -> http.Reply:
    if seen["fingerprint"] is not None and seen["fingerprint"] != fingerprint:
        message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        return reply(400, {"error": {"type": "idempotency_error", "message": message}})
    if seen["status"] is None:
        refused = StripeError("A request with this idempotency key is in progress.", code="idempotency_key_in_use")
        return reply(409, refused.body)
    headers = JSON | {"request-id": objects.new_id("req", 14), "idempotency-key": key, "idempotent-replayed": "true"}
    return http.Reply(seen["status"], seen["answer"].encode(), headers)


def _failed(fault: Fault) -> http.Reply:
    return reply(fault.status, {"error": {"type": "api_error", "message": "The simulator was told to fail."}})


def _form(request: http.Request) -> str:
    kind = request.headers.get("content-type", "application/x-www-form-urlencoded").partition(";")[0].strip().lower()
    if request.body and kind != "application/x-www-form-urlencoded":
        raise StripeError("Send the parameters as application/x-www-form-urlencoded.")
    try:
        return request.body.decode("ascii")
    except UnicodeDecodeError:
        raise StripeError("The body is not form-encoded.") from None


def _canonical(params: dict[str, Any]) -> bytes:
    return msgspec.json.encode(params, order="sorted")
