"""What the serving role can't do, tried; and what Merx refuses to serve from."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from merx.db import embedded, places
from merx.db.dsn import Dsn
from merx.db.opening import external
from merx.db.roles import scram
from merx.db.safety import check_server
from merx.settings import CannotStart, Settings


@pytest.fixture
async def app(dsn: Dsn) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(**dsn.app)
    yield conn
    await conn.close()


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id int)",
        "alter table orders disable row level security",
        "alter table orders no force row level security",
        "drop policy tenant on orders",
        "truncate orders",
        "set role merx_owner",
        "set role merx_definer",
        "set role merx_search",
        "update stock_movements set variant_id = variant_id",
        "delete from stock_movements",
        "delete from schema_migrations",
        "select * from pg_authid",
        "copy tenants to program 'cat'",
    ],
)
async def test_the_serving_role_is_refused(app: Any, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(statement)


async def test_the_serving_role_has_its_limits_by_itself(app: Any) -> None:
    shown = [await app.fetchval(f"show {name}") for name in ("statement_timeout", "lock_timeout", "plan_cache_mode")]
    assert shown == ["5s", "1s", "force_generic_plan"]
    assert await app.fetchval("show idle_in_transaction_session_timeout") == "5s"


async def test_every_tenant_table_is_under_forced_row_level_security(owner: Any) -> None:
    open_tables = await owner.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and not (c.relrowsecurity and c.relforcerowsecurity)"
    )
    assert {row["relname"] for row in open_tables} == {"credentials"}  # the look-up made before the tenant is known


async def test_functions_past_row_level_security_are_for_the_serving_role_alone(owner: Any) -> None:
    rows = await owner.fetch(
        "select proname, coalesce(proacl::text, '') as acl, proconfig from pg_proc"
        " where prosecdef and pronamespace = 'public'::regnamespace"
    )
    assert rows
    for row in rows:
        assert "merx_app=X" in row["acl"] and "{=X" not in row["acl"] and ",=X" not in row["acl"], row
        assert "search_path=pg_catalog, public, pg_temp" in row["proconfig"], row


async def test_a_temporary_table_does_not_stand_in_for_ours(dsn: Dsn) -> None:
    conn = await asyncpg.connect(**dsn.app)
    ident = "019a0000-0000-7000-8000-000000000000"
    await conn.execute("create temp table orders (id uuid, tenant_id uuid); grant select on orders to public")
    await conn.execute(f"insert into orders values ('{ident}', '{ident}')")
    assert await conn.fetchval("select tenant_of_order($1)", ident) is None
    await conn.close()


async def refusal(connect: dict[str, Any], **server_settings: str) -> str:
    conn = await asyncpg.connect(**connect, server_settings=server_settings)
    try:
        await check_server(conn)
    except CannotStart as refused:
        return str(refused)
    finally:
        await conn.close()
    return ""


async def test_the_ordinary_server_is_accepted(dsn: Dsn) -> None:
    assert await refusal(dsn.app) == ""


async def test_refuses_to_serve_as_a_superuser(dsn: Dsn) -> None:
    assert dsn.owner is not None
    assert "as the superuser merx_admin" in await refusal(dsn.owner)


async def test_refuses_to_serve_as_the_owner(dsn: Dsn, owner: Any) -> None:
    name = f"boss_{secrets.token_hex(4)}"
    await owner.execute(f"create role {name} login noinherit in role merx_owner")
    assert f"{name} owns the table" in await refusal(dsn.app | {"user": name})


async def test_refuses_a_role_that_owns_one_table(owner: Any) -> None:
    """In a transaction that is rolled back: other tests look at whose the tables of this database are."""
    name = f"half_{secrets.token_hex(4)}"
    made = owner.transaction()
    await made.start()
    try:
        await owner.execute(f"create role {name} login; create table {name} (); alter table {name} owner to {name}")
        await owner.execute(f"set local role {name}")
        with pytest.raises(CannotStart, match=f"{name} owns the table {name}"):
            await check_server(owner)
    finally:
        await made.rollback()


async def test_refuses_a_role_that_bypasses_row_level_security(dsn: Dsn, owner: Any) -> None:
    name = f"past_{secrets.token_hex(4)}"
    await owner.execute(f"create role {name} login bypassrls")
    assert f"The role {name} has BYPASSRLS" in await refusal(dsn.app | {"user": name})


async def test_refuses_a_server_that_forgets_commits(dsn: Dsn) -> None:
    assert "synchronous_commit = off" in await refusal(dsn.app, synchronous_commit="off")


@pytest.fixture
def odd_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server of our own with unsafe settings that asks for passwords."""
    monkeypatch.setitem(embedded.SETTINGS, "fsync", "off")
    monkeypatch.setitem(embedded.SETTINGS, "full_page_writes", "off")
    server = embedded.Embedded(places.find(data_dir))
    server.start()
    yield server.connect(embedded.SUPERUSER) | {"database": "postgres"}
    server.stop()


async def test_refuses_unsafe_servers_and_passwords_fit(odd_server: dict[str, Any]) -> None:
    assert "fsync = off" in await refusal(odd_server)
    conn = await asyncpg.connect(**odd_server)
    await conn.execute(f"create role shop login password '{scram('right horse')}'")
    hba = Path(await conn.fetchval("show hba_file"))
    hba.write_text("local all shop scram-sha-256\n" + hba.read_text())
    await conn.execute("select pg_reload_conf()")
    await conn.close()
    shop = odd_server | {"user": "shop"}
    await (await asyncpg.connect(**shop, password="right horse")).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**shop, password="wrong horse")


def test_an_address_without_a_user_is_refused() -> None:
    with pytest.raises(CannotStart, match="must name its user"):
        external(Settings(database_url="postgresql://localhost/merx"))
