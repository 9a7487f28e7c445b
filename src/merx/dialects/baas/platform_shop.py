"""Owns the shop's own set-up: its plan, settings, shipping methods, webhooks and what happened lately."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from merx.core.shipping import service as shipping
from merx.core.shipping.model import STANDARD, ShippingMethod
from merx.core.tenants import service as tenants
from merx.core.tenants.model import ShopSettings
from merx.core.webhooks import service as webhooks
from merx.core.webhooks.model import DeliveryState
from merx.dialects.baas import platform_translate as shown
from merx.dialects.baas import platform_wire as shop
from merx.dialects.baas import translate
from merx.dialects.baas.errors import renamed
from merx.dialects.baas.platform_door import Listing, Routes, check_moments, in_body, in_path, listing
from merx.edge.app import MerxRequest
from merx.kernel import ids
from merx.kernel.errors import Conflict, Invalid, NotFound
from merx.kernel.ids import DeliveryId, EndpointId

settings_routes, webhook_routes = Routes("Settings"), Routes("Webhooks")


# ── The tenant and its settings ──────────────────────────────────────────────────────────────────────────────────────
@settings_routes.get("/tenant/", "settings:read")
async def get_tenant(request: MerxRequest) -> shop.Tenant:
    """The shop, its plan and the plan's limits."""
    return shown.tenant(request.rt, await tenants.get(request.rt, request.ctx))


@settings_routes.get("/settings/", "settings:read")
async def get_settings(request: MerxRequest) -> shop.Settings:
    """How the shop is set up."""
    return shown.settings(await tenants.get_configuration(request.rt, request.ctx))


@settings_routes.patch("/settings/", "settings:write")
async def change_settings(request: MerxRequest, data: shop.SettingsChange) -> shop.Settings:
    """Changes the settings that are sent.

    A provider's credentials are sealed and never shown again; their last four characters tell them apart."""
    try:
        return shown.settings(await tenants.patch_settings(request.rt, request.ctx, shown.settings_patch(data)))
    except Invalid as wrong:
        said = {_credential_field(name): sentences for name, sentences in wrong.fields.items()}
        raise Invalid(wrong.message, code=wrong.code, fields=said) from None


def _credential_field(name: str) -> str:
    return name.replace("credentials", "payment_credentials", 1) if name.startswith("credentials") else name


# ── Shipping methods ─────────────────────────────────────────────────────────────────────────────────────────────────
@settings_routes.get("/shipping-methods/", "settings:read")
async def list_shipping_methods(request: MerxRequest) -> Listing[shop.ShippingMethod]:
    """Lists the ways to send an order; the settings' flat rate comes first."""
    rows, kept = await _shipping(request)
    found = [shown.shipping_method(one, kept.currency) for one in (_standard(kept), *rows)]
    return Listing(len(found), None, None, found)


@settings_routes.post("/shipping-methods/", "settings:write", errors=(409,))
async def add_shipping_method(request: MerxRequest, data: shop.NewShippingMethod) -> shop.ShippingMethod:
    """Adds a way to send an order, such as express."""
    rows, kept = await _shipping(request)
    if any(one.code == data.code for one in rows):
        raise Conflict("A shipping method with this code exists already.", code="already_exists", field="code")
    wanted = ShippingMethod(
        data.code,
        data.name,
        shown.minor(data.price, kept.currency, "price"),
        shown.maybe_minor(data.free_over, kept.currency, "free_over"),
        data.active,
        data.position,
    )
    return shown.shipping_method(await shipping.put(request.rt, request.ctx, wanted), kept.currency)


@settings_routes.get("/shipping-methods/{code:str}/", "settings:read")
async def get_shipping_method(request: MerxRequest, code: str) -> shop.ShippingMethod:
    """One shipping method."""
    rows, kept = await _shipping(request)
    return shown.shipping_method(_method([_standard(kept), *rows], code), kept.currency)


