"""Messages: what was told to people by mail and text message, as it was sent, and sending it again."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import get, post

from merx.core.notifications import service as notifications
from merx.core.notifications.model import Channel, Kind, Notification, PersonKind, Query, State
from merx.kernel import errors, ids
from merx.kernel.errors import MerxError, NotFound
from merx.kernel.ids import NotificationId
from merx.web.dashboard.desk import baas, desk_of, ident
from merx.web.forms import Form
from merx.web.pages import HTML, Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

LIST = "/dashboard/outbox"
VIEWS: Mapping[str, tuple[str, State | None]] = {
    "all": ("All", None),
    "queued": ("Waiting", State.QUEUED),
    "sent": ("Sent", State.SENT),
    "failed": ("Failed", State.FAILED),
    "kept": ("Not sent", State.KEPT),
    "suppressed": ("Opted out", State.SUPPRESSED),
}
KINDS: Mapping[str, str] = {
    Kind.ORDER_PLACED: "Order placed",
    Kind.ORDER_PAID: "Order paid",
    Kind.ORDER_SHIPPED: "Order shipped",
    Kind.ORDER_CANCELLED: "Order cancelled",
    Kind.ORDER_REFUNDED: "Order refunded",
    Kind.PASSWORD_RESET: "Password reset",
    Kind.WEBHOOK_SWITCHED_OFF: "Webhook switched off",
    Kind.MESSAGE: "Message",
}
LETTER_POLICY = (
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A letter brings its own style and nothing else: no script, no form, no name of ours. It stands in a frame."""


@get("/outbox", needs="notifications:read")
async def outbox(request: PageRequest) -> Page:
    desk_of(request)
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    channel = query.get("channel", "")
    number, offset = asked(request)
    wanted = Query(Channel(channel) if channel in list(Channel) else None, VIEWS[view][1], SIZE, offset)
    found, total = await notifications.list_notifications(request.rt, request.ctx, wanted)
    return render(
        request,
        "outbox/rows.html" if request.partial else "outbox/list.html",
        area="outbox",
        messages=found,
        kinds=KINDS,
        paging=paging(request, number, total),
        views=VIEWS,
        view=view,
        form=Form({"channel": wanted.channel or ""}),
        calls=[baas("GET", "/notifications/?channel=email&state=failed")],
    )


@get("/outbox/{message:str}", needs="notifications:read")
async def message_page(request: PageRequest, message: str) -> Page:
    desk_of(request)
    found = await notifications.get(request.rt, request.ctx, _id(message))
    if found.html:
        request.visitor.policy = {"frame-src": "'self'"}
    person = found.person
    of_customer = person is not None and person.kind is PersonKind.CUSTOMER and request.ctx.may("customers:read")
    spelled = ids.encode("ntf", found.id)
    return render(
        request,
        "outbox/message.html",
        area="outbox",
        message=found,
        kinds=KINDS,
        customer=person.id if of_customer and person is not None else None,
        resendable=_resendable(found),
        calls=[baas("GET", f"/notifications/{spelled}/"), baas("POST", f"/notifications/{spelled}/resend/")],
    )


def _id(text: str) -> NotificationId:
    return NotificationId(ident(text, "notification"))


def _resendable(found: Notification) -> bool:
    return found.kind != Kind.PASSWORD_RESET and found.state in (State.SENT, State.FAILED, State.KEPT)


@get("/outbox/{message:str}/letter", needs="notifications:read")
async def letter(request: PageRequest, message: str) -> Page:
    """The mail itself, for the frame it is shown in."""
    found = await notifications.get(request.rt, request.ctx, _id(message))
    if not found.html:
        raise NotFound("letter")
    headers = {"Content-Security-Policy": LETTER_POLICY, "X-Robots-Tag": "noindex"}
    return Page(found.html.encode(), media_type=HTML, headers=headers)


@post("/outbox/{message:str}/resend", needs="notifications:send")
async def resend(request: PageRequest, message: str) -> Page:
    try:
        again = await notifications.resend(request.rt, request.ctx, _id(message))
    except MerxError as wrong:
        if wrong.kind not in (errors.Kind.REFUSED, errors.Kind.CONFLICT, errors.Kind.LIMITED):
            raise
        return redirect(request, f"{LIST}/{message}", said=wrong.message, tone="danger")
    return redirect(request, f"{LIST}/{message}", said=f"It is on its way to {again.recipient} again.")


ROUTES = [outbox, message_page, letter, resend]
