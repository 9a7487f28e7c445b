"""Owns the wiring between the door and the services that vouch: auth for credentials, tenants for hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from merx.core.auth import service as auth
from merx.core.auth.model import Credential, InvalidKey
from merx.core.tenants import service as tenants
from merx.core.tenants.model import Origins
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.runtime import Runtime


class Services:
    async def by_key(self, rt: Runtime, key: str) -> Credential:
        if not key.startswith(auth.KEY_PREFIXES):
            raise InvalidKey()  # a token in the key's place
        return await auth.authenticate(rt, key)

    async def by_token(self, rt: Runtime, token: str) -> Credential:
        return await auth.authenticate(rt, token)

    async def shop(self, rt: Runtime, slug: str | None, domain: str | None) -> tuple[TenantId, str] | None:
        found = (
            await tenants.find_by_slug(rt, slug)
            if slug is not None
            else await tenants.find_by_domain(rt, domain)
            if domain is not None
            else None
        )
        if found is None or not found.active or found.id == PLATFORM_TENANT:
            return None
        return found.id, found.slug

    async def origins(self, rt: Runtime, tenant: TenantId) -> Origins:
        return await tenants.origins(rt, tenant)

    def digest(self, rt: Runtime, key: str) -> bytes:
        return auth.digest_of(rt, key, datetime.now(UTC))

    async def standing(self, rt: Runtime, digests: Sequence[bytes]) -> Mapping[bytes, Credential]:
        return await auth.standing(rt, digests)
