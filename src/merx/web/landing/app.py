"""One page at the installation's own host. Which APIs there are is told by whoever puts the installation together."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get

from merx.edge.app import Dialect
from merx.web.face import PUBLIC, Face
from merx.web.pages import Page, PageRequest, render


def landing(dialects: Sequence[Dialect]) -> Face:
    @get("/", needs=PUBLIC, sync_to_thread=False)
    def home(request: PageRequest) -> Page:
        return render(request, "home.html", dialects=dialects, signed_in=request.visit.credential is not None)

    return Face(name="landing", prefix="/", routes=[home])
