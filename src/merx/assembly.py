"""Builds the Runtime a process works with: the one place that knows every provider and the simulator. The server, the
worker and the command line's own commands all begin here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from merx import simulator
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.ports import Mailer
from merx.providers import media, payments
from merx.providers.http import HttpSender
from merx.providers.mail import SmtpMailer
from merx.providers.sms import TwilioSms
from merx.runtime import NoMailer, Runtime
from merx.settings import Settings, WrongSetting
from merx.vault import Vault


@contextlib.asynccontextmanager
async def open_runtime(settings: Settings, dsn: Dsn) -> AsyncIterator[Runtime]:
    """A Runtime with its connections, closed at the end of the block. Needs the installation's key in `settings`."""
    if settings.secret_key is None:
        raise WrongSetting("MERX_SECRET_KEY is missing: nothing can be sealed or signed without it.")
    vault = Vault(settings.secret_key)
    database = await Database.open(dsn.app, settings.pool_size)
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
    )
    try:
        yield rt
    finally:
        await rt.webhooks.close()
        await rt.mailer.close()
        await rt.sms.close()
        await rt.media.close()
        await database.close()


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None or settings.mail_from is None:
        return NoMailer()
    return SmtpMailer(settings.smtp_url, settings.mail_from)
