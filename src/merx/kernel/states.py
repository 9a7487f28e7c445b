"""State machines as data: a table of who may follow whom. No callbacks, no hooks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Table = Mapping[State, frozenset[State]]


def sources(table: Mapping[State, frozenset[State]], target: State) -> list[str]:
    """The states from which `target` may be entered: what the WHERE clause of a compare-and-set needs."""
    return [state.value for state, following in table.items() if target in following]


def unreachable(table: Mapping[State, frozenset[State]], start: State) -> set[State]:
    seen, todo = {start}, [start]
    while todo:
        for state in table[todo.pop()] - seen:
            seen.add(state)
            todo.append(state)
    return set(table) - seen
