"""Lists at a desk: what they find, where they stop counting, and that they say the same as the rules."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.conftest import PASSWORD, OpenShop

from merx.core.activity import rules as log_rules
from merx.core.activity import service as activity
from merx.core.activity import usage
from merx.core.activity.model import Kind, Strip
from merx.core.auth import founding
from merx.core.auth import service as auth
from merx.core.auth.founding import Founding
from merx.core.coupons import rules
from merx.core.coupons import service as coupons
from merx.core.coupons.model import CouponType, FindCoupons, Standing
from merx.core.coupons.service import CouponDraft
from merx.core.customers import service as customers
from merx.core.customers import steps
from merx.core.customers.model import CustomerPatch, CustomerStatus
from merx.core.orders import people
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Forbidden, Invalid, NotFound
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]
PLATFORM = system(PLATFORM_TENANT, "tests")


async def test_where_many_match_the_newest_are_found_and_counting_stops(
    rt: Runtime, shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "COUNTED", 3)
    owner = (await shop()).owner
    for at in range(5):
        later = msgspec.structs.replace(owner, now=owner.now + timedelta(seconds=at))
        made = await customers.create(rt, later, f"ann{at}@example.com", f"Ann Nr{at}")
    await customers.update(rt, owner, made.id, CustomerPatch(status=CustomerStatus.INACTIVE))
    many = await people.find(rt, owner, search="ann", limit=2)
    assert ([one.email for one in many.customers], many.total, many.more) == (
        ["ann4@example.com", "ann3@example.com"], 3, True,
    )  # fmt: skip
    off = await people.find(rt, owner, search="ann", status=CustomerStatus.INACTIVE)
    assert [one.email for one in off.customers] == ["ann4@example.com"]
    few = await people.find(rt, owner, search="NR2")
    assert ([one.email for one in few.customers], few.total, few.more) == (["ann2@example.com"], 1, False)
    none = await people.find(rt, owner, search="nr2", status=CustomerStatus.INACTIVE)
    assert (none.customers, none.total) == ([], 0)
    listed, total = await customers.list_customers(rt, owner, search="ann", limit=2)  # the API counts on
    assert (len(listed), total) == (2, 5)
    assert (await customers.list_customers(rt, owner, limit=2))[1] == 5
    assert (await people.find(rt, (await shop()).owner, search="ann")).customers == []


async def test_the_list_of_coupons_says_what_the_rules_say(rt: Runtime, shop: Make) -> None:
    owner = (await shop()).owner
    day, now = timedelta(days=1), owner.now
    drafts: dict[str, dict[str, Any]] = {
        "LIVE": {}, "WINDOW": {"starts_at": now - day, "ends_at": now + day}, "NOW": {"starts_at": now},
        "SOON": {"starts_at": now + day}, "GONE": {"ends_at": now - day}, "JUST": {"ends_at": now},
        "OFF": {"active": False}, "OFFSOON": {"active": False, "starts_at": now + day}, "LIMIT": {"usage_limit": 1},
    }  # fmt: skip
    for code, more in drafts.items():
        await coupons.create(rt, owner, CouponDraft(code, CouponType.FREE_SHIPPING, **more))
    all_ = await coupons.find(rt, owner, FindCoupons())
    assert all_.total == len(drafts)
    for standing in Standing:
        found = await coupons.find(rt, owner, FindCoupons(standing=standing))
        wanted = {one.code for one in all_.coupons if rules.standing(one, now) is standing}
        assert {one.code for one in found.coupons} == wanted and found.total == len(wanted) and wanted
        off = await coupons.find(rt, owner, FindCoupons("off", standing))
        assert {one.code for one in off.coupons} == {code for code in wanted if code.startswith("OFF")}
    assert (await coupons.find(rt, (await shop()).owner, FindCoupons("li"))).coupons == []


async def seen(rt: Runtime, shop: Ctx, now: datetime, *statuses: int) -> None:
    strips = []
    for number, status in enumerate(statuses):
        kind = Kind(ActorKind.ANONYMOUS, None, "192.0.2.1", "GET", "/x", "baas", status)
        strips.append(strip := Strip(shop.tenant, kind))
        strip.at.append(now.timestamp())
        strip.took.append(0.01)
        strip.numbers.append(number)
    await activity.append(rt, log_rules.pack(strips, os.urandom(4).hex()))


async def test_usage_is_what_the_log_says_of_today(rt: Runtime, shop: Make) -> None:
    mine, other = (await shop()).owner, (await shop()).owner
    now = datetime.now(UTC)  # for all of it: a day may end in between
    await seen(rt, mine, now, 200, 200, 404, 500)
    await seen(rt, other, now, 200)
    found = await usage.usage(rt, msgspec.structs.replace(mine, now=now))
    assert (found.requests, found.refused, found.failed, found.figures.members) == (4, 1, 1, 1)
    platform = msgspec.structs.replace(PLATFORM, now=now)
    tenant, figures = await tenants.look_at(rt, platform, mine.tenant)
    assert tenant.id == mine.tenant and (figures.requests, figures.failed) == (4, 1)
    listed = await tenants.find_tenants(rt, platform, tenant.slug)
    assert listed.tenants[0].id == mine.tenant and listed.figures[mine.tenant].requests == 4


async def test_only_the_platform_asks_about_shops(rt: Runtime, shop: Make) -> None:
    owner = (await shop()).owner
    for ask in (
        tenants.find_tenants(rt, owner), tenants.look_at(rt, owner, owner.tenant),
        tenants.change_tenant(rt, owner, owner.tenant, Plan.ENTERPRISE, None, True),
        founding.found(rt, owner, Founding("X", "x@example.com", PASSWORD)),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await ask
    with pytest.raises(NotFound):
        await tenants.look_at(rt, PLATFORM, TenantId(UUID(int=1)))


async def test_a_shop_is_opened_with_its_owner_or_not_at_all(rt: Runtime) -> None:
    mark = os.urandom(5).hex()
    email = f"o-{mark}@example.com"
    with pytest.raises(Invalid):
        await founding.found(rt, PLATFORM, Founding(f"Shop {mark}", email))
    assert (await tenants.find_tenants(rt, PLATFORM, mark)).total == 0
    made = await founding.found(rt, PLATFORM, Founding(f"Shop {mark}", email, PASSWORD, plan=Plan.PRO, currency="JPY"))
    signed = await auth.sign_in(rt, email, PASSWORD)
    assert signed.tenant.id == made.id and signed.member.role == "owner" and made.plan is Plan.PRO
    second = await founding.found(rt, PLATFORM, Founding(f"Second {mark}", email))  # who works here keeps the password
    assert (await auth.sign_in(rt, email, PASSWORD, second.id)).tenant.id == second.id
