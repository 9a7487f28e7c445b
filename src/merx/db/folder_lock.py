"""One data folder has one running PostgreSQL: who runs it, and who else is using it, as two file locks.

`server.lock` is held by the process that runs PostgreSQL and says who that is and where its socket lies. `users.lock`
is shared by everybody who is connected, so that a short command that happens to run the server waits for the others
before it stops it. The kernel gives both back when a process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Holder(msgspec.Struct, frozen=True):
    pid: int
    what: str  # "merx serve", "merx import"
    sockets: str | None = None  # set once the database can be used


class ServerLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def announce(self, what: str, sockets: Path | None) -> None:
        """What `holder` tells the others about us."""
        said = msgspec.json.encode(Holder(os.getpid(), what, None if sockets is None else str(sockets)))
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, said, 0)

    def release(self) -> None:
        """Also for a forked child, which must not keep its parent's lock alive by a copy of the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def take(folder: Path, what: str) -> ServerLock | None:
    """The right to run this folder's PostgreSQL, or None while somebody else has it."""
    descriptor = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    lock = ServerLock(descriptor)
    lock.announce(what, None)
    return lock


def holder(folder: Path) -> Holder | None:
    """Who has the lock, as far as it has been written down yet."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((folder / "server.lock").read_bytes(), type=Holder)
    return None


class Users:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait_for_the_others(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def using(folder: Path) -> Iterator[Users]:
    """Held while a command uses the database; taken before asking who runs the server."""
    descriptor = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield Users(descriptor)
    finally:
        os.close(descriptor)
