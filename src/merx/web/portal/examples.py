"""Example values for schemas: what the schema itself gives as an example, else something likely by the field's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from merx.kernel.ids import encode

Schemas = Mapping[str, Any]

LIKELY: Mapping[str, Any] = {
    "email": "jane@example.com", "password": "correct-horse-battery", "currentpassword": "the-old-password",
    "name": "Trail Shoe", "firstname": "Jane", "lastname": "Doe", "phone": "+15550100", "businessname": "My Store",
    "price": 89.5, "compareatprice": 99.0, "compareprice": 99.0, "stock": 12, "stockquantity": 12, "quantity": 1,
    "sku": "SHOE-42", "currency": "USD", "description": "Light, and dry in the rain.", "slug": "trail-shoe",
    "category": "footwear", "line1": "123 Main St", "street": "123 Main St", "line2": "", "city": "Portland",
    "state": "OR", "postalcode": "97201", "zipcode": "97201", "zip": "97201", "country": "US", "code": "WELCOME10",
    "couponcode": "WELCOME10", "url": "https://example.com/hooks", "images": [], "title": "Blue / 42",
    "note": "Left at the door",
    "notes": "Ring twice", "carrier": "DHL", "trackingnumber": "JD0146000", "amount": 89.5, "reason": "Came back",
    "subject": "Your order has shipped!", "message": "It is expected to arrive in 3-5 business days.",
    "alt": "From the side",
    "customername": "Jane Doe", "customerphone": "+15550100", "paymentmethodid": "pm_card_visa",
    "ordernumber": "ORD-001",
    "createdat": "2026-01-15T10:00:00Z", "updatedat": "2026-01-15T10:00:00Z", "timestamp": "2026-01-15T10:00:00Z",
    "successurl": "https://mystore.example.com/thanks", "cancelurl": "https://mystore.example.com/cart",
    "total": 97.45,
    "refreshtoken": "REFRESH_TOKEN", "refresh": "REFRESH_TOKEN", "token": "TOKEN_FROM_THE_MAIL", "tenant": "mystore",
    "permissions": ["orders:read"], "scopes": ["catalog:read"], "redirecturis": ["https://example.com/back"],
    "accesstoken": "eyJhbGciOi…", "access": "eyJhbGciOi…", "expiresin": 3600, "page": 1, "cartid": "my-cart-1",
    "delta": 5, "value": 10.0, "next": None, "previous": None, "totalpages": 1, "order": ["IMAGE_ID"],
    "locale": "en-US", "contactemail": "shop@example.com", "version": 1, "position": 0,
}  # fmt: skip
"""By name without capitals and underscores."""

ERRORS: Mapping[str, Any] = {
    "aerostack": {
        "success": False, "error": "The price must be at least 0.", "code": "validation_error",
        "fields": {"minPrice": ["Must be at least 0."]},
    },
    "baas": {
        "error": {
            "code": "validation_error", "message": "Some fields are wrong.",
            "details": {"quantity": ["Must be at least 1."]},
        },
        "status": 400,
    },
    "commerce": {
        "type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "Some fields are wrong.",
        "code": "validation_error", "errors": {"items[0].quantity": ["Must be at least 1."]},
    },
    "pycommerce": {
        "error": {
            "code": "resource_not_found", "message": "The requested resource was not found.",
            "details": "Order with ID '12345' does not exist.",
        },
    },
    "reference": {
        "error": {
            "code": "INVALID_PARAMETER", "message": "The 'userId' parameter is required.", "details": "userId (string)",
        },
    },
}  # fmt: skip
"""Errors as the dialects spell them; a test holds them against the documents' schemas."""


_ID = UUID("01a10c4e-7b3a-7c21-9f5e-2d1b8f6a4c03")
_PREFIXES: Mapping[str, Mapping[str, str]] = {
    "baas": {
        "item": "item", "cart": "cart", "shipment": "ship", "payment": "pay", "refund": "ref", "variant": "var",
        "image": "img", "movement": "mov", "product": "prod", "order": "ord", "customer": "cus", "buyer": "cus",
        "coupon": "cpn", "webhook": "wh", "delivery": "dlv", "event": "evt", "key": "key", "tenant": "ten",
        "message": "ntf", "entry": "ntf",
    },
    "reference": {"product": "prod", "order": "ord", "payment": "pay", "user": "usr", "notification": "ntf"},
}  # fmt: skip
"""How a dialect's own ids begin, by a word of the schema's name."""

