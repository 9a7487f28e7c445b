"""Twilio's Messages API as one ASGI application at /simulator/twilio, for shops in test mode: text messages go nowhere
and can be read back.

POST /simulator/twilio/2010-04-01/Accounts/{sid}/Messages.json   takes a message (Basic: SID and token)
GET  …/Messages.json?To=…&DateSent>=…                            lists them, newest first
GET  /simulator/twilio/_control                                  every message of the account, and its faults
POST /simulator/twilio/_control {"fault": {"times": 1, "when": "lost"}}
     the next message is not taken (`before`), or is taken and the answer is a failure (`lost`)

Numbers mean what Twilio's own test numbers mean: +15005550001 is no number, …0002 can't be reached, …0003 is abroad,
…0004 has said stop, …0009 takes no texts, …0006 and every other one is fine.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, parse_qsl
from uuid import UUID

import msgspec

from merx.db.database import Statements
from merx.kernel.ids import TenantId
from merx.ports import Account
from merx.runtime import Runtime
from merx.simulator import http, store

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

PREFIX = "/simulator/twilio"
SENDER = "+15005550006"
MESSAGE, CONTROL = "sms", "sms_control"
MAX_BODY = 1600
_LIST = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-f]{32})/Messages\.json", re.ASCII)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_BAD_TO = {
    "+15005550001": (21211, "The 'To' number is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable via SMS."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient."),
    "+15005550009": (21614, "'To' number is not a valid mobile number."),
}
_BAD_FROM = {
    "+15005550001": (21212, "The 'From' number is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number is not owned by this account."),
    "+15005550008": (21611, "This 'From' number has exceeded its queue."),
}


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    times: int = 1
    when: Literal["before", "lost"] = "before"


class Control(msgspec.Struct, forbid_unknown_fields=True):
    fault: Fault | None = None


def account_for(tenant: TenantId, secret: bytes, here: str) -> Account:
    """The tenant's account; nothing is stored, all of it follows from the tenant and one secret."""
    credentials = {"account_sid": sid_of(tenant), "auth_token": token_of(tenant, secret), "from": SENDER}
    return Account(tenant, credentials, test_mode=True, endpoint=here + PREFIX)


def sid_of(tenant: UUID) -> str:
    return f"AC{tenant.hex}"


def token_of(tenant: UUID, secret: bytes) -> str:
    return hmac.new(secret, b"twilio" + tenant.bytes, hashlib.sha256).hexdigest()[:32]


def app(rt: Runtime, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ASGIApp:
    secret = rt.vault.key("simulator")

    async def twilio(scope: Scope, receive: Receive, out: Send) -> None:
        if str(scope["type"]) != "http":
            return
        request = await http.read(scope, receive)
        reply = _error(413, 20001, "The request is too large.")
        if request is not None:
            reply = await _answer(rt, secret, request, clock())
        await http.send(reply, out)

    return twilio


async def _answer(rt: Runtime, secret: bytes, request: http.Request, now: datetime) -> http.Reply:
    path, tenant = request.path.removeprefix(PREFIX), _caller(request.headers.get("authorization", ""), secret)
    if tenant is None:
        return _error(401, 20003, "Authenticate")
    account = f"twilio_{tenant.hex}"
    if path == "/_control":
        return await _control(rt, account, request)
    found = _LIST.fullmatch(path)
    if found is None or found[1] != sid_of(tenant):
        return _error(404, 20404, f"The requested resource {path[:200]} was not found")
    if request.method == "GET":
        return await _listed(rt, account, request.query)
    if request.method != "POST":
        return _error(405, 20004, "Method not allowed")
    try:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=100))
    except (UnicodeDecodeError, ValueError):
        return _error(400, 20001, "The body is no form.")
    return await _send(rt, tenant, account, form, now)


