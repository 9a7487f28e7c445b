"""The access log: which requests it holds, how soon, for how long, and what never stands in it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from msgspec.structs import replace
from tests.databases import own_database
from tests.dialects.reference.desk import BASE, STRANGER, Desk
from tests.dialects.site import PASSWORD, Shop, open_shop, runtime, settings_for

from merx.asgi import DIALECTS, running
from merx.core.activity import rules, service
from merx.core.activity.model import Kind, Level, Page, Strip
from merx.core.auth import clients, keys
from merx.core.customers import service as customers
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.edge.access_log import EVERY_SECONDS, MOST_PACKED, AccessLog
from merx.edge.metrics import Metrics
from merx.edge.visit import Visit
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Busy
from merx.kernel.ids import PLATFORM_TENANT, TenantId
from merx.runtime import Runtime
from merx.settings import load

Open = Callable[..., Awaitable[Shop]]
APIS = [dialect.name for dialect in DIALECTS]


@dataclass(frozen=True, order=True)
class Seen:
    at: float
    number: int
    tenant: TenantId
    kind: Kind

    @property
    def id(self) -> str:
        return f"r-{self.number:x}"


def seen_at(ctx: Ctx, moment: float, status: int = 200, path: str = "/p", number: int = 0) -> Seen:
    kind = Kind(ActorKind.KEY, ctx.actor_id, "192.0.2.7", "GET", path, "baas", status)
    return Seen(moment, number, ctx.tenant, kind)


def packed(seen: Sequence[Seen]) -> list[Page]:
    """As a process would write them that saw them in their order."""
    strips: dict[tuple[TenantId, Kind], Strip] = {}
    for one in sorted(seen, key=lambda one: one.at):
        strip = strips.setdefault((one.tenant, one.kind), Strip(one.tenant, one.kind))
        strip.at.append(one.at)
        strip.took.append(0.0123)
        strip.numbers.append(one.number)
    return rules.pack(strips.values(), "r")


# ── What is in it ────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_it_holds_every_request_of_every_dialect(desk: Desk) -> None:
    """In two seconds, with its level by status; newest first."""
    shop, key = desk.shop, desk.headers()
    asked = [
        ("GET", f"{BASE}/products", 200, "reference"),
        ("GET", f"{BASE}/products/prod_{STRANGER}", 404, "reference"),
        ("POST", f"{BASE}/orders", 400, "reference"),
        ("GET", "/commerce/v2/products", 200, "commerce"),
        ("GET", "/api/store/products/", 200, "baas"),
        ("GET", f"/api/products?tenant={shop.slug}", 200, "pycommerce"),
        ("GET", f"/api/v1/public/projects/{shop.slug}/ecommerce/products", 200, "aerostack"),
        ("DELETE", "/commerce/v2/products", 405, "commerce"),
    ]
    for method, path, status, api in asked:
        headers = {**key, **({"Host": shop.http.headers["Host"]} if api == "baas" else {})}
        if api == "aerostack":
            headers = {"Authorization": f"Bearer {shop.key}"}
        answer = await desk.http.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code == status, (path, answer.text)
    began = time.monotonic()
    found = await desk.logged(len(asked))
    assert time.monotonic() - began < 10
    told = [(one["method"], one["path"], one["status"], one["api"]) for one in found]
    assert told == [(method, path.partition("?")[0], status, api) for method, path, status, api in asked[::-1]]
    assert [one["level"] for one in found] == ["info" if s < 400 else "warn" for _, _, s, _ in asked[::-1]]
    assert len({one["requestId"] for one in found}) == len(asked)
    assert all(0 < one["durationMs"] < 60_000 for one in found)


async def test_what_is_answered_from_memory_is_in_it_too(desk: Desk) -> None:
    """The shortest way through the server, and an answer that was not changed."""
    await desk.product()
    first = await desk.get("/products")
    for _ in range(20):
        assert (await desk.get("/products")).status_code == 200
    unchanged = {**desk.headers(), "If-None-Match": first.headers["etag"]}
    assert (await desk.http.get(f"{BASE}/products", headers=unchanged)).status_code == 304
    found = await desk.logged(22)
    assert [one["status"] for one in found] == [304] + [200] * 21
    assert {(one["path"], one["api"], one["level"]) for one in found} == {(f"{BASE}/products", "reference", "info")}


async def test_it_is_two_seconds_behind_at_most(desk: Desk) -> None:
    """By what is in the table, where nobody else asks anything: the writer does not wait for company. Of the two seconds
    it takes one by its own clock; how long the rest takes depends on the machine."""
    assert EVERY_SECONDS <= 1
    for number in range(3):
        await desk.get("/products", offset=number)
        async with asyncio.timeout(15):
            while (await service.list_entries(desk.shop.rt, desk.shop.ctx))[1] <= number:
                await asyncio.sleep(0.1)


async def test_callers_are_named(desk: Desk) -> None:
    shop, path = desk.shop, f"{BASE}/products"
    await desk.http.get(path, headers=await shop.shopper())
    await desk.http.get(path, headers=desk.headers())
    login = await desk.http.post(
        "/commerce/v2/auth/login", json={"email": shop.email, "password": "a-password-for-tests"}
    )
    await desk.http.get(path, headers={"Authorization": f"Bearer {login.json()['accessToken']}"})
    await desk.http.get("/api/store/products/", headers={"Host": shop.http.headers["Host"]})
    found = await desk.logged(4)
    messages = [one["message"] for one in found][::-1]
    assert messages == [
        "User 'shopper1' accessed /products endpoint.",
        "API key 'Back office' accessed /products endpoint.",
        f"User '{shop.email.partition('@')[0]}' accessed /products endpoint.",
        "Somebody accessed /api/store/products/ endpoint.",
    ]
    prefixes = [(one["userId"] or "").partition("_")[0] for one in found][::-1]
    assert prefixes == ["usr", "key", "usr", ""]


async def test_an_oauth_client_is_named(desk: Desk) -> None:
    """A client that acts for itself; its token is a credential like any other."""
    grants, scopes = ["client_credentials"], ["catalog:read", "logs:read"]
    made = await clients.create(desk.shop.rt, desk.shop.ctx, "Analytics", [], grants, scopes)
    ident = ids.encode("client", made.client.id)
    answer = await desk.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": " ".join(scopes)},
        auth=(str(made.client.id), made.secret or ""),
    )
    assert answer.status_code == 200, answer.text
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await desk.http.get(f"{BASE}/products", headers=token)).status_code == 200
    assert (await desk.http.get(f"{BASE}/users", headers=token)).status_code == 403
    found = await desk.logged(2)
    assert [(one["userId"], one["message"], one["status"]) for one in found] == [
        (ident, "Client 'Analytics' accessed /users endpoint.", 403),
        (ident, "Client 'Analytics' accessed /products endpoint.", 200),
    ]
    assert (await desk.http.get(f"{BASE}/logs", headers=token)).status_code == 200


async def test_who_is_turned_away_at_the_door_is_in_it_too(desk: Desk, new_shop: Open) -> None:
    """A credential nobody knows, or another shop's: the shop is the one that the address names."""
    shop, other = desk.shop, await new_shop()
    host = {"Host": shop.http.headers["Host"]}
    bad = {"Authorization": "Bearer sk_live_" + "0" * 38}
    project = f"/api/v1/public/projects/{shop.slug}/ecommerce/products"
    asked: list[tuple[str, dict[str, Any], int]] = [
        ("/api/store/products/", {**host, **bad}, 401),
        ("/commerce/v2/products", {**host, "Authorization": "Bearer nonsense"}, 401),
        (f"{BASE}/products", {**host, "Authorization": f"Bearer {other.key}"}, 403),
        (f"{BASE}/users", {**host, **bad, "X-API-Key": shop.key}, 400),
        (project, bad, 401),
    ]
    for path, headers, status in asked:
        answer = await desk.http.get(path, headers=headers)
        assert answer.status_code == status, (path, answer.text)
    await desk.http.get(f"{BASE}/products", headers=bad)  # of no shop at all
    await desk.http.options("/api/store/products/", headers={**host, **bad})  # asks nothing
    found = await desk.logged(len(asked))
    told = [(one["path"], one["status"], one["level"], one["userId"]) for one in found]
    assert told == [(path, status, "warn", None) for path, _, status in asked[::-1]]
    assert all(one["message"].startswith("Somebody accessed ") for one in found)


