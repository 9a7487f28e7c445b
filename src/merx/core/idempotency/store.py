"""The only SQL on idempotency_keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from merx.db.database import Tx
from merx.kernel.context import Closing
from merx.kernel.ids import TenantId

TABLES = ("idempotency_keys",)

CLAIM = """
insert into idempotency_keys as k (tenant_id, principal, key, fingerprint, state, locked_until, created_at)
values ($1, $2, $3, $4, 'started', $5, $6)
on conflict (tenant_id, principal, key) do update
  set fingerprint = excluded.fingerprint, state = 'started', locked_until = excluded.locked_until,
      created_at = excluded.created_at, took_effect = false, status = null, headers = null, body = null
  where k.tenant_id = $1
    and (k.created_at < $7 or (k.state = 'started' and not k.took_effect and k.locked_until < $6
      and k.fingerprint = excluded.fingerprint))
returning 1
"""


async def claim(
    tx: Tx, principal: str, key: str, fingerprint: bytes, lease: datetime, now: datetime, horizon: datetime
) -> bool:
    """True for exactly one of those who ask at once, and again once the retention has run out, or the lease of one that
    did nothing."""
    return await tx.row(CLAIM, principal, key, fingerprint, lease, now, horizon) is not None


FIND = """
select fingerprint, state, status, headers::text, body, took_effect and locked_until < $4 from idempotency_keys
where tenant_id = $1 and principal = $2 and key = $3
"""


async def find(tx: Tx, principal: str, key: str, now: datetime) -> Any | None:
    return await tx.row(FIND, principal, key, now)


TAKE_EFFECT = """
with noted as (
  update idempotency_keys set took_effect = true
  where tenant_id = $1 and principal = $2 and key = $3 and locked_until = $4
    and ($5::bool or pg_current_xact_id_if_assigned() is not null)
  returning 1)
select 1 / (count(*) + (not $5::bool and pg_current_xact_id_if_assigned() is null)::int) from noted
"""


def closing(tenant: TenantId, principal: str, key: str, lease: datetime) -> Closing:
    """Says with the commit of a transaction that the request took effect. One that wrote nothing says nothing. Where the
    claim is no longer this request's, its transaction is undone: somebody else does the work by now."""
    return Closing(tenant, TAKE_EFFECT, (principal, key, lease))


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
with gone as (
  delete from idempotency_keys
  where tenant_id = $1 and principal = $2 and key = $3 and state = 'started' and locked_until = $4 and not took_effect)
update idempotency_keys set locked_until = least(locked_until, $5)
where tenant_id = $1 and principal = $2 and key = $3 and state = 'started' and locked_until = $4 and took_effect
"""


async def release(tx: Tx, principal: str, key: str, lease: datetime, now: datetime) -> None:
    """What has taken effect keeps its key all the same."""
    await tx.run(RELEASE, principal, key, lease, now)


FORGET = "delete from idempotency_keys where tenant_id = $1 and created_at < $2"


async def forget(tx: Tx, horizon: datetime) -> int:
    return await tx.run(FORGET, horizon)


ERASE = "delete from idempotency_keys where tenant_id = $1 and strpos(principal, $2) > 0"


async def erase(tx: Tx, caller: str) -> None:
    """What this caller's requests were answered, in whichever dialect. `caller`: as `Ctx.principal` names it."""
    await tx.run(ERASE, f"/{caller}/")
