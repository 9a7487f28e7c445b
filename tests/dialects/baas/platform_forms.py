"""For every route of the platform API that takes a body, a full and valid one; and for every kind of value, the wrong
ones. `$variant` stands for an id of the shop in question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.dialects.site import PASSWORD


class Amount(str): ...


class When(str): ...


class Word(str): ...


class Id(str): ...


class Key(str):
    """A category: a number is as good."""


class Signed(int): ...


VARIANT = {
    "sku": "DL-002",
    "options": {"Colour": "Black"},
    "title": "Black",
    "price": Amount("47.00"),
    "compare_price": Amount("57.00"),
    "stock_quantity": 4,
    "active": True,
}
IMAGE = {"url": "https://cdn.example.com/new.png", "alt": "New"}
PRODUCT = {
    "name": "Floor Lamp",
    "price": Amount("80.00"),
    "description": "Stands.",
    "slug": "floor-lamp",
    "compare_price": Amount("90.00"),
    "categories": [Key("Home")],
    "active": True,
    "options": [{"name": "Colour", "values": ["Black", "White"]}],
    "images": [{**IMAGE, "id": Id("$image")}],
    "variants": [VARIANT],
}
COUPON = {
    "code": "NEW20",
    "type": Word("percent"),
    "value": Amount("20"),
    "minimum": Amount("10.00"),
    "starts_at": When("2026-01-01T00:00:00Z"),
    "ends_at": When("2027-01-01T00:00:00Z"),
    "usage_limit": 5,
    "per_customer_limit": 1,
    "active": True,
}
CATEGORY = {"name": "Rugs", "slug": "rugs", "description": "Soft", "parent": Key("home"), "position": 1}
METHOD = {"name": "Night", "price": Amount("20.00"), "free_over": Amount("300.00"), "active": True, "position": 2}
CLIENT = {
    "name": "Figures",
    "redirect_uris": ["https://figures.example.com/"],
    "grant_types": [Word("authorization_code")],
    "scopes": [Word("orders:read")],
}
HOOK = {"url": "https://new.example.com/", "events": [Word("order.paid")]}
STOCK = {"delta": Signed(3), "variant_id": Id("$variant"), "reason": "found"}
STATUS = {"status": Word("processing"), "note": "packing"}

FORMS: dict[str, dict[str, Any]] = {
    "POST /register/": {
        "business_name": "A Name",
        "email": "someone@example.com",
        "password": PASSWORD,
        "first_name": "A",
        "last_name": "B",
        "currency": Word("USD"),
    },
    "POST /token/": {"email": "someone@example.com", "password": PASSWORD, "tenant": "nobody"},
    "POST /token/refresh/": {"refresh": "mrt_x"},
    "POST /token/revoke/": {"refresh": "mrt_x"},
    "POST /password-reset/": {"email": "someone@example.com"},
    "POST /password-reset/confirm/": {"token": "mpr_x", "password": PASSWORD},
    "POST /me/password/": {"current_password": PASSWORD, "password": "another-good-one"},
    "POST /me/sign-out/": {"everywhere": True},
    "POST /team/": {
        "email": "new-person@example.com",
        "role": Word("staff"),
        "password": PASSWORD,
        "first_name": "A",
        "last_name": "B",
        "permissions": [Word("orders:read")],
    },
    "PATCH /team/{member}/": {"role": Word("admin"), "permissions": [Word("orders:read")]},
    "POST /api-keys/": {
        "name": "New",
        "type": Word("secret"),
        "scopes": [Word("orders:read")],
        "expires_at": When("2199-01-01T00:00:00Z"),
    },
    "POST /oauth-clients/": CLIENT,
    "PATCH /oauth-clients/{client}/": CLIENT,
    "PATCH /settings/": {
        "currency": Word("USD"),
        "tax_percentage": Amount("7.5"),
        "tax_shipping": True,
        "prices_include_tax": True,
        "shipping_enabled": True,
        "flat_shipping_rate": Amount("4.00"),
        "free_shipping_threshold": Amount("40.00"),
        "payment_provider": Word("stripe"),
        "payment_test_mode": True,
        "payment_credentials": {"secret_key": "sk_test_abcdefgh"},
        "low_stock_threshold": 2,
        "guest_order_lookup": Word("recent"),
        "allowed_origins": ["https://shop.example.com"],
        "locale": Word("de_DE"),
        "contact_email": "help@example.com",
    },
    "POST /shipping-methods/": {"code": "night", **METHOD},
    "PATCH /shipping-methods/{code}/": METHOD,
    "POST /webhooks/": HOOK,
    "PATCH /webhooks/{webhook}/": {**HOOK, "active": True},
    "POST /webhooks/{webhook}/rotate-secret/": {"keep_previous": True},
    "POST /webhooks/{webhook}/redeliver/": {"delivery_id": Id("$delivery")},
    "POST /products/": {**PRODUCT, "stock_quantity": 0, "images": [IMAGE]},
    "PATCH /products/{product}/": {**PRODUCT, "version": 1, "variants": [{**VARIANT, "id": Id("$variant")}]},
    "POST /products/{product}/variants/": VARIANT,
    "PATCH /products/{product}/variants/{variant}/": VARIANT,
    "POST /products/{product}/images/": {**IMAGE, "position": 0},
    "PUT /products/{product}/images/": {"order": [Id("$image")]},
    "PUT /products/{product}/stock/": {"stock_quantity": 5, "variant_id": Id("$variant"), "reason": "count"},
    "PATCH /products/{product}/stock/": STOCK,
    "POST /categories/": CATEGORY,
    "PATCH /categories/{category}/": {**CATEGORY, "parent": Key("Rugs and more")},
    "POST /orders/{order}/status/": STATUS,
    "PATCH /orders/{order}/status/": STATUS,
    "POST /orders/{order}/shipments/": {
        "carrier": "UPS",
        "tracking_number": "1Z",
        "tracking_url": "https://ups.example.com/1Z",
    },
    "POST /orders/{order}/refunds/": {"amount": Amount("1.00"), "reason": "scratched"},
    "POST /orders/{order}/payments/": {},
    "POST /coupons/": COUPON,
    "PATCH /coupons/{coupon}/": COUPON,
    "PATCH /customers/{customer}/": {
        "first_name": "A",
        "last_name": "B",
        "phone": "+1 555 0100",
        "accepts_marketing": True,
        "status": Word("active"),
    },
}

_NUL, _HALF, _LONG = '"nul \\u0000 inside"', '"half \\ud800 pair"', json.dumps("x" * 30_000)
_NO_TEXT = ["true", "[]", "{}", _NUL, _HALF, _LONG]
_NO_AMOUNT = [
    "true", "[]", "{}", "NaN", "Infinity", '"NaN"', '"Infinity"', '"abc"', '""', '" 5"', '"1_000"', '"1e5"', "-1",
    '"-0.01"', "1e400", "1e999999999", "9" * 40, f'"{"9" * 40}"', "0.00001", '"5,00"', _NUL,
]  # fmt: skip
_NO_NUMBER = ['"5"', "1.5", "true", "[]", "{}", "NaN", "1e400", "9" * 40, str(2**63), str(2**62), "-" + "9" * 12]
WRONG: dict[type, list[str]] = {
    Amount: _NO_AMOUNT,
    When: ["5", "true", "[]", '"yesterday"', '"2026-01-01T00:00:00"', '"9999-12-31T23:59:59-12:00"',
           '"0001-01-01T00:00:00+14:00"', '"2026-02-30T00:00:00Z"', _NUL],
    Word: ["5", '"no-such"', *_NO_TEXT],
    Id: ["5", '"no-such"', '"prod_"', *_NO_TEXT],
    Key: _NO_TEXT,
    str: ["5", *_NO_TEXT],
    Signed: _NO_NUMBER,
    int: ["-1", *_NO_NUMBER],
    bool: ['"true"', "1", "[]", "{}"],
    list: ["5", '"text"', "true", json.dumps(["x"] * 10_000)],
    dict: ["5", "true", "[[]]"],
}  # fmt: skip

Path = tuple[str | int, ...]


def leaves(body: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a body, lists and objects included."""
    if path:
        yield path, body
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in inner:
        yield from leaves(value, (*path, name))


def with_raw(body: dict[str, Any], path: Path, raw: str) -> str:
    """The body with the value at `path` replaced by `raw`, which need not be JSON."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "@@@"
    return json.dumps(copy).replace('"@@@"', raw)


def filled_in(text: str, ids: Mapping[str, str]) -> str:
    """`$variant` and `{variant}` become the id of that name."""
    for name, ident in ids.items():
        text = text.replace(f'"${name}"', json.dumps(ident)).replace("{" + name + "}", ident)
    return text
