"""Settings: how the shop is set up. Each part is a form of its own over the same operation of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import get, post

from merx.core.activity import usage
from merx.core.notifications.model import TENANT_PER_HOUR
from merx.core.tenants import service as tenants
from merx.core.tenants.model import LOOKUPS, PLAN_LIMITS, PROVIDER_FIELDS, Configuration, SettingsPatch
from merx.core.webhooks.model import MAX_ENDPOINTS
from merx.kernel.errors import MerxError
from merx.web.dashboard import sections
from merx.web.dashboard.desk import Calls, baas, desk_of
from merx.web.dashboard.session import CURRENCIES
from merx.web.face import SIGNED_IN
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render

PLACE = "/dashboard/settings"
LOCALES = (
    ("en_US", "English (United States)"), ("en_GB", "English (United Kingdom)"), ("en_IN", "English (India)"),
    ("de_DE", "German (Germany)"), ("de_CH", "German (Switzerland)"), ("fr_FR", "French (France)"),
    ("es_ES", "Spanish (Spain)"), ("es_MX", "Spanish (Mexico)"), ("it_IT", "Italian (Italy)"),
    ("pt_BR", "Portuguese (Brazil)"), ("nl_NL", "Dutch (Netherlands)"), ("pl_PL", "Polish (Poland)"),
    ("sv_SE", "Swedish (Sweden)"), ("da_DK", "Danish (Denmark)"), ("nb_NO", "Norwegian (Norway)"),
    ("ja_JP", "Japanese (Japan)"), ("zh_CN", "Chinese (China)"), ("hi_IN", "Hindi (India)"),
)  # fmt: skip
LOOKUP_WORDS = {
    "verified": ("Only with proof", "Signed in, or with the token that checkout gave."),
    "recent": ("Also from where it was ordered", "For 24 hours, from the same network address."),
    "open": ("Anybody who knows the e-mail", "Only what the documents name; limited to 10 a minute."),
}
PROVIDERS = {
    "manual": ("By hand", "Cash on delivery or a transfer; you mark orders as paid."),
    "stripe": ("Stripe", "Cards and wallets, on Stripe's payment page."),
    "razorpay": ("Razorpay", "Cards, UPI and net banking, in Razorpay's window."),
}
FIELD_WORDS = {
    "secret_key": "Secret key",
    "webhook_secret": "Webhook signing secret",
    "key_id": "Key id",
    "key_secret": "Key secret",
}


@get("/settings", needs=SIGNED_IN)
async def settings(request: PageRequest) -> Page:
    desk_of(request)
    return redirect(request, sections.visible(request.ctx, sections.SETTINGS)[0].path)


def _part(request: PageRequest, section: str, form: Form, call: str, calls: Calls = (), **more: Any) -> Page:
    """A page of settings with its form. `call` is what changes it by API."""
    return render(
        request,
        f"settings/{section}.html",
        area="settings",
        section=section,
        form=form,
        calls=[baas("GET", "/settings/"), baas("PATCH", "/settings/", call), *calls],
        **more,
    )


async def _save(request: PageRequest, patch: SettingsPatch, form: Form, names: Mapping[str, str] | None = None) -> bool:
    """Whether the settings were changed; what was said against it is in the form."""
    try:
        await tenants.patch_settings(request.rt, request.ctx, patch)
    except MerxError as wrong:
        form.refused(wrong, names)
        return False
    return True


def _saved(request: PageRequest, section: str) -> Page:
    return redirect(request, f"{PLACE}/{section}", said="Saved.")


# ── General ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/general", needs="settings:read")
async def general(request: PageRequest) -> Page:
    desk = desk_of(request)
    kept = desk.settings
    assert kept is not None
    begun = {
        "name": desk.tenant.name, "contact_email": kept.contact_email or "", "currency": kept.currency,
        "locale": kept.locale, "accent": kept.accent,
    }  # fmt: skip
    return _general(request, Form(begun))


def _general(request: PageRequest, form: Form) -> Page:
    currencies, locales = list(CURRENCIES), list(LOCALES)
    for known, name in ((currencies, "currency"), (locales, "locale")):
        if form.text(name) and form.text(name) not in dict(known):
            known.append((form.text(name), form.text(name)))
    call = '{"name": "My Store", "locale": "en_US", "accent": "#4f46e5"}'
    return _part(request, "general", form, call, currencies=currencies, locales=locales)


@post("/settings/general", needs="settings:write")
async def save_general(request: PageRequest) -> Page:
    form = await Form.read(request)
    patch = SettingsPatch(
        name=form.text("name"),
        contact_email=form.optional("contact_email"),
        currency=form.text("currency"),
        locale=form.text("locale"),
        accent=form.text("accent"),
    )
    done = await _save(request, patch, form)
    return _saved(request, "general") if done else _general(request, form)


# ── Tax ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/tax", needs="settings:read")
async def tax(request: PageRequest) -> Page:
    kept = desk_of(request).settings
    assert kept is not None
    begun = {
        "tax_percentage": f"{kept.tax_percentage:f}", "tax_shipping": "on" if kept.tax_shipping else "",
        "prices_include_tax": "on" if kept.prices_include_tax else "",
    }  # fmt: skip
    return _part(request, "tax", Form(begun), _TAX)


_TAX = '{"tax_percentage": "19", "prices_include_tax": true}'


@post("/settings/tax", needs="settings:write")
async def save_tax(request: PageRequest) -> Page:
    form = await Form.read(request)
    patch = SettingsPatch(
        tax_percentage=form.text("tax_percentage").removesuffix("%").strip() or "0",
        tax_shipping=form.flag("tax_shipping"),
        prices_include_tax=form.flag("prices_include_tax"),
    )
    done = await _save(request, patch, form)
    return _saved(request, "tax") if done else _part(request, "tax", form, _TAX)


# ── Payments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/payments", needs="settings:read")
async def payments(request: PageRequest) -> Page:
    desk_of(request)
    found = await tenants.get_configuration(request.rt, request.ctx)
    begun = {
        "payment_provider": found.settings.payment_provider,
        "payment_test_mode": "on" if found.settings.payment_test_mode else "",
    }
    return _payments(request, found, Form(begun))


def _payments(request: PageRequest, found: Configuration, form: Form) -> Page:
    call = '{"payment_provider": "stripe", "payment_credentials": {"secret_key": "$STRIPE_KEY"}}'
    return _part(
        request,
        "payments",
        form,
        call,
        providers=[(name, *PROVIDERS.get(name, (name.capitalize(), ""))) for name in request.rt.payments],
        fields={name: (fields.required, fields.optional) for name, fields in PROVIDER_FIELDS.items()},
        words=FIELD_WORDS,
        hints={one.provider: one for one in found.credentials},
        callbacks=f"{request.rt.settings.public_url}/webhooks",
        doing=request.query_params.get("do", ""),
    )


@post("/settings/payments", needs="settings:write")
async def save_payments(request: PageRequest) -> Page:
    """What was typed of the credentials is sealed; an empty field leaves what is kept."""
    form = await Form.read(request)
    given: dict[str, dict[str, str]] = {}
    for provider, fields in PROVIDER_FIELDS.items():
        typed = {
            name: text for name in (*fields.required, *fields.optional) if (text := form.text(f"{provider}.{name}"))
        }
        if typed:
            given[provider] = typed
    patch = SettingsPatch(
        payment_provider=form.text("payment_provider"), payment_test_mode=form.flag("payment_test_mode")
    )
    if given:
        patch = SettingsPatch(
            payment_provider=patch.payment_provider, payment_test_mode=patch.payment_test_mode, credentials=given
        )
    names = {f"credentials.{name}": f"{provider}.{name}" for provider, all_ in given.items() for name in all_}
    for provider in given:
        for name in PROVIDER_FIELDS[provider].required:
            names.setdefault(f"credentials.{name}", f"{provider}.{name}")
    if await _save(request, patch, form, names):
        return _saved(request, "payments")
    return _payments(request, await tenants.get_configuration(request.rt, request.ctx), form)


@post("/settings/payments/forget", needs="settings:write")
async def forget_credentials(request: PageRequest) -> Page:
    form = await Form.read(request)
    provider = form.text("provider")
    done = await _save(request, SettingsPatch(credentials={provider: None}), form)
    if done:
        return redirect(request, f"{PLACE}/payments", said="The credentials have been forgotten.")
    return _payments(request, await tenants.get_configuration(request.rt, request.ctx), form)


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/orders", needs="settings:read")
async def orders(request: PageRequest) -> Page:
    kept = desk_of(request).settings
    assert kept is not None
    begun = {
        "guest_order_lookup": kept.guest_order_lookup, "low_stock_threshold": kept.low_stock_threshold,
        "allowed_origins": "\n".join(kept.allowed_origins),
    }  # fmt: skip
    return _orders(request, Form(begun))


def _orders(request: PageRequest, form: Form) -> Page:
    call = '{"guest_order_lookup": "recent", "allowed_origins": ["https://shop.example.com"]}'
    return _part(request, "orders", form, call, lookups=[(name, *LOOKUP_WORDS[name]) for name in LOOKUPS])


@post("/settings/orders", needs="settings:write")
async def save_orders(request: PageRequest) -> Page:
    form = await Form.read(request)
    threshold = form.number("low_stock_threshold")
    if threshold is None and form.ok:
        form.fault("low_stock_threshold", "Enter a whole number.")
    origins = [line.strip() for line in form.value("allowed_origins").splitlines() if line.strip()]
    if not form.ok or threshold is None:
        return _orders(request, form)
    patch = SettingsPatch(
        guest_order_lookup=form.text("guest_order_lookup"), low_stock_threshold=threshold, allowed_origins=origins
    )
    done = await _save(request, patch, form)
    return _saved(request, "orders") if done else _orders(request, form)


# ── The plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/settings/plan", needs="settings:read")
async def plan(request: PageRequest) -> Page:
    desk_of(request)
    found = await usage.usage(request.rt, request.ctx)
    return render(
        request,
        "settings/plan.html",
        area="settings",
        section="plan",
        usage=found,
        limits=found.tenant.limits,
        plans=PLAN_LIMITS,
        per_hour=TENANT_PER_HOUR[found.tenant.plan],
        most_endpoints=MAX_ENDPOINTS,
        calls=[baas("GET", "/tenant/")],
    )


ROUTES = [
    settings, general, save_general, tax, save_tax, payments, save_payments, forget_credentials, orders, save_orders,
    plan,
]  # fmt: skip
