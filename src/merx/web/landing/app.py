"""One page at the installation's own host. Which APIs and demo shops there are is told by whoever puts the installation
together."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get

from merx.edge.app import Dialect
from merx.web.face import PUBLIC, Face
from merx.web.pages import Page, PageRequest, render
from merx.web.portal.reader import Showcase, public_key, shop_url


def landing(dialects: Sequence[Dialect], showcases: Sequence[Showcase] = ()) -> Face:
    @get("/", needs=PUBLIC)
    async def home(request: PageRequest) -> Page:
        there = [one for one in showcases if await public_key(request.rt, one) is not None]
        shops = [(one, shop_url(request.rt, one.slug), one.pictures()) for one in there]
        signed_in = request.visit.credential is not None
        return render(request, "home.html", dialects=dialects, signed_in=signed_in, shops=shops)

    return Face(name="landing", prefix="/", routes=[home])