_CALLED: Mapping[str, Mapping[str, str]] = {
    "category": {"name": "Footwear", "slug": "footwear", "description": "Made to walk in."},
    "tenant": {"name": "My Store", "slug": "mystore"},
    "settings": {"name": "My Store"},
    "key": {"name": "Website"},
    "client": {"name": "Reports"},
    "shipping": {"name": "Express"},
}


def particular(schemas: Schemas, dialect: str) -> Schemas:
    """The same, with examples where a property's own name does not tell what is in it: ids that begin with a word, and
    the names of what is no product."""
    prefixes = _PREFIXES.get(dialect, {})
    found = {}
    for name, schema in schemas.items():
        said = dict(next((one for word, one in _CALLED.items() if word in name.lower()), {}))
        prefix = next((one for word, one in prefixes.items() if word in name.lower()), None)
        if prefix is not None and resolved(schema.get("properties", {}).get("id", {}), schemas).get("type") == "string":
            said["id"] = encode(prefix, _ID)
        properties = {
            one: {**held, "examples": [said[one]]} if one in said and "examples" not in held else held
            for one, held in schema.get("properties", {}).items()
        }
        found[name] = {**schema, "properties": properties} if said and properties else schema
    return found


def error(dialect: str) -> Any:
    return ERRORS.get(dialect)


def resolved(schema: Mapping[str, Any], schemas: Schemas) -> Mapping[str, Any]:
    """Without references, and without the `or null`."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
            continue
        if "anyOf" in schema:
            kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
            if len(kinds) == 1:
                schema = kinds[0]
                continue
        return schema


def body(schema: Mapping[str, Any], schemas: Schemas) -> Any:
    """What must be sent, or, where nothing must, what is changed most often."""
    found = resolved(schema, schemas)
    properties = found.get("properties", {})
    wanted = [name for name in properties if name in found.get("required", ())]
    if "name" in wanted and "price" in properties and "price" not in wanted:
        wanted.append("price")
    if not wanted:
        wanted = [name for name in properties if _plain(name) in LIKELY and name not in ("version", "position")][:2]
    return {name: value(properties[name], schemas, name, sent=True) for name in wanted or list(properties)[:1]}


def value(schema: Mapping[str, Any], schemas: Schemas, name: str = "", depth: int = 0, sent: bool = False) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    found = resolved(schema, schemas)
    if found.get("examples"):
        return found["examples"][0]
    if "enum" in found:
        return found["enum"][0]
    if "anyOf" in found:
        return value(found["anyOf"][0], schemas, name, depth, sent)
    kind = found.get("type")
    if kind == "object":
        return _object(found, schemas, depth, sent)
    likely = LIKELY.get(_plain(name), ...)
    if kind == "array" and not isinstance(likely, list):
        return [value(found.get("items", {}), schemas, name.rstrip("s"), depth + 1, sent)] if depth < 3 else []
    if kind == "string" and isinstance(likely, float):
        return f"{likely:.2f}"
    if likely is not ... and _fits(likely, kind):
        return likely
    return _by_kind(found, name)


def _object(found: Mapping[str, Any], schemas: Schemas, depth: int, sent: bool) -> Any:
    properties = found.get("properties")
    if properties is None:
        return {}
    if depth >= 4:
        return {}
    kept = [one for one in properties if not sent or one in found.get("required", ())] or list(properties)[:2]
    return {one: value(properties[one], schemas, one, depth + 1, sent) for one in kept}


def _by_kind(found: Mapping[str, Any], name: str) -> Any:
    kind = found.get("type")
    if kind in ("integer", "number"):
        return found.get("default") or found.get("minimum") or 1
    if kind == "boolean":
        return found.get("default", True)
    if kind == "string":
        if found.get("format") == "uuid" or name == "id":
            return str(_ID) if name in ("id", "") else placeholder(name)
        if found.get("default"):
            return found["default"]
        return placeholder(name) if _plain(name).endswith("id") else "…"
    return None


def _fits(likely: Any, kind: str | None) -> bool:
    if kind in ("integer", "number"):
        return isinstance(likely, int | float) and (kind == "number" or float(likely).is_integer())
    if kind == "string":
        return isinstance(likely, str) or likely is None
    return (kind == "array" and isinstance(likely, list)) or kind is None


def placeholder(name: str) -> str:
    """`productId` and `product_id` are PRODUCT_ID: something to be filled in."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    return words if words.endswith(("_ID", "SLUG", "CODE")) else f"{words}_ID"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