async def test_pages_are_no_api(desk: Desk) -> None:
    host = {"Host": desk.shop.http.headers["Host"]}
    assert (await desk.http.get("/", headers=host)).status_code == 200
    await desk.get("/products")
    assert [one["api"] for one in await desk.logged(1)] == ["reference"]


# ── Choosing from it ─────────────────────────────────────────────────────────────────────────────────────────────────
async def test_dates_levels_and_pages(desk: Desk) -> None:
    ctx = desk.shop.ctx
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = (today - timedelta(days=1)).timestamp()
    statuses = [200, 204, 301, 400, 404, 429, 500, 503]
    seen = [seen_at(ctx, day + n * 600 + 0.5, statuses[n % 8], f"/p/{n}", n) for n in range(144)]
    await service.append(desk.shop.rt, packed(seen))
    whole = {"endDate": today.isoformat().replace("+00:00", "Z")}

    async def asked(**params: Any) -> tuple[list[str], int]:
        answer = await desk.get("/logs", **{"limit": 100, **params})
        assert answer.status_code == 200, answer.text
        return [one["path"] for one in answer.json()], int(answer.headers["X-Total-Count"])

    everything = [f"/p/{n}" for n in range(143, -1, -1)]
    assert await asked(**whole) == (everything[:100], 144)
    assert await asked(**whole, offset=100) == (everything[100:], 144)
    assert await asked(**whole, offset=142, limit=1) == (everything[142:143], 144)
    assert await asked(**whole, offset=144) == ([], 144)
    for level, of in (("info", (0, 1, 2)), ("warn", (3, 4, 5)), ("error", (6, 7))):
        wanted = [f"/p/{n}" for n in range(143, -1, -1) if n % 8 in of]
        assert await asked(**whole, level=level) == (wanted[:100], len(wanted))
        assert await asked(**whole, level=level, offset=7, limit=5) == (wanted[7:12], len(wanted))
    # Both ends are included, to the second.
    first, last = (datetime.fromtimestamp(day + n * 600, UTC).isoformat().replace("+00:00", "Z") for n in (10, 12))
    assert await asked(startDate=first, endDate=last) == (["/p/12", "/p/11", "/p/10"], 3)
    later = first.replace("00Z", "01Z")
    assert await asked(startDate=later, endDate=last) == (["/p/12", "/p/11"], 2)
    assert await asked(startDate=first.replace("Z", ".300Z"), endDate=last) == (["/p/12", "/p/11"], 2)
    assert await asked(startDate=later, endDate=last.replace("00Z", "00.900Z"), level="error") == ([], 0)
    assert await asked(startDate=first.replace("Z", "+00:00"), endDate=last) == (["/p/12", "/p/11", "/p/10"], 3)
    date = first[:10]
    assert await asked(startDate=date, endDate=date) == (everything[:100], 144)


