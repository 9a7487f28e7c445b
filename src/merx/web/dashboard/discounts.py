"""Discounts: what a code gives, when, and how often; how often it was used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from litestar import get, post

from merx.core.coupons import rules
from merx.core.coupons import service as coupons
from merx.core.coupons.model import Coupon, CouponType, FindCoupons, Standing
from merx.core.coupons.service import CouponDraft
from merx.kernel import ids, money
from merx.kernel.errors import MerxError
from merx.kernel.ids import CouponId
from merx.kernel.money import Money
from merx.web.dashboard.desk import baas, currency_of, desk_of, ident
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

VIEWS: Mapping[str, tuple[str, Standing | None]] = {
    "all": ("All", None),
    "live": ("Active", Standing.LIVE),
    "scheduled": ("Scheduled", Standing.SCHEDULED),
    "over": ("Over", Standing.OVER),
}
LIST = "/dashboard/discounts"


@get("/discounts", needs="coupons:read")
async def discount_list(request: PageRequest) -> Page:
    query = request.query_params
    view = query.get("view", "all") if query.get("view", "all") in VIEWS else "all"
    number, offset = asked(request)
    form, currency = Form({"q": query.get("q", "")}), currency_of(request)
    found = await coupons.find(request.rt, request.ctx, FindCoupons(form.text("q"), VIEWS[view][1], SIZE, offset))
    now = request.ctx.now
    return render(
        request,
        "discounts/rows.html" if request.partial else "discounts/list.html",
        area="discounts",
        coupons=[(one, rules.standing(one, now)) for one in found.coupons],
        gives=lambda one: _gives(one, currency),
        percent=money.percent,
        paging=paging(request, number, found.total, more=found.more),
        views=VIEWS,
        view=view,
        form=form,
        calls=[baas("GET", "/coupons/?per_page=25")],
    )


def _gives(coupon: Coupon, currency: str) -> Money | None:
    return Money(coupon.amount_minor, money.Currency(currency)) if coupon.type is CouponType.FIXED else None


# ── One discount ─────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/discounts/new", needs="coupons:write")
async def new(request: PageRequest) -> Page:
    desk_of(request)
    return _editor(request, None, Form({"type": "percent", "active": "on"}))


@post("/discounts/new", needs="coupons:write")
async def create(request: PageRequest) -> Page:
    form = await Form.read(request)
    draft = _draft(form, currency_of(request))
    if draft is None:
        return _editor(request, None, form)
    try:
        made = await coupons.create(request.rt, request.ctx, draft)
    except MerxError as wrong:
        return _editor(request, None, form.refused(wrong, _names(draft)))
    return redirect(request, LIST, said=f"{made.code} can be used." if made.active else f"{made.code} has been made.")


@get("/discounts/{coupon:str}", needs="coupons:read")
async def discount_page(request: PageRequest, coupon: str) -> Page:
    desk_of(request)
    found = await coupons.get(request.rt, request.ctx, CouponId(ident(coupon, "discount")))
    return _editor(request, found, Form(_begun(found, currency_of(request))))


@post("/discounts/{coupon:str}", needs="coupons:write")
async def change(request: PageRequest, coupon: str) -> Page:
    form, wanted = await Form.read(request), CouponId(ident(coupon, "discount"))
    draft = _draft(form, currency_of(request))
    try:
        if draft is not None:
            await coupons.update(request.rt, request.ctx, wanted, draft)
            return redirect(request, f"{LIST}/{coupon}", said="Saved.")
    except MerxError as wrong:
        form.refused(wrong, _names(draft))
    return _editor(request, await coupons.get(request.rt, request.ctx, wanted), form)


@post("/discounts/{coupon:str}/delete", needs="coupons:write")
async def remove(request: PageRequest, coupon: str) -> Page:
    await coupons.remove(request.rt, request.ctx, CouponId(ident(coupon, "discount")))
    return redirect(request, LIST, said="The discount has been removed.")


def _editor(request: PageRequest, coupon: Coupon | None, form: Form) -> Page:
    call = baas("POST", "/coupons/", '{"code": "SPRING", "type": "percent", "value": "10", "usage_limit": 100}')
    if coupon is not None:
        path = f"/coupons/{ids.encode('cpn', coupon.id)}/"
        calls = [baas("GET", path), baas("PATCH", path, '{"active": false}')]
    return render(
        request,
        "discounts/editor.html",
        area="discounts",
        coupon=coupon,
        standing=rules.standing(coupon, request.ctx.now) if coupon else None,
        form=form,
        doing=request.query_params.get("do", ""),
        calls=[call] if coupon is None else calls,
    )


def _begun(coupon: Coupon, currency: str) -> Mapping[str, object]:
    unit = money.Currency(currency)
    return {
        "code": coupon.code,
        "type": coupon.type.value,
        "percent": f"{money.percent(coupon.rate):f}" if coupon.type is CouponType.PERCENT else "",
        "amount": Money(coupon.amount_minor, unit).text() if coupon.type is CouponType.FIXED else "",
        "minimum": Money(coupon.minimum_minor, unit).text() if coupon.minimum_minor else "",
        "starts_at": _local(coupon.starts_at),
        "ends_at": _local(coupon.ends_at),
        "usage_limit": coupon.usage_limit,
        "per_customer_limit": coupon.per_customer_limit,
        "active": "on" if coupon.active else "",
    }


def _local(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _draft(form: Form, currency: str) -> CouponDraft | None:
    """What the form says; None where some of it can't be read."""
    kind = form.text("type")
    if kind not in list(CouponType):
        form.fault("type", "Choose what the discount gives.")
        return None
    rate = amount = minimum = 0
    if kind == CouponType.PERCENT:
        rate = money.parse_rate(form.text("percent").removesuffix("%").strip()) or 0
        if not rate:
            form.fault("percent", "Enter a percentage: more than 0, at most 100.")
    elif kind == CouponType.FIXED:
        amount = money.parse_minor(form.text("amount"), money.Currency(currency)) or 0
        if not amount:
            form.fault("amount", f"Enter an amount in {currency}, such as 5.00.")
    if form.text("minimum"):
        parsed = money.parse_minor(form.text("minimum"), money.Currency(currency))
        if parsed is None:
            form.fault("minimum", f"Enter an amount in {currency}, such as 50.00.")
        minimum = parsed or 0
    draft = CouponDraft(
        code=form.text("code"),
        type=CouponType(kind),
        rate=rate,
        amount_minor=amount,
        minimum_minor=minimum,
        starts_at=form.moment("starts_at"),
        ends_at=form.moment("ends_at"),
        usage_limit=form.number("usage_limit"),
        per_customer_limit=form.number("per_customer_limit"),
        active=form.flag("active"),
    )
    for name in ("starts_at", "ends_at"):
        at = getattr(draft, name)
        if at is not None and not 2000 <= at.year < 2200:
            form.fault(name, "Enter a time between the years 2000 and 2200.")
    return draft if form.ok else None


def _names(draft: CouponDraft | None) -> Mapping[str, str]:
    return {"value": "percent" if draft is not None and draft.type is CouponType.PERCENT else "amount"}


ROUTES = [discount_list, new, create, discount_page, change, remove]
