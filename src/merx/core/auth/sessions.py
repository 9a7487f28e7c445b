"""Opening and ending sessions inside somebody else's transaction: for people here, for shoppers one floor up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from merx.core.auth import grant_store, rules, store
from merx.core.auth.model import ACCESS_LIFE, REFRESH_IDLE_LIFE, SESSION_LIFE, Tokens
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.ids import SessionId, TenantId
from merx.runtime import Runtime
from merx.vault import Vault


async def open_session(rt: Runtime, tx: Tx, actor: ActorKind, actor_id: UUID, scopes: Iterable[str]) -> Tokens:
    """A new session with its first tokens. What it may do is kept beside it and is asked at each request."""
    now, session = tx.ctx.now, SessionId(ids.new())
    ends = now + SESSION_LIFE
    refresh = rules.first_refresh(tx.ctx.tenant)
    await store.insert_session(tx, session, actor, actor_id, ends, rt.vault.digest(refresh), now + REFRESH_IDLE_LIFE)
    digest = session_digest(rt, session)
    await store.insert_credential(tx, digest, "session", session, actor, actor_id, sorted(scopes), ends)
    return tokens(rt, tx.ctx.tenant, actor_id, session, refresh, now)


def tokens(rt: Runtime, tenant: TenantId, actor_id: UUID, session: SessionId, refresh: str, now: datetime) -> Tokens:
    access = rules.make_access(rt.vault.key("jwt"), rt.settings.public_url, tenant, actor_id, session, now)
    return Tokens(access, refresh, int(ACCESS_LIFE.total_seconds()), session)


class Rotated(msgspec.Struct, frozen=True):
    """What became of a refresh token. `session` is None where nothing came of it; `reused`: it had been used before and
    somebody had gone on from there, so two parties held it and its session has ended."""

    session: SessionId | None
    actor_id: UUID
    reused: bool = False


_UNKNOWN = Rotated(None, UUID(int=0))


async def rotate(rt: Runtime, tx: Tx, digest: bytes, successor: bytes) -> Rotated:
    """Puts `successor` in the place of a refresh token, once; for ten seconds more the same one again."""
    fresh = await store.rotate(tx, digest, successor, tx.ctx.now + REFRESH_IDLE_LIFE)
    if fresh is not None:
        return Rotated(fresh[0], fresh[2])
    known = await store.refresh_token(tx, digest)
    if known is None:
        return _UNKNOWN
    if known.repeatable(tx.ctx.now):
        return Rotated(known.session, known.actor_id)
    if known.used_at is not None and known.session_live:
        await end(rt, tx, known.session)
        return Rotated(None, known.actor_id, reused=True)
    return _UNKNOWN


async def end(rt: Runtime, tx: Tx, session: SessionId) -> None:
    """Its access tokens, refresh tokens and cookies are worth nothing from the commit on."""
    await store.end_session(tx, session)
    await store.delete_session_credentials(tx, [session])


async def end_all(rt: Runtime, tx: Tx, actor_id: UUID, but: SessionId | None = None) -> None:
    """Every session of one person or shopper in this tenant, but perhaps the one that asks; and what a person has just
    let a program have, before it turns into a session of its own."""
    await grant_store.forget_codes(tx, actor_id)
    ended = await store.end_sessions_of(tx, actor_id, but)
    await store.delete_session_credentials(tx, ended)


def session_digest(rt: Runtime, session: SessionId) -> bytes:
    return _session_digest(rt.vault, session)


@lru_cache(2048)
def _session_digest(vault: Vault, session: SessionId) -> bytes:
    return vault.digest(f"session/{session}")
