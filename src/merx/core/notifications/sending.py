"""Sending what waits: claimed in a transaction, handed over outside of any, noted in another one as soon as the other
side has answered, one by one.

At least once, and why: a claim is a lease, and what a killed worker held is tried again when the lease is over. A lost
order confirmation is worse than one that comes twice. What is tried again looks the same as before: a mail has the
same Message-ID at every try, by which receivers know a second copy for what it is; a text message is first looked for
in the provider's own list. So the one moment in which a crash can double a mail is the one between the mail server's
last 250 and the commit that notes it, and a text message only where the provider does not list what it has taken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import msgspec
import structlog

from merx.core.notifications import letters, rules, steps, store
from merx.core.notifications.model import POLICY, Channel, Due, Ended, Holder, Kind, Letter, Policy, Shop, State
from merx.core.tenants import directory
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError
from merx.ports import Account, Delivery, Mail, Sent, TextMessage
from merx.runtime import Runtime

ROUND_SECONDS = 60.0
TURNS_AT_ONCE = 2  # database transactions of one batch together; the pool serves shoppers too
UNSUBSCRIBE_KEY = "unsubscribe"
NO_WAY = "Nothing is set up to send it by; it stays here."
BUG = "The try failed inside Merx."
log = structlog.get_logger(__name__)

Secret = Callable[[Runtime, Ctx, Due, Shop], Awaitable[Letter | None]]
"""Writes a letter that is stored nowhere, at the moment it is sent; None: there is nobody to write to."""


async def send_due(rt: Runtime, ctx: Ctx, secrets: Mapping[str, Secret], policy: Policy = POLICY) -> int:
    """Sends what is due of one tenant, a batch at a time; how many tries that were."""
    done, until = 0, time.monotonic() + ROUND_SECONDS
    named = await directory.find(rt, ctx.tenant)
    while True:
        holder = Holder(ids.new(), policy)
        async with rt.db.begin(_now(ctx)) as tx:
            claimed = await store.claim(tx, holder)
            if not claimed:
                return done
            job = _Job(rt, ctx, holder, await steps.shop(rt, tx, named), await steps.sms_account(rt, tx), secrets)
        await asyncio.gather(*(job.do(due) for due in claimed))
        done += len(claimed)
        if len(claimed) < policy.at_once or time.monotonic() > until:
            return done


class _Job:
    """One batch: everything that is the same for all of it."""

    def __init__(
        self, rt: Runtime, ctx: Ctx, holder: Holder, shop: Shop, sms: Account | None, secrets: Mapping[str, Secret]
    ) -> None:
        self._rt, self._ctx, self._holder, self._shop, self._sms = rt, ctx, holder, shop, sms
        self._secrets = secrets
        self._turns = asyncio.Semaphore(TURNS_AT_ONCE)

    async def do(self, due: Due) -> None:
        """One try, noted at once. A bug of ours is a try that failed, or it would be tried for ever."""
        try:
            ended = await (self._mail(due) if due.channel is Channel.EMAIL else self._text(due))
        except Exception as wrong:
            known = isinstance(wrong, MerxError)
            log.error("notification.failed", notification=str(due.id), exc_info=None if known else wrong)
            ended = self._again(due, wrong.message if isinstance(wrong, MerxError) else BUG)
        async with self._turns, self._rt.db.begin(_now(self._ctx)) as tx:
            if ended is None:
                await store.discard(tx, self._holder, due)
            else:
                await store.settle(tx, self._holder, ended)

    async def _mail(self, due: Due) -> Ended | None:
        writer, links = self._secrets.get(due.kind), {}
        if writer is not None:
            letter = await writer(self._rt, self._ctx, due, self._shop)
            if letter is None:
                return None
        elif due.kind == Kind.MESSAGE:
            url = None if due.transactional else self._unsubscribe_url(due)
            letter = letters.message(self._shop, due.subject, due.text or "", url)
            links = _unsubscribe_headers(url)
        else:
            letter = letters.render(Kind(due.kind), self._shop, due.content)
        # What a secret letter said is nowhere kept, and a merchant's own words are kept as they were written.
        kept = None if writer is not None else letter
        if kept is not None and due.text is not None:
            kept = Letter(due.text, letter.html)
        if not self._rt.mailer.ready:
            return Ended(due, State.KEPT, self._ctx.now, error=NO_WAY, letter=kept)
        mail = Mail(
            message_id=rules.message_id(due, self._rt.mailer.domain),
            recipient=due.recipient,
            recipient_name=due.recipient_name,
            sender_name=rules.header_safe(self._shop.name, 100),
            subject=due.subject,
            text=letter.text,
            html=letter.html,
            reply_to=self._shop.contact if rules.is_mailable(self._shop.contact) else None,
            headers=links,
        )
        return self._ended(due, await self._rt.mailer.send(mail), kept)

    async def _text(self, due: Due) -> Ended:
        if self._sms is None:
            return Ended(due, State.KEPT, self._ctx.now, error=NO_WAY)
        message = TextMessage(due.recipient, due.text or due.subject, due.created_at)
        if due.tried > 1 and (reference := await self._taken_before(self._sms, message)) is not None:
            return self._ended(due, Sent(Delivery.ACCEPTED, reference), None)
        return self._ended(due, await self._rt.sms.send(self._sms, message), None)

    async def _taken_before(self, account: Account, message: TextMessage) -> str | None:
        """The message of an earlier try whose answer was lost. One that another row was sent as is not ours."""
        found = await self._rt.sms.find(account, message)
        if not found:
            return None
        async with self._rt.db.begin(_now(self._ctx)) as tx:
            others = await store.known_references(tx, found)
        return next((one for one in found if one not in others), None)

    def _ended(self, due: Due, sent: Sent, letter: Letter | None) -> Ended:
        now = datetime.now(UTC)
        if sent.outcome is Delivery.ACCEPTED:
            return Ended(due, State.SENT, now, reference=sent.reference, letter=letter)
        if sent.outcome is Delivery.REFUSED:
            return Ended(due, State.FAILED, now, error=sent.detail, letter=letter)
        return self._again(due, sent.detail, letter)

    def _again(self, due: Due, error: str | None, letter: Letter | None = None) -> Ended:
        now = datetime.now(UTC)
        at = rules.next_try(due, self._holder.policy, now, random.random())  # noqa: S311
        return Ended(due, State.FAILED if at is None else State.QUEUED, at or now, error=error, letter=letter)

    def _unsubscribe_url(self, due: Due) -> str | None:
        if due.person is None:
            return None
        key = self._rt.vault.key(UNSUBSCRIBE_KEY)
        return f"{self._shop.url}/unsubscribe?token={rules.unsubscribe_token(key, due.tenant, due.person, due.channel)}"


def _unsubscribe_headers(url: str | None) -> dict[str, str]:
    """RFC 2369 and RFC 8058: the mail programme's own button."""
    if url is None:
        return {}
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _now(ctx: Ctx) -> Ctx:
    return msgspec.structs.replace(ctx, now=datetime.now(UTC))
