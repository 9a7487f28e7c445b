"""Owns reading a JSON body: exact decimals, strict types, every fault a 4xx with the field named.

A struct with `numbers_only = True` (a class variable) takes its decimals as JSON numbers and not as text.

Two readers look at the bytes. The standard library's is asked whether this is honest JSON at all (UTF-8, no duplicate
keys, no NaN); msgspec's decodes into the type. Only where something is wrong does a third, slow look collect every
field's fault for the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from merx.edge.errors import INCOMPLETE, HttpError
from merx.kernel.errors import Invalid, MerxError

MAX_BODY = 1 << 20
MAX_UPLOAD = 11 << 20  # a picture of 10 MiB, and the form around it
MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1

_LONG_DIGITS = re.compile(rb"\d{19}")
_PLAIN_DECIMAL = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_WHERE = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_REQUIRED = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a date and time",
    "date": "a date",
    "uuid": "a UUID",
}

_SENTENCES = {
    "Invalid decimal string": "Must be a number like 12.50.",
    "Invalid RFC3339 encoded datetime": "Must be a date and time like 2024-01-15T10:30:00Z.",
    "Expected `datetime` with a timezone component": "Must say its offset, like 2024-01-15T10:30:00Z.",
    "Invalid RFC3339 encoded date": "Must be a date like 2024-01-15.",
    "Invalid UUID": "Must be a UUID.",
}
SAID = "said"
"""`Meta(pattern=…, extra={SAID: …})`: the sentence for people that goes with a pattern."""
BLANK = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What is blank, for a pattern's brackets; written out, because Python and JavaScript do not agree on what \\s is."""
WRITTEN: dict[str, Any] = {"pattern": f"[^{BLANK}]", "extra": {SAID: "Must not be blank."}}
"""`Meta(**WRITTEN)`: something in it can be seen."""
REQUIRED = "This field is required."


class _Duplicate(ValueError):
    pass


async def whole(receive: Any, bound: int) -> bytes:
    """An ASGI request's body. Raises HttpError: 413 past `bound` bytes, 400 where the client hung up before its end."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False) and len(message["body"]) <= bound:
        raw: bytes = message["body"]
        return raw
    parts, size = [], 0
    while message["type"] == "http.request":
        parts.append(message["body"])
        size += len(message["body"])
        if size > bound:
            raise HttpError(413, "payload_too_large", f"The body is larger than {bound >> 20} MiB.")
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise HttpError(400, "incomplete_body", INCOMPLETE)


def malformed(message: str = "The body is not valid JSON.", code: str = "malformed_json") -> HttpError:
    return HttpError(400, code, message)


def decode(raw: bytes, wanted: Any) -> Any:
    """`raw` as a `wanted`; raises HttpError 400 where it is no JSON, Invalid where it is not what was asked for."""
    tree = _honest(raw)
    try:
        value = _decoder(wanted).decode(raw)
    except msgspec.ValidationError as wrong:
        tree = _with_whole_numbers(tree)
        try:
            value = msgspec.convert(tree, wanted)
        except msgspec.ValidationError:
            raise _invalid(wrong, tree, wanted) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None
    if _has_decimals(wanted):
        faults: dict[str, list[str]] = {}
        _check_decimals(value, tree, "", faults)
        if faults:
            raise _fault(faults)
    return value


@cache
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)


def prepare(wanted: Any) -> None:
    """Builds what `decode` needs, so that a type msgspec can't read shows at start-up."""
    _decoder(wanted)
    _has_decimals(wanted)


# ---- the first look: is it honest JSON


def _honest(raw: bytes) -> Any:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise malformed("The body begins with a byte order mark; send plain UTF-8.")
    try:
        text = raw.decode()
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
            raise malformed(f"The body is nested more than {MAX_DEPTH} levels deep.", "too_deep")
        long_digits = _LONG_DIGITS.search(raw) is not None
        tree = (_HONEST_AND_LONG if long_digits else _HONEST).decode(text)
    except UnicodeDecodeError:
        raise malformed("The body is not valid UTF-8.") from None
    except _Duplicate as twice:
        raise malformed(f"The key {str(twice)!r} appears twice in one object.", "duplicate_key") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise malformed() from None
    if b"\\u" in raw or long_digits:
        faults: dict[str, list[str]] = {}
        for path, value in _leaves(tree, ""):
            if said := _unstorable(value):
                faults.setdefault(path, []).append(said)
        if faults:
            raise _fault(faults)
    return tree


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Duplicate(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _integer(text: str) -> int:
    """Python itself stops at 4,300 digits, as if they were no number."""
    return int(text) if len(text) <= 40 else MAX_INTEGER + 1


_HONEST = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=Decimal)
_HONEST_AND_LONG = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=Decimal, parse_int=_integer
)


