"""A service: the access log with the names of those who asked. Names are looked up when it is read, not kept in it: the
log holds nobody's name, and who was renamed is called by their name of today."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from merx.core.activity import steps
from merx.core.activity.model import Entry, Level
from merx.core.auth import names
from merx.core.customers import store
from merx.kernel.context import ActorKind, Ctx
from merx.runtime import Runtime


class Named(msgspec.Struct, frozen=True):
    """`name`: a person's user name, a key's or a client's name; None for nobody, and for who is gone."""

    entry: Entry
    name: str | None


async def list_entries(
    rt: Runtime,
    ctx: Ctx,
    start: datetime | None = None,
    end: datetime | None = None,
    level: Level | None = None,
    limit: int = 20,
    offset: int = 0,
) -> tuple[list[Named], int]:
    """The tenant's requests, newest first, and how many there are. `start` and `end` are included, to the second."""
    ctx.require("logs:read")
    async with rt.db.begin(ctx) as tx:
        entries, total = await steps.read(tx, start, end, level, limit, offset)
        shoppers = _ids(entries, shoppers=True)
        others = _ids(entries, shoppers=False)
        called: dict[UUID, str] = await store.usernames(tx, shoppers) if shoppers else {}
        if others:
            called |= await names.names(tx, others)
    return [Named(one, None if (who := one.kind.actor_id) is None else called.get(who)) for one in entries], total


def _ids(entries: list[Entry], *, shoppers: bool) -> list[UUID]:
    kinds = (one.kind for one in entries)
    found = [of.actor_id for of in kinds if of.actor_id is not None and (of.actor is ActorKind.CUSTOMER) is shoppers]
    return list(dict.fromkeys(found))
