"""One real PostgreSQL for a whole test run, migrated once. Under `pytest -n` the controller runs it and the workers
join it; alone, the first test that asks for it starts it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from tests.databases import superuser

from merx.core.auth import passwords
from merx.core.auth import service as auth
from merx.core.auth.model import SignedIn
from merx.db import embedded, pool
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.db.opening import open_database
from merx.kernel.context import Ctx
from merx.providers import payments
from merx.runtime import Runtime
from merx.settings import Settings
from merx.simulator.accounts import account_maker
from merx.vault import Vault

PASSWORD = "a-password-for-tests"

# No test measures speed, and a busy machine stands still for longer than an example may take.
hypothesis_settings.register_profile("merx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("merx")

# Thousands of tests open a shop of their own, and what makes a password dear to guess would be a fifth of a run.
REAL_HASHER, passwords._HASHER = passwords._HASHER, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)

_stack = contextlib.ExitStack()
_folder: Path | None = None


def _run_server() -> Path:
    global _folder
    if _folder is None:
        _folder = Path(tempfile.mkdtemp(prefix="merx-tests-"))
        _folder.chmod(0o711)  # as root, PostgreSQL's own user has to pass through
        # Each process of the run keeps what it has opened to a score of databases until its end: 115 have been seen.
        embedded.SETTINGS["max_connections"] = "500"
        _stack.callback(shutil.rmtree, _folder, ignore_errors=True)
        _stack.enter_context(open_database(Settings(data_dir=_folder), "pytest"))
    return _folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["merx_data_dir"] = str(_run_server())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Whether the run came to its end is what `.ci/again.py` asks first."""
    cache = getattr(session.config, "cache", None)
    if cache is not None and not hasattr(session.config, "workerinput"):
        cache.set("merx/exitstatus", int(exitstatus))


def pytest_unconfigure() -> None:
    _stack.close()


@pytest.fixture(scope="session")
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    """How to reach the run's database: `dsn.app` as the serving role, `dsn.owner` as a superuser."""
    given = getattr(request.config, "workerinput", {}).get("merx_data_dir")
    with open_database(Settings(data_dir=Path(given or _run_server())), "pytest") as found:
        yield found


@pytest.fixture(scope="session")
async def database(dsn: Dsn) -> AsyncIterator[Database]:
    found = await Database.open(dsn.app, pool_size=8)
    yield found
    await found.close()


@pytest.fixture(scope="session")
def site(dsn: Dsn) -> Iterator[Settings]:
    """The whole application, served once for all tests of a process that call it over HTTP."""
    from tests.dialects.site import serving

    with serving(dsn) as settings:
        yield settings


@pytest.fixture(scope="session")
def site_rt(site: Settings, database: Database) -> Runtime:
    from tests.dialects.site import runtime

    return runtime(site, database)


@pytest.fixture
async def owner(dsn: Dsn) -> AsyncIterator[Any]:
    """A superuser's connection, for looking behind the curtain: past row-level security, past every grant."""
    async with superuser(dsn) as conn:
        yield conn


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """For more at once than the pool has connections: on the slowest machine they wait for their turn, where shoppers
    would soon be told that the server is at its limit."""
    monkeypatch.setattr(pool, "WAIT_SECONDS", 60)


@pytest.fixture
def deadlocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those that this process's transactions fell victim to. The server counts everybody's."""
    found: list[str] = []
    end = Database._end

    async def noted(self: Database, conn: Any, wrong: BaseException, closing: bool = False) -> None:
        if isinstance(wrong, asyncpg.DeadlockDetectedError):
            found.append(str(wrong))
        await end(self, conn, wrong, closing)

    monkeypatch.setattr(Database, "_end", noted)
    return found


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashed at the cost that a served shop hashes them at."""
    monkeypatch.setattr(passwords, "_HASHER", REAL_HASHER)


@pytest.fixture
def rt(database: Database) -> Runtime:
    """The run's database with the real providers and the simulator's accounts; nobody serves the simulator."""
    settings, vault = Settings(), Vault(b"a secret for tests, and for tests only")
    return Runtime(settings, database, vault, payments.build(), account_maker(settings, vault))


@dataclass(frozen=True)
class OpenShop:
    """A new tenant whose owner has signed in with PASSWORD."""

    owner: Ctx
    email: str
    signed_in: SignedIn


@pytest.fixture
def shop(rt: Runtime) -> Callable[..., Awaitable[OpenShop]]:
    async def make(**wanted: Any) -> OpenShop:
        mark = os.urandom(6).hex()
        email = f"owner-{mark}@example.com"
        wanted = {"business_name": f"Shop {mark}", "email": email, "password": PASSWORD, **wanted}
        made = await auth.register(rt, auth.Registration(**wanted))
        now = datetime.now(UTC)
        caller = await auth.authenticate(rt, made.tokens.access, now)
        return OpenShop(caller.ctx(now=now, source="tests"), email, made)

    return make