def _depth(text: str) -> int:
    """The deepest nesting, strings left out."""
    deepest = depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        character = token[0]
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield _join(path, key), key
            yield from _leaves(inner, _join(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def _unstorable(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "The character U+0000 is not allowed."
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "Half a surrogate pair is not a character."
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        return "The number is too large."
    return None


def _join(path: str, key: str) -> str:
    # A key may itself hold what can't be shown.
    shown = key.encode("utf-8", "replace").decode().replace("\0", "?")[:100]
    return f"{path}.{shown}" if path else shown


# ---- decimals: Python reads "1_000", " 5 " and "NaN", and JSON numbers have no bounds


@cache
def _has_decimals(wanted: Any) -> bool:
    return _mentions_decimal(inspect.type_info(wanted), set())


def _mentions_decimal(info: Any, seen: set[int]) -> bool:
    if isinstance(info, inspect.DecimalType):
        return True
    if isinstance(info, inspect.StructType):
        if id(info.cls) in seen:
            return False
        seen.add(id(info.cls))
        return any(_mentions_decimal(field.type, seen) for field in info.fields)
    if isinstance(info, inspect.UnionType):
        return any(_mentions_decimal(one, seen) for one in info.types)
    inner = [getattr(info, name, None) for name in ("item_type", "value_type", "type")]
    inner += list(getattr(info, "item_types", ()))
    return any(_mentions_decimal(one, seen) for one in inner if isinstance(one, inspect.Type))


def _check_decimals(value: Any, tree: Any, path: str, faults: dict[str, list[str]]) -> None:
    if isinstance(value, Decimal):
        if isinstance(tree, str) and not _PLAIN_DECIMAL.fullmatch(tree):
            faults.setdefault(path, []).append("Write the number plainly, like 12.50.")
        elif not value.is_finite() or (value != 0 and not -30 < value.adjusted() < 30):
            faults.setdefault(path, []).append("The number is out of range.")
    elif isinstance(value, msgspec.Struct) and isinstance(tree, dict):
        plain = getattr(value, "numbers_only", False)
        for name, wire in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            if wire in tree:
                if plain and isinstance(getattr(value, name), Decimal) and isinstance(tree[wire], str):
                    faults.setdefault(_join(path, wire), []).append("Must be a number, not text.")
                    continue
                _check_decimals(getattr(value, name), tree[wire], _join(path, wire), faults)
    elif isinstance(value, dict) and isinstance(tree, dict):
        for key, inner in value.items():
            _check_decimals(inner, tree.get(key), _join(path, str(key)), faults)
    elif isinstance(value, list | tuple) and isinstance(tree, list):
        for index, (inner, branch) in enumerate(zip(value, tree, strict=False)):
            _check_decimals(inner, branch, f"{path}[{index}]", faults)


def _with_whole_numbers(tree: Any) -> Any:
    """JSON has one kind of number: 12.0 is as whole as 12 is, and some clients write it so."""
    if isinstance(tree, Decimal):
        whole = tree.adjusted() < 19 and tree == tree.to_integral_value()
        return int(tree) if whole else tree
    if isinstance(tree, dict):
        return {key: _with_whole_numbers(inner) for key, inner in tree.items()}
    return [_with_whole_numbers(inner) for inner in tree] if isinstance(tree, list) else tree


# ---- the slow look: every field's fault, in the wire's own names


def _invalid(wrong: msgspec.ValidationError, tree: Any, wanted: Any) -> MerxError:
    faults: dict[str, list[str]] = {}
    _collect(tree, inspect.type_info(wanted), wanted, "", faults)
    if not faults:
        path, said = _told(wrong)
        faults[path] = [said]
    return _fault(faults)


def _fault(faults: dict[str, list[str]]) -> MerxError:
    faults = {path or "body": said for path, said in faults.items()}
    first = next(iter(faults))
    return Invalid(f"{first}: {faults[first][0]}" if first != "body" else faults[first][0], fields=faults)


def _collect(tree: Any, info: Any, wanted: Any, path: str, faults: dict[str, list[str]]) -> None:
    """Goes down as far as plain structs and lists go, and asks msgspec about each field by itself."""
    if isinstance(info, inspect.StructType) and isinstance(tree, dict) and info.tag is None and not info.array_like:
        known = set()
        for field in info.fields:
            known.add(field.encode_name)
            here = _join(path, field.encode_name)
            if field.encode_name not in tree:
                if field.required:
                    faults.setdefault(here, []).append(REQUIRED)
                continue
            hint = _hint(info.cls, field.name)
            _collect(tree[field.encode_name], _plain(field.type, tree[field.encode_name]), hint, here, faults)
        if info.forbid_unknown_fields:
            for key in tree:
                if key not in known:
                    faults.setdefault(_join(path, key), []).append("There is no such field.")
        return
    if isinstance(info, inspect.ListType) and isinstance(tree, list) and isinstance(info.item_type, inspect.StructType):
        count = len(faults)
        for index, item in enumerate(tree[:200]):
            _collect(item, info.item_type, info.item_type.cls, f"{path}[{index}]", faults)
        if len(faults) > count:
            return
    try:
        _check_decimals(msgspec.convert(tree, wanted, strict=True), tree, path, faults)
    except msgspec.ValidationError as wrong:
        deeper, said = _told(wrong)
        faults.setdefault(_below(path, deeper), []).append(instead(str(wrong), wanted) or said)


def _plain(info: Any, value: Any) -> Any:
    """The struct or list of `X | None`, so that one optional level does not hide the names below it."""
    if isinstance(info, inspect.Metadata):
        return _plain(info.type, value)
    if isinstance(info, inspect.UnionType):
        kind = inspect.StructType if isinstance(value, dict) else inspect.ListType
        fitting = [one for one in info.types if isinstance(one, kind)]
        return fitting[0] if len(fitting) == 1 else info
    return info


@cache
def _hints(cls: type) -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(cls, include_extras=True)


def _hint(cls: type, name: str) -> Any:
    return _hints(cls)[name]


def _below(path: str, deeper: str) -> str:
    if not deeper or not path:
        return path or deeper
    return f"{path}{deeper}" if deeper.startswith("[") else f"{path}.{deeper}"


def _told(wrong: msgspec.ValidationError) -> tuple[str, str]:
    """(path, sentence) of msgspec's own message."""
    text = str(wrong)
    found = _WHERE.search(text)
    path = found[1].replace("[...]", "") if found else ""  # so msgspec writes "some value of this object"
    text = _WHERE.sub("", text)
    for pattern, said in ((_REQUIRED, REQUIRED), (_UNKNOWN, "There is no such field.")):
        if named := pattern.fullmatch(text):
            return _below(path, named[1]) if path else named[1], said
    return path, sentence(text)


def instead(text: str, wanted: Any) -> str | None:
    """What the field does take, where its type says so: its values, or a pattern's own sentence (`SAID`)."""
    if text.startswith("Invalid enum value"):
        values = list(dict.fromkeys(_values(wanted)))
        return f"Must be one of {', '.join(values)}." if values else None
    if text.startswith("Expected `str` matching regex"):
        return next((said for pattern, said in _patterns(wanted) if repr(pattern) in text), None)
    return None


def _values(hint: Any) -> Iterator[str]:
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield from (str(member.value) for member in hint)
    elif get_origin(hint) is Literal:
        yield from map(str, get_args(hint))
    else:
        for inner in get_args(hint):
            yield from _values(inner)


def _patterns(hint: Any) -> Iterator[tuple[str, str]]:
    for one in get_args(hint):
        if not isinstance(one, msgspec.Meta):
            yield from _patterns(one)
        elif one.pattern and one.extra and SAID in one.extra:
            yield one.pattern, one.extra[SAID]


def sentence(text: str) -> str:
    """msgspec's words for people: 'Expected `int`, got `str`' becomes 'Must be a whole number, not text.'"""
    if found := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", text):
        wanted = " or ".join(_TYPES.get(one.strip(), one.strip()) for one in found[1].split("|"))
        if found[2] in ("float", "decimal"):
            return f"Must be {wanted}."  # a number too, but not a whole one
        return f"Must be {wanted}, not {_TYPES.get(found[2], found[2])}."
    if found := re.fullmatch(r"Expected `(str|array|object|int|float|decimal)` of length (.+)", text):
        unit = "characters" if found[1] == "str" else "entries"
        bound = found[2].replace(">= ", "at least ").replace("<= ", "at most ")
        return f"Must have {bound} {unit}.".replace(" 1 characters", " 1 character").replace(" 1 entries", " 1 entry")
    if found := re.fullmatch(r"Expected `(?:int|float|decimal)` ([<>]=?) (.+)", text):
        words = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
        return f"Must be {words[found[1]]} {found[2]}."
    if found := re.fullmatch(r"Invalid enum value (.+)", text):
        return f"{found[1]} is not one of the values this field takes."
    if text.startswith("Expected `str` matching regex"):
        return "Is not written the way this field needs it."
    text = text.rstrip(".")
    return _SENTENCES.get(text, f"{text}.")
