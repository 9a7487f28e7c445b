"""`python -m bench.pages`: a shop with 100,000 products and orders. Told are the milliseconds in which the server answers
the dashboard's lists, and what a browser on this machine says of pages: first paint, bytes as sent, requests."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
from playwright.async_api import async_playwright

from bench.__main__ import RESULTS, machine
from bench.server import serving
from merx.assembly import open_runtime
from merx.core.auth import service as auth
from merx.core.catalog import transfer
from merx.core.catalog.model import ProductDraft
from merx.kernel.context import Ctx, system
from merx.serve import open_database, with_secret
from merx.settings import Settings

EMAIL, PASSWORD, PORT, TRIES = "owner@pages.example.com", "a-password-for-pages", 8871, 15
ORDERS = """
insert into orders (tenant_id, id, number, email, customer_name, status, payment_status, stock_state, currency,
  subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor, shipping_method, payment_method, source,
  created_at, updated_at)
select $1, gen_random_uuid(), n, 'p' || n % 5000 || '@example.com', 'Person ' || n % 5000,
  case when n % 500 = 0 then 'confirmed' when n % 10 = 7 then 'cancelled' when n % 10 = 8 then 'shipped' else 'delivered' end,
  case when n % 10 = 7 then 'failed' else 'paid' end, 'shipped', 'USD', 5000, 0, 0, 0, 5000, 'standard', 'card', 'bench',
  now() - n * interval '40 seconds', now()
from generate_series(1, $2::int) n
"""
LINES = """
insert into order_lines (tenant_id, id, order_id, position, product_id, variant_id, sku, name, quantity, unit_minor,
  total_minor, discount_minor, tax_minor)
select $1, gen_random_uuid(), o.id, 1, v.product_id, v.id, v.sku, 'Product', 1, 5000, 5000, 0, 0
from (select id, row_number() over () as n from orders where tenant_id = $1) o
join (select id, product_id, sku, row_number() over () as n from variants where tenant_id = $1) v using (n)
"""
MADE_OF = ("Oak", "Steel", "Linen", "Clay", "Glass", "Wool", "Cork")
KINDS = tuple("lamp chair table bowl vase rug shelf clock mirror stool desk bench cup plate pot kettle blanket cushion "
              "basket hook frame candle tray jar lantern ladder box stand rack bin mat".split())  # fmt: skip
LISTS = (
    "/dashboard", "/dashboard/orders", "/dashboard/orders?page=400", "/dashboard/orders?sort=oldest",
    "/dashboard/orders?view=to-ship", "/dashboard/orders?view=closed", "/dashboard/orders?view=flagged",
    "/dashboard/orders?payment=failed", "/dashboard/orders?q=ORD-77", "/dashboard/orders?q=p77@example.com",
    "/dashboard/orders?q=Person+77", "/dashboard/products", "/dashboard/products?page=400",
    "/dashboard/products?sort=name", "/dashboard/products?sort=price_desc", "/dashboard/products?sort=stock_asc",
    "/dashboard/products?view=sold-out", "/dashboard/products?view=hidden", "/dashboard/products?q=lamp+777",
    "/dashboard/jump?q=77",
)  # fmt: skip
SEEN = ("/dashboard/sign-in", "/dashboard", "/dashboard/orders", "/dashboard/products", "/dashboard/products/new")
PAINT = """() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
  loaded: performance.getEntriesByType('navigation')[0].loadEventEnd })"""


async def fill(settings: Settings, dsn: Any, count: int) -> None:
    owner = await asyncpg.connect(**dsn.owner)
    async with open_runtime(settings, dsn) as rt:
        made = await auth.register(rt, auth.Registration("Pages", EMAIL, PASSWORD))
        ctx: Ctx = system(made.tenant.id, "bench")
        drafts = (
            ProductDraft(f"{MADE_OF[n % 7]} {KINDS[n % 31]} {n}", price="50.00", sku=f"L-{n}", stock=n % 500)
            for n in range(count)
        )
        await transfer.bulk_load(rt, ctx, drafts)
    await owner.execute("set statement_timeout = 0")
    await owner.execute(ORDERS, made.tenant.id, count)
    await owner.execute(LINES, made.tenant.id)
    await owner.execute("vacuum analyze")
    await owner.close()


async def answers(base: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        page = await client.get("/dashboard/sign-in")
        token = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert token is not None
        fields = {"form_token": token[1], "email": EMAIL, "password": PASSWORD}
        assert (await client.post("/dashboard/sign-in", data=fields, headers={"Origin": base})).status_code == 303
        for path in LISTS:
            took = []
            for _ in range(TRIES):
                began = time.perf_counter()
                answer = await client.get(path)
                took.append((time.perf_counter() - began) * 1000)
                assert answer.status_code == 200, (path, answer.status_code)
            found[path] = {"best_ms": round(min(took), 1), "median_ms": round(statistics.median(took), 1)}
    return found


async def looks(base: str, chromium: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = await (await browser.new_context(viewport={"width": 1440, "height": 900})).new_page()
        sizes: dict[str, int] = {}

        async def weigh(request: Any) -> None:
            if (answer := await request.response()) is not None and not answer.from_service_worker:
                sizes[request.url] = max(0, (await request.sizes())["responseBodySize"])

        page.on("requestfinished", weigh)
        for path in SEEN:
            sizes.clear()
            await page.goto(base + path, wait_until="networkidle")
            if path.endswith("sign-in"):
                found[path] = await _told(page, sizes)
                await page.fill("[name=email]", EMAIL)
                await page.fill("[name=password]", PASSWORD)
                await page.click("form button.primary")
                await page.wait_for_url(f"{base}/dashboard")
                continue
            found[path] = await _told(page, sizes)
        await browser.close()
    return found


async def _told(page: Any, sizes: dict[str, int]) -> dict[str, float]:
    times = await page.evaluate(PAINT)
    code = sum(size for url, size in sizes.items() if not re.search(r"\.(webp|png|jpe?g|svg|woff2)(\?|$)", url))
    return {
        "first_paint_ms": round(times["paint"] or 0), "loaded_ms": round(times["loaded"]), "requests": len(sizes),
        "bytes": sum(sizes.values()), "bytes_without_pictures_and_type": code,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages")
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="merx-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        settings = with_secret(Settings(data_dir=folder / "data"))
        with open_database(settings, "bench") as dsn:
            asyncio.run(fill(settings, dsn, rows))
        base, chromium = f"http://localhost:{PORT}", shutil.which("chromium")
        with serving(folder / "data", PORT):
            measured: dict[str, Any] = {"lists": asyncio.run(answers(base))}
            if chromium is not None:
                measured["pages"] = asyncio.run(looks(base, chromium))
    for group, told in measured.items():
        print(group)
        for path, values in told.items():
            print(f"  {path:44}", "  ".join(f"{what} {value}" for what, value in values.items()))
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"pages-{now:%Y-%m-%dT%H%M%S}.json"
    kept = {"at": now.isoformat(), "machine": machine(), "rows": rows, "load": os.getloadavg()[0], **measured}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    print(f"kept in bench/results/{path.name}")


if __name__ == "__main__":
    main()
