"""Owns the bodies and answers of the merchant's side that concern people, keys and the shop itself.

Answers show every field; bodies refuse fields they do not know. In a PATCH only what is sent changes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from merx.core.auth.model import KeyType, Role
from merx.dialects.baas import wire

Email = Annotated[str, Meta(max_length=320, description="An e-mail address")]
Password = Annotated[str, Meta(max_length=512, description="8 to 128 characters")]
PersonName = Annotated[str, Meta(max_length=150)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Scope = Annotated[str, Meta(min_length=1, max_length=64)]
Scopes = Annotated[list[Scope], Meta(max_length=64, description='["*"] is everything the maker may do')]
Zoned = Annotated[datetime, Meta(tz=True)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]


# ── Registering and signing in ───────────────────────────────────────────────────────────────────────────────────────
class OpenShop(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`business_name`, `email` and `password` are required; what is missing is told together with what is wrong."""

    business_name: Annotated[str, Meta(max_length=1000, description="Gives the shop's slug: My Store is mystore")] = ""
    email: Email = ""
    password: Password = ""
    first_name: PersonName = ""
    last_name: PersonName = ""
    currency: Annotated[str, Meta(max_length=8, description="ISO 4217")] = "USD"


class StaffSignIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`tenant`: the slug of one of the shops this person works in; where it is missing, the one they joined first."""

    email: Email
    password: Password
    tenant: Annotated[str, Meta(max_length=64)] | None = None


class RefreshToken(msgspec.Struct, forbid_unknown_fields=True):
    refresh: Annotated[str, Meta(min_length=1, max_length=1024)]


class SignOut(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    everywhere: Annotated[bool, Meta(description="Every session of one's own, in every shop; else this one")] = False


class User(msgspec.Struct, frozen=True):
    """A member of the shop's team. `id` is theirs in this shop; `permissions` are empty where the role's own hold."""

    id: int
    email: str
    first_name: str
    last_name: str
    role: Role
    permissions: tuple[str, ...]
    created_at: datetime


class TenantRef(msgspec.Struct, frozen=True):
    id: str
    slug: str
    name: str
    plan: str
    url: str


class Limits(msgspec.Struct, frozen=True):
    """Of each credential; `requests_per_day` null: as many as it likes."""

    requests_per_minute: int
    requests_per_day: int | None


class Tenant(TenantRef, frozen=True):
    domain: str | None
    limits: Limits
    created_at: datetime


class Registered(msgspec.Struct, frozen=True):
    tenant: TenantRef
    user: User
    access: str
    refresh: str


class StaffSignedIn(msgspec.Struct, frozen=True):
    access: str
    refresh: str
    user: User


class Refreshed(msgspec.Struct, frozen=True):
    access: str
    refresh: str


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    current_password: Password
    password: Password


# ── Team, keys, OAuth clients ────────────────────────────────────────────────────────────────────────────────────────
class NewMember(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`password` is for a person who is new to this installation; others keep theirs."""

    email: Email
    role: Role
    password: Password | None = None
    first_name: PersonName = ""
    last_name: PersonName = ""
    permissions: Scopes = []


class MemberChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    role: Role | UnsetType = UNSET
    permissions: Scopes | UnsetType = UNSET


class NewKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `scopes` a key may do a shopper's business and nothing else, because it will stand in a browser."""

    name: Name
    type: KeyType = KeyType.SECRET
    scopes: Scopes | None = None
    expires_at: Zoned | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    type: KeyType
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeKey(ApiKey, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="Shown now and never again")]


