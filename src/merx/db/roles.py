"""Who may do what in the database. `merx_owner` owns the tables and nobody signs in as it; `merx_app` serves, owns
nothing and stands under row-level security; the definer roles own the few functions that look across tenants.

Where we are a superuser or may create roles they are made here; elsewhere an administrator makes them once, with the
statements that the refusal names.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import msgspec

from merx.settings import CannotStart

OWNER, APP = "merx_owner", "merx_app"
DEFINER, SEARCH = "merx_definer", "merx_search"
"""DEFINER reads through policies of its own; SEARCH, where a superuser makes it, is past row-level security altogether,
so that text search may use its indexes."""

APPEND_ONLY = ("stock_movements", "access_log", "access_log_hours")
SESSION = {
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "5s",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
EDITION = 2
"""Raised whenever something here changes, so that databases made before get it too."""

WHO = """
select r.rolname as name, r.rolsuper as super, r.rolsuper or r.rolcreaterole as creates,
  current_setting('server_version_num')::int as version, current_database() as database
from pg_roles r where r.rolname = current_user
"""
EXISTING = "select rolname, rolconfig from pg_roles where rolname = any($1::text[])"
MAY_BECOME = "select pg_has_role($1::name, $2::name, $3)"
BYPASSES = "select rolbypassrls from pg_roles where rolname = $1"
MAY_CREATE = (
    "select has_schema_privilege($1::name, 'public', 'create') and has_schema_privilege($1::name, 'public', 'usage')"
)
MAY_EXTEND = "select has_database_privilege($1::name, current_database(), 'create')"
DEFINER_FUNCTIONS = """
select p.oid::regprocedure::text as name from pg_proc p
where p.prosecdef and p.pronamespace = 'public'::regnamespace
"""
TABLE_EXISTS = "select to_regclass('public.' || quote_ident($1)) is not null"


class Login(msgspec.Struct, frozen=True):
    """The role that MERX_DATABASE_URL signs in as."""

    name: str
    password: str | None = None


def login_of(url: str) -> Login:
    """Raises CannotStart for an address without a user."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    name = unquote(parts.username or "") or query.get("user", [""])[0]
    if not name:
        raise CannotStart("MERX_DATABASE_URL must name its user, as in postgresql://merx_app:…@host/merx.")
    password = unquote(parts.password) if parts.password else query.get("password", [None])[0]
    return Login(name, password)


def fingerprint(login: Login | None) -> str:
    """What the ledger of migrations keeps to know that nothing here has to be done again."""
    return hashlib.sha256(f"{EDITION} {login.name if login else APP}".encode()).hexdigest()


async def prepare(conn: Any, login: Login | None) -> str:
    """Makes the roles and their rights on database and schema. Gives back the role that migrations run as."""
    who = await conn.fetchrow(WHO)
    names = [OWNER, APP, DEFINER, SEARCH] + ([login.name] if login else [])
    found = {row["rolname"]: row["rolconfig"] or [] for row in await conn.fetch(EXISTING, names)}
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing and not who["creates"]:
        if set(missing) - {OWNER}:
            raise CannotStart(_please_create(missing, who["name"]))
        owner: str = who["name"]
    else:
        owner = OWNER
    if who["creates"]:
        await _create(conn, missing, login, who)
    try:
        if login:
            await _make_member(conn, who, login.name, APP)
        if owner == OWNER:
            await _give_owner(conn, who)
        for name in dict.fromkeys([APP, login.name if login else APP]):
            await _limit(conn, name, found.get(name, []))
    except asyncpg.InsufficientPrivilegeError as refused:
        raise CannotStart(
            f"{who['name']} may not give Merx's roles their rights ({refused.args[0]}): let `merx migrate` use a "
            f"superuser or the database's owner with CREATEROLE (MERX_MIGRATE_URL)."
        ) from None
    return owner


