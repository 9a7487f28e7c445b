"""People, memberships, roles, scopes, keys, sessions, credentials. The vocabulary of scopes stands here alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from merx.core.tenants.model import Plan, PlanLimits, Tenant, limits_of
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Invalid, Unauthenticated
from merx.kernel.ids import KeyId, SessionId, StaffId, TenantId

STOREFRONT_SCOPES = frozenset({"catalog:read", "cart:write", "checkout:write", "orders:own"})
"""What may stand in a browser or an address: a shopper's own business."""

SCOPES = STOREFRONT_SCOPES | frozenset(
    {
        "products:read", "products:write",
        "orders:read", "orders:write",
        "refunds:write", "payments:write",
        "customers:read", "customers:write", "customers:erase", "users:read",
        "coupons:read", "coupons:write",
        "settings:read", "settings:write",
        "webhooks:read", "webhooks:write",
        "notifications:send", "notifications:read", "logs:read",
        "keys:write", "team:write",
    }
)  # fmt: skip
EVERYTHING = frozenset({"*"})
PERSONAL = frozenset({"keys:write", "team:write"})
"""Who gets in is decided by people who have signed in themselves: no program is given this."""
DELEGABLE = SCOPES - PERSONAL


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    STAFF = "staff"


ROLE_SCOPES: Mapping[Role, frozenset[str]] = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: SCOPES - {"team:write"},
    Role.STAFF: STOREFRONT_SCOPES
    | {
        "products:read", "products:write", "orders:read", "orders:write", "customers:read", "customers:write",
        "users:read", "coupons:read", "settings:read",
    },
}  # fmt: skip

ACCESS_LIFE = timedelta(hours=1)
REFRESH_IDLE_LIFE = timedelta(days=14)
SESSION_LIFE = timedelta(days=30)
REFRESH_GRACE = timedelta(seconds=10)
"""So long a refresh token that was just used gives its successor once more: a lost answer is no logout."""


class Staff(msgspec.Struct, frozen=True):
    """A person who works in shops; the e-mail is unique over the installation."""

    id: StaffId
    email: str
    first_name: str
    last_name: str
    active: bool
    created_at: datetime


class Member(msgspec.Struct, frozen=True):
    """A person in one tenant. `permissions`, where not empty, take the place of the role's own."""

    staff: Staff
    number: int
    role: Role
    permissions: tuple[str, ...]
    created_at: datetime

    @property
    def scopes(self) -> frozenset[str]:
        return member_scopes(self.role, self.permissions)


def member_scopes(role: Role, permissions: tuple[str, ...]) -> frozenset[str]:
    """An owner may do everything, whatever is listed."""
    if role is Role.OWNER or not permissions:
        return ROLE_SCOPES[role]
    return frozenset(permissions)


class Tokens(msgspec.Struct, frozen=True):
    access: str
    refresh: str
    expires_in: int  # seconds the access token lives
    session: SessionId
    token_type: str = "Bearer"  # noqa: S105


class RefreshToken(msgspec.Struct, frozen=True):
    session: SessionId
    actor: ActorKind
    actor_id: UUID
    used_at: datetime | None
    successor_unused: bool
    session_live: bool

    def repeatable(self, now: datetime) -> bool:
        """Whether it was only just spent and nobody has gone on from there: an answer that got lost."""
        return (
            self.session_live
            and self.successor_unused
            and self.used_at is not None
            and now - self.used_at <= REFRESH_GRACE
        )


class SignedIn(msgspec.Struct, frozen=True):
    tenant: Tenant
    member: Member
    tokens: Tokens


class KeyType(StrEnum):
    PUBLISHABLE = "publishable"
    SECRET = "secret"  # noqa: S105


class ApiKey(msgspec.Struct, frozen=True):
    id: KeyId
    name: str
    prefix: str  # how people tell keys apart: the first twelve characters
    type: KeyType
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(msgspec.Struct, frozen=True):
    """`secret` is shown now and never again."""

    key: ApiKey
    secret: str


class OauthClient(msgspec.Struct, frozen=True):
    id: UUID  # the client_id
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    public: bool = False  # it runs where it can keep no secret (a browser, a phone), so it has none


