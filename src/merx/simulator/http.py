"""As little HTTP as a payment provider needs: a request with its body read, a reply, nested form bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

BODY_LIMIT = 1 << 20
_STEP = re.compile(r"\[([^\[\]]*)\]")


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Malformed(Exception):
    """A body that is no form, or one nested beyond reason."""


async def read(scope: Scope, receive: Receive) -> Request | None:
    """The whole request; None where its body is past the limit."""
    chunks, size, more = [], 0, True
    while more:
        message: Any = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if size <= BODY_LIMIT:
            chunks.append(part)
        elif size > 8 * BODY_LIMIT:  # up to here it is read and dropped: a client that still writes hears no answer
            return None
    if size > BODY_LIMIT:
        return None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query: bytes = scope.get("query_string", b"")
    method: Any = scope.get("method", "GET")
    return Request(str(method), scope["path"], query.decode("latin-1"), headers, b"".join(chunks))


async def send(reply: Reply, out: Send) -> None:
    headers = {"content-length": str(len(reply.body))} | dict(reply.headers)
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await out({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await out({"type": "http.response.body", "body": reply.body, "more_body": False})


def parse_form(raw: str) -> dict[str, Any]:
    """`a[b][0]=c` as {'a': {'b': ['c']}}: the nesting that Stripe's packages send; `a[]=c` appends."""
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=5000, errors="strict")
    except ValueError as wrong:
        raise Malformed(str(wrong)) from None
    for name, value in pairs:
        head, bracket, _ = name.partition("[")
        steps = _STEP.findall(name[len(head) :]) if bracket else []
        if len(steps) > 8 or not head or "]" in head or "".join(f"[{step}]" for step in steps) != name[len(head) :]:
            raise Malformed(f"Invalid parameter name: {name[:100]}")
        if "\x00" in name or "\x00" in value:
            raise Malformed("A parameter holds a NUL byte.")
        *way, last = head, *steps
        node = tree
        for step in way:
            below = node.setdefault(step or str(len(node)), {})
            if not isinstance(below, dict):
                raise Malformed(f"Invalid {head}: both a value and an object.")
            node = below
        node[last or str(len(node))] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() and name.isascii() for name in node):
        return [_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _lists(value) for name, value in node.items()}
