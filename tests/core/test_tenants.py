"""Shops are opened whole, set up safely, and never see one another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec import UNSET
from tests.conftest import OpenShop

from merx.core.tenants import accounts, rules, service, store
from merx.core.tenants.model import DomainTaken, NoCredentials, Plan, SettingsPatch, SlugTaken
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Forbidden, Invalid, NotFound, Refused
from merx.kernel.ids import PLATFORM_TENANT
from merx.kernel.money import Currency, Money
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]
PLATFORM = system(PLATFORM_TENANT, "tests")


def unique(word: str) -> str:
    return f"{word}{os.urandom(5).hex()}"


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Store", "mystore"), ("Café 24!", "cafe24"), ("Tech-Gadgets & Co.", "techgadgetsco"), ("日本", "shop"),
     ("A", "shopa"), ("x" * 90, "x" * 34)],
)  # fmt: skip
def test_a_name_gives_a_slug(name: str, slug: str) -> None:
    assert rules.slug_base(name) == slug


def test_a_taken_or_reserved_slug_gets_the_next_number() -> None:
    assert rules.free_slug("mystore", set()) == "mystore"
    assert rules.free_slug("mystore", {"mystore", "mystore2", "mystores"}) == "mystore3"
    assert rules.free_slug("admin", set()) == "admin2"


@pytest.mark.parametrize(
    "slug", ["ab", "-shop", "shop-", "My", "shop_1", "x" * 41, "api", "www", "dashboard", "shöp", ""]
)
def test_a_slug_somebody_chose_is_checked(slug: str) -> None:
    with pytest.raises(Invalid):
        rules.check_slug(slug)


async def test_ten_shops_of_one_name_at_once(rt: Runtime) -> None:
    name = unique("Store ")
    made = await asyncio.gather(*(service.create(rt, PLATFORM, name) for _ in range(4)))
    base = rules.slug_base(name)
    assert {tenant.slug for tenant in made} == {base, f"{base}2", f"{base}3", f"{base}4"}


async def test_a_new_shop_has_everything_it_begins_with(rt: Runtime, owner: Any) -> None:
    tenant = await service.create(rt, PLATFORM, "Shop", slug=unique("shop-"), currency="EUR", plan=Plan.PRO)
    assert tenant.limits.per_minute == 300
    assert (await service.get_settings(rt, system(tenant.id))).currency == "EUR"
    assert await owner.fetchval("select count(*) from catalog_versions where tenant_id = $1", tenant.id) == 16
    assert await service.find_by_slug(rt, tenant.slug) == tenant
    with pytest.raises(SlugTaken):
        await service.create(rt, PLATFORM, "Shop", slug=tenant.slug)


@pytest.mark.parametrize("chosen", [True, False])
async def test_a_domain_belongs_to_one_shop(rt: Runtime, chosen: bool) -> None:
    """And that is what is said, not that a slug nobody has is taken."""
    domain, name = f"{unique('d')}.example.com", unique("Shop ")
    await service.create(rt, PLATFORM, name, domain=domain)
    with pytest.raises(DomainTaken) as taken:
        await service.create(rt, PLATFORM, name, slug=unique("other-") if chosen else None, domain=domain.upper())
    assert taken.value.field == "domain" and domain in taken.value.message


async def test_a_slug_that_was_unknown_is_found_once_it_is_made(rt: Runtime) -> None:
    slug, domain = unique("late-"), f"{unique('d')}.example.com"
    assert await service.find_by_slug(rt, slug) is None
    tenant = await service.create(rt, PLATFORM, "Late", slug=slug, domain=domain.upper())
    assert await service.find_by_slug(rt, slug) == tenant == await service.find_by_domain(rt, domain)
    assert await service.find(rt, tenant.id) == tenant
    assert await service.find_by_slug(rt, "platform") is None
    assert await service.find(rt, PLATFORM_TENANT) is None


async def test_a_plan_changes_at_once_and_says_so(rt: Runtime) -> None:
    tenant = await service.create(rt, PLATFORM, "Plan", slug=unique("plan-"))
    assert (tenant.limits.per_minute, tenant.limits.per_day) == (60, 10_000)
    told: list[int] = []
    rt.revocation_listeners.append(lambda: told.append(1))
    await service.set_plan(rt, PLATFORM, tenant.id, Plan.ENTERPRISE, 5000)
    found = await service.find_by_slug(rt, tenant.slug)
    assert found is not None
    assert (found.limits.per_minute, found.limits.per_day, told) == (5000, None, [1])
    with pytest.raises(NotFound):
        await service.set_plan(rt, PLATFORM, PLATFORM_TENANT, Plan.FREE)
    with pytest.raises(Invalid):
        await service.set_plan(rt, PLATFORM, tenant.id, Plan.FREE, 0)


async def test_only_the_platform_opens_shops(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    for call in (
        service.create(rt, mine.owner, "Another"),
        service.list_tenants(rt, mine.owner),
        service.set_plan(rt, mine.owner, mine.owner.tenant, Plan.ENTERPRISE),
        service.set_active(rt, mine.owner, mine.owner.tenant, False),
    ):
        with pytest.raises(Forbidden):
            await call


async def test_settings_change_only_where_something_was_sent(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    before = await service.get_settings(rt, mine.owner)
    changed = (await service.patch_settings(rt, mine.owner, SettingsPatch(tax_percentage="8.25"))).settings
    assert changed.tax_rate == 82_500
    assert changed.tax_percentage == Decimal("8.25")
    assert msgspec.structs.replace(changed, tax_rate=0, updated_at=before.updated_at) == before
    patch = SettingsPatch(
        flat_shipping_rate=Decimal("5.50"),
        free_shipping_threshold=100,
        payment_provider="manual",
        guest_order_lookup="open",
        allowed_origins=["https://shop.example.com", "http://localhost:3000"],
        contact_email=" Hello@Example.com ",
        locale="de_DE",
    )
    after = (await service.patch_settings(rt, mine.owner, patch)).settings
    assert after.flat_shipping == Money(550, Currency("USD"))
    assert after.free_shipping_threshold == Money(10_000, Currency("USD"))
    assert after.contact_email == "hello@example.com"
    assert after.tax_rate == 82_500
    again = await service.patch_settings(rt, mine.owner, SettingsPatch(free_shipping_threshold=None))
    assert again.settings.free_shipping_threshold is None
    assert await service.get_settings(rt, mine.owner) == again.settings


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "usd"), ("currency", "XXX"), ("tax_percentage", "101"), ("tax_percentage", Decimal("NaN")),
     ("tax_percentage", "1.00001"), ("flat_shipping_rate", "-1"), ("flat_shipping_rate", "1.999"),
     ("flat_shipping_rate", Decimal("Infinity")), ("free_shipping_threshold", "1e3"), ("payment_provider", "paypal"),
     ("guest_order_lookup", "everybody"), ("low_stock_threshold", -1), ("low_stock_threshold", 10**12),
     ("allowed_origins", ["https://a.b/path"]), ("allowed_origins", ["*"]), ("allowed_origins", ["https://[x"]),
     ("locale", "english"), ("contact_email", "nobody"), ("contact_email", "a@b\x00.de")],
)  # fmt: skip
async def test_a_wrong_setting_is_named_and_nothing_changes(rt: Runtime, shop: Make, field: str, value: Any) -> None:
    mine = await shop()
    before = await service.get_settings(rt, mine.owner)
    with pytest.raises(Invalid) as refused:
        await service.patch_settings(rt, mine.owner, SettingsPatch(**{"tax_percentage": 5, field: value}))
    assert set(refused.value.fields) == {field}
    assert await service.get_settings(rt, mine.owner) == before


async def test_settings_raise_the_catalogues_version(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    tenant = mine.owner.tenant
    before = (await rt.db.catalog_versions([tenant]))[tenant]
    await service.patch_settings(rt, mine.owner, SettingsPatch(currency="JPY"))
    assert (await rt.db.catalog_versions([tenant]))[tenant] == before + 1


async def test_the_currency_stays_once_there_are_orders(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    await service.patch_settings(rt, mine.owner, SettingsPatch(flat_shipping_rate="5.00"))
    yen = (await service.patch_settings(rt, mine.owner, SettingsPatch(currency="JPY"))).settings
    assert yen.flat_shipping.text() == "5"
    async with rt.db.begin(mine.owner) as tx:
        tx.touch_catalog(products=1)
    with pytest.raises(Refused):
        await service.patch_settings(rt, mine.owner, SettingsPatch(currency="USD"))
    won = await service.patch_settings(rt, mine.owner, SettingsPatch(currency="KRW"))
    assert won.settings.currency == "KRW"
    async with rt.db.begin(mine.owner) as tx:
        assert await store.next_number(tx, "orders") == 1
    with pytest.raises(Refused) as refused:
        await service.patch_settings(rt, mine.owner, SettingsPatch(currency="JPY", tax_percentage=1))
    assert refused.value.code == "currency_in_use"
    kept = await service.get_settings(rt, mine.owner)
    assert (kept.currency, kept.tax_rate) == ("KRW", 0)


async def test_credentials_are_sealed_and_only_hinted_at(rt: Runtime, shop: Make, owner: Any) -> None:
    mine, other = await shop(), await shop()
    secret = "sk_test_CANARY0123456789"
    given = {"stripe": {"secret_key": secret}}
    shown = await service.patch_settings(rt, mine.owner, SettingsPatch(credentials=given))
    assert [(hint.provider, hint.hint) for hint in shown.credentials] == [("stripe", "6789")]
    assert secret not in repr(await service.get_configuration(rt, mine.owner))
    sealed = await owner.fetchval("select sealed from provider_credentials where tenant_id = $1", mine.owner.tenant)
    assert b"CANARY" not in sealed
    with pytest.raises(ValueError, match="sealed"):
        accounts.opened(rt, other.owner.tenant, "stripe", sealed)
    # What is given later is merged with what is known.
    await service.patch_settings(rt, mine.owner, SettingsPatch(credentials={"stripe": {"webhook_secret": "whsec_1"}}))
    found = await service.account(rt, mine.owner, "stripe")
    assert found.credentials == {"secret_key": secret, "webhook_secret": "whsec_1"}
    assert (found.test_mode, found.endpoint) == (True, None)
    await service.patch_settings(rt, mine.owner, SettingsPatch(credentials={"stripe": None}))
    assert (await service.get_configuration(rt, mine.owner)).credentials == ()


async def test_test_mode_without_credentials_is_the_simulators(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    found = await service.account(rt, mine.owner, "stripe")
    assert found.endpoint == rt.test_account("stripe", mine.owner.tenant).endpoint is not None
    await service.patch_settings(rt, mine.owner, SettingsPatch(payment_test_mode=False))
    with pytest.raises(NoCredentials):
        await service.account(rt, mine.owner, "stripe")
    assert (await service.account(rt, mine.owner, "manual")).credentials == {}


async def test_live_keys_and_test_keys_are_not_mixed_up(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    live = {"stripe": {"secret_key": "sk_live_0123456789"}}
    with pytest.raises(Invalid) as refused:
        await service.patch_settings(rt, mine.owner, SettingsPatch(credentials=live))
    assert refused.value.field == "payment_test_mode"
    assert (await service.get_configuration(rt, mine.owner)).credentials == ()
    await service.patch_settings(rt, mine.owner, SettingsPatch(credentials=live, payment_test_mode=False))
    with pytest.raises(Invalid):
        await service.patch_settings(rt, mine.owner, SettingsPatch(payment_test_mode=True))
    assert not (await service.account(rt, mine.owner, "stripe")).test_mode


@pytest.mark.parametrize(
    "given",
    [{"paypal": {"key": "x"}}, {"stripe": {}}, {"stripe": {"webhook_secret": "x"}}, {"stripe": {"secret_key": ""}},
     {"stripe": {"secret_key": "a b"}}, {"stripe": {"secret_key": "ü"}}, {"stripe": {"secret_key": "x" * 256}},
     {"razorpay": {"key_id": "rzp_test_1"}}, {"stripe": {"secret_key": "sk_test_1", "extra": "x"}}],
)  # fmt: skip
async def test_wrong_credentials_are_refused(rt: Runtime, shop: Make, given: Any) -> None:
    mine = await shop()
    with pytest.raises(Invalid) as refused:
        await service.patch_settings(rt, mine.owner, SettingsPatch(credentials=given))
    assert all(field.startswith("credentials") for field in refused.value.fields)


async def test_settings_need_the_permission(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    staff = Ctx(mine.owner.tenant, ActorKind.STAFF, mine.owner.actor_id, scopes=frozenset({"settings:read"}))
    await service.get_configuration(rt, staff)
    with pytest.raises(Forbidden):
        await service.patch_settings(rt, staff, SettingsPatch(tax_percentage=1))
    assert SettingsPatch().currency is UNSET


async def test_numbers_are_given_once_each(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()

    async def one(count: int) -> int:
        async with rt.db.begin(mine.owner) as tx:
            return await store.next_number(tx, "categories", count)

    firsts = sorted(await asyncio.gather(*(one(3) for _ in range(8))))
    assert firsts == [1 + 3 * n for n in range(8)]
    async with rt.db.begin(other.owner) as tx:
        assert await store.next_number(tx, "categories") == 1


async def test_row_level_security_holds_where_a_statement_forgets_the_tenant(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    for sql in (
        store.SETTINGS.replace("tenant_id = $1", "$1::uuid is not null"),
        store.CREDENTIAL_HINTS.replace("tenant_id = $1", "$1::uuid is not null"),
    ):
        async with rt.db.begin(mine.owner) as tx:
            await store.put_credentials(tx, "stripe", b"sealed", "mine")
        async with rt.db.begin(other.owner) as tx:
            assert "mine" not in repr([tuple(row) for row in await tx.rows(sql)])
            assert len(await tx.rows(sql)) <= 1
    async with rt.db.begin(other.owner) as tx:
        forgetful = store.UPDATE_SETTINGS.replace("tenant_id = $1", "$1::uuid is not null").partition("returning")[0]
        current = await store.settings(tx)
        values = [getattr(current, name) for name in current.__struct_fields__]
        assert await tx.run(forgetful, *values) == 1  # its own row, and nobody else's
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with rt.db.begin(other.owner) as tx:
            await tx.platform.run(
                store.PUT_CREDENTIALS, mine.owner.tenant, "razorpay", b"sealed", "planted", tx.ctx.now
            )
