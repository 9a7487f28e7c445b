"""`make bench`: one run, printed as a table and kept as JSON in bench/results/."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from bench import server, wrk
from bench import shop as shops
from bench.scenarios import Bench, Measured
from bench.settings import QUICK, Plan
from merx.assembly import open_runtime
from merx.serve import open_database, with_secret
from merx.settings import Settings

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    cpu = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "python": platform.python_version(),
        "system": platform.system(),
    }


async def measure(
    plan: Plan, settings: Settings, dsn: Any, folder: Path, url: str
) -> tuple[list[Measured], dict[str, Any]]:
    owner = await asyncpg.connect(**dsn.owner)
    async with open_runtime(settings, dsn) as rt:
        shop = await shops.open_shop(rt, "Bench", plan.products, plan.sampled)
        await shops.analyze(owner)
        bench = Bench(plan, rt, shop, dsn.app, folder, url)
        measured = await bench.reads()
        tokens = await bench.adders(owner)
        measured.append(await bench.add_to_cart(owner, tokens))
        measured.append(await bench.check_out(owner))
        measured += await bench.commerce(owner, tokens)
        scale = await grown(plan, rt, owner, dsn.app, folder, url)
    await owner.close()
    return measured, scale


async def grown(plan: Plan, rt: Any, owner: Any, connect: Any, folder: Path, url: str) -> dict[str, Any]:
    """The same requests, past the memory, on a small and on a large catalogue: cost must not grow with it."""
    found: dict[str, Any] = {}
    for count in plan.scale_products:
        if not count:
            continue
        small = msgspec.structs.replace(plan, products=count, http_carts=plan.http_carts // 2, pgbench_carts=1600)
        shop = await shops.open_shop(rt, f"Bench {count}", count, plan.sampled)
        await shops.analyze(owner)
        bench = Bench(small, rt, shop, connect, folder, url)
        base = "/api/store/products/"
        found[str(count)] = {
            "list": bench.get([f"{base}?per_page=20&n=#"]).per_second,
            "detail": bench.get([f"{base}{product.slug}/?n=#" for product in shop.products]).per_second,
            "add_to_cart": (await bench.add_to_cart(owner, await bench.adders(owner))).http.per_second,
            "checkout": (await bench.check_out(owner)).http.per_second,
        }
    return found


def main() -> None:
    wrk.find()
    plan = QUICK if "--quick" in sys.argv else Plan()
    with tempfile.TemporaryDirectory(prefix="merx-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        data = folder / "data"
        with server.serving(data, plan.port) as (_, first):
            pass
        with server.serving(data, plan.port) as (process, warm):
            settings = with_secret(Settings(data_dir=data).with_port("127.0.0.1", plan.port))
            with open_database(settings, "bench") as dsn:
                measured, scale = asyncio.run(measure(plan, settings, dsn, folder, f"http://127.0.0.1:{plan.port}"))
            memory = server.memory(process)
    report(plan, measured, scale, {"first_start_s": round(first, 2), "warm_start_s": round(warm, 2)} | memory)


def report(plan: Plan, measured: list[Measured], scale: dict[str, Any], process: dict[str, float]) -> None:
    print(f"{'':20}{'HTTP/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'pgbench/s':>11}{'ratio':>8}{'wanted':>8}{'bad':>6}")
    for one in measured:
        figures = f"{one.http.per_second:>10.0f}{one.http.p50_ms:>9.2f}{one.http.p99_ms:>9.2f}"
        print(
            f"{one.name:20}{figures}{one.ceiling.per_second:>11.0f}{one.ratio:>8.2f}{one.wanted:>8.2f}{one.http.bad:>6}"
        )
    for count, rates in scale.items():
        print(f"{count} products: " + ", ".join(f"{name} {rate:.0f}/s" for name, rate in rates.items()))
    print(", ".join(f"{name} {value}" for name, value in process.items()))
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    kept = {
        "at": now.isoformat(),
        "machine": machine(),
        "plan": plan,
        "measured": measured,
        "scale": scale,
        "process": process,
    }
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"kept in bench/results/{path.name}")


if __name__ == "__main__":
    main()
