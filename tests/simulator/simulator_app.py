"""The simulator alone, on the test run's database, for `serve_app`."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from merx import simulator
from merx.db.database import Database
from merx.runtime import Runtime
from merx.settings import Settings
from merx.vault import Vault

SECRET = b"the simulator's tests share this one secret"


def runtime(database: Database, port: int) -> Runtime:
    settings = Settings().with_port("127.0.0.1", port)
    vault = Vault(SECRET)
    return Runtime(settings, database, vault, {}, simulator.account_maker(settings, vault))


def build() -> Any:
    connect = msgspec.json.decode(os.environ["TEST_DSN"])
    app: Any = None

    async def lifespan(receive: Any, send: Any) -> None:
        nonlocal app
        await receive()
        try:
            database = await Database.open(connect, pool_size=6)
            app = simulator.app(runtime(database, int(os.environ["TEST_PORT"])))
        except Exception as wrong:
            await send({"type": "lifespan.startup.failed", "message": repr(wrong)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await database.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await (lifespan(receive, send) if scope["type"] == "lifespan" else app(scope, receive, send))

    return served
