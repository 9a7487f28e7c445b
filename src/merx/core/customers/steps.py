"""Finding customers inside somebody else's transaction."""

from __future__ import annotations

from merx.core.customers import store
from merx.core.customers.model import COUNTED, CustomerStatus, FoundCustomers
from merx.db.database import Tx


async def find(tx: Tx, search: str | None, status: CustomerStatus | None, limit: int, offset: int) -> FoundCustomers:
    """Newest first. What few match is looked up in an index and put in order; what many match is soon met among the
    newest."""
    if search is None:
        found = await store.page(tx, limit, offset, status)
        total = await store.count(tx, COUNTED + 1, status)
        return FoundCustomers(found, min(total, COUNTED), total > COUNTED)
    total = await store.count_found(tx, search, most=COUNTED + 1)
    if total > COUNTED:
        return FoundCustomers(await store.search(tx, search, limit, offset, status), COUNTED, True)
    if status is not None:
        total = await store.count_found(tx, search, status, COUNTED + 1)
    return FoundCustomers(await store.search(tx, search, limit, offset, status, few=COUNTED + 1), total, False)
