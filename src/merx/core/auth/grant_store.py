"""Writes oauth_codes and oauth_grants, with the sessions that grants stand on: the store role for `grants`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from merx.core.auth.model import Grant, OauthCode
from merx.db.database import Tx
from merx.kernel.context import ActorKind
from merx.kernel.ids import SessionId, StaffId

TABLES = ("oauth_codes", "oauth_grants")

INSERT_CODE = """
insert into oauth_codes (tenant_id, hash, client_id, staff_id, redirect_uri, challenge, scopes, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
CODE = """
select client_id, staff_id, redirect_uri, challenge, scopes, expires_at, used_at, session_id
from oauth_codes where tenant_id = $1 and hash = $2
"""
USE_CODE = """
update oauth_codes set used_at = $3, session_id = $4
where tenant_id = $1 and hash = $2 and used_at is null and expires_at > $3
"""
FORGET_CODES = "delete from oauth_codes where tenant_id = $1 and staff_id = $2 and used_at is null"
DELETE_OLD_CODES = """
delete from oauth_codes where tenant_id = $1 and hash in
  (select hash from oauth_codes where tenant_id = $1 and expires_at <= $2 limit $3)
"""
INSERT_GRANT = """
with opened as (
  insert into sessions (tenant_id, id, actor, actor_id, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)
  returning id)
insert into oauth_grants (tenant_id, session_id, client_id, scopes, created_at)
select $1, o.id, $7, $8, $5 from opened o
"""
INSERT_REFRESH = """
insert into refresh_tokens (tenant_id, hash, session_id, issued_at, expires_at) values ($1, $2, $3, $4, $5)
"""
GRANT = """
select g.client_id, s.actor_id, c.scopes
from oauth_grants g
join sessions s on s.tenant_id = $1 and s.id = g.session_id and s.revoked_at is null and s.expires_at > $4
join credentials c on c.tenant_id = $1 and c.hash = $3
where g.tenant_id = $1 and g.session_id = $2
"""
LIVE_REFRESH = """
select r.session_id, r.issued_at, r.expires_at
from refresh_tokens r
join sessions s on s.tenant_id = $1 and s.id = r.session_id and s.revoked_at is null and s.expires_at > $3
where r.tenant_id = $1 and r.hash = $2 and r.used_at is null and r.expires_at > $3
"""
SET_SCOPES = """
update credentials c set scopes =
  case when '*' = any($3::text[]) then g.scopes else array(select s from unnest(g.scopes) as s where s = any($3)) end
from oauth_grants g
where c.tenant_id = $1 and c.actor_id = $2 and c.kind = 'access' and c.actor = 'staff'
  and g.tenant_id = $1 and g.session_id = c.subject
"""
END_GRANTS = """
update sessions s set revoked_at = $3 from oauth_grants g
where s.tenant_id = $1 and s.id = g.session_id and s.revoked_at is null and g.tenant_id = $1 and g.client_id = $2
returning s.id
"""


async def insert_code(tx: Tx, digest: bytes, code: OauthCode) -> None:
    await tx.run(
        INSERT_CODE,
        digest,
        code.client,
        code.staff,
        code.redirect_uri,
        code.challenge,
        list(code.scopes),
        code.expires_at,
    )


async def code(tx: Tx, digest: bytes) -> OauthCode | None:
    row = await tx.row(CODE, digest)
    if row is None:
        return None
    session = None if row[7] is None else SessionId(row[7])
    return OauthCode(row[0], StaffId(row[1]), row[2], row[3], tuple(row[4]), row[5], row[6], session)


async def use_code(tx: Tx, digest: bytes, session: SessionId) -> bool:
    """Whether this was the one who may use it: once, and in time."""
    return await tx.run(USE_CODE, digest, tx.ctx.now, session) > 0


async def forget_codes(tx: Tx, staff: UUID) -> None:
    """What this member agreed to and nobody has redeemed."""
    await tx.run(FORGET_CODES, staff)


async def delete_old_codes(tx: Tx, before: datetime, limit: int) -> int:
    return await tx.run(DELETE_OLD_CODES, before, limit)


async def insert_grant(
    tx: Tx,
    session: SessionId,
    actor: ActorKind,
    actor_id: UUID,
    client: UUID,
    scopes: Sequence[str],
    expires_at: datetime,
) -> None:
    """The session with the grant beside it."""
    await tx.run(INSERT_GRANT, session, actor.value, actor_id, tx.ctx.now, expires_at, client, list(scopes))


async def insert_refresh(tx: Tx, digest: bytes, session: SessionId, expires_at: datetime) -> None:
    await tx.run(INSERT_REFRESH, digest, session, tx.ctx.now, expires_at)


async def grant(tx: Tx, session: SessionId, digest: bytes) -> Grant | None:
    """What a session's grant allows today; None where it has ended, or where the session is no grant."""
    row = await tx.row(GRANT, session, digest, tx.ctx.now)
    return None if row is None else Grant(row[0], row[1], frozenset(row[2]))


async def live_refresh(tx: Tx, digest: bytes) -> tuple[SessionId, datetime, datetime] | None:
    """(session, when it was issued, when it runs out) of a refresh token that has not been used."""
    row = await tx.row(LIVE_REFRESH, digest, tx.ctx.now)
    return None if row is None else (SessionId(row[0]), row[1], row[2])


async def set_scopes(tx: Tx, staff: StaffId, scopes: Sequence[str]) -> None:
    """What a member let programs do, cut down to what they may do now themselves."""
    await tx.run(SET_SCOPES, staff, list(scopes))


async def end_grants(tx: Tx, client: UUID) -> list[SessionId]:
    return [SessionId(row[0]) for row in await tx.rows(END_GRANTS, client, tx.ctx.now)]
