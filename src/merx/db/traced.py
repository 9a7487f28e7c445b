"""Owns the spans of the database: the connection of a process that records traces. Each statement that is waited for
has one, and so has the COMMIT of what was written; a statement that travels ahead ends with the one it travels with.
What no request and no job has asked leaves none: the questions that are asked four times a second would drown them."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, TypeVar

from merx.db.pool import Connection
from merx.db.wire import Sent
from merx.kernel.spans import OPEN, Attributes, Span, kind_of

T = TypeVar("T")

_WRITES = re.compile(
    r"\b(?:(insert)\s+into|(delete)\s+from|(update)(?=\s+\w+(?:\s+(?:as\s+)?\w+)?\s+set\b))\s+(?:only\s+)?(\w+)",
    re.IGNORECASE,
)
_READS = re.compile(r"\b(?:from|join)\s+(?:only\s+)?([a-z_]+)\b(?!\s*\()", re.IGNORECASE)
_PARTS = re.compile(r"(?:\bwith(?:\s+recursive)?|,)\s+(\w+)(?:\s*\([^()]*\))?\s+as\s+(?:not\s+)?(?:materialized\s+)?\(")
_MOST_NAMED = 4


class TracedConnection(Connection):
    _ahead: tuple[Span, ...] = ()

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._told(query, super().fetch(query, *args, **more))

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._told(query, super().fetchrow(query, *args, **more))

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        return await self._told(query, super().execute(query, *args, **more))

    async def commit(self) -> None:
        if self.wire is None:  # `execute` tells of it
            await super().commit()
        else:
            await self._told("commit", super().commit())

    async def leave(self, rollback: bool = False) -> None:
        self._ahead = ()  # never sent
        await super().leave(rollback)

    async def ahead(self, sql: str, *args: Any) -> Sent:
        above = OPEN.get()
        if above is not None and self.wire is not None:
            name, attributes = described(sql)
            self._ahead += (above.child(name, "client", attributes),)
        return await super().ahead(sql, *args)

    async def _told(self, sql: str, answer: Awaitable[T]) -> T:
        above = OPEN.get()
        if above is None:
            return await answer
        name, attributes = described(sql)
        span = above.child(name, "client", attributes)
        try:
            found = await answer
        except BaseException as wrong:
            self._arrived()
            if (state := getattr(wrong, "sqlstate", None)) is not None:
                span.note({"db.response.status_code": state})
            span.fail(state or kind_of(wrong))
            span.end()
            raise
        self._arrived()
        span.end()
        return found

    def _arrived(self) -> None:
        for span in self._ahead:
            span.end()
        self._ahead = ()


@lru_cache(2048)
def described(sql: str) -> tuple[str, Attributes]:
    """A span's name and attributes. The text is a constant of ours, whose arguments stand nowhere."""
    summary = _summary(sql)
    if summary in ("BEGIN", "COMMIT", "ROLLBACK"):  # over TLS, BEGIN comes with the tenant
        sql = summary.lower()
    return summary, {"db.system.name": "postgresql", "db.query.text": sql.strip(), "db.query.summary": summary}


def _summary(sql: str) -> str:
    """What is done to which tables, the writing before the reading."""
    if writes := _WRITES.findall(sql):
        said = (f"{(inserts or deletes or updates).upper()} {table}" for inserts, deletes, updates, table in writes)
        return " ".join(list(dict.fromkeys(said))[:_MOST_NAMED])
    first = sql.split(None, 1)[0].upper().rstrip(";") if sql.strip() else "SQL"
    if first not in ("SELECT", "WITH"):
        return first
    parts = set(_PARTS.findall(sql))
    tables = [table for table in dict.fromkeys(_READS.findall(sql)) if table not in parts]
    return " ".join(("SELECT", *tables[:_MOST_NAMED]))
