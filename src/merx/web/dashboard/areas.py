"""The navigation: one line an area. Who lacks an area's permission sees no entry; its pages refuse by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merx.kernel.context import Ctx
from merx.kernel.ids import PLATFORM_TENANT
from merx.web.face import SIGNED_IN


@dataclass(frozen=True, slots=True)
class Area:
    name: str  # what a page says it belongs to: render(…, area="orders")
    label: str
    path: str
    icon: str
    needs: str = SIGNED_IN
    group: str = "main"  # "main", "below" or, for the installation's administrators, "platform"
    create: tuple[str, str, str] | None = None  # (words, path, permission): what the palette offers to make


AREAS: tuple[Area, ...] = (
    Area("home", "Home", "/dashboard", "house"),
    Area("orders", "Orders", "/dashboard/orders", "shopping-bag", "orders:read"),
    Area(
        "products", "Products", "/dashboard/products", "package", "products:read",
        create=("Add a product", "/dashboard/products/new", "products:write"),
    ),
)  # fmt: skip


def visible(ctx: Ctx, group: str) -> list[Area]:
    """The entries of a group for this person. The platform's own administrators have no shop to look at."""
    at_platform = ctx.tenant == PLATFORM_TENANT
    if (group == "platform") != at_platform:
        return []
    return [area for area in AREAS if area.group == group and (area.needs == SIGNED_IN or ctx.may(area.needs))]


def creations(ctx: Ctx) -> Sequence[tuple[str, str]]:
    """(words, path) of all that this person may make."""
    made = [area.create for area in AREAS if area.create is not None]
    return [(words, path) for words, path, needs in made if ctx.may(needs)]
