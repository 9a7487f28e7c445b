"""How people at a desk look for orders: by state, by what they remember of one, by what is wrong with it. Statements,
composed once for each set of filters; lists are in the order of an index, and counting stops at a bound.

A name is looked for among the newest orders only: it is no key, and whoever asks remembers somebody of late."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from merx.core.orders.model import Order, PaymentStatus, Status
from merx.core.orders.store import COLUMNS, LINES, as_order
from merx.db.database import Tx
from merx.kernel.ids import CustomerId

COUNTED = 10_000
NAMES_AMONG = 20_000
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_NUMBER = re.compile(r"(?:#|ord-)?0*([1-9]\d{0,8})", re.IGNORECASE | re.ASCII)


class FindOrders(msgspec.Struct, frozen=True, kw_only=True):
    """`search`: an order's number, an e-mail, or part of a name. `created_to` is exclusive."""

    search: str = ""
    statuses: tuple[Status, ...] = ()
    payment: PaymentStatus | None = None
    flagged: bool = False
    customer_id: CustomerId | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    oldest_first: bool = False
    limit: int = 25
    offset: int = 0


class FoundOrders(msgspec.Struct, frozen=True):
    orders: list[Order]
    total: int
    more: bool  # `total` is where counting stopped


_FILTERS = {
    "number": "o.number = {}",
    "email": "o.email = {}",
    "name": "o.customer_name ilike {}",
    "statuses": "o.status = any({}::text[])",
    "payment": "o.payment_status = {}",
    "customer_id": "o.customer_id = {}",
}
_ONE_OF = ("number", "email", "name")


def _compose(chosen: tuple[str, ...], flagged: bool, oldest: bool) -> tuple[str, str]:
    """(the page, the count). Arguments after the tenant: the period's, the filters', then limit and offset, or the
    bound."""
    source = "orders o"
    if "name" in chosen:
        newest = f"order by n.created_at desc, n.id desc limit {NAMES_AMONG}"
        source = f"(select n.* from orders n where n.tenant_id = $1 {newest}) as o"
    where = "o.tenant_id = $1 and o.created_at >= $2 and o.created_at < $3" + "".join(
        f" and {_FILTERS[name].format(f'${place + 4}')}" for place, name in enumerate(chosen)
    )
    if flagged:
        where += " and o.flagged is not null"
    way, last = ("" if oldest else " desc"), len(chosen) + 4
    order = f"order by o.created_at{way}, o.id{way}"
    # The page first and then its lines: what is passed over is not put together.
    page = f"""
select {COLUMNS}, {LINES} from (
  select o.* from {source} where {where} {order} limit ${last} offset ${last + 1}) as o {order}"""
    return page, f"select count(*) from (select 1 from {source} where {where} limit ${last}) as counted"


def _choices() -> list[tuple[str, ...]]:
    rest = [name for name in _FILTERS if name not in _ONE_OF]
    made = []
    for first in ((), *((name,) for name in _ONE_OF)):
        for count in range(len(rest) + 1):
            made += [(*first, *more) for more in itertools.combinations(rest, count)]
    return made


PAGES: dict[tuple[tuple[str, ...], bool, bool], tuple[str, str]] = {
    (chosen, flagged, oldest): _compose(chosen, flagged, oldest)
    for chosen in _choices()
    for flagged in (False, True)
    for oldest in (False, True)
}


async def find(tx: Tx, query: FindOrders) -> FoundOrders:
    given: dict[str, Any] = {
        **_asked(query.search.strip()),
        "statuses": [status.value for status in query.statuses],
        "payment": query.payment.value if query.payment else None,
        "customer_id": query.customer_id,
    }
    chosen = tuple(name for name in _FILTERS if given.get(name))
    listing, counting = PAGES[chosen, query.flagged, query.oldest_first]
    period = (query.created_from or _FIRST, query.created_to or _LAST)
    args = [*period, *(given[name] for name in chosen)]
    rows = await tx.rows(listing, *args, query.limit, query.offset)
    orders = [as_order(row) for row in rows]
    if len(rows) < query.limit and (rows or not query.offset):
        return FoundOrders(orders, query.offset + len(rows), False)
    counted = await tx.row(counting, *args, COUNTED + 1)
    total = counted[0] if counted else 0
    return FoundOrders(orders, min(total, COUNTED), total > COUNTED)


def _asked(search: str) -> dict[str, Any]:
    if not search:
        return {}
    if (number := _NUMBER.fullmatch(search)) is not None:
        return {"number": int(number[1])}
    if "@" in search:
        return {"email": search.lower()}
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"name": f"%{escaped}%"}
