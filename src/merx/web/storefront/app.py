"""The storefront's face, and what all its templates get: the shop, its categories, who is looking, how full the cart
is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merx.core.auth.model import STOREFRONT_SCOPES
from merx.core.cart import shopping
from merx.kernel.money import Money
from merx.web import cookies, theme
from merx.web.face import Face
from merx.web.pages import PageRequest
from merx.web.storefront import (
    account,
    browsing,
    carting,
    checking_out,
    indexing,
    leaving,
    pictures,
    structured,
    theming,
)
from merx.web.storefront.tree import Tree
from merx.web.storefront.visiting import cart_of, home


async def prepare(request: PageRequest) -> Mapping[str, Any]:
    found = await shopping.counter(request.rt, request.ctx, cart_of(request))
    return {
        "shop": found.shop,
        "settings": found.settings,
        "currency": found.settings.currency,
        "locale": found.settings.locale,
        "accent_sheet": theme.address(found.settings.accent),
        "tree": Tree(found.categories),
        "customer": found.customer,
        "item_count": found.item_count,
        "home": home(request, found.shop),
        "path": request.scope["path"],
        "theme_sheets": theming.sheets(request.rt.settings.theme_dir, found.shop.slug),
        "amount": lambda minor: Money(minor, found.settings.currency),
        "sized": pictures.srcset,
        "structured": structured.block,
        "website": structured.shop,
        "absolute": structured.absolute,
        "zip": zip,
    }


FACE = Face(
    name="storefront",
    prefix="/",
    routes=[
        *browsing.ROUTES,
        *carting.ROUTES,
        *checking_out.ROUTES,
        *leaving.ROUTES,
        *account.ROUTES,
        *indexing.ROUTES,
        *theming.ROUTES,
    ],
    cookie=cookies.SHOPPER,
    shop_host=True,
    scopes=STOREFRONT_SCOPES,
    sign_in="/account/sign-in",
    prepare=prepare,
)