class NewOauthClient(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    redirect_uris: Annotated[list[Url], Meta(max_length=20)] = []
    grant_types: Annotated[list[Scope], Meta(max_length=8)] | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    public: Annotated[bool, Meta(description="It runs where it can keep no secret: a browser, a phone, a laptop")] = (
        False
    )


class OauthClientChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    redirect_uris: Annotated[list[Url], Meta(max_length=20)] | UnsetType = UNSET
    grant_types: Annotated[list[Scope], Meta(max_length=8)] | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET


class OauthClient(msgspec.Struct, frozen=True, kw_only=True):
    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    public: bool
    created_at: datetime


class MadeOauthClient(OauthClient, frozen=True, kw_only=True):
    client_secret: Annotated[str | None, Meta(description="Shown now and never again; a public client has none")]


# ── Settings and shipping ────────────────────────────────────────────────────────────────────────────────────────────
class CredentialHint(msgspec.Struct, frozen=True):
    """All that is ever shown of a provider's credentials."""

    hint: Annotated[str, Meta(description="The last four characters")]
    updated_at: datetime


class Settings(msgspec.Struct, frozen=True):
    name: str
    currency: str
    tax_percentage: str
    tax_shipping: bool
    prices_include_tax: bool
    shipping_enabled: bool
    flat_shipping_rate: str
    free_shipping_threshold: str | None
    payment_provider: str
    payment_test_mode: bool
    payment_credentials: dict[str, CredentialHint]
    low_stock_threshold: int
    guest_order_lookup: str
    allowed_origins: tuple[str, ...]
    locale: str
    contact_email: str | None
    accent: str
    updated_at: datetime


Secret = Annotated[str, Meta(max_length=1024)]


class SettingsChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`payment_credentials`: those of the `payment_provider` sent with them (`{"secret_key": …}`), or by provider
    (`{"stripe": {"secret_key": …, "webhook_secret": …}}`), where null forgets a provider's."""

    name: Annotated[str, Meta(max_length=255, description="The shop's, on its pages and letters")] | UnsetType = UNSET
    currency: Annotated[str, Meta(max_length=8, description="ISO 4217")] | UnsetType = UNSET
    tax_percentage: Decimal | UnsetType = UNSET
    tax_shipping: bool | UnsetType = UNSET
    prices_include_tax: bool | UnsetType = UNSET
    shipping_enabled: bool | UnsetType = UNSET
    flat_shipping_rate: Decimal | UnsetType = UNSET
    free_shipping_threshold: Decimal | UnsetType | None = UNSET
    payment_provider: Literal["manual", "stripe", "razorpay"] | UnsetType = UNSET
    payment_test_mode: bool | UnsetType = UNSET
    payment_credentials: Annotated[dict[str, Secret | dict[str, Secret] | None], Meta(max_length=8)] | UnsetType = UNSET
    low_stock_threshold: int | UnsetType = UNSET
    guest_order_lookup: Literal["verified", "recent", "open"] | UnsetType = UNSET
    allowed_origins: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=50)] | UnsetType = UNSET
    locale: Annotated[str, Meta(max_length=16)] | UnsetType = UNSET
    contact_email: Email | UnsetType | None = UNSET
    accent: (
        Annotated[str, Meta(max_length=7, description="The colour of the shop's pages: #4f46e5, or empty")] | UnsetType
    ) = UNSET


class ShippingMethod(msgspec.Struct, frozen=True):
    """`standard` is the flat rate of the settings and is changed there. `free_over`: goods worth this much are sent for
    nothing."""

    code: str
    name: str
    price: str
    free_over: str | None
    active: bool
    position: int


Position = Annotated[int, Meta(ge=0, le=1_000_000)]


class NewShippingMethod(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Name
    price: Decimal
    free_over: Decimal | None = None
    active: bool = True
    position: Position = 0


class ShippingMethodChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    price: Decimal | UnsetType = UNSET
    free_over: Decimal | None | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    position: Position | UnsetType = UNSET


# ── Webhooks and events ──────────────────────────────────────────────────────────────────────────────────────────────
Kinds = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=32)]


class NewWebhook(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: Url
    events: Kinds


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Switching on forgets the failures until now; switching off ends what waits to be sent."""

    url: Url | UnsetType = UNSET
    events: Kinds | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    events: tuple[str, ...]
    active: bool
    failing_since: datetime | None
    disabled_reason: str | None
    created_at: datetime


class MadeWebhook(Webhook, frozen=True, kw_only=True):
    secret: Annotated[str, Meta(description="Shown now and never again")]


class Rotation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`keep_previous` false: the secret has leaked, and what it signed counts for nothing from now on."""

    keep_previous: bool = True


class DeliveryAttempt(msgspec.Struct, frozen=True):
    attempt: int
    status: int | None
    error: str | None
    answer: str | None
    milliseconds: int
    created_at: datetime


class Delivery(msgspec.Struct, frozen=True):
    id: str
    webhook_id: str
    event_id: str
    type: str
    state: str
    attempt: int
    next_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    attempts: list[DeliveryAttempt]


class ListDeliveries(wire.Paging, frozen=True, kw_only=True):
    state: Literal["waiting", "sending", "delivered", "dead"] | None = None


class Redelivery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One delivery again, or everything this endpoint listens to `since` then (and before `until`)."""

    delivery_id: Annotated[str, Meta(max_length=64)] | None = None
    since: Zoned | None = None
    until: Zoned | None = None


class Redelivered(msgspec.Struct, frozen=True):
    count: Annotated[int, Meta(description="How many deliveries are on their way")]


class Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: dict[str, Any]
    created_at: datetime


class ListEvents(wire.Paging, frozen=True, kw_only=True):
    type: list[str] = msgspec.field(default_factory=list)
