"""A dialect with no shop behind it, and a runtime with no database: the edge by itself, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from tests.in_thread import in_thread
from tests.ports import free_port

from merx.core.auth.model import EVERYTHING, STOREFRONT_SCOPES, Credential, InvalidKey, InvalidToken
from merx.core.tenants.model import Origins, Plan
from merx.edge.app import Dialect, MerxRequest, MerxResponse, encode, reply
from merx.edge.at_once import AtOnce
from merx.edge.client import Hosts, Proxies
from merx.edge.composition import Edge, Ready, live
from merx.edge.errors import status_of
from merx.edge.gateway import Gateway, nothing_here
from merx.edge.logs import LineWriter
from merx.edge.request_log import RequestLog
from merx.kernel.context import ActorKind
from merx.kernel.errors import Busy, Kind, MerxError, Refused
from merx.kernel.ids import TenantId
from merx.runtime import Runtime
from merx.settings import Settings
from merx.vault import Vault

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 422,
    Kind.DECLINED: 402,
    Kind.LIMITED: 429,
    Kind.BUSY: 503,
    Kind.UPSTREAM: 502,
    Kind.INTERNAL: 500,
}


class Wrong(msgspec.Struct):
    code: str
    message: str
    fields: dict[str, list[str]]


def render(request: MerxRequest, error: MerxError) -> Response[Any]:
    body = encode(Wrong(error.code, error.message, error.fields))
    return MerxResponse(body, status_code=status_of(error, STATUS), media_type="application/json")


class Ask(msgspec.Struct, frozen=True, rename={"page_size": "pageSize"}):
    page: Annotated[int, msgspec.Meta(ge=1, le=100, description="1 is the first")] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    sort: Literal["name", "price"] = "name"
    active: bool | None = None
    min_price: Decimal | None = None
    since: datetime | None = None
    tag: list[str] = []


class Part(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    part_name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class NewThing(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    price: Decimal
    kind: Literal["big", "small"] = "big"
    parts: Annotated[list[Part], msgspec.Meta(max_length=100)] = []
    inner: Part | None = None


class Thing(msgspec.Struct):
    id: str
    name: str
    price: Decimal


class Things(msgspec.Struct):
    count: int
    query: str


class State:
    """What the handlers did, for the tests to look at."""

    def __init__(self) -> None:
        self.listed = self.made = 0
        self.wait: asyncio.Event | None = None
        self.version = 1


state = State()


@get("/things/", asks=Ask, tags=["Things"])
async def list_things(request: MerxRequest) -> Things:
    """Lists things.

    And says more about it."""
    request.ctx.require("catalog:read")
    asked = request.ask(Ask)
    state.listed += 1
    query = request.scope["query_string"].decode()
    return Things(state.listed, f"{query}|{asked.page_size}|{asked.min_price}|{asked.tag}")


@post("/things/", tags=["Things"], errors=(402,))
async def make_thing(request: MerxRequest, data: NewThing) -> Thing:
    request.ctx.require("products:write")
    state.made += 1
    if data.name == "refused":
        raise Refused("Not this one.", code="not_this_one")
    if data.name == "busy":
        raise Busy()
    return Thing(f"t{state.made}", data.name, data.price)


@post("/open/", public=True)
async def open_to_all(request: MerxRequest) -> Things:
    """Needs no credential, like signing up."""
    state.made += 1
    return Things(state.made, "")


@patch("/things/{thing:str}", tags=["Things"])
async def change_thing(request: MerxRequest, thing: str, data: Part | None = None) -> Response[Thing]:
    return reply(Thing(thing, "changed", Decimal("12.30")), 202, {"X-Of-Its-Own": "yes"})


@get("/things/{thing:str}", tags=["Things"])
async def one_thing(request: MerxRequest, thing: str) -> Thing:
    return Thing(thing, "one", Decimal("0.1234567890123456789012345"))


@delete("/things/{thing:str}", tags=["Things"])
async def delete_thing(request: MerxRequest, thing: str) -> None:
    return None


@get("/boom/", public=True)
async def boom() -> Thing:
    raise RuntimeError("secret detail")


@get("/who/", public=True)
async def who(request: MerxRequest) -> dict[str, Any]:
    visit, ctx = request.visit, request.visit.ctx
    return {
        "address": visit.address,
        "https": visit.https,
        "slug": visit.host_slug,
        "actor": ctx and ctx.actor,
        "tenant": ctx and str(ctx.tenant),
        "denied": visit.denied and visit.denied.code,
    }


FAKE = Dialect(
    name="fake",
    title="Fake API",
    version="1.2.3",
    routes={"/fake/v1": [list_things, make_thing, one_thing, change_thing, delete_thing, boom, who, open_to_all]},
    render=render,
    error_type=Wrong,
    docs="/fake/v1",
    security={"Bearer": {"type": "http", "scheme": "bearer"}},
    query_key="api_key",
    cached=("/fake/v1/things/",),
    open=("/fake/v1/things",),
)
OTHER = replace(FAKE, name="other", routes={"/fake": [get("/things/")(boom.fn)]}, docs="/fake", cached=(), open=())

TENANT = TenantId(UUID(int=1))
KEY, SECRET, FREE, TOKEN = "pk_live_all_the_same", "sk_live_all_of_it", "pk_live_free_plan", "ey.a.token"


def credential(plan: Plan = Plan.ENTERPRISE, scopes: frozenset[str] = STOREFRONT_SCOPES, actor: int = 7) -> Credential:
    return Credential(
        TENANT, "mystore", plan, None, "api_key", UUID(int=actor), ActorKind.KEY, UUID(int=actor), scopes, None
    )


class FakeAuthority:
    def __init__(self) -> None:
        self.asked = 0
        self.allowed: tuple[str, ...] = ()
        self.keys = {
            KEY: credential(Plan.ENTERPRISE),
            SECRET: credential(Plan.ENTERPRISE, EVERYTHING, 8),
            FREE: credential(Plan.FREE, EVERYTHING, 9),
        }

    async def by_key(self, rt: Runtime, key: str) -> Credential:
        self.asked += 1
        if key not in self.keys:
            raise InvalidKey()
        return self.keys[key]

    async def by_token(self, rt: Runtime, token: str) -> Credential:
        self.asked += 1
        if token != TOKEN:
            raise InvalidToken()
        return credential(scopes=EVERYTHING, actor=10)

    async def shop(self, rt: Runtime, slug: str | None, domain: str | None) -> tuple[TenantId, str] | None:
        return (TENANT, "mystore") if slug == "mystore" or domain == "shop.example" else None

    async def origins(self, rt: Runtime, tenant: TenantId) -> Origins:
        return Origins(("http://mystore.localhost:8000",), self.allowed, local=False)

    def digest(self, rt: Runtime, key: str) -> bytes:
        return key.encode()

    async def standing(self, rt: Runtime, digests: Any) -> dict[bytes, Credential]:
        return {key.encode(): found for key, found in self.keys.items() if key.encode() in digests}


class FakeDatabase:
    """Knows versions, and nothing else."""

    def __init__(self) -> None:
        self.catalog_listeners: list[Any] = []
        self.away = False

    async def catalog_versions(self, tenants: list[TenantId]) -> dict[TenantId, int]:
        return dict.fromkeys(tenants, state.version)

    async def lookup(self, sql: str, *args: Any) -> Any:
        if self.away:
            raise Busy()
        return (True,)


def runtime(**changes: Any) -> Runtime:
    settings = msgspec.structs.replace(Settings(base_domain="localhost:8000"), **changes)
    return Runtime(settings, FakeDatabase(), Vault(b"k" * 32), {}, None)  # type: ignore[arg-type]


class App:
    """The whole edge around the fake dialects, as one ASGI app."""

    def __init__(self, rt: Runtime | None = None, log_to: Path | None = None) -> None:
        self.rt = rt or runtime()
        self.authority = FakeAuthority()
        self.edge = Edge(self.rt, self.authority)
        self._file = (log_to or Path("/dev/null")).open("ab")
        self.lines = LineWriter(self._file.fileno(), 0.01)
        self.gateway = Gateway(
            [*self.edge.mounts(FAKE), *self.edge.mounts(OTHER), ("/livez", live()), ("/readyz", Ready(self.rt))],
            nothing_here,
            self.lifespan,
            proxies=Proxies(self.rt.settings.trusted_proxies),
            hosts=Hosts(self.rt.settings.base_domain),
            request_log=RequestLog(self.lines),
            metrics=self.edge.metrics,
        )
        self.at_once = AtOnce(self.gateway, self.rt.settings.require_https)
        self._polling: asyncio.Task[None] | None = None

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self._polling = asyncio.create_task(self.edge.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._polling.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.gateway(scope, receive, send)


@contextlib.contextmanager
def served(app: Any) -> Iterator[int]:
    """`app` behind the real server, in a thread of its own; yields the port."""
    port = free_port()
    with in_thread(app, port):
        yield port


def now() -> datetime:
    return datetime.now(UTC)
