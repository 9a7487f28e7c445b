"""The building is kept by tests: who writes which table, what every statement names, what every table is protected by,
how large things get, and that every state can be reached."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest

import merx
from merx.core.orders.model import TRANSITIONS as ORDER_STATES
from merx.core.orders.model import Status as OrderStatus
from merx.core.payments.model import TRANSITIONS as PAYMENT_STATES
from merx.core.payments.model import Status as PaymentStatus
from merx.db.dsn import Dsn
from merx.kernel import states

SRC = Path(merx.__file__).parent
STATEMENT = re.compile(r"^\s*(select|insert|update|delete|with)\b", re.IGNORECASE)
WRITTEN = re.compile(r"\b(?:insert\s+into|update|delete\s+from)\s+(?:only\s+)?([a-z_]+)", re.IGNORECASE)
NOT_TABLES = {"set", "of", "skip", "nothing", "no"}

BEFORE_THE_TENANT = {"credentials", "rate_counters"}
"""No row-level security: asked before the tenant is known (docs/adr)."""
REFERENCE = {"tenants", "staff"}
SHARED_COUNTERS = {"counters"}
"""Each capability draws from its own row of it."""
ACROSS_TENANTS = {"VERSIONS"}


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages([str(SRC)], "merx."):
        if found.name.endswith("__main__"):
            continue
        yield importlib.import_module(found.name)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from texts(one)


def statements() -> Iterator[tuple[str, str, str]]:
    """(module, name, text) of every whole SQL constant; names that begin with an underscore are fragments."""
    for module in modules():
        for name, value in vars(module).items():
            if name.isupper() and not name.startswith("_"):
                for text in texts(value):
                    if STATEMENT.match(text):
                        yield module.__name__, name, text


STATEMENTS = sorted(set(statements()))


async def test_every_statement_is_one_the_database_knows(dsn: Dsn) -> None:
    assert len(STATEMENTS) > 100
    conn = await asyncpg.connect(**dsn.app)
    wrong = []
    for module, name, text in STATEMENTS:
        try:
            await conn.prepare(text)
        except asyncpg.PostgresError as refused:
            wrong.append(f"{module}.{name}: {refused}")
    await conn.close()
    assert not wrong, "\n".join(wrong)


async def tenant_tables(conn: Any) -> set[str]:
    found = await conn.fetch(
        """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not a.attisdropped"""
    )
    return {row[0] for row in found} - BEFORE_THE_TENANT


async def test_every_statement_names_the_tenant_of_every_table_it_touches(owner: Any) -> None:
    """A statement on tenant tables has the tenant as $1, at least once for each table it reads or writes."""
    tables = await tenant_tables(owner)
    wrong = []
    for module, name, text in STATEMENTS:
        if ".core." not in module or not any(re.search(rf"\b{table}\b", text) for table in tables):
            continue
        if "tenant_id = $1" not in text and "select $1" not in text and "values ($1" not in text:
            wrong.append(f"{module}.{name}")
    assert not wrong


def test_a_table_is_written_by_its_owners_store_only() -> None:
    owners: dict[str, str] = {}
    for module in modules():
        for table in getattr(module, "TABLES", ()):
            assert owners.setdefault(table, module.__name__) == module.__name__, table
    wrong = []
    for module, name, text in STATEMENTS:
        for table in set(WRITTEN.findall(text)) - NOT_TABLES - SHARED_COUNTERS:
            package = owners.get(table, "nobody").rpartition(".")[0]
            if not module.startswith(package):
                wrong.append(f"{module}.{name} writes {table}, which {owners.get(table, 'nobody')} owns")
    assert not wrong, "\n".join(wrong)


async def test_every_tenant_table_is_sealed(owner: Any) -> None:
    """Forced row-level security with the tenant's policy, and the tenant first in every key."""
    for table in await tenant_tables(owner):
        row = await owner.fetchrow(
            "select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass", f"public.{table}"
        )
        assert row[0] and row[1], f"{table} has no forced row-level security"
        policy = await owner.fetchrow(
            "select qual, with_check from pg_policies where tablename = $1 and policyname = 'tenant'", table
        )
        assert policy and "app.tenant" in policy[0] and policy[0] == policy[1], table
    keys = await owner.fetch(
        """select c.conrelid::regclass::text as table, c.conname, c.contype::text as kind, a.attname
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype in ('p', 'u', 'f') and c.connamespace = 'public'::regnamespace"""
    )
    tables = await tenant_tables(owner)
    for key in keys:
        if key["table"] in tables and "staff" not in key["conname"]:
            assert key["attname"] == "tenant_id", f"{key['table']}: {key['conname']} does not begin with the tenant"
    unique = await owner.fetch(
        """select i.indrelid::regclass::text as table, a.attname, i.indexrelid::regclass::text as name from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] where i.indisunique"""
    )
    for index in unique:
        if index["table"] in tables:
            assert index["attname"] == "tenant_id", index["name"]


