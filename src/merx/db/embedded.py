"""A PostgreSQL of our own: made, started, watched and stopped as a direct child of this process.

It listens on a Unix socket in a folder that only its own user can enter, never on the network. When this process is
killed, the kernel tells PostgreSQL to shut down; what a killed parent left behind never blocks the next start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from merx.db.child import alive, dying_with_us
from merx.db.places import Places, own
from merx.settings import CannotStart

SUPERUSER, DATABASE, PORT = "merx_admin", "merx", 5432
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "max_connections": "150",
    "max_parallel_workers_per_gather": "0",  # many short statements: a second process a query costs more than it brings
    "io_method": "sync",  # no helper processes for reads that the memory answers anyway
    "max_logical_replication_workers": "0",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "pglz",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "20s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    # Statements, parameters and details hold what people typed: none of it reaches the log.
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "merx",
}
_LOG_KEPT = 16 << 20
_LEFTOVERS_END_WITHIN = 15.0
_RECOVERY_WITHIN = 600.0
_POLL = 0.01


class Embedded:
    """One cluster. `start`, `watch` and `stop` belong to one thread, which must live as long as the server: the kernel
    ties the server to the thread that started it."""

    def __init__(self, places: Places, say: Callable[[str], None] | None = None) -> None:
        self.places = places
        self.say = say or _to_stderr
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self, user: str) -> dict[str, Any]:
        """Arguments of `asyncpg.connect`."""
        return {"host": str(self.places.sockets), "port": PORT, "user": user, "database": DATABASE}

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Ready for connections when it returns. Raises CannotStart."""
        self._make_cluster()
        deadline = time.monotonic() + _LEFTOVERS_END_WITHIN
        while True:
            end_leftover(self.places)
            self._launch()
            if self._ready():
                return
            reason = self._last_words()
            # The children of a killed server hold its memory for a moment longer than it lived itself.
            leftover = "still in use" in reason or "already exists" in reason
            if not leftover or time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL did not start: {reason} More is in {self.places.log}.")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends its sessions, writes a checkpoint and ends; harsher where that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        for by, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None)):
            if process.poll() is None:
                process.send_signal(by)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)

    def watch(self, until: threading.Event) -> None:
        """Starts the server again whenever it dies, until told otherwise. Raises CannotStart if it can't be started."""
        while not until.wait(0.2):
            if self._process is None or self._process.poll() is None:
                continue
            self.say(f"PostgreSQL ended unexpectedly ({_ended(self._process.returncode)}); starting it again.")
            self.start()
            self.say("PostgreSQL is back.")

    def _make_cluster(self) -> None:
        places = self.places
        major = places.version.partition(".")[0]
        stamp = places.cluster / "PG_VERSION"
        if stamp.exists():
            if (found := stamp.read_text().strip()) != major:
                raise CannotStart(
                    f"{places.cluster} was made by PostgreSQL {found} and this is {major}: export the shops with the "
                    f"Merx that made it, or restore a dump into a new data folder."
                )
            return
        fresh = places.cluster.with_name("postgres.new")  # a half-made cluster is never taken for a whole one
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        own(fresh, places.user)
        command = [str(places.binaries / "initdb"), "-D", str(fresh), "-U", SUPERUSER]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]
        # Without these two initdb first tries out how much the machine can give, which takes a while.
        command += ["--set", "shared_buffers=128MB", "--set", "max_connections=150"]
        done = self._popen(command, signal.SIGKILL, subprocess.PIPE)
        said, _ = done.communicate()
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise CannotStart(f"PostgreSQL could not make its files in {fresh.parent}: {last}")
        fresh.rename(places.cluster)

    def _launch(self) -> None:
        places = self.places
        if places.log.exists() and places.log.stat().st_size > _LOG_KEPT:
            places.log.replace(places.log.with_suffix(".log.1"))
        command = [str(places.binaries / "postgres"), "-D", str(places.cluster), "-k", str(places.sockets)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        log = os.open(places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._process = self._popen(command, signal.SIGINT, log)
        finally:
            os.close(log)

    def _popen(self, command: list[str], at_our_death: signal.Signals, output: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 (our own programs and folders)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop it when our requests are done
                preexec_fn=dying_with_us(at_our_death),
                **self.places.privileges(),
            )
        except PermissionError:
            raise CannotStart(
                f"Merx may not run {command[0]} as an unprivileged user here: run it as an ordinary user or set "
                f"MERX_DATABASE_URL."
            ) from None

    def _ready(self) -> bool:
        """Waits until it takes connections, recovery after a crash included; False if it ended instead."""
        process, deadline = self._process, time.monotonic() + _RECOVERY_WITHIN
        assert process is not None
        while process.poll() is None:
            lines = _pid_file(self.places.cluster)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise CannotStart(f"PostgreSQL was not ready within ten minutes; {self.places.log} says why.")
            time.sleep(_POLL)
        return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self.places.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = [line for line in log.read().decode(errors="replace").splitlines() if "FATAL" in line]
            if lines:
                return lines[-1].partition("FATAL:")[2].strip().capitalize().rstrip(".") + "."
        return "it gave no reason."


def end_leftover(places: Places) -> None:
    """Ends a server that an earlier, killed Merx left on this cluster, and removes the traces of one that is gone.
    Only for the holder of the folder's lock."""
    lines = _pid_file(places.cluster)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    # It was told to end when its parent died; the stronger signals are for one that did not hear it.
    for by, patience in ((None, 1.0), (signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        if not serves(pid, places.cluster):
            break
        if by is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, by)
        deadline = time.monotonic() + patience
        while serves(pid, places.cluster) and time.monotonic() < deadline:
            time.sleep(_POLL)
    else:
        if serves(pid, places.cluster):
            raise CannotStart(
                f"Another PostgreSQL (process {pid}) uses {places.cluster} and does not end: stop it first."
            )
    if Path("/proc/self/stat").exists() and _pid_file(places.cluster)[:1] == lines[:1]:
        # PostgreSQL itself believes any live process of its user with this number, and a zombie, to be a server.
        (places.cluster / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
            (places.sockets / name).unlink(missing_ok=True)


def serves(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a live server of this very cluster: not a zombie, not another program with a re-used number."""
    process = Path("/proc") / str(pid)
    try:
        if not alive(pid):
            return False
        if str(cluster).encode() in (process / "cmdline").read_bytes().split(b"\0"):
            return True
        return (process / "cwd").resolve(strict=True) == cluster and b"postgres" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
