"""The navigation: one line an area. Who lacks an area's permission sees no entry; its pages refuse by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merx.kernel.context import Ctx
from merx.kernel.ids import PLATFORM_TENANT
from merx.web.dashboard.sections import DEVELOPERS, anything_of
from merx.web.face import SIGNED_IN


@dataclass(frozen=True, slots=True)
class Area:
    name: str  # what a page says it belongs to: render(…, area="orders")
    label: str
    path: str
    icon: str
    needs: str | tuple[str, ...] = SIGNED_IN  # of several, one is enough
    group: str = "main"  # "main", "below" or, for the installation's administrators, "platform"
    create: tuple[str, str, str] | None = None  # (words, path, permission): what the palette offers to make


AREAS: tuple[Area, ...] = (
    Area("home", "Home", "/dashboard", "house"),
    Area("orders", "Orders", "/dashboard/orders", "shopping-bag", "orders:read"),
    Area(
        "products", "Products", "/dashboard/products", "package", "products:read",
        create=("Add a product", "/dashboard/products/new", "products:write"),
    ),
    Area("customers", "Customers", "/dashboard/customers", "users", "customers:read"),
    Area(
        "discounts", "Discounts", "/dashboard/discounts", "ticket-percent", "coupons:read",
        create=("Make a discount", "/dashboard/discounts/new", "coupons:write"),
    ),
    Area(
        "categories", "Categories", "/dashboard/categories", "folder-tree", "products:read",
        create=("Add a category", "/dashboard/categories/new", "products:write"),
    ),
    Area("outbox", "Messages", "/dashboard/outbox", "mail", "notifications:read", "below"),
    Area("developers", "Developers", "/dashboard/developers", "code", anything_of(DEVELOPERS), "below"),
    Area("settings", "Settings", "/dashboard/settings", "settings", group="below"),
    Area(
        "shops", "Shops", "/dashboard/platform/shops", "store", "*", "platform",
        create=("Open a shop", "/dashboard/platform/shops/new", "*"),
    ),
)  # fmt: skip


def visible(ctx: Ctx, group: str) -> list[Area]:
    """The entries of a group for this person. The platform's own administrators have no shop to look at."""
    at_platform = ctx.tenant == PLATFORM_TENANT
    if (group == "platform") != at_platform:
        return []
    return [area for area in AREAS if area.group == group and _open_to(ctx, area.needs)]


def _open_to(ctx: Ctx, needs: str | tuple[str, ...]) -> bool:
    return needs == SIGNED_IN or any(ctx.may(one) for one in ([needs] if isinstance(needs, str) else needs))


def creations(ctx: Ctx) -> Sequence[tuple[str, str]]:
    """(words, path) of all that this person may make."""
    at_platform = ctx.tenant == PLATFORM_TENANT
    made = [area.create for area in AREAS if area.create is not None and (area.group == "platform") is at_platform]
    return [(words, path) for words, path, needs in made if ctx.may(needs)]
