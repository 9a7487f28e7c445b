"""Owns the door: the credentials a request presents become a `Credential` (asked of the auth service, or remembered),
that becomes the request's `Ctx`, and the limits of its plan are taken."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from merx.core.auth.model import Credential
from merx.core.tenants.model import Origins
from merx.edge import headers as fixed
from merx.edge.answers import KeyMemory
from merx.edge.app import Dialect, Quota
from merx.edge.client import address_bucket
from merx.edge.credentials import Presented
from merx.edge.headers import Header
from merx.edge.limits import Limiter, Verdict
from merx.edge.visit import Visit
from merx.kernel.context import Ctx
from merx.kernel.errors import Forbidden, Kind, MerxError, NotFound, Unauthenticated
from merx.kernel.ids import TenantId
from merx.runtime import Runtime

ANONYMOUS = Quota(minute=600)
"""Of a client address without a credential; a wrong credential counts here too."""

ORIGINS_SECONDS, MOST_REMEMBERED = 5.0, 10_000

_ABOUT_WHO = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND)


class Authority(Protocol):
    """What the door asks of the auth and tenant services. The first two raise Unauthenticated."""

    async def by_key(self, rt: Runtime, key: str) -> Credential: ...

    async def by_token(self, rt: Runtime, token: str) -> Credential: ...

    async def shop(self, rt: Runtime, slug: str | None, domain: str | None) -> tuple[TenantId, str] | None:
        """(id, slug) of the active shop of this name, or of this domain of its own."""
        ...

    async def origins(self, rt: Runtime, tenant: TenantId) -> Origins:
        """Whose pages may call the shop from a browser."""
        ...

    def digest(self, rt: Runtime, key: str) -> bytes: ...

    async def standing(self, rt: Runtime, digests: Sequence[bytes]) -> Mapping[bytes, Credential]:
        """Which of these keys still stand, and as what."""
        ...


class Gate:
    def __init__(self, rt: Runtime, authority: Authority, limiter: Limiter, keys: KeyMemory[Credential]) -> None:
        self.rt = rt
        self.limiter = limiter
        self.keys = keys
        self._authority = authority
        self._origins: dict[TenantId, tuple[float, Origins]] = {}
        rt.revocation_listeners.append(self._origins.clear)

    async def place(self, visit: Visit) -> None:
        """A shop's own domain names it as its host below the base domain would."""
        if visit.host_slug is None and visit.host_domain is not None:
            shop = await self._authority.shop(self.rt, None, visit.host_domain)
            visit.host_slug = None if shop is None else shop[1]

    async def tenant_of(self, slug: str | None, domain: str | None) -> TenantId | None:
        if slug is None and domain is None:
            return None
        shop = await self._authority.shop(self.rt, slug, None if slug is not None else domain)
        return None if shop is None else shop[0]

    async def cross_origin(self, visit: Visit, tenant: TenantId) -> tuple[Header, ...]:
        """What the browser is told about a page elsewhere, by the shop's settings of at most ORIGINS_SECONDS ago: this
        decides what a page may read, not who may do what."""
        now = time.monotonic()
        known = self._origins.get(tenant)
        if known is None or known[0] <= now:
            if len(self._origins) > MOST_REMEMBERED:
                self._origins.clear()
            known = (now + ORIGINS_SECONDS, await self._authority.origins(self.rt, tenant))
            self._origins[tenant] = known
        origin, origins = visit.headers[b"origin"], known[1]
        allowed = origins.allow(origin.decode("latin-1")) if origins.listed else None
        return fixed.for_origin(origin, allowed)

    def recall(self, visit: Visit, who: Presented, dialect: Dialect) -> bool:
        """Fills in who is asking from memory, where that is known: for catalogue reads and nothing else."""
        if who.key is None or who.token is not None:
            return False
        found = self.keys.recall(who.key)
        if found is None or (visit.host_slug is not None and visit.host_slug != found.slug):
            return False
        now = datetime.now(UTC)
        if found.expires_at is not None and found.expires_at <= now:
            return False
        if who.in_query and not found.storefront_only:
            return False
        know(visit, found, dialect, now)
        return True

    async def enter(self, visit: Visit, who: Presented, dialect: Dialect) -> None:
        """Fills in who is asking. What is wrong with a credential is kept until somebody needs one, so that signing in
        works for a client that sends its stale token along."""
        try:
            visit.credential, visit.ctx = await self._caller(visit, who, dialect)
            visit.shop = visit.ctx
        except MerxError as refused:
            if refused.kind not in _ABOUT_WHO:
                raise
            visit.denied, visit.credential, visit.ctx = refused, None, None
            if who.token is not None:
                with contextlib.suppress(Unauthenticated, Forbidden, NotFound):
                    visit.shop = (await self._caller(visit, replace(who, token=None), dialect))[1]

    async def _caller(self, visit: Visit, who: Presented, dialect: Dialect) -> tuple[Credential | None, Ctx | None]:
        now = datetime.now(UTC)
        found = await self._credential(who, visit.host_slug)
        if found is not None:
            return found, found.ctx(now=now, source=dialect.name, request_id=visit.id, address=visit.address)
        if visit.host_slug is None:
            return None, None
        shop = await self._authority.shop(self.rt, visit.host_slug, None)
        if shop is None:
            raise NotFound("shop")
        return None, Ctx(shop[0], source=dialect.name, request_id=visit.id, address=visit.address, now=now)

    async def _credential(self, who: Presented, slug: str | None) -> Credential | None:
        """A token's, beside which a key only names the shop; else the key's."""
        key = None if who.key is None else await self._by_key(who)
        token = None if who.token is None else await self._authority.by_token(self.rt, who.token)
        found = token or key
        if found is None:
            return None
        if token is not None and key is not None and token.tenant != key.tenant:
            raise Forbidden("The token and the API key belong to different shops.", code="wrong_tenant")
        if slug is not None and slug != found.slug:
            raise Forbidden("This credential belongs to another shop.", code="wrong_tenant")
        return found

    async def _by_key(self, who: Presented) -> Credential:
        assert who.key is not None
        begun = self.keys.begin()
        found = await self._authority.by_key(self.rt, who.key)
        if who.in_query and not found.storefront_only:
            raise Forbidden("A key with more than storefront scopes is sent in a header.", code="key_in_address")
        self.keys.remember(who.key, self._authority.digest(self.rt, who.key), found, begun)
        return found

    async def count(self, visit: Visit, dialect: Dialect) -> None:
        """Takes one request from the caller's and the tenant's quota; raises Limited. The headers are set either
        way."""
        subject, tenant, quota = measure(visit, dialect)
        limiter = self.limiter
        verdict: Verdict = (
            limiter.take(subject, tenant, quota)
            if limiter.shared is None
            else await limiter.take_shared(subject, tenant, quota)
        )
        visit.rate = verdict.headers()
        if not verdict.allowed:
            raise verdict.refusal()


def know(visit: Visit, found: Credential, dialect: Dialect, now: datetime) -> None:
    """The credential was in memory, and holds: it is the caller's."""
    visit.credential = found
    visit.ctx = visit.shop = found.ctx(now=now, source=dialect.name, request_id=visit.id, address=visit.address)


def measure(visit: Visit, dialect: Dialect) -> tuple[str, str | None, Quota]:
    """(who is counted, which tenant, against what). A dialect with limits of its own counts by itself."""
    found = visit.credential
    if found is None:
        return f"a:{address_bucket(visit.address)}", None, ANONYMOUS
    return counted(found, dialect)


def counted(found: Credential, dialect: Dialect) -> tuple[str, str | None, Quota]:
    limits = found.limits
    quota = Quota(limits.per_minute, limits.per_day)
    tenant = found.tenant.hex
    subject = f"{tenant}:{found.actor_id.hex}"
    if dialect.quota is None:
        return subject, tenant, quota
    if found.requests_per_minute is None:
        quota = dialect.quota(found.plan, quota)
    return f"{dialect.name}:{subject}", f"{dialect.name}:{tenant}", quota
