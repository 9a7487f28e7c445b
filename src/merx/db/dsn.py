"""How to reach the database: as the serving role, and where we may, as the owner of the tables."""

from __future__ import annotations

from typing import Any

import msgspec


class Dsn(msgspec.Struct, frozen=True):
    """Both are keyword arguments of `asyncpg.connect` and `asyncpg.create_pool`. `owner` is a superuser on our own
    PostgreSQL, and whatever MERX_MIGRATE_URL names on another; None where the serving role is all we were given."""

    app: dict[str, Any]
    owner: dict[str, Any] | None = None
