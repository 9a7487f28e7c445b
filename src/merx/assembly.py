"""Builds the Runtime a process works with: the one place that knows every provider and the simulator. The server, the
worker and the command line's own commands all begin here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec

from merx import simulator
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.db.pool import Connection
from merx.db.traced import TracedConnection
from merx.kernel.spans import Tracer
from merx.ports import Mailer
from merx.providers import media, payments
from merx.providers.http import HttpSender
from merx.providers.mail import SmtpMailer
from merx.providers.payments.manual import Manual
from merx.providers.sms import TwilioSms
from merx.providers.traced import TracedMailer, TracedPayments, TracedSender, TracedSms
from merx.runtime import NoMailer, Runtime
from merx.settings import Settings, WrongSetting
from merx.vault import Vault


@contextlib.asynccontextmanager
async def open_runtime(settings: Settings, dsn: Dsn) -> AsyncIterator[Runtime]:
    """A Runtime with its connections, closed at the end of the block. Needs the installation's key in `settings`."""
    if settings.secret_key is None:
        raise WrongSetting("MERX_SECRET_KEY is missing: nothing can be sealed or signed without it.")
    vault = Vault(settings.secret_key)
    tracer = _tracer(settings)
    kind = Connection if tracer is None else TracedConnection
    database = await Database.open(dsn.app, settings.pool_size, kind)
    rt = Runtime(
        settings,
        database,
        vault,
        payments.build(),
        simulator.account_maker(settings, vault),
        webhooks=HttpSender(allow_private=settings.webhooks_allow_private),
        mailer=_mailer(settings),
        sms=TwilioSms(),
        media=media.open_store(settings),
        tracer=tracer,
    )
    try:
        yield rt if tracer is None else _traced(rt)
    finally:
        await rt.webhooks.close()
        await rt.mailer.close()
        await rt.sms.close()
        await rt.media.close()
        await database.close()
        if tracer is not None:
            await tracer.close()


def _tracer(settings: Settings) -> Tracer | None:
    if not settings.tracing:
        return None
    from merx import tracing  # with OpenTelemetry, which is there only where somebody wants it

    return tracing.start()


def _traced(rt: Runtime) -> Runtime:
    """The same with a span around whatever is asked of others."""
    asked = {name: one if isinstance(one, Manual) else TracedPayments(one) for name, one in rt.payments.items()}
    return msgspec.structs.replace(
        rt,
        payments=asked,
        webhooks=TracedSender(rt.webhooks),
        mailer=TracedMailer(rt.mailer),
        sms=TracedSms(rt.sms),
    )


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None or settings.mail_from is None:
        return NoMailer()
    return SmtpMailer(settings.smtp_url, settings.mail_from)
