"""Runs wrk against the server and reads what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import msgspec

LUA = Path(__file__).parent / "lua"


class Figures(msgspec.Struct, frozen=True):
    per_second: float
    p50_ms: float
    p99_ms: float
    bad: int  # answers that were not 2xx or 3xx, and broken connections


def find() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("make bench needs the load generator wrk (on Debian and Ubuntu: apt install wrk).")
    return found


def run(url: str, script: str, seconds: int, connections: int, *args: str) -> Figures:
    command = [
        find(), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s",
        "-s", str(LUA / f"{script}.lua"), url, "--", *args,
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return read(said)


def read(said: str) -> Figures:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if rate is None:
        raise SystemExit(f"wrk said something unexpected:\n{said}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    bad = int(wrong.group(1)) if wrong else 0
    bad += sum(int(count) for count in broken.groups()) if broken else 0
    return Figures(float(rate.group(1)), _milliseconds(said, "50%"), _milliseconds(said, "99%"), bad)


def _milliseconds(said: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", said)
    if found is None:
        return 0.0
    return round(float(found.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found.group(2)], 2)
