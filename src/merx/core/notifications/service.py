"""What a merchant can do with notifications: send a message to somebody of the shop, read the outbox, send again; and
what the person who gets them can do: opt out. Sending itself is in `sending`, beside this file."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from merx.core.auth import store as auth
from merx.core.customers import store as customers
from merx.core.notifications import letters, rules, steps, store
from merx.core.notifications.model import (
    HOUR,
    KEPT,
    RECIPIENT_PER_HOUR,
    TENANT_PER_HOUR,
    Channel,
    Draft,
    Kind,
    NoAddress,
    Notification,
    NotificationLimit,
    OnItsWay,
    OtherMessage,
    Person,
    PersonKind,
    Query,
    Recipient,
    State,
)
from merx.core.quotas import store as quotas
from merx.core.tenants import directory
from merx.core.tenants.model import Plan
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, NotFound, Refused
from merx.kernel.ids import CustomerId, NotificationId, StaffId, TenantId
from merx.runtime import Runtime

SWEPT_AT_ONCE = 1000
UNSUBSCRIBE_KEY = "unsubscribe"


# ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────────────
async def send_message(
    rt: Runtime,
    ctx: Ctx,
    to: Person,
    channel: Channel,
    subject: str,
    message: str,
    *,
    transactional: bool = False,
    key: str | None = None,
) -> Notification:
    """The merchant's own words to a customer or a member of the team: written down here, sent by the worker.

    `key` is the caller's own name for this message: the same message under the same key is sent once, another one is
    refused. What is not `transactional` is suppressed for people who opted out. Raises NotFound for somebody who is not
    of this shop, NoAddress where they can't be reached by this channel, NotificationLimit with seconds to wait."""
    ctx.require("notifications:send")
    subject, text = rules.check_message(channel, subject, message)
    name = f"message/{ctx.principal}/{rules.check_callers_key(key)}" if key is not None else f"message/{ids.new()}"
    ctx = ctx if key is None else ctx.repeatable()
    async with rt.db.begin(ctx) as tx:
        recipient = await _recipient(tx, to, channel)
        wanted = Draft(channel, Kind.MESSAGE, recipient, subject, name, transactional, text=text)
        earlier = await store.by_key(tx, name)
        ways = await steps.ways(rt, tx)
        state = await _state(tx, wanted, to, ways)
    if earlier is not None:
        return _same(earlier, wanted)
    if state is not State.SUPPRESSED:
        await _count(rt, ctx.tenant, channel, recipient.address)
    async with rt.db.begin(ctx) as tx:
        made = await store.insert(tx, [(wanted, state)])
        earlier = None if made else await store.by_key(tx, name)
    if earlier is not None:  # somebody sent it at the same moment
        return _same(earlier, wanted)
    rt.db.wake.set()
    return made[0]


async def get(rt: Runtime, ctx: Ctx, notification: NotificationId) -> Notification:
    """One, with its text as it was or will be sent; a secret's is not shown to anybody."""
    if not ctx.may("notifications:send"):
        ctx.require("notifications:read")
    named = await directory.find(rt, ctx.tenant)
    async with rt.db.begin(ctx) as tx:
        found = await store.get(tx, notification)
        if found is None:
            raise NotFound("notification")
        if found.text is not None or found.kind == Kind.PASSWORD_RESET:
            return found
        content, shop = await store.content(tx, notification), await steps.shop(rt, tx, named)
    letter = letters.render(Kind(found.kind), shop, content)
    return msgspec.structs.replace(found, text=letter.text, html=letter.html)


async def list_notifications(rt: Runtime, ctx: Ctx, query: Query | None = None) -> tuple[list[Notification], int]:
    """The outbox, newest first, and how much it holds. Texts of letters that wait are not rendered here."""
    ctx.require("notifications:read")
    query = query or Query()
    async with rt.db.begin(ctx) as tx:
        return await store.page(tx, query), await store.count(tx, query)


async def resend(rt: Runtime, ctx: Ctx, notification: NotificationId) -> Notification:
    """Sends it once more, whatever became of it; not where the person opted out, and not a secret."""
    ctx.require("notifications:send")
    async with rt.db.begin(ctx) as tx:
        found = await store.get(tx, notification)
        if found is None:
            raise NotFound("notification")
        if found.kind == Kind.PASSWORD_RESET:
            raise Refused("A link for a new password is not sent twice; ask for a new one.", code="not_resendable")
        if found.state is State.SUPPRESSED or await _unwanted(tx, found):
            raise Refused("This person has opted out of such messages.", code="opted_out")
        if found.state in (State.QUEUED, State.SENDING):
            raise OnItsWay
        if found.channel not in await steps.ways(rt, tx):
            raise Refused(f"Nothing is set up to send by {found.channel}.", code="not_configured")
    await _count(rt, ctx.tenant, found.channel, found.recipient)
    async with rt.db.begin(ctx) as tx:
        again = await store.requeue(tx, notification)
    if again is None:
        raise OnItsWay
    rt.db.wake.set()
    return again


async def _unwanted(tx: Tx, found: Notification) -> bool:
    if found.transactional or found.person is None:
        return False
    return await _opted_out(tx, found.person, found.channel, found.recipient)


async def _recipient(tx: Tx, to: Person, channel: Channel) -> Recipient:
    if to.kind is PersonKind.CUSTOMER:
        customer = await customers.by_id(tx, CustomerId(to.id))
        if customer is None:
            raise NotFound("user")
        if customer.erase_at is not None:
            raise NoAddress("Nothing is sent to a customer who is erased, or is about to be.", field="channel")
        address, phone, name = customer.email, customer.phone, customer.name
    else:
        member = await auth.member(tx, StaffId(to.id))
        if member is None:
            raise NotFound("user")
        person = member.staff
        address, phone, name = person.email, None, f"{person.first_name} {person.last_name}".strip()
    reached = rules.mail_address(address) if channel is Channel.EMAIL else rules.phone_number(phone)
    return Recipient(reached, rules.header_safe(name, 150), to)


