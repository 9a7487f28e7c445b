"""Owns an answer that leaves ASGI in one piece."""

from __future__ import annotations

from typing import Any

from merx.edge.headers import Header


async def send_whole(send: Any, status: int, headers: list[Header], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def json_headers(body: bytes) -> list[Header]:
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
