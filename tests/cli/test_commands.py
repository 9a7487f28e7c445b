"""What commands say: help for newcomers, one line for what is wrong, and what they do to shops and keys."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Merx

from merx import cli
from merx.cli.commands import command
from merx.core.auth import service as auth
from merx.core.auth.model import InvalidKey, KeyType
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Plan
from merx.runtime import Runtime


def every_command(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, one in getattr(group, "commands", {}).items():
        yield from every_command(one, (*path, name))


COMMANDS = list(every_command(command()))


def test_the_commands_there_are() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "", "serve", "demo", "worker", "migrate", "import", "export",
        "tenants", "tenants list", "tenants create", "tenants set-plan",
        "keys", "keys list", "keys create", "keys revoke",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_it_is_for(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = command()
    for name in path:
        found = found.commands[name]
    assert cli.run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: {' '.join(('merx', *path))}" in shown
    assert found.help and len(found.help.split()) >= 4
    for parameter in found.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{path}: {parameter.name} is not explained"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["serve", "--prot", "80"], "No such option: --prot"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--port", "70000"], "65535"),
        (["serve", "--workers", "0"], "--workers"),
        (["keys", "create"], "Missing option '--tenant'"),
        (["import", "no-such-file.csv", "--tenant", "x"], "There is no file no-such-file.csv."),
        (["tenants", "create", "Shop", "--plan", "gold"], "free, starter, pro, enterprise"),
        (["tenants", "create", "Shop", "--owner", "nobody"], "not an e-mail address"),
        (["keys", "create", "--tenant", "x", "--type", "public"], "publishable or secret"),
        (["export", "--tenant", "x", "--format", "xlsx"], "--format csv or --format jsonl"),
    ],
)
def test_a_wrong_argument_is_one_line_and_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and err.startswith("merx: ") and out == ""


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MERX_PORT", "http", "MERX_PORT must be a port between 1 and 65535 (it is 'http')."),
        ("MERX_WORKERS", "many", "MERX_WORKERS must be a number between 1 and 64"),
        ("MERX_SECRET_KEY", "short", "MERX_SECRET_KEY must be at least 32 characters."),
        ("MERX_DATABASE_URL", "mysql://x", "MERX_DATABASE_URL must be a postgresql:// address."),
        ("MERX_TRUSTED_PROXIES", "nearby", "MERX_TRUSTED_PROXIES must be addresses or networks"),
        ("MERX_ADMIN_EMAIL", "me@example.com", "set both or neither"),
    ],
)
@pytest.mark.parametrize("name", ["serve", "demo", "worker", "migrate", "tenants list"])
def test_a_wrong_setting_is_one_line_and_2(
    name: str, variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert cli.run(name.split()) == 2
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and out == ""


async def test_a_database_that_is_away_is_one_line_and_1(merx: Merx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERX_DATABASE_URL", "postgresql://merx_app:hidden@127.0.0.1:1/merx")
    answered = await merx("tenants", "list")
    assert answered.code == 1 and answered.err.count("\n") == 1 and "can't be reached" in answered.err
    assert "hidden" not in answered.err


async def test_migrate_says_that_there_is_nothing_to_do(merx: Merx, dsn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERX_MIGRATE_URL", f"postgresql://merx_admin@/merx?host={dsn.app['host']}")
    answered = await merx("migrate")
    assert (answered.code, answered.out) == (0, "The database is up to date.\n")


@pytest.mark.slow
async def test_a_worker_runs_until_it_is_told_to_stop(merx: Merx) -> None:
    """A process of its own, for it wants its signals. `merx` has set what it needs in the environment."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from merx.cli import main; main()", "worker"),
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent.parent.parent)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    async with asyncio.timeout(60):
        assert b"The worker is running" in await worker.stdout.readline()
        worker.terminate()
        assert await worker.wait() == 0


def fresh() -> str:
    return f"cli-{os.urandom(5).hex()}"


async def test_a_shop_from_the_command_line(merx: Merx, rt: Runtime) -> None:
    slug = fresh()
    email = f"{slug}@example.com"
    made = await merx("tenants", "create", "A Shop", "--slug", slug, "--currency", "eur", "--owner", email)
    assert made.code == 0 and made.out.startswith(f"{slug}\thttp://{slug}.localhost:8000\n")
    password = made.out.splitlines()[1]
    signed_in = await auth.sign_in(rt, email, password)
    assert signed_in.tenant.slug == slug and signed_in.member.role == "owner"

    again = await merx("tenants", "create", "A Shop", "--slug", slug)
    assert again.code == 1 and slug in again.err and again.err.count("\n") == 1

    second = await merx("tenants", "create", "Another", "--slug", f"{slug}-2", "--owner", email)
    assert second.code == 0 and len(second.out.splitlines()) == 1 and "signs in as before" in second.err
    assert await auth.sign_in(rt, email, password)

    changed = await merx("tenants", "set-plan", slug, "pro", "--requests-per-minute", "777")
    assert changed.code == 0 and "777 requests a minute" in changed.out
    found = await tenants.by_slug(rt.db, slug)
    assert found is not None and (found.plan, found.requests_per_minute) == (Plan.PRO, 777)

    listed = await merx("tenants", "list")
    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert rows[0][0] == "slug" and [slug, "A Shop", "pro", "777", "active"] in [row[:5] for row in rows]
    assert f"{slug}-2" in [row[0] for row in rows]


async def test_an_unknown_shop(merx: Merx) -> None:
    for arguments in (["tenants", "set-plan", "no-such", "pro"], ["keys", "list", "--tenant", "no-such"]):
        answered = await merx(*arguments)
        assert answered.code == 2 and "There is no shop 'no-such' here" in answered.err
        assert answered.err.count("\n") == 1


async def test_keys_are_shown_once_and_revoked(merx: Merx, rt: Runtime) -> None:
    slug = fresh()
    assert (await merx("tenants", "create", "Keys", "--slug", slug)).code == 0
    plain = await merx("keys", "create", "--tenant", slug, "--type", "publishable", "--name", "Web")
    assert (await auth.authenticate(rt, plain.out.strip())).storefront_only
    wide = await merx("keys", "create", "--tenant", slug, "--scopes", "products:read, orders:read")
    secret = wide.out.strip()
    assert (await auth.authenticate(rt, secret)).scopes == {"products:read", "orders:read"}
    everything = await merx("keys", "create", "--tenant", slug, "--scopes", "*")
    assert (await auth.authenticate(rt, everything.out.strip())).scopes == {"*"}

    listed = await merx("keys", "list", "--tenant", slug)
    assert secret not in listed.out and secret[:12] in listed.out and "Web" in listed.out
    by_id = next(line.split("\t")[0] for line in listed.out.splitlines() if "\tWeb\t" in line)
    for named, gone in ((secret, secret), (by_id, plain.out.strip())):
        assert (await merx("keys", "revoke", named, "--tenant", slug)).code == 0
        with pytest.raises(InvalidKey):
            await auth.authenticate(rt, gone)
    assert await auth.authenticate(rt, everything.out.strip())
    again = await merx("keys", "revoke", secret, "--tenant", slug)
    assert again.code == 2 and "has no such key" in again.err

    refused = await merx("keys", "create", "--tenant", slug, "--type", "publishable", "--scopes", "orders:write")
    assert refused.code == 2 and "publishable key" in refused.err and refused.out == ""
    assert KeyType.SECRET.value in (await merx("keys", "list", "--tenant", slug)).out
