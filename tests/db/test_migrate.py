"""The migration runner: once each, in order, never half, never on a database it does not belong to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from merx.core.catalog import words
from merx.core.webhooks import rules
from merx.db import migrate as runner
from merx.db.dsn import Dsn
from merx.db.migrate import FOLDER, check_schema, migrate
from merx.db.roles import Login
from merx.settings import CannotStart


@pytest.fixture
async def empty(dsn: Dsn, owner: Any) -> AsyncIterator[dict[str, Any]]:
    """A superuser's arguments for a database without tables."""
    assert dsn.owner is not None
    name = f"empty_{secrets.token_hex(6)}"
    await owner.execute(f"create database {name}")
    yield dsn.owner | {"database": name}
    await owner.execute(f"drop database {name} with (force)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("create table one (id int primary key);\n")
    (tmp_path / "0002_two.sql").write_text("insert into one values (1);\n")
    return tmp_path


async def fetch(connect: dict[str, Any], sql: str) -> Any:
    conn = await asyncpg.connect(**connect)
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


async def test_applies_each_file_once_in_order(empty: dict[str, Any], folder: Path) -> None:
    assert await migrate(empty, folder=folder) == ["0001_one.sql", "0002_two.sql"]
    assert await migrate(empty, folder=folder) == []
    (folder / "0003_three.sql").write_text("insert into one values (3);\n")
    assert await migrate(empty, folder=folder) == ["0003_three.sql"]
    assert await fetch(empty, "select array_agg(id order by id) from one") == [1, 3]


async def test_two_at_once_share_the_work(empty: dict[str, Any], folder: Path) -> None:
    (folder / "0003_slow.sql").write_text("select pg_sleep(0.2); insert into one values (3);\n")
    done = await asyncio.gather(*(migrate(empty, folder=folder) for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, 3]
    assert await fetch(empty, "select count(*) from one") == 2


async def test_refuses_a_file_that_changed_afterwards(empty: dict[str, Any], folder: Path) -> None:
    await migrate(empty, folder=folder)
    (folder / "0002_two.sql").write_text("insert into one values (2);\n")
    with pytest.raises(CannotStart, match=r"0002_two\.sql was changed"):
        await migrate(empty, folder=folder)
    assert await fetch(empty, "select array_agg(id) from one") == [1]


async def test_refuses_a_newer_database(empty: dict[str, Any], folder: Path) -> None:
    await migrate(empty, folder=folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(CannotStart, match=r"newer than this Merx: it has 0002_two\.sql"):
        await migrate(empty, folder=folder)


async def test_a_failing_file_changes_nothing_and_is_tried_again(empty: dict[str, Any], folder: Path) -> None:
    bad = folder / "0003_bad.sql"
    bad.write_text("insert into one values (3); insert into one values (3);\n")
    with pytest.raises(CannotStart, match=r"0003_bad\.sql failed and changed nothing"):
        await migrate(empty, folder=folder)
    assert await fetch(empty, "select count(*) from one") == 1
    bad.write_text("insert into one values (3);\n")
    assert await migrate(empty, folder=folder) == ["0003_bad.sql"]


async def test_text_that_looks_like_a_comment_is_kept(empty: dict[str, Any], folder: Path) -> None:
    (folder / "0003_text.sql").write_text("create table said (t text); insert into said values ('a\n-- b;\nc');\n")
    await migrate(empty, folder=folder)
    assert await fetch(empty, "select t from said") == "a\n-- b;\nc"


async def test_a_server_that_does_not_migrate_asks_for_it(empty: dict[str, Any], folder: Path) -> None:
    conn = await asyncpg.connect(**empty)
    try:
        with pytest.raises(CannotStart, match="run `merx migrate` first"):
            await check_schema(conn, folder)
        await migrate(empty, folder=folder)
        await check_schema(conn, folder)
    finally:
        await conn.close()


async def test_words_of_products_that_are_there_are_found_as_new_ones_are(
    empty: dict[str, Any], tmp_path: Path
) -> None:
    """0014 fills what the program keeps from then on, for every tenant, under forced row-level security."""
    for file in FOLDER.glob("*.sql"):
        if file.name < "0014":
            (tmp_path / file.name).write_text(file.read_text())
    await migrate(empty, folder=tmp_path)
    texts = ("Lamp lamps la Lämpchen", ["LAMP-01", "L"], "a lamp, a lampshade and the laptop; lap λ λόγος λόγοι lamps1")
    weights = dict(words.weigh(*texts))
    shared = words.shared(weights)
    conn = await asyncpg.connect(**empty)
    try:
        rows = [(UUID(int=n % 2), word, UUID(int=n), weights[word], n < 3) for n in range(4) for word in weights]
        await conn.copy_records_to_table("search_words", records=rows)
        assert "0014_search.sql" in await migrate(empty)
        kept = await conn.fetch("select tenant_id, word, product_id, weight, shown, shared from search_words")
        assert {tuple(row) for row in kept} == {(*row, shared[row[1]]) for row in rows}
        assert {0, 1, 2, 4, 5} <= set(shared.values())
    finally:
        await conn.close()


async def test_deliveries_that_are_there_know_what_they_are_about(empty: dict[str, Any], tmp_path: Path) -> None:
    """0015 reads it out of the bodies, as the relay has rendered them; one that is not ours is about nothing."""
    for file in FOLDER.glob("*.sql"):
        if file.name < "0015":
            (tmp_path / file.name).write_text(file.read_text())
    await migrate(empty, folder=tmp_path)
    tenant, about, at = UUID(int=7), UUID("01a10c4e-7b3b-7d10-8a4f-6f0e2c9b1d55"), datetime(2026, 1, 1, tzinfo=UTC)
    conn = await asyncpg.connect(**empty)
    try:
        await conn.execute("insert into tenants (id, slug, name, created_at) values ($1, 'x', 'X', $2)", tenant, at)
        endpoint = "insert into webhook_endpoints (tenant_id, id, url, events, secret, created_at) values ($1, $1, '', '{}', '', $2)"
        await conn.execute(endpoint, tenant, at)
        bodies = [rules.render("order.paid", about, {"order_id": str(tenant)}, at), b"{}"]
        rows = [(tenant, UUID(int=n), tenant, UUID(int=n), "x", body, at, at) for n, body in enumerate(bodies)]
        columns = "tenant_id id endpoint_id event_id kind body next_at created_at".split()
        await conn.copy_records_to_table("webhook_deliveries", records=rows, columns=columns)
        assert await migrate(empty) == ["0015_erasures.sql"]
        found = await conn.fetch("select subject, body from webhook_deliveries order by id")
        assert [tuple(row) for row in found] == [(about, bodies[0]), (None, bodies[1])]
    finally:
        await conn.close()


async def test_what_a_file_makes_is_ours_to_use_from_its_commit(
    empty: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just after the last file, the runner finds nothing left to do when it is started again."""
    await migrate(empty, folder=folder)
    (folder / "0003_anew.sql").write_text("drop table one; create table one (id int primary key);\n")
    apply = runner._apply

    async def killed(*file: Any) -> None:
        await apply(*file)
        raise SystemExit

    with monkeypatch.context() as crash, pytest.raises(SystemExit):
        crash.setattr(runner, "_apply", killed)
        await migrate(empty, folder=folder)
    assert await migrate(empty, folder=folder) == []
    assert await fetch(empty | {"user": "merx_app"}, "select count(*) from one") == 0


async def test_every_table_belongs_to_the_owner_role(owner: Any) -> None:
    strangers = await owner.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and relowner <> 'merx_owner'::regrole"
    )
    assert strangers == []


async def test_a_database_owner_who_is_no_superuser_can_migrate(empty: dict[str, Any], owner: Any) -> None:
    """A managed PostgreSQL: the roles are there, the migrating role owns the database and is given them."""
    name = f"dba_{secrets.token_hex(4)}"
    await owner.execute(f"create role {name} login createrole")
    await owner.execute(f"alter database {empty['database']} owner to {name}")
    for role in ("merx_owner", "merx_definer", "merx_search"):
        await owner.execute(f"grant {role} to {name} with admin option")
    assert "0001_base.sql" in await migrate(empty | {"user": name})
    assert await migrate(empty | {"user": name}) == []
    assert await fetch(empty | {"user": "merx_app"}, "select count(*) from tenants") == 1


async def test_a_role_that_may_do_nothing_is_refused_in_a_sentence(empty: dict[str, Any], owner: Any) -> None:
    name = f"nobody_{secrets.token_hex(4)}"
    await owner.execute(f"create role {name} login")
    with pytest.raises(CannotStart, match=f"{name} may not give Merx's roles their rights"):
        await migrate(empty | {"user": name})


async def test_another_serving_role_is_made_with_its_password(empty: dict[str, Any], owner: Any, folder: Path) -> None:
    name = f"shop_{secrets.token_hex(4)}"
    await migrate(empty, Login(name, "a password nobody logs"), folder)
    made = await owner.fetchrow("select rolcanlogin, rolsuper, rolpassword from pg_authid where rolname = $1", name)
    assert made["rolcanlogin"] and not made["rolsuper"] and made["rolpassword"].startswith("SCRAM-SHA-256$")
    assert await fetch(empty | {"user": name}, "select count(*) from one") == 1
    assert await fetch(empty | {"user": name}, "show lock_timeout") == "1s"
