"""Where the webhooks of a measured run go: several HTTP servers in one cheap process, and one address that accepts
connections and never answers. Prints its ports, then answers `counts` and `ids N` on its standard input."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import msgspec
import uvloop

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"


class Receiver:
    def __init__(self) -> None:
        self.seen: dict[bytes, int] = {}
        self.connections = 0


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver, self._read = receiver, b""
        receiver.connections += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            whole = end + 4 + int(_field(head, b"content-length"))
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            message = _field(head, b"webhook-id")
            self._receiver.seen[message] = self._receiver.seen.get(message, 0) + 1
            self._transport.write(_OK)


class _Silent(asyncio.Protocol):
    """Accepts, reads, and never answers."""


def _field(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


async def main(living: int) -> None:
    loop = asyncio.get_running_loop()
    receivers = [Receiver() for _ in range(living)]
    servers = [await loop.create_server(lambda one=one: _Connection(one), "127.0.0.1", 0) for one in receivers]  # type: ignore[misc]
    servers.append(await loop.create_server(_Silent, "127.0.0.1", 0))
    _say([server.sockets[0].getsockname()[1] for server in servers])
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while line := await asked.readline():
        if line.startswith(b"ids"):
            _say([message.decode() for message in receivers[int(line.split()[1])].seen])
        else:
            _say([[len(one.seen), sum(one.seen.values()), one.connections] for one in receivers])


def _say(what: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
