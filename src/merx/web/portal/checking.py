"""Whether a webhook's signature is right: what the page of the same name asks, with nothing kept.

A form sends a text's line ends as CR LF, and copying adds or loses one at the end, so the body is also tried without
these; what made the difference is told."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

TOLERANCE = 300
STANDARD, PLAIN, PREVIOUS = "webhook-signature", "x-webhook-signature", "x-webhook-signature-previous"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is so with one header. `tone` is success, warning or danger."""

    header: str
    tone: str
    said: str


def parse_headers(text: str) -> dict[str, str]:
    """Lines of `Name: value`, as curl -v, a log or a browser shows them."""
    found = {}
    for line in text.splitlines():
        name, colon, value = line.lstrip("<> \t").partition(":")
        if colon and name.strip():
            found[name.strip().lower()] = value.strip().strip('"')
    return found


def check(secret: str, headers: Mapping[str, str], body: str, now: datetime) -> list[Verdict]:
    """One verdict for each signature that is there, the stronger one first."""
    secret = secret.strip()
    found = [
        *([_standard(secret, headers, body, now)] if STANDARD in headers else []),
        *(_plain(secret, name, headers[name], body) for name in (PLAIN, PREVIOUS) if name in headers),
    ]
    if found:
        return found
    said = f"There is no signature among the headers: paste {STANDARD} with its id and timestamp, or {PLAIN}."
    return [Verdict("", "danger", said)]


def _standard(secret: str, headers: Mapping[str, str], body: str, now: datetime) -> Verdict:
    missing = [name for name in ("webhook-id", "webhook-timestamp") if not headers.get(name)]
    if missing:
        return Verdict(STANDARD, "danger", f"It covers {' and '.join(missing)} too, and that header is missing.")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return Verdict(STANDARD, "danger", "The secret is not whsec_ followed by base64: copy all of it.")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
    given = [one.partition(",")[2] for one in headers[STANDARD].split() if one.startswith("v1,")]
    for text, remark in _spellings(body):
        made = base64.b64encode(hmac.digest(key, (signed + text).encode(), hashlib.sha256)).decode()
        if any(hmac.compare_digest(made.encode(), one.encode()) for one in given):
            return _in_time(headers["webhook-timestamp"], now, remark)
    return Verdict(STANDARD, "danger", _WRONG)


def _in_time(stamp: str, now: datetime, remark: str) -> Verdict:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15):
        return Verdict(STANDARD, "danger", "webhook-timestamp is not a number of seconds.")
    age = int(now.timestamp()) - int(stamp)
    if age > TOLERANCE:
        return Verdict(STANDARD, "warning", f"Right, but too old: signed {_spelled(age)} ago. Refuse it.")
    if age < -TOLERANCE:
        return Verdict(STANDARD, "warning", f"Right, but signed {_spelled(-age)} in the future: look at your clock.")
    return Verdict(STANDARD, "success", f"Right, and in time.{remark}")


def _plain(secret: str, name: str, given: str, body: str) -> Verdict:
    for text, remark in _spellings(body):
        made = "sha256=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(made.encode(), given.strip().lower().encode("utf-8", "replace")):
            return Verdict(name, "success", f"Right. It says nothing about the time.{remark}")
    return Verdict(name, "danger", _WRONG)


_WRONG = "Wrong: another secret, or not the raw body. Parsing and writing JSON anew changes its bytes."


def _spellings(body: str) -> Iterator[tuple[str, str]]:
    yield body, ""
    unix = body.replace("\r\n", "\n")
    if unix != body:
        yield unix, ""
    if unix.strip() != unix:
        yield unix.strip(), " (Without the blank space around what was pasted.)"


def _spelled(seconds: int) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
