"""Holds every answer that a client gets against what the document of its dialect says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import httpx
import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from merx.asgi import DIALECTS
from merx.edge.app import Dialect, dialect_app
from merx.edge.openapi import Document

_HOME = "urn:document"


class Truth:
    """For `httpx`, as a hook on responses: fails where a status, a type, a header or a field is not in the document of
    the dialect whose address was asked."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        mounted = [(prefix, told) for told in map(_Told, dialects) for prefix in told.dialect.prefixes]
        self._mounted = sorted(mounted, key=lambda one: -len(one[0]))  # as the gateway has it
        self._pages = tuple(f"{one.docs}/{page}" for one in dialects for page in ("openapi.json", "docs"))

    async def __call__(self, response: httpx.Response) -> None:
        path = response.request.url.path
        if path.startswith(self._pages):
            return
        told = next((told for prefix, told in self._mounted if f"{path}/".startswith(f"{prefix}/")), None)
        if told is not None:
            await told.hold(response)


class _Told:
    """What one dialect's document says."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._validators: dict[tuple[str, str, int], jsonschema.Draft202012Validator] = {}

    @cached_property
    def _document(self) -> dict[str, Any]:
        return Document(self.dialect, dialect_app(self.dialect)).content

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Those without parameters first."""
        ordered = sorted(self._document["paths"], key=lambda path: path.count("{"))
        return [(_addresses(f"{self.dialect.server}{path}"), path) for path in ordered]

    @cached_property
    def _registry(self) -> Registry[Any]:
        return Registry().with_resource(_HOME, Resource.from_contents(self._document, DRAFT202012))

    async def hold(self, response: httpx.Response) -> None:
        request = response.request
        if request.method in ("HEAD", "OPTIONS"):
            return
        await response.aread()
        where = f"{request.method} {request.url.path} -> {response.status_code} {response.text[:300]}"
        path = next((path for pattern, path in self._paths if pattern.fullmatch(request.url.path)), None)
        if path is None:
            assert response.status_code in (403, 404, 414, 429), f"no such address: {where}"
            return
        operation = self._document["paths"][path].get(request.method.lower())
        if operation is None:
            assert response.status_code in (403, 405, 429), f"no such method: {where}"
            return
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"this status is not in the document: {where}"
        missing = [name for name in told.get("headers", ()) if name not in response.headers]
        assert not missing, f"{missing} are missing: {where}"
        if "content" not in told:
            assert not response.content, f"there is a body: {where}"
            return
        media = response.headers["content-type"].partition(";")[0]
        assert media in told["content"], f"not of this type: {where}"
        schema, body = told["content"][media]["schema"], response.json()
        key = (path, request.method, response.status_code)
        if key not in self._validators:
            checks = jsonschema.FormatChecker()
            self._validators[key] = jsonschema.Draft202012Validator(
                _at_home(schema), registry=self._registry, format_checker=checks
            )
        wrong = [f"{one.json_path}: {one.message}" for one in self._validators[key].iter_errors(body)]
        wrong += [f"{place} is not in the document" for place in self._unknown(schema, body, "$")]
        assert not wrong, f"{wrong}: {where}"

    def _unknown(self, schema: dict[str, Any], body: Any, place: str) -> Iterator[str]:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for one in schema.get("anyOf", ()):
            yield from self._unknown(one, body, place)
        if isinstance(body, dict) and "properties" in schema:
            for name, value in body.items():
                if name not in schema["properties"]:
                    yield f"{place}.{name}"
                else:
                    yield from self._unknown(schema["properties"][name], value, f"{place}.{name}")
        if isinstance(body, list) and isinstance(schema.get("items"), dict):
            for value in body:
                yield from self._unknown(schema["items"], value, f"{place}[]")


def _addresses(template: str) -> re.Pattern[str]:
    """Those that a path with names in braces stands for."""
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template.rstrip("/"))) + "/?")


def _at_home(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _HOME + value if key == "$ref" else _at_home(value) for key, value in schema.items()}
    return [_at_home(one) for one in schema] if isinstance(schema, list) else schema


TRUTH = Truth(DIALECTS)
