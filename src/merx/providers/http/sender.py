"""Sends webhooks. A name is resolved once, all its addresses are judged, and the connection goes to one of those that
were judged, while TLS and the Host header name the name: a name that changes its mind between the two gains nothing.
Redirects are not followed and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from merx.ports import Answered, Posting
from merx.providers.http.addresses import is_public

if TYPE_CHECKING:
    import httpcore

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
        self._idle: deque[tuple[httpcore.Origin, httpcore.AsyncHTTPConnection]] = deque()
        self._backend: httpcore.AsyncNetworkBackend | None = None

    async def send(self, posting: Posting) -> Answered:
        if self._backend is None:
            await self._prepare()
        began = time.perf_counter()
        status, error, answer, retry_after = None, None, b"", None
        try:
            async with asyncio.timeout(self._total_seconds):
                status, retry_after, answer = await self._post(posting)
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
            await self._idle.pop()[1].aclose()
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

    async def _prepare(self) -> None:
        async with self._preparing:
            if self._backend is None:
                self._tls = self._tls or await asyncio.to_thread(_trust)
                self._backend = _judged(self)

    async def _post(self, posting: Posting) -> tuple[int, int | None, bytes]:
        import httpcore  # not at start: a server whose shops have no webhooks never needs it

        origin = httpcore.URL(posting.url).origin
        connection = await self._take_idle(origin) or httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=IDLE_SECONDS, network_backend=self._backend
        )
        try:
            read = b""
            headers = list(posting.headers.items())
            async with connection.stream("POST", posting.url, headers=headers, content=posting.body) as response:
                async for part in response.aiter_stream():
                    read += part
                    if len(read) >= READ_AT_MOST:
                        break
        finally:
            await self._keep_or_close(origin, connection)
        patience = {name.lower(): value for name, value in response.headers}.get(b"retry-after", b"")
        return response.status, int(patience) if patience.isdigit() and len(patience) < 7 else None, read[:READ_AT_MOST]

    async def _take_idle(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection | None:
        """One that was left open to the same name and port, and still is."""
        for kept in self._idle:
            if kept[0] == origin:
                self._idle.remove(kept)
                if not kept[1].has_expired():
                    return kept[1]
                await kept[1].aclose()
                return None
        return None

    async def _keep_or_close(self, origin: httpcore.Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        if not connection.is_available():
            await connection.aclose()
            return
        self._idle.append((origin, connection))
        while self._idle and (len(self._idle) > MOST_IDLE or self._idle[0][1].has_expired()):
            await self._idle.popleft()[1].aclose()


def _judged(sender: HttpSender) -> httpcore.AsyncNetworkBackend:
    import httpcore

    class Judged(httpcore.AsyncNetworkBackend):
        """Connects where `sender` has looked; the connection asks it for a name and then speaks TLS with that name."""

        _tcp = httpcore.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            last: Exception = Unresolved(f"The name {host} has no address.")
            for address in (await sender.addresses(host, port))[:ADDRESSES_TRIED]:
                try:
                    return await self._tcp.connect_tcp(address, port, CONNECT_SECONDS, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                    last = refused
            raise last

    return Judged()


def _trust() -> ssl.SSLContext:
    """The system's authorities and the ones that travel with httpx."""
    context = ssl.create_default_context()
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
    known = {
        "ConnectTimeout": "No connection within 5 seconds.",
        "ConnectError": "No connection could be made.",
        "ReadError": "The connection was cut before an answer came.",
        "WriteError": "The connection was cut before everything was sent.",
        "RemoteProtocolError": "What came back was no HTTP answer.",
        "LocalProtocolError": "The address can't be asked for over HTTP.",
    }
    return known.get(type(wrong).__name__, f"The try failed ({type(wrong).__name__}).")
