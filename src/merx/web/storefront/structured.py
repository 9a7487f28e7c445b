"""What search engines are told of a page, as schema.org's JSON-LD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from markupsafe import Markup

from merx.core.catalog.model import Product, Variant
from merx.core.tenants.model import Tenant

_IN_STOCK, _SOLD_OUT = "https://schema.org/InStock", "https://schema.org/OutOfStock"


def product(shown: Product, home: str) -> dict[str, Any]:
    """A Product with an Offer; a ProductGroup where there is something to choose."""
    url = f"{home}/products/{shown.slug}"
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": shown.name,
        "url": url,
        "image": [absolute(image.url, home) for image in shown.images],
    }
    if shown.description:
        told["description"] = shown.description[:5000]
    if len(shown.variants) < 2:
        if shown.sku:
            told["sku"] = shown.sku
        told["offers"] = [_offer(one, url) for one in shown.variants]
        return told
    told["@type"] = "ProductGroup"
    told["productGroupID"] = shown.slug
    told["hasVariant"] = [
        {
            "@type": "Product",
            "name": f"{shown.name} ({one.title})" if one.title else shown.name,
            **({"sku": one.sku} if one.sku else {}),
            "offers": _offer(one, f"{url}?variant={one.id}"),
        }
        for one in shown.variants
    ]
    return told


def _offer(variant: Variant, url: str) -> dict[str, Any]:
    return {
        "@type": "Offer",
        "url": url,
        "price": variant.price.text(),
        "priceCurrency": variant.currency,
        "availability": _IN_STOCK if variant.available > 0 else _SOLD_OUT,
        "itemCondition": "https://schema.org/NewCondition",
    }


def trail(home: str, places: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The way from the front page to here."""
    steps = [("Home", "/"), *places]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": f"{home}{path}"}
            for number, (name, path) in enumerate(steps, 1)
        ],
    }


def shop(found: Tenant, home: str) -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "WebSite",
        "name": found.name,
        "url": f"{home}/",
        "potentialAction": {
            "@type": "SearchAction",
            "target": f"{home}/search?q={{search_term_string}}",
            "query-input": "required name=search_term_string",
        },
    }


def absolute(url: str, home: str) -> str:
    return f"{home}{url}" if url.startswith("/") else url


def block(told: Any) -> Markup:
    """As it stands inside a script element: what could end the element is spelled otherwise."""
    text = msgspec.json.encode(told).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  (nothing of HTML is left in it)
