"""The launcher: what it refuses in a sentence, what it heals, and what is left when it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from tests.db.small_app import SERVER
from tests.ports import free_port

from merx.db.child import alive
from merx.db.dsn import Dsn
from merx.db.opening import migrate_external, open_database
from merx.serve import check_port, with_secret
from merx.settings import CannotStart, Settings

ROOT = Path(__file__).parent.parent.parent


class Served:
    """`merx.serve` with the smallest application, as a process of its own."""

    def __init__(self, data_dir: Path, port: int, **environ: str) -> None:
        self.port, self.data_dir = port, data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.db.small_app"],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": "src", "MERX_DATA_DIR": str(data_dir), "MERX_PORT": str(port), "MERX_WORKERS": "2"}
            | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_for(self, path: str = "/number", seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self.get(path)
                if status == 200:
                    return body
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)
        raise AssertionError(f"{path} did not answer within {seconds} s")

    def wait_until_it_says(self, wanted: str) -> None:
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline().strip()) != wanted:
            assert line, f"it ended and did not say {wanted}"

    def everybody(self) -> list[int]:
        """This process and all it has started."""
        parent = psutil.Process(self.process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    @property
    def postgres(self) -> int:
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []
    port = free_port()

    def begin(**environ: str) -> Served:
        started.append(Served(data_dir, port, **environ))
        return started[-1]

    yield begin
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
        served.process.communicate(timeout=60)


def none_left(pids: list[int], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


@pytest.mark.slow
def test_kill_9_leaves_nobody_behind_and_the_next_start_works_at_once(start: Callable[..., Served]) -> None:
    first = start()
    first.wait_for()
    everybody = first.everybody()
    assert len(everybody) > 3  # workers and PostgreSQL with its children are among them
    first.process.kill()
    first.process.wait()
    second = start()
    assert second.wait_for() == "1"
    assert none_left(everybody)


@pytest.mark.slow
def test_a_killed_postgresql_heals_while_the_server_goes_on(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_for()
    killed = served.postgres
    os.kill(killed, signal.SIGKILL)
    assert none_left([killed])
    assert served.wait_for() == "1"
    assert served.postgres != killed


@pytest.mark.slow
def test_a_killed_worker_is_replaced(start: Callable[..., Served]) -> None:
    served = start()
    worker = int(served.wait_for("/worker"))
    time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    assert none_left([worker])
    assert int(served.wait_for("/worker")) != worker
    deadline = time.monotonic() + 20
    seen: set[object] = set()
    while len(seen) < 2 and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError):  # what the killed one had accepted is lost with it
            seen = {served.get("/worker")[1] for _ in range(50)}
        time.sleep(0.1)
    assert len(seen) == 2


@pytest.mark.slow
def test_stops_when_told_after_the_requests_in_flight(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_for()
    everybody, answers = served.everybody(), list[int]()
    asking = threading.Thread(target=lambda: answers.append(served.get("/slow")[0]))
    asking.start()
    served.wait_until_it_says("slow begun")
    served.process.terminate()
    asking.join()
    assert answers == [200]
    assert served.process.wait(30) == 0
    assert none_left(everybody)
    assert "database system is shut down" in (served.data_dir / "postgres.log").read_text()


@pytest.mark.slow
def test_a_second_one_on_the_same_folder_says_so(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_for()
    second = start()
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert said.strip() == (
        f"merx serve (process {served.process.pid}) already uses {served.data_dir}: stop it, or set MERX_DATA_DIR to "
        f"another folder."
    )
    with open_database(Settings(data_dir=served.data_dir)) as dsn:  # while a command simply joins it
        assert dsn.app["host"] == str(served.data_dir / "run")
    assert served.wait_for() == "1"


@pytest.mark.slow
def test_a_port_in_use_is_one_line_and_leaves_nothing_running(start: Callable[..., Served]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        _, said = start(MERX_PORT=str(port)).process.communicate(timeout=30)
    assert (
        said.strip().startswith(f"Port {port} on 127.0.0.1 is in use by another program") and "\n" not in said.strip()
    )


def test_a_port_shared_by_workers_is_still_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CannotStart, match="in use by another program"):
            check_port("127.0.0.1", other.getsockname()[1])


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(CannotStart, match="cannot listen on"):
        check_port("192.0.2.1", 8000)
    with pytest.raises(CannotStart, match="not an address of this machine"):
        check_port("no such host", 8000)


def test_the_key_is_made_once_and_closed_to_others(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir)
    first = with_secret(settings).secret_key
    assert first is not None and len(first) >= 32
    assert with_secret(settings).secret_key == first
    assert stat.S_IMODE((data_dir / "secret.key").stat().st_mode) == 0o600
    assert with_secret(Settings(data_dir=data_dir, secret_key=b"k" * 32)).secret_key == b"k" * 32
    (data_dir / "secret.key").write_bytes(b"short")
    with pytest.raises(CannotStart, match="is damaged"):
        with_secret(settings)


def address(dsn: Dsn, user: str, database: str = "merx") -> str:
    return f"postgresql://{user}@/{database}?host={dsn.app['host']}"


def given(dsn: Dsn, user: str, **more: Any) -> Settings:
    return Settings(database_url=address(dsn, user), secret_key=b"k" * 32, **more)


def test_a_postgresql_that_is_not_ours_is_used_as_it_is(dsn: Dsn) -> None:
    with open_database(given(dsn, "merx_app", migrate_url=address(dsn, "merx_admin"))) as found:
        assert asyncio.run(fetch(found.app, "select current_user::text")) == "merx_app"
        assert found.owner is not None
        assert asyncio.run(fetch(found.owner, "select current_user::text")) == "merx_admin"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (lambda dsn: given(dsn, "merx_admin"), "does not serve as the superuser merx_admin"),
        (lambda dsn: given(dsn, "no_such_role"), "refuses the user or password in MERX_DATABASE_URL"),
        (
            lambda dsn: Settings(database_url=address(dsn, "merx_app", "no_such"), secret_key=b"k" * 32),
            "database that MERX_DATABASE_URL names does not exist",
        ),
        (
            lambda dsn: Settings(database_url="postgresql://u:hidden@127.0.0.1:1/merx", secret_key=b"k" * 32),
            "names can't be reached",
        ),
    ],
)
def test_what_cannot_be_served_from_is_one_sentence(dsn: Dsn, settings: Any, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence) as refused, open_database(settings(dsn)):
        pass
    assert "hidden" not in str(refused.value) and "\n" not in str(refused.value)


async def test_migrate_takes_the_owners_address_or_the_only_one(dsn: Dsn) -> None:
    both = given(dsn, "merx_app", migrate_url=address(dsn, "merx_admin"))
    assert await migrate_external(both) == []
    assert await migrate_external(given(dsn, "merx_admin")) == []


@pytest.mark.slow
def test_serves_from_a_postgresql_that_is_not_ours(dsn: Dsn, start: Callable[..., Served]) -> None:
    served = start(MERX_DATABASE_URL=address(dsn, "merx_app"), MERX_SECRET_KEY="k" * 32)
    assert served.wait_for("/server") == asyncio.run(fetch(dsn.app, SERVER))
    assert not (served.data_dir / "postgres").exists()
    everybody = served.everybody()
    served.process.kill()
    served.process.wait()
    assert none_left(everybody)


async def fetch(connect: dict[str, Any], sql: str) -> Any:
    conn = await asyncpg.connect(**connect)
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()
