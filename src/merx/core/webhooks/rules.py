"""Pure: which addresses may be given, what a body and its signatures are, what a try makes of a delivery."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from merx.core.webhooks.model import MAX_URL, DeliveryState, Due, Health, Policy, Settlement, Tried
from merx.kernel.errors import Invalid
from merx.kernel.events import WEBHOOK_KINDS
from merx.kernel.ids import EndpointId

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})", re.ASCII)
_LOCAL = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
_VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
CLOSED_PORTS = frozenset(
    {1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5671, 5672, 5900, 5984, 5985, 5986, 6000}
    | {6379, 6443, 6666, 6667, 8500, 9000, 9042, 9092, 9200, 9300, 10250, 10255, 10256, 11211, 11434, 15672, 27017}
)
"""Where databases, queues and control planes listen; nobody receives webhooks there."""


def check_url(url: str, *, allow_http: bool, allow_private: bool) -> str:
    """The address, where webhooks may be sent to it. What its name resolves to is looked at when something is sent."""
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url):
        raise _wrong_url(f"The address is at most {MAX_URL} visible ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong_url("This is not an address like https://example.com/hooks.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise _wrong_url("This is not an address like https://example.com/hooks.")
    if parts.scheme == "http" and not (allow_http or allow_private):
        raise _wrong_url("The address begins with https://; http is for shops in payment test mode.")
    if "@" in parts.netloc or parts.fragment:
        raise _wrong_url("The address has no user, password or fragment.")
    if allow_private:
        return url
    if not _NAME.fullmatch(host) or len(host) > 253 or f".{host}".endswith(_LOCAL):
        raise _wrong_url("The host is a public name like example.com, not an IP address or a name of a local network.")
    usual = {"https": 443, "http": 80}[parts.scheme]
    if port is not None and port != usual and (port < 1024 or port in CLOSED_PORTS):
        raise _wrong_url(f"The port is {usual} or one above 1023 that no database or control service uses.")
    return url


def check_events(events: Iterable[str]) -> tuple[str, ...]:
    """In the order in which the kinds are defined, each once."""
    wanted = set(events)
    if not wanted or not wanted <= set(WEBHOOK_KINDS):
        raise Invalid(f"events is a list of one or more of: {', '.join(WEBHOOK_KINDS)}.", field="events")
    return tuple(kind for kind in WEBHOOK_KINDS if kind in wanted)


def make_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def render(kind: str, subject: UUID, facts: Mapping[str, Any], at: datetime) -> bytes:
    """The body every endpoint gets at every try: `data` is what the event carries, and the id of what it is about."""
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": kind, "timestamp": stamp, "data": {"id": str(subject), **facts}})


def headers(due: Due, at: datetime) -> dict[str, str]:
    """Two families of signatures over the same bytes. `X-Webhook-Signature` is keyed with the secret's text as it was
    shown, by the newest secret; while a replaced one is still valid, `X-Webhook-Signature-Previous` is keyed with it.
    `webhook-signature` (Standard Webhooks) is keyed with the bytes its base64 stands for, and lists both."""
    message, stamp = str(due.event_id), str(int(at.timestamp()))
    signed = f"{message}.{stamp}.".encode() + due.body
    found = {
        "content-type": "application/json",
        "user-agent": "Merx-Webhooks/1",
        "x-webhook-event": due.kind,
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_standard(secret, signed) for secret in due.secrets),
    }
    names = ("x-webhook-signature", "x-webhook-signature-previous")
    for name, secret in zip(names, due.secrets, strict=False):
        found[name] = "sha256=" + hmac.new(secret.encode(), due.body, hashlib.sha256).hexdigest()
    return found


def settlement(tried: Tried, policy: Policy, chance: float) -> Settlement:
    """`chance` in [0, 1) spreads the next try over the jitter, so that what failed together does not return so."""
    if tried.returned:
        return Settlement(DeliveryState.WAITING, tried.at)
    if tried.succeeded:
        return Settlement(DeliveryState.DELIVERED, tried.at)
    if tried.gone or tried.due.tried >= policy.most_tries:
        return Settlement(DeliveryState.DEAD, tried.at)
    pause = policy.pauses[tried.due.tried - 1] * (1 + policy.jitter * (2 * chance - 1))
    patience = min(tried.retry_after or 0, max(policy.pauses))
    return Settlement(DeliveryState.WAITING, tried.at + timedelta(seconds=max(pause, patience)))


def health(tries: Sequence[Tried]) -> list[Health]:
    """What is worth writing about the endpoints, in their ids' order: one that works and did before is left alone."""
    by_endpoint: dict[EndpointId, list[Tried]] = {}
    for one in tries:
        if not one.returned:
            by_endpoint.setdefault(one.due.endpoint_id, []).append(one)
    found = []
    for endpoint, its in sorted(by_endpoint.items()):
        succeeded, gone = any(one.succeeded for one in its), any(one.gone for one in its)
        failed_before = any(one.due.endpoint_failing for one in its)
        if gone or not succeeded or failed_before:
            found.append(Health(endpoint, succeeded, gone))
    return found


def _standard(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and base64") from None
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _wrong_url(message: str) -> Invalid:
    return Invalid(message, code="invalid_webhook_url", field="url")
