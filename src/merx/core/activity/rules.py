"""Pure: requests into pages and back. A page says once what its requests have in common (caller, address, path, …), and
of each request only when, how long and its number: a busy second of one key is a few bytes a request."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.core.activity.model import Entry, Kind, Level, Page, Strip
from merx.kernel import ids
from merx.kernel.ids import PLATFORM_TENANT, TenantId

_Request = tuple[float, Kind, float, str]
"""(its order within the second, kind, milliseconds it took, id)"""


class _Group(msgspec.Struct, frozen=True, array_like=True):
    kind: Kind
    at: bytes  # 64-bit floats, epoch seconds; these three little-endian, one entry a request
    took: bytes  # 32-bit floats, seconds
    numbers: bytes  # unsigned 64-bit integers


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    birth: str
    groups: list[_Group]


class _Rows(msgspec.Struct, frozen=True, array_like=True):
    """How pages were written at first."""

    kinds: list[Kind]
    requests: list[tuple[int, int, int, str]]  # (microsecond, place among the kinds, microseconds it took, id)


_ERASED = UUID(int=0)
_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_columns = msgspec.msgpack.Decoder(_Columns).decode
_rows = msgspec.msgpack.Decoder(_Rows).decode


class _Open:
    __slots__ = ("counts", "groups", "second", "tenant")

    def __init__(self, tenant: TenantId, second: int) -> None:
        self.tenant, self.second = tenant, second
        self.counts = [0, 0, 0]
        self.groups: list[_Group] = []


def pack(strips: Iterable[Strip], birth: str) -> list[Page]:
    """The pages of these requests of one process; the strips are empty afterwards. The platform's own requests belong
    to no shop and are left out."""
    pages: dict[tuple[int, int], _Open] = {}
    for strip in strips:
        at, took, numbers = strip.at, strip.took, strip.numbers
        strip.empty()
        for second, run in _runs(at):
            key = (strip.tenant.int, second)
            page = pages.get(key)
            if page is None:
                page = pages[key] = _Open(strip.tenant, second)
            status = strip.kind.status
            page.counts[0 if status < 400 else 1 if status < 500 else 2] += run.stop - run.start
            page.groups.append(_Group(strip.kind, _bytes(at[run]), _bytes(took[run]), _bytes(numbers[run])))
    return [_page(one, birth) for one in pages.values() if one.tenant != PLATFORM_TENANT]


def _runs(at: Sequence[float]) -> Iterator[tuple[int, slice]]:
    """Where the seconds begin and end."""
    start = 0
    while start < len(at):
        second = int(at[start])
        end = bisect_left(at, second + 1, start + 1)
        yield second, slice(start, end)
        start = end


def _page(of: _Open, birth: str) -> Page:
    infos, warns, errors = of.counts
    entries = _encode(_Columns(birth, of.groups))
    return Page(of.tenant, datetime.fromtimestamp(of.second, UTC), ids.new(), infos, warns, errors, entries)


def _bytes(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _values(code: str, raw: bytes) -> array[Any]:
    column: array[Any] = array(code, raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def unpack(pages: Sequence[tuple[datetime, bytes]], level: Level | None) -> list[Entry]:
    """The entries of these pages, newest first; pages of the same second stand next to one another."""
    found: list[Entry] = []
    for at in dict.fromkeys(moment for moment, _ in pages):
        requests = [request for moment, raw in pages if moment == at for request in _requests(raw)]
        requests.sort(key=lambda one: (one[0], one[3]), reverse=True)
        found += [
            Entry(at, kind, round(took, 3), ident)
            for _, kind, took, ident in requests
            if level is None or kind.level is level
        ]
    return found


def _requests(raw: bytes) -> Iterator[_Request]:
    try:
        page = _columns(raw)
    except msgspec.ValidationError:
        yield from _of_rows(_rows(raw))
        return
    for group in page.groups:
        kind = _told(group.kind)
        columns = _values("d", group.at), _values("f", group.took), _values("Q", group.numbers)
        for moment, took, number in zip(*columns, strict=True):
            yield moment, kind, took * 1000, f"{page.birth}-{number:x}"


def _of_rows(page: _Rows) -> Iterator[_Request]:
    for microsecond, place, took, ident in page.requests:
        yield microsecond / 1e6, _told(page.kinds[place]), took / 1000, ident


def _told(kind: Kind) -> Kind:
    """Of a caller who was erased the page says neither who it was nor from where, in as many letters as it had."""
    return msgspec.structs.replace(kind, actor_id=None, address="") if kind.actor_id == _ERASED else kind
