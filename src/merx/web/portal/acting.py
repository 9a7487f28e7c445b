"""The pages of the portal that do something: a key for trying, the signature checker, one shop through five APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from litestar import get, post

from merx.core.auth import keys
from merx.core.auth.model import STOREFRONT_SCOPES, KeyType
from merx.edge.client import address_bucket
from merx.edge.limits import Limiter
from merx.kernel.errors import NotFound
from merx.web.face import PUBLIC
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, render
from merx.web.portal import checking, prose, shelf, starting, telling

if TYPE_CHECKING:
    from merx.web.portal.app import Portal

TRIAL = timedelta(hours=24)
TRIALS_AN_HOUR, CHECKS_A_MINUTE, LOOKS_A_MINUTE, ORDERS_AN_HOUR = 20, 60, 30, 10
NO_STORE = {"Cache-Control": "no-store"}


def actions(portal: Portal) -> list[Any]:
    return [*_keys(portal), *_webhooks(), *_side_by_side(portal)]


def _keys(portal: Portal) -> list[Any]:
    @post("/key", needs="keys:write")
    async def make_key(request: PageRequest) -> Page:
        """A publishable key: it may do a shopper's business, so it may stand in a browser. Shown once."""
        ctx = request.ctx
        await _limiter(request).spend(f"trial:{ctx.tenant}", TRIALS_AN_HOUR, 3600)
        name = f"Trying the documentation, {ctx.now:%Y-%m-%d}"
        made = await keys.create(request.rt, ctx, name, KeyType.PUBLISHABLE, sorted(STOREFRONT_SCOPES), ctx.now + TRIAL)
        reader = request.visitor.values["reader"]
        shown = [starting.steps(api, reader)[0] for api in portal.apis.values()]
        return render(request, "key.html", key=made, shown=shown, headers=NO_STORE)

    return [make_key]


def _webhooks() -> list[Any]:
    def page(request: PageRequest, form: Form, verdicts: list[checking.Verdict] | None) -> Page:
        return render(
            request, "webhooks.html", form=form, verdicts=verdicts, prose=prose.read("webhooks"),
            events=telling.EVENTS, standard=telling.standard(), plain=telling.plain(), headers=NO_STORE,
        )  # fmt: skip

    @get("/webhooks", needs=PUBLIC, sync_to_thread=False)
    def webhooks(request: PageRequest) -> Page:
        return page(request, Form(), None)

    @post("/webhooks", needs=PUBLIC)
    async def check(request: PageRequest) -> Page:
        """Nothing of it is kept: the answer is computed and forgotten."""
        form = await Form.read(request)
        await _limiter(request).spend(f"check:{address_bucket(request.visit.address)}", CHECKS_A_MINUTE, 60)
        secret, headers, body = form.value("secret"), form.value("headers"), form.value("body")
        if not secret.strip():
            form.fault("secret", "Paste the endpoint's secret, whsec_ included.")
        if not headers.strip():
            form.fault("headers", "Paste the headers that came with it.")
        if form.faults:
            return page(request, form, None)
        verdicts = checking.check(secret, checking.parse_headers(headers), body, datetime.now(UTC))
        return page(request, form, verdicts)

    return [webhooks, check]


def _side_by_side(portal: Portal) -> list[Any]:
    async def page(request: PageRequest, ordering: str = "") -> Page:
        reader = request.visitor.values["reader"]
        asked = request.query_params.get("shop", "")
        demo = reader.showcase and (bool(ordering) or not reader.signed_in or asked == portal.showcase.slug)
        if not demo and not (reader.signed_in and reader.may_make_keys):
            return render(request, "side_by_side.html", shelf=None, demo=demo, ordered=False)
        await _limiter(request).spend(f"shelf:{address_bucket(request.visit.address)}", LOOKS_A_MINUTE, 60)
        wanted = ordering or request.query_params.get("product", "")[:200]
        async with shelf.asking(request, reader, portal.showcase, demo) as ask:
            found = await shelf.look(ask, wanted, demo)
            if ordering:
                found = shelf.with_order(found, await shelf.place_order(ask, found.chosen))
        return render(request, "side_by_side.html", shelf=found, demo=demo, ordered=bool(ordering), headers=NO_STORE)

    @get("/side-by-side", needs=PUBLIC)
    async def side_by_side(request: PageRequest) -> Page:
        return await page(request)

    @post("/side-by-side", needs=PUBLIC)
    async def order(request: PageRequest) -> Page:
        """An order in the demo shop, made and cancelled."""
        form = await Form.read(request)
        product = form.text("product")[:200]
        if not request.visitor.values["reader"].showcase or not product:
            raise NotFound("page")
        bucket = f"shelf-order:{address_bucket(request.visit.address)}"
        await _limiter(request).spend(bucket, ORDERS_AN_HOUR, 3600)
        return await page(request, product)

    return [side_by_side, order]


def _limiter(request: PageRequest) -> Limiter:
    limiter = request.visit.limiter
    assert limiter is not None
    return limiter
