"""Pure: how a token is written and read. It names the tenant it belongs to, and 256 bits nobody can guess."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from merx.core.recovery.model import DeadLink
from merx.kernel.ids import TenantId

_PREFIX = "mpr_"
_LENGTH = len(_PREFIX) + 64


def spelled(tenant: TenantId, secret: bytes) -> str:
    return _PREFIX + base64.urlsafe_b64encode(tenant.bytes + secret).decode()


def tenant_of(token: str) -> TenantId:
    """Raises DeadLink for what is no such token."""
    if not token.startswith(_PREFIX) or len(token) != _LENGTH or not token.isascii():
        raise DeadLink
    try:
        return TenantId(UUID(bytes=base64.b64decode(token[len(_PREFIX) :], altchars=b"-_", validate=True)[:16]))
    except (binascii.Error, ValueError):
        raise DeadLink from None
