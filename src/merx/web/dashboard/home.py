"""The first page: how the shop does, and what needs somebody."""

from __future__ import annotations

from litestar import get

from merx.core.orders import desk as orders
from merx.core.orders.figures import Home
from merx.kernel.ids import PLATFORM_TENANT
from merx.kernel.money import exponent
from merx.web.dashboard import areas, charts
from merx.web.dashboard.desk import baas, commerce
from merx.web.face import SIGNED_IN
from merx.web.pages import Page, PageRequest, redirect, render

DAYS = 30


@get(["/", "/home"], needs=SIGNED_IN)
async def home(request: PageRequest) -> Page:
    if request.ctx.tenant == PLATFORM_TENANT:
        first = next(iter(areas.visible(request.ctx, "platform")), None)
        return redirect(request, first.path) if first else render(request, "home/platform.html", area="home")
    found = await orders.home(request.rt, request.ctx, DAYS)
    return render(
        request,
        "home/home.html",
        area="home",
        home=found,
        chart=_chart(found),
        change=charts.change,
        spark=charts.spark,
        calls=[baas("GET", "/orders/?created_from=2026-01-01T00:00:00Z"), commerce("GET", "/orders?pageSize=50")],
    )


def _chart(found: Home) -> charts.Chart | None:
    if found.sales is None or not any(day.orders for day in found.sales.days):
        return None
    unit = 10 ** exponent(found.currency)
    amounts = [-(-day.sales_minor // unit) for day in found.sales.days]
    return charts.drawn(amounts, [day.orders for day in found.sales.days])


@get("/jump", needs=SIGNED_IN)
async def jump(request: PageRequest) -> Page:
    """What the palette found, as a list to choose from."""
    text = request.query_params.get("q", "")[:100]
    return render(request, "parts/jump.html", found=await orders.jump(request.rt, request.ctx, text), text=text)


ROUTES = [home, jump]