async def grant(conn: Any) -> None:
    """What the serving role may do with the tables that exist now. Runs as their owner, after every migration."""
    await conn.execute(f"grant usage on schema public to {APP}, {DEFINER}, {SEARCH}")
    await conn.execute(f"grant select, insert, update, delete on all tables in schema public to {APP}")
    await conn.execute(f"grant usage on all sequences in schema public to {APP}")
    await conn.execute(f"revoke insert, update, delete on schema_migrations from {APP}")
    for table in APPEND_ONLY:
        if await conn.fetchval(TABLE_EXISTS, table):
            await conn.execute(f"revoke update, delete on {table} from {APP}")
    for function in await conn.fetch(DEFINER_FUNCTIONS):
        # Left unnamed, pg_temp comes first: the caller's own temporary tables would stand in for ours.
        await conn.execute(f"alter function {function['name']} set search_path = pg_catalog, public, pg_temp")
        await conn.execute(f"revoke all on function {function['name']} from public")
        await conn.execute(f"grant execute on function {function['name']} to {APP}")


async def _create(conn: Any, missing: list[str], login: Login | None, who: Any) -> None:
    for name in missing:
        password = ""
        if login and name == login.name and login.password:
            password = f" password '{scram(login.password)}'"
        signs_in = "login" if name == APP or (login and name == login.name) else "nologin"
        await conn.execute(f"create role {_quoted(name)} {signs_in}{password}")
    if who["super"] and not await conn.fetchval(BYPASSES, SEARCH):  # roles are the server's: two may migrate at once
        await conn.execute(f"alter role {SEARCH} bypassrls")


async def _give_owner(conn: Any, who: Any) -> None:
    """The owner of the tables: it may make tables here and hand functions to the definer roles."""
    await _make_member(conn, who, who["name"], OWNER)
    for role in (DEFINER, SEARCH):
        await _make_member(conn, who, OWNER, role)
    for role in (OWNER, DEFINER, SEARCH):
        if not await conn.fetchval(MAY_CREATE, role):
            await conn.execute(f"grant usage, create on schema public to {role}")
    if not await conn.fetchval(MAY_EXTEND, OWNER):
        await conn.execute(f"grant create on database {_quoted(who['database'])} to {OWNER}")


async def _make_member(conn: Any, who: Any, member: str, role: str) -> None:
    # Since 16 whoever makes a role is its member at once, but without the right to act as it.
    kind = "SET" if who["version"] >= 160000 else "MEMBER"
    if member != role and not await conn.fetchval(MAY_BECOME, member, role, kind):
        await conn.execute(f"grant {role} to {_quoted(member)}")


async def _limit(conn: Any, name: str, known: list[str]) -> None:
    """Best effort: our own connections bring these settings along, this holds for everybody else's."""
    wanted = [(setting, value) for setting, value in SESSION.items() if f"{setting}={value}" not in known]
    with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
        async with conn.transaction():
            for setting, value in wanted:
                await conn.execute(f"alter role {_quoted(name)} set {setting} = '{value}'")


def scram(password: str) -> str:
    """The verifier PostgreSQL stores for a password (RFC 5803), so that the password itself is never in a statement."""
    salt, rounds = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${rounds}:{_b64(salt)}${_b64(stored)}:{_b64(server)}"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _please_create(missing: list[str], who: str) -> str:
    statements = [f"CREATE ROLE {_quoted(name)}{' LOGIN' if name == APP else ''};" for name in missing]
    statements.append(f"GRANT {DEFINER}, {SEARCH} TO {_quoted(who)};")
    statements.append(f"GRANT USAGE, CREATE ON SCHEMA public TO {_quoted(who)}, {DEFINER}, {SEARCH};")
    return (
        f"Merx's database roles are missing and {who} may not create them: let MERX_MIGRATE_URL name a superuser or a "
        f"role with CREATEROLE, or let an administrator run once: {' '.join(statements)}"
    )
