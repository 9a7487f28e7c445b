"""Pure decisions about shoppers: what a change comes to, what a name given whole comes to."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from merx.core.customers.model import Customer, CustomerPatch
from merx.kernel.errors import Invalid

MAX_SEARCH = 100
MAX_NAME = 150
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-/]{2,30}", re.ASCII)


def username(email: str) -> str:
    return email.partition("@")[0]


def split_name(name: str) -> tuple[str, str]:
    """'Jane van Smith' -> ('Jane', 'van Smith'); what does not fit is cut."""
    first, _, last = " ".join(name.split()).partition(" ")
    return first[:MAX_NAME], last[:MAX_NAME]


def faults(first_name: str, last_name: str, phone: str | None) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    for field, value in (("first_name", first_name), ("last_name", last_name)):
        if len(value) > MAX_NAME or any(c < " " for c in value):
            wrong[field] = [f"This has at most {MAX_NAME} characters, and no control characters."]
    if phone is not None and not _PHONE.fullmatch(phone):
        wrong["phone"] = ["This is no telephone number."]
    return wrong


def patched(before: Customer, patch: CustomerPatch, now: datetime) -> Customer:
    changes: dict[str, Any] = {
        name: value.strip() if isinstance(value, str) and name != "status" else value
        for name in CustomerPatch.__struct_fields__
        if (value := getattr(patch, name)) is not UNSET
    }
    after = msgspec.structs.replace(before, **changes, updated_at=now)
    wrong = faults(after.first_name, after.last_name, after.phone if "phone" in changes else None)
    if not 1 <= len(after.username) <= MAX_NAME or any(c < " " for c in after.username):
        wrong["username"] = [f"This has 1 to {MAX_NAME} characters, and no control characters."]
    if wrong:
        raise Invalid("Invalid request data", fields=wrong)
    return after


def beginning(search: str | None) -> str | None:
    """What is searched for, or None where it is nothing."""
    return (search or "").strip()[:MAX_SEARCH] or None
