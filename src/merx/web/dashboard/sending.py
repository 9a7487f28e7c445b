"""Settings: what sending an order costs: the flat rate of the settings, and methods beside it such as express."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import get, post

from merx.core.shipping import service as shipping
from merx.core.shipping.model import ShippingMethod
from merx.core.tenants import service as tenants
from merx.core.tenants.model import SettingsPatch
from merx.kernel import money
from merx.kernel.errors import Invalid, MerxError, NotFound
from merx.kernel.money import Currency, Money
from merx.web.dashboard.desk import baas, currency_of, desk_of
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render

PLACE = "/dashboard/settings/shipping"


@get("/settings/shipping", needs="settings:read")
async def rates(request: PageRequest) -> Page:
    return await _rates(request, Form(_begun(request)))


def _begun(request: PageRequest) -> Mapping[str, object]:
    kept = desk_of(request).settings
    assert kept is not None
    return {
        "shipping_enabled": "on" if kept.shipping_enabled else "",
        "flat_shipping_rate": kept.flat_shipping.text(),
        "free_shipping_threshold": kept.free_shipping_threshold.text() if kept.free_shipping_threshold else "",
    }


async def _rates(request: PageRequest, form: Form) -> Page:
    currency = Currency(currency_of(request))
    return render(
        request,
        "settings/shipping.html",
        area="settings",
        section="shipping",
        form=form,
        methods=await shipping.all_methods(request.rt, request.ctx),
        amount=lambda minor: Money(minor, currency),
        calls=[
            baas("PATCH", "/settings/", '{"flat_shipping_rate": "5.00", "free_shipping_threshold": "50.00"}'),
            baas("GET", "/shipping-methods/"),
            baas("POST", "/shipping-methods/", '{"code": "express", "name": "Express", "price": "15.00"}'),
        ],
    )


@post("/settings/shipping", needs="settings:write")
async def save_rates(request: PageRequest) -> Page:
    form = await Form.read(request)
    patch = SettingsPatch(
        shipping_enabled=form.flag("shipping_enabled"),
        flat_shipping_rate=form.text("flat_shipping_rate") or "0",
        free_shipping_threshold=form.optional("free_shipping_threshold"),
    )
    try:
        await tenants.patch_settings(request.rt, request.ctx, patch)
    except MerxError as wrong:
        return await _rates(request, form.refused(wrong))
    return redirect(request, PLACE, said="Saved.")


# ── Methods ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/shipping/methods/new", needs="settings:write")
async def new_method(request: PageRequest) -> Page:
    desk_of(request)
    return _method(request, None, Form({"active": "on", "position": "0"}))


@get("/settings/shipping/methods/{code:str}", needs="settings:read")
async def method_page(request: PageRequest, code: str) -> Page:
    unit = Currency(currency_of(request))
    found = _named(await shipping.all_methods(request.rt, request.ctx), code)
    free = found.free_over_minor
    begun = {
        "code": found.code, "name": found.name, "price": Money(found.price_minor, unit).text(),
        "free_over": "" if free is None else Money(free, unit).text(), "active": "on" if found.active else "",
        "position": found.position,
    }  # fmt: skip
    return _method(request, found, Form(begun))


def _named(methods: list[ShippingMethod], code: str) -> ShippingMethod:
    found = next((one for one in methods if one.code == code), None)
    if found is None:
        raise NotFound("shipping method")
    return found


def _method(request: PageRequest, method: ShippingMethod | None, form: Form) -> Page:
    path = f"/shipping-methods/{method.code}/" if method else "/shipping-methods/"
    call = '{"code": "express", "name": "Express", "price": "15.00", "free_over": "200.00"}'
    return render(
        request,
        "settings/method.html",
        area="settings",
        section="shipping",
        method=method,
        form=form,
        doing=request.query_params.get("do", ""),
        calls=[baas("PATCH", path, '{"price": "12.00"}') if method else baas("POST", path, call)],
    )


@post("/settings/shipping/methods/new", needs="settings:write")
async def add_method(request: PageRequest) -> Page:
    form = await Form.read(request)
    known = {one.code for one in await shipping.all_methods(request.rt, request.ctx)}
    if form.text("code") in known:
        form.fault("code", "A shipping method with this code exists already.")
        return _method(request, None, form)
    return await _put(request, None, form)


@post("/settings/shipping/methods/{code:str}", needs="settings:write")
async def change_method(request: PageRequest, code: str) -> Page:
    form = await Form.read(request)
    found = _named(await shipping.all_methods(request.rt, request.ctx), code)
    return await _put(request, found, form)


async def _put(request: PageRequest, before: ShippingMethod | None, form: Form) -> Page:
    currency = Currency(currency_of(request))
    try:
        wanted = ShippingMethod(
            form.text("code") if before is None else before.code,
            form.text("name"),
            _amount(form, "price", currency) or 0,
            _amount(form, "free_over", currency) if form.text("free_over") else None,
            form.flag("active"),
            form.number("position") or 0,
        )
        if form.ok:
            await shipping.put(request.rt, request.ctx, wanted)
    except MerxError as wrong:
        form.refused(wrong)
    if not form.ok:
        return _method(request, before, form)
    return redirect(request, PLACE, said=f"{wanted.name} has been saved.")


def _amount(form: Form, name: str, currency: Currency) -> int | None:
    found: Any = money.parse_minor(form.text(name), currency)
    if found is None:
        raise Invalid(f"Enter an amount in {currency}, such as 15.00.", field=name)
    return int(found)


@post("/settings/shipping/methods/{code:str}/delete", needs="settings:write")
async def remove_method(request: PageRequest, code: str) -> Page:
    await shipping.remove(request.rt, request.ctx, code)
    return redirect(request, PLACE, said="The shipping method has been removed.")


ROUTES = [rates, save_rates, new_method, add_method, method_page, change_method, remove_method]