async def test_any_part_of_it_is_what_a_reading_of_all_would_give(desk: Desk) -> None:
    """Some days at random, asked in parts at random."""
    dice, ctx, rt = random.Random(11), desk.shop.ctx, desk.shop.rt
    now = datetime.now(UTC).replace(microsecond=0)
    spread = [dice.choice((30, 4000, 90_000)) for _ in range(600)]
    seen = [
        seen_at(ctx, (now - timedelta(seconds=dice.randint(0, far))).timestamp() + dice.random() * 0.9,
                dice.choice((200, 200, 200, 404, 500)), number=number)
        for number, far in enumerate(spread)
    ]  # fmt: skip
    for part in (seen[:250], seen[250:400], seen[400:]):
        await service.append(rt, packed(part))
    order = sorted(seen, key=lambda one: (one.at, one.number), reverse=True)
    levels = {None: range(600), Level.INFO: range(400), Level.WARN: range(400, 500), Level.ERROR: range(500, 600)}
    for _ in range(80):
        level = dice.choice(list(levels))
        start = dice.choice((None, now - timedelta(seconds=dice.randint(0, 90_000))))
        end = dice.choice((None, now - timedelta(seconds=dice.randint(0, 90_000))))
        limit, offset = dice.choice((1, 7, 100)), dice.choice((0, 1, 50, 333))
        wanted = [
            one.id
            for one in order
            if one.kind.status in levels[level]
            and (start is None or int(one.at) >= start.timestamp())
            and (end is None or int(one.at) <= end.timestamp())
        ]
        found, total = await service.list_entries(rt, ctx, start, end, level, limit, offset)
        asked = (level, start, end, limit, offset)
        assert (total, [one.request_id for one in found]) == (len(wanted), wanted[offset : offset + limit]), asked


