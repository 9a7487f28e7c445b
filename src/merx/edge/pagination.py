"""Owns the arithmetic and the links of paged lists. Bounds are the query struct's business: what arrives here is
already within them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote_plus

MAX_PAGE_SIZE = 100
MAX_OFFSET = 10_000
_SAFE = "!#$%&'()*+,/:;=?@[]~|"


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int
    total: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def pages(self) -> int:
        return -(-self.total // self.size)

    @property
    def following(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None

    @property
    def preceding(self) -> int | None:
        """The page before; from past the end, the last one there is."""
        before = min(self.number - 1, self.pages)
        return before if before >= 1 else None


def offset_of(page: int, size: int) -> int:
    return (page - 1) * size


def link(path: str, query_string: bytes, name: str, value: int) -> str:
    """The same address with `name` set to `value`, everything else as it was sent. A key in the query was taken out
    before, so it can't come back here."""
    kept = [part for part in query_string.split(b"&") if part and _name(part) != name]
    return f"{path}?{'&'.join([*map(_shown, kept), f'{quote_plus(name)}={value}'])}"


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))


def _shown(part: bytes) -> str:
    return part.decode() if part.isascii() else quote(part, safe=_SAFE)


def page_links(path: str, query_string: bytes, page: Page, name: str = "page") -> tuple[str | None, str | None]:
    """(next, previous)"""
    following, preceding = page.following, page.preceding
    return (
        None if following is None else link(path, query_string, name, following),
        None if preceding is None else link(path, query_string, name, preceding),
    )


def offset_headers(total: int, limit: int, offset: int) -> dict[str, str]:
    return {"X-Total-Count": str(total), "X-Limit": str(limit), "X-Offset": str(offset)}
