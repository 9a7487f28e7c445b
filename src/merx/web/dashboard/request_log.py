"""Developers: the request log, by level and time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from litestar import get

from merx.core.activity.model import Level
from merx.core.customers import trail
from merx.web.dashboard.desk import Call, desk_of
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, render
from merx.web.paging import asked, paging

SIZE = 50
VIEWS: Mapping[str, tuple[str, Level | None]] = {
    "all": ("All", None),
    "info": ("Fine", Level.INFO),
    "warn": ("Refused", Level.WARN),
    "error": ("Failed", Level.ERROR),
}
DIALECTS = {
    "baas": "BaaS",
    "commerce": "Commerce",
    "aerostack": "Aerostack",
    "reference": "Reference",
    "pycommerce": "PyCommerce",
}


@get("/developers/log", needs="logs:read")
async def entries(request: PageRequest) -> Page:
    desk_of(request)
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    number, offset = asked(request, SIZE)
    form = Form({name: query.get(name, "") for name in ("from", "to")})
    start, end = _moment(form, "from"), _moment(form, "to")
    found, total = await trail.list_entries(
        request.rt, request.ctx, start, end, VIEWS[view][1], limit=SIZE, offset=offset
    )
    return render(
        request,
        "developers/rows.html" if request.partial else "developers/log.html",
        area="developers",
        section="log",
        entries=found,
        dialects=DIALECTS,
        paging=paging(request, number, total, SIZE),
        views=VIEWS,
        view=view,
        form=form,
        filtered=bool(form.text("from") or form.text("to")),
        calls=[Call("Reference", "GET", "/reference/v1/logs?level=error&limit=50")],
    )


def _moment(form: Form, name: str) -> datetime | None:
    """A day or a minute, in UTC; the end of a day where it is the end that is asked for."""
    text = form.text(name)
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None
    if found is None or not 2000 <= found.year < 2200:
        return None
    return found + timedelta(seconds=59) if name == "to" else found


ROUTES = [entries]
