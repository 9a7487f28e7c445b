"""Pure: requests into pages and back. A page says once what its requests have in common (caller, address, path, …), and
of each request only when, how long and its id: a busy second of one key is a few bytes a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from merx.core.activity.model import MAX_PATH, Entry, Level, Page, Seen
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.ids import PLATFORM_TENANT, TenantId


class _Kind(msgspec.Struct, frozen=True, array_like=True):
    actor: ActorKind
    actor_id: UUID | None
    address: str
    method: str
    path: str
    dialect: str
    status: int


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    kinds: list[_Kind]
    requests: list[tuple[int, int, int, str]]  # (microsecond, place among the kinds, microseconds it took, id)


_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


class _Open:
    __slots__ = ("counts", "kinds", "places", "requests", "second", "tenant")

    def __init__(self, tenant: TenantId, second: int) -> None:
        self.tenant, self.second = tenant, second
        self.counts = [0, 0, 0]
        self.kinds: list[_Kind] = []
        self.places: dict[tuple[object, ...], int] = {}
        self.requests: list[tuple[int, int, int, str]] = []


def pack(seen: Sequence[Seen], clean: Callable[[str], str]) -> list[Page]:
    """The pages of these requests; `clean` takes out of a path what must not be kept. The platform's own requests
    belong to no shop and are left out."""
    pages: dict[tuple[int, int], _Open] = {}
    page: _Open | None = None
    for at, tenant, actor, actor_id, address, method, path, dialect, status, took, ident in seen:
        second = int(at)
        if page is None or tenant is not page.tenant or second != page.second:
            key = (tenant.int, second)
            page = pages.get(key)
            if page is None:
                page = pages[key] = _Open(tenant, second)
        # By the object, not its value: a caller who is remembered is the same object each time, and comparing UUIDs
        # costs more than saying one twice.
        kind = (id(actor_id), actor, address, method, path, dialect, status)
        place = page.places.get(kind)
        if place is None:
            place = page.places[kind] = len(page.kinds)
            shown = clean(path)[:MAX_PATH]
            page.kinds.append(_Kind(actor, actor_id, address, method[:20], shown, dialect, status))
        page.counts[0 if status < 400 else 1 if status < 500 else 2] += 1
        page.requests.append((int((at - second) * 1e6), place, int(took * 1e6), ident))
    return [_page(one) for one in pages.values() if one.tenant != PLATFORM_TENANT]


def _page(of: _Open) -> Page:
    entries = _encode(_Packed(of.kinds, of.requests))
    infos, warns, errors = of.counts
    return Page(of.tenant, datetime.fromtimestamp(of.second, UTC), ids.new(), infos, warns, errors, entries)


def unpack(pages: Sequence[tuple[datetime, bytes]], level: Level | None) -> list[Entry]:
    """The entries of these pages, newest first; pages of the same second stand next to one another."""
    found: list[Entry] = []
    for at in dict.fromkeys(moment for moment, _ in pages):
        packed = [_decode(raw) for moment, raw in pages if moment == at]
        requests = [(when, kind, took, ident) for page in packed for when, kind, took, ident in _of(page)]
        requests.sort(key=lambda one: (one[0], one[3]), reverse=True)
        made = (_entry(at, kind, took, ident) for _, kind, took, ident in requests)
        found += [one for one in made if level is None or one.level is level]
    return found


def _of(page: _Packed) -> list[tuple[int, _Kind, int, str]]:
    return [(when, page.kinds[place], took, ident) for when, place, took, ident in page.requests]


def _entry(at: datetime, kind: _Kind, took: int, ident: str) -> Entry:
    return Entry(
        at,
        kind.actor,
        kind.actor_id,
        kind.address,
        kind.method,
        kind.path,
        kind.dialect,
        kind.status,
        round(took / 1000, 3),
        ident,
    )