async def _state(tx: Tx, draft: Draft, to: Person, ways: frozenset[Channel]) -> State:
    if not draft.transactional and await _opted_out(tx, to, draft.channel, draft.to.address):
        return State.SUPPRESSED
    return State.QUEUED if draft.channel in ways else State.KEPT


async def _opted_out(tx: Tx, person: Person, channel: Channel, address: str) -> bool:
    return channel in await steps.optouts(tx, person, address if channel is Channel.EMAIL else None)


def _same(earlier: Notification, wanted: Draft) -> Notification:
    same = (earlier.channel, earlier.recipient, earlier.subject, earlier.text)
    if same != (wanted.channel, wanted.to.address, wanted.subject, wanted.text):
        raise OtherMessage
    return earlier


async def _count(rt: Runtime, tenant: TenantId, channel: Channel, address: str) -> None:
    """One more message of this shop, and one more to this address; raises NotificationLimit. Counted apart from any
    transaction, so that what is refused later stays counted. Addresses stand there as digests."""
    found = await directory.find(rt, tenant)
    of_shop = TENANT_PER_HOUR[found.plan if found is not None else Plan.FREE]
    person = rt.vault.digest(f"{tenant.hex}/{channel}/{address}").hex()[:32]
    limits = [
        _Limit(f"notify:{tenant.hex}", of_shop, f"This shop sends at most {of_shop} messages an hour"),
        _Limit(f"notify:to:{person}", RECIPIENT_PER_HOUR, f"One person gets at most {RECIPIENT_PER_HOUR} an hour"),
    ]
    now = int(time.time())
    spent = await quotas.add(
        rt.db, [one.bucket for one in limits], [now] * len(limits), [HOUR] * len(limits), [1] * len(limits), now
    )
    for one in limits:
        hits, ends = spent[one.bucket]
        if hits > one.most:
            wait = max(1, ends - now)
            raise NotificationLimit(f"{one.says}; try again in {wait} seconds.", retry_after=wait)


@dataclass(frozen=True, slots=True)
class _Limit:
    bucket: str
    most: int
    says: str


# ── Opting out ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def opt_out(rt: Runtime, ctx: Ctx, person: Person, channel: Channel) -> None:
    """Nothing but what concerns their own orders and account is sent to them this way any more; what waits is not sent
    either. By a shopper for themselves, or by the shop."""
    await _choose(rt, ctx, person, channel, out=True)


async def opt_in(rt: Runtime, ctx: Ctx, person: Person, channel: Channel) -> None:
    await _choose(rt, ctx, person, channel, out=False)


async def opted_out(rt: Runtime, ctx: Ctx, person: Person) -> frozenset[Channel]:
    _require_own(ctx, person, "customers:read")
    async with rt.db.begin(ctx) as tx:
        known = await customers.by_id(tx, CustomerId(person.id)) if person.kind is PersonKind.CUSTOMER else None
        return await steps.optouts(tx, person, None if known is None else known.email)


async def unsubscribe(rt: Runtime, token: str) -> Channel:
    """By the link at the end of a message, without signing in; raises NotFound where it is not one of ours."""
    named = link(rt, token)
    ctx = Ctx(named[0], ActorKind.SYSTEM, scopes=frozenset({"*"}), source="unsubscribe")
    await _choose(rt, ctx, named[1], named[2], out=True)
    return named[2]


def link(rt: Runtime, token: str) -> tuple[TenantId, Person, Channel]:
    """Whom such a link names; raises NotFound."""
    found = rules.read_unsubscribe(rt.vault.key(UNSUBSCRIBE_KEY), token)
    if found is None:
        raise NotFound("link")
    return found


async def _choose(rt: Runtime, ctx: Ctx, person: Person, channel: Channel, *, out: bool) -> None:
    _require_own(ctx, person, "customers:write")
    async with rt.db.begin(ctx) as tx:
        people = [person]
        if person.kind is PersonKind.CUSTOMER:
            customer = await customers.by_id(tx, CustomerId(person.id))
            if customer is None:
                raise NotFound("customer")
            # A guest and an account of one address are one person to whoever reads the mails.
            if channel is Channel.EMAIL:
                people = [Person.customer(one) for one in await customers.ids_by_email(tx, customer.email)]
        elif await auth.member(tx, StaffId(person.id)) is None:
            raise NotFound("user")
        if out:
            await store.opt_out(tx, people, channel)
            await store.suppress(tx, people, channel)
        else:
            await store.opt_in(tx, people, channel)


def _require_own(ctx: Ctx, person: Person, scope: str) -> None:
    own = {ActorKind.CUSTOMER: PersonKind.CUSTOMER, ActorKind.STAFF: PersonKind.STAFF}.get(ctx.actor)
    if own is person.kind and ctx.actor_id == person.id:
        return
    ctx.require(scope)
    if ctx.actor is ActorKind.CUSTOMER:
        raise Forbidden("This is somebody else's choice.", code="not_yours_to_change")


# ── For the worker ───────────────────────────────────────────────────────────────────────────────────────────────────
async def forget_old(rt: Runtime, ctx: Ctx) -> int:
    """The sweep: one handful of this tenant's notifications that are past their time."""
    async with rt.db.begin(ctx) as tx:
        return await store.forget(tx, ctx.now - KEPT, SWEPT_AT_ONCE)
