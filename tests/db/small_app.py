"""The smallest application `merx.serve` can run: it asks the database one question a request."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import asyncpg

from merx import serve
from merx.db.dsn import Dsn
from merx.settings import Settings, WrongSetting, load

SERVER = "select pg_postmaster_start_time() || ' ' || current_database()"
"""What no two databases that run at the same time answer alike."""
QUESTIONS = {"/number": "select count(*) from tenants", "/server": SERVER}


def build(settings: Settings, dsn: Dsn) -> Any:
    assert settings.secret_key and len(settings.secret_key) >= 32

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        status, body = 200, str(os.getpid()).encode()
        if scope["path"] == "/slow":
            print("slow begun", flush=True)
            await asyncio.sleep(1)
        elif scope["path"] in QUESTIONS:
            try:
                conn = await asyncpg.connect(**dsn.app, timeout=5)
                body = str(await conn.fetchval(QUESTIONS[scope["path"]])).encode()
                await conn.close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                status = 503
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    try:
        serve.run(load(), app="tests.db.small_app:build", ready=lambda: print("ready", flush=True))
    except WrongSetting as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
