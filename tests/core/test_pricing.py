"""Line, discount, shipping, tax, in that order, to the cent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merx.core.coupons import rules as coupons
from merx.core.coupons.model import Coupon, CouponRefused, CouponType
from merx.core.pricing import rules
from merx.core.pricing.model import LineAmount, TaxRules
from merx.core.shipping import rules as shipping
from merx.core.shipping.model import ShippingMethod, ShippingRules
from merx.kernel import ids
from merx.kernel.errors import Invalid
from merx.kernel.ids import CouponId

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LINES = st.lists(
    st.builds(LineAmount, st.integers(min_value=0, max_value=10**7), st.integers(min_value=1, max_value=1000)),
    min_size=1,
    max_size=100,
)
TAXES = st.builds(TaxRules, st.integers(min_value=0, max_value=1_000_000), st.booleans(), st.booleans())
COSTS = st.integers(min_value=0, max_value=10**6)


@given(LINES, st.integers(min_value=0, max_value=10**9), COSTS, TAXES)
def test_everything_adds_up(lines: list[LineAmount], discount: int, cost: int, tax: TaxRules) -> None:
    sums = rules.totals(lines, discount, cost, tax)
    assert sums.subtotal == sum(line.total for line in sums.lines) == sum(l.unit * l.quantity for l in lines)
    assert sums.discount == sum(line.discount for line in sums.lines) <= sums.subtotal
    assert sums.total == sums.subtotal - sums.discount + sums.shipping + (0 if sums.tax_included else sums.tax)
    of_lines = sum(line.tax for line in sums.lines)
    assert of_lines == sums.tax or (tax.tax_shipping and of_lines <= sums.tax)
    assert all(0 <= line.discount <= line.total and line.tax >= 0 for line in sums.lines)


def test_the_documents_sum() -> None:
    sums = rules.totals([LineAmount(9999, 2)], 0, 0, TaxRules(80_000))
    assert (sums.subtotal, sums.tax, sums.total) == (19998, 1600, 21598)


def test_prices_that_include_tax() -> None:
    sums = rules.totals([LineAmount(11900, 1)], 0, 500, TaxRules(190_000, prices_include_tax=True))
    assert (sums.tax, sums.total) == (1900, 12400)


def test_tax_on_shipping_only_where_the_shop_says_so() -> None:
    assert rules.totals([LineAmount(1000, 1)], 0, 1000, TaxRules(100_000)).tax == 100
    assert rules.totals([LineAmount(1000, 1)], 0, 1000, TaxRules(100_000, tax_shipping=True)).tax == 200


def test_more_than_money_can_hold_is_refused() -> None:
    with pytest.raises(Invalid):
        rules.subtotal([LineAmount(10**15, 1_000_000)])


def coupon(**more: object) -> Coupon:
    fields: dict[str, object] = dict(
        id=CouponId(ids.new()), code="SAVE10", type=CouponType.PERCENT, rate=100_000, amount_minor=0, minimum_minor=0,
        starts_at=None, ends_at=None, usage_limit=None, per_customer_limit=None, used=0, active=True, created_at=NOW,
    )  # fmt: skip
    return Coupon(**(fields | more))  # type: ignore[arg-type]


def test_what_coupons_give() -> None:
    assert coupons.benefit(coupon(), 1005, NOW).discount == 101
    fixed = coupon(type=CouponType.FIXED, rate=0, amount_minor=5000)
    assert coupons.benefit(fixed, 3000, NOW).discount == 3000
    assert coupons.benefit(coupon(type=CouponType.FREE_SHIPPING), 3000, NOW).free_shipping


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"active": False}, "coupon_inactive"),
        ({"starts_at": NOW + timedelta(seconds=1)}, "coupon_not_started"),
        ({"ends_at": NOW}, "coupon_expired"),
        ({"usage_limit": 3, "used": 3}, "coupon_used_up"),
        ({"minimum_minor": 1001}, "coupon_minimum"),
    ],
)
def test_why_a_coupon_does_not_apply(change: dict[str, object], reason: str) -> None:
    with pytest.raises(CouponRefused) as refused:
        coupons.benefit(coupon(**change), 1000, NOW)
    assert refused.value.code == reason
    with pytest.raises(CouponRefused, match="no such"):
        coupons.benefit(None, 1000, NOW)


def test_what_shipping_costs() -> None:
    shop = ShippingRules(True, 500, 10_000)
    express = ShippingMethod("express", "Express", 1500)
    standard = shipping.choose(shop, [express], None)
    assert shipping.cost(shop, standard, 9_999) == 500
    assert shipping.cost(shop, standard, 10_000) == 0
    assert shipping.cost(shop, shipping.choose(shop, [express], "express"), 10_000) == 1500
    assert shipping.cost(shop, express, 100, free=True) == 0
    assert shipping.cost(ShippingRules(False, 500, None), standard, 100) == 0
    with pytest.raises(Invalid, match="standard, express"):
        shipping.choose(shop, [express], "teleport")


def test_a_method_an_api_names_costs_the_flat_rate_until_the_shop_prices_it_or_switches_it_off() -> None:
    shop = ShippingRules(True, 500, 10_000)
    assert [one.code for one in shipping.offered(shop, [])] == ["standard"]
    with pytest.raises(Invalid, match=r"ships by: standard\."):
        shipping.choose(shop, [], "express")
    unpriced = shipping.choose(shop, [], "express", ("express",))
    assert (unpriced.code, shipping.cost(shop, unpriced, 100), shipping.cost(shop, unpriced, 10_000)) == (
        "express",
        500,
        500,
    )
    with pytest.raises(Invalid):
        shipping.choose(shop, [ShippingMethod("express", "Express", 1500, active=False)], "express", ("express",))
