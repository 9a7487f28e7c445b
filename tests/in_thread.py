"""An application behind the real server, in a thread of this process."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from merx.edge.server import Server, listen


@contextlib.contextmanager
def in_thread(app: Any, port: int) -> Iterator[Server]:
    """Serves `app` on 127.0.0.1 for this block."""
    server = Server(app)

    def run() -> None:
        with contextlib.suppress(BaseException):
            server.run(listen("127.0.0.1", port, False))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert server.started, "the application did not start; its log says why"
    try:
        yield server
    finally:
        server.stop()
        thread.join(15)
