"""Our own PostgreSQL: where it lies, as whom it runs, and what an earlier one left behind never blocks the next."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from tests.db.folders import new_data_dir

from merx.db import embedded, folder_lock, places
from merx.db.child import alive
from merx.db.embedded import Embedded, end_leftover, serves
from merx.db.opening import open_database
from merx.settings import CannotStart, Settings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to give up")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Embedded]:
    with new_data_dir() as folder:
        made = Embedded(places.find(folder), say=lambda line: None)
        yield made
        made.stop()


@pytest.fixture
def server(cluster: Embedded) -> Embedded:
    """One that runs. A test may stop, kill and spoil it, if it leaves one that can be started."""
    if cluster.pid is None or not alive(cluster.pid):
        cluster.start()
    return cluster


def ask(server: Embedded, sql: str) -> Any:
    async def once() -> Any:
        conn = await asyncpg.connect(**server.connect(embedded.SUPERUSER) | {"database": "postgres"})
        try:
            return await conn.fetchval(sql)
        finally:
            await conn.close()

    return asyncio.run(once())


def test_is_safe_and_local(server: Embedded) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert ask(server, f"show {name}") == "on"
    assert ask(server, "show listen_addresses") == ""
    assert (
        ask(server, "select datlocprovider::text || datlocale from pg_database where datname = 'postgres'")
        == "bC.UTF-8"
    )
    for folder in (server.places.sockets, server.places.cluster):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.places.log.stat().st_mode) == 0o600


ordinary_turns = pytest.mark.skipif(
    sys.platform != "linux" or os.sched_getscheduler(0) != os.SCHED_OTHER,
    reason="it changes Linux's ordinary policy only",
)


@ordinary_turns
def test_all_its_processes_wait_for_their_turn_and_ours_does_not(server: Embedded) -> None:
    assert server.pid is not None
    everybody = [server.pid, *(one.pid for one in psutil.Process(server.pid).children())]
    assert len(everybody) > 3
    assert {os.sched_getscheduler(pid) for pid in everybody} == {os.SCHED_BATCH}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@as_root
def test_as_root_it_runs_as_somebody_else_and_touches_nothing_outside(data_dir: Path) -> None:
    above = [(path, path.stat().st_mode, path.stat().st_uid) for path in data_dir.parents]
    server = Embedded(places.find(data_dir))
    server.start()
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert [(path, path.stat().st_mode, path.stat().st_uid) for path in data_dir.parents] == above
    finally:
        server.stop()


@as_root
def test_a_closed_home_moves_the_files_out_and_stays_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = data_dir.parent / "state"
    monkeypatch.setattr(places, "STATE_DIR", state)
    home = data_dir.parent / "home"
    home.mkdir(mode=0o700)
    inside = places.make_data_dir(home / "data")
    found = places.find(inside)
    assert found.cluster.is_relative_to(state) and f"keeps its files in {found.cluster.parent}" in found.note
    assert found.log.is_relative_to(inside)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o755)  # reachable later: the shops must not vanish
    assert places.find(inside).cluster == found.cluster


@as_root
def test_unreadable_programs_are_copied(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "STATE_DIR", data_dir.parent / "state")
    runs = places._runs
    installed = places._installed_binaries()
    monkeypatch.setattr(places, "_runs", lambda binaries, user: binaries != installed and runs(binaries, user))
    found = places.find(data_dir)
    assert found.binaries.is_relative_to(data_dir.parent / "state") and "runs from a copy in" in found.note
    server = Embedded(found)
    server.start()
    server.stop()


def test_a_long_path_still_has_a_socket(data_dir: Path) -> None:
    deep = places.make_data_dir(data_dir.parent / ("deep" * 40) / "data")
    assert len(os.fsencode(places.find(deep).sockets / ".s.PGSQL.5432")) < 108


def test_another_users_folder_in_the_way_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)  # so that what lies there is not ours
    (data_dir / "run").mkdir()
    with pytest.raises(CannotStart, match="not Merx's own folder"):
        places.find(data_dir)


def leave_pid(server: Embedded, pid: int) -> None:
    lines = [str(pid), str(server.places.cluster), "1", "5432", str(server.places.sockets), "", "1 1", "ready"]
    (server.places.cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (server.places.sockets / ".s.PGSQL.5432.lock").write_text(f"{pid}\n")


def run_by(server: Embedded, program: str) -> subprocess.Popen[bytes]:
    """A process of PostgreSQL's own user: the kind of which PostgreSQL itself believes anything."""
    return subprocess.Popen(["/bin/sh", "-c", program], **server.places.privileges())


