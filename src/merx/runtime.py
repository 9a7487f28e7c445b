"""The few things a service needs that are not its arguments. Built once, in asgi.py, the command line or a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from merx.db.database import Database
from merx.kernel.ids import TenantId
from merx.kernel.spans import Tracer
from merx.ports import (
    Account,
    Answered,
    Delivery,
    Mail,
    Mailer,
    MediaStore,
    PaymentProvider,
    Posting,
    Sent,
    SmsSender,
    TextMessage,
    WebhookSender,
)
from merx.settings import Settings
from merx.vault import Vault


class NoSender:
    """What a process holds that sends no webhooks (an import, a migration)."""

    async def send(self, posting: Posting) -> Answered:
        raise RuntimeError("this process was built without a webhook sender")

    async def close(self) -> None:
        return None


class NoMailer:
    """Where no mail server is set: mails stay in the merchant's outbox."""

    ready = False
    domain = "localhost"

    async def send(self, mail: Mail) -> Sent:
        return Sent(Delivery.LATER, detail="No mail server is set.")

    async def close(self) -> None:
        return None


class NoSms:
    """What a process holds that sends no text messages."""

    async def send(self, account: Account, message: TextMessage) -> Sent:
        return Sent(Delivery.LATER, detail="This process sends no text messages.")

    async def find(self, account: Account, message: TextMessage) -> list[str] | None:
        return None

    async def close(self) -> None:
        return None


class NoMedia:
    """What a process holds that stores no pictures."""

    async def put(self, name: str, content: bytes) -> None:
        raise RuntimeError("this process was built without a store for pictures")

    async def get(self, name: str) -> bytes | None:
        return None

    async def delete(self, names: Sequence[str]) -> None:
        raise RuntimeError("this process was built without a store for pictures")

    async def close(self) -> None:
        return None


class Runtime(msgspec.Struct, frozen=True):
    settings: Settings
    db: Database
    vault: Vault
    payments: Mapping[str, PaymentProvider]
    test_account: Callable[[str, TenantId], Account]
    """The simulator's account of a tenant at a provider: what serves a tenant in test mode without credentials."""
    revocation_listeners: list[Callable[[], None]] = msgspec.field(default_factory=list)
    """Told when this process has taken back or narrowed some credential, or changed some tenant's plan: whoever
    remembers accepted credentials forgets them."""
    webhooks: WebhookSender = msgspec.field(default_factory=NoSender)
    mailer: Mailer = msgspec.field(default_factory=NoMailer)
    sms: SmsSender = msgspec.field(default_factory=NoSms)

    media: MediaStore = msgspec.field(default_factory=NoMedia)
    tracer: Tracer | None = None  # None: nobody wants traces

    def revoked(self) -> None:
        for heard in self.revocation_listeners:
            heard()
