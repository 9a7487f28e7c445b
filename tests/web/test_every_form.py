"""No page that changes something is forgotten: each is asked for without its form's token, and from elsewhere."""

from __future__ import annotations

import os
import re

import pytest
from litestar import Router
from tests.dialects.site import PASSWORD, Shop
from tests.web.visitor import Visitor

from merx.asgi import FACES
from merx.settings import Settings
from merx.web.face import SAFE, Face

NOBODY = "019a0000-0000-7000-8000-000000000000"


def changing() -> list[tuple[Face, str, str]]:
    """(face, method, path) of every route that is no mere look."""
    found = []
    for face in FACES:
        for handler in Router(face.prefix, route_handlers=list(face.routes)).routes:
            path = re.sub(r"\{[^}]+\}", NOBODY, handler.path)
            found += [(face, str(method), path) for method in sorted(handler.methods - set(SAFE))]
    return found


ROUTES = changing()


def test_there_are_as_many_as_one_thinks() -> None:
    assert len(ROUTES) > 40 and {face.name for face, _, _ in ROUTES} >= {"dashboard", "storefront", "oauth"}


@pytest.mark.parametrize("how", ["no token", "another's token", "another site"])
async def test_no_form_is_taken_without_its_token(site: Settings, shop: Shop, how: str) -> None:
    async with Visitor(site) as desk, Visitor(site, shop.slug) as shopper:
        await desk.get("/dashboard/sign-in")
        await desk.post("/dashboard/sign-in", {"email": shop.email, "password": PASSWORD})
        await shopper.get("/account/register")
        email = f"a{os.urandom(4).hex()}@example.com"
        await shopper.post("/account/register", {"email": email, "password": PASSWORD})
        assert desk.cookies["merx_staff"] and shopper.cookies["merx_shopper"]
        for face, method, path in ROUTES:
            visitor = shopper if face.shop_host else desk
            kept = dict(visitor.cookies)
            here = "https://evil.example" if how == "another site" else f"http://{visitor.host}"
            fields = {"form_token": "A" * 43} if how == "another's token" else {"name": "x"}
            answer = await visitor._send(method, path, headers={"Origin": here}, data=fields)
            said = "from another site" if how == "another site" else "form is out of date"
            assert answer.status_code == 403 and said in answer.text, (method, path, answer.status_code)
            visitor.cookies = kept