def test_a_reused_process_number_does_not_block_a_start(server: Embedded) -> None:
    server.stop()
    stranger = run_by(server, "exec sleep 60")
    try:
        leave_pid(server, stranger.pid)
        server.start()
        assert ask(server, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_does_not_block_a_start(server: Embedded) -> None:
    server.stop()
    zombie = run_by(server, "exit 0")
    while Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    leave_pid(server, zombie.pid)
    server.start()
    assert ask(server, "select 1") == 1
    zombie.wait()


def test_a_server_left_alive_is_ended_and_only_that(server: Embedded) -> None:
    left, pid = server._process, server.pid
    assert left is not None and pid is not None and serves(pid, server.places.cluster)
    assert not serves(pid, server.places.cluster.parent) and not serves(os.getpid(), server.places.cluster)
    end_leftover(server.places)
    assert left.wait(5) == 0
    server.start()
    assert ask(server, "select 1") == 1


def test_a_killed_server_is_started_again_and_keeps_what_was_committed(server: Embedded) -> None:
    ask(server, "create table kept as select 7 as number")
    done = threading.Event()
    watching = threading.Thread(target=server.watch, args=(done,))
    watching.start()
    try:
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert ask(server, "select number from kept") == 7
                break
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.05)
        assert server.pid != first
        assert ask(server, "select number from kept") == 7
    finally:
        done.set()
        watching.join()
        server.stop()


def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = Embedded(places.find(data_dir))
    server.start()
    server.stop()
    assert not (data_dir / "postgres.new").exists()


def test_another_major_version_is_refused(server: Embedded) -> None:
    server.stop()
    stamp = server.places.cluster / "PG_VERSION"
    ours = stamp.read_text()
    stamp.write_text("16\n")
    with pytest.raises(CannotStart, match="made by PostgreSQL 16 and this is 18"):
        server.start()
    stamp.write_text(ours)


def test_nothing_typed_reaches_the_log(server: Embedded) -> None:
    ask(server, "create table people as select 'canary@example.org' as email")
    ask(server, "create unique index on people (email)")
    with pytest.raises(asyncpg.UniqueViolationError):
        ask(server, "insert into people values ('canary@example.org')")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        ask(server, "canary canary")
    assert "canary@" not in server.places.log.read_text()


def test_commands_join_the_server_that_runs(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir)
    with open_database(settings, "merx import") as first:
        with open_database(settings, "merx export") as second:
            assert second == first
        said = folder_lock.holder(data_dir)
        assert said is not None and said.what == "merx import" and said.pid == os.getpid()


def test_a_command_does_not_join_a_server_of_another_version(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir)
    with open_database(settings, "merx serve") as first:
        assert first.owner is not None
        for change in (
            "insert into schema_migrations values ('9999_of_tomorrow.sql', '')",  # a newer one's
            "delete from schema_migrations where name like '9%' or name like '0001%'",  # an older one's
        ):
            asyncio.run(_do(first.owner, change))
            refused = pytest.raises(CannotStart, match=r"^merx serve \(process \d+\).+is of another version")
            with refused, open_database(settings, "merx migrate"):
                pass


def test_a_command_that_runs_the_server_waits_for_the_others(data_dir: Path) -> None:
    settings, inside, order = Settings(data_dir=data_dir), threading.Event(), list[str]()

    def guest() -> None:
        with open_database(settings) as dsn:
            inside.set()
            time.sleep(0.3)
            asyncio.run(_one(dsn.app))
            order.append("guest")

    with open_database(settings):
        thread = threading.Thread(target=guest)
        thread.start()
        assert inside.wait(60)
    order.append("host")
    thread.join()
    assert order == ["guest", "host"]


async def _do(connect: dict[str, Any], statement: str) -> None:
    conn = await asyncpg.connect(**connect)
    await conn.execute(statement)
    await conn.close()


async def _one(connect: dict[str, Any]) -> None:
    conn = await asyncpg.connect(**connect)
    assert await conn.fetchval("select 1") == 1
    await conn.close()
