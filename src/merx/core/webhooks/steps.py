"""Reading deliveries inside somebody else's transaction."""

from __future__ import annotations

import msgspec

from merx.core.webhooks import store
from merx.core.webhooks.model import Delivery
from merx.db.database import Tx


async def with_attempts(tx: Tx, found: list[Delivery]) -> list[Delivery]:
    """Each with every try, in their order."""
    tries = await store.attempts(tx, [one.id for one in found]) if found else {}
    return [msgspec.structs.replace(one, attempts=tuple(tries.get(one.id, ()))) for one in found]
