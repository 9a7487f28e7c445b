"""The real application behind a real server, for the tests of the dialects, and shops to talk to it about."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tests.dialects.truth import TRUTH
from tests.in_thread import in_thread
from tests.ports import free_port

from merx.asgi import Site
from merx.core.auth import keys
from merx.core.auth import service as auth
from merx.core.catalog import service as catalog
from merx.core.catalog.model import Product, ProductDraft
from merx.core.customers import service as customers
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Plan, SettingsPatch
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.kernel.context import Ctx, system
from merx.kernel.ids import PLATFORM_TENANT
from merx.providers import payments
from merx.runtime import Runtime
from merx.settings import Settings
from merx.simulator.accounts import account_maker
from merx.vault import Vault

PASSWORD = "a-password-for-tests"


def settings_for(port: int) -> Settings:
    return msgspec.structs.replace(
        Settings().with_port("127.0.0.1", port),
        secret_key=b"a secret for tests, only tests",
        log_level="error",
        data_dir=Path(tempfile.gettempdir())
        / f"merx-site-{os.getpid()}-{port}",  # of its pictures; removed with the site
    )


def runtime(settings: Settings, database: Database) -> Runtime:
    """The same installation as the server's, with connections of the test's own."""
    assert settings.secret_key is not None
    vault = Vault(settings.secret_key)
    return Runtime(settings, database, vault, payments.build(), account_maker(settings, vault))


@contextlib.contextmanager
def serving(dsn: Dsn, **changes: Any) -> Iterator[Settings]:
    """The site as it is in production, in a thread; gives the settings it runs with."""
    settings = msgspec.structs.replace(settings_for(free_port()), **changes)
    try:
        with in_thread(Site(settings, dsn), settings.port):
            yield settings
    finally:
        shutil.rmtree(settings.data_dir, ignore_errors=True)


def from_elsewhere() -> httpx.AsyncHTTPTransport:
    """Each visitor comes from an address of their own, as visitors do: what is limited for an address is not used up by
    other tests. Only Linux lets a program take any address of the loopback's."""
    if sys.platform != "linux":
        return httpx.AsyncHTTPTransport()
    here = os.urandom(3)
    return httpx.AsyncHTTPTransport(local_address=f"127.{here[0]}.{here[1]}.{1 + here[2] % 254}")


@dataclass
class Shop:
    """A tenant, its owner and a client that speaks as its storefront: host and key are set already."""

    rt: Runtime
    ctx: Ctx  # the owner
    slug: str
    email: str
    key: str
    http: httpx.AsyncClient
    shoppers: int = 0
    drafts: dict[str, Any] = field(default_factory=dict)

    async def product(self, name: str = "Premium Headphones", price: str = "99.99", **more: Any) -> Product:
        return await catalog.create_product(self.rt, self.ctx, ProductDraft(name=name, price=price, **more))

    async def settings(self, **changes: Any) -> None:
        await tenants.patch_settings(self.rt, self.ctx, SettingsPatch(**changes))

    async def shopper(self) -> dict[str, str]:
        """Headers of a newly registered, signed-in customer. Not over HTTP, where one address has a limit."""
        self.shoppers += 1
        wanted = customers.NewCustomer(f"shopper{self.shoppers}@example.com", PASSWORD, "Jane")
        made = await customers.register(self.rt, msgspec.structs.replace(self.ctx, now=datetime.now(UTC)), wanted)
        return {"Authorization": f"Bearer {made.tokens.access}"}

    async def value(self, sql: str, *args: Any) -> Any:
        async with self.rt.db.begin(self.ctx) as tx:
            row = await tx.row(sql, *args)
        return row[0] if row else None


async def open_shop(rt: Runtime, plan: Plan = Plan.ENTERPRISE, name: str | None = None) -> Shop:
    mark = os.urandom(5).hex()
    email = f"owner-{mark}@example.com"
    made = await auth.register(rt, auth.Registration(name or f"Shop {mark}", email, PASSWORD))
    await tenants.set_plan(rt, system(PLATFORM_TENANT), made.tenant.id, plan)
    now = made.tenant.created_at
    ctx = (await auth.authenticate(rt, made.tokens.access, now)).ctx(now=now, source="tests")
    key = await keys.create(rt, ctx, "Storefront")
    base, host = f"http://127.0.0.1:{rt.settings.port}", f"{made.tenant.slug}.{rt.settings.base_domain}"
    headers = {"Host": host, "X-API-Key": key.secret}
    held = {"response": [TRUTH]}
    http = httpx.AsyncClient(base_url=base, headers=headers, timeout=30, transport=from_elsewhere(), event_hooks=held)
    return Shop(rt, ctx, made.tenant.slug, email, key.secret, http)
