"""Which account a tenant's payments go through. Read inside somebody else's transaction, used after it."""

from __future__ import annotations

import msgspec

from merx.core.tenants import rules, store
from merx.core.tenants.model import PROVIDER_FIELDS, NoCredentials, ShopSettings
from merx.db.database import Tx
from merx.kernel.ids import TenantId
from merx.ports import Account
from merx.runtime import Runtime

_DECODER = msgspec.json.Decoder(dict[str, str])


async def account(rt: Runtime, tx: Tx, provider: str, settings: ShopSettings | None = None) -> Account:
    """The tenant's own account at `provider`; in test mode without credentials the simulator's; in live mode without
    them NoCredentials. `settings`, where the caller has read them already."""
    tenant = tx.ctx.tenant
    settings = settings or await store.settings(tx)
    if provider not in PROVIDER_FIELDS:  # money that changes hands elsewhere needs no account
        return Account(tenant, {}, settings.payment_test_mode)
    sealed = await store.sealed_credentials(tx, provider)
    if sealed is not None:
        return Account(tenant, opened(rt, tenant, provider, sealed), settings.payment_test_mode)
    if not settings.payment_test_mode:
        raise NoCredentials(provider)
    return rt.test_account(provider, tenant)


def opened(rt: Runtime, tenant: TenantId, provider: str, sealed: bytes) -> dict[str, str]:
    return _DECODER.decode(rt.vault.open(sealed, bound_to(tenant, provider)))


async def change(rt: Runtime, tx: Tx, provider: str, given: dict[str, str] | None) -> None:
    """Merges into, or with None removes, what is stored of a provider."""
    if given is None:
        await store.delete_credentials(tx, provider)
        return
    tenant = tx.ctx.tenant
    sealed = await store.sealed_credentials(tx, provider)
    known = {} if sealed is None else opened(rt, tenant, provider, sealed)
    after = rules.merged_credentials(provider, known, given)
    fresh = rt.vault.seal(msgspec.json.encode(after), bound_to(tenant, provider))
    await store.put_credentials(tx, provider, fresh, rules.hint(provider, after))


async def check_mode(rt: Runtime, tx: Tx, provider: str, test_mode: bool) -> None:
    """That what is stored of a provider is meant for this mode."""
    sealed = await store.sealed_credentials(tx, provider) if provider in PROVIDER_FIELDS else None
    if sealed is not None:
        rules.check_mode(provider, opened(rt, tx.ctx.tenant, provider, sealed), test_mode)


def bound_to(tenant: TenantId, provider: str) -> str:
    return f"provider/{tenant}/{provider}"
