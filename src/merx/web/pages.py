"""Rendering: the templates' environment, the words and filters they may use, and the answers a page is.

Templates lie in `templates/<face>/`, shared macros in `templates/shared/`. A value that a template names and nobody
gave is an error, never an empty string; everything is escaped unless it is Markup."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2
from litestar import Response
from markupsafe import Markup

from merx.edge.app import MerxRequest
from merx.kernel.money import Money
from merx.web import formats
from merx.web.assets import assets, icon
from merx.web.forms import Form
from merx.web.visitors import Visitor, visitor_of

TEMPLATES = Path(str(files("merx.web"))) / "templates"
HTML = "text/html"
Page = Response[bytes]


class PageRequest(MerxRequest):
    """What the handlers of pages take."""

    @property
    def visitor(self) -> Visitor:
        return visitor_of(self.scope)

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of the page. A boosted link and a return from history want the whole."""
        sent = self.visit.headers
        return b"hx-request" in sent and b"hx-boosted" not in sent and b"hx-history-restore-request" not in sent


@cache
def environment(theme: Path | None = None) -> jinja2.Environment:
    """A theme's templates come before our own of the same name, and are read anew when they have changed."""
    folders = [TEMPLATES] if theme is None else [theme, TEMPLATES]
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=theme is not None,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        money=_money, short_money=_short_money, plain=formats.plain, number=_number, percentage=_percentage,
        ago=_ago, exact=_exact, day=_day, lines=formats.lines, address_lines=_address_lines, size=formats.size,
    )  # fmt: skip
    made.globals.update(asset=assets().address, icon=icon, Form=Form, currency_symbol=formats.currency_symbol)
    made.globals.update(once_name=lambda: secrets.token_urlsafe(18))
    return made


def render(
    request: PageRequest,
    template: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Page:
    """The page `templates/<face>/<template>`. A `form` among the values gives the status (422 where it has faults)."""
    form = values.get("form")
    if status is None:
        status = form.status if isinstance(form, Form) else 200
    text = compose(request, template, **values)
    return Page(text.encode(), status_code=status, media_type=HTML, headers=dict(headers or {}))


def compose(request: PageRequest, template: str, **values: Any) -> str:
    """The text of a template, for what is no page of its own (a part that comes with another)."""
    visitor, face = request.visitor, request.visit.dialect
    given: dict[str, Any] = {
        "locale": formats.DEFAULT_LOCALE,
        "now": datetime.now().astimezone(),
        "face": face,
        "path": request.scope["path"],
        "address": lambda **changes: address(request, **changes),
        "query": _query(request),
        "partial": request.partial,
        "may": _may(request),
        "form_token": visitor.form_token,
        "flashes": visitor.heard,
        **visitor.values,
        **values,
    }
    names = [f"{face}/{template}"]
    if (theme := request.rt.settings.theme_dir) is not None and request.visit.host_slug is not None:
        names.insert(0, f"shops/{request.visit.host_slug}/{template}")
    return environment(theme).select_template(names).render(given)


def redirect(request: PageRequest, to: str, *, said: str | None = None, tone: str = "success") -> Page:
    """Elsewhere after something has been done, with a message there. htmx is told to load the whole page."""
    if said is not None:
        request.visitor.say(said, tone)
    if request.partial:
        return Page(b"", status_code=204, media_type=HTML, headers={"HX-Redirect": to})
    return Page(b"", status_code=303, media_type=HTML, headers={"Location": to})


def inside(text: str | None, default: str) -> str:
    """`text` if it is a path of this very site, for the way back after signing in."""
    if not text or not text.startswith("/") or text.startswith("//") or len(text) > 2000:
        return default
    if any(c <= " " or c in '\\"<>' or c == "\x7f" for c in text) or urlsplit(text).netloc:
        return default
    return text


def address(request: PageRequest, **changes: Any) -> str:
    """This page's own address with some query parameters changed; None takes one away."""
    query = _query(request)
    for name, value in changes.items():
        query[name] = "" if value is None else str(value)
    kept = {name: value for name, value in query.items() if value}
    path: str = request.scope["path"]
    return f"{path}?{urlencode(kept)}" if kept else path


def _query(request: PageRequest) -> dict[str, str]:
    raw = request.scope["query_string"].decode("ascii", "replace")
    return dict(parse_qsl(raw[:4000], max_num_fields=None)) if raw else {}


def _may(request: PageRequest) -> Any:
    ctx = request.visit.ctx
    return (lambda scope: False) if ctx is None else ctx.may


# ── Filters that depend on the shop's locale ─────────────────────────────────────────────────────────────────────────
@jinja2.pass_context
def _money(context: jinja2.runtime.Context, amount: Money) -> Markup:
    return Markup('<span class="money">{}</span>').format(formats.money(amount, context["locale"]))


@jinja2.pass_context
def _short_money(context: jinja2.runtime.Context, amount: Money) -> str:
    return formats.short_money(amount, context["locale"])


@jinja2.pass_context
def _number(context: jinja2.runtime.Context, value: int) -> str:
    return formats.number(value, context["locale"])


@jinja2.pass_context
def _percentage(context: jinja2.runtime.Context, share: float, digits: int = 1) -> str:
    return formats.percentage(share, context["locale"], digits)


@jinja2.pass_context
def _ago(context: jinja2.runtime.Context, at: datetime) -> Markup:
    return formats.time_tag(at, context["now"], context["locale"])


@jinja2.pass_context
def _exact(context: jinja2.runtime.Context, at: datetime) -> str:
    return formats.exact(at, context["locale"])


@jinja2.pass_context
def _day(context: jinja2.runtime.Context, at: datetime) -> str:
    return formats.day(at, context["locale"])


@jinja2.pass_context
def _address_lines(context: jinja2.runtime.Context, address: Any) -> list[str]:
    return formats.address_lines(address, context["locale"])
