"""Owns parts of answers that are kept as they were encoded, by the very object they were made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from merx.edge.app import encode

T = TypeVar("T")


class Fragments(Generic[T]):
    """`make` gives a value's wire struct; it may use what else it is given, and nothing else that changes. The object
    is kept with its part, so that its identity means it and no other."""

    def __init__(self, make: Callable[[T, str], Any], most: int = 1024) -> None:
        self._make, self._most = make, most
        self._kept: dict[int, tuple[T, str, msgspec.Raw]] = {}

    def of(self, value: T, base: str) -> Any:
        """The part, ready to stand in an answer."""
        kept = self._kept.get(id(value))
        if kept is not None and kept[0] is value and kept[1] == base:
            return kept[2]
        if len(self._kept) >= self._most:
            self._kept.clear()
        part = msgspec.Raw(encode(self._make(value, base)))
        self._kept[id(value)] = (value, base, part)
        return part
