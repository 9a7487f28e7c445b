"""The portal as a face: its pages, and what all of them get (who reads, where they are, what there is)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import get
from markupsafe import Markup, escape

from merx.edge.app import Dialect
from merx.kernel.errors import NotFound
from merx.web.face import PUBLIC, Face
from merx.web.pages import Page, PageRequest, render
from merx.web.portal import prose, speaking, starting, telling
from merx.web.portal.acting import actions
from merx.web.portal.operations import Api
from merx.web.portal.reader import Reader, Showcase, reader_of
from merx.web.portal.samples import API_KEY, LANGUAGES, as_json

TABS = (
    ("", "Overview"), ("quick-start", "Quick start"), ("authentication", "Authentication"), ("errors", "Errors"),
    ("limits", "Limits"), ("webhooks", "Webhooks"), ("decisions", "What Merx decided"), ("try", "Try it"),
)  # fmt: skip
BLURBS = {
    "baas": "A storefront, and its merchant's back office.",
    "commerce": "Programs and front ends of a merchant.",
    "aerostack": "A web page without a server of its own.",
    "reference": "Programs: users, payments, messages, logs.",
    "pycommerce": "One or many shops of a member.",
}
ORDER = ("baas", "commerce", "aerostack", "reference", "pycommerce")


@dataclass(frozen=True, slots=True)
class Found:
    """An operation, as the search lists it."""

    api: str
    method: str
    path: str
    said: str
    to: str


class Portal:
    """The APIs that this installation speaks, and the pages about them."""

    def __init__(self, dialects: Sequence[Dialect], showcase: Showcase) -> None:
        place = {name: at for at, name in enumerate(ORDER)}
        ordered = sorted(dialects, key=lambda one: place.get(one.name, len(place)))
        self.apis = {dialect.name: Api(dialect) for dialect in ordered}
        self.showcase = showcase

    async def prepare(self, request: PageRequest) -> Mapping[str, Any]:
        await self.read_documents()
        reader = await reader_of(request, self.showcase)
        return {
            "reader": reader,
            "apis": self.apis,
            "blurbs": BLURBS,
            "tabs": TABS,
            "guides": prose.GUIDES,
            "languages": LANGUAGES,
            "here": request.scope["path"].rstrip("/"),
            "as_json": as_json,
            "inline": prose.inline,
            "localised": lambda html: _localised(html, reader),
            "credential": speaking.said,
            "keyed": lambda code: _keyed(code, reader),
        }

    async def read_documents(self) -> None:
        """Makes the documents once, beside the event loop: all of them together take a second."""
        if not all("operations" in vars(api) for api in self.apis.values()):
            await asyncio.to_thread(lambda: [api.operations for api in self.apis.values()])

    def api(self, name: str) -> Api:
        if name not in self.apis:
            raise NotFound("page")
        return self.apis[name]

    def operations(self) -> list[Found]:
        return [
            Found(api.name, one.method, one.address, one.summary, f"{_home(api)}/resources/{group.slug}#{one.anchor}")
            for api in self.apis.values()
            for group in api.groups
            for one in group.operations
        ]

    def search(self, words: str) -> list[Found]:
        wanted = words.lower().split()[:8]
        texts = [(f"{one.api} {one.method} {one.path} {one.said}".lower(), one) for one in self.operations()]
        return [one for text, one in texts if wanted and all(word in text for word in wanted)]


def _home(api: Api) -> str:
    return f"/docs/{api.name}"


def _localised(html: Markup, reader: Reader) -> Markup:
    """The files name an example's host; this is the one that is being read at."""
    shop = str(escape(reader.shop_url.partition("://")[2]))
    text = str(html).replace(prose.EXAMPLE_HOST, str(escape(reader.base))).replace(prose.EXAMPLE_SHOP, shop)
    return Markup(text)  # noqa: S704 (our own files)


def _keyed(code: Markup, reader: Reader) -> Markup:
    """A key that anybody may know stands in the code from the start."""
    if reader.key is None:
        return code
    return Markup(str(code).replace(f">{API_KEY}<", f">{escape(reader.key)}<"))  # noqa: S704 (highlighted, so escaped)


def portal(dialects: Sequence[Dialect], showcase: Showcase) -> Face:
    found = Portal(dialects, showcase)
    return Face(
        name="portal",
        prefix="/docs",
        sign_in="/dashboard/sign-in",
        prepare=found.prepare,
        routes=[*_general(found), *_about_an_api(found), *_around_an_api(found), *actions(found)],
    )