async def test_within_a_second_the_last_to_end_is_first_whoever_saw_it(desk: Desk) -> None:
    """Pages of several processes, of one second, read as one."""
    ctx, second = desk.shop.ctx, int(time.time()) - 60
    mine = [seen_at(ctx, second + n / 10, path=f"/{n}", number=n) for n in (1, 4, 7)]
    theirs = [seen_at(ctx, second + n / 10, path=f"/{n}", number=n) for n in (2, 3, 9)]
    await service.append(desk.shop.rt, [*packed(mine), *packed(theirs)])
    assert [one["path"] for one in await desk.logged(6)] == ["/9", "/7", "/4", "/3", "/2", "/1"]
    assert [one["path"] for one in (await desk.get("/logs", limit=2, offset=3)).json()][-1:] != []


# ── What never stands in it ──────────────────────────────────────────────────────────────────────────────────────────
async def test_no_secret_and_no_person_is_in_it(desk: Desk, owner: Any) -> None:
    secrets = ["sk_live_CANARY0123456789abcdef", "whsec_CANARY0123456789", "canary@example.com", "4242424242424242"]
    for secret in secrets:
        await desk.get(f"/products/{secret}")
        await desk.http.get(f"{BASE}/products", params={"api_key": secret, "token": secret}, headers=desk.headers())
    await desk.http.get(f"/api/store/products/?key={desk.shop.key}", headers={"Host": desk.shop.http.headers["Host"]})
    found = await desk.logged(len(secrets) * 2)
    assert not any("CANARY" in str(one) or "canary" in str(one) or "4242" in one["path"] for one in found)
    kept = b"".join(
        row[0] for row in await owner.fetch("select entries from access_log where tenant_id = $1", desk.shop.ctx.tenant)
    )
    for secret in (*secrets, desk.shop.key, desk.key, desk.shop.email):
        assert secret.encode() not in kept


async def test_nor_what_a_caller_is_called_where_that_is_an_address_or_a_secret(desk: Desk) -> None:
    shop = desk.shop
    wanted = customers.NewCustomer("canary@example.com", PASSWORD, "Jane", username="canary@example.com")
    jane = (await customers.register(shop.rt, replace(shop.ctx, now=datetime.now(UTC)), wanted)).tokens.access
    key = await keys.create(shop.rt, shop.ctx, "instead of sk_live_CANARY0123456789abcdef")
    for credential in (jane, key.secret):
        await desk.get("/products", credential)
    messages = [one["message"] for one in await desk.logged(2)]
    assert len(messages) == 2 and not any("canary" in one.lower() for one in messages), messages
    assert "API key 'instead of [hidden]' accessed /products endpoint." in messages


async def test_an_entry_is_one_line_whatever_was_asked_for(desk: Desk) -> None:
    """It is read in terminals, and anybody may make up an address."""
    await desk.get("/products/x%0Aerror%20all%20is%20lost%1b%5b2J%E2%80%AE%C2%9B")
    (shown,) = await desk.logged(1)
    assert shown["path"] == f"{BASE}/products/x%0Aerror all is lost%1B[2J%E2%80%AE%C2%9B"
    assert "/products/x%0Aerror all is lost%1B[2J" in shown["message"] and shown["message"].isprintable()


async def test_an_address_is_not_what_a_client_says(desk: Desk) -> None:
    """Nobody is a trusted proxy here, so no header counts."""
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    await desk.http.get(f"{BASE}/products", headers={**desk.headers(), **forged})
    (shown,) = await desk.logged(1)
    assert shown["ipAddress"].startswith("127.")


# ── Written and kept ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="session")
async def log_dsn(dsn: Dsn) -> Dsn:
    """A database of its own, whose worker no other test meets."""
    return await own_database(dsn, "access_log")


