"""Owns the merchant's outbox, and the way back into an account whose password is forgotten: what is said there and how
it is written."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, Kind, Notification, PersonKind, Query, State
from merx.core.recovery import service as recovery
from merx.dialects.baas import translate, wire
from merx.dialects.baas.platform_door import NOBODY, Listing, Routes, in_path, listing
from merx.edge.app import MerxRequest
from merx.kernel import ids
from merx.kernel.ids import NotificationId

outbox, accounts = Routes("Notifications"), Routes("Account")
ASKED = "If there is an account with this e-mail, a link to choose a new password is on its way."


# ── Bodies and answers ───────────────────────────────────────────────────────────────────────────────────────────────
class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: `queued` and `sending` are under way; `kept` means that nothing is set up to send it by; `suppressed`
    that the person has opted out. `customer` is null for members of the team and for bare addresses."""

    id: str
    channel: Channel
    kind: Kind
    state: State
    transactional: bool
    customer: str | None
    recipient: str
    recipient_name: str
    subject: str
    attempts: int
    error: str | None
    created_at: datetime
    next_at: Annotated[datetime | None, Meta(description="When it is tried next, while it is under way")]
    finished_at: datetime | None


class Message(Entry, frozen=True, kw_only=True):
    """`text` and `html` as they were or will be sent; null for a link to choose a new password."""

    text: str | None
    html: str | None


class ListNotifications(wire.Paging, frozen=True, kw_only=True):
    channel: Literal["email", "sms"] | None = None
    state: Literal["queued", "sending", "sent", "failed", "suppressed", "kept"] | None = None


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Annotated[str, Meta(min_length=1, max_length=320)]


class ResetAsked(msgspec.Struct, frozen=True):
    message: Annotated[str, Meta(description="The same whether or not there is such an account")] = ASKED


class ResetConfirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Annotated[str, Meta(max_length=512, description="8 to 128 characters")]


# ── The outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────
@outbox.get("/notifications/", "notifications:read", asks=ListNotifications)
async def list_notifications(request: MerxRequest) -> Listing[Entry]:
    """Lists what was told to people by mail and text message in 90 days, newest first."""
    asked = request.ask(ListNotifications)
    limit, offset = translate.bounds(asked)
    query = Query(
        None if asked.channel is None else Channel(asked.channel),
        None if asked.state is None else State(asked.state),
        limit,
        offset,
    )
    found, total = await notifications.list_notifications(request.rt, request.ctx, query)
    return listing(request, asked, [_entry(one) for one in found], total)


@outbox.get("/notifications/{notification:str}/", "notifications:read")
async def get_notification(request: MerxRequest, notification: str) -> Message:
    """One notification with its text."""
    return _message(await notifications.get(request.rt, request.ctx, _id(notification)))


@outbox.post("/notifications/{notification:str}/resend/", "notifications:send", status_code=202)
async def resend(request: MerxRequest, notification: str) -> Entry:
    """Sends a notification once more."""
    return _entry(await notifications.resend(request.rt, request.ctx, _id(notification)))


def _id(text: str) -> NotificationId:
    return NotificationId(in_path("ntf", text, "notification"))


def _fields(found: Notification) -> dict[str, object]:
    person = found.person
    of_customer = person is not None and person.kind is PersonKind.CUSTOMER
    waits = found.state in (State.QUEUED, State.SENDING)
    return {
        "id": ids.encode("ntf", found.id),
        "channel": found.channel,
        "kind": Kind(found.kind),
        "state": found.state,
        "transactional": found.transactional,
        "customer": ids.encode("cus", person.id) if person is not None and of_customer else None,
        "recipient": found.recipient,
        "recipient_name": found.recipient_name,
        "subject": found.subject,
        "attempts": found.attempts,
        "error": found.error,
        "created_at": translate.second(found.created_at),
        "next_at": translate.second(found.next_at) if waits else None,
        "finished_at": translate.second(found.finished_at) if found.finished_at else None,
    }


def _entry(found: Notification) -> Entry:
    return Entry(**_fields(found))  # type: ignore[arg-type]


def _message(found: Notification) -> Message:
    return Message(**_fields(found), text=found.text, html=found.html)  # type: ignore[arg-type]


# ── A forgotten password ─────────────────────────────────────────────────────────────────────────────────────────────
@accounts.post("/password-reset/", NOBODY, status_code=202)
async def ask_reset(request: MerxRequest, data: ResetRequest) -> ResetAsked:
    """Sends a link to choose a new password, if somebody works here under this e-mail.

    The answer does not tell whether there is such an account."""
    await recovery.request_staff_reset(request.rt, data.email, request.visit.address)
    return ResetAsked()


@accounts.post("/password-reset/confirm/", NOBODY, status_code=204)
async def confirm_reset(request: MerxRequest, data: ResetConfirm) -> None:
    """Sets the new password with the token of such a link and ends every session. The token works once."""
    await recovery.reset_password(request.rt, data.token, data.password)


ROUTES: list[ControllerRouterHandler] = [list_notifications, get_notification, resend, ask_reset, confirm_reset]
