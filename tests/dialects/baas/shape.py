"""What every refusal of this dialect looks like."""

from __future__ import annotations

from typing import Any

import httpx


def refused(answer: httpx.Response, status: int | None = None, field: str | None = None) -> dict[str, Any]:
    """The error, after its shape was looked at: a 4xx in the document's words, with `field` among the details."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    if status is not None:
        assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["error", "status"] and body["status"] == answer.status_code
    error: dict[str, Any] = body["error"]
    assert list(error) == ["code", "message", "details"]
    assert error["code"] and error["message"]
    assert all(isinstance(said, list) and said for said in error["details"].values())
    if field is not None:
        assert field in error["details"], error
    for header in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"):
        assert header in answer.headers, header
    return error
