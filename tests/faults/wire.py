"""Breaks one chosen thing of a run: a statement or a call of the payment provider, before its work or after it, by
cutting the line (our code goes on and sees an error) or by killing the process (nothing of it goes on)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from merx.db.database import Database
from merx.db.pool import Pool
from merx.kernel.errors import Upstream


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Faults:
    """`at` is the number of the event that breaks; with none, the run is only recorded."""

    at: int = -1
    when: str = "before"
    kind: str = "cut"
    trace: list[str] = field(default_factory=list)
    fired: bool = False
    backend: int | None = None  # the server's side of the line that was cut

    def meet(self, event: str, when: str) -> bool:
        """Whether the fault is here."""
        if self.fired:
            return False
        if when == "before":
            self.trace.append(event)
        self.fired = len(self.trace) - 1 == self.at and when == self.when
        return self.fired

    async def around_provider(self, call: str, when: str) -> None:
        if self.meet(call, when):
            raise Killed if self.kind == "kill" else Upstream("the line to the provider was cut")

    def points(self) -> list[Faults]:
        """Every way this run can break. A killed process leaves an open transaction undone, wherever it was in it, so
        killing is tried only where it makes a difference: around commits and calls."""
        found = []
        for at, event in enumerate(self.trace):
            ends = event in ("commit", "charge", "find", "cancel", "refund")
            for when in ("before", "after") if ends else ("before",):
                found.append(Faults(at, when, "cut"))
                if ends:
                    found.append(Faults(at, when, "kill"))
        return found


class Wire:
    """A connection that may break."""

    def __init__(self, conn: Any, faults: Faults) -> None:
        self.conn, self._faults = conn, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    async def execute(self, sql: str, *args: Any) -> Any:
        return await self._run(self.conn.execute, sql, args)

    async def fetch(self, sql: str, *args: Any) -> Any:
        return await self._run(self.conn.fetch, sql, args)

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        return await self._run(self.conn.fetchrow, sql, args)

    async def ahead(self, sql: str, *args: Any) -> Any:
        """Travels with the next statement or the commit: broken here, none of them has left."""
        return await self._run(self.conn.ahead, sql, args)

    async def commit(self) -> None:
        """The end of a transaction that wrote; its beginning travels with the first statement and is no event."""
        await self._run(lambda _: self.conn.commit(), "commit", ())

    async def _run(self, work: Any, sql: str, args: tuple[Any, ...]) -> Any:
        event = " ".join(sql.split())[:40]
        if self._faults.meet(event, "before"):
            self._break()
        answer = await work(sql, *args)
        if self._faults.meet(event, "after"):
            self._break()
        return answer

    def _break(self) -> None:
        self._faults.backend = self.conn.get_server_pid()
        self.conn.terminate()
        raise Killed if self._faults.kind == "kill" else ConnectionResetError("cut")


class BreakablePool(Pool):
    faults = Faults()

    async def acquire(self) -> Any:
        return Wire(await super().acquire(), self.faults)

    def release(self, conn: Any) -> None:
        super().release(conn.conn if isinstance(conn, Wire) else conn)

    def discard(self, conn: Any) -> None:
        super().discard(conn.conn if isinstance(conn, Wire) else conn)


class BreakableDatabase(Database):
    """A database of its own, so that a broken line is nobody else's."""

    def __init__(self, connect: dict[str, Any]) -> None:
        self.pool = BreakablePool(connect, 2)
        super().__init__(self.pool)
