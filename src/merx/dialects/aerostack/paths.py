"""Owns this dialect's addresses: each begins with the project's slug, and ids in them are UUIDs."""

from __future__ import annotations

from uuid import UUID

from merx.edge.app import MerxRequest
from merx.kernel import ids
from merx.kernel.errors import NotFound

ABOVE = "/api/v1/public/projects"
ROOT = ABOVE + "/{projectSlug:str}/ecommerce"
SHOWN = ABOVE + "/{projectSlug}/ecommerce"
_CATALOGUE = ("/products", "/categories")
_MAX_SLUG = 63


def project(path: str) -> str | None:
    """The slug in an address. One that is too long is nobody's, cut off too."""
    slug, _, rest = path.removeprefix(ABOVE + "/").partition("/")
    return slug[: _MAX_SLUG + 1] if slug and rest and path.startswith(ABOVE) else None


def is_catalogue(path: str) -> bool:
    """Whether the edge may answer it from memory."""
    return path.removeprefix(ABOVE + "/").partition("/ecommerce")[2].startswith(_CATALOGUE)


def slug_of(request: MerxRequest) -> str:
    return str(request.path_params["projectSlug"])[: _MAX_SLUG + 1]


def ident(request: MerxRequest, name: str, what: str) -> UUID:
    """What spells no id is as unknown as an id nobody has."""
    found = ids.parse_uuid(str(request.path_params[name]))
    if found is None:
        raise NotFound(what)
    return found
