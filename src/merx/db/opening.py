"""The way to the database, whichever it is: the one MERX_DATABASE_URL names, or our own in the data folder, which is
started where nobody runs it yet."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg

from merx.db import folder_lock, places
from merx.db.child import alive
from merx.db.dsn import Dsn
from merx.db.embedded import DATABASE, PORT, SUPERUSER, Embedded
from merx.db.migrate import check_schema, connect, migrate
from merx.db.roles import APP, Login, login_of
from merx.db.safety import check_server
from merx.settings import CannotStart, Settings

_SOMEBODY_STARTS_WITHIN = 60.0
_KILLED_HOLDER_GONE_WITHIN = 3.0


@contextlib.contextmanager
def open_database(settings: Settings, what: str = "merx") -> Iterator[Dsn]:
    """For commands and tests. Our own PostgreSQL is joined where it runs, and run for this block where it doesn't."""
    if settings.database_url:
        dsn = external(settings)
        asyncio.run(check(dsn))
        yield dsn
        return
    folder = places.make_data_dir(settings.data_dir)
    with folder_lock.using(folder) as users:
        if (lock := folder_lock.take(folder, what)) is None:
            dsn = _dsn(_wait_for_holder(folder))
            asyncio.run(_check_version(dsn, folder))
            yield dsn
            return
        server = OwnServer(folder, lock, what)
        try:
            yield server.start()
        finally:
            users.wait_for_the_others()
            server.stop()


def external(settings: Settings) -> Dsn:
    """The addresses of a PostgreSQL that is not ours."""
    assert settings.database_url
    login_of(settings.database_url)
    owner = {"dsn": settings.migrate_url} if settings.migrate_url else None
    return Dsn(app={"dsn": settings.database_url}, owner=owner)


async def migrate_external(settings: Settings) -> list[str]:
    """`merx migrate` on a PostgreSQL that is not ours. Where only one address is given it is used for this too; serving
    from it is refused if it turns out to be the owner's."""
    assert settings.database_url
    login: Login | None = login_of(settings.database_url)
    url = settings.migrate_url or settings.database_url
    if settings.migrate_url is None or login_of(settings.migrate_url) == login:
        login = None
    return await migrate(
        {"dsn": url}, login, variable="MERX_MIGRATE_URL" if settings.migrate_url else "MERX_DATABASE_URL"
    )


async def check(dsn: Dsn, migrated: bool = True) -> None:
    """Refuses a server or a role that Merx must not serve from, and a schema that is not this program's."""
    conn = await connect(dsn.app)
    try:
        await check_server(conn)
        if migrated:
            await check_schema(conn)
    finally:
        await conn.close()


async def _check_version(dsn: Dsn, folder: Path) -> None:
    """Whoever runs this folder's server has migrated the database to a version of its own."""
    conn = await connect(dsn.app)
    try:
        await check_schema(conn)
    except CannotStart:
        holder = folder_lock.holder(folder)
        who = f"{holder.what} (process {holder.pid})" if holder else "The Merx"
        raise CannotStart(
            f"{who} that runs on {folder} is of another version than this one: stop it, and start this version there, "
            f"or use the commands of that one."
        ) from None
    finally:
        await conn.close()


class OwnServer:
    """The data folder's PostgreSQL, run by this process, which holds the folder's lock."""

    def __init__(
        self, folder: Path, lock: folder_lock.ServerLock, what: str, say: Callable[[str], None] | None = None
    ) -> None:
        self.lock, self._what = lock, what
        self.places = places.find(folder)
        self._postgres = Embedded(self.places, say)
        self.say = self._postgres.say
        self.dsn = _dsn(self.places.sockets)

    def start(self) -> Dsn:
        """Runs, migrated and known to the other processes of this folder when it returns."""
        self._postgres.start()
        asyncio.run(self._migrate())
        self.lock.announce(self._what, self.places.sockets)
        return self.dsn

    def watch(self, until: threading.Event) -> None:
        self._postgres.watch(until)

    def stop(self) -> None:
        self._postgres.stop()
        self.lock.release()

    async def _migrate(self) -> None:
        assert self.dsn.owner is not None
        try:
            conn = await asyncpg.connect(**self.dsn.owner)
        except asyncpg.InvalidCatalogNameError:
            conn = await asyncpg.connect(**self.dsn.owner | {"database": "postgres"})
            await conn.execute(f"create database {DATABASE}")
        await conn.close()
        await migrate(self.dsn.owner)


def take_folder(folder: Path, what: str) -> folder_lock.ServerLock:
    """For a server, which does not share: the folder's lock, or CannotStart with the name of who has it."""
    deadline = time.monotonic() + _KILLED_HOLDER_GONE_WITHIN
    while (lock := folder_lock.take(folder, what)) is None:
        holder = folder_lock.holder(folder)
        if (holder and alive(holder.pid)) or time.monotonic() > deadline:
            who = f"{holder.what} (process {holder.pid})" if holder else "another Merx"
            raise CannotStart(f"{who} already uses {folder}: stop it, or set MERX_DATA_DIR to another folder.")
        time.sleep(0.05)
    return lock


def _wait_for_holder(folder: Path) -> Path:
    deadline = time.monotonic() + _SOMEBODY_STARTS_WITHIN
    while time.monotonic() < deadline:
        holder = folder_lock.holder(folder)
        if holder and holder.sockets and (Path(holder.sockets) / f".s.PGSQL.{PORT}").exists():
            return Path(holder.sockets)
        time.sleep(0.02)
    raise CannotStart(f"The Merx that uses {folder} has not got its database ready within a minute: look at its log.")


def _dsn(sockets: Path) -> Dsn:
    def as_role(user: str) -> dict[str, object]:
        return {"host": str(sockets), "port": PORT, "user": user, "database": DATABASE}

    return Dsn(app=as_role(APP), owner=as_role(SUPERUSER))
