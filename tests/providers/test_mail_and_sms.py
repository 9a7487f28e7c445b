"""SMTP to real servers (plain, with TLS, with a password, unwilling ones) and Twilio's API as the simulator speaks it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import AuthResult
from tests.mailroom import SENDER, control, post_office, text_office

from merx.db.dsn import Dsn
from merx.kernel import ids
from merx.kernel.ids import TenantId
from merx.ports import Account, Delivery, Mail, TextMessage
from merx.providers.mail import SmtpMailer
from merx.providers.sms import TwilioSms
from merx.settings import Settings, WrongSetting, load
from merx.simulator import twilio
from merx.vault import Vault

SECRET = b"a secret for tests, and for tests only"
NOW = datetime.now(UTC)
LETTER = Mail(
    "<1.0@merx.example>", "ann@example.com", "Ann", "A Shop", "Hello", "Text äöü\n", "<p>Text</p>", "shop@example.com"
)


def letter(**changes: Any) -> Mail:
    return msgspec.structs.replace(LETTER, **changes)


# ── SMTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_mail_has_all_its_headers() -> None:
    with post_office() as office:
        sent = await SmtpMailer(office.url, SENDER).send(letter(headers={"List-Unsubscribe": "<http://x.example/>"}))
        mail = office.arrived[0]
    assert (sent.outcome, sent.reference) == (Delivery.ACCEPTED, LETTER.message_id)
    assert str(mail["From"]) == f"A Shop <{SENDER}>" and str(mail["To"]) == "Ann <ann@example.com>"
    assert mail["Reply-To"] == "shop@example.com" and mail["Auto-Submitted"] == "auto-generated" and mail["Date"]
    assert mail["List-Unsubscribe"] == "<http://x.example/>" and mail["Bcc"] is None
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


async def test_a_long_link_to_opt_out_arrives_as_it_was_written() -> None:
    """Mail programs read it letter by letter: they neither decode it nor put it together again."""
    link = f"<https://a-shop.example.com/unsubscribe?token={'t' * 120}>"
    with post_office() as office:
        await SmtpMailer(office.url, SENDER).send(letter(headers={"List-Unsubscribe": link}))
        written = dict(office.arrived[0].raw_items())
    assert str(written["List-Unsubscribe"]).strip() == link


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hi\r\nBcc: all@example.com"},
        {"sender_name": "A\nBcc: all@example.com"},
        {"recipient_name": "A\r\nBcc: all@example.com"},
        {"recipient": "a@b.example\r\nBcc: all@example.com"},
        {"recipient": "a@b.example, c@d.example"},
        {"recipient": "nobody"},
        {"reply_to": "a@b.example\nBcc: x@y.example"},
        {"headers": {"List-Unsubscribe": "<x>\r\nBcc: all@example.com"}},
        {"message_id": "<1@x>\r\nBcc: all@example.com"},
    ],
)
async def test_no_line_break_leaves_its_header(changes: dict[str, Any]) -> None:
    """The last wall: whatever got past everything before it is refused, or is one line."""
    with post_office() as office:
        sent = await SmtpMailer(office.url, SENDER).send(letter(**changes))
        assert all(mail["Bcc"] is None for mail in office.arrived)
        assert sent.outcome is Delivery.REFUSED or len(office.arrived) == 1


HIDDEN = [  # a line break in MIME's own encoding, which the standard library decodes where it reads text
    "=?utf-8?q?Hi=0D=0ABcc:_all@example.com?=",
    "=?utf-8?q?Hi=0ABcc:_all@example.com?=",
    "=?utf-8?b?SGkNCkJjYzogYWxsQGV4YW1wbGUuY29t?=",
    "=?us-ascii?Q?Hi=0D=0A=0D=0AAnother_body?= of ours",
    "x" * 70 + " =?utf-8?q?Hi=0D=0ABcc:_all@example.com?=",
    "\u00fc =?utf-8*en?q?Hi=0D=0ABcc:_all@example.com?= =?utf-8?q?=0D=0AX:_y?=",
    "=?utf-8?q?=00?=",
    "=?=?utf-8?q?Hi=0D=0ABcc:_all@example.com?=",
    "x" * 70 + ", all@example.com: <other@example.com>;",  # where a line is broken, it loses the quotes around names
    "\u00fc" * 70 + ", all@example.com: <other@example.com>;",
]


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize("name", ["subject", "sender_name", "recipient_name"])
@pytest.mark.parametrize("recipient", ["ann@example.com", "\u00e4nn@example.com"])
async def test_no_name_or_subject_is_more_than_that(name: str, text: str, recipient: str) -> None:
    """Who orders says how they are called, and their letters must not begin headers by it."""
    with post_office(enable_SMTPUTF8=True) as office:
        mailer = SmtpMailer(office.url, SENDER)
        assert (await mailer.send(LETTER)).outcome is Delivery.ACCEPTED
        sent = await mailer.send(letter(recipient=recipient, **{name: text}))
        plain, odd = office.arrived
    assert sent.outcome is Delivery.ACCEPTED and odd.keys() == plain.keys()
    assert [len(odd[header].addresses) for header in ("From", "To", "Reply-To")] == [1, 1, 1]
    assert odd["From"].addresses[0].addr_spec == SENDER
    if recipient.isascii():
        assert odd["To"].addresses[0].addr_spec == recipient
        if name == "subject":
            assert "".join(str(odd["Subject"]).replace("\u2060", "").split()) == "".join(text.split())
    assert [part.get_content() for part in odd.iter_parts()] == [part.get_content() for part in plain.iter_parts()]


@pytest.mark.parametrize(
    "address",
    ["=?utf-8?q?a=0d=0abcc=3ax?=@example.com", "=?utf-8?b?SGkNCkJjYzogZXZpbEB4Lnk=?=@example.com",
     "x@=?utf-8?q?a=0d=0abcc=3ax?=.example.com"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["recipient", "reply_to"])
async def test_no_address_is_an_encoded_word(name: str, address: str) -> None:
    with post_office() as office:
        sent = await SmtpMailer(office.url, SENDER).send(letter(**{name: address}))
        assert sent.outcome is Delivery.REFUSED and not office.arrived


@pytest.mark.parametrize(
    ("says", "outcome"),
    [("550 no such user", Delivery.REFUSED), ("552 too big", Delivery.REFUSED), ("451 later", Delivery.LATER),
     ("421 closing", Delivery.LATER)],
)  # fmt: skip
async def test_what_the_server_says_decides(says: str, outcome: Delivery) -> None:
    with post_office() as office:
        office.says = [says]
        sent = await SmtpMailer(office.url, SENDER).send(LETTER)
    assert sent.outcome is outcome and says[:3] in (sent.detail or "")


async def test_nobody_there_is_tried_later_and_names_no_password() -> None:
    sent = await SmtpMailer("smtp://user:hidden@127.0.0.1:1?tls=none", SENDER).send(LETTER)
    assert sent.outcome is Delivery.LATER and "hidden" not in str(sent)


class Doorman:
    """Lets in whoever knows the password."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (b"ann", b"p@ss/word")
        return AuthResult(success=right, handled=right)


