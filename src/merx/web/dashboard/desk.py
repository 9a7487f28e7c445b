"""What all pages of the dashboard share: who sits there, how ids are read from addresses, and how a page says which
API call does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from merx.core.auth import browsers
from merx.core.auth.browsers import Desk
from merx.kernel import ids
from merx.kernel.errors import NotFound
from merx.kernel.ids import PLATFORM_TENANT
from merx.web import theme
from merx.web.dashboard import areas, sections
from merx.web.formats import DEFAULT_LOCALE
from merx.web.pages import PageRequest


async def prepare(request: PageRequest) -> Mapping[str, Any]:
    """What every template gets. Pages before signing in get nothing."""
    if request.visit.credential is None:
        return {"desk": None, "accent_sheet": None}
    ctx = request.ctx
    desk: Desk = await browsers.desk(request.rt, ctx)
    settings = desk.settings
    values = {
        "desk": desk,
        "settings": settings,
        "locale": settings.locale if settings else DEFAULT_LOCALE,
        "accent_sheet": theme.address(settings.accent) if settings else None,
        "navigation": areas.visible(ctx, "main") + areas.visible(ctx, "platform"),
        "navigation_below": areas.visible(ctx, "below"),
        "creations": areas.creations(ctx),
        "shop_url": shop_url(request, desk.tenant.slug),
        "api_base": request.rt.settings.public_url,
        "sections": sections.of(ctx, request.scope["path"]),
    }
    if settings is None and not request.scope["path"].startswith(AT_PLATFORM) and request.scope["path"] != HOME:
        request.visitor.values.update(values)  # the platform is no shop: the page that says so is still a whole one
        raise NotFound("page")
    return values


HOME = "/dashboard"
AT_PLATFORM = tuple(
    f"{HOME}/{one}" for one in ("platform", "home", "jump", "shops", "sign-out", "sign-in", "settings/account")
)


def desk_of(request: PageRequest) -> Desk:
    desk: Desk = request.visitor.values["desk"]
    if desk.settings is None or desk.tenant.id == PLATFORM_TENANT:
        raise NotFound("page")
    return desk


def currency_of(request: PageRequest) -> str:
    settings = desk_of(request).settings
    assert settings is not None
    return settings.currency


def shop_url(request: PageRequest, slug: str) -> str:
    scheme = request.rt.settings.public_url.partition("://")[0]
    return f"{scheme}://{slug}.{request.rt.settings.base_domain}"


def ident(text: str, what: str) -> UUID:
    """The id in an address; what can't be one is as unknown as one that is nobody's."""
    found = ids.parse_uuid(text)
    if found is None:
        raise NotFound(what)
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an API: `path` is whole, `body` is JSON as people write it."""

    dialect: str
    method: str
    path: str
    body: str = ""

    def curl(self, base: str) -> str:
        verb = "" if self.method == "GET" else f"-X {self.method} "
        lines = [f'curl {verb}"{base}{self.path}" \\', '  -H "Authorization: Bearer $MERX_KEY"']
        if self.body:
            lines[-1] += " \\"
            lines += ['  -H "Content-Type: application/json" \\', f"  -d '{self.body}'"]
        return "\n".join(lines)


def baas(method: str, path: str, body: str = "") -> Call:
    return Call("BaaS", method, f"/api/platform{path}", body)


def commerce(method: str, path: str, body: str = "") -> Call:
    return Call("Commerce", method, f"/commerce/v2{path}", body)


Calls = Sequence[Call]
