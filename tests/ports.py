"""Ports that servers of tests are told by number before they run."""

from __future__ import annotations

import socket
import sys
from collections import deque

_kept: deque[socket.socket] = deque(maxlen=256)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody else is given until the server for it has come, however long that takes.

    It stays bound here without being listened at. A server that asks for it by its number gets it all the same, because
    both sides set SO_REUSEADDR; who asks for any port, or connects from one, does not. Only Linux takes it so."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        _kept.append(probe)
    else:
        probe.close()
    return port
