"""Mail by SMTP. `MERX_SMTP_URL` is `smtp://user:password@host:port` (587 unless it says otherwise; STARTTLS where it is
offered, and always where a password is sent to another machine), or `smtps://…` (465, TLS from the first byte).
`?tls=required` refuses a server that offers none, `?tls=none` never asks for it."""

from __future__ import annotations

import asyncio
import re
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, Policy
from email.utils import localtime
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from merx.ports import Delivery, Mail, Sent

AT_ONCE = 16  # connections of this process
SECONDS = 30.0  # for one mail, from the connection to the server's last word
LONG_NAME = 60  # with its quotes and the header's name it stands on one line
_IN_QUOTES = re.compile(r'[()<>\[\]:;@\\,."]')
Tls = Literal["auto", "required", "none", "implicit"]
_LOCAL = ("localhost", "127.0.0.1", "::1")


class _Link(UnstructuredHeader, BaseHeader):
    """Stands as it is, however long: the standard library would write a word that no line holds in MIME's encoding, and
    encoded it is no link to a mail program (RFC 2369)."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Link)
_WRITING = SMTP.clone(header_factory=_HEADERS)


class SmtpMailer:
    """A connection a mail: nothing is left open that a server could have closed in between, and a failure says at which
    step it happened. Belongs to one event loop."""

    ready = True

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        implicit = parts.scheme == "smtps"
        self._port = parts.port or (465 if implicit else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "") if parts.username else None
        wanted = parse_qs(parts.query).get("tls", ["auto"])[0]
        if self._user and wanted == "auto" and self._host not in _LOCAL:
            wanted = "required"
        self._tls: Tls = "implicit" if implicit else "required" if wanted == "required" else "auto"
        if wanted == "none" and not implicit:
            self._tls = "none"
        self._sender = sender
        self.domain = sender.rpartition("@")[2]
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, mail: Mail) -> Sent:
        """Every answer of the server is one of ours: 4xx and a cut line are LATER, 5xx is REFUSED for good."""
        import aiosmtplib  # not at start: most processes never send a mail

        wide = not mail.recipient.isascii()
        try:
            body = _written(self._message(mail), SMTPUTF8 if wide else SMTP)
        except (ValueError, IndexError, UnicodeError, MessageError):
            return Sent(Delivery.REFUSED, detail="This is no address or subject that a mail can have.")
        try:
            async with self._places, asyncio.timeout(SECONDS):
                return await self._hand_over(body, mail.recipient, mail.message_id, wide)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            code, said = next(((one.code, one.message) for one in refused.recipients), (550, ""))
            return _answered(code, said)
        except aiosmtplib.SMTPAuthenticationError as refused:
            return Sent(Delivery.LATER, detail=f"The mail server refused our sign-in ({refused.code}).")
        except aiosmtplib.SMTPResponseException as refused:
            return _answered(refused.code, refused.message)
        except aiosmtplib.SMTPNotSupported:
            return Sent(Delivery.REFUSED, detail="The mail server can't take an address with such letters.")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as lost:
            return Sent(Delivery.LATER, detail=f"The mail server could not be reached ({type(lost).__name__}).")

    async def _hand_over(self, body: bytes, recipient: str, message_id: str, wide: bool) -> Sent:
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            timeout=SECONDS / 2,
            local_hostname=self.domain,
            use_tls=self._tls == "implicit",
            start_tls={"auto": None, "none": False, "required": True, "implicit": False}[self._tls],
        )
        try:
            await client.connect()
            if wide and not client.supports_extension("smtputf8"):
                return Sent(Delivery.REFUSED, detail="The mail server can't take an address with such letters.")
            options = ["SMTPUTF8", "BODY=8BITMIME"] if wide else []
            _, said = await client.sendmail(self._sender, [recipient], body, mail_options=options)
            return Sent(Delivery.ACCEPTED, reference=message_id, detail=_short(said))
        finally:
            client.close()  # it has said all that matters: no QUIT to wait for

    def _message(self, mail: Mail) -> EmailMessage:
        """Raises ValueError for a line break in a header: nothing that anybody wrote begins a header of its own."""
        found = EmailMessage(policy=_WRITING)
        found["From"] = Address(_as_name(mail.sender_name), addr_spec=self._sender)
        found["To"] = _address(_as_name(mail.recipient_name), mail.recipient)
        found["Subject"] = _as_text(mail.subject)
        found["Date"] = localtime()
        found["Message-ID"] = mail.message_id
        if mail.reply_to:
            found["Reply-To"] = _address("", mail.reply_to)
        found["Auto-Submitted"] = "auto-generated"
        for name, value in mail.headers.items():
            found[name] = value
        found.set_content(mail.text, cte="quoted-printable")
        found.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return found

    async def close(self) -> None:
        return None


def _address(name: str, text: str) -> Any:
    user, at, domain = text.rpartition("@")
    if not at or "=?" in text or any(c in text for c in '\r\n\0,;:<>"\\ \t'):
        raise ValueError("no address")
    return Address(name, username=user, domain=domain)


def _as_text(text: str) -> str:
    """The standard library reads MIME's encoding in what it is given, line breaks in it included, and writes them as
    they are: whoever is called =?utf-8?q?x=0ABcc:_y?= would begin a header. With a word joiner, which nobody sees, it
    is text like any other."""
    return text.replace("=?", "=\u2060?")


def _as_name(text: str) -> str:
    """A long one does without what has to stand in quotes: the standard library loses them where it breaks the line,
    and a name with a comma would be two addresses."""
    text = _as_text(text)
    return text if len(text) <= LONG_NAME else _IN_QUOTES.sub(" ", text)


def _written(message: EmailMessage, policy: Policy) -> bytes:
    """Raises ValueError where its lines are other headers than it was given, whatever made them so."""
    raw = message.as_bytes(policy=policy)
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    begun = [line.partition(b":")[0].decode("latin-1") for line in lines if not line.startswith((b" ", b"\t"))]
    if begun != message.keys() or any(end in line for line in lines for end in (b"\r", b"\n")):
        raise ValueError("another header")
    return raw


def _answered(code: int, said: str) -> Sent:
    outcome = Delivery.REFUSED if 500 <= code < 600 else Delivery.LATER
    return Sent(outcome, detail=f"The mail server answered {code}: {_short(said)}")


def _short(said: str) -> str:
    return " ".join(said.split())[:300]
