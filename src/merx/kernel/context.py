"""Who is asking, for which tenant, at what instant. Made once at the edge, passed down, never global."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from merx.kernel.errors import Forbidden, Unauthenticated
from merx.kernel.ids import CustomerId, SessionId, TenantId


class ActorKind(StrEnum):
    ANONYMOUS = "anonymous"
    KEY = "key"  # an API key; `actor_id` is the key's id
    STAFF = "staff"  # a signed-in member of the tenant
    CUSTOMER = "customer"  # a signed-in shopper
    CLIENT = "client"  # an OAuth client acting for itself
    SYSTEM = "system"  # worker, command line, demo


class Closing(msgspec.Struct, frozen=True):
    """A statement that travels with the commit of each of a request's transactions of this tenant. Its last argument is
    added there: whether the transaction writes still more with its commit. By dividing by zero it undoes them."""

    tenant: TenantId
    sql: str
    args: tuple[Any, ...]


class Ctx(msgspec.Struct, frozen=True):
    """`scopes` is the whole of what the caller may do: a role's permissions, or the scopes of a key or token.
    `"*"` grants everything inside the tenant."""

    tenant: TenantId
    actor: ActorKind = ActorKind.ANONYMOUS
    actor_id: UUID | None = None
    session: SessionId | None = None
    scopes: frozenset[str] = frozenset()
    source: str = "core"  # the dialect (or 'cli', 'worker') the call came through
    request_id: str = ""
    address: str = ""  # the client's network address, already past the trusted proxies
    now: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    client: UUID | None = None  # the OAuth client that acts, for itself or in a member's name
    closing: Closing | None = None  # by which a request under an idempotency key notes that it took effect

    def may(self, scope: str) -> bool:
        return "*" in self.scopes or scope in self.scopes

    def require(self, scope: str) -> None:
        """Raises Unauthenticated for nobody at all, Forbidden for somebody without `scope`."""
        if self.may(scope):
            return
        if self.actor is ActorKind.ANONYMOUS:
            raise Unauthenticated("Sign in or send an API key.")
        raise Forbidden(f"This needs the permission {scope}.", code="missing_permission", scope=scope)

    def repeatable(self) -> Ctx:
        """For work that finds itself again by keys of its own: done anew, it goes on from where it stopped, so nothing
        has to keep it from that."""
        return self if self.closing is None else msgspec.structs.replace(self, closing=None)

    def customer_id(self) -> CustomerId:
        """The signed-in shopper; raises Unauthenticated where there is none."""
        if self.actor is not ActorKind.CUSTOMER or self.actor_id is None:
            raise Unauthenticated("Sign in as a customer.", code="customer_required")
        return CustomerId(self.actor_id)

    @property
    def principal(self) -> str:
        """A name for the caller that idempotency keys and limits are scoped to."""
        name = f"{self.actor}:{self.actor_id or ''}"
        return name if self.client in (None, self.actor_id) else f"{name}@{self.client}"


def system(tenant: TenantId, source: str = "worker") -> Ctx:
    return Ctx(tenant, ActorKind.SYSTEM, scopes=frozenset({"*"}), source=source)
