"""Pure: what may be written, to whom it can go, what a try makes of a notification, signed links."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from uuid import UUID

from merx.core.notifications.model import (
    MAX_CALLERS_KEY,
    MAX_EMAIL_TEXT,
    MAX_SMS_TEXT,
    MAX_SUBJECT,
    Channel,
    Content,
    Due,
    Kind,
    NoAddress,
    Person,
    PersonKind,
    Policy,
)
from merx.kernel.errors import Invalid
from merx.kernel.ids import TenantId

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_HEADER = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NO_DIGITS = re.compile(r"[ ().\-/]")
_ADDRESS = re.compile(r"(?!.*=\?)[^@\s\x00-\x1f\x7f,;:<>()\[\]\"\\]{1,64}@[^@\s\x00-\x1f\x7f,;:<>()\[\]\"\\]{1,253}")
"""Not with the beginning of an encoded word in it, which mail programs would read otherwise than as it stands."""


# ── What may be written ──────────────────────────────────────────────────────────────────────────────────────────────
def check_message(channel: Channel, subject: str, message: str) -> tuple[str, str]:
    """(subject, message) as they are sent. A line break in a subject would begin another header: refused."""
    wrong: dict[str, list[str]] = {}
    subject = subject.strip(" ")
    if _HEADER.search(subject):
        wrong["subject"] = ["A subject is one line without control characters."]
    elif len(subject) > MAX_SUBJECT:
        wrong["subject"] = [f"A subject has at most {MAX_SUBJECT} characters."]
    elif channel is Channel.EMAIL and not subject:
        wrong["subject"] = ["A mail needs a subject."]
    message = message.replace("\r\n", "\n").replace("\r", "\n")
    most = MAX_EMAIL_TEXT if channel is Channel.EMAIL else MAX_SMS_TEXT
    if not message.strip():
        wrong["message"] = ["A message needs a text."]
    elif len(message) > most:
        wrong["message"] = [f"The text has at most {most} characters by {channel}."]
    elif _CONTROL.search(message):
        wrong["message"] = ["The text holds control characters."]
    if wrong:
        raise Invalid("This message can't be sent.", fields=wrong)
    return subject, message


def check_callers_key(key: str) -> str:
    if not 1 <= len(key) <= MAX_CALLERS_KEY or _HEADER.search(key):
        raise Invalid(f"A key has 1 to {MAX_CALLERS_KEY} characters.", field="idempotency_key")
    return key


def header_safe(text: str, most: int = MAX_SUBJECT) -> str:
    """A name or a number of ours or of somebody's as it may stand in a header: one line, not too long."""
    return " ".join(_HEADER.sub(" ", text).split())[:most]


def mail_address(text: str | None) -> str:
    """Raises NoAddress for what no mail can be sent to."""
    if text is None or not _ADDRESS.fullmatch(text):
        raise NoAddress("There is no e-mail address of this person that a mail can be sent to.", field="channel")
    return text


def phone_number(text: str | None) -> str:
    """'+49 (30) 123-456' as '+4930123456'; raises NoAddress without a country's code."""
    found = _NO_DIGITS.sub("", text or "")
    if not _E164.fullmatch(found):
        raise NoAddress(
            "There is no telephone number of this person in the international form (+4930123456), which text messages "
            "need.",
            field="channel",
        )
    return found


def is_mailable(text: str | None) -> bool:
    return text is not None and _ADDRESS.fullmatch(text) is not None


def subject_of(kind: Kind, shop: str, content: Content) -> str:
    number = content.number
    found = {
        Kind.ORDER_PLACED: f"We have received your order {number}",
        Kind.ORDER_PAID: f"Your order {number} is confirmed",
        Kind.ORDER_SHIPPED: f"Your order {number} is on its way",
        Kind.ORDER_CANCELLED: f"Your order {number} was cancelled",
        Kind.ORDER_REFUNDED: f"A refund for your order {number}",
        Kind.PASSWORD_RESET: "Choose a new password",
        Kind.WEBHOOK_SWITCHED_OFF: "A webhook endpoint was switched off",
    }[kind]
    return header_safe(f"{found} – {shop}")


# ── Tries ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def next_try(due: Due, policy: Policy, now: datetime, chance: float) -> datetime | None:
    """When to try again; None after the last try. `chance` in [0, 1) spreads it over the jitter."""
    if due.tried >= policy.most_tries:
        return None
    return now + timedelta(seconds=policy.pauses[due.tried - 1] * (1 + policy.jitter * (2 * chance - 1)))


def message_id(due: Due, domain: str) -> str:
    """The same at every try, another one where somebody asked for it to be sent anew."""
    return f"<{due.id}.{due.series}@{domain}>"


# ── Links that need no signing in ────────────────────────────────────────────────────────────────────────────────────
_CHANNELS = {Channel.EMAIL: b"e", Channel.SMS: b"s"}
_PEOPLE = {PersonKind.CUSTOMER: b"c", PersonKind.STAFF: b"s"}
_MAC = 16


def unsubscribe_token(key: bytes, tenant: TenantId, person: Person, channel: Channel) -> str:
    """Names who opts out of what, and can't be made up. It holds for ever: an old mail's link still works."""
    body = tenant.bytes + person.id.bytes + _PEOPLE[person.kind] + _CHANNELS[channel]
    return base64.urlsafe_b64encode(body + _mac(key, body)).decode().rstrip("=")


def read_unsubscribe(key: bytes, token: str) -> tuple[TenantId, Person, Channel] | None:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, mac = raw[:-_MAC], raw[-_MAC:]
    if len(body) != 34 or not hmac.compare_digest(mac, _mac(key, body)):
        return None
    kind = next((kind for kind, letter in _PEOPLE.items() if letter == body[32:33]), None)
    channel = next((channel for channel, letter in _CHANNELS.items() if letter == body[33:34]), None)
    if kind is None or channel is None:
        return None
    return TenantId(UUID(bytes=body[:16])), Person(kind, UUID(bytes=body[16:32])), channel


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC]
