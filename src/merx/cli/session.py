"""How a command that does not serve gets at the shops: settings, the data folder's PostgreSQL (joined, or run for so
long), a Runtime, and who is asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from merx.cli import reading
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Tenant
from merx.kernel.context import Ctx, system
from merx.kernel.errors import NotFound
from merx.kernel.ids import PLATFORM_TENANT
from merx.runtime import Runtime
from merx.settings import Settings

T = TypeVar("T")
SOURCE = "cli"


def run(what: str, work: Callable[[Runtime], Awaitable[T]], settings: Settings | None = None) -> T:
    """`what` is told to others who wait for the data folder: 'merx import'."""
    from merx.assembly import open_runtime
    from merx.db.opening import open_database
    from merx.serve import with_secret

    given = with_secret(settings or reading.settings())
    with open_database(given, what) as dsn:

        async def opened() -> T:
            async with open_runtime(given, dsn) as rt:
                return await work(rt)

        return uvloop.run(opened())


def platform() -> Ctx:
    return system(PLATFORM_TENANT, SOURCE)


async def shop(rt: Runtime, slug: str) -> tuple[Tenant, Ctx]:
    """Raises NotFound with a sentence for the command line."""
    tenant = await tenants.by_slug(rt.db, slug) if slug.isprintable() else None
    if tenant is None:
        missing = NotFound("tenant")
        missing.message = f"There is no shop {slug!r} here; `merx tenants list` shows those there are."
        raise missing
    return tenant, system(tenant.id, SOURCE)
