"""The launcher behind `merx serve` and `merx demo`: PostgreSQL, migrations, then the server's processes.

The main thread minds the processes. Beside it one thread, here called the caretaker, brings the database up while the
workers are still importing, watches it, and ends it when the last worker is gone; it lives exactly as long as
PostgreSQL should, because the kernel ties PostgreSQL to the thread that started it. Workers are forked before the
caretaker does anything, and wait at a gate until the database is ready. This process itself imports no web code, so it
stays small. When it is killed, the kernel ends the workers and PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import importlib
import multiprocessing
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from merx.db import opening, places
from merx.db.child import die_with
from merx.db.dsn import Dsn
from merx.db.opening import open_database as open_database
from merx.edge import figures, shared
from merx.settings import CannotStart, Settings
from merx.workers import Workers

APP = "merx.asgi:build"
Step = Callable[[Settings, Dsn], None]

_STOPS_WITHIN = 25  # a worker gives its requests 20 seconds, and then has its own things to end


def run(
    settings: Settings,
    *,
    app: str = APP,
    what: str = "merx serve",
    prepare: Step | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT. `app` names `build(settings, dsn)`, which gives the ASGI application; `prepare`
    runs once in a process of its own when the database is migrated, `ready` in this one when requests are answered.
    Raises CannotStart, and SystemExit where the workers can't be kept alive."""
    with _own_server(settings, what) as own:
        check_port(settings.host, settings.port)
        settings = with_secret(settings)
        dsn = own.dsn if own else opening.external(settings)
        caretaker = _Caretaker(settings, dsn, own, prepare, ready)
        if settings.workers > 1:
            shared.make()
            figures.make(settings.workers)
        work = partial(_serve, app, caretaker.gate, own, settings, dsn, os.getpid())
        with caretaker.at_work(settings.workers):
            Workers(settings.workers, work, _STOPS_WITHIN).run()
    if caretaker.failure is not None:
        raise caretaker.failure


@contextlib.contextmanager
def _own_server(settings: Settings, what: str) -> Iterator[opening.OwnServer | None]:
    if settings.database_url is not None:
        yield None
        return
    folder = places.make_data_dir(settings.data_dir)
    lock = opening.take_folder(folder, what)
    try:
        yield opening.OwnServer(folder, lock, what)
    finally:
        lock.release()


