"""Pictures, the sizes they come in, and what is wrong with some."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

from merx.kernel.errors import Conflict, Invalid, Refused
from merx.kernel.ids import TenantId

SIZES = (160, 480, 960, 1600)
"""How wide each picture is served. One that is narrower is served at its own width, under every name."""
_SERVED = re.compile(r"(/media/[0-9a-f-]{36}/[0-9a-f]{32}-)(?:160|480|960|1600)(\.webp)\Z", re.ASCII)
MAX_BYTES = 10 << 20
MAX_PIXELS = 50_000_000
MAX_SIDE = 30_000
KEPT_UNSEEN = timedelta(days=1)
"""How long a picture that nothing shows is kept, from its upload on: a form may be filled in for that long."""
MAX_PICTURES = 100_000
LEAVING = timedelta(minutes=10)
"""Longer than clearing one away ever takes."""


class Picture(msgspec.Struct, frozen=True):
    """An uploaded picture. `digest` is of the bytes that were uploaded: the same upload is the same picture."""

    tenant: TenantId
    digest: str
    width: int
    height: int

    @property
    def url(self) -> str:
        """The largest; what a product's image holds. The other sizes follow from it (`sized`)."""
        return path(self.tenant, self.digest, SIZES[-1])

    @property
    def urls(self) -> dict[int, str]:
        return {size: path(self.tenant, self.digest, size) for size in SIZES}


class Rendered(msgspec.Struct, frozen=True):
    """What is made of an upload: its size as people see it, and the bytes of each of SIZES."""

    width: int
    height: int
    files: dict[int, bytes]


class NoPicture(Invalid):
    """The upload is not taken; the sentence says why."""

    code = "invalid_image"

    def __init__(self, message: str, code: str = "invalid_image") -> None:
        super().__init__(message, code=code, field="image")


class TooMany(Refused):
    code = "too_many_images"

    def __init__(self) -> None:
        super().__init__(f"A shop keeps at most {MAX_PICTURES:,} pictures; remove some from its products first.")


class Leaving(Conflict):
    code = "image_leaving"

    def __init__(self) -> None:
        super().__init__("This very picture is being cleared away; upload it again in ten minutes.", retry_after=600)


def name(tenant: TenantId, digest: str, size: int) -> str:
    """Where it lies in the store."""
    return f"{tenant}/{digest}-{size}.webp"


def path(tenant: TenantId, digest: str, size: int) -> str:
    """Where it is served."""
    return f"/media/{name(tenant, digest, size)}"


def sized(url: str) -> dict[int, str]:
    """The addresses of all sizes of an uploaded picture, by their width; none for a picture from elsewhere."""
    if _SERVED.search(url) is None:
        return {}
    return {size: _SERVED.sub(rf"\g<1>{size}\g<2>", url) for size in SIZES}
