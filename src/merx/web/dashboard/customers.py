"""Customers: the list with its search, one customer with their orders and totals, switching an account off and on,
erasing one and taking that back."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import get, post
from msgspec import UNSET

from merx.core.customers import service as customers
from merx.core.customers.model import CustomerPatch, CustomerStatus
from merx.core.erasure import service as erasure
from merx.core.orders import people
from merx.core.orders.people import Acquaintance
from merx.kernel import ids
from merx.kernel.errors import MerxError
from merx.kernel.ids import CustomerId
from merx.kernel.money import Currency, Money
from merx.web.dashboard.desk import baas, commerce, currency_of, desk_of, ident
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

VIEWS: Mapping[str, tuple[str, CustomerStatus | None]] = {
    "all": ("All", None),
    "active": ("Active", CustomerStatus.ACTIVE),
    "off": ("Switched off", CustomerStatus.INACTIVE),
}
LIST = "/dashboard/customers"


@get("/customers", needs="customers:read")
async def customer_list(request: PageRequest) -> Page:
    currency = Currency(currency_of(request))
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    number, offset = asked(request)
    form = Form({"q": query.get("q", "")})
    found = await people.find(
        request.rt, request.ctx, search=form.text("q"), status=VIEWS[view][1], limit=SIZE, offset=offset
    )
    return render(
        request,
        "customers/rows.html" if request.partial else "customers/list.html",
        area="customers",
        found=found,
        in_currency=lambda minor: Money(minor, currency),
        paging=paging(request, number, found.total, more=found.more),
        views=VIEWS,
        view=view,
        form=form,
        calls=[
            baas("GET", "/customers/?search=jane&per_page=25"),
            commerce("GET", "/users?pageSize=25"),
        ],
    )


@get("/customers/{customer:str}", needs="customers:read")
async def customer_page(request: PageRequest, customer: str) -> Page:
    desk_of(request)
    found = await people.acquaintance(request.rt, request.ctx, CustomerId(ident(customer, "customer")))
    return _shown(request, found, Form(_begun(found)), request.query_params.get("do", ""))


def _begun(found: Acquaintance) -> Mapping[str, object]:
    one = found.customer
    return {
        "first_name": one.first_name,
        "last_name": one.last_name,
        "phone": one.phone or "",
        "accepts_marketing": "on" if one.accepts_marketing else "",
    }


def _shown(request: PageRequest, found: Acquaintance, form: Form, doing: str) -> Page:
    spelled, currency = ids.encode("cus", found.customer.id), Currency(currency_of(request))
    return render(
        request,
        "customers/detail.html",
        area="customers",
        customer=found.customer,
        found=found,
        in_currency=lambda minor: Money(minor, currency),
        form=form,
        doing=doing,
        calls=[
            baas("GET", f"/customers/{spelled}/"),
            baas("PATCH", f"/customers/{spelled}/", '{"status": "inactive"}'),
            baas("DELETE", f"/customers/{spelled}/"),
            commerce("GET", f"/users/{found.customer.id}"),
        ],
    )


@post("/customers/{customer:str}", needs="customers:write")
async def change(request: PageRequest, customer: str) -> Page:
    form, wanted = await Form.read(request), CustomerId(ident(customer, "customer"))
    patch = CustomerPatch(
        first_name=form.text("first_name"),
        last_name=form.text("last_name"),
        phone=form.optional("phone"),
        accepts_marketing=form.flag("accepts_marketing"),
    )
    return await _change(request, wanted, form, patch, "edit")


@post("/customers/{customer:str}/status", needs="customers:write")
async def switch(request: PageRequest, customer: str) -> Page:
    form, wanted = await Form.read(request), CustomerId(ident(customer, "customer"))
    status = {"on": CustomerStatus.ACTIVE, "off": CustomerStatus.INACTIVE}.get(form.text("to"))
    return await _change(request, wanted, form, CustomerPatch(status=UNSET if status is None else status), "")


@post("/customers/{customer:str}/erase", needs=erasure.PERMISSION)
async def erase(request: PageRequest, customer: str) -> Page:
    form, wanted = await Form.read(request), CustomerId(ident(customer, "customer"))
    try:
        await erasure.request(request.rt, request.ctx, wanted, at_once=form.flag("at_once"))
    except MerxError as wrong:
        form.refused(wrong)
        return _shown(request, await people.acquaintance(request.rt, request.ctx, wanted), form, "erase")
    return redirect(request, f"{LIST}/{wanted}", said="The customer is being erased.")


@post("/customers/{customer:str}/restore", needs=erasure.PERMISSION)
async def restore(request: PageRequest, customer: str) -> Page:
    form, wanted = await Form.read(request), CustomerId(ident(customer, "customer"))
    try:
        after = await erasure.take_back(request.rt, request.ctx, wanted)
    except MerxError as wrong:
        form.refused(wrong)
        return _shown(request, await people.acquaintance(request.rt, request.ctx, wanted), form, "")
    return redirect(request, f"{LIST}/{wanted}", said=f"{after.name or after.email} stays a customer.")


async def _change(request: PageRequest, wanted: CustomerId, form: Form, patch: CustomerPatch, doing: str) -> Page:
    try:
        after = await customers.update(request.rt, request.ctx, wanted, patch)
    except MerxError as wrong:
        form.refused(wrong)
        return _shown(request, await people.acquaintance(request.rt, request.ctx, wanted), form, doing)
    if patch.status is UNSET:
        said = "The customer has been saved."
    elif after.status is CustomerStatus.ACTIVE:
        said = f"{after.name or after.email} can sign in again."
    else:
        said = f"{after.name or after.email} is switched off and signed out."
    return redirect(request, f"{LIST}/{wanted}", said=said)


ROUTES = [customer_list, customer_page, change, switch, erase, restore]