@pytest.fixture
async def alone(log_dsn: Dsn) -> AsyncIterator[Database]:
    database = await Database.open(log_dsn.app, pool_size=4)
    yield database
    await database.close()


async def test_behind_a_trusted_proxy_and_nothing_lost_on_a_clean_stop(alone: Database) -> None:
    """The last untrusted hop is the client. A stop directly behind the last answer writes what was seen."""
    settings = replace(load({"MERX_TRUSTED_PROXIES": "127.0.0.1"}), secret_key=settings_for(1).secret_key)
    rt = runtime(settings, alone)
    shop = await open_shop(rt)
    headers = {"Authorization": f"Bearer {shop.key}"}
    async with running(rt) as gateway:
        transport = httpx.ASGITransport(app=gateway, client=("127.0.0.1", 1))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            for number in range(250):
                forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
                answer = await http.get(f"{BASE}/products?offset={number}", headers={**headers, **forwarded})
                assert answer.status_code == 200
    await shop.http.aclose()
    found, total = await service.list_entries(rt, shop.ctx, limit=100)
    assert total == 250
    assert {one.kind.address for one in found} == {"203.0.113.9"}
    assert all(one.kind.status == 200 and one.kind.path == f"{BASE}/products" for one in found)


class Away:
    """A database that can't be reached for a while."""

    def __init__(self, rt: Runtime) -> None:
        self.rt, self.down = rt, True

    async def lookup(self, sql: str, *args: Any) -> Any:
        if self.down:
            raise Busy
        return await self.rt.db.lookup(sql, *args)


def visit_of(ctx: Ctx, status: int = 200) -> Visit:
    visit = Visit({}, "192.0.2.7", False)
    visit.ctx, visit.status, visit.dialect = ctx, status, "baas"
    return visit


async def test_what_cannot_be_written_waits_and_what_is_too_much_is_counted(desk: Desk) -> None:
    ctx, away = replace(desk.shop.ctx, actor_id=ids.new()), Away(desk.shop.rt)
    rt = replace(desk.shop.rt, db=away)  # type: ignore[arg-type]
    metrics = Metrics()
    log = AccessLog(rt, metrics, APIS)
    for _ in range(MOST_PACKED + 60_000):
        log.note(visit_of(ctx), "GET", "/p", 0.001)
    assert not await log.flush() and not await log.flush()
    assert 60_000 <= log.dropped <= 120_000  # whole pages, the oldest
    assert b'merx_access_log_dropped_total{process="' in metrics.page() and b"%d.0" % log.dropped in metrics.page()
    log.note(visit_of(ctx), "GET", "/last", 0.001)
    away.down = False
    await log.close()
    found, total = await service.list_entries(desk.shop.rt, desk.shop.ctx, limit=1)
    assert (total, found[0].kind.path) == (MOST_PACKED + 60_001 - log.dropped, "/last")


async def test_requests_stand_in_the_order_they_were_answered_in(desk: Desk) -> None:
    """Whose log one stands in may have to be looked up first, while the client asks for more; a clock may go back."""
    ctx, log, second = desk.shop.ctx, AccessLog(desk.shop.rt, Metrics(), APIS), int(time.time()) - 60
    for path, answered in (("/last", 1.5), ("/same", 0.99), ("/same", 1.01), ("/same", 0.98), ("/first", 0.5)):
        visit = visit_of(ctx)
        visit.answered = second + answered
        log.note(visit, "GET", path, 0.001)
    await log.close()
    found, _ = await service.list_entries(desk.shop.rt, ctx)
    told = [(one.kind.path, int(one.at.timestamp()) - second) for one in found]
    assert told == [("/last", 1), ("/same", 1), ("/same", 1), ("/same", 0), ("/first", 0)]


async def test_a_page_that_was_sent_twice_is_there_once(desk: Desk) -> None:
    pages = packed([seen_at(desk.shop.ctx, time.time(), number=n) for n in range(7)])
    await service.append(desk.shop.rt, pages)
    await service.append(desk.shop.rt, pages)
    assert (await service.list_entries(desk.shop.rt, desk.shop.ctx))[1] == 7


