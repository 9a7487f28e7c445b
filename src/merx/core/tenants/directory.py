"""Who a host or an id names, from this process's memory: asked at every request, changed rarely."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakKeyDictionary

from merx.core.tenants import store
from merx.core.tenants.model import Origins, Tenant
from merx.db.database import Database
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

KNOWN_SECONDS = 5.0
UNKNOWN_SECONDS = 0.5  # a shop that another process has just opened should be found soon
_MOST_REMEMBERED = 20_000

_memory: WeakKeyDictionary[Database, dict[object, tuple[float, Tenant | None]]] = WeakKeyDictionary()


async def find(rt: Runtime, tenant: TenantId) -> Tenant | None:
    """As it was at most KNOWN_SECONDS ago; so are the others that find."""
    return await _remembered(rt, tenant, lambda: store.by_id(rt.db, tenant))


async def find_by_slug(rt: Runtime, slug: str) -> Tenant | None:
    return await _remembered(rt, slug, lambda: store.by_slug(rt.db, slug))


async def find_by_domain(rt: Runtime, domain: str) -> Tenant | None:
    domain = domain.lower()
    return await _remembered(rt, ("domain", domain), lambda: store.by_domain(rt.db, domain))


async def _remembered(rt: Runtime, key: object, ask: Callable[[], Awaitable[Tenant | None]]) -> Tenant | None:
    kept = _memory.setdefault(rt.db, {})
    now = time.monotonic()
    found = kept.get(key)
    if found is not None and now < found[0]:
        return found[1]
    tenant = await ask()
    if len(kept) >= _MOST_REMEMBERED:
        kept.clear()
    kept[key] = (now + (UNKNOWN_SECONDS if tenant is None else KNOWN_SECONDS), tenant)
    return tenant


def shop_url(rt: Runtime, slug: str) -> str:
    """Where a shop's own pages are."""
    scheme = "https" if rt.settings.public_url.startswith("https://") else "http"
    return f"{scheme}://{slug}.{rt.settings.base_domain}"


def origins(rt: Runtime, slug: str, domain: str | None, listed: Sequence[str], test_mode: bool) -> Origins:
    """Where a shop's pages may live."""
    own = (shop_url(rt, slug), *(() if domain is None else (f"https://{domain}", f"http://{domain}")))
    return Origins(own, tuple(listed), test_mode)


def forget(rt: Runtime) -> None:
    """This process has opened or changed a tenant."""
    _memory.pop(rt.db, None)
