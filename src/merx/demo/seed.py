"""Fills an installation with the demo shops. Each shop is one transaction: all of it is there, or nothing, and a shop
that is there is left exactly as it is."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from merx.core.auth import rules as auth_rules
from merx.core.auth import store as auth
from merx.core.auth.model import STOREFRONT_SCOPES, KeyType
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Tenant
from merx.demo import shops
from merx.demo.shops import DemoShop
from merx.kernel.errors import Conflict
from merx.runtime import Runtime

KEYS = {KeyType.PUBLISHABLE: ("Storefront", sorted(STOREFRONT_SCOPES)), KeyType.SECRET: ("Back office", ["*"])}


class Access(msgspec.Struct, frozen=True):
    """What `merx demo` shows of a shop. A key that no longer works (revoked, or made under another MERX_SECRET_KEY) is
    None."""

    slug: str
    name: str
    staff: tuple[tuple[str, str, str], ...]  # role, e-mail, password
    shoppers: tuple[tuple[str, str], ...]
    publishable: str | None
    secret: str | None


async def seed(rt: Runtime, now: datetime | None = None) -> list[Access]:
    """Makes the shops that are missing. Raises Conflict where somebody else has one of their names or e-mails."""
    found = []
    for slug in shops.SLUGS:
        shop = shops.load(slug)
        tenant = await tenants.by_slug(rt.db, slug)
        if tenant is None:
            from merx.demo import history  # which imports half the core, and only a first start needs it

            tenant = await history.open_shop(rt, shop, now or datetime.now(UTC))
        await _check_ours(rt, tenant, shop)
        found.append(await _access(rt, shop))
    return found


def key_of(rt: Runtime, slug: str, type_: KeyType) -> str:
    """The same at every start: keys are stored as digests only, so these follow from the installation's own secret."""
    return auth_rules.derived_key(type_, rt.vault.key(f"demo/{slug}/{type_}"))


async def _access(rt: Runtime, shop: DemoShop) -> Access:
    keys = {type_: key_of(rt, shop.slug, type_) for type_ in KEYS}
    standing = await auth.credentials(rt.db, [rt.vault.digest(key) for key in keys.values()])
    shown = {type_: key if rt.vault.digest(key) in standing else None for type_, key in keys.items()}
    return Access(
        shop.slug,
        shop.name,
        tuple((person.role.value, person.email, person.password) for person in shop.staff),
        tuple((customer.email, customer.password) for customer in shop.customers if customer.password),
        shown[KeyType.PUBLISHABLE],
        shown[KeyType.SECRET],
    )


async def _check_ours(rt: Runtime, tenant: Tenant, shop: DemoShop) -> None:
    owner = await auth.staff_by_email(rt.db, shop.staff[0].email)
    if owner is None or tenant.id not in [joined[0] for joined in await auth.tenants_of(rt.db, owner[0].id)]:
        raise taken(f"The shop {shop.slug} here is somebody's own")


def taken(what: str) -> Conflict:
    return Conflict(f"{what}: start the demo in another data folder, MERX_DATA_DIR=.merx-demo merx demo.")