def with_secret(settings: Settings) -> Settings:
    """The same with the installation's key: the one that was set, or the one kept in the data folder, made at the first
    call. Whoever has this file can read the merchants' credentials, so nobody else may open it."""
    if settings.secret_key:
        return settings
    path = places.make_data_dir(settings.data_dir) / "secret.key"
    if not path.exists():
        fresh = path.with_name(f"secret.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, secrets.token_urlsafe(48).encode())
        os.fsync(descriptor)
        os.close(descriptor)
        with contextlib.suppress(FileExistsError):  # somebody else was faster: theirs counts
            os.link(fresh, path)
        fresh.unlink()
    try:
        key = path.read_bytes().strip()
    except PermissionError:
        raise CannotStart(f"Merx cannot read {path}: run it as the file's owner.") from None
    if len(key) < 32:
        raise CannotStart(f"{path} is damaged: put the key back from a backup, or set MERX_SECRET_KEY.")
    return msgspec.structs.replace(settings, secret_key=key)


def check_port(host: str, port: int) -> None:
    """Raises CannotStart where the address can't be listened on. Workers share their port with each other, and so
    would, without this, two servers that know nothing of one another."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise CannotStart(
            f"{host} is not an address of this machine: choose another with --host or MERX_HOST."
        ) from None
    deadline = time.monotonic() + 1.0  # the workers of a server that was just killed need a moment
    for family, kind, protocol, _, address in found:
        while True:
            try:
                with socket.socket(family, kind, protocol) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(address)
                break
            except PermissionError:
                raise CannotStart(
                    f"This user may not listen on port {port}: choose one above 1023 with --port."
                ) from None
            except OSError as refused:
                if refused.errno == 98 and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                raise CannotStart(_taken(host, port, refused)) from None


def _taken(host: str, port: int, refused: OSError) -> str:
    if refused.errno == 98:
        return (
            f"Port {port} on {host} is in use by another program: stop it, or choose another with --port or MERX_PORT."
        )
    return f"Merx cannot listen on {host}:{port} ({refused.strerror}): choose another with --host and --port."


class _Gate:
    """Two pipes. Each worker says once that it is forked; all of them pass when the parent opens the gate, and so does
    every worker forked later."""

    def __init__(self) -> None:
        self._forked, self._says_forked = os.pipe()
        self._opened, self._keeps_shut = os.pipe()

    def worker_arrives(self) -> None:
        os.close(self._keeps_shut)
        os.write(self._says_forked, b".")

    def worker_waits(self) -> None:
        os.read(self._opened, 1)  # ends when the last copy of the other end is closed

    def wait_for_forks(self, count: int, until: threading.Event) -> bool:
        """False if the server was told to stop meanwhile."""
        while count > 0 and not until.is_set():
            if select.select([self._forked], [], [], 0.1)[0]:
                count -= len(os.read(self._forked, count))
        return not until.is_set()

    def open(self) -> None:
        descriptor, self._keeps_shut = self._keeps_shut, -1
        os.close(descriptor)


def _serve(
    app: str, gate: _Gate, own: opening.OwnServer | None, settings: Settings, dsn: Dsn, parent: int, place: int
) -> None:
    """A worker's whole life: it serves as soon as there is a database."""
    die_with(parent, signal.SIGKILL)
    gc.disable()  # what is loaded now stays; the server begins to collect when it starts
    if (board := figures.made()) is not None:
        board.take(place)
    if own:
        own.lock.release()
    if gate._keeps_shut >= 0:
        gate.worker_arrives()
    module, _, name = app.partition(":")
    build = getattr(importlib.import_module(module), name)
    from merx.edge.server import Server, listen  # with the web code, which the parent does without

    gate.worker_waits()
    server = Server(build(settings, dsn))
    server.run(listen(settings.host, settings.port, settings.workers > 1))


class _Caretaker:
    """The thread beside the main one. What stops it is kept in `failure`, and the server is told to stop too."""

    def __init__(
        self,
        settings: Settings,
        dsn: Dsn,
        own: opening.OwnServer | None,
        prepare: Step | None,
        ready: Callable[[], None] | None,
    ) -> None:
        self.gate = _Gate()
        self.failure: Exception | None = None
        self._settings, self._dsn, self._own = settings, dsn, own
        self._prepare, self._ready = prepare, ready
        self._stop = threading.Event()

    @contextlib.contextmanager
    def at_work(self, workers: int) -> Iterator[None]:
        thread = threading.Thread(target=self._work, args=(workers,), name="caretaker")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self, workers: int) -> None:
        try:
            if self.gate.wait_for_forks(workers, self._stop):
                self._bring_up()
                self.gate.open()
                if self._ready and self._answers():
                    self._ready()
                if self._own:
                    self._own.watch(self._stop)
        except Exception as wrong:
            self.failure = wrong
            os.kill(os.getpid(), signal.SIGTERM)
        self._stop.wait()
        if self._own:
            self._own.stop()

    def _bring_up(self) -> None:
        if self._own:
            if self._own.places.note:
                self._own.say(self._own.places.note)
            self._own.start()
        elif self._settings.migrate_url:
            asyncio.run(opening.migrate_external(self._settings))
        asyncio.run(opening.check(self._dsn))
        if self._prepare:
            _in_a_process(partial(self._prepare, self._settings, self._dsn))

    def _answers(self) -> bool:
        """Waits for the first worker that answers; False if the server was told to stop first."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)  # noqa: S104
        while not self._stop.wait(0.02):
            connection = http.client.HTTPConnection(host, self._settings.port, timeout=5)
            try:
                connection.request("GET", "/livez")
                connection.getresponse().read()
                return True
            except (OSError, http.client.HTTPException):
                continue
            finally:
                connection.close()
        return False


def _in_a_process(step: Callable[[], None]) -> None:
    """Runs `step` in a process of its own, so that what it imports does not stay in this one."""
    parent = os.getpid()

    def child() -> None:
        die_with(parent, signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        step()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise CannotStart(f"Preparing the shops failed (exit code {process.exitcode}); what is above says why.")
