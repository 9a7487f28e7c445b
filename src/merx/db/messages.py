"""Owns how a statement is written that is sent beside asyncpg's own: parsed once for a connection, then bound and run.
Values travel as text, as parameters and never as part of the statement; the server reads them by its own rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

SYNC = b"S\0\0\0\x04"
_RUN = b"E\0\0\0\x09\0\0\0\0\0"  # all rows of the statement bound last
_NULL = b"\xff\xff\xff\xff"


def query(sql: str) -> bytes:
    """A message of the simple protocol."""
    text = sql.encode() + b"\0"
    return b"Q" + _size(text) + text


def parse(name: bytes, sql: str) -> bytes:
    """What the types of its parameters are the server finds out, as it does for asyncpg."""
    text = name + b"\0" + sql.encode() + b"\0\0\0"
    return b"P" + _size(text) + text


def run(name: bytes, args: Sequence[Any]) -> bytes:
    """Raises asyncpg.DataError, as asyncpg does, for what can't be sent at all."""
    parts = [b"\0" + name + b"\0\0\0" + len(args).to_bytes(2, "big")]
    add = parts.append
    try:
        for value in args:
            if value is None:
                add(_NULL)
                continue
            spelled = (_WAYS.get(value.__class__) or _way(value))(value)
            add(len(spelled).to_bytes(4, "big"))
            add(spelled)
    except UnicodeEncodeError as wrong:
        raise asyncpg.DataError(f"a text can't be sent: {wrong.reason}") from None
    add(b"\0\0")
    text = b"".join(parts)
    return b"B" + _size(text) + text + _RUN


def values(row: bytes) -> list[str | None]:
    """Those of one row, as text."""
    found: list[str | None] = []
    at = 7
    for _ in range(int.from_bytes(row[5:7], "big")):
        size = int.from_bytes(row[at : at + 4], "big", signed=True)
        at += 4
        if size < 0:
            found.append(None)
        else:
            found.append(row[at : at + size].decode())
            at += size
    return found


def as_text(value: Any) -> str | None:
    """The same of a value that asyncpg has read."""
    return None if value is None else _way(value)(value).decode()


def _size(text: bytes) -> bytes:
    return (len(text) + 4).to_bytes(4, "big")


def _array(values: Sequence[Any]) -> bytes:
    return b"{" + b",".join(map(_element, values)) + b"}"


def _element(value: Any) -> bytes:
    if value is None:
        return b"NULL"
    way = _WAYS.get(value.__class__) or _way(value)
    if way is not str.encode and way is not _bytes:
        return way(value)
    return b'"' + way(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _bytes(value: bytes) -> bytes:
    return b"\\x" + value.hex().encode()


_WAYS: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"%d" % value,
    UUID: lambda value: b"%032x" % value.int,
    datetime: lambda value: value.isoformat().encode(),
    bytes: _bytes,
    list: _array,
    tuple: _array,
}


def _way(value: Any) -> Callable[[Any], bytes]:
    """How a value is spelled whose class is one of those, or comes from one."""
    cls = type(value)
    found = _WAYS.get(cls) or next((_WAYS[one] for one in cls.__mro__ if one in _WAYS), None)
    if found is None:
        raise TypeError(f"no way to send a {cls.__name__}")
    _WAYS[cls] = found
    return found