@settings_routes.patch("/shipping-methods/{code:str}/", "settings:write")
async def change_shipping_method(
    request: MerxRequest, code: str, data: shop.ShippingMethodChange
) -> shop.ShippingMethod:
    """Changes a shipping method."""
    rows, kept = await _shipping(request)
    wanted = _method(rows, code)
    if not isinstance(data.name, UnsetType):
        wanted = replace(wanted, name=data.name)
    if not isinstance(data.price, UnsetType):
        wanted = replace(wanted, price_minor=shown.minor(data.price, kept.currency, "price"))
    if not isinstance(data.free_over, UnsetType):
        wanted = replace(wanted, free_over_minor=shown.maybe_minor(data.free_over, kept.currency, "free_over"))
    if not isinstance(data.active, UnsetType):
        wanted = replace(wanted, active=data.active)
    if not isinstance(data.position, UnsetType):
        wanted = replace(wanted, position=data.position)
    return shown.shipping_method(await shipping.put(request.rt, request.ctx, wanted), kept.currency)


@settings_routes.delete("/shipping-methods/{code:str}/", "settings:write")
async def remove_shipping_method(request: MerxRequest, code: str) -> None:
    """Removes a shipping method."""
    await shipping.remove(request.rt, request.ctx, code)


async def _shipping(request: MerxRequest) -> tuple[list[ShippingMethod], ShopSettings]:
    return await shipping.all_methods(request.rt, request.ctx), await tenants.get_settings(request.rt, request.ctx)


def _standard(kept: ShopSettings) -> ShippingMethod:
    return ShippingMethod(
        STANDARD, "Standard", kept.flat_shipping_minor, kept.free_shipping_threshold_minor, kept.shipping_enabled
    )


def _method(rows: list[ShippingMethod], code: str) -> ShippingMethod:
    found = next((one for one in rows if one.code == code), None)
    if found is None:
        raise NotFound("shipping method")
    return found


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@webhook_routes.get("/webhooks/", "webhooks:read")
async def list_webhooks(request: MerxRequest) -> Listing[shop.Webhook]:
    """Lists the endpoints, oldest first."""
    found = await webhooks.list_endpoints(request.rt, request.ctx)
    return Listing(len(found), None, None, [shown.webhook(one) for one in found])


@webhook_routes.post("/webhooks/", "webhooks:write")
async def add_webhook(request: MerxRequest, data: shop.NewWebhook) -> shop.MadeWebhook:
    """Adds an endpoint. The secret that signs what it gets is shown now and never again."""
    made = await webhooks.create_endpoint(request.rt, request.ctx, data.url, data.events)
    return shown.made_webhook(made.endpoint, made.secret)


@webhook_routes.get("/webhooks/{webhook:str}/", "webhooks:read")
async def get_webhook(request: MerxRequest, webhook: str) -> shop.Webhook:
    """One endpoint."""
    return shown.webhook(await webhooks.get_endpoint(request.rt, request.ctx, _endpoint(webhook)))


@webhook_routes.patch("/webhooks/{webhook:str}/", "webhooks:write")
async def change_webhook(request: MerxRequest, webhook: str, data: shop.WebhookChange) -> shop.Webhook:
    """Changes an endpoint, or switches it on or off."""
    changed = await webhooks.update_endpoint(
        request.rt,
        request.ctx,
        _endpoint(webhook),
        url=None if data.url is UNSET else data.url,
        events=None if data.events is UNSET else data.events,
        active=None if data.active is UNSET else data.active,
    )
    return shown.webhook(changed)


@webhook_routes.delete("/webhooks/{webhook:str}/", "webhooks:write")
async def remove_webhook(request: MerxRequest, webhook: str) -> None:
    """Removes an endpoint; what was not sent to it yet never is."""
    await webhooks.delete_endpoint(request.rt, request.ctx, _endpoint(webhook))


@webhook_routes.post("/webhooks/{webhook:str}/rotate-secret/", "webhooks:write", status_code=200)
async def rotate_secret(request: MerxRequest, webhook: str, data: shop.Rotation | None = None) -> shop.MadeWebhook:
    """Makes a new secret; the one until now signs beside it for a day."""
    keep = data is None or data.keep_previous
    made = await webhooks.rotate_secret(request.rt, request.ctx, _endpoint(webhook), keep)
    return shown.made_webhook(made.endpoint, made.secret)


