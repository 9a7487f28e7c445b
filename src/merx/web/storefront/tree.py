"""The categories as pages show them: top ones with their children, and the way down to one."""

from __future__ import annotations

from collections.abc import Sequence

from merx.core.catalog.model import Category
from merx.kernel.ids import CategoryId


class Tree:
    def __init__(self, categories: Sequence[Category]) -> None:
        self._by_slug = {one.slug: one for one in categories}
        self._by_id = {one.id: one for one in categories}
        self._below: dict[CategoryId | None, list[Category]] = {}
        for one in categories:
            self._below.setdefault(one.parent_id, []).append(one)

    @property
    def all(self) -> list[Category]:
        return list(self._by_id.values())

    @property
    def top(self) -> list[Category]:
        return self._below.get(None, [])

    def ways_in(self, most: int) -> list[Category]:
        """What the front page offers: the top categories or, where these are few, what is right below them."""
        below = [child for one in self.top for child in self.below(one)]
        return (self.top if len(self.top) >= 4 or len(below) < 4 else below)[:most]

    def below(self, category: Category) -> list[Category]:
        return self._below.get(category.id, [])

    def find(self, slug: str) -> Category | None:
        return self._by_slug.get(slug)

    def way(self, category: Category) -> list[Category]:
        """From the top category down to this one."""
        found = [category]
        while (parent := found[0].parent_id) is not None and parent in self._by_id and len(found) < 20:
            found.insert(0, self._by_id[parent])
        return found

    def matching(self, words: str, most: int) -> list[Category]:
        """Categories whose name holds what was typed."""
        typed = words.strip().lower()
        return [one for one in self._by_id.values() if typed and typed in one.name.lower()][:most]
