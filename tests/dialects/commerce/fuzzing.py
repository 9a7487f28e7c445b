"""Hooks of the schemathesis run: who asks, and what JSON Schema can't say about a request that makes sense."""

from __future__ import annotations

import itertools
import os
import re
from typing import Any

import httpx
import schemathesis

URL = os.environ["MERX_TEST_URL"]
PRODUCTS = os.environ["MERX_TEST_PRODUCTS"].split(",")
WHO = {"email": os.environ["MERX_TEST_EMAIL"], "password": os.environ["MERX_TEST_PASSWORD"]}
_KEY = re.compile("[!-~]+")
_count = itertools.count()


@schemathesis.auth(refresh_interval=None).apply_to(operation_id="logout")
class Session:
    """Signing out needs a session of its own each time: it is gone afterwards."""

    def get(self, case: Any, ctx: Any) -> str:
        return str(_sign_in()["accessToken"])

    def set(self, case: Any, data: str, ctx: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(refresh_interval=None).skip_for(operation_id=["logout", "login", "refresh"])
class Key:
    """Everything else is asked by a program that may do everything."""

    def get(self, case: Any, ctx: Any) -> str:
        return os.environ["MERX_TEST_KEY"]

    def set(self, case: Any, data: str, ctx: Any) -> None:
        case.headers["X-API-Key"] = data


@schemathesis.hook
def map_body(ctx: Any, body: Any) -> Any:
    """Prices have the decimals of the shop's currency, variants differ, a price was not lower before, and every other
    sign-in is the owner's, every other order for what the shop sells. What is wrong stays wrong."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("email"), str) and isinstance(body.get("password"), str) and next(_count) % 2:
        return {**body, **WHO}
    if isinstance(body.get("refreshToken"), str) and body["refreshToken"] and next(_count) % 4 == 0:
        return {**body, "refreshToken": _sign_in()["refreshToken"]}
    variants = body.get("variants")
    for place, one in enumerate([body, *(variants if isinstance(variants, list) else [])]):
        if isinstance(one, dict):
            _rounded(one, "price")
            _rounded(one, "compareAtPrice")
            if place and isinstance(one.get("options", {}), dict):
                one["options"] = {"Number": str(place)}
            if place and isinstance(one.get("sku"), str):
                one["sku"] = f"{one['sku'][:80].strip()}-{place}"
            if _is_number(one.get("price", body.get("price"))) and _is_number(one.get("compareAtPrice")):
                one["compareAtPrice"] = 10**13
    if isinstance(items := body.get("items"), list):
        for one in items:
            if isinstance(one, dict) and isinstance(one.get("productId"), str) and next(_count) % 2:
                one["productId"] = PRODUCTS[next(_count) % len(PRODUCTS)]
                one.pop("variantId", None)
    return body


@schemathesis.hook
def map_query(ctx: Any, query: Any) -> Any:
    """A period does not end before it begins."""
    if isinstance(query, dict) and isinstance(query.get("from"), str) and isinstance(query.get("to"), str):
        query["from"] = "0001-01-02T00:00:00Z"
    return query


@schemathesis.hook
def map_headers(ctx: Any, headers: Any) -> Any:
    """Every request is another one: no idempotency key comes twice."""
    if isinstance(headers, dict) and isinstance(key := headers.get("Idempotency-Key"), str) and _KEY.fullmatch(key):
        headers["Idempotency-Key"] = f"{key[:200]}-{next(_count)}"
    return headers


def _sign_in() -> Any:
    return httpx.post(f"{URL}/auth/login", json=WHO).json()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rounded(body: dict[str, Any], name: str) -> None:
    value = body.get(name)
    if isinstance(value, float) and 0 <= value <= 10**13:
        body[name] = round(value, 2)
