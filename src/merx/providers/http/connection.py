"""One HTTP/1.1 connection that is posted to, again and again while the other side keeps it open. The bytes are read and
written by h11; what is here is only what a webhook needs: no redirects, and so much of an answer and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import h11
import msgspec


class Reply(msgspec.Struct, frozen=True):
    status: int
    retry_after: int | None
    body: bytes


class Unanswered(Exception):
    """The connection ended without a byte of an answer to this request."""


class Connection(asyncio.Protocol):
    """Posts one request at a time."""

    def __init__(self, read_at_most: int) -> None:
        self._most = read_at_most
        self._http = h11.Connection(h11.CLIENT)
        self._reply: asyncio.Future[Reply] | None = None
        self._head: h11.Response | None = None
        self._body = b""
        self.heard = False
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def post(self, target: str, host: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self._reply = asyncio.get_running_loop().create_future()
        self._head, self._body, self.heard = None, b"", False
        named = [("host", host), *headers.items(), ("content-length", str(len(body)))]
        http = self._http
        parts = (http.send(h11.Request(method="POST", target=target, headers=named)), http.send(h11.Data(data=body)))
        http.send(h11.EndOfMessage())
        self._transport.write(b"".join(part for part in parts if part))
        return await self._reply

    @property
    def reusable(self) -> bool:
        return self.open and self._http.our_state is h11.IDLE

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    # ── What the transport calls ─────────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        if self._reply is None or self._reply.done():
            self.close()  # nobody asked
            return
        self.heard = True
        self._http.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        if self._reply is not None and not self._reply.done() and self.heard:
            self._http.receive_data(b"")
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._reply is not None and not self._reply.done():
            self._fail(exc or Unanswered())

    def _read(self) -> None:
        try:
            while True:
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) >= self._most:
                        self._answered()
                        self.close()
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._answered()
                    return
                elif not isinstance(event, h11.InformationalResponse):  # NEED_DATA, PAUSED, ConnectionClosed
                    return
        except h11.RemoteProtocolError as wrong:
            self._fail(wrong)
            self.close()

    def _answered(self) -> None:
        assert self._head is not None and self._reply is not None
        said = next((value for name, value in self._head.headers if name == b"retry-after"), b"")
        patience = int(said) if said.isdigit() and len(said) < 7 else None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        self._reply.set_result(Reply(self._head.status_code, patience, self._body[: self._most]))

    def _fail(self, wrong: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(wrong)
