"""Forward-only migrations: plain `NNNN_name.sql` files, one transaction each, under one advisory lock.

What has been applied is remembered with the file's hash: a file that was changed afterwards, and a database that knows
a file this program does not have, are refused. Any number of processes may start at once; one applies, the rest wait.
"""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import asyncpg

from merx.db import roles
from merx.settings import CannotStart

FOLDER = Path(__file__).parent / "migrations"
LEDGER = """
create table if not exists schema_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
)"""
APPLIED = "select name, sha256 from schema_migrations"
REMEMBER = """
insert into schema_migrations (name, sha256) values ($1, $2)
on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()"""
LOCK = "select pg_advisory_lock(hashtextextended('merx.migrations', 0))"
_ROLES = "roles"
_SIGNS_IN = {
    "MERX_DATABASE_URL": ": `merx migrate`, signed in as MERX_MIGRATE_URL says, makes the user where it is missing"
}


async def migrate(
    owner: dict[str, Any],
    login: roles.Login | None = None,
    folder: Path = FOLDER,
    variable: str = "MERX_MIGRATE_URL",
) -> list[str]:
    """Brings the database to this program's version and gives back the files it applied. `owner`: arguments of
    `asyncpg.connect` for a superuser or the tables' owner, from `variable`; `login`: the serving role, where it is not
    our own."""
    files = _files(folder)
    conn = await connect(owner, variable)
    try:
        if await _is_current(conn, files, login):
            return []
        await conn.execute(
            "set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0"
        )
        await conn.execute(LOCK)
        async with conn.transaction():
            as_owner = await roles.prepare(conn, login)
        await conn.execute(f'set role "{as_owner}"')
        await conn.execute(LEDGER)
        known = dict(await conn.fetch(APPLIED))
        done = []
        for name in pending(known, files):
            await _apply(conn, name, files[name])
            done.append(name)
        async with conn.transaction():
            await roles.grant(conn)
            await conn.execute(REMEMBER, _ROLES, roles.fingerprint(login))
        return done
    finally:
        await conn.close()


def pending(known: dict[str, str], files: dict[str, str]) -> list[str]:
    """The files still to apply. Raises CannotStart where the database and the program don't belong together."""
    if newer := known.keys() - files.keys() - {_ROLES}:
        raise CannotStart(
            f"The database is newer than this Merx: it has {', '.join(sorted(newer))}. Start the version that made it, "
            f"or a later one."
        )
    for name, sql in files.items():
        if name in known and known[name] != _hash(sql):
            raise CannotStart(
                f"The migration {name} was changed after it was applied to this database: restore the file as it was "
                f"and put the change into a new one."
            )
    return [name for name in files if name not in known]


async def check_schema(conn: Any, folder: Path = FOLDER) -> None:
    """For a server that does not migrate: the database must have exactly this program's migrations."""
    files = _files(folder)
    try:
        known = dict(await conn.fetch(APPLIED))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        known = {}
    if missing := pending(known, files):
        raise CannotStart(f"The database lacks {', '.join(missing)}: run `merx migrate` first.")


async def connect(arguments: dict[str, Any], variable: str = "MERX_DATABASE_URL") -> Any:
    """One connection, or CannotStart in a sentence that never holds the address's password."""
    try:
        return await asyncpg.connect(**arguments, timeout=10)
    except asyncpg.InvalidCatalogNameError:
        raise CannotStart(f"The database that {variable} names does not exist: create it first.") from None
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as refused:
        raise CannotStart(
            f"The database refuses the user or password in {variable} ({refused.args[0]}){_SIGNS_IN.get(variable, '')}."
        ) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as wrong:
        raise CannotStart(f"The database that {variable} names can't be reached ({_why(wrong)}).") from None


def _why(wrong: Exception) -> str:
    """asyncpg's own words, where they are about the address, name hosts and options only."""
    if isinstance(wrong, socket.gaierror):
        return "its host is not known"
    if isinstance(wrong, TimeoutError):
        return "no answer within 10 seconds"
    if isinstance(wrong, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(wrong, asyncpg.PostgresError | asyncpg.ClientConfigurationError):
        return str(wrong.args[0]).rstrip(".")
    return type(wrong).__name__


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("[0-9]*.sql"))}


async def _is_current(conn: Any, files: dict[str, str], login: roles.Login | None) -> bool:
    try:
        known = dict(await conn.fetch(APPLIED))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return False
    return not pending(known, files) and known.get(_ROLES) == roles.fingerprint(login)


async def _apply(conn: Any, name: str, sql: str) -> None:
    """With it, what it made is the serving role's to use: servers may run, and a crash may come, between any two."""
    try:
        async with conn.transaction():
            await conn.execute("set local lock_timeout = '5s'")
            await conn.execute(sql)  # the simple protocol: PostgreSQL itself finds where statements end
            await roles.grant(conn)
            await conn.execute(REMEMBER, name, _hash(sql))
    except asyncpg.PostgresError as wrong:
        raise CannotStart(f"The migration {name} failed and changed nothing: {wrong.args[0]}.") from wrong


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
