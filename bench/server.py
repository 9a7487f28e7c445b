"""Runs `merx serve` as a user would and looks at it from outside: how soon it answers, how much memory it takes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

SERVE = ("-m", "merx.cli", "serve")
QUIET = {"MERX_LOG_LEVEL": "warning"}


@contextlib.contextmanager
def serving(folder: Path, port: int, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The process and the seconds from its start to its first answer."""
    environ = os.environ | {"MERX_DATA_DIR": str(folder), "MERX_PORT": str(port)} | QUIET | settings
    began = time.perf_counter()
    with (folder.parent / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *SERVE, "--port", str(port)],
            env=environ, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(process, f"http://127.0.0.1:{port}/readyz")
        yield process, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.perf_counter() + 30
    while time.perf_counter() < until:
        if process.poll() is not None:
            raise SystemExit("merx serve ended at once; see serve.log beside the data folder")
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(url, timeout=1) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.01)
    raise SystemExit("merx serve did not answer within 30 s")


def memory(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Megabytes, without PostgreSQL: of the process that answers requests, and of all Merx processes together."""
    whole = psutil.Process(process.pid)
    resident, proportional = [], []
    for one in [whole, *whole.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # one of PostgreSQL's has ended since it was listed
            if "postgres" not in one.name():
                resident.append(one.memory_info().rss / 1e6)
                proportional.append(one.memory_full_info().pss / 1e6)
    return {
        "server_process_rss_mb": round(max(resident), 1),
        "all_processes_rss_mb": round(sum(resident), 1),
        "all_processes_pss_mb": round(sum(proportional), 1),
    }
