"""The whole site with MERX_TRACING, served in a thread, and the collector it tells. It has a database of its own: on the
one that tests share, other sites' workers would take its jobs and deliveries, and leave no trace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.databases import own_fixtures
from tests.dialects.site import Shop, open_shop, runtime, serving
from tests.tracing.collector import Collector, collecting

from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.runtime import Runtime
from merx.settings import Settings

dsn, database = own_fixtures("tracing")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def traced(dsn: Dsn, collector: Collector) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with serving(dsn, tracing=True, webhooks_allow_private=True) as settings:
            yield settings


@pytest.fixture
def traced_rt(traced: Settings, database: Database) -> Runtime:
    return runtime(traced, database)


@pytest.fixture
async def shop(traced_rt: Runtime) -> AsyncIterator[Shop]:
    found = await open_shop(traced_rt)
    yield found
    await found.http.aclose()
