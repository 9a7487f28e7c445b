"""`python -m bench.access_log`: what the access log costs. A server with the log and one without answer the same product
list in turns; compared is the processor time a request takes, PostgreSQL's included, because the rate
of one process on a shared machine says less. Kept as JSON in bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench import server, wrk
from bench import shop as shops
from bench.__main__ import RESULTS, machine
from bench.settings import Plan
from bench.shop import Shop
from merx.assembly import open_runtime
from merx.serve import open_database, with_secret
from merx.settings import Settings


class Turn(msgspec.Struct, frozen=True):
    per_second: float
    microseconds: float  # of processor time a request, PostgreSQL's included


async def _shop(settings: Settings, dsn: Any, plan: Plan) -> Shop:
    async with open_runtime(settings, dsn) as rt:
        return await shops.open_shop(rt, "Bench", plan.products, plan.sampled)


def spent(serving: int) -> float:
    """Seconds of processor time so far, of a server and of the PostgreSQL that it runs."""
    whole = psutil.Process(serving)
    total = 0.0
    for one in [whole, *whole.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def turn(serving: int, url: str, seconds: int, plan: Plan, shop: Shop, paths: Path) -> Turn:
    began = spent(serving)
    figures = wrk.run(url, "get", seconds, plan.connections, shop.key, shop.host, str(paths))
    if figures.bad:
        raise SystemExit(f"{figures.bad} requests failed")
    return Turn(figures.per_second, round((spent(serving) - began) / (figures.per_second * seconds) * 1e6, 2))


def measure(plan: Plan, rounds: int, seconds: int, folder: Path) -> dict[str, list[Turn]]:
    """A data folder belongs to one server at a time, so each turn has a server of its own, which is warmed up first."""
    data, port = folder / "data", plan.port
    url, paths = f"http://127.0.0.1:{port}", folder / "paths.txt"
    paths.write_text("/api/store/products/?per_page=20\n")
    settings = with_secret(Settings(data_dir=data).with_port("127.0.0.1", port))
    with open_database(settings, "bench") as dsn:
        shop = asyncio.run(_shop(settings, dsn, plan))
    found: dict[str, list[Turn]] = {"without": [], "with": []}
    for number in range(rounds):
        for name in sorted(found, reverse=number % 2 == 0):
            with server.serving(data, port, MERX_ACCESS_LOG="1" if name == "with" else "0") as (process, _):
                turn(process.pid, url, 1, plan, shop, paths)
                found[name].append(turn(process.pid, url, seconds, plan, shop, paths))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.access_log")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=3)
    asked = parser.parse_args()
    wrk.find()
    plan = Plan(products=1_000, port=8917)
    with tempfile.TemporaryDirectory(prefix="merx-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        found = measure(plan, asked.rounds, asked.seconds, folder)
    # The quietest turn: whatever else the machine does only ever adds.
    cost = {name: min(one.microseconds for one in turns) for name, turns in found.items()}
    share = round((cost["with"] / cost["without"] - 1) * 100, 1)
    for name, turns in found.items():
        rate = statistics.median(one.per_second for one in turns)
        print(f"{name:10}{rate:>10.0f} requests/s {cost[name]:>8.1f} us of processor time each")
    print(f"the log adds {share} %")
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    kept = {"at": now.isoformat(), "machine": machine(), "turns": found, "cost_us": cost, "added_percent": share}
    path = RESULTS / f"access-log-{now:%Y-%m-%dT%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"kept in bench/results/{path.name}")


if __name__ == "__main__":
    main()
