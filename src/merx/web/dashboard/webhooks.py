"""Developers: webhook endpoints, their secrets, what was sent to them, and sending it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from litestar import get, post

from merx.core.webhooks import desk as sending
from merx.core.webhooks import service as webhooks
from merx.core.webhooks.desk import Sent
from merx.core.webhooks.model import EVENTS_KEPT, DeliveryState, NewEndpoint
from merx.kernel import ids
from merx.kernel.errors import Kind, MerxError
from merx.kernel.events import WEBHOOK_KINDS
from merx.kernel.ids import DeliveryId, EndpointId
from merx.web.dashboard import sections
from merx.web.dashboard.desk import baas, desk_of, ident
from merx.web.dashboard.shown_once import Shown, shown, shown_before
from merx.web.face import SIGNED_IN
from merx.web.forms import Form
from merx.web.once import once
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

LIST = "/dashboard/developers/webhooks"
VIEWS: Mapping[str, tuple[str, DeliveryState | None]] = {
    "all": ("All", None),
    "waiting": ("Waiting", DeliveryState.WAITING),
    "delivered": ("Delivered", DeliveryState.DELIVERED),
    "dead": ("Failed", DeliveryState.DEAD),
}
KINDS = tuple((kind, kind, "") for kind in WEBHOOK_KINDS)


@get("/developers", needs=SIGNED_IN)
async def developers(request: PageRequest) -> Page:
    desk_of(request)
    first = next(iter(sections.visible(request.ctx, sections.DEVELOPERS)), None)
    if first is None:
        request.ctx.require("webhooks:read")
    assert first is not None
    return redirect(request, first.path)


@get("/developers/webhooks", needs="webhooks:read")
async def endpoint_list(request: PageRequest) -> Page:
    desk_of(request)
    return render(
        request,
        "webhooks/list.html",
        area="developers",
        section="webhooks",
        endpoints=await webhooks.list_endpoints(request.rt, request.ctx),
        calls=[baas("GET", "/webhooks/")],
    )


@get("/developers/webhooks/new", needs="webhooks:write")
async def new(request: PageRequest) -> Page:
    desk_of(request)
    return _new(request, Form({"events": ["order.created", "order.paid"]}))


def _new(request: PageRequest, form: Form) -> Page:
    call = baas("POST", "/webhooks/", '{"url": "https://example.com/hooks", "events": ["order.created"]}')
    return render(
        request, "webhooks/new.html", area="developers", section="webhooks", kinds=KINDS, form=form, calls=[call]
    )


@post("/developers/webhooks/new", needs="webhooks:write")
async def create(request: PageRequest) -> Page:
    form = await Form.read(request)
    try:
        async with once(request, form) as first:
            if not first:
                return shown_before(request, LIST, "secret")
            made = await webhooks.create_endpoint(request.rt, request.ctx, form.text("url"), form.all("events"))
    except MerxError as wrong:
        return _new(request, form.refused(wrong, {"events": "events", "url": "url"}))
    return _secret(request, made, "The webhook has been added")


def _secret(request: PageRequest, made: NewEndpoint, title: str) -> Page:
    secret = Shown(title, "signing secret", made.secret, (("Address", made.endpoint.url),))
    return shown(request, secret, f"{LIST}/{made.endpoint.id}", "developers", "webhooks")


# ── One endpoint ─────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/developers/webhooks/{endpoint:str}", needs="webhooks:read")
async def endpoint_page(request: PageRequest, endpoint: str) -> Page:
    desk_of(request)
    return await _page(request, _endpoint(endpoint), None, request.query_params.get("do", ""))


def _endpoint(text: str) -> EndpointId:
    return EndpointId(ident(text, "webhook endpoint"))


async def _page(request: PageRequest, endpoint: EndpointId, form: Form | None, doing: str) -> Page:
    view = request.query_params.get("view", "all")
    view = view if view in VIEWS else "all"
    number, offset = asked(request)
    found = await sending.sent(request.rt, request.ctx, endpoint, VIEWS[view][1], SIZE, offset)
    path = f"/webhooks/{ids.encode('wh', endpoint)}/"
    return render(
        request,
        "webhooks/endpoint.html",
        area="developers",
        section="webhooks",
        endpoint=found.endpoint,
        deliveries=found.deliveries,
        paging=paging(request, number, found.total, more=found.more),
        views=VIEWS,
        view=view,
        kinds=KINDS,
        kept=EVENTS_KEPT.days,
        form=form or Form(_begun(request, found)),
        doing=doing,
        calls=[
            baas("GET", f"{path}deliveries/?state=dead"),
            baas("POST", f"{path}redeliver/", '{"since": "2026-01-01T00:00:00Z"}'),
            baas("POST", f"{path}rotate-secret/"),
        ],
    )


def _begun(request: PageRequest, found: Sent) -> Mapping[str, object]:
    now = request.ctx.now
    return {
        "url": found.endpoint.url,
        "events": list(found.endpoint.events),
        "keep_previous": "on",
        "since": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
        "until": "",
    }


async def _refused(request: PageRequest, endpoint: EndpointId, form: Form, wrong: MerxError, doing: str) -> Page:
    return await _page(request, endpoint, form.refused(wrong), doing)


@post("/developers/webhooks/{endpoint:str}", needs="webhooks:write")
async def change(request: PageRequest, endpoint: str) -> Page:
    form, wanted = await Form.read(request), _endpoint(endpoint)
    try:
        await webhooks.update_endpoint(request.rt, request.ctx, wanted, url=form.text("url"), events=form.all("events"))
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "edit")
    return redirect(request, f"{LIST}/{endpoint}", said="The webhook has been saved.")


@post("/developers/webhooks/{endpoint:str}/switch", needs="webhooks:write")
async def switch(request: PageRequest, endpoint: str) -> Page:
    form = await Form.read(request)
    on = form.text("to") == "on"
    await webhooks.update_endpoint(request.rt, request.ctx, _endpoint(endpoint), active=on)
    said = "The webhook is on again." if on else "The webhook is off: nothing is sent to it."
    return redirect(request, f"{LIST}/{endpoint}", said=said)


@post("/developers/webhooks/{endpoint:str}/rotate", needs="webhooks:write")
async def rotate(request: PageRequest, endpoint: str) -> Page:
    form = await Form.read(request)
    async with once(request, form) as first:
        if not first:
            return shown_before(request, f"{LIST}/{endpoint}", "secret")
        made = await webhooks.rotate_secret(
            request.rt, request.ctx, _endpoint(endpoint), keep_previous=form.flag("keep_previous")
        )
    return _secret(request, made, "A new signing secret")


@post("/developers/webhooks/{endpoint:str}/replay", needs="webhooks:write")
async def replay(request: PageRequest, endpoint: str) -> Page:
    form, wanted = await Form.read(request), _endpoint(endpoint)
    since, until = form.moment("since"), form.moment("until")
    if since is None and not form.said_of("since"):
        form.fault("since", "Enter from when on.")
    if not form.ok or since is None:
        return await _page(request, wanted, form, "replay")
    try:
        count = await webhooks.replay(request.rt, request.ctx, wanted, since, until or request.ctx.now)
    except MerxError as wrong:
        return await _refused(request, wanted, form, wrong, "replay")
    said = "One event is on its way." if count == 1 else f"{count} events are on their way."
    return redirect(request, f"{LIST}/{endpoint}", said=said if count else "Nothing happened in that time.")


@post("/developers/webhooks/{endpoint:str}/deliveries/{delivery:str}", needs="webhooks:write")
async def redeliver(request: PageRequest, endpoint: str, delivery: str) -> Page:
    wanted = DeliveryId(ident(delivery, "delivery"))
    try:
        await webhooks.redeliver(request.rt, request.ctx, wanted, _endpoint(endpoint))
    except MerxError as wrong:
        if wrong.kind not in (Kind.REFUSED, Kind.CONFLICT):
            raise
        return redirect(request, f"{LIST}/{endpoint}", said=wrong.message, tone="danger")
    return redirect(request, f"{LIST}/{endpoint}", said="It is on its way again.")


@post("/developers/webhooks/{endpoint:str}/delete", needs="webhooks:write")
async def remove(request: PageRequest, endpoint: str) -> Page:
    await webhooks.delete_endpoint(request.rt, request.ctx, _endpoint(endpoint))
    return redirect(request, LIST, said="The webhook has been removed.")


ROUTES = [
    developers, endpoint_list, new, create, endpoint_page, change, switch, rotate, replay, redeliver, remove,
]  # fmt: skip
