"""Sends webhooks. A name is resolved once, all its addresses are judged, and the connection goes to one of those that
were judged, while TLS and the Host header name the name: a name that changes its mind between the two gains nothing.
Redirects are not followed and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import h11
import msgspec

from merx.ports import Answered, Posting
from merx.providers.http.addresses import is_public
from merx.providers.http.connection import Connection, Reply, Unanswered

TOTAL_SECONDS = 15.0
READ_AT_MOST = 64 << 10
KEPT_OF_ANSWER = 2 << 10
CONNECT_SECONDS = 5.0
ADDRESSES_TRIED = 3
IDLE_SECONDS = 4.0  # below the five seconds after which common servers hang up
MOST_IDLE = 64  # connections kept open for the next webhook, over all receivers
RESOLVERS = 16

Resolve = Callable[[str, int], Awaitable[list[str]]]


class NotPublic(Exception):
    """The name leads to an address that webhooks don't go to."""


class Unresolved(Exception):
    """The name leads nowhere."""


class TooSlow(Exception):
    """No connection within CONNECT_SECONDS."""


class _Where(msgspec.Struct, frozen=True):
    """What an address asks for: whom to connect to, and what to say there."""

    name: str
    port: int
    secure: bool
    host: str
    target: str

    @property
    def origin(self) -> tuple[str, int, bool]:
        return self.name, self.port, self.secure


class HttpSender:
    """Holds connections, and so belongs to one event loop."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._allow_private = allow_private
        # Threads of its own: names that take long to resolve keep neither logins nor files waiting.
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._resolve = resolve or self._ask_system
        self._tls = tls
        self._total_seconds = total_seconds
        self._preparing = asyncio.Lock()
        self._idle: deque[tuple[tuple[str, int, bool], float, Connection]] = deque()

    async def send(self, posting: Posting) -> Answered:
        began = time.perf_counter()
        status, error, answer, retry_after = None, None, b"", None
        try:
            async with asyncio.timeout(self._total_seconds):
                reply = await self._post(posting)
            status, retry_after, answer = reply.status, reply.retry_after, reply.body
        except TimeoutError:
            error = f"No complete answer within {self._total_seconds:g} seconds."
        except (NotPublic, Unresolved) as refused:
            error = str(refused)
        except Exception as wrong:
            error = _said(wrong)
        text = answer[:KEPT_OF_ANSWER].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return Answered(status, error, text, round((time.perf_counter() - began) * 1000), retry_after)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop()[2].close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the name leads to at this moment; raises NotPublic where any of it is not public."""
        found = await self._resolve(host, port)
        if not found:
            raise Unresolved(f"The name {host} has no address.")
        if not self._allow_private and not all(is_public(address) for address in found):
            raise NotPublic(f"The name {host} leads to an address that is not public; nothing was sent.")
        return found

    async def _ask_system(self, host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(entry[4][0]) for entry in found))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except (OSError, UnicodeError):
            raise Unresolved(f"The name {host} can't be resolved.") from None

    async def _post(self, posting: Posting) -> Reply:
        where = _where(posting.url)
        kept = self._take_idle(where)
        if kept is not None:
            try:
                return await self._on(kept, where, posting)
            except (Unanswered, ConnectionError):
                if kept.heard:
                    raise  # else it was closed while nobody used it, which says nothing about a new one
        return await self._on(await self._connect(where), where, posting)

    async def _on(self, connection: Connection, where: _Where, posting: Posting) -> Reply:
        try:
            return await connection.post(where.target, where.host, posting.headers, posting.body)
        finally:
            if connection.reusable:
                self._keep(where, connection)
            else:
                connection.close()

    async def _connect(self, where: _Where) -> Connection:
        """To an address that was judged; TLS is spoken with the name."""
        loop, tls = asyncio.get_running_loop(), await self._trusted() if where.secure else None
        last: Exception = Unresolved(f"The name {where.name} has no address.")
        for address in (await self.addresses(where.name, where.port))[:ADDRESSES_TRIED]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, made = await loop.create_connection(
                        lambda: Connection(READ_AT_MOST),
                        address,
                        where.port,
                        ssl=tls,
                        server_hostname=where.name if tls else None,
                    )
                return made
            except ssl.SSLError:
                raise
            except OSError as refused:  # TimeoutError among them
                last = refused if not isinstance(refused, TimeoutError) else TooSlow()
        raise last

    async def _trusted(self) -> ssl.SSLContext:
        async with self._preparing:
            if self._tls is None:
                self._tls = await asyncio.to_thread(_trust)
        return self._tls

    def _take_idle(self, where: _Where) -> Connection | None:
        """One that was left open to the same name and port, and still is."""
        now = time.monotonic()
        for number, (to, since, connection) in enumerate(self._idle):
            if to == where.origin:
                del self._idle[number]
                if connection.reusable and now - since < IDLE_SECONDS:
                    return connection
                connection.close()
                return None
        return None

    def _keep(self, where: _Where, connection: Connection) -> None:
        now = time.monotonic()
        self._idle.append((where.origin, now, connection))
        while len(self._idle) > MOST_IDLE or now - self._idle[0][1] >= IDLE_SECONDS:
            self._idle.popleft()[2].close()


@functools.lru_cache(maxsize=1024)
def _where(url: str) -> _Where:
    parts = urlsplit(url)
    name, secure = parts.hostname or "", parts.scheme == "https"
    usual = 443 if secure else 80
    port = parts.port or usual
    shown = f"[{name}]" if ":" in name else name
    return _Where(
        name=name,
        port=port,
        secure=secure,
        host=shown if port == usual else f"{shown}:{port}",
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _trust() -> ssl.SSLContext:
    """The system's authorities and the ones that travel with us."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(importlib.import_module("certifi").where())
    return context


def _said(wrong: Exception) -> str:
    """A sentence for the merchant's log of tries, without addresses of our own network."""
    cause: BaseException | None = wrong
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate was refused: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "The TLS handshake failed."
        if isinstance(cause, ConnectionRefusedError):
            return "The connection was refused."
        if isinstance(cause, ConnectionResetError):
            return "The connection was cut before an answer came."
        cause = cause.__cause__ or cause.__context__
    for kind, sentence in _SENTENCES:
        if isinstance(wrong, kind):
            return sentence
    return f"The try failed ({type(wrong).__name__})."


_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (TooSlow, f"No connection within {CONNECT_SECONDS:g} seconds."),
    (Unanswered, "The connection was closed; what came back was no HTTP answer."),
    (h11.RemoteProtocolError, "What came back was no HTTP answer."),
    (h11.LocalProtocolError, "The address can't be asked for over HTTP."),
    (OSError, "No connection could be made."),
)
