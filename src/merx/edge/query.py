"""Owns reading query strings: a struct says which parameters there are; each is strict, and each fault is told by the
parameter's wire name. The same struct becomes the parameters of the OpenAPI document.

Unknown parameters are ignored, a single-valued one given twice is refused, bounds are errors and never clamped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, get_type_hints
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec
from msgspec import inspect

from merx.edge.body import instead, sentence
from merx.edge.errors import HttpError
from merx.kernel import ids
from merx.kernel.errors import Invalid

Shape = TypeVar("Shape", bound=msgspec.Struct)

_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?", re.ASCII)
_WHERE = re.compile(r" - at `.*`$")


class _Wrong(Exception):
    pass


class _Parameter(msgspec.Struct, frozen=True):
    name: str
    wire: str
    many: bool
    read: Callable[[str], Any]
    hint: Any


def pairs(raw: bytes) -> list[tuple[str, str]]:
    """Decoded names and values in their order; raises HttpError 400 on what is no text."""
    if not raw:
        return []
    found = []
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            found.append((_text(name), _text(value)))
    return found


def _text(raw: bytes) -> str:
    if b"%" in raw or b"+" in raw:
        raw = unquote_to_bytes(raw.replace(b"+", b" "))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise HttpError(400, "malformed_query", "The query string is not valid UTF-8.") from None
    if "\0" in text:
        raise HttpError(400, "malformed_query", "The character U+0000 is not allowed in the query string.")
    return text


def parse(shape: type[Shape], raw: bytes) -> Shape:
    """The query string as a `shape`; raises Invalid with every parameter that is wrong."""
    parameters = _parameters(shape)
    given: dict[str, Any] = {}
    faults: dict[str, list[str]] = {}
    for wire, text in pairs(raw):
        parameter = parameters.get(wire)
        if parameter is None:
            continue
        try:
            value = parameter.read(text)
        except _Wrong as wrong:
            faults.setdefault(wire, []).append(str(wrong))
            continue
        if parameter.many:
            given.setdefault(wire, []).append(value)
        elif wire in given:
            faults.setdefault(wire, []).append("Give this parameter once.")
        else:
            given[wire] = value
    try:
        if not faults:
            return msgspec.convert(given, shape, strict=True)
    except msgspec.ValidationError:
        pass
    raise _invalid(parameters, shape, given, faults)


def _invalid(
    parameters: dict[str, _Parameter], shape: type[Any], given: dict[str, Any], faults: dict[str, list[str]]
) -> Invalid:
    required = {field.encode_name for field in msgspec.structs.fields(shape) if field.required}
    for wire in sorted(required - given.keys() - faults.keys()):
        faults[wire] = ["This parameter is required."]
    for wire, value in given.items():
        try:
            msgspec.convert(value, parameters[wire].hint, strict=True)
        except msgspec.ValidationError as wrong:
            text, hint = str(wrong), parameters[wire].hint
            faults.setdefault(wire, []).append(instead(text, hint) or sentence(_WHERE.sub("", text)))
    first = next(iter(faults), "query")
    return Invalid(f"{first}: {faults.get(first, ['is wrong'])[0]}", fields=faults)


@cache
def _parameters(shape: type[Any]) -> dict[str, _Parameter]:
    info = inspect.type_info(shape)
    assert isinstance(info, inspect.StructType)
    hints = get_type_hints(shape, include_extras=True)
    found = {}
    for field in info.fields:
        kind = _without_null(field.type)
        many = isinstance(kind, inspect.ListType)
        item = _without_null(kind.item_type) if isinstance(kind, inspect.ListType) else kind
        found[field.encode_name] = _Parameter(field.name, field.encode_name, many, _reader(item), hints[field.name])
    return found


def prepare(shape: type[Any]) -> None:
    """Builds what `parse` needs, so that a shape it can't read shows at start-up."""
    _parameters(shape)  # type: ignore[arg-type]


def _without_null(kind: Any) -> Any:
    if isinstance(kind, inspect.Metadata):
        return _without_null(kind.type)
    if isinstance(kind, inspect.UnionType):
        rest = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(rest) == 1:
            return _without_null(rest[0])
        raise TypeError("a query parameter has one type")
    return kind


def _reader(kind: Any) -> Callable[[str], Any]:
    """Text to what msgspec.convert takes strictly, by the parameter's type."""
    for wanted, read in _READERS.items():
        if isinstance(kind, wanted):
            return read
    if isinstance(kind, inspect.EnumType):
        return _one_of([member.value for member in kind.cls])
    if isinstance(kind, inspect.LiteralType):
        return _one_of(list(kind.values))
    raise TypeError(f"{kind} can't be a query parameter")


def _one_of(values: list[Any]) -> Callable[[str], Any]:
    by_text = {str(value): value for value in values}
    said = "Must be one of " + ", ".join(by_text) + "."

    def read(text: str) -> Any:
        if text not in by_text:
            raise _Wrong(said)
        return by_text[text]

    return read


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _Wrong("Must be a whole number.")
    return int(text)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise _Wrong("Must be a number like 12.50.")
    return Decimal(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise _Wrong("Must be true or false.")
    return text == "true"


def _datetime(text: str) -> datetime:
    # An unescaped + in a query string arrives as a blank.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        when = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        try:
            when = datetime.combine(msgspec.convert(text, date), datetime.min.time())
        except msgspec.ValidationError:
            raise _Wrong("Must be a date and time like 2024-01-15T10:30:00Z.") from None
    if when.tzinfo is None:
        return when.replace(tzinfo=UTC)
    try:
        return when.astimezone(UTC)
    except OverflowError:  # the first or the last hours there are, far from Greenwich
        raise _Wrong("Must be a date and time between the years 1 and 9999.") from None


def _date(text: str) -> date:
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise _Wrong("Must be a date like 2024-01-15.") from None


def _uuid(text: str) -> UUID:
    found = ids.parse_uuid(text)
    if found is None:
        raise _Wrong("Must be a UUID.")
    return found


_READERS: dict[type, Callable[[str], Any]] = {
    inspect.StrType: str,
    inspect.IntType: _integer,
    inspect.DecimalType: _decimal,
    inspect.BoolType: _boolean,
    inspect.DateTimeType: _datetime,
    inspect.DateType: _date,
    inspect.UUIDType: _uuid,
}
