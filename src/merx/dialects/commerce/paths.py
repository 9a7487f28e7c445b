"""Owns the ids in this dialect's addresses: UUIDs in their canonical spelling."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from merx.edge.app import MerxRequest
from merx.kernel import ids
from merx.kernel.errors import Invalid


def in_path(name: str, description: str) -> dict[str, dict[str, Any]]:
    """For the document."""
    return {name: {"type": "string", "format": "uuid", "description": description}}


def ident(request: MerxRequest, name: str) -> UUID:
    found = ids.parse_uuid(request.path_params[name])
    if found is None:
        raise Invalid("This must be a UUID.", field=name)
    return found