def _general(portal: Portal) -> list[Any]:
    @get("/", needs=PUBLIC, sync_to_thread=False)
    def home(request: PageRequest) -> Page:
        return render(request, "home.html", table=prose.table_of("side-by-side"))

    @get("/search", needs=PUBLIC, sync_to_thread=False)
    def search(request: PageRequest) -> Page:
        words = request.query_params.get("q", "")[:200]
        return render(request, "search.html", words=words, found=portal.search(words))

    @get("/operations.json", needs=PUBLIC, sync_to_thread=False)
    def operations(request: PageRequest) -> Page:
        body = msgspec.json.encode(portal.operations())
        return Page(body, media_type="application/json", headers={"Cache-Control": "public, max-age=300"})

    @get("/guides/{name:str}", needs=PUBLIC, sync_to_thread=False)
    def guide(request: PageRequest, name: str) -> Page:
        if name not in prose.GUIDES:
            raise NotFound("page")
        return render(request, "guide.html", prose=prose.read(name), title=prose.GUIDES[name])

    return [home, search, operations, guide]


def _about_an_api(portal: Portal) -> list[Any]:
    @get("/{name:str}", needs=PUBLIC, sync_to_thread=False)
    def overview(request: PageRequest, name: str) -> Page:
        api = portal.api(name)
        told = prose.read(name)
        return render(request, "api/overview.html", api=api, prose=told, sections=told.named(prose.CONVENTIONS))

    @get("/{name:str}/quick-start", needs=PUBLIC, sync_to_thread=False)
    def quick_start(request: PageRequest, name: str) -> Page:
        api = portal.api(name)
        return render(request, "api/quick_start.html", api=api, steps=starting.steps(api, _reader(request)))

    @get("/{name:str}/authentication", needs=PUBLIC, sync_to_thread=False)
    def authentication(request: PageRequest, name: str) -> Page:
        api = portal.api(name)
        steps = starting.steps(api, _reader(request))
        shown = next((one for one in steps if one.sample.headers), steps[0])
        sections = prose.read(name).named(prose.AUTHENTICATION)
        return render(request, "api/authentication.html", api=api, sections=sections, shown=shown)

    @get("/{name:str}/resources/{slug:str}", needs=PUBLIC, sync_to_thread=False)
    def resources(request: PageRequest, name: str, slug: str) -> Page:
        api, reader = portal.api(name), _reader(request)
        group = next((one for one in api.groups if one.slug == slug), None)
        if group is None:
            raise NotFound("page")
        shown = [(one, speaking.sample(api, one, reader), group.first_with_answer_of(one)) for one in group.operations]
        return render(request, "api/resources.html", api=api, group=group, shown=shown)

    return [overview, quick_start, authentication, resources]


def _around_an_api(portal: Portal) -> list[Any]:
    """What holds for all of its operations, and trying them."""

    @get("/{name:str}/errors", needs=PUBLIC, sync_to_thread=False)
    def errors(request: PageRequest, name: str) -> Page:
        return render(request, "api/errors.html", api=portal.api(name), sections=prose.read(name).named(prose.ERRORS))

    @get("/{name:str}/limits", needs=PUBLIC, sync_to_thread=False)
    def limits(request: PageRequest, name: str) -> Page:
        api = portal.api(name)
        first = next(one for one in starting.steps(api, _reader(request)) if one.operation.method == "GET")
        told = prose.read(name).named(prose.LIMITS)
        codes = telling.patient(first.sample.address)
        return render(request, "api/limits.html", api=api, sections=told, codes=codes)

    @get("/{name:str}/webhooks", needs=PUBLIC, sync_to_thread=False)
    def webhooks(request: PageRequest, name: str) -> Page:
        api, maker = portal.api(name), portal.apis.get("baas")
        made = maker.operations["platform_add_webhook"] if maker else None
        example = {"url": "https://example.com/hooks", "events": ["order.created", "order.paid"]}
        shown = speaking.sample(maker, made, _reader(request), body=example) if maker and made else None
        sections = prose.read(name).named(prose.WEBHOOKS)
        return render(request, "api/webhooks.html", api=api, sections=sections, made=shown, events=telling.EVENTS)

    @get("/{name:str}/decisions", needs=PUBLIC, sync_to_thread=False)
    def decisions(request: PageRequest, name: str) -> Page:
        return render(request, "api/decisions.html", api=portal.api(name), sections=prose.read(name).rest())

    @get("/{name:str}/try", needs=PUBLIC, sync_to_thread=False)
    def try_it(request: PageRequest, name: str) -> Page:
        """The renderer of the API's own page writes its styles into itself; scripts are still our own files only."""
        request.visitor.policy = {"style-src": "'unsafe-inline'"}
        return render(request, "api/try.html", api=portal.api(name))

    @get("/{name:str}/{rest:path}", needs=PUBLIC, sync_to_thread=False)
    def nothing(request: PageRequest, name: str, rest: str) -> Page:
        """A page of the portal says so, with its navigation."""
        raise NotFound("page")

    return [errors, limits, webhooks, decisions, try_it, nothing]


def _reader(request: PageRequest) -> Reader:
    reader: Reader = request.visitor.values["reader"]
    return reader