async def _send(rt: Runtime, tenant: UUID, account: str, form: dict[str, str], now: datetime) -> http.Reply:
    if (wrong := _wrong(form)) is not None:
        return _error(400, *wrong)
    ident, when = f"SM{os.urandom(16).hex()}", format_datetime(now)
    message = {
        "id": ident,
        "created": int(now.timestamp()),
        "sid": ident,
        "account_sid": sid_of(tenant),
        "to": form["To"],
        "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "body": form["Body"],
        "status": "queued",
        "direction": "outbound-api",
        "num_segments": str(-(-len(form["Body"]) // 153)),
        "error_code": None,
        "error_message": None,
        "date_created": when,
        "date_sent": when,
        "date_updated": when,
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{sid_of(tenant)}/Messages/{ident}.json",
    }
    async with rt.db.platform() as tx:
        fault = await _next_fault(tx, account)
        if fault != "before":
            await store.put(tx, account, MESSAGE, message)
    if fault is not None:
        return _error(500, 20500, "An internal server error has occurred.")
    return _json(201, _shown(message))


def _wrong(form: dict[str, str]) -> tuple[int, str] | None:
    to, sender = form.get("To", ""), form.get("From", "")
    if not to:
        return 21604, "A 'To' phone number is required."
    if to in _BAD_TO:
        return _BAD_TO[to]
    if not _NUMBER.fullmatch(to):
        return 21211, f"The 'To' number {to[:30]} is not a valid phone number."
    if not sender and not form.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if sender in _BAD_FROM:
        return _BAD_FROM[sender]
    if not form.get("Body"):
        return 21602, "Message body is required."
    if len(form["Body"]) > MAX_BODY:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    return None


async def _next_fault(tx: Statements, account: str) -> str | None:
    held = await store.lock(tx, account, CONTROL, f"control_{account}")
    control = Control() if held is None else msgspec.convert(held["control"], Control)
    if control.fault is None or control.fault.times < 1:
        return None
    control.fault.times -= 1
    await _save(tx, account, control)
    return control.fault.when


async def _save(tx: Statements, account: str, control: Control) -> None:
    body = {"id": f"control_{account}", "created": int(datetime.now(UTC).timestamp())}
    await store.put(tx, account, CONTROL, body | {"control": msgspec.to_builtins(control)})


async def _listed(rt: Runtime, account: str, query: str) -> http.Reply:
    asked = parse_qs(query)
    to, since = asked.get("To", [None])[0], asked.get("DateSent>", asked.get("DateSent>=", [None]))[0]
    made = _ALWAYS
    if since is not None:
        try:
            made = (datetime.strptime(since[:10], "%Y-%m-%d").replace(tzinfo=UTC), _ALWAYS[1])
        except ValueError:
            return _error(400, 20001, "DateSent is a date.")
    async with rt.db.platform() as tx:
        found = await store.listed(tx, account, MESSAGE, None, made, None, 1000)
    wanted = [_shown(one) for one in found if to is None or one["to"] == to]
    return _json(200, {"messages": wanted[:50], "page": 0, "page_size": 50, "next_page_uri": None})


async def _control(rt: Runtime, account: str, request: http.Request) -> http.Reply:
    async with rt.db.platform() as tx:
        if request.method == "POST":
            try:
                control = msgspec.json.decode(request.body or b"{}", type=Control)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                return _error(400, 20001, str(wrong))
            await _save(tx, account, control)
        found = await store.listed(tx, account, MESSAGE, None, _ALWAYS, None, 1000)
        held = await store.get(tx, account, CONTROL, f"control_{account}")
    rules = held["control"] if held is not None else msgspec.to_builtins(Control())
    return _json(200, {"control": rules, "messages": [_shown(one) for one in found]})


def _caller(authorization: str, secret: bytes) -> UUID | None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        sid, _, token = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        tenant = UUID(sid[2:]) if re.fullmatch(r"AC[0-9a-f]{32}", sid, re.ASCII) else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    if tenant is None or not hmac.compare_digest(token_of(tenant, secret).encode(), token.encode()):
        return None
    return tenant


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in ("id", "created")}


def _error(status: int, code: int, message: str) -> http.Reply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return _json(status, {"code": code, "message": message, "more_info": more, "status": status})


def _json(status: int, body: dict[str, Any]) -> http.Reply:
    return http.Reply(status, msgspec.json.encode(body), {"content-type": "application/json"})
