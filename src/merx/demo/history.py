"""One demo shop from nothing to where it stands today: settings, team, keys, coupons, people, goods and sales."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from merx.core.auth import passwords
from merx.core.auth import rules as auth_rules
from merx.core.auth import store as auth
from merx.core.auth.model import Member
from merx.core.coupons import store as coupons
from merx.core.coupons.model import Coupon, CouponType
from merx.core.customers import store as customers
from merx.core.customers.model import Customer
from merx.core.shipping import store as shipping
from merx.core.shipping.model import STANDARD, ShippingMethod
from merx.core.tenants import directory, opening
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Plan, SettingsPatch, Tenant
from merx.db import outbox
from merx.db.database import Tx
from merx.demo import goods, sales
from merx.demo.seed import KEYS, key_of, taken
from merx.demo.shops import DemoShop
from merx.kernel import ids, money
from merx.kernel.context import ActorKind, system
from merx.kernel.ids import CouponId, CustomerId, KeyId, StaffId
from merx.runtime import Runtime

OPENED = timedelta(days=200)
"""How long ago the shops opened; everything else in them is younger."""


async def open_shop(rt: Runtime, shop: DemoShop, now: datetime) -> Tenant:
    hashes = await _hashes(shop)
    wanted = await opening.draft(rt, now - OPENED, shop.name, slug=shop.slug, plan=Plan.PRO)
    async with rt.db.begin(system(wanted.id, "demo")) as tx:
        goods.at(tx, wanted.created_at)
        made = await opening.open_shop(tx, wanted, shop.settings.currency, shop.staff[0].email)
        if made is None:
            made = await tenants.by_slug(rt.db, shop.slug)  # another process was faster, and has finished it
            assert made is not None
            return made
        await _configure(tx, shop)
        members = await _staff(tx, shop, hashes)
        await _keys(rt, tx, shop, members[0])
        await _coupons(tx, shop, now)
        people = await _customers(tx, shop, hashes, now)
        catalogue = await goods.fill(tx, shop, now)
        addresses = {customer.email: customer.addresses[0] for customer in shop.customers}
        await sales.replay(tx, shop, sales.Past(now, people, addresses, catalogue, members[0].staff.id))
        goods.at(tx, now)
        await _heard_by_all(tx)
    directory.forget(rt)
    return made


async def _heard_by_all(tx: Tx) -> None:
    """Nobody gets a mail today about what was sold before there was a shop."""
    await tx.flush()
    while events := await outbox.claim(tx, 1000):
        await outbox.mark_relayed(tx, [event.id for event in events])


async def _hashes(shop: DemoShop) -> dict[str, str]:
    """Of each different password one, made before the transaction begins."""
    given = [person.password for person in shop.staff] + [one.password for one in shop.customers if one.password]
    distinct = list(dict.fromkeys(given))
    return dict(zip(distinct, await asyncio.gather(*map(passwords.hashed, distinct)), strict=True))


async def _configure(tx: Tx, shop: DemoShop) -> None:
    patch = SettingsPatch(
        tax_percentage=shop.settings.tax_percentage,
        flat_shipping_rate=shop.settings.flat_shipping_rate,
        free_shipping_threshold=shop.settings.free_shipping_threshold,
        low_stock_threshold=shop.settings.low_stock_threshold,
        payment_provider="stripe",
    )
    await tenants.update_settings(tx, tenant_rules.patched(await tenants.settings(tx), patch, tx.ctx.now))
    currency = shop.settings.currency
    for place, method in enumerate(shop.shipping):
        if method.code != STANDARD:  # which is the settings' own
            free_from = _minor(method.free_from, currency) if method.free_from else None
            await shipping.put(
                tx, ShippingMethod(method.code, method.name, _minor(method.price, currency), free_from, True, place)
            )


async def _staff(tx: Tx, shop: DemoShop, hashes: dict[str, str]) -> list[Member]:
    members = []
    for person in shop.staff:
        staff = await auth.insert_staff(
            tx, StaffId(ids.new()), person.email, hashes[person.password], person.first_name, person.last_name
        )
        if staff is None:
            raise taken(f"Somebody here has registered {person.email}")
        member = await auth.insert_member(tx, staff, await tenants.next_number(tx, "members"), person.role)
        assert member is not None
        members.append(member)
    return members


async def _keys(rt: Runtime, tx: Tx, shop: DemoShop, maker: Member) -> None:
    for type_, (name, scopes) in KEYS.items():
        secret, key_id = key_of(rt, shop.slug, type_), KeyId(ids.new())
        shown = secret[: auth_rules.SHOWN]
        await auth.insert_key(tx, key_id, name, shown, type_, scopes, maker.staff.id, None)
        await auth.insert_credential(
            tx, rt.vault.digest(secret), "api_key", key_id, ActorKind.KEY, key_id, scopes, None
        )


async def _coupons(tx: Tx, shop: DemoShop, now: datetime) -> None:
    for one in shop.coupons:
        percent, fixed = one.type is CouponType.PERCENT, one.type is CouponType.FIXED
        rate = money.parse_rate(one.value or "") if percent else 0
        assert rate is not None
        coupon = Coupon(
            id=CouponId(ids.new()),
            code=one.code,
            type=one.type,
            rate=rate,
            amount_minor=_minor(one.value or "", shop.settings.currency) if fixed else 0,
            minimum_minor=_minor(one.minimum or "0", shop.settings.currency),
            starts_at=None if one.starts_in_days is None else now + timedelta(days=one.starts_in_days),
            ends_at=None if one.ends_in_days is None else now + timedelta(days=one.ends_in_days),
            usage_limit=one.usage_limit,
            per_customer_limit=one.per_customer_limit,
            used=0,
            active=True,
            created_at=tx.ctx.now,
        )
        await coupons.insert(tx, coupon)


async def _customers(tx: Tx, shop: DemoShop, hashes: dict[str, str], now: datetime) -> dict[str, Customer]:
    found = {}
    for one in sorted(shop.customers, key=lambda customer: -customer.joined_days_ago):
        goods.at(tx, now - timedelta(days=one.joined_days_ago))
        if one.password is None:
            found[one.email] = await customers.upsert_by_email(tx, one.email, one.name, one.phone)
            continue
        username = one.email.partition("@")[0]
        account = await customers.insert_account(
            tx,
            CustomerId(ids.new()),
            one.email,
            username,
            hashes[one.password],
            one.first_name,
            one.last_name,
            one.phone,
        )
        assert account is not None
        found[one.email] = account
    return found


def _minor(amount: str, currency: str) -> int:
    minor = money.parse_minor(amount, currency)
    assert minor is not None, amount
    return minor
