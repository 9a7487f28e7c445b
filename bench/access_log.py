"""`python -m bench.access_log`: what the access log costs. A server with the log and one without answer the same product
list in turns; compared are the rate and the processor time a request takes, PostgreSQL's included. Kept as JSON in bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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


def spent(*processes: psutil.Process) -> float:
    """Seconds of processor time so far, of these and of all they started."""
    total = 0.0
    for whole in processes:
        for one in [whole, *whole.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
    return total


def turn(processes: list[psutil.Process], url: str, seconds: int, plan: Plan, shop: Shop, paths: Path) -> Turn:
    began = spent(*processes)
    figures = wrk.run(url, "get", seconds, plan.connections, shop.key, shop.host, str(paths))
    if figures.bad:
        raise SystemExit(f"{figures.bad} requests failed")
    return Turn(figures.per_second, round((spent(*processes) - began) / (figures.per_second * seconds) * 1e6, 2))


def measure(plan: Plan, rounds: int, seconds: int, folder: Path) -> dict[str, list[Turn]]:
    """Both servers run all the time on one database, and are asked in turns, so that whatever else the machine does
    meets both."""
    paths = folder / "paths.txt"
    paths.write_text("/api/store/products/?per_page=20\n")
    settings = with_secret(Settings(data_dir=folder / "data").with_port("127.0.0.1", plan.port))
    with open_database(settings, "bench") as dsn, contextlib.ExitStack() as stack:
        shop = asyncio.run(_shop(settings, dsn, plan))
        assert settings.secret_key is not None
        where = {name: str(value) for name, value in dsn.app.items()}
        environment = {
            "MERX_DATABASE_URL": f"postgresql://{where['user']}@/{where['database']}?{urlencode(where)}",
            "MERX_SECRET_KEY": settings.secret_key.decode(),
            "MERX_BASE_DOMAIN": settings.base_domain,
        }
        database = [one for one in psutil.Process().children() if "postgres" in one.name()]
        running = {}
        for place, (name, value) in enumerate((("without", "0"), ("with", "1"))):
            started = server.serving(folder / name, plan.port + place, MERX_ACCESS_LOG=value, **environment)
            process, _ = stack.enter_context(started)
            running[name] = ([psutil.Process(process.pid), *database], f"http://127.0.0.1:{plan.port + place}")
        found: dict[str, list[Turn]] = {name: [] for name in running}
        for number in range(rounds + 1):
            for name in sorted(running, reverse=number % 2 == 0):
                took = turn(*running[name], seconds, plan, shop, paths)
                if number:  # the first warms up
                    found[name].append(took)
    return found


def median(turns: list[Turn], of: Callable[[Turn], float]) -> float:
    """Of all turns: on a machine that does other things too, single ones are off by a third, and so is their mean."""
    return statistics.median(of(one) for one in turns)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.access_log")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=1)
    asked = parser.parse_args()
    wrk.find()
    plan = Plan(products=1_000, port=8917)
    with tempfile.TemporaryDirectory(prefix="merx-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        found = measure(plan, asked.rounds, asked.seconds, folder)
    cost = {name: round(median(turns, lambda one: one.microseconds), 2) for name, turns in found.items()}
    rate = {name: round(median(turns, lambda one: one.per_second)) for name, turns in found.items()}
    for name in found:
        print(f"{name:10}{rate[name]:>10} requests/s {cost[name]:>8.2f} us of processor time each")
    lost = round((1 - rate["with"] / rate["without"]) * 100, 1)
    added = round((cost["with"] / cost["without"] - 1) * 100, 1)
    print(
        f"the log takes {lost} % of the throughput, and adds {added} % of processor time: medians of {asked.rounds} turns"
    )
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    kept: dict[str, Any] = {"at": now.isoformat(), "machine": machine(), "turns": found, "cost_us": cost}
    kept |= {"per_second": rate, "throughput_lost_percent": lost, "processor_time_added_percent": added}
    path = RESULTS / f"access-log-{now:%Y-%m-%dT%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"kept in bench/results/{path.name}")


if __name__ == "__main__":
    main()