@pytest.mark.parametrize(("password", "outcome"), [("p%40ss%2Fword", Delivery.ACCEPTED), ("x", Delivery.LATER)])
async def test_signing_in(password: str, outcome: Delivery) -> None:
    with post_office(authenticator=Doorman(), auth_require_tls=False, auth_required=True) as office:
        mailer = SmtpMailer(f"smtp://ann:{password}@127.0.0.1:{office.port}", SENDER)
        sent = await mailer.send(LETTER)
        assert sent.outcome is outcome and len(office.arrived) == (outcome is Delivery.ACCEPTED)
        assert "word" not in str(sent)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(made), "-out", str(folder / "c")]
    subprocess.run(command, check=True, capture_output=True)
    made.write_text(made.read_text() + (folder / "c").read_text())
    return made


async def test_a_certificate_nobody_vouches_for_is_refused(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with post_office(tls_context=context) as office:
        assert (await SmtpMailer(office.url, SENDER).send(LETTER)).outcome is Delivery.LATER
        assert office.arrived == []
        assert (await SmtpMailer(f"{office.url}?tls=none", SENDER).send(LETTER)).outcome is Delivery.ACCEPTED


async def test_starttls_is_used_where_it_is_offered(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with post_office(tls_context=context, require_starttls=True) as office:
        assert (await SmtpMailer(office.url, SENDER).send(LETTER)).outcome is Delivery.ACCEPTED
        assert len(office.arrived) == 1


async def test_a_password_goes_to_another_machine_over_tls_only() -> None:
    with post_office() as office:
        mailer = SmtpMailer(f"{office.url}?tls=required", SENDER)
        assert (await mailer.send(LETTER)).outcome is Delivery.LATER and office.arrived == []
    assert SmtpMailer("smtp://a:b@mail.example.com", SENDER)._tls == "required"
    assert SmtpMailer("smtp://mail.example.com", SENDER)._tls == "auto"
    assert SmtpMailer("smtps://a:b@mail.example.com", SENDER)._port == 465


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────
GOOD = {"MERX_SMTP_URL": "smtp://u:hidden@mail.example.com:587?tls=required", "MERX_MAIL_FROM": "Noreply@Example.com"}
TWILIO = {"MERX_TWILIO_ACCOUNT_SID": "AC1", "MERX_TWILIO_AUTH_TOKEN": "hidden", "MERX_TWILIO_FROM": "+15551234567"}


def test_good_settings() -> None:
    found = load({**GOOD, **TWILIO})
    assert found.mail_from == "noreply@example.com" and found.smtp_url == GOOD["MERX_SMTP_URL"]
    assert found.twilio_from == "+15551234567"


@pytest.mark.parametrize(
    "wrong",
    [
        {"MERX_SMTP_URL": GOOD["MERX_SMTP_URL"]},
        {**GOOD, "MERX_SMTP_URL": "http://u:hidden@x"},
        {**GOOD, "MERX_SMTP_URL": "smtp://"},
        {**GOOD, "MERX_SMTP_URL": "smtp://u:hidden@x?tls=maybe"},
        {**GOOD, "MERX_SMTP_URL": "smtp://u:hidden@x:99999"},
        {**GOOD, "MERX_SMTP_URL": "smtp://u:hidden@x/path"},
        {**GOOD, "MERX_SMTP_URL": "smtp://u:hidden@x?password=hidden"},
        {**GOOD, "MERX_MAIL_FROM": "nobody"},
        {"MERX_TWILIO_ACCOUNT_SID": "AC1"},
        {**TWILIO, "MERX_TWILIO_AUTH_TOKEN": "hidden/../x"},
        {**TWILIO, "MERX_TWILIO_FROM": "+0"},
        {**TWILIO, "MERX_TWILIO_ACCOUNT_SID": "../x"},
    ],
)
def test_wrong_settings_are_one_sentence_without_the_secret(wrong: dict[str, str]) -> None:
    with pytest.raises(WrongSetting) as said:
        load(wrong)
    assert "hidden" not in str(said.value) and "MERX_" in str(said.value)


def test_defaults_send_nothing() -> None:
    assert (Settings().smtp_url, Settings().twilio_account_sid) == (None, None)


# ── Twilio ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def phones(dsn: Dsn) -> Iterator[str]:
    with text_office(dsn.app) as url:
        yield url


@pytest.fixture
async def sender() -> AsyncIterator[TwilioSms]:
    made = TwilioSms()
    yield made
    await made.close()


def account(url: str, tenant: TenantId | None = None) -> Account:
    return twilio.account_for(tenant or TenantId(ids.new()), Vault(SECRET).key("simulator"), url)


async def test_a_message_is_taken_and_found_again(phones: str, sender: TwilioSms) -> None:
    mine, now = account(phones), datetime.now(UTC)
    message = TextMessage("+15551230001", "Grüße 🎉 & more", now)
    assert await sender.find(mine, message) == []
    sent = await sender.send(mine, message)
    assert sent.outcome is Delivery.ACCEPTED and sent.reference is not None
    assert await sender.find(mine, message) == [sent.reference]
    for other in (
        msgspec.structs.replace(message, text="Other"),
        msgspec.structs.replace(message, recipient="+15551230002"),
        msgspec.structs.replace(message, written_at=now + timedelta(minutes=5)),
    ):
        assert await sender.find(mine, other) == []
    assert await sender.find(account(phones), message) == []  # another shop's account
    held = (await control(phones, mine.tenant))["messages"]
    assert [(one["body"], one["status"], one["from"]) for one in held] == [(message.text, "queued", twilio.SENDER)]


@pytest.mark.parametrize("number", sorted(twilio._BAD_TO))
async def test_numbers_that_mean_something(phones: str, sender: TwilioSms, number: str) -> None:
    sent = await sender.send(account(phones), TextMessage(number, "Hello.", NOW))
    assert sent.outcome is Delivery.REFUSED and str(twilio._BAD_TO[number][0]) in (sent.detail or "")


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("lost", 1)])
async def test_a_failure_is_passing(phones: str, sender: TwilioSms, when: str, kept: int) -> None:
    mine = account(phones)
    await control(phones, mine.tenant, fault={"times": 1, "when": when})
    message = TextMessage("+15551230001", "Hello.", datetime.now(UTC))
    assert (await sender.send(mine, message)).outcome is Delivery.LATER
    found = await sender.find(mine, message)
    assert found is not None and len(found) == kept


