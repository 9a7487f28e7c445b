"""The category tree in memory: finds what products name, makes what is missing, keeps it a tree. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from merx.core.catalog import words
from merx.core.catalog.model import MAX_DEPTH, MAX_NAME, Branch, Category, CategoryKey, CategoryRef
from merx.core.catalog.rules import text
from merx.kernel import ids
from merx.kernel.errors import Invalid
from merx.kernel.ids import CategoryId

PATH = ">"


class Tree:
    """All categories of a tenant. `made` are those that `resolve` added and somebody has to write; their numbers begin
    with `first`."""

    def __init__(self, categories: Iterable[Category], now: datetime, first: int = 1) -> None:
        self._now, self._first = now, first
        self.made: list[Category] = []
        self._by_id: dict[UUID, Category] = {}
        self._by_number: dict[int, Category] = {}
        self._by_slug: dict[str, Category] = {}
        self._by_name: dict[str, list[Category]] = {}
        for category in sorted(categories, key=lambda one: one.number):
            self._know(category)

    def _know(self, category: Category) -> None:
        self._by_id[category.id] = category
        self._by_number[category.number] = category
        self._by_slug[category.slug] = category
        self._by_name.setdefault(words.fold(category.name), []).append(category)

    def find(self, key: CategoryKey) -> Category | None:
        """By id, number, slug or name (the first of that name), or a path of names."""
        if isinstance(key, UUID):
            return self._by_id.get(key)
        if isinstance(key, int):
            return self._by_number.get(key)
        found: Category | None = None
        for at, name in enumerate(_path(key)):
            found = self._named(name, found, at == 0)
            if found is None:
                return None
        return found

    def resolve(self, key: CategoryKey, field: str = "categories") -> Category:
        """The same, made where it is named and not there yet; raises Invalid for an unknown id or number."""
        if not isinstance(key, str):
            if (known := self.find(key)) is None:
                raise Invalid("There is no such category.", field=field)
            return known
        parts = _path(key)
        if not parts or len(parts) > MAX_DEPTH:
            raise Invalid(f"A category has a name, and at most {MAX_DEPTH - 1} above it.", field=field)
        found: Category | None = None
        for at, name in enumerate(parts):
            found = self._named(name, found, at == 0) or self.make(name, found, field=field)
        assert found is not None
        return found

    def _named(self, name: str, parent: Category | None, first: bool) -> Category | None:
        folded = words.fold(name)
        if not first:
            return next((one for one in self._by_name.get(folded, ()) if parent and one.parent_id == parent.id), None)
        if (by_slug := self._by_slug.get(name)) is not None:
            return by_slug
        if (same := self._by_name.get(folded)) is not None:
            return min(same, key=lambda one: (one.parent_id is not None, one.number))
        return self._by_number.get(int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else None

    def make(
        self,
        name: str,
        parent: Category | None,
        slug: str | None = None,
        description: str = "",
        position: int = 0,
        field: str = "name",
    ) -> Category:
        name = text(name, field, MAX_NAME, 1)
        self._check_depth(parent, field)
        category = Category(
            id=CategoryId(ids.new()),
            number=self._first + len(self.made),
            parent_id=parent.id if parent else None,
            name=name,
            slug=slug or words.numbered(words.slugify(name, "category"), self._by_slug),
            description=description,
            position=position,
            created_at=self._now,
        )
        self._know(category)
        self.made.append(category)
        return category

    def take_made(self) -> list[Category]:
        """What was made since the last time."""
        made, self.made = self.made, []
        self._first += len(made)
        return made

    def takes_slug(self, slug: str, itself: Category | None = None) -> bool:
        holder = self._by_slug.get(slug)
        return holder is None or (itself is not None and holder.id == itself.id)

    def moved(self, category: Category, parent: Category | None) -> Category:
        """Under another parent; raises Invalid where that is itself or below it."""
        if parent is not None and any(one.id == category.id for one in self._upwards(parent)):
            raise Invalid("A category can't be put below itself.", field="parent")
        self._check_depth(parent, "parent")
        return replace(category, parent_id=parent.id if parent else None)

    def _upwards(self, category: Category | None) -> Iterator[Category]:
        while category is not None:
            yield category
            category = self._by_id.get(category.parent_id) if category.parent_id else None

    def with_those_above(self, categories: Iterable[CategoryRef]) -> list[Category]:
        """These and all that they lie below, each once, parents before their children."""
        found: dict[UUID, Category] = {}
        for ref in categories:
            for one in reversed(list(self._upwards(self._by_id.get(ref.id)))):
                found.setdefault(one.id, one)
        return list(found.values())

    def branch(self, categories: Iterable[CategoryRef], among: Collection[str]) -> str | None:
        """Which of `among` the first of these categories is, or lies below: a slug, or a name in any case."""
        for ref in categories:
            for one in self._upwards(self._by_id.get(ref.id)):
                if (found := next((word for word in among if _called(one, word)), None)) is not None:
                    return found
        return None

    def rebranched(self, before: Sequence[CategoryRef], branch: Branch) -> tuple[CategoryKey, ...]:
        """What the categories become; they stay where they are in that branch already, and outside of all of them."""
        if self.branch(before, branch.among) == branch.name:
            return tuple(one.id for one in before)
        kept = tuple(one.id for one in before if self.branch([one], branch.among) is None)
        if branch.name is None:
            return kept
        known = self.find(branch.name)
        return (branch.name.capitalize() if known is None else known.id, *kept)

    def _check_depth(self, parent: Category | None, field: str) -> None:
        if sum(1 for _ in self._upwards(parent)) >= MAX_DEPTH:
            raise Invalid(f"Categories are at most {MAX_DEPTH} deep.", field=field)


def ordered(categories: Iterable[Category]) -> tuple[Category, ...]:
    """Parents before their children, siblings by position and name."""
    children: dict[UUID | None, list[Category]] = {}
    for category in categories:
        children.setdefault(category.parent_id, []).append(category)
    for siblings in children.values():
        siblings.sort(key=lambda one: (one.position, words.fold(one.name), one.number))
    found: list[Category] = []
    todo = list(reversed(children.get(None, [])))
    while todo:
        category = todo.pop()
        found.append(category)
        todo.extend(reversed(children.get(category.id, [])))
    return tuple(found)


def _called(category: Category, word: str) -> bool:
    """As the database compares them, where it lists a branch; `word` is a slug."""
    return category.slug == word or category.name.lower() == word


def _path(key: str) -> list[str]:
    return [part for part in (part.strip() for part in key.split(PATH)) if part]
