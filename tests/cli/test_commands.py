"""What commands say: help for newcomers, one line for what is wrong, and what they do to shops and keys."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.cli.conftest import Merx
from tests.databases import own_database
from tests.structure.test_readme import read_by_settings

from merx import cli
from merx.cli.commands import command
from merx.core.auth import service as auth
from merx.core.auth.model import InvalidKey, KeyType
from merx.core.tenants import store as tenants
from merx.core.tenants.model import Plan
from merx.db.dsn import Dsn
from merx.kernel import ids
from merx.runtime import Runtime
from merx.settings import WrongSetting, load, strangers


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
        ("MERX_DATABASE_URL", "mysql://x", "MERX_DATABASE_URL must be an address like postgresql://"),
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


@pytest.mark.parametrize("name", ["serve", "demo", "worker", "migrate", "tenants list"])
def test_a_misspelled_setting_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MERX_DATABSE_URL", "postgresql://merx_app:hidden@host/merx")
    monkeypatch.setenv("MERX_FROM_ANOTHER_PROGRAM", "hidden")
    monkeypatch.setenv("MERX_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("MERX_EMPTY", "")
    monkeypatch.setenv("MERX_PORT", "wrong, so that nothing is started")
    assert cli.run(name.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[:2] == [
        "merx: MERX_DATABSE_URL is not a setting and does nothing; did you mean MERX_DATABASE_URL?",
        "merx: No settings, and without effect: MERX_FROM_ANOTHER_PROGRAM, MERX_SERVICE_HOST.",
    ]
    assert err.count("\n") == 3 and "hidden" not in err


def test_no_setting_is_a_stranger() -> None:
    names = {name.strip("`") for name in read_by_settings()}
    assert len(names) > 20 and strangers(dict.fromkeys(names, "given")) == []


async def test_a_database_that_is_away_is_one_line_and_1(merx: Merx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERX_DATABASE_URL", "postgresql://merx_app:hidden@127.0.0.1:1/merx")
    answered = await merx("tenants", "list")
    assert answered.code == 1 and answered.err.count("\n") == 1 and "can't be reached" in answered.err
    assert "hidden" not in answered.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hidden@127.0.0.1:1/merx", "MERX_DATABASE_URL names can't be reached (nothing listens there)."),
        ("postgresql://u:hidden@nowhere.invalid/merx", "can't be reached (its host is not known)."),
        ("postgresql://u:hidden@127.0.0.1:1/merx?sslmode=foo", "can't be reached (`sslmode` parameter must be one of"),
    ],
)
async def test_why_the_database_is_away(merx: Merx, monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setenv("MERX_DATABASE_URL", url)
    answered = await merx("tenants", "list")
    assert answered.code == 1 and answered.err.count("\n") == 1 and said in answered.err, answered.err
    assert "hidden" not in answered.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hidden/word@host/merx",
        "postgresql://u:hidden@host:99999/merx",
        "postgresql://u:hidden@[::/merx",
    ],
)
def test_an_address_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MERX_DATABASE_URL", url)
    assert cli.run(["tenants", "list"]) == 2
    err = capsys.readouterr().err
    assert "MERX_DATABASE_URL must be an address like" in err and err.count("\n") == 1 and "hidden" not in err


def test_a_folder_that_may_not_be_looked_into_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(WrongSetting, match="MERX_THEME_DIR must be a folder"):
        load({"MERX_THEME_DIR": "/closed/theme"})


@pytest.mark.parametrize(
    "wrong",
    ["https://shops.example.com/?a=b", "https://shops.example.com#top", "https://shops.example.com/?", "https://",
     "http://ann:secret@shops.example.com", "https://shops.example.com:80a", "https://shops example.com"],
)  # fmt: skip
def test_what_stands_before_every_address_is_an_address_and_nothing_more(wrong: str) -> None:
    with pytest.raises(WrongSetting, match=r"^MERX_PUBLIC_URL must be an http.*without a query") as said:
        load({"MERX_PUBLIC_URL": wrong})
    assert "secret" not in str(said.value) and "\n" not in str(said.value)
    for right in ("https://shops.example.com", "http://[::1]:8000", "https://example.com/shops"):
        assert load({"MERX_PUBLIC_URL": f"{right}/"}).public_url == right


def test_several_hosts_are_an_address() -> None:
    environ = {"MERX_SECRET_KEY": "k" * 32}
    for url in ("postgresql://u@[::1]:5432/m", "postgresql://u@a:1,b:2/m", "postgresql://u@/m?host=/run/postgresql"):
        assert load(environ | {"MERX_DATABASE_URL": url}).database_url == url
    with pytest.raises(WrongSetting):
        load(environ | {"MERX_DATABASE_URL": "postgresql://u@a:1,b:x/m"})


async def test_a_user_that_is_not_made_yet(merx: Merx, dsn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERX_DATABASE_URL", f"postgresql://not_made@/merx?host={dsn.app['host']}")
    for name in ("tenants list", "migrate"):
        answered = await merx(*name.split())
        assert answered.code == 1 and answered.err.count("\n") == 1
        assert (
            "in MERX_DATABASE_URL (" in answered.err and "`merx migrate`, signed in as MERX_MIGRATE_URL" in answered.err
        )


async def test_migrate_says_that_there_is_nothing_to_do(merx: Merx, dsn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERX_MIGRATE_URL", f"postgresql://merx_admin@/merx?host={dsn.app['host']}")
    answered = await merx("migrate")
    assert (answered.code, answered.out) == (0, "The database is up to date.\n")


@pytest.mark.slow
async def test_a_worker_runs_until_it_is_told_to_stop(merx: Merx, dsn: Dsn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own, for it wants its signals, and a database of its own, where it takes no other test's work.
    `merx` has set what else it needs in the environment."""
    own = await own_database(dsn, "cli_worker")
    url = f"postgresql://merx_app@/{own.app['database']}?host={own.app['host']}"
    monkeypatch.setenv("MERX_DATABASE_URL", url)
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from merx.cli import main; main()", "worker"),
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
    by_everything = next(line.split("\t")[0] for line in listed.out.splitlines() if "\t*\t" in line)
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
    spelled = ids.encode("key", UUID(by_everything))  # as the APIs and the dashboard show it
    assert (await merx("keys", "revoke", spelled, "--tenant", slug)).code == 0
    with pytest.raises(InvalidKey):
        await auth.authenticate(rt, everything.out.strip())


async def test_a_name_the_terminal_has_no_letters_for(merx: Merx) -> None:
    slug = f"greek-{os.urandom(5).hex()}"
    assert (await merx("tenants", "create", "Κούπα", "--slug", slug)).code == 0
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "merx.cli", "tenants", "list",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0 and f"{slug}\t\\u039a".encode() in out


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
async def test_streams_that_are_closed_stop_nothing(merx: Merx, closed: str) -> None:
    process = await asyncio.create_subprocess_shell(
        f'"{sys.executable}" -m merx.cli tenants list {closed}',
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


def test_ctrl_c_while_it_is_still_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
