"""Each tenant's account at the simulator. Nothing is stored: keys and secrets follow from the tenant and one secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from uuid import UUID

from merx.kernel.ids import TenantId
from merx.ports import Account
from merx.settings import Settings
from merx.simulator import twilio
from merx.vault import Vault

PREFIX = "/simulator/stripe"
RAZORPAY = "/simulator/razorpay"
_KEY = re.compile(r"sk_test_sim_([0-9a-f]{32})_([0-9a-f]{24})", re.ASCII)
_KEY_ID = re.compile(r"rzp_test_sim_([0-9a-f]{32})", re.ASCII)
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104


def account_maker(settings: Settings, vault: Vault) -> Callable[[str, TenantId], Account]:
    """What a Runtime holds as `test_account`."""
    secret, here = secret_of(vault), internal_url(settings)

    def test_account(provider: str, tenant: TenantId) -> Account:
        match provider:
            case "stripe":
                return account_for(tenant, secret, here + PREFIX)
            case "razorpay":
                script = f"{settings.public_url}{RAZORPAY}/checkout.js"
                return razorpay_account_for(tenant, secret, here + RAZORPAY, script)
            case "twilio":
                return twilio.account_for(tenant, secret, here)
        return Account(tenant, {})

    return test_account


def account_for(tenant: TenantId, secret: bytes, endpoint: str) -> Account:
    credentials = {"secret_key": secret_key(tenant, secret), "webhook_secret": webhook_secret(tenant, secret)}
    return Account(tenant, credentials, test_mode=True, endpoint=endpoint)


def razorpay_account_for(tenant: TenantId, secret: bytes, endpoint: str, script: str) -> Account:
    credentials = {
        "key_id": key_id(tenant),
        "key_secret": key_secret(tenant, secret),
        "webhook_secret": webhook_secret(tenant, secret, "razorpay"),
    }
    return Account(tenant, credentials, test_mode=True, endpoint=endpoint, script=script)


def secret_of(vault: Vault) -> bytes:
    return vault.key("simulator")


def secret_key(tenant: UUID, secret: bytes) -> str:
    """Names the tenant, and can't be made up by those who know the tenant's id."""
    return f"sk_test_sim_{tenant.hex}_{_mac(secret, 'key', tenant)[:24]}"


def key_id(tenant: UUID) -> str:
    """Razorpay's public half: every browser gets to see it."""
    return f"rzp_test_sim_{tenant.hex}"


def key_secret(tenant: UUID, secret: bytes) -> str:
    return _mac(secret, "razorpay key", tenant)[:40]


def webhook_secret(tenant: UUID, secret: bytes, provider: str = "stripe") -> str:
    if provider == "razorpay":
        return _mac(secret, "razorpay callbacks", tenant)[:40]
    return f"whsec_sim_{_mac(secret, 'callbacks', tenant)}"


def account_of(authorization: str, secret: bytes) -> UUID | None:
    """Whose key an Authorization header carries (Bearer, or Basic with the key as user), if it is one of ours."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        given = (_basic(given) or ("", ""))[0]
    elif scheme.lower() != "bearer":
        return None
    shape = _KEY.fullmatch(given.strip())
    if shape is None:
        return None
    tenant = UUID(shape[1])
    return tenant if hmac.compare_digest(secret_key(tenant, secret), given.strip()) else None


def razorpay_account_of(authorization: str, secret: bytes) -> UUID | None:
    """Whose key and secret a Basic Authorization header carries, if they are ours."""
    scheme, _, given = authorization.partition(" ")
    user, word = (_basic(given) if scheme.lower() == "basic" else None) or ("", "")
    tenant = tenant_of_key_id(user)
    if tenant is None:
        return None
    return tenant if hmac.compare_digest(key_secret(tenant, secret).encode(), word.encode()) else None


def tenant_of_key_id(text: str) -> UUID | None:
    shape = _KEY_ID.fullmatch(text)
    return None if shape is None else UUID(shape[1])


def _basic(given: str) -> tuple[str, str] | None:
    try:
        user, _, word = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, word


def internal_url(settings: Settings) -> str:
    """Where this very server answers on its own machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.port}"


def _mac(secret: bytes, use: str, tenant: UUID) -> str:
    return hmac.new(secret, use.encode() + tenant.bytes, hashlib.sha256).hexdigest()
