"""Real HTTP for tests: an application served by uvicorn in a process of its own, and a listener inside the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from tests.ports import free_port

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def serve_app(factory: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serves the ASGI application that `factory` ('package.module:function', importable from the repository's root or
    its tests) builds, on a free port of 127.0.0.1; gives its base URL. The factory finds the port in TEST_PORT."""
    port = free_port()
    paths = os.pathsep.join([str(ROOT / "tests"), str(ROOT), str(ROOT / "src")])
    command = [sys.executable, "-m", "uvicorn", "--factory", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--ws", "none", "--no-access-log", "--log-level", "warning", factory]
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths, "TEST_PORT": str(port), **(env or {})})
    try:
        _wait(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server ended with {server.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not listen within a minute")


class Heard(msgspec.Struct):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, bytes]


class Listener:
    """What was sent to `url`, in order. `answer` decides each reply; by default 200 with an empty object. None hangs up
    without one."""

    def __init__(self, answer: Callable[[Heard], Answer | None] | None = None) -> None:
        self.heard: list[Heard] = []
        self.answer = answer or (lambda _: (200, b"{}"))
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            pairs = [line.partition(":") for line in head[1:] if line]
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.heard.append(Heard(method, path, headers, body))
            if (reply := self.answer(self.heard[-1])) is not None:
                status, content = reply
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
                    "connection: close\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def listener(answer: Callable[[Heard], Answer | None] | None = None) -> AsyncIterator[Listener]:
    listens = Listener(answer)
    server = await asyncio.start_server(listens._serve, "127.0.0.1", 0)
    listens.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield listens
    finally:
        server.close()
