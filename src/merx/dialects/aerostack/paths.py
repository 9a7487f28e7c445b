"""Owns this dialect's addresses: each begins with the project's slug, and ids in them are UUIDs."""

from __future__ import annotations

import re
from uuid import UUID

from merx.edge.app import MerxRequest
from merx.kernel import ids
from merx.kernel.errors import NotFound

ABOVE = "/api/v1/public/projects"
ROOT = ABOVE + "/{projectSlug:str}/ecommerce"
SHOWN = ABOVE + "/{projectSlug}/ecommerce"
_CATALOGUE = ("/products", "/categories")
_SLUG = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_NOBODYS = "-"


def project(path: str) -> str:
    """The slug in an address; what can't be one is nobody's."""
    slug = path.removeprefix(ABOVE + "/").partition("/")[0]
    return slug if _SLUG.fullmatch(slug) else _NOBODYS


def is_catalogue(path: str) -> bool:
    """Whether the edge may answer it from memory."""
    return path.removeprefix(ABOVE + "/").partition("/ecommerce")[2].startswith(_CATALOGUE)


def slug_of(request: MerxRequest) -> str:
    return project(request.scope["path"])


def ident(request: MerxRequest, name: str, what: str) -> UUID:
    """What spells no id is as unknown as an id nobody has."""
    found = ids.parse_uuid(str(request.path_params[name]))
    if found is None:
        raise NotFound(what)
    return found
