"""Steps inside somebody else's transaction: which account at a payment provider this tenant is served by."""

from __future__ import annotations

import msgspec

from merx.core.tenants import store
from merx.db.database import Tx
from merx.kernel.errors import Refused
from merx.kernel.ids import TenantId
from merx.ports import Account
from merx.runtime import Runtime


def binding(tenant: TenantId, provider: str) -> str:
    """What sealed provider credentials are bound to, so that one tenant's can't be opened as another's."""
    return f"provider:{tenant}:{provider}"


async def payment_account(tx: Tx, rt: Runtime, provider: str) -> Account:
    """The tenant's own account, or the simulator's where it is in test mode and has given no credentials. Raises
    Refused where it is in live mode without."""
    tenant = tx.ctx.tenant
    if provider == "manual":
        return Account(tenant, {})
    sealed = await store.sealed_credentials(tx, provider)
    settings = await store.settings(tx)
    if sealed is not None:
        credentials = msgspec.json.decode(rt.vault.open(sealed, binding(tenant, provider)), type=dict[str, str])
        return Account(tenant, credentials, settings.payment_test_mode)
    if settings.payment_test_mode:
        return rt.test_account(provider, tenant)
    raise Refused(
        f"This shop takes live payments by {provider}, but no credentials for it are set; "
        "set them in the settings or switch to test mode.",
        code="provider_not_configured",
    )
