"""The only SQL on idempotency_keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from merx.db.database import Tx

TABLES = ("idempotency_keys",)

CLAIM = """
insert into idempotency_keys as k (tenant_id, principal, key, fingerprint, state, locked_until, created_at)
values ($1, $2, $3, $4, 'started', $5, $6)
on conflict (tenant_id, principal, key) do update
  set fingerprint = excluded.fingerprint, state = 'started', locked_until = excluded.locked_until,
      created_at = excluded.created_at, status = null, headers = null, body = null
  where k.tenant_id = $1
    and (k.created_at < $7 or (k.state = 'started' and k.locked_until < $6 and k.fingerprint = excluded.fingerprint))
returning 1
"""


async def claim(
    tx: Tx, principal: str, key: str, fingerprint: bytes, lease: datetime, now: datetime, horizon: datetime
) -> bool:
    """True for exactly one of those who ask at once, and again once a lease or the retention has run out."""
    return await tx.row(CLAIM, principal, key, fingerprint, lease, now, horizon) is not None


FIND = """
select fingerprint, state, status, headers::text, body from idempotency_keys
where tenant_id = $1 and principal = $2 and key = $3
"""


async def find(tx: Tx, principal: str, key: str) -> Any | None:
    return await tx.row(FIND, principal, key)


FINISH = """
update idempotency_keys set state = 'done', status = $5, headers = $6::jsonb, body = $7
where tenant_id = $1 and principal = $2 and key = $3 and state = 'started' and locked_until = $4
"""


async def finish(
    tx: Tx, principal: str, key: str, lease: datetime, status: int, headers: dict[str, str], body: bytes
) -> None:
    """A claim whose lease ran out and was taken over changes nothing."""
    await tx.run(FINISH, principal, key, lease, status, msgspec.json.encode(headers).decode(), body)


RELEASE = """
delete from idempotency_keys
where tenant_id = $1 and principal = $2 and key = $3 and state = 'started' and locked_until = $4
"""


async def release(tx: Tx, principal: str, key: str, lease: datetime) -> None:
    await tx.run(RELEASE, principal, key, lease)


FORGET = "delete from idempotency_keys where tenant_id = $1 and created_at < $2"


async def forget(tx: Tx, horizon: datetime) -> int:
    return await tx.run(FORGET, horizon)