class NewOauthClient(msgspec.Struct, frozen=True):
    client: OauthClient
    secret: str | None


GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")


CODE_LIFE = timedelta(seconds=60)


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What a client sends a person's browser to us with; text as it came, empty where it did not. `fault`: why it can't
    be read as a whole, for the client to hear of."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    response_mode: str = ""
    fault: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A request for the page that asks a member. `member` is None where nobody of this shop has signed in, and nothing
    but the client and its address has been looked at then. `granted` is what the client would get, `withheld` what it
    asks for and this member can't give."""

    client: OauthClient
    shop: Tenant
    scopes: tuple[str, ...]
    member: Member | None = None
    granted: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


class OauthCode(msgspec.Struct, frozen=True):
    client: UUID
    staff: StaffId
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    expires_at: datetime
    used_at: datetime | None = None
    session: SessionId | None = None  # what it gave


class Grant(msgspec.Struct, frozen=True):
    """What a client holds: `actor_id` is the member it acts for, or the client itself."""

    client: UUID
    actor_id: UUID
    scopes: frozenset[str]


class ClientProof(msgspec.Struct, frozen=True):
    """How a client says who it is; a public one has no secret. `at`: the shop at whose host it says so, where clients
    of others are not known."""

    client_id: str
    secret: str | None = None
    at: TenantId | None = None


class Given(msgspec.Struct, frozen=True):
    """A token answer."""

    access: str
    expires_in: int
    scopes: tuple[str, ...]
    refresh: str | None = None


class Introspection(msgspec.Struct, frozen=True):
    """A token that stands."""

    client: UUID
    subject: UUID
    tenant: TenantId
    scopes: tuple[str, ...]
    issued_at: int
    expires_at: int
    refresh: bool = False


class Credential(msgspec.Struct, frozen=True):
    """What one accepted key or token stands for at this moment, with the tenant it belongs to. Two that are equal
    allow the same, so a process may compare what it remembers with what the database says."""

    tenant: TenantId
    slug: str
    plan: Plan
    requests_per_minute: int | None
    kind: str
    subject: UUID  # the key, or the session
    actor: ActorKind
    actor_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None
    client: UUID | None = None  # the OAuth client a token was given to

    @property
    def limits(self) -> PlanLimits:
        return limits_of(self.plan, self.requests_per_minute)

    @property
    def storefront_only(self) -> bool:
        """Whether it may stand in an address, where logs and histories see it."""
        return self.scopes <= STOREFRONT_SCOPES

    def ctx(self, *, now: datetime, source: str, request_id: str = "", address: str = "") -> Ctx:
        session = SessionId(self.subject) if self.kind in ("session", "access") else None
        return Ctx(
            self.tenant, self.actor, self.actor_id, session, self.scopes, source, request_id, address, now, self.client
        )


class Claims(msgspec.Struct, frozen=True):
    """A verified access token."""

    tenant: TenantId
    subject: UUID
    session: SessionId
    expires_at: int  # epoch seconds
    issued_at: int
    client: UUID | None = None
    scopes: frozenset[str] | None = None  # of an OAuth client's token: it may never do more than this


class WrongPassword(Unauthenticated):
    """The same for an unknown e-mail, a wrong password, a person who may not sign in and a tenant they are not in."""

    code = "invalid_credentials"

    def __init__(self) -> None:
        super().__init__("No account with this e-mail and password.")


class InvalidToken(Unauthenticated):
    code = "invalid_token"

    def __init__(self, message: str = "This token is not valid (any more); sign in again.") -> None:
        super().__init__(message)


class UnknownTarget(Invalid):
    """The client or the address to return to is not known: the person is told, and nobody is redirected."""

    code = "invalid_request"


class GrantRefused(Invalid):
    """`code` is one of those that RFC 6749 names; the client is told."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


class InvalidClient(Unauthenticated):
    """The same for an unknown client, a wrong secret and one that is missing."""

    code = "invalid_client"

    def __init__(self) -> None:
        super().__init__("This client is not known here, or it did not prove who it is.")


class InvalidKey(Unauthenticated):
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__("This API key is not valid (any more).")
