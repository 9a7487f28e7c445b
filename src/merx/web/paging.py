"""Where a list's page stands, and the addresses of its neighbours. They keep the filters of this page's address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from merx.edge.errors import HttpError
from merx.web.pages import PageRequest, address

SIZE = 25
DEEPEST = 10_000
"""Rows past this are found by filters, not by turning pages."""


@dataclass(frozen=True, slots=True)
class Paging:
    number: int
    size: int
    total: int
    previous: str | None
    next: str | None
    more: bool  # `total` is where counting stopped

    @property
    def first(self) -> int:
        return min(self.total, (self.number - 1) * self.size + 1)

    @property
    def last(self) -> int:
        return min(self.total, self.number * self.size)


def asked(request: PageRequest, size: int = SIZE) -> tuple[int, int]:
    """(page, offset) that the address asks for."""
    text = request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if number < 1 or (number - 1) * size > DEEPEST:
        raise HttpError(404, "not_found", "There is no such page of this list.")
    return number, (number - 1) * size


def paging(request: PageRequest, number: int, total: int, size: int = SIZE, *, more: bool = False) -> Paging:
    """`total` may be where counting stopped (`more`)."""

    def at(page: int) -> str:
        changes: dict[str, Any] = {"page": None if page == 1 else page}
        return address(request, **changes)

    following = number * size < total and number * size <= DEEPEST
    return Paging(
        number, size, total, at(number - 1) if number > 1 else None, at(number + 1) if following else None, more
    )
