"""Steps inside somebody else's transaction: writing what is to be told, in whose name, and by which ways it can go."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from merx.core.customers import store as customers
from merx.core.notifications import store
from merx.core.notifications.model import Channel, Draft, Notification, Person, PersonKind, Shop, State
from merx.core.tenants import directory
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Tenant
from merx.db.database import Tx
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.ports import Account
from merx.runtime import Runtime

PLATFORM_NAME = "Merx"


async def write(rt: Runtime, tx: Tx, drafts: Sequence[Draft]) -> list[Notification]:
    """Each once, by its key. Where there is nobody to send it by, it is kept in the outbox from the beginning."""
    if not drafts:
        return []
    there = await ways(rt, tx)
    return await store.insert(tx, [(draft, State.QUEUED if draft.channel in there else State.KEPT) for draft in drafts])


async def ways(rt: Runtime, tx: Tx) -> frozenset[Channel]:
    """The channels that something can be sent by."""
    found = {Channel.EMAIL} if rt.mailer.ready else set()
    if await sms_account(rt, tx) is not None:
        found.add(Channel.SMS)
    return frozenset(found)


async def optouts(tx: Tx, person: Person, email: str | None) -> frozenset[Channel]:
    """What this person wants no news by. A guest and an account of one e-mail are one reader of its mails, also where
    one of the two came to be after the other had opted out."""
    people: set[UUID] = {person.id}
    if person.kind is PersonKind.CUSTOMER and email is not None:
        people.update(await customers.ids_by_email(tx, email))
    found = await store.optouts_of(tx, people)
    return frozenset(channel for who, channel in found if who == person.id or channel is Channel.EMAIL)


async def sms_account(rt: Runtime, tx: Tx) -> Account | None:
    """The installation's account; without one, that of a shop in test mode at the simulator."""
    if (real := installed_sms(rt, tx.ctx.tenant)) is not None:
        return real
    if tx.ctx.tenant == PLATFORM_TENANT or not (await tenants.settings(tx)).payment_test_mode:
        return None
    account = rt.test_account("twilio", tx.ctx.tenant)
    return account if "account_sid" in account.credentials else None


def installed_sms(rt: Runtime, tenant: TenantId) -> Account | None:
    own = rt.settings
    if own.twilio_account_sid is None or own.twilio_auth_token is None or own.twilio_from is None:
        return None
    credentials = {
        "account_sid": own.twilio_account_sid,
        "auth_token": own.twilio_auth_token,
        "from": own.twilio_from,
    }
    return Account(tenant, credentials, test_mode=False, endpoint=own.twilio_url)


async def shop(rt: Runtime, tx: Tx, named: Tenant | None) -> Shop:
    """In whose name letters of this tenant are written. The platform's own are those about staff accounts. `named`: the
    tenant, found before the transaction began, so that nobody waits for a second connection while holding one."""
    if tx.ctx.tenant == PLATFORM_TENANT or named is None:
        return Shop(PLATFORM_NAME, rt.settings.public_url, "en_US")
    kept = await tenants.settings(tx)
    url = directory.shop_url(rt, named.slug)
    if named.domain is not None:
        url = f"{url.partition('://')[0]}://{named.domain}"
    return Shop(named.name, url, kept.locale, kept.contact_email)
