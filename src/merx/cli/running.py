"""The commands that run: the server, with or without the demo shops; the worker; the migrations.

The process of `merx serve` stays small: what prepares the shops runs in a process of its own and sends back the lines
that are shown once requests are answered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from functools import partial

import msgspec

from merx import __version__
from merx.cli import reading
from merx.db.dsn import Dsn
from merx.kernel.errors import MerxError
from merx.settings import Settings

_AT_MOST = 64 << 10  # what a pipe holds


def serve(host: str | None, port: int | None, workers: int | None, demo: bool) -> None:
    from merx import serve as launcher

    settings = reading.settings()
    settings = settings.with_port(host or settings.host, port or settings.port)
    if workers is not None:
        settings = msgspec.structs.replace(settings, workers=workers)
    told, tells = os.pipe()
    os.set_blocking(told, False)  # server processes hold the other end too, so it never ends
    prepare = partial(_prepare, demo, tells) if demo or settings.admin_email else None
    ready = partial(_say_ready, settings, told)
    launcher.run(settings, what="merx demo" if demo else "merx serve", prepare=prepare, ready=ready)


def _say_ready(settings: Settings, told: int) -> None:
    prepared = ""
    with contextlib.suppress(BlockingIOError):  # nothing was prepared
        prepared = os.read(told, _AT_MOST).decode()
    data = "" if settings.database_url else f"  Its data is in  {settings.data_dir}\n"
    sys.stdout.write(
        f"Merx {__version__} is running at {settings.public_url}\n"
        f"  Dashboard       {settings.public_url}/dashboard\n"
        f"  Documentation   {settings.public_url}/docs\n{data}{prepared}Ctrl-C stops it.\n"
    )
    sys.stdout.flush()


def _prepare(demo: bool, tells: int, settings: Settings, dsn: Dsn) -> None:
    """In a process of its own, between the migrations and the first request."""
    from merx.cli.preparing import prepare

    try:
        said = asyncio.run(prepare(settings, dsn, demo))
    except MerxError as wrong:
        sys.stderr.write(f"merx: {wrong.message}\n")
        raise SystemExit(1) from None
    os.write(tells, said.encode())


def work() -> None:
    from merx import worker
    from merx.cli import session
    from merx.edge import logs
    from merx.runtime import Runtime

    settings = reading.settings()
    logs.configure(settings.log_level)

    async def until_told(rt: Runtime) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for told in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(told, stop.set)
        sys.stdout.write("The worker is running. Ctrl-C stops it.\n")
        sys.stdout.flush()
        await worker.run(rt, stop)
        logs.writer.flush()

    session.run("merx worker", until_told, settings)


def migrate() -> None:
    from merx.db import opening

    settings = reading.settings()
    if settings.database_url:
        applied = asyncio.run(opening.migrate_external(settings))
        said = f"Applied {', '.join(applied)}." if applied else "The database is up to date."
    else:
        with opening.open_database(settings, "merx migrate"):  # which migrates where it has to
            said = f"The database in {settings.data_dir} is up to date."
    sys.stdout.write(f"{said}\n")
