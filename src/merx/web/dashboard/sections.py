"""The parts of an area that has several: what stands as tabs above Developers and Settings. Who lacks a part's
permission sees no tab; its pages refuse by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merx.kernel.context import Ctx
from merx.kernel.ids import PLATFORM_TENANT
from merx.web.face import SIGNED_IN


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    label: str
    path: str
    needs: str = SIGNED_IN

    def open_to(self, ctx: Ctx) -> bool:
        return self.needs == SIGNED_IN or ctx.may(self.needs)


DEVELOPERS = (
    Section("webhooks", "Webhooks", "/dashboard/developers/webhooks", "webhooks:read"),
    Section("keys", "API keys", "/dashboard/developers/keys", "keys:write"),
    Section("clients", "OAuth clients", "/dashboard/developers/clients", "keys:write"),
    Section("log", "Request log", "/dashboard/developers/log", "logs:read"),
)
SETTINGS = (
    Section("general", "General", "/dashboard/settings/general", "settings:read"),
    Section("tax", "Tax", "/dashboard/settings/tax", "settings:read"),
    Section("shipping", "Shipping", "/dashboard/settings/shipping", "settings:read"),
    Section("payments", "Payments", "/dashboard/settings/payments", "settings:read"),
    Section("orders", "Orders", "/dashboard/settings/orders", "settings:read"),
    Section("team", "Team", "/dashboard/settings/team", "settings:read"),
    Section("plan", "Plan", "/dashboard/settings/plan", "settings:read"),
    Section("account", "Your account", "/dashboard/settings/account"),
)


def visible(ctx: Ctx, sections: Sequence[Section]) -> list[Section]:
    return [one for one in sections if one.open_to(ctx)]


def anything_of(sections: Sequence[Section]) -> tuple[str, ...]:
    """The permissions of which one is enough to find something in an area."""
    return tuple(dict.fromkeys(one.needs for one in sections if one.needs != SIGNED_IN))


def of(ctx: Ctx, path: str) -> list[Section]:
    """The parts of the area that a page is in."""
    if path.startswith("/dashboard/developers"):
        return visible(ctx, DEVELOPERS)
    if path.startswith("/dashboard/settings") and ctx.tenant != PLATFORM_TENANT:
        return visible(ctx, SETTINGS)
    return []
