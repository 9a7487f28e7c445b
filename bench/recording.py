"""What statements one operation sends: it is run once against the real database, and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from bench.pgbench import filled, quoted
from merx.db.database import Database
from merx.runtime import Runtime


class Sent(msgspec.Struct, frozen=True):
    sql: str
    args: tuple[Any, ...]
    ahead: bool = False  # travels with the next


class _Listening:
    """A connection that writes down what goes through it."""

    def __init__(self, conn: Any, sent: list[Sent]) -> None:
        self._conn, self._sent = conn, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    async def fetch(self, sql: str, *args: Any) -> Any:
        self._sent.append(Sent(sql, args))
        return await self._conn.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        self._sent.append(Sent(sql, args))
        return await self._conn.fetchrow(sql, *args)

    async def begin(self, tenant: UUID | None, reading: bool = False) -> None:
        self._sent.append(Sent("begin read only" if reading else "begin", (), ahead=True))
        await self._conn.begin(tenant, reading)

    async def ahead(self, sql: str, *args: Any) -> Any:
        self._sent.append(Sent(sql, args, ahead=True))
        return await self._conn.ahead(sql, *args)

    async def commit(self) -> None:
        self._sent.append(Sent("commit", ()))
        await self._conn.commit()

    async def leave(self, rollback: bool = False) -> None:
        self._sent.append(Sent("commit", ()))
        await self._conn.leave(rollback)

    async def execute(self, sql: str, *args: Any) -> Any:
        self._sent.append(Sent(sql, args))
        return await self._conn.execute(sql, *args)


class _ListeningPool:
    def __init__(self, pool: Any, sent: list[Sent]) -> None:
        self._pool, self._sent = pool, sent

    async def acquire(self) -> Any:
        return _Listening(await self._pool.acquire(), self._sent)

    def release(self, conn: Any) -> None:
        self._pool.release(conn._conn)

    def discard(self, conn: Any) -> None:
        self._pool.discard(conn._conn)


async def record(rt: Runtime, operation: Callable[[Runtime], Awaitable[Any]]) -> list[Sent]:
    sent: list[Sent] = []
    listening = Database(_ListeningPool(rt.db._pool, sent))  # type: ignore[arg-type]
    await operation(msgspec.structs.replace(rt, db=listening))
    await asyncio.sleep(0.01)  # what ends a transaction is sent by the loop, which the measurements then hold up
    return sent


OF_THE_TRANSACTION = "(lpad((:k)::text, 20, '0') || '{place:012d}')::uuid"
"""An id that follows from pgbench's variable k, so that several statements of one transaction mean the same."""
AT_RANDOM = "gen_random_uuid()"
DIGEST = "uuid_send(gen_random_uuid())"
"""Of a request that is another in each transaction. (A credential's is looked for in a list, and stays as it is.)"""


def script(
    sent: Sequence[Sent], known: Mapping[UUID, str], variables: Sequence[str] = (), fresh: str = OF_THE_TRANSACTION
) -> str:
    """The pgbench script of what was sent. `known` gives expressions for ids that differ from transaction to
    transaction; every other id was made by the operation itself and becomes a fresh one."""
    made: dict[UUID, str] = {}
    lines, travelling = list(variables), False
    for one in sent:
        if one.ahead and not travelling:
            lines.append("\\startpipeline")
        lines.append(filled(one.sql, [_text(value, known, made, fresh) for value in one.args]))
        if travelling and not one.ahead:
            lines.append("\\endpipeline")
        travelling = one.ahead
    return "\n".join(lines) + "\n"


def _text(value: Any, known: Mapping[UUID, str], made: dict[UUID, str], fresh: str) -> str:
    if isinstance(value, list | tuple):
        listed = [quoted(one) if isinstance(one, bytes) else _text(one, known, made, fresh) for one in value]
        return f"array[{', '.join(listed)}]"
    if isinstance(value, bytes) and known:
        return DIGEST
    if not isinstance(value, UUID):
        return quoted(value)
    if value in known:
        return known[value]
    if not known:
        return quoted(value)
    made.setdefault(value, fresh.format(place=len(made)))
    return made[value]
