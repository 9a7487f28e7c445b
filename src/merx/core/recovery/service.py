"""Asking for a link, and choosing a password with it.

Asking does the same whether or not there is such an account: it writes one row, and answers. Who lives at the address
is looked up by the worker, which makes the token at the moment it sends the mail: nobody can tell a hit from a miss by
the answer or by the time it takes, and the token itself is stored nowhere but as a digest."""

from __future__ import annotations

import os
import time
from uuid import UUID

import msgspec

from merx.core.auth import passwords, resets, sessions
from merx.core.auth import rules as auth_rules
from merx.core.auth import store as auth
from merx.core.customers import store as customers
from merx.core.notifications import letters, store
from merx.core.notifications import rules as notification_rules
from merx.core.notifications import steps as notifications
from merx.core.notifications.model import Channel, Content, Draft, Due, Kind, Letter, Recipient, Shop, State
from merx.core.quotas import store as quotas
from merx.core.recovery import rules
from merx.core.recovery.model import (
    ASKED_FOR_WITHIN,
    LINK_LIFE,
    PER_ACCOUNT,
    PER_ACCOUNT_AND_ADDRESS,
    PER_ADDRESS,
    WINDOW_SECONDS,
    Audience,
    DeadLink,
)
from merx.core.tenants import directory
from merx.core.tenants import rules as tenant_rules
from merx.db.database import Tx
from merx.kernel import addresses, ids
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Forbidden, Invalid, Limited
from merx.kernel.ids import PLATFORM_TENANT, CustomerId, StaffId, TenantId
from merx.runtime import Runtime


# ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def request_staff_reset(rt: Runtime, email: str, address: str = "") -> None:
    """A link for whoever works on this installation under `email`, to the dashboard. `address`: the caller's network
    address. Answers nothing, whoever lives there; raises Invalid for what is no e-mail, and Limited."""
    await _ask(rt, PLATFORM_TENANT, Audience.STAFF, email, address)


async def request_customer_reset(rt: Runtime, ctx: Ctx, email: str) -> None:
    """The same for an account at the shop of `ctx`, to that shop's own pages."""
    if ctx.tenant == PLATFORM_TENANT:
        raise Forbidden("The platform itself has no shop to sign in to.", code="no_shop")
    await _ask(rt, ctx.tenant, Audience.CUSTOMER, email, ctx.address)


async def _ask(rt: Runtime, tenant: TenantId, audience: Audience, email: str, address: str) -> None:
    found = tenant_rules.email(email)
    if found is None or not notification_rules.is_mailable(found):
        raise Invalid("Enter a valid email address.", field="email")
    await _count(rt, tenant, found, address)
    named = await directory.find(rt, tenant)
    async with rt.db.begin(system(tenant, "recovery")) as tx:
        shop = await notifications.shop(rt, tx, named)
        content = Content(audience=audience.value)
        draft = Draft(
            Channel.EMAIL,
            Kind.PASSWORD_RESET,
            Recipient(found),
            notification_rules.subject_of(Kind.PASSWORD_RESET, shop.name, content),
            f"reset/{ids.new()}",
            content=msgspec.json.encode(content).decode(),
        )
        # Queued even where there is no mail server: whether somebody lives there is for the worker to find out.
        await store.insert(tx, [(draft, State.QUEUED)])
    rt.db.wake.set()


async def _count(rt: Runtime, tenant: TenantId, email: str, address: str) -> None:
    """Counted by what was typed in, not by what is there, so that being limited says nothing either."""
    account = rt.vault.digest(f"reset/{tenant.hex}/{email}").hex()[:32]
    here = rt.vault.digest(f"reset/{addresses.bucket(address)}").hex()[:32]
    most = {
        f"reset:{account}:{here}": PER_ACCOUNT_AND_ADDRESS,
        f"reset:{account}": PER_ACCOUNT,
        f"reset:from:{here}": PER_ADDRESS,
    }
    now, count = int(time.time()), len(most)
    spent = await quotas.add(rt.db, list(most), [now] * count, [WINDOW_SECONDS] * count, [1] * count, now)
    for bucket, limit in most.items():
        hits, ends = spent[bucket]
        if hits > limit:
            wait = max(1, ends - now)
            raise Limited(f"Too many links were asked for; try again in {wait} seconds.", retry_after=wait)


