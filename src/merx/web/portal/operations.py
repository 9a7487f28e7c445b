"""A dialect's OpenAPI 3.1 document, read for people: operations in groups, their fields as rows, and an example body
made from the schema. It is the very document that the dialect serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from merx.core.tenants.model import PLAN_LIMITS
from merx.edge.app import Dialect, Quota, dialect_app
from merx.edge.openapi import Document
from merx.web.portal import examples
from merx.web.portal.prose import slugged

_METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 3
REPEATING = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Field:
    """A row of a table: a parameter, or a field of a body. `depth`: how far inside it stands."""

    name: str
    kind: str
    about: str
    required: bool
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    method: str
    path: str  # as the document has it
    address: str  # the whole path below the host
    group: str
    summary: str
    description: str
    public: bool
    query: tuple[Field, ...]
    headers: tuple[Field, ...]
    inside: tuple[Field, ...]  # what stands in the path
    body: tuple[Field, ...]
    example: Any  # a body that might be sent, or None
    media: str
    status: int  # of the good answer
    answer: Any  # an example of it, or None
    statuses: tuple[tuple[int, str], ...]

    @property
    def anchor(self) -> str:
        return slugged(self.id.replace("_", "-"))

    @property
    def repeatable(self) -> bool:
        return self.method in ("POST", "PATCH")


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    slug: str
    about: str
    operations: tuple[Operation, ...]

    def first_with_answer_of(self, operation: Operation) -> Operation | None:
        """The one before it that answers alike, so that the same is not shown twice."""
        for one in self.operations:
            if one is operation or operation.answer is None:
                return None
            if one.answer == operation.answer:
                return one
        return None


class Api:
    """One dialect as the portal shows it. Its document is made when it is first asked for."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name

    @cached_property
    def document(self) -> Mapping[str, Any]:
        return Document(self.dialect, dialect_app(self.dialect)).content

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """By tag; where a tag is used below two prefixes (a merchant's and a shopper's side), one group for each."""
        found: dict[tuple[str, str], list[Operation]] = {}
        for operation in self._operations():
            side = next((p for p in self.dialect.routes if operation.address.startswith(f"{p}/")), "")
            found.setdefault((side, operation.group), []).append(operation)
        order = {tag["name"]: place for place, tag in enumerate(self.document["tags"])}
        about = {tag["name"]: tag.get("description", "") for tag in self.document["tags"]}
        sides = list(self.dialect.routes)
        split = len(sides) > 1 and len({tag for _, tag in found}) < len(found)
        made = []
        for side, tag in sorted(found, key=lambda one: (sides.index(one[0]) if split else 0, order[one[1]])):
            title = f"{side.rpartition('/')[2].capitalize()}: {tag}" if split else tag
            made.append(Group(title, slugged(title), about[tag], tuple(found[side, tag])))
        return tuple(made)

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        return {one.id: one for group in self.groups for one in group.operations}

    @cached_property
    def statuses(self) -> tuple[tuple[int, str], ...]:
        """Every status of an error that any operation may answer with."""
        found = {status: said for one in self.operations.values() for status, said in one.statuses if status >= 400}
        return tuple(sorted(found.items()))

    @cached_property
    def error(self) -> Any:
        """An example of its errors, in the document's own shape."""
        name = self.dialect.error_type.__name__
        return examples.error(self.name) or examples.value({"$ref": f"#/components/schemas/{name}"}, self._schemas)

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer says about the limits."""
        operation = next(iter(next(iter(self.document["paths"].values())).values()))
        good = next(iter(operation["responses"].values()))
        return {name: one["description"] for name, one in good["headers"].items() if name.startswith("X-RateLimit")}

    def limits(self) -> list[tuple[str, int, int | None]]:
        """(plan, requests a minute, requests a day) of one credential."""
        found = []
        for plan, allowed in PLAN_LIMITS.items():
            quota = Quota(allowed.per_minute, allowed.per_day)
            if self.dialect.quota is not None:
                quota = self.dialect.quota(plan.value, quota)
            found.append((plan.value, quota.minute, quota.day))
        return found

    @cached_property
    def _schemas(self) -> Mapping[str, Any]:
        return examples.particular(self.document["components"]["schemas"], self.name)

    def _operations(self) -> Iterator[Operation]:
        server = self.dialect.server
        for path, methods in self.document["paths"].items():
            for method in _METHODS:
                if method in methods:
                    yield self._operation(path, server + path, method, methods[method])

    def _operation(self, path: str, address: str, method: str, told: Mapping[str, Any]) -> Operation:
        media, schema = _content(told.get("requestBody", {}).get("content", {}))
        status, good = next((int(code), one) for code, one in told["responses"].items() if code < "400")
        _, answer = _content(good.get("content", {}))
        return Operation(
            id=told["operationId"],
            method=method.upper(),
            path=path,
            address=address,
            group=next(iter(told["tags"]), "Other"),
            summary=told["summary"].rstrip("."),
            description=told.get("description", ""),
            public=told.get("security") == [],
            query=self._parameters(told["parameters"], "query"),
            headers=tuple(h for h in self._parameters(told["parameters"], "header") if h.name != REPEATING),
            inside=self._parameters(told["parameters"], "path"),
            body=tuple(self._fields(schema, 0)) if schema else (),
            example=examples.body(schema, self._schemas) if schema else None,
            media=media,
            status=status,
            answer=examples.value(answer, self._schemas) if answer else None,
            statuses=tuple((int(code), one["description"]) for code, one in told["responses"].items()),
        )

    def _parameters(self, told: Sequence[Mapping[str, Any]], where: str) -> tuple[Field, ...]:
        return tuple(
            Field(
                one["name"], self._kind(one["schema"]), one.get("description", one["schema"].get("description", "")),
                one.get("required", False),
            )
            for one in told
            if one["in"] == where
        )  # fmt: skip

    def _fields(self, schema: Mapping[str, Any], depth: int) -> Iterator[Field]:
        """An object's fields, and below each what stands inside it."""
        found = examples.resolved(schema, self._schemas)
        for name, one in found.get("properties", {}).items():
            inner = examples.resolved(one, self._schemas)
            yield Field(
                name, self._kind(one), one.get("description", inner.get("description", "")),
                name in found.get("required", ()), depth,
            )  # fmt: skip
            within = examples.resolved(inner.get("items", inner), self._schemas)
            if depth < DEEPEST and "properties" in within:
                yield from self._fields(within, depth + 1)

    def _kind(self, schema: Mapping[str, Any]) -> str:
        """The type in few words: `text`, `number`, `list of objects`, `one of …`."""
        one = examples.resolved(schema, self._schemas)
        if "enum" in one:
            return "one of " + ", ".join(str(value) for value in one["enum"])
        if "anyOf" in one:
            kinds = dict.fromkeys(self._kind(each) for each in one["anyOf"])
            return " or ".join(kinds)
        kind = one.get("type", "any")
        if kind == "array":
            inner = self._kind(one.get("items", {})).partition(",")[0].partition(" (")[0]
            return f"list of {_PLURAL.get(inner, 'values')}"
        word = {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)
        return f"{word}{_bounds(one)}"


_PLURAL = {"object": "objects", "text": "texts", "whole number": "whole numbers", "number": "numbers"}


def _bounds(one: Mapping[str, Any]) -> str:
    if "minimum" in one and "maximum" in one and one["maximum"] <= 1_000_000:
        return f", {one['minimum']:,} to {one['maximum']:,}"
    if "maxLength" in one:
        return f", up to {one['maxLength']:,} characters"
    return f" ({one['format']})" if one.get("format") in ("uuid", "date-time", "date") else ""


def _content(content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    for media, one in content.items():
        return media, one["schema"]
    return "", None