async def test_a_wrong_token_is_passing_and_is_not_said(phones: str, sender: TwilioSms) -> None:
    mine = account(phones)
    wrong = msgspec.structs.replace(mine, credentials={**mine.credentials, "auth_token": "f" * 32})
    sent = await sender.send(wrong, TextMessage("+15551230001", "Hello.", NOW))
    assert sent.outcome is Delivery.LATER and "f" * 32 not in str(sent) and "20003" in (sent.detail or "")
    assert await sender.find(wrong, TextMessage("+15551230001", "Hello.", NOW)) is None


async def test_nobody_there_is_passing(sender: TwilioSms) -> None:
    nowhere = account("http://127.0.0.1:1")
    message = TextMessage("+15551230001", "Hello.", NOW)
    assert (await sender.send(nowhere, message)).outcome is Delivery.LATER
    assert await sender.find(nowhere, message) is None


async def test_the_longest_text_and_one_longer(phones: str, sender: TwilioSms) -> None:
    mine = account(phones)
    taken, refused = await asyncio.gather(
        sender.send(mine, TextMessage("+15551230001", "x" * 1600, NOW)),
        sender.send(mine, TextMessage("+15551230001", "x" * 1601, NOW)),
    )
    assert taken.outcome is Delivery.ACCEPTED
    assert refused.outcome is Delivery.REFUSED and "21617" in (refused.detail or "")