@webhook_routes.get("/webhooks/{webhook:str}/deliveries/", "webhooks:read", asks=shop.ListDeliveries)
async def list_deliveries(request: MerxRequest, webhook: str) -> Listing[shop.Delivery]:
    """Lists what was sent to an endpoint, newest first, with every try."""
    asked = request.ask(shop.ListDeliveries)
    limit, offset = translate.bounds(asked)
    found, total = await webhooks.list_deliveries(
        request.rt,
        request.ctx,
        endpoint_id=_endpoint(webhook),
        state=None if asked.state is None else DeliveryState(asked.state),
        limit=limit,
        offset=offset,
    )
    return listing(request, asked, [shown.delivery(one) for one in found], total)


@webhook_routes.get("/webhooks/{webhook:str}/deliveries/{delivery:str}/", "webhooks:read")
async def get_delivery(request: MerxRequest, webhook: str, delivery: str) -> shop.Delivery:
    """One delivery with every try."""
    found = await webhooks.get_delivery(request.rt, request.ctx, _delivery(delivery))
    if found.endpoint_id != _endpoint(webhook):
        raise NotFound("delivery")
    return shown.delivery(found)


@webhook_routes.post("/webhooks/{webhook:str}/deliveries/{delivery:str}/redeliver/", "webhooks:write", status_code=202)
async def redeliver(request: MerxRequest, webhook: str, delivery: str) -> shop.Delivery:
    """Sends one delivery again, at once."""
    again = await webhooks.redeliver(request.rt, request.ctx, _delivery(delivery), _endpoint(webhook))
    return shown.delivery(again)


@webhook_routes.post("/webhooks/{webhook:str}/redeliver/", "webhooks:write", status_code=202)
async def redeliver_some(request: MerxRequest, webhook: str, data: shop.Redelivery) -> shop.Redelivered:
    """Sends one delivery again, or all that an endpoint missed in a range of time."""
    if (data.delivery_id is None) == (data.since is None):
        raise Invalid("Send either delivery_id or since.", field="delivery_id" if data.since is None else "since")
    if data.delivery_id is not None:
        wanted = DeliveryId(in_body("dlv", data.delivery_id, "delivery", "delivery_id"))
        await webhooks.redeliver(request.rt, request.ctx, wanted, _endpoint(webhook))
        return shop.Redelivered(1)
    check_moments(since=data.since, until=data.until)
    ctx, since = request.ctx, data.since
    assert since is not None
    until = data.until or ctx.now
    return shop.Redelivered(await webhooks.replay(request.rt, ctx, _endpoint(webhook), since, until))


def _endpoint(text: str) -> EndpointId:
    return EndpointId(in_path("wh", text, "webhook endpoint"))


def _delivery(text: str) -> DeliveryId:
    return DeliveryId(in_path("dlv", text, "delivery"))


@webhook_routes.get("/events/", "webhooks:read", asks=shop.ListEvents)
async def list_events(request: MerxRequest) -> Listing[shop.Event]:
    """Lists what happened in the last seven days, newest first, to compare with what arrived."""
    asked = request.ask(shop.ListEvents)
    limit, offset = translate.bounds(asked)
    with renamed(kinds="type"):
        found, total = await webhooks.list_events(request.rt, request.ctx, kinds=asked.type, limit=limit, offset=offset)
    events = [
        shop.Event(
            ids.encode("evt", one.id),
            one.kind,
            {"id": str(one.subject), **one.facts},
            translate.second(one.created_at),
        )
        for one in found
    ]
    return listing(request, asked, events, total)


ROUTES: list[ControllerRouterHandler] = [
    get_tenant,
    get_settings,
    change_settings,
    list_shipping_methods,
    add_shipping_method,
    get_shipping_method,
    change_shipping_method,
    remove_shipping_method,
    list_webhooks,
    add_webhook,
    get_webhook,
    change_webhook,
    remove_webhook,
    rotate_secret,
    list_deliveries,
    get_delivery,
    redeliver,
    redeliver_some,
    list_events,
]
