"""What `merx serve` and `merx demo` do between the migrations and the first request: the platform's administrator, the
demo shops, and the lines that show how to get in."""

from __future__ import annotations

from merx.assembly import open_runtime
from merx.core.auth import service as auth
from merx.db.dsn import Dsn
from merx.demo import seed
from merx.demo.seed import Access
from merx.settings import Settings


async def prepare(settings: Settings, dsn: Dsn, demo: bool) -> str:
    async with open_runtime(settings, dsn) as rt:
        await auth.ensure_administrator(rt)
        return shown(settings, await seed.seed(rt)) if demo else ""


def shown(settings: Settings, shops: list[Access]) -> str:
    lines = []
    for shop in shops:
        lines += ["", f"  {shop.name}", *(f"    {what:<16}{value}" for what, value in _facts(settings, shop))]
    first = shops[0]
    if first.publishable is not None:
        lines += [
            "",
            "  Try it:",
            f'    curl -H "X-API-Key: {first.publishable}" {_address(settings, first)}/api/store/products/',
        ]
    return "\n".join([*lines, "", ""])


def _facts(settings: Settings, shop: Access) -> list[tuple[str, str]]:
    gone = f"revoked, or made under another MERX_SECRET_KEY: merx keys create --tenant {shop.slug}"
    return [
        ("shop", _address(settings, shop) + "/"),
        *((role, f"{email}   {password}") for role, email, password in shop.staff),
        *(("shopper", f"{email}   {password}") for email, password in shop.shoppers),
        ("storefront key", shop.publishable or gone),
        ("secret key", shop.secret or gone),
    ]


def _address(settings: Settings, shop: Access) -> str:
    scheme = settings.public_url.partition("://")[0]
    return f"{scheme}://{shop.slug}.{settings.base_domain}"
