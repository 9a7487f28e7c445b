"""Writes staff, members, credentials, api_keys, sessions, refresh_tokens and oauth_clients. `staff` and `credentials`
have no row-level security: they are looked up before the tenant is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from merx.core.auth.model import ApiKey, Credential, KeyType, Member, OauthClient, RefreshToken, Role, Staff
from merx.core.tenants.model import Plan
from merx.db.database import Database, Tx
from merx.kernel.context import ActorKind
from merx.kernel.ids import KeyId, SessionId, StaffId, TenantId

TABLES = ("staff", "members", "credentials", "api_keys", "sessions", "refresh_tokens", "oauth_clients")

# ── Credentials ──────────────────────────────────────────────────────────────────────────────────────────────────────
_CREDENTIALS = """
select c.hash, c.tenant_id, t.slug, t.plan, t.requests_per_minute, c.kind, c.subject, c.actor, c.actor_id, c.scopes,
  c.expires_at
from credentials c join tenants t on t.id = c.tenant_id and t.active
"""
CREDENTIAL = f"{_CREDENTIALS} where c.hash = $1"
CREDENTIALS = f"{_CREDENTIALS} where c.hash = any($1::bytea[])"
INSERT_CREDENTIAL = """
insert into credentials (tenant_id, hash, kind, subject, actor, actor_id, scopes, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
DELETE_SESSION_CREDENTIALS = """
delete from credentials where tenant_id = $1 and kind in ('session', 'access') and subject = any($2::uuid[])
"""
DELETE_CREDENTIALS_OF = "delete from credentials where tenant_id = $1 and actor_id = $2"
SET_SESSION_SCOPES = """
update credentials set scopes = $3 where tenant_id = $1 and actor_id = $2 and kind = 'session' and actor = 'staff'
"""
DELETE_EXPIRED_CREDENTIALS = """
delete from credentials where tenant_id = $1 and hash in
  (select hash from credentials where tenant_id = $1 and expires_at <= $2 limit $3)
"""

# ── Sessions and refresh tokens ──────────────────────────────────────────────────────────────────────────────────────
INSERT_SESSION = """
with opened as (
  insert into sessions (tenant_id, id, actor, actor_id, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)
  returning id)
insert into refresh_tokens (tenant_id, hash, session_id, issued_at, expires_at)
select $1, $7, o.id, $5, $8 from opened o returning 1
"""
ROTATE = """
with live as (
  select s.id, s.actor, s.actor_id, s.expires_at
  from refresh_tokens r join sessions s on s.tenant_id = $1 and s.id = r.session_id
  where r.tenant_id = $1 and r.hash = $2 and s.revoked_at is null and s.expires_at > $4),
spent as (
  update refresh_tokens r set used_at = $4, successor = $3 from live l
  where r.tenant_id = $1 and r.hash = $2 and r.used_at is null and r.expires_at > $4
  returning r.session_id),
fresh as (
  insert into refresh_tokens (tenant_id, hash, session_id, issued_at, expires_at)
  select $1, $3, l.id, $4, least($5, l.expires_at) from live l join spent p on p.session_id = l.id
  returning session_id)
select l.id, l.actor, l.actor_id from live l join fresh f on f.session_id = l.id
"""
REFRESH_STATE = """
select s.id, s.actor, s.actor_id, r.used_at, n.hash is not null and n.used_at is null,
  s.revoked_at is null and s.expires_at > $3
from refresh_tokens r
join sessions s on s.tenant_id = $1 and s.id = r.session_id
left join refresh_tokens n on n.tenant_id = $1 and n.hash = r.successor
where r.tenant_id = $1 and r.hash = $2
"""
LOCK_SESSION = "select 1 from sessions where tenant_id = $1 and id = $2 and revoked_at is null for no key update"
END_SESSION = "update sessions set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null"
END_SESSIONS_OF = """
update sessions set revoked_at = $3 where tenant_id = $1 and actor_id = $2 and revoked_at is null
  and id is distinct from $4
returning id
"""
DELETE_OLD_SESSIONS = """
delete from sessions where tenant_id = $1 and id in
  (select id from sessions where tenant_id = $1 and (expires_at <= $2 or revoked_at <= $3) limit $4)
"""

# ── People and memberships ───────────────────────────────────────────────────────────────────────────────────────────
_STAFF = "id, email, first_name, last_name, active, created_at"
_STAFF_MEMBER = "s.id, s.email, s.first_name, s.last_name, s.active, s.created_at"
_MEMBER = f"{_STAFF_MEMBER}, m.number, m.role, m.permissions, m.created_at"
INSERT_STAFF = f"""
insert into staff (id, email, password_hash, first_name, last_name, created_at) values ($1, $2, $3, $4, $5, $6)
on conflict (email) do nothing returning {_STAFF}
"""
STAFF_BY_EMAIL = f"select {_STAFF}, password_hash from staff where email = $1"
STAFF_BY_ID = f"select {_STAFF}, password_hash from staff where id = $1"
SET_STAFF_PASSWORD = "update staff set password_hash = $2 where id = $1"  # noqa: S105
TENANTS_OF = "select tenant_id, number, role, permissions from tenants_of($1)"
INSERT_MEMBER = """
insert into members (tenant_id, staff_id, number, role, permissions, created_at) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, staff_id) do nothing
returning number, role, permissions, created_at
"""
MEMBER = f"""
select {_MEMBER} from members m join staff s on s.id = m.staff_id where m.tenant_id = $1 and m.staff_id = $2
"""
LOCK_MEMBER = f"""
select {_MEMBER}, s.password_hash from members m join staff s on s.id = m.staff_id
where m.tenant_id = $1 and m.staff_id = $2 for no key update
"""
MEMBER_BY_NUMBER = f"""
select {_MEMBER} from members m join staff s on s.id = m.staff_id where m.tenant_id = $1 and m.number = $2
"""
MEMBERS = f"""
select {_MEMBER} from members m join staff s on s.id = m.staff_id where m.tenant_id = $1
order by m.number limit $2 offset $3
"""
NAMES = """
select s.id, coalesce(nullif(trim(s.first_name || ' ' || s.last_name), ''), s.email)
from members m join staff s on s.id = m.staff_id where m.tenant_id = $1 and m.staff_id = any($2::uuid[])
union all
select k.id, k.name from api_keys k where k.tenant_id = $1 and k.id = any($2::uuid[])
"""
COUNT_MEMBERS = "select count(*) from members where tenant_id = $1"
LOCK_MEMBERSHIP = "select role, permissions from members where tenant_id = $1 and staff_id = $2 for no key update"
LOCK_OWNERS = """
select staff_id from members where tenant_id = $1 and role = 'owner' order by staff_id for no key update
"""
SET_ROLE = "update members set role = $3, permissions = $4 where tenant_id = $1 and staff_id = $2"
DELETE_MEMBER = "delete from members where tenant_id = $1 and staff_id = $2"

# ── API keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────
_KEY = "id, name, prefix, type, scopes, created_at, expires_at, last_used_at, revoked_at"
INSERT_KEY = f"""
insert into api_keys (tenant_id, id, name, prefix, type, scopes, created_by, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning {_KEY}
"""
KEY = f"select {_KEY} from api_keys where tenant_id = $1 and id = $2"
KEYS = f"select {_KEY} from api_keys where tenant_id = $1 and revoked_at is null order by created_at desc, id desc limit $2 offset $3"
COUNT_KEYS = "select count(*) from api_keys where tenant_id = $1 and revoked_at is null"
REVOKE_KEY = "update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null"
NOTE_KEY_USE = """
update api_keys k set last_used_at = u.used_at from unnest($2::uuid[], $3::timestamptz[]) as u (id, used_at)
where k.tenant_id = $1 and k.id = u.id and (k.last_used_at is null or k.last_used_at < u.used_at - interval '1 minute')
"""

# ── OAuth clients ────────────────────────────────────────────────────────────────────────────────────────────────────
_CLIENT = "id, name, redirect_uris, grant_types, scopes, created_at, secret_hash is null"
INSERT_CLIENT = f"""
insert into oauth_clients (tenant_id, id, name, redirect_uris, grant_types, scopes, secret_hash, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) returning {_CLIENT}
"""
CLIENT = f"select {_CLIENT} from oauth_clients where tenant_id = $1 and id = $2 and revoked_at is null"
CLIENT_WITH_SECRET = f"""
select {_CLIENT}, secret_hash from oauth_clients where tenant_id = $1 and id = $2 and revoked_at is null
"""
CLIENTS = f"""
select {_CLIENT} from oauth_clients where tenant_id = $1 and revoked_at is null order by created_at desc, id desc limit $2 offset $3
"""
COUNT_CLIENTS = "select count(*) from oauth_clients where tenant_id = $1 and revoked_at is null"
UPDATE_CLIENT = f"""
update oauth_clients set name = $3, redirect_uris = $4, grant_types = $5, scopes = $6
where tenant_id = $1 and id = $2 and revoked_at is null returning {_CLIENT}
"""
SET_CLIENT_SECRET = f"""
update oauth_clients set secret_hash = $3 where tenant_id = $1 and id = $2 and revoked_at is null returning {_CLIENT}
"""
REVOKE_CLIENT = "update oauth_clients set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null"


async def credential(db: Database, digest: bytes) -> Credential | None:
    row = await db.lookup(CREDENTIAL, digest)
    return None if row is None else _credential(row)


async def credentials(db: Database, digests: Sequence[bytes]) -> dict[bytes, Credential]:
    return {row[0]: _credential(row) for row in await db.lookups(CREDENTIALS, list(digests))}


async def insert_credential(
    tx: Tx,
    digest: bytes,
    kind: str,
    subject: UUID,
    actor: ActorKind,
    actor_id: UUID,
    scopes: Sequence[str],
    expires_at: datetime | None,
) -> None:
    await tx.run(INSERT_CREDENTIAL, digest, kind, subject, actor.value, actor_id, list(scopes), expires_at, tx.ctx.now)


async def delete_session_credentials(tx: Tx, ended: Sequence[SessionId]) -> None:
    """What their tokens and their browsers' cookies are known by."""
    await tx.run(DELETE_SESSION_CREDENTIALS, list(ended))


async def delete_credentials_of(tx: Tx, actor_id: UUID) -> None:
    """Every key, session and token of one key, person or client in this tenant."""
    await tx.run(DELETE_CREDENTIALS_OF, actor_id)


async def set_session_scopes(tx: Tx, staff: StaffId, scopes: Sequence[str]) -> None:
    await tx.run(SET_SESSION_SCOPES, staff, list(scopes))


async def delete_expired_credentials(tx: Tx, limit: int) -> int:
    return await tx.run(DELETE_EXPIRED_CREDENTIALS, tx.ctx.now, limit)


async def insert_session(
    tx: Tx,
    session: SessionId,
    actor: ActorKind,
    actor_id: UUID,
    expires_at: datetime,
    refresh_digest: bytes,
    refresh_expires_at: datetime,
) -> None:
    """The session with its first refresh token."""
    await tx.rows(
        INSERT_SESSION, session, actor.value, actor_id, tx.ctx.now, expires_at, refresh_digest, refresh_expires_at
    )


async def rotate(
    tx: Tx, digest: bytes, successor: bytes, expires_at: datetime
) -> tuple[SessionId, ActorKind, UUID] | None:
    """Spends a refresh token and puts its successor in its place, once; None where it was spent, ran out or is
    unknown."""
    row = await tx.row(ROTATE, digest, successor, tx.ctx.now, expires_at)
    return None if row is None else (SessionId(row[0]), ActorKind(row[1]), row[2])


async def refresh_token(tx: Tx, digest: bytes) -> RefreshToken | None:
    row = await tx.row(REFRESH_STATE, digest, tx.ctx.now)
    return None if row is None else RefreshToken(SessionId(row[0]), ActorKind(row[1]), row[2], row[3], row[4], row[5])


async def lock_session(tx: Tx, session: SessionId) -> bool:
    """Whether it still stands; nobody ends it before this transaction has."""
    return await tx.row(LOCK_SESSION, session) is not None


async def end_session(tx: Tx, session: SessionId) -> bool:
    return await tx.run(END_SESSION, session, tx.ctx.now) > 0


async def end_sessions_of(tx: Tx, actor_id: UUID, but: SessionId | None = None) -> list[SessionId]:
    return [SessionId(row[0]) for row in await tx.rows(END_SESSIONS_OF, actor_id, tx.ctx.now, but)]


async def delete_old_sessions(tx: Tx, revoked_before: datetime, limit: int) -> int:
    """Their refresh tokens go with them."""
    return await tx.run(DELETE_OLD_SESSIONS, tx.ctx.now, revoked_before, limit)


async def insert_staff(
    tx: Tx, staff: StaffId, email: str, password_hash: str, first_name: str, last_name: str
) -> Staff | None:
    """None where the e-mail belongs to somebody already."""
    row = await tx.platform.row(INSERT_STAFF, staff, email, password_hash, first_name, last_name, tx.ctx.now)
    return None if row is None else _staff(row)


async def staff_by_email(db: Database, email: str) -> tuple[Staff, str] | None:
    """The person and their password's hash."""
    row = await db.lookup(STAFF_BY_EMAIL, email)
    return None if row is None else (_staff(row), row[6])


async def staff_by_id(db: Database, staff: StaffId) -> tuple[Staff, str] | None:
    row = await db.lookup(STAFF_BY_ID, staff)
    return None if row is None else (_staff(row), row[6])


async def set_staff_password(tx: Tx, staff: StaffId, password_hash: str) -> None:
    await tx.platform.run(SET_STAFF_PASSWORD, staff, password_hash)


async def tenants_of(db: Database, staff: StaffId) -> list[tuple[TenantId, int, Role, tuple[str, ...]]]:
    """(tenant, number there, role, permissions), the oldest membership first."""
    return [(TenantId(r[0]), r[1], Role(r[2]), tuple(r[3])) for r in await db.lookups(TENANTS_OF, staff)]


async def insert_member(
    tx: Tx, staff: Staff, number: int, role: Role, permissions: Sequence[str] = ()
) -> Member | None:
    """None where they are one already."""
    row = await tx.row(INSERT_MEMBER, staff.id, number, role.value, list(permissions), tx.ctx.now)
    return None if row is None else Member(staff, row[0], Role(row[1]), tuple(row[2]), row[3])


async def member(tx: Tx, staff: StaffId) -> Member | None:
    row = await tx.row(MEMBER, staff)
    return None if row is None else _member(row)


async def lock_member(tx: Tx, staff: StaffId) -> tuple[Member, str] | None:
    """The member and their password's hash, held until the transaction ends: whoever opens a session for them comes
    before or after a new password, another role or their leaving, never between."""
    row = await tx.row(LOCK_MEMBER, staff)
    return None if row is None else (_member(row), row[10])


async def member_by_number(tx: Tx, number: int) -> Member | None:
    row = await tx.row(MEMBER_BY_NUMBER, number)
    return None if row is None else _member(row)


async def members(tx: Tx, limit: int, offset: int) -> list[Member]:
    return [_member(row) for row in await tx.rows(MEMBERS, limit, offset)]


async def count_members(tx: Tx) -> int:
    return _count(await tx.row(COUNT_MEMBERS))


async def names(tx: Tx, actors: Sequence[UUID]) -> dict[UUID, str]:
    """What people call the members and keys among these."""
    return {row[0]: row[1] for row in await tx.rows(NAMES, list(actors))}


async def lock_membership(tx: Tx, staff: StaffId) -> tuple[Role, tuple[str, ...]] | None:
    row = await tx.row(LOCK_MEMBERSHIP, staff)
    return None if row is None else (Role(row[0]), tuple(row[1]))


async def lock_owners(tx: Tx) -> list[StaffId]:
    return [StaffId(row[0]) for row in await tx.rows(LOCK_OWNERS)]


async def set_role(tx: Tx, staff: StaffId, role: Role, permissions: Sequence[str]) -> None:
    await tx.run(SET_ROLE, staff, role.value, list(permissions))


async def delete_member(tx: Tx, staff: StaffId) -> bool:
    return await tx.run(DELETE_MEMBER, staff) > 0


async def insert_key(
    tx: Tx,
    key: KeyId,
    name: str,
    prefix: str,
    type_: KeyType,
    scopes: Sequence[str],
    created_by: UUID | None,
    expires_at: datetime | None,
) -> ApiKey:
    row = await tx.row(INSERT_KEY, key, name, prefix, type_.value, list(scopes), created_by, tx.ctx.now, expires_at)
    return _key(row)


async def key(tx: Tx, key_id: KeyId) -> ApiKey | None:
    row = await tx.row(KEY, key_id)
    return None if row is None else _key(row)


async def keys(tx: Tx, limit: int, offset: int) -> list[ApiKey]:
    """Those not revoked, newest first."""
    return [_key(row) for row in await tx.rows(KEYS, limit, offset)]


async def count_keys(tx: Tx) -> int:
    return _count(await tx.row(COUNT_KEYS))


async def revoke_key(tx: Tx, key_id: KeyId) -> bool:
    return await tx.run(REVOKE_KEY, key_id, tx.ctx.now) > 0


async def note_key_use(tx: Tx, used: Sequence[tuple[KeyId, datetime]]) -> None:
    await tx.run(NOTE_KEY_USE, [key_id for key_id, _ in used], [at for _, at in used])


async def insert_client(tx: Tx, client: OauthClient, secret_digest: bytes | None) -> OauthClient:
    row = await tx.row(
        INSERT_CLIENT,
        client.id,
        client.name,
        list(client.redirect_uris),
        list(client.grant_types),
        list(client.scopes),
        secret_digest,
        client.created_at,
    )
    return _client(row)


async def client(tx: Tx, client_id: UUID) -> OauthClient | None:
    row = await tx.row(CLIENT, client_id)
    return None if row is None else _client(row)


async def client_with_secret(tx: Tx, client_id: UUID) -> tuple[OauthClient, bytes | None] | None:
    """The client and its secret's digest; a public one has none."""
    row = await tx.row(CLIENT_WITH_SECRET, client_id)
    return None if row is None else (_client(row), row[7])


async def clients(tx: Tx, limit: int, offset: int) -> list[OauthClient]:
    return [_client(row) for row in await tx.rows(CLIENTS, limit, offset)]


async def count_clients(tx: Tx) -> int:
    return _count(await tx.row(COUNT_CLIENTS))


async def update_client(tx: Tx, client: OauthClient) -> OauthClient | None:
    row = await tx.row(
        UPDATE_CLIENT,
        client.id,
        client.name,
        list(client.redirect_uris),
        list(client.grant_types),
        list(client.scopes),
    )
    return None if row is None else _client(row)


async def set_client_secret(tx: Tx, client_id: UUID, secret_digest: bytes) -> OauthClient | None:
    row = await tx.row(SET_CLIENT_SECRET, client_id, secret_digest)
    return None if row is None else _client(row)


async def revoke_client(tx: Tx, client_id: UUID) -> bool:
    return await tx.run(REVOKE_CLIENT, client_id, tx.ctx.now) > 0


def _credential(row: Any) -> Credential:
    return Credential(
        TenantId(row[1]),
        row[2],
        Plan(row[3]),
        row[4],
        row[5],
        row[6],
        ActorKind(row[7]),
        row[8],
        frozenset(row[9]),
        row[10],
    )


def _staff(row: Any) -> Staff:
    return Staff(StaffId(row[0]), row[1], row[2], row[3], row[4], row[5])


def _member(row: Any) -> Member:
    return Member(_staff(row), row[6], Role(row[7]), tuple(row[8]), row[9])


def _key(row: Any) -> ApiKey:
    return ApiKey(KeyId(row[0]), row[1], row[2], KeyType(row[3]), tuple(row[4]), row[5], row[6], row[7], row[8])


def _client(row: Any) -> OauthClient:
    return OauthClient(row[0], row[1], tuple(row[2]), tuple(row[3]), tuple(row[4]), row[5], row[6])


def _count(row: Any) -> int:
    return int(row[0]) if row else 0
