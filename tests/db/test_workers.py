"""The processes of a server: what becomes of them when one dies, when none can live, and when all are told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import os, signal, sys, time
from merx.workers import Workers
def work(place):
    os.write(1, f"begun {{os.getpid()}} {{place}}\\n".encode())  # whole, beside others that write at this moment
    {body}
try:
    Workers({count}, work, {patience}).run()
finally:
    print("ended", flush=True)
"""


def started(body: str, count: int = 1, patience: float = 5, **more: object) -> subprocess.Popen[str]:
    script = SCRIPT.format(body=body, count=count, patience=patience)
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, **more)  # type: ignore[call-overload,no-any-return]


def begun_at(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Its process, and the place it has."""
    assert process.stdout is not None
    word, pid, *place = process.stdout.readline().split()
    assert word == "begun"
    return int(pid), int(place[0]) if place else -1


def begun(process: subprocess.Popen[str]) -> int:
    return begun_at(process)[0]


def test_one_that_dies_is_replaced_and_all_end_together() -> None:
    process = started("time.sleep(60)", count=2)
    (first, its), (second, other) = begun_at(process), begun_at(process)
    assert {its, other} == {0, 1}
    os.kill(first, signal.SIGKILL)
    third, place = begun_at(process)
    assert third not in (first, second) and place == its
    process.terminate()
    assert process.wait(10) == 0
    for pid in (first, second, third):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_where_none_can_live_the_server_ends() -> None:
    process = started("time.sleep(0.2); os._exit(7)")
    assert process.wait(20) == 1
    assert process.stdout is not None and process.stdout.read().count("begun") == 2  # a second chance, and no third


def test_one_that_could_not_start_is_not_tried_again() -> None:
    process = started("sys.exit(3)")
    assert process.wait(20) == 1
    assert process.stdout is not None and process.stdout.read().count("begun") == 1


def test_one_that_does_not_end_is_killed() -> None:
    process = started(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('begun 0', flush=True); time.sleep(60)", 1, 0.5
    )
    begun(process), begun(process)
    told = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0 and time.monotonic() - told < 5


def test_a_hang_up_that_is_to_be_ignored_is_ignored() -> None:
    def begin() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in its background ignores this one

    process = started("time.sleep(60)", preexec_fn=begin)
    begun(process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