# ── Sending: called by the worker for each such row that it has claimed ──────────────────────────────────────────────
async def write_letter(rt: Runtime, ctx: Ctx, due: Due, shop: Shop) -> Letter | None:
    """The letter with a token made for it now, in place of any that was sent before; None where nobody lives there, or
    where it was asked for too long ago."""
    if ctx.now - due.created_at > ASKED_FOR_WITHIN:
        return None
    staff = due.content.audience == Audience.STAFF
    found = await (_staff(rt, due.recipient) if staff else _customer(rt, ctx, due.recipient))
    if found is None:
        return None
    actor_id, name = found
    token = rules.spelled(ctx.tenant, os.urandom(32))
    async with rt.db.begin(ctx) as tx:
        actor = ActorKind.STAFF if staff else ActorKind.CUSTOMER
        await resets.put(tx, rt.vault.digest(token), actor, actor_id, ctx.now + LINK_LIFE)
    page = f"{rt.settings.public_url}/dashboard/reset" if staff else f"{shop.url}/account/reset"
    return letters.reset(shop, f"{page}?token={token}", name, int(LINK_LIFE.total_seconds() // 60))


async def _staff(rt: Runtime, email: str) -> tuple[StaffId, str] | None:
    found = await auth.staff_by_email(rt.db, email)
    if found is None or not found[0].active or not await auth.tenants_of(rt.db, found[0].id):
        return None
    return found[0].id, found[0].first_name


async def _customer(rt: Runtime, ctx: Ctx, email: str) -> tuple[CustomerId, str] | None:
    async with rt.db.begin(ctx) as tx:
        found = await customers.account_by_email(tx, email)
    if found is None or not found[0].may_sign_in:
        return None
    return found[0].id, found[0].first_name


# ── Using it ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def check_token(rt: Runtime, token: str) -> Audience:
    """Whose page it belongs to; raises DeadLink. It stays unspent: for a page that shows the form."""
    ctx = system(rules.tenant_of(token), "recovery")
    found = await auth.credential(rt.db, rt.vault.digest(token))
    if found is None or found.kind != "reset" or found.expires_at is None or found.expires_at <= ctx.now:
        raise DeadLink
    return Audience.STAFF if found.actor is ActorKind.STAFF else Audience.CUSTOMER


async def reset_password(rt: Runtime, token: str, wanted: str, *, shop: TenantId | None = None) -> None:
    """Sets the password and ends every session of this person, everywhere. The token is spent with it; a password that
    is refused leaves it. `shop`: it must be a shopper's token of this shop; without it, a member's. Raises DeadLink,
    and Invalid for a password that is none."""
    tenant = rules.tenant_of(token)
    audience = await check_token(rt, token)
    if (shop is None) != (audience is Audience.STAFF) or (shop is not None and shop != tenant):
        raise DeadLink
    ctx, digest = system(tenant, "recovery"), rt.vault.digest(token)
    person, known = await _known(rt, ctx, digest)
    if faults := auth_rules.password_faults(wanted, *known):
        raise Invalid(faults[0], fields={"password": faults})
    password_hash = await passwords.hashed(wanted)
    if audience is Audience.STAFF:  # should this process die before the end, no session of before outlives the password
        await _end_elsewhere(rt, ctx, StaffId(person))
    async with rt.db.begin(ctx) as tx:
        spent = await resets.spend(tx, digest)
        if spent is None:
            raise DeadLink
        await resets.forget(tx, spent[1])
        await _set_password(rt, tx, *spent, password_hash)
    if spent[0] is ActorKind.STAFF:
        await _end_elsewhere(rt, ctx, StaffId(spent[1]))
    rt.revoked()


async def _set_password(rt: Runtime, tx: Tx, actor: ActorKind, actor_id: UUID, password_hash: str) -> None:
    if actor is ActorKind.STAFF:
        staff = StaffId(actor_id)
        await auth.set_staff_password(tx, staff, password_hash)
        await sessions.end_all(rt, tx, staff)
    else:
        customer = CustomerId(actor_id)
        await customers.set_password(tx, customer, password_hash)
        await sessions.end_all(rt, tx, customer)


async def _end_elsewhere(rt: Runtime, ctx: Ctx, staff: StaffId) -> None:
    """In every shop they work in: a session belongs to a shop, and a transaction too."""
    for tenant, *_ in await auth.tenants_of(rt.db, staff):
        async with rt.db.begin(msgspec.structs.replace(ctx, tenant=tenant)) as tx:
            await sessions.end_all(rt, tx, staff)


async def _known(rt: Runtime, ctx: Ctx, digest: bytes) -> tuple[UUID, list[str]]:
    """Whose token it is, and what everybody knows of them: no good password."""
    found = await auth.credential(rt.db, digest)
    if found is None:
        raise DeadLink
    if found.actor is ActorKind.STAFF:
        person = await auth.staff_by_id(rt.db, StaffId(found.actor_id))
        return found.actor_id, [] if person is None else [person[0].email]
    async with rt.db.begin(ctx) as tx:
        shopper = await customers.by_id(tx, CustomerId(found.actor_id))
    return found.actor_id, [] if shopper is None else [shopper.email]
