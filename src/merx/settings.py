"""Every environment variable, typed, in one place. A wrong one is one clear sentence, never a traceback."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

Network = IPv4Network | IPv6Network
T = TypeVar("T")


_HIDDEN = (
    "SECRET_KEY",
    "ADMIN_PASSWORD",
    "DATABASE_URL",
    "MIGRATE_URL",
    "REDIS_URL",
    "SMTP_URL",
    "TWILIO_AUTH_TOKEN",
    "S3_SECRET_KEY",
)


_DATABASE = "an address like postgresql://user:password@host/merx, a / in the password written as %2F, an @ as %40"
_WEB = "an http:// or https:// address of a host, without a query, a fragment or a password"
_SPELLED = {"cache_bytes": "CACHE_MB"}  # every other variable is its field's name


_TRACING_NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class WrongSetting(Exception):
    """Names the variable, what is wrong with it and what would be right."""


class CannotStart(WrongSetting):
    """The settings are well formed, but something they point at is not there, not ours or not safe to use."""


class Settings(msgspec.Struct, frozen=True):
    data_dir: Path = Path(".merx")
    database_url: str | None = None  # None: our own embedded PostgreSQL in data_dir
    migrate_url: str | None = None  # the owner's or a superuser's address, for `merx migrate`
    secret_key: bytes | None = None  # None: one is made and kept in data_dir
    base_domain: str = "localhost:8000"  # shops answer at <slug>.<base_domain>
    public_url: str = "http://localhost:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    pool_size: int = 8
    redis_url: str | None = None  # rate limits shared between several machines
    trusted_proxies: tuple[Network, ...] = ()
    require_https: bool = False
    admin_email: str | None = None
    admin_password: str | None = None
    webhooks_allow_private: bool = False
    smtp_url: str | None = None  # None: mails stay in the shops' outboxes
    mail_from: str | None = None  # the address; the name before it is the shop's
    twilio_account_sid: str | None = None  # None: shops in test mode send text messages to the simulator
    twilio_auth_token: str | None = None
    twilio_from: str | None = None
    twilio_url: str = "https://api.twilio.com"
    s3_url: str | None = None  # where pictures lie: s3://bucket/folder; None: in data_dir
    s3_endpoint: str | None = None  # of a store that is not AWS's
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    log_level: str = "info"
    access_log: bool = True  # whether every tenant's requests are kept for its log
    log_days: int = 30  # for how long
    tracing: bool = False  # whether traces are recorded; the rest is said by OTEL_* variables
    theme_dir: Path | None = None  # templates and stylesheets that come before the storefront's own
    cache_bytes: int = 16 << 20  # the bound of each process's catalogue cache

    def with_port(self, host: str, port: int) -> Settings:
        """The same, listening elsewhere; addresses that were left to their defaults follow the port."""
        changes: dict[str, object] = {"host": host, "port": port}
        if self.base_domain == Settings().base_domain:
            changes["base_domain"] = f"localhost:{port}"
        if self.public_url == Settings().public_url:
            changes["public_url"] = f"http://localhost:{port}"
        return msgspec.structs.replace(self, **changes)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `MERX_*` variables; raises WrongSetting. Empty values count as unset."""
    given = {k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith("MERX_") and v}
    read = _Reader(given)
    settings = Settings(
        data_dir=Path(read.value("DATA_DIR", str, "a folder", ".merx")).absolute(),
        database_url=read.value("DATABASE_URL", _postgres_url, _DATABASE, None),
        migrate_url=read.value("MIGRATE_URL", _postgres_url, _DATABASE, None),
        secret_key=read.value("SECRET_KEY", _secret, "at least 32 characters", None),
        base_domain=read.value("BASE_DOMAIN", _domain, "a domain like shops.example.com", "localhost:8000"),
        public_url=read.value("PUBLIC_URL", _web_url, _WEB, "http://localhost:8000"),
        host=read.value("HOST", str, "an address to listen on", "127.0.0.1"),
        port=read.value("PORT", _between(1, 65535), "a port between 1 and 65535", 8000),
        workers=read.value("WORKERS", _between(1, 64), "a number between 1 and 64", 1),
        pool_size=read.value("POOL_SIZE", _between(2, 64), "a number between 2 and 64", 8),
        redis_url=read.value("REDIS_URL", _redis_url, "a redis:// or rediss:// address", None),
        trusted_proxies=read.value("TRUSTED_PROXIES", _networks, "addresses or networks, separated by commas", ()),
        require_https=read.value("REQUIRE_HTTPS", _flag, "0 or 1", False),
        admin_email=read.value("ADMIN_EMAIL", _email, "an e-mail address", None),
        admin_password=read.value("ADMIN_PASSWORD", _password, "8 to 128 characters", None),
        webhooks_allow_private=read.value("WEBHOOKS_ALLOW_PRIVATE", _flag, "0 or 1", False),
        smtp_url=read.value("SMTP_URL", _smtp_url, "an smtp:// or smtps:// address", None),
        mail_from=read.value("MAIL_FROM", _email, "an e-mail address", None),
        twilio_account_sid=read.value("TWILIO_ACCOUNT_SID", _token, "an account SID (AC…)", None),
        twilio_auth_token=read.value("TWILIO_AUTH_TOKEN", _token, "the account's auth token", None),
        twilio_from=read.value("TWILIO_FROM", _sms_sender, "a number like +15551234567 or a service SID", None),
        twilio_url=read.value("TWILIO_URL", _web_url, _WEB, "https://api.twilio.com"),
        s3_url=read.value("S3_URL", _bucket_url, "s3://bucket or s3://bucket/folder", None),
        s3_endpoint=read.value("S3_ENDPOINT", _web_url, _WEB, None),
        s3_region=read.value("S3_REGION", _visible, "a region like eu-central-1", "us-east-1"),
        s3_access_key=read.value("S3_ACCESS_KEY", _visible, "the id of an access key", None),
        s3_secret_key=read.value("S3_SECRET_KEY", _visible, "the access key's secret", None),
        log_level=read.value("LOG_LEVEL", _level, "debug, info, warning or error", "info"),
        access_log=read.value("ACCESS_LOG", _flag, "0 or 1", True),
        log_days=read.value("LOG_DAYS", _between(1, 3650), "a number of days between 1 and 3650", 30),
        tracing=read.value("TRACING", _flag, "0 or 1", False),
        theme_dir=read.value("THEME_DIR", _folder, "a folder that exists and can be read", None),
        cache_bytes=read.value("CACHE_MB", _between(1, 4096), "megabytes between 1 and 4096", 16) << 20,
    )
    if (settings.admin_email is None) != (settings.admin_password is None):
        raise WrongSetting("MERX_ADMIN_EMAIL and MERX_ADMIN_PASSWORD go together: set both or neither.")
    if settings.smtp_url and not settings.mail_from:
        raise WrongSetting("MERX_SMTP_URL needs MERX_MAIL_FROM beside it: the address that mails come from.")
    twilio = (settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from)
    if any(twilio) and not all(twilio):
        raise WrongSetting("MERX_TWILIO_ACCOUNT_SID, MERX_TWILIO_AUTH_TOKEN and MERX_TWILIO_FROM go together.")
    if settings.database_url and not settings.secret_key:
        raise WrongSetting(
            "MERX_DATABASE_URL needs MERX_SECRET_KEY beside it (32 characters or more, the same for every process): "
            "it seals credentials and signs tokens."
        )
    if (settings.s3_access_key is None) != (settings.s3_secret_key is None):
        raise WrongSetting("MERX_S3_ACCESS_KEY and MERX_S3_SECRET_KEY go together: set both or neither.")
    if settings.tracing:
        _check_tracing(os.environ if environ is None else environ)
    return settings


