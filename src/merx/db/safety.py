"""What a database must promise before Merx serves from it. Each refusal is one sentence that says what to do."""

from __future__ import annotations

from typing import Any

from merx.settings import CannotStart

OLDEST = 15
PROMISES = """
select current_setting('server_version_num')::int / 10000 as major,
  current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('full_page_writes') as full_page_writes,
  r.rolname as role,
  r.rolsuper as super,
  exists (select from pg_roles b where b.rolbypassrls and pg_has_role(r.oid, b.oid, 'MEMBER')) as bypasses,
  (select c.relname from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and pg_has_role(r.oid, c.relowner, 'MEMBER') limit 1) as owned
from pg_roles r where r.rolname = current_user
"""
_SERVE_AS = "let MERX_DATABASE_URL name the serving role merx_app, and MERX_MIGRATE_URL this one for `merx migrate`"


async def check_server(conn: Any) -> None:
    """`conn` is the serving role's. Raises CannotStart."""
    found = await conn.fetchrow(PROMISES)
    if found["major"] < OLDEST:
        raise CannotStart(f"Merx needs PostgreSQL {OLDEST} or later and this is {found['major']}: upgrade the server.")
    for setting, lost in (
        ("fsync", "a power cut can destroy the whole database"),
        ("full_page_writes", "a power cut can leave half-written pages"),
        ("synchronous_commit", "a crash loses orders that were already confirmed"),
    ):
        if found[setting] == "off":
            raise CannotStart(f"PostgreSQL runs with {setting} = off, where {lost}: set {setting} = on and reload it.")
    role = found["role"]
    if found["super"]:
        raise CannotStart(f"Merx does not serve as the superuser {role}, who is past row-level security: {_SERVE_AS}.")
    if found["owned"]:
        raise CannotStart(
            f"The role {role} owns the table {found['owned']} and could switch its row-level security off: {_SERVE_AS}."
        )
    if found["bypasses"]:
        raise CannotStart(
            f"The role {role} has BYPASSRLS, or is a member of a role that has, so nothing would keep shops apart: "
            f"ALTER ROLE {role} NOBYPASSRLS, or {_SERVE_AS}."
        )
