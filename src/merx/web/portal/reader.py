"""Who reads: the host, the shop and the key that the code on a page names.

Somebody who has signed in to the dashboard reads about their own shop. Its keys are stored as digests only, so none
can be shown; they can make one for trying, a publishable key that ends within a day, which only their browser keeps.
Others read about the demo shop, whose storefront key is public, where there is one; else the code has words in these
places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from merx.core.auth import service as auth
from merx.core.tenants import service as tenants
from merx.kernel.context import ActorKind
from merx.kernel.errors import MerxError
from merx.kernel.ids import PLATFORM_TENANT
from merx.runtime import Runtime
from merx.web.pages import PageRequest

NOBODY = "mystore"


@dataclass(frozen=True, slots=True)
class Showcase:
    """The shop that strangers are shown, made by the demo: its keys follow from the installation's secret."""

    slug: str
    publishable: Callable[[Runtime], str]
    secret: Callable[[Runtime], str]
    shopper: Callable[[], tuple[str, str]]  # e-mail and password
    name: str = ""
    about: str = ""
    pictures: Callable[[], Sequence[str]] = tuple  # a few addresses


@dataclass(frozen=True, slots=True)
class Reader:
    base: str  # where the APIs are
    slug: str
    shop_url: str
    shop_name: str
    signed_in: bool = False
    may_make_keys: bool = False
    key: str | None = None  # one that anybody may know
    showcase: bool = False  # whether the demo shop is there

    @property
    def known(self) -> bool:
        """Whether the shop that the code names exists."""
        return self.signed_in or self.key is not None


async def reader_of(request: PageRequest, showcase: Showcase) -> Reader:
    key = await public_key(request.rt, showcase)
    base = request.rt.settings.public_url
    ctx = request.visit.ctx
    if ctx is not None and ctx.actor is ActorKind.STAFF and ctx.tenant != PLATFORM_TENANT:
        shop = await tenants.get(request.rt, ctx)
        url, makes = shop_url(request.rt, shop.slug), ctx.may("keys:write")
        return Reader(base, shop.slug, url, shop.name, True, makes, None, key is not None)
    slug = NOBODY if key is None else showcase.slug
    return Reader(base, slug, shop_url(request.rt, slug), slug, False, False, key, key is not None)


async def public_key(rt: Runtime, showcase: Showcase) -> str | None:
    """The demo shop's storefront key, where there is that shop and its key is good."""
    key = showcase.publishable(rt)
    try:
        await auth.authenticate(rt, key, datetime.now(UTC))
    except MerxError:
        return None
    return key


def shop_url(rt: Runtime, slug: str) -> str:
    scheme = rt.settings.public_url.partition("://")[0]
    return f"{scheme}://{slug}.{rt.settings.base_domain}"