def _check_tracing(environ: Mapping[str, str]) -> None:
    """What the OpenTelemetry SDK would find out in each server process, or not at all."""
    try:
        there = all(importlib.util.find_spec(name) for name in _TRACING_NEEDS)
    except ModuleNotFoundError:
        there = False
    if not there:
        raise WrongSetting(
            "MERX_TRACING needs OpenTelemetry, which is not installed here: make otel, or pip install 'merx[otel]'."
        )
    exporters = [name.strip().lower() for name in (environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    if not set(exporters) <= {"otlp", "console", "none"}:
        raise WrongSetting(f"OTEL_TRACES_EXPORTER must be otlp, console or none (it is {','.join(exporters)!r}).")
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (environ.get(name) or "http/protobuf") != "http/protobuf":
            raise WrongSetting(f"{name} must be http/protobuf: Merx sends traces over HTTP (port 4318 as a rule).")


def strangers(environ: Mapping[str, str] | None = None) -> list[str]:
    """What to say of variables that begin as ours do and are none of them. One may be misspelled and would be missed
    without a word; it may as well be another program's, so it is no error."""
    names = [_SPELLED.get(field, field.upper()) for field in Settings.__struct_fields__]
    given = {k[5:] for k, v in (os.environ if environ is None else environ).items() if k.startswith("MERX_") and v}
    said, others = [], list[str]()
    for name in sorted(given.difference(names)):
        near = difflib.get_close_matches(name, names, 1)
        if near:
            said.append(f"MERX_{name} is not a setting and does nothing; did you mean MERX_{near[0]}?")
        else:
            others.append(f"MERX_{name}")
    if others:
        said.append(f"No settings, and without effect: {', '.join(others)}.")
    return said


class _Reader:
    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given

    def value(self, name: str, parse: Callable[[str], T], wanted: str, default: T) -> T:
        raw = self.given.get(f"MERX_{name}")
        if raw is None:
            return default
        try:
            return parse(raw)
        except ValueError:
            secret = name in _HIDDEN or ("://" in raw and "@" in raw)
            shown = "" if secret else f" (it is {raw!r})"
            raise WrongSetting(f"MERX_{name} must be {wanted}{shown}.") from None


def _folder(raw: str) -> Path:
    found = Path(raw).absolute()
    try:
        there = found.is_dir()
    except OSError:  # we may not even look
        there = False
    if not there:
        raise ValueError(raw)
    return found


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        number = int(raw)
        if not low <= number <= high:
            raise ValueError(raw)
        return number

    return parse


def _flag(raw: str) -> bool:
    if raw.lower() not in ("0", "1", "true", "false"):
        raise ValueError(raw)
    return raw.lower() in ("1", "true")


def _starting(*prefixes: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if not raw.startswith(prefixes):
            raise ValueError(raw)
        return raw.rstrip("/")

    return parse


_postgres_starts = _starting("postgresql://", "postgres://")
_redis_url = _starting("redis://", "rediss://")
_web_starts = _starting("http://", "https://")


def _web_url(raw: str) -> str:
    """Paths are put behind it."""
    found = _web_starts(raw)
    parts = urlsplit(found)
    if not parts.hostname or parts.port == 0 or parts.username is not None or re.search(r"[?#\s]", found):
        raise ValueError(raw)
    return found


def _postgres_url(raw: str) -> str:
    found = _postgres_starts(raw)
    for host in urlsplit(found).netloc.rpartition("@")[2].split(","):  # there may be several
        port = host.rpartition("]")[2].partition(":")[2]
        if port:
            _between(1, 65535)(port)
    return found


_smtp_starts = _starting("smtp://", "smtps://")


def _smtp_url(raw: str) -> str:
    found = _smtp_starts(raw)
    parts = urlsplit(found)
    tls = parse_qs(parts.query, strict_parsing=bool(parts.query))
    if not parts.hostname or parts.port == 0 or parts.path or set(tls) - {"tls"}:
        raise ValueError(raw)
    if tls.get("tls", ["auto"]) not in (["auto"], ["required"], ["none"]):
        raise ValueError(raw)
    return found


def _token(raw: str) -> str:
    if not raw.isascii() or not raw.isalnum() or len(raw) > 128:
        raise ValueError(raw)
    return raw


def _visible(raw: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", raw):
        raise ValueError(raw)
    return raw


def _sms_sender(raw: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}|MG[0-9a-f]{32}|[A-Za-z0-9 ]{1,11}", raw, re.ASCII):
        raise ValueError(raw)
    return raw


def _bucket_url(raw: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?", raw) or "/../" in f"{raw}/":
        raise ValueError(raw)
    return raw.rstrip("/")


def _domain(raw: str) -> str:
    if "/" in raw or " " in raw:
        raise ValueError(raw)
    return raw.lower().strip(".")


def _secret(raw: str) -> bytes:
    if len(raw) < 32:
        raise ValueError(raw)
    return raw.encode()


def _networks(raw: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip(), strict=False) for part in raw.split(","))


def _email(raw: str) -> str:
    if raw.count("@") != 1 or len(raw) > 254:
        raise ValueError(raw)
    return raw.strip().lower()


def _password(raw: str) -> str:
    if not 8 <= len(raw) <= 128:
        raise ValueError(raw)
    return raw


def _level(raw: str) -> str:
    if raw.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError(raw)
    return raw.lower()