async def test_the_platforms_own_requests_belong_to_no_shop(desk: Desk) -> None:
    platform = replace(desk.shop.ctx, tenant=TenantId(PLATFORM_TENANT))
    log = AccessLog(desk.shop.rt, Metrics(), APIS)
    log.note(visit_of(platform), "GET", "/p", 0.001)
    log.note(Visit({}, "192.0.2.7", False), "GET", "/p", 0.001)
    assert packed([seen_at(platform, time.time())]) == []
    await log.close()


PARTITIONS = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent in ('access_log'::regclass, 'access_log_hours'::regclass) order by 1
"""


async def test_days_are_made_ahead_and_dropped(alone: Database, log_dsn: Dsn) -> None:
    rt = runtime(replace(settings_for(1), log_days=3), alone)
    assert log_dsn.owner is not None
    owner = await asyncpg.connect(**log_dsn.owner)
    today = datetime.now(UTC).date()
    parents = ("access_log", "access_log_hours")
    names = sorted(f"{of}_{today + timedelta(days=n):%Y%m%d}" for n in range(-1, 4) for of in parents)
    assert [row[0] for row in await owner.fetch(PARTITIONS)] == names
    # A process that slept for ten days makes the day it writes to; the chore drops what is past keeping.
    for row in await owner.fetch(PARTITIONS):
        await owner.execute(f"drop table access_log_days.{row[0]}")
    old = today - timedelta(days=10)
    await alone.lookup("select keep_access_log($1, 30)", old)
    assert len(await owner.fetch(PARTITIONS)) == 10
    ctx = Ctx(TenantId(ids.new()), ActorKind.KEY, ids.new(), scopes=frozenset({"logs:read"}))
    await service.append(rt, packed([seen_at(ctx, time.time())]))
    assert [row[0] for row in await owner.fetch(PARTITIONS)] == names
    assert (await service.list_entries(rt, ctx))[1] == 1
    assert await service.keep(rt) == 0
    await owner.close()


async def test_the_days_are_out_of_reach_and_nothing_in_them_is_changed(desk: Desk, owner: Any) -> None:
    await service.append(desk.shop.rt, packed([seen_at(desk.shop.ctx, time.time())]))
    day = (await owner.fetch(PARTITIONS))[0][0]
    assert not await owner.fetchval("select has_schema_privilege('merx_app', 'access_log_days', 'usage')")
    assert not await owner.fetchval("select has_table_privilege('merx_app', $1, 'select')", f"access_log_days.{day}")
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        assert not await owner.fetchval("select has_table_privilege('merx_app', 'access_log', $1)", right)


async def test_without_the_log_nothing_is_kept(alone: Database) -> None:
    rt = runtime(replace(settings_for(1), access_log=False), alone)
    shop = await open_shop(rt)
    async with running(rt) as gateway:
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            await http.get(f"{BASE}/products", headers={"Authorization": f"Bearer {shop.key}"})
    await shop.http.aclose()
    assert (await service.list_entries(rt, shop.ctx))[1] == 0


def test_settings() -> None:
    assert load({}).access_log and load({}).log_days == 30
    assert not load({"MERX_ACCESS_LOG": "0"}).access_log
    assert load({"MERX_LOG_DAYS": "7"}).log_days == 7


def test_levels() -> None:
    made = [
        Kind(ActorKind.KEY, None, "", "GET", "/", "baas", status).level
        for status in (200, 304, 399, 400, 499, 500, 599)
    ]
    assert made == [Level.INFO] * 3 + [Level.WARN] * 2 + [Level.ERROR] * 2


async def test_pages_of_the_first_format_are_still_read(desk: Desk) -> None:
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    kind = ["key", desk.shop.ctx.actor_id, "192.0.2.7", "GET", "/old", "baas", 200]
    requests = [(250_000, 0, 1500, "r-1"), (750_000, 0, 2500, "r-2")]
    entries = msgspec.msgpack.Encoder(uuid_format="bytes").encode([[kind], requests])
    await service.append(desk.shop.rt, [Page(desk.shop.ctx.tenant, second, ids.new(), 2, 0, 0, entries)])
    found, total = await service.list_entries(desk.shop.rt, desk.shop.ctx)
    assert total == 2 and [(one.request_id, one.milliseconds) for one in found] == [("r-2", 2.5), ("r-1", 1.5)]
