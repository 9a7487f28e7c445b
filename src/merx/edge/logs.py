"""Owns what the process writes: structured lines, one JSON object each, with secrets and people taken out, by one
writer that never makes a request wait.

Everything goes through structlog's processors here, the standard library's loggers included; the request line, which
is written thousands of times a second, is rendered by `request_log` into the same writer.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec
import structlog

_SECRET_NAMES = re.compile(
    r"authorization|api[-_]?key|cookie|idempotency[-_]?key|token|password|passwd|secret|credential|signature|card|cvc",
    re.IGNORECASE,
)
_EMAIL_NAME = re.compile(r"e?-?mail", re.IGNORECASE)
_SECRETS = re.compile(
    r"\b(?:[ps]k_(?:live|test)|whsec|rk_live|rk_test|pi|pm|cs_live|cs_test|seti)_[A-Za-z0-9+/=_-]{6,}"
    r"|\bm(?:ac|cs|pr|rt)_[\w-]{6,}"
    r"|\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*"
    r"|\b(?:Bearer|Basic)\s+[\w.+/=~-]{6,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_QUERY = re.compile(
    r"(?i)\b((?:api_?key|token|access_token|refresh_token|password|secret|key|ordertoken|code|code_verifier|client_secret)=)[^&\s\"']+"
)
_JSON_FIELD = re.compile(
    r"(?i)([\"'](?:api_?key|token|access|refresh|password|secret|client_secret)[\"']\s*:\s*[\"'])[^\"']+"
)
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_SUSPICIOUS = re.compile(r"[@=:]|_|eyJ|earer|asic|\d{4}")
HIDDEN = "[hidden]"


def redact(text: str) -> str:
    """`text` without credentials, card numbers and e-mail addresses. An address leaves a short digest, so that two
    lines about the same person can be told to be so."""
    if not _SUSPICIOUS.search(text):
        return text
    text = _SECRETS.sub(HIDDEN, text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    text = _JSON_FIELD.sub(rf"\1{HIDDEN}", text)
    text = _EMAIL.sub(lambda found: email_digest(found[0]), text)
    return _CARD.sub(lambda found: HIDDEN if _luhn(found[0]) else found[0], text)


_PEPPER = os.urandom(16)


def email_digest(address: str) -> str:
    """Good for comparing lines of one process and for nothing else: the pepper is forgotten with it."""
    digest = hashlib.blake2b(address.lower().encode(), digest_size=5, key=_PEPPER).hexdigest()
    return f"[email {digest}]"


def _luhn(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def clean(value: Any, name: str = "") -> Any:
    """`value` with everything secret taken out, at any depth."""
    if name and _SECRET_NAMES.search(name) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return email_digest(value) if name and _EMAIL_NAME.fullmatch(name) and value else redact(value)
    if isinstance(value, Mapping):
        return {str(key): clean(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def redactor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor that stands before the renderer."""
    return {key: clean(value, key) for key, value in event.items()}


class LineWriter:
    """Takes lines without waiting; a thread writes them, many at once. What a full pipe makes wait is the thread. Past
    the bound, lines are dropped and counted rather than memory filled."""

    MOST = 100_000

    def __init__(self, fd: int = 2, every: float = 0.1) -> None:
        self._fd = fd
        self._every = every
        self._lines: deque[bytes] = deque()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self.dropped = 0

    def write(self, line: bytes) -> None:
        if self._pid != os.getpid():
            self._start()
        if len(self._lines) >= self.MOST:
            self.dropped += 1
            return
        self._lines.append(line)

    def _start(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._lines.clear()  # a child must not write its parent's lines again
            self._stop = threading.Event()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="merx-log", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.flush()

    def flush(self) -> None:
        with self._lock:
            lines = []
            while self._lines:
                lines.append(self._lines.popleft())
            if self.dropped:
                lines.append(b'{"level":"warning","event":"log lines dropped","count":%d}\n' % self.dropped)
                self.dropped = 0
            rest = b"".join(lines)
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:
                    self._stop.wait(0.01)
                except OSError:
                    return

    def close(self) -> None:
        self._stop.set()
        self.flush()


writer = LineWriter()
"""The process's own."""

_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _Handler(logging.Handler):
    """The standard library's loggers, through the same redactor, into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: dict[str, Any] = {"event": record.getMessage(), "logger": record.name}
            event |= {key: value for key, value in record.__dict__.items() if key not in _FIELDS}
            if record.exc_info and record.exc_info[1] is not None:
                event["exception"] = "".join(traceback.format_exception(record.exc_info[1]))
            structlog.get_logger().log(record.levelno, **event)
        except Exception:
            self.handleError(record)


class _Lines:
    """structlog's logger: what arrives is a finished line."""

    def msg(self, message: bytes) -> None:
        writer.write(message)

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return msgspec.json.encode(event, enc_hook=str) + b"\n"


def configure(level: str = "info") -> None:
    """Once a process, at start."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redactor,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Handler()]
    root.setLevel(number)
    for chatty in ("httpx", "httpcore", "asyncio", "stripe"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    if not sys.stderr.isatty():
        logging.raiseExceptions = False