async def test_the_schema_can_be_distributed_by_tenant(owner: Any) -> None:
    """No triggers of our own, no enums, no numeric, no ON DELETE SET NULL, no SQL-language function."""
    assert await owner.fetchval("select count(*) from pg_trigger where not tgisinternal") == 0
    assert await owner.fetchval("select count(*) from pg_type where typtype = 'e'") == 0
    set_null = (
        "select count(*) from pg_constraint where contype = 'f' and (confdeltype = 'n' or confupdtype in ('n', 'c'))"
    )
    assert await owner.fetchval(set_null) == 0
    numeric = """select count(*) from information_schema.columns
        where table_schema = 'public' and data_type = 'numeric'"""
    assert await owner.fetchval(numeric) == 0
    functions = await owner.fetch(
        """select p.proname, l.lanname, p.prosecdef, p.proconfig from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'public'::regnamespace and not exists (
          select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')"""
    )
    for function in functions:
        assert function["lanname"] == "plpgsql", function["proname"]
        if function["prosecdef"]:
            assert any(setting.startswith("search_path=") for setting in function["proconfig"] or []), function[
                "proname"
            ]
    across = r"tenant_id in \(select|set_config|merge into|currval|nextval"
    for module, name, text in STATEMENTS:
        assert not re.search(across, text, re.IGNORECASE), f"{module}.{name}"


async def test_the_serving_role_owns_nothing_and_may_write_no_history(owner: Any) -> None:
    role = await owner.fetchrow("select rolsuper, rolbypassrls from pg_roles where rolname = 'merx_app'")
    assert tuple(role) == (False, False)
    owned = "select count(*) from pg_class where relowner = 'merx_app'::regrole and relpersistence <> 't'"
    assert await owner.fetchval(owned) == 0  # tables that end with somebody's session are nobody's but that session's
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        assert not await owner.fetchval("select has_table_privilege('merx_app', 'stock_movements', $1)", right)


@pytest.mark.parametrize(
    ("table", "start"), [(ORDER_STATES, OrderStatus.PENDING), (PAYMENT_STATES, PaymentStatus.CREATED)]
)
def test_every_state_can_be_reached(table: Any, start: Any) -> None:
    assert not states.unreachable(table, start)
    assert set(table) == set(type(start))


def sources() -> list[Path]:
    return sorted(path for path in SRC.rglob("*.py") if "static" not in path.parts)


def test_sizes_hold() -> None:
    """Files stay under 500 lines, functions under 60; nothing is called by a name that says nothing."""
    wrong = []
    for path in sources():
        text = path.read_text()
        lines = text.count("\n")
        if lines >= 500:
            wrong.append(f"{path.relative_to(SRC)}: {lines} lines")
        if path.stem in {"utils", "helpers", "common", "manager", "base"}:
            wrong.append(f"{path.relative_to(SRC)}: says nothing by its name")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if (length := (node.end_lineno or 0) - node.lineno + 1) >= 60:
                wrong.append(f"{path.relative_to(SRC)}: {node.name} has {length} lines")
    assert not wrong, "\n".join(wrong)


def test_every_package_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(SRC)) for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]  # fmt: skip
    assert not silent
