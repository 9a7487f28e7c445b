"""Hooks of the schemathesis run: who asks, and what JSON Schema can't say about a request that makes sense."""

from __future__ import annotations

import copy
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
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    """Every request is another one: no idempotency key comes twice. What is meant to be right makes sense."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_count)}"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict):
        case.body = _sensible(copy.deepcopy(case.body))
    if isinstance(case.query, dict) and {"from", "to"} <= case.query.keys():
        case.query["from"] = "0001-01-02T00:00:00Z"  # a period does not end before it begins


def _sensible(body: dict[str, Any]) -> dict[str, Any]:
    """Prices have the decimals of the shop's currency, variants differ, a price was not lower before; every other
    sign-in is the owner's, every other order for what the shop sells."""
    if {"email", "password"} <= body.keys():
        return {**body, **WHO} if next(_count) % 2 else body
    if "refreshToken" in body:
        return {**body, "refreshToken": _sign_in()["refreshToken"]} if next(_count) % 4 == 0 else body
    if next(_count) % 4:
        for one in body.get("items", []):
            one["productId"] = PRODUCTS[next(_count) % len(PRODUCTS)]
            one.pop("variantId", None)
    for place, one in enumerate([body, *body.get("variants", [])]):
        for name in ("price", "compareAtPrice"):
            if isinstance(one.get(name), float):
                one[name] = round(one[name], 2)
        if one.get("compareAtPrice") is not None:
            one["compareAtPrice"] = 10**13
        if place:
            one["options"] = {"Number": str(place)}
        if place and "sku" in one:
            one["sku"] = f"{one['sku'][:80].strip()}-{place}"
    return body


def _sign_in() -> Any:
    return httpx.post(f"{URL}/auth/login", json=WHO).json()
