"""The platform, for the installation's administrators: its shops, their plans and how much they are used."""

from __future__ import annotations

from litestar import get, post

from merx.core.auth import founding
from merx.core.auth.founding import Founding
from merx.core.tenants import service as tenants
from merx.core.tenants.model import PLAN_LIMITS, Figures, Plan, Tenant
from merx.kernel.errors import Invalid, MerxError, NotFound
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.web.dashboard.desk import ident, shop_url
from merx.web.dashboard.session import CURRENCIES
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

LIST = "/dashboard/platform/shops"
PLANS = [(plan.value, plan.value.capitalize()) for plan in Plan]


def _at_platform(request: PageRequest) -> None:
    """Its pages are not there for anybody else."""
    if request.ctx.tenant != PLATFORM_TENANT:
        raise NotFound("page")


@get("/platform/shops", needs="*")
async def shop_list(request: PageRequest) -> Page:
    _at_platform(request)
    number, offset = asked(request)
    form = Form({"q": request.query_params.get("q", "")})
    found = await tenants.find_tenants(request.rt, request.ctx, form.text("q"), SIZE, offset)
    return render(
        request,
        "platform/rows.html" if request.partial else "platform/list.html",
        area="shops",
        shops=[(one, found.figures.get(one.id, Figures())) for one in found.tenants],
        paging=paging(request, number, found.total),
        form=form,
        commands=["merx tenants list"],
    )


@get("/platform/shops/new", needs="*")
async def new(request: PageRequest) -> Page:
    _at_platform(request)
    return _new(request, Form({"plan": "free", "currency": "USD"}))


def _new(request: PageRequest, form: Form) -> Page:
    return render(
        request, "platform/new.html", area="shops", form=form, plans=PLANS, currencies=CURRENCIES,
        commands=['merx tenants create "My Store" --plan starter --owner owner@example.com'],
    )  # fmt: skip


@post("/platform/shops/new", needs="*")
async def create(request: PageRequest) -> Page:
    _at_platform(request)
    form = await Form.read(request)
    try:
        wanted = Founding(
            form.text("name"), form.text("owner"), form.value("password"), form.optional("slug"),
            form.optional("domain"), _plan(form), form.text("currency") or "USD",
        )  # fmt: skip
        made = await founding.found(request.rt, request.ctx, wanted)
    except MerxError as wrong:
        return _new(request, form.refused(wrong))
    return redirect(request, f"{LIST}/{made.id}", said=f"{made.name} is open.")


def _plan(form: Form) -> Plan:
    if form.text("plan") not in list(Plan):
        raise Invalid("Choose a plan.", field="plan")
    return Plan(form.text("plan"))


@get("/platform/shops/{shop:str}", needs="*")
async def shop_page(request: PageRequest, shop: str) -> Page:
    _at_platform(request)
    found, figures = await tenants.look_at(request.rt, request.ctx, TenantId(ident(shop, "shop")))
    begun = {
        "plan": found.plan.value,
        "requests_per_minute": "" if found.requests_per_minute is None else found.requests_per_minute,
        "active": "on" if found.active else "",
    }
    return _shown(request, found, figures, Form(begun))


def _shown(request: PageRequest, shop: Tenant, figures: Figures, form: Form) -> Page:
    return render(
        request, "platform/shop.html", area="shops", shop=shop, figures=figures, form=form, plans=PLANS,
        plan_limits=PLAN_LIMITS, address_of=shop_url(request, shop.slug),
        commands=[f"merx tenants set-plan {shop.slug} pro"],
    )  # fmt: skip


@post("/platform/shops/{shop:str}", needs="*")
async def change(request: PageRequest, shop: str) -> Page:
    _at_platform(request)
    form, wanted = await Form.read(request), TenantId(ident(shop, "shop"))
    agreed = form.number("requests_per_minute")
    try:
        if form.ok:
            after = await tenants.change_tenant(
                request.rt, request.ctx, wanted, _plan(form), agreed, form.flag("active")
            )
            state = "on" if after.active else "off: it answers nobody"
            return redirect(request, f"{LIST}/{shop}", said=f"{after.name} has the plan {after.plan} and is {state}.")
    except MerxError as wrong:
        form.refused(wrong)
    found, figures = await tenants.look_at(request.rt, request.ctx, wanted)
    return _shown(request, found, figures, form)


ROUTES = [shop_list, new, create, shop_page, change]
