"""Traces of what happens by itself: each job and each delivery is one of its own."""

from __future__ import annotations

import asyncio

import pytest
from tests import hooks
from tests.dialects.site import Shop
from tests.http_server import listener
from tests.tracing.collector import Collector

from merx.core.webhooks import service as webhooks
from merx.kernel.events import ORDER_PAID


async def test_a_job_and_the_deliveries_it_leads_to(
    shop: Shop, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks.minding({shop.ctx.tenant}, monkeypatch.setattr)
    asked = hooks.HookShop(shop.rt, shop.ctx)
    async with listener(lambda heard: (503 if len(there.heard) == 1 else 200, b"{}")) as there:
        await webhooks.create_endpoint(shop.rt, shop.ctx, f"{there.url}/hook?token=hunter2", [ORDER_PAID])
        await asked.happen(1)
        tenant = str(shop.ctx.tenant)

        def mine(name: str) -> list[object]:
            return [one for one in collector.spans if one.name == name and one.attributes["merx.tenant"] == tenant]

        async with asyncio.timeout(30):
            while len(mine("deliver order.paid")) < 2:
                await asyncio.sleep(0.05)
    job = collector.until(lambda one: one.name == "job relay" and one.attributes["merx.tenant"] == tenant)
    assert (job.kind, job.parent, job.attributes["merx.done"]) == ("internal", "", 1)
    assert "COMMIT" in [one.name for one in collector.below(job)]
    first, second = sorted(mine("deliver order.paid"), key=lambda one: one.began)  # type: ignore[attr-defined]
    assert (first.kind, first.parent) == ("producer", "") and first.trace not in (job.trace, second.trace)
    assert first.failed and first.attributes["error.type"] == "503" and not second.failed
    (sent,) = [one for one in collector.below(first) if one.kind == "client"]
    assert (
        sent.name == "POST"
        and sent.failed
        and sent.attributes
        == {
            "http.request.method": "POST",
            "http.response.status_code": 503,
            "error.type": "503",
            "server.address": "127.0.0.1",
            "server.port": int(there.url.rpartition(":")[2]),
            "url.scheme": "http",
        }
    )
    assert "hunter2" not in str([one.attributes for one in collector.spans])
    assert "traceparent" not in there.heard[0].headers  # it goes to somebody else
