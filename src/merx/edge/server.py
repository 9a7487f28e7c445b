"""Owns one process's HTTP server: uvicorn on uvloop, with our `Connection`. In the main thread of a worker it runs
until a signal; in another thread until it is told to stop. Then everybody who has got through to it is answered, also
who still waits in the kernel."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import threading
from typing import Any

import uvicorn

from merx.edge.connection import IDLE_SECONDS, Connection

QUEUE = 1024  # connections that wait in the kernel
STOPS_WITHIN = 20  # seconds for requests under way; longer than the longest request

ARRIVES_WITHIN = 0.1
"""Seconds in which a request comes that somebody was about to send when the server was told to stop."""

GARBAGE = 20_000
"""New objects between two collections. Hardly any request makes a cycle; the usual 700 are less than one list makes."""


class Server(uvicorn.Server):
    """`app` has its lifespan; it may have `at_once` (see `edge/connection.py`)."""

    def __init__(self, app: Any) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a client that sends nonsense is no news
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=Connection,
                ws="none",
                loop="uvloop",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=QUEUE,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=STOPS_WITHIN,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if threading.current_thread() is threading.main_thread():  # elsewhere the process has other things to do, too
            # What was loaded stays: no collection between two requests goes through it again. The little of it that
            # nobody needs any more is not worth a look at all of it while somebody waits for the start.
            gc.freeze()
            gc.set_threshold(GARBAGE, 20, 20)
            gc.enable()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for one in list(self.server_state.connections):
            if isinstance(one, Connection):
                one.end_with_next()
        await self._take_who_waits(sockets or [])
        await asyncio.sleep(ARRIVES_WITHIN)
        await super().shutdown(sockets)

    async def _take_who_waits(self, sockets: list[socket.socket]) -> None:
        """Closes the sockets. To close one that clients wait at would reset their connections, so a copy is kept until
        they are taken."""
        copies = [one.dup() for one in sockets]
        for server in self.servers:
            server.close()
        for one in sockets:
            one.close()
        await asyncio.sleep(0)  # the loop lets go of its own
        for copy in copies:
            with copy:
                waiting = _accepted(copy)
            for client in waiting:
                with contextlib.suppress(OSError):  # it has gone meanwhile
                    _, protocol = await asyncio.get_running_loop().connect_accepted_socket(self._connection, client)
                    protocol.end_with_next()

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def stop(self) -> None:
        """From any thread."""
        self.should_exit = True


def _accepted(listening: socket.socket) -> list[socket.socket]:
    found = []
    with contextlib.suppress(OSError):  # BlockingIOError: that was the last one
        while True:
            client, _ = listening.accept()
            client.setblocking(False)
            found.append(client)
    return found


def listen(host: str, port: int, shared: bool) -> list[socket.socket]:
    """Sockets bound to the addresses that `host` names. `shared`: with other processes of this server, between which
    the kernel divides what comes."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        one = socket.socket(family, kind, protocol)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.setblocking(False)
        bound.append(one)
    return bound
