"""Composition: which app answers which path, and what lives as long as the process does.

A dialect is one line in DIALECTS, a face of the pages one in FACES. `build` is what the launcher calls in each worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from litestar.types import ASGIApp

from merx import simulator, worker
from merx.assembly import open_runtime
from merx.core.auth import service as auth
from merx.core.auth.model import KeyType
from merx.db.dsn import Dsn
from merx.demo import seed, shops
from merx.dialects.aerostack.app import DIALECT as AEROSTACK
from merx.dialects.baas.app import DIALECT as BAAS
from merx.dialects.commerce.app import DIALECT as COMMERCE
from merx.dialects.pycommerce.app import DIALECT as PYCOMMERCE
from merx.dialects.reference.app import DIALECT as REFERENCE
from merx.edge import figures, logs
from merx.edge.access_log import AccessLog
from merx.edge.app import Dialect
from merx.edge.at_once import AtOnce
from merx.edge.authority import Services
from merx.edge.client import Hosts, Proxies
from merx.edge.composition import Edge, MetricsPage, Ready, live
from merx.edge.gateway import Gateway, nothing_here
from merx.edge.limits import Counter, DatabaseCounter, RedisCounter
from merx.edge.request_log import RequestLog
from merx.edge.static import Folder
from merx.edge.traced import TracedGateway
from merx.runtime import Runtime
from merx.settings import Settings
from merx.web.assets import assets
from merx.web.callbacks import Callbacks
from merx.web.dashboard.app import FACE as DASHBOARD
from merx.web.face import Face
from merx.web.hosts import Faces
from merx.web.landing.app import landing
from merx.web.media import PREFIX as PICTURES
from merx.web.media import Pictures
from merx.web.oauth.consent import FACE as CONSENT
from merx.web.oauth.endpoints import Endpoints
from merx.web.portal.app import portal
from merx.web.portal.reader import Showcase
from merx.web.storefront.app import FACE as STOREFRONT
from merx.web.unsubscribe import Unsubscribe

log = logging.getLogger("merx")

DIALECTS: tuple[Dialect, ...] = (AEROSTACK, BAAS, COMMERCE, PYCOMMERCE, REFERENCE)


def _showcase(slug: str, name: str, about: str) -> Showcase:
    @cache
    def pictures() -> list[str]:
        shop = shops.load(slug)
        return [shop.images(product)[0].url for product in shop.products[:4]]

    return Showcase(
        slug,
        publishable=lambda rt: seed.key_of(rt, slug, KeyType.PUBLISHABLE),
        secret=lambda rt: seed.key_of(rt, slug, KeyType.SECRET),
        shopper=lambda: next((one.email, one.password) for one in shops.load(slug).customers if one.password),
        name=name,
        about=about,
        pictures=pictures,
    )


SHOWN = (
    _showcase("tech", "Tech Gadgets", "Headphones, laptops, cameras."),
    _showcase("outdoor", "Outdoor Adventures", "Tents, boots, backpacks."),
)
FACES: tuple[Face, ...] = (landing(DIALECTS, SHOWN), DASHBOARD, STOREFRONT, CONSENT, portal(DIALECTS, SHOWN[0]))


def build(settings: Settings, dsn: Dsn) -> Site:
    """The ASGI application of one worker process."""
    logs.configure(settings.log_level)
    return Site(settings, dsn)


class Site:
    """Opens what it needs at the lifespan's start, and closes it at its end."""

    def __init__(self, settings: Settings, dsn: Dsn) -> None:
        self._settings, self._dsn = settings, dsn
        self._gateway: Gateway | None = None
        self.at_once: AtOnce | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._gateway is not None:
            await self._gateway(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            async with contextlib.AsyncExitStack() as stack:
                rt = await stack.enter_async_context(open_runtime(self._settings, self._dsn))
                self._gateway = await stack.enter_async_context(running(rt))
                if rt.tracer is None:  # what is answered at once leaves no span
                    self.at_once = AtOnce(self._gateway, rt.settings.require_https)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as wrong:
            log.error("the server could not start", exc_info=wrong)
            logs.writer.flush()
            if self._gateway is None:
                await send({"type": "lifespan.startup.failed", "message": str(wrong)})
                return
        await send({"type": "lifespan.shutdown.complete"})


@contextlib.asynccontextmanager
async def running(rt: Runtime) -> AsyncIterator[Gateway]:
    """The gateway over all apps, with the tasks that keep its memory true."""
    edge = Edge(rt, Services(), counter=_counter(rt))
    await edge.poll()
    apis = [dialect.name for dialect in DIALECTS]
    access_log = AccessLog(rt, edge.metrics, apis) if rt.settings.access_log else None
    gateway = _gateway(rt, edge, access_log)
    await auth.ensure_administrator(rt)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(edge.run()), asyncio.create_task(_note_key_use(rt))]
    if figures.made() is not None:
        tasks.append(asyncio.create_task(edge.publish()))
    if access_log is not None:
        tasks.append(asyncio.create_task(access_log.run()))
    working = asyncio.create_task(worker.run(rt, stop))
    try:
        yield gateway
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, working, return_exceptions=True)
    if access_log is not None:
        await access_log.close()
    with contextlib.suppress(Exception):
        await auth.save_key_use(rt)
    logs.writer.flush()


def _gateway(rt: Runtime, edge: Edge, access_log: AccessLog | None) -> Gateway:
    demo = _folder("merx.demo", "static")
    mounts: list[tuple[str, ASGIApp]] = [
        ("/livez", live()),
        ("/readyz", Ready(rt)),
        ("/metrics", MetricsPage(edge.metrics)),
        ("/assets", assets()),
        ("/demo/pictures", Folder("/demo/pictures", demo)),
        ("/simulator", simulator.app(rt)),
        ("/simulator/twilio", simulator.twilio_app(rt)),
        (PICTURES, Pictures(rt)),
        (Callbacks.prefix, Callbacks(rt, edge.limiter)),
        (Unsubscribe.prefix, Unsubscribe(rt, edge.limiter)),
    ]
    mounts += Endpoints(rt, edge.limiter).mounts()
    for dialect in DIALECTS:
        mounts += edge.mounts(dialect)
    make = Gateway if rt.tracer is None else partial(TracedGateway, tracer=rt.tracer)
    return make(
        mounts,
        Faces(FACES, rt, edge.limiter, nothing_here),
        _no_lifespan,
        proxies=Proxies(rt.settings.trusted_proxies),
        hosts=Hosts(rt.settings.base_domain, rt.settings.public_url),
        request_log=RequestLog(logs.writer, rt.settings.log_level),
        metrics=edge.metrics,
        access_log=access_log,
    )


def _counter(rt: Runtime) -> Counter | None:
    if rt.settings.redis_url is not None:
        return RedisCounter(rt.settings.redis_url)
    # Workers of one server count in memory they share. A database of its own may serve several machines.
    return DatabaseCounter(rt) if rt.settings.workers > 1 and rt.settings.database_url is not None else None


def _folder(package: str, name: str) -> Path:
    return Path(str(files(package))) / name


async def _note_key_use(rt: Runtime) -> None:
    while True:
        await asyncio.sleep(60)
        try:
            await auth.save_key_use(rt)
        except Exception as lost:
            log.warning("when keys were used could not be written down", extra={"reason": type(lost).__name__})


async def _no_lifespan(scope: Any, receive: Any, send: Any) -> None:
    """The site has its own."""
