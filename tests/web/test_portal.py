"""The developer portal over real HTTP: every page and link of it, code that really runs, the checker, the live page."""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
import json
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit
from uuid import UUID

import httpx
import jsonschema
import pytest
from tests.databases import own_database
from tests.dialects.site import PASSWORD, Shop, from_elsewhere, open_shop, runtime, serving
from tests.web.test_door import signed_in
from tests.web.visitor import Visitor

from merx import asgi
from merx.core.auth import keys, team
from merx.core.auth.model import Role
from merx.core.erasure import service as erasure
from merx.core.webhooks import rules as webhooks
from merx.core.webhooks.model import Due
from merx.db.database import Database
from merx.db.dsn import Dsn
from merx.demo import seed
from merx.edge.app import dialect_app
from merx.edge.openapi import Document
from merx.kernel import ids
from merx.kernel.events import WEBHOOK_KINDS
from merx.kernel.ids import DeliveryId, EndpointId, EventId
from merx.settings import Settings
from merx.web.portal import checking, examples, highlight, prose, telling
from merx.web.portal.operations import Api
from merx.web.portal.samples import ACCESS, API_KEY, SECRET_KEY

NewShop = Callable[..., Awaitable[Shop]]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
NAMES = [dialect.name for dialect in asgi.DIALECTS]
PAGES = ["", "/quick-start", "/authentication", "/errors", "/limits", "/webhooks", "/decisions", "/try"]
SAMPLE = re.compile(r'<figure class="sample">.*?</figure>', re.DOTALL)
CODE = re.compile(r'<pre data-code="(\w+)"[^>]*>(.*?)</pre>', re.DOTALL)


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def codes(page: str) -> list[dict[str, str]]:
    """Every piece of code on a page, in its languages."""
    return [{name: text_of(code) for name, code in CODE.findall(one)} for one in SAMPLE.findall(page)]


@pytest.fixture
async def reader(site: Settings, shop: Shop) -> AsyncIterator[Visitor]:
    async with await signed_in(site, shop.email) as visitor:
        yield visitor


# ── Pages and links ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
async def test_every_page_of_every_api_is_there(site: Settings, name: str) -> None:
    api = Api(next(one for one in asgi.DIALECTS if one.name == name))
    async with Visitor(site) as visitor:
        for path in PAGES:
            page = await visitor.get(f"/docs/{name}{path}")
            assert page.status_code == 200, path
            assert "<h1>" in page.text and not re.search(r"(?<!-)\bNone\b", text_of(page.text.partition("<main")[2])), (
                path
            )
        shown = set()
        for group in api.groups:
            page = await visitor.get(f"/docs/{name}/resources/{group.slug}")
            assert page.status_code == 200
            shown |= {one.id for one in group.operations if f'id="{one.anchor}"' in page.text}
    assert shown == {one["operationId"] for path in api.document["paths"].values() for one in path.values()}


@dataclass
class Crawl:
    pages: dict[str, httpx.Response] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)  # (from, to)


async def crawl(visitor: Visitor) -> Crawl:
    """All that links lead to from /docs, inside it; of what lies elsewhere, only the address."""
    found, todo = Crawl(), ["/docs", "/"]
    while todo:
        path = todo.pop()
        if path in found.pages:
            continue
        page = found.pages[path] = await visitor.get(path)
        if not page.headers["content-type"].startswith("text/html") or not (path + "/").startswith(("/docs/", "//")):
            continue
        for href in re.findall(r'<a[^>]* href="([^"]*)"', page.text):
            to = urljoin(path, html.unescape(href))
            parts = urlsplit(to)
            if parts.netloc:
                continue
            found.links.add((path, to))
            todo.append(urldefrag(to)[0])
    return found


async def test_every_link_leads_somewhere(site: Settings) -> None:
    async with Visitor(site) as visitor:
        found = await crawl(visitor)
    wrong = [(path, page.status_code) for path, page in found.pages.items() if page.status_code != 200]
    assert not wrong
    for where, to in found.links:
        path, anchor = urldefrag(to)
        if anchor and path.startswith("/docs"):
            assert f'id="{anchor}"' in found.pages[path].text, f"{where} leads to {to}"
    assert len([path for path in found.pages if path.startswith("/docs/")]) > 60


async def test_all_that_has_been_written_about_an_api_is_on_some_page(site: Settings) -> None:
    """Sections are shown by their titles: a new one that no page wants would be lost without a word."""
    async with Visitor(site) as visitor:
        for name in NAMES:
            pages = [(await visitor.get(f"/docs/{name}{path}")).text for path in PAGES]
            text = " ".join(" ".join(text_of(page).split()) for page in pages)
            for section in prose.read(name).sections:
                words = " ".join(text_of(section.body).split())[-60:]
                if section.title != prose.QUICK and words and "localhost" not in words:
                    assert words in text, (name, section.title)


async def test_an_unknown_page_is_a_page_of_the_portal(site: Settings) -> None:
    async with Visitor(site) as visitor:
        for path in ("/docs/nothing", "/docs/baas/nothing", "/docs/baas/resources/nothing", "/docs/guides/nothing"):
            page = await visitor.get(path)
            assert page.status_code == 404 and 'href="/docs/baas"' in page.text, path


async def test_searching_works_without_script(site: Settings) -> None:
    async with Visitor(site) as visitor:
        page = await visitor.get("/docs/search?q=post+refunds")
        assert "/api/platform/orders/{order}/refunds/" in page.text
        assert "<script>alert" not in (await visitor.get("/docs/search")).text
        hostile = await visitor.get("/docs/search?q=%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        assert "<script>alert(1)" not in hostile.text and "&lt;script&gt;alert(1)" in hostile.text
        listed = (await visitor.get("/docs/operations.json")).json()
    documents = [Document(one, dialect_app(one)).content for one in asgi.DIALECTS]
    assert len(listed) == sum(len(methods) for one in documents for methods in one["paths"].values())


# ── Code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Words:
    """What a reader fills in."""

    key: str
    secret: str
    access: str

    def into(self, code: str) -> str:
        for word, value in {API_KEY: self.key, SECRET_KEY: self.secret, ACCESS: self.access}.items():
            code = code.replace(word, value)
        return code


async def words_of(shop: Shop) -> Words:
    signed = await shop.http.post("/api/platform/token/", json={"email": shop.email, "password": PASSWORD})
    secret = await keys.create(shop.rt, shop.ctx, "Reading", scopes=["*"])
    return Words(shop.key, secret.secret, signed.json()["access"])


async def run_curl(site: Settings, command: str) -> httpx.Response:
    """What curl would do with it."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, headers, body, url = "GET", dict[str, str](), None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        else:
            url = word
    parts = urlsplit(url)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{site.port}", timeout=30, transport=from_elsewhere()
    ) as http:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return await http.request(method, path, headers={**headers, "Host": parts.netloc}, content=body)


def run_python(code: str) -> Any:
    """Prints what the answer is."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "sample", "exec"), {})
    return eval(said.getvalue())


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_quick_start_reads_with_runs_as_it_stands(
    site: Settings, shop: Shop, reader: Visitor, name: str
) -> None:
    await shop.product("Lamp", "40.00", stock=3)
    words = await words_of(shop)
    page = await reader.get(f"/docs/{name}/quick-start")
    ran = 0
    for code in codes(page.text):
        if " -X " in code["curl"] or "YOUR_SHOPPER_TOKEN" in code["curl"]:
            continue
        answer = await run_curl(site, words.into(code["curl"]))
        assert answer.status_code == 200, (code["curl"], answer.text)
        same = run_python(words.into(code["python"]))
        if "/health" not in code["curl"] and "/logs" not in code["curl"]:
            assert same == answer.json(), code["python"]
        ran += 1
    assert ran >= 2


async def test_a_quick_start_leads_to_an_order(site: Settings, shop: Shop, reader: Visitor) -> None:
    """Step by step with what the step before answered, from the page's own commands."""
    product = await shop.product("Lamp", "40.00", stock=3)
    await shop.settings(payment_provider="manual")
    words = await words_of(shop)
    page = await reader.get("/docs/baas/quick-start")
    fill = {"PRODUCT_ID": ids.encode("prod", product.id), "owner@mystore.com": shop.email, '"card"': '"cod"'}
    done: list[str] = []
    for code in codes(page.text):
        command = words.into(code["curl"])
        for word, value in fill.items():
            command = command.replace(word, value)
        if "/platform/token/" in command:
            command = command.replace("correct-horse-battery", PASSWORD)
        answer = await run_curl(site, command)
        assert answer.status_code in (200, 201), (command, answer.text)
        done.append(command)
        if "/auth/register/" in command:
            fill["YOUR_SHOPPER_TOKEN"] = answer.json()["access"]
    assert answer.json()["results"][0]["items"][0]["quantity"] == 1
    assert len(done) == 7


@pytest.mark.parametrize("name", NAMES)
def test_code_of_every_operation_is_code(name: str) -> None:
    """Python that compiles, JSON that reads, a shell command that is one."""
    from merx.web.portal import samples, speaking
    from merx.web.portal.reader import Reader

    api = Api(next(one for one in asgi.DIALECTS if one.name == name))
    reader = Reader("http://localhost:8000", "mystore", "http://mystore.localhost:8000", "My Store")
    for operation in api.operations.values():
        sample = speaking.sample(api, operation, reader)
        compile(samples.python(sample), operation.id, "exec")
        words = shlex.split(samples.curl(sample).replace("\\\n", " "))
        assert words[0] == "curl" and "{" not in sample.url
        if sample.body is not None:
            assert json.loads(words[words.index("-d") + 1]) == sample.body
        for _, _, code in sample.codes():
            assert "<script" not in code


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_an_answer_spells_ids_as_its_dialect_does(name: str) -> None:
    found = Api(next(one for one in asgi.DIALECTS if one.name == name))
    spelled = {"baas": r"[a-z]+_[0-9a-hjkmnp-tv-z]{26}", "reference": r"(usr|prod|ord|pay|ntf)_[0-9a-hjkmnp-tv-z]{26}"}
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|my-cart-1|[A-Z_]+"
    seen = list(ids_in([one.answer for one in found.operations.values()]))
    assert seen
    for one in seen:
        assert re.fullmatch(spelled.get(name, uuid), one), one


def ids_in(value: Any) -> Iterator[str]:
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from ids_in(one)
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        yield value["id"]


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_an_error_has_the_documents_shape(name: str) -> None:
    api = Api(next(one for one in asgi.DIALECTS if one.name == name))
    document = dict(api.document)
    schema = {"$ref": f"#/components/schemas/{api.dialect.error_type.__name__}", "components": document["components"]}
    jsonschema.validate(examples.ERRORS[name], schema, jsonschema.Draft202012Validator)
    assert api.limits()[-1][1] == 10_000 and "X-RateLimit-Limit" in api.headers


def test_code_is_escaped_and_keeps_its_text() -> None:
    for language in ("bash", "python", "javascript", "json", "text"):
        code = f'x = "{HOSTILE}" # {HOSTILE}\n  indented'
        made = highlight.html(code, language)
        assert text_of(made) == code and "<script" not in made and "<img" not in made


# ── The reader's own ─────────────────────────────────────────────────────────────────────────────────────────────────
async def test_who_has_signed_in_reads_about_their_own_shop(site: Settings, shop: Shop, reader: Visitor) -> None:
    async with Visitor(site) as stranger:
        page = (await stranger.get("/docs/aerostack/quick-start")).text
        assert shop.slug not in page and "/projects/mystore/" in page and "Make a key" not in page
    page = (await reader.get("/docs/aerostack/quick-start")).text
    assert f"/projects/{shop.slug}/" in text_of(page) and f'data-shop="{shop.slug}"' in page
    cart = (await reader.get("/docs/baas/resources/store-cart")).text
    assert f"http://{shop.slug}.{site.base_domain}/api/store/cart/" in text_of(cart)
    assert f"http://localhost:{site.port}/commerce/v2/products" in text_of(
        (await reader.get("/docs/commerce/quick-start")).text
    )
    assert "sk_live_" not in text_of(page).replace("sk_live_…", "")


async def test_a_key_for_trying_is_shown_once_and_may_do_little(site: Settings, shop: Shop, reader: Visitor) -> None:
    product = await shop.product("Lamp", "40.00", stock=3)
    await reader.get("/docs")
    page = await reader.post("/docs/key")
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    found = re.search(r'data-trial-key="(pk_live_\w+)"', page.text)
    assert found
    for code in codes(page.text):
        if API_KEY in code["curl"]:
            answer = await run_curl(site, code["curl"].replace(API_KEY, found[1]))
            assert answer.status_code == 200, code["curl"]
    made, _ = await keys.list_keys(shop.rt, shop.ctx)
    trial = next(one for one in made if one.name.startswith("Trying the documentation"))
    assert trial.expires_at is not None
    assert timedelta(hours=23) < trial.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert trial.type == "publishable" and product.slug
    again = await reader.get("/docs")
    assert found[1] not in again.text
    url = f"http://127.0.0.1:{site.port}/api/platform/orders/"
    async with httpx.AsyncClient() as http:
        assert (await http.get(url, headers={"X-API-Key": found[1]})).status_code == 403


async def test_who_may_not_make_keys_has_no_button_and_is_refused(site: Settings, shop: Shop) -> None:
    email = f"staff-{shop.slug}@example.com"
    await team.add(shop.rt, shop.ctx, email, Role.STAFF, password=PASSWORD)
    async with await signed_in(site, email) as visitor:
        page = await visitor.get("/docs/baas/quick-start")
        assert "Make a key for trying" not in page.text and "keys:write" in page.text
        await visitor.get("/docs/webhooks")
        assert (await visitor.post("/docs/key")).status_code == 403
        live = await visitor.get("/docs/side-by-side")
        assert live.status_code == 200 and "keys:write" in live.text
    async with Visitor(site) as stranger:
        await stranger.get("/docs/webhooks")
        assert "/dashboard/sign-in" in str((await stranger.post("/docs/key")).url) or 'name="password"' in (
            stranger.page.text if stranger.page else ""
        )
    assert [one.name for one in (await keys.list_keys(shop.rt, shop.ctx))[0]] == ["Storefront"]


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
NEW, OLD = webhooks.make_secret(), webhooks.make_secret()
BODY = webhooks.render("order.paid", ids.new(), {"email": "mia@example.com", "note": "größer\n"}, datetime.now(UTC))


def signed(at: datetime, *secrets: str) -> dict[str, str]:
    """As the relay itself would send it."""
    due = Due(
        DeliveryId(ids.new()), EndpointId(ids.new()), EventId(ids.new()), "order.paid", "https://example.com", BODY,
        1, 1, False, 1, secrets,
    )  # fmt: skip
    return webhooks.headers(due, at)


def pasted(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


async def checked(visitor: Visitor, secret: str, headers: str, body: str) -> str:
    await visitor.get("/docs/webhooks")
    page = await visitor.post("/docs/webhooks", {"secret": secret, "headers": headers, "body": body})
    assert page.status_code in (200, 422) and page.headers["cache-control"] == "no-store"
    return text_of("".join(re.findall(r'<p class="note.*?</p>', page.text, re.DOTALL))) or text_of(page.text)


async def test_the_checker_knows_right_from_wrong(site: Settings) -> None:
    now = datetime.now(UTC)
    body = BODY.decode()
    async with Visitor(site) as visitor:
        good = await checked(visitor, NEW, pasted(signed(now, NEW)), body)
        assert good.count("Right") == 2 and "Right, and in time." in good
        rotated = await checked(visitor, OLD, pasted(signed(now, NEW, OLD)), body)
        assert "webhook-signature: Right, and in time." in rotated
        assert "x-webhook-signature: Wrong" in rotated and "x-webhook-signature-previous: Right" in rotated
        old = await checked(visitor, NEW, pasted(signed(now - timedelta(hours=3), NEW)), body)
        assert "Right, but too old: signed 3 hours ago" in old
        early = await checked(visitor, NEW, pasted(signed(now + timedelta(hours=1), NEW)), body)
        assert "in the future" in early
        wrong = await checked(visitor, OLD, pasted(signed(now, NEW)), body)
        assert wrong.count("Wrong") == 2 and "Right" not in wrong
        changed = await checked(visitor, NEW, pasted(signed(now, NEW)), body.replace("mia", "max"))
        assert changed.count("Wrong") == 2
        spaced = await checked(visitor, f" {NEW} ", pasted(signed(now, NEW)), f"\r\n{body}\r\n")
        assert spaced.count("Right") == 2
        assert "no signature" in await checked(visitor, NEW, "content-type: application/json", body)
        assert "Paste the endpoint" in await checked(visitor, "", "", body)
        assert "whsec_ followed by base64" in await checked(visitor, "whsec_!", pasted(signed(now, NEW)), body)
        hostile = await visitor.post("/docs/webhooks", {"secret": HOSTILE, "headers": HOSTILE, "body": HOSTILE})
        assert "<script>alert(1)" not in hostile.text and "<img src=x" not in hostile.text


def test_the_checker_lets_nothing_strange_through() -> None:
    now = datetime.now(UTC)
    headers = signed(now, NEW)
    for change in (
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "é"},
        {"webhook-id": ""},
        {"x-webhook-signature": "sha256=é"},
    ):
        verdicts = checking.check(NEW, headers | change, BODY.decode(), now)
        assert "danger" in {one.tone for one in verdicts}, change


def test_the_shown_python_checks_like_we_do() -> None:
    for shown, name in ((telling.standard(), "standard"), (telling.plain(), "plain")):
        code = text_of(next(code for language, _, code in shown if language == "python"))
        scope: dict[str, Any] = {}
        exec(compile(code, name, "exec"), scope)
        headers = signed(datetime.now(UTC), NEW)
        assert scope["genuine"](NEW, headers, BODY)
        assert not scope["genuine"](OLD, headers, BODY)
        assert not scope["genuine"](NEW, headers, BODY + b" ")
    late = signed(datetime.now(UTC) - timedelta(hours=1), NEW)
    code = text_of(next(code for language, _, code in telling.standard() if language == "python"))
    exec(compile(code, "standard", "exec"), scope)
    assert not scope["genuine"](NEW, late, BODY)


@pytest.fixture
async def alone(dsn: Dsn) -> AsyncIterator[Shop]:
    """A shop whose work no other process of the run does."""
    own = await own_database(dsn, "events")
    with serving(own) as settings:
        database = await Database.open(own.app, pool_size=2)
        shop = await open_shop(runtime(settings, database))
        async with shop.http:
            yield shop
        await database.close()


async def test_the_events_carry_what_the_page_says(alone: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "SETTLES", timedelta(0))
    shop = alone
    assert tuple(one.kind for one in telling.EVENTS) == WEBHOOK_KINDS
    product = await shop.product("Lamp", "40.00", stock=4)
    await shop.settings(payment_provider="manual", low_stock_threshold=3)
    words = await words_of(shop)
    own = {"Authorization": f"Bearer {words.access}"}
    body = {"items": [{"productId": str(product.id), "quantity": 1}], "paymentMethod": "cod",
            "customer": {"email": "jane@example.com", "name": "Jane"},
            "shippingAddress": {"line1": "1 Main St", "city": "Portland", "postalCode": "97201", "country": "US"}}  # fmt: skip
    made = []
    for _ in range(2):
        answer = await shop.http.post("/commerce/v2/orders", json=body, headers={"X-API-Key": words.secret})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    paid, dropped = made
    spelled = {one: ids.encode("ord", UUID(one)) for one in made}
    root = "/api/platform/orders"
    base = f"http://127.0.0.1:{shop.rt.settings.port}"
    async with httpx.AsyncClient(base_url=base, headers=own, timeout=30) as http:
        steps = [
            (f"{root}/{spelled[paid]}/payments/", {}),
            (f"{root}/{spelled[paid]}/shipments/", {"carrier": "DHL", "tracking_number": "1"}),
            (f"{root}/{spelled[paid]}/refunds/", {"amount": "5.00"}),
            (f"{root}/{spelled[dropped]}/status/", {"status": "cancelled"}),
            (f"{root}/{spelled[paid]}/status/", {"status": "delivered"}),
        ]
        for path, sent in steps:
            answer = await http.post(path, json=sent)
            assert answer.status_code in (200, 201), (path, answer.text)
        (jane,) = (await http.get("/api/platform/customers/?search=jane@")).json()["results"]
        assert (await http.delete(f"/api/platform/customers/{jane['id']}/?at_once=true")).status_code == 202
        async with asyncio.timeout(30):
            happened: list[Any] = []
            while "customer.erased" not in {one["type"] for one in happened}:
                await asyncio.sleep(0.1)
                happened = (await http.get("/api/platform/events/?per_page=100")).json()["results"]
    for told in telling.EVENTS:
        data = next(one["data"] for one in happened if one["type"] == told.kind)
        assert set(data) | {"id"} == set(told.data), told.kind
        for line in data.get("items", ()):
            assert set(line) == set(told.data["items"][0])


# ── Side by side ─────────────────────────────────────────────────────────────────────────────────────────────────────
def prices(page: str) -> list[str]:
    row = page[page.index('<th scope="row">Price</th>') :].partition("</tr>")[0]
    return [text_of(one) for one in re.findall(r"<code>(.*?)</code>", row)]


async def test_the_same_product_in_five_spellings(site: Settings, shop: Shop, reader: Visitor) -> None:
    empty = await reader.get("/docs/side-by-side")
    assert empty.status_code == 200 and "nothing for sale yet" in empty.text
    await shop.product("Older", "5.00", stock=9)
    product = await shop.product(HOSTILE, "129.90", stock=7, description=HOSTILE)
    wanted = ['"129.90"', "129.90", "129.90", "129.90", "129.90"]
    for _ in range(20):  # what another process changed shows within a quarter of a second, on an idle machine
        page = await reader.get("/docs/side-by-side")
        if '"row">Price</th>' in page.text and prices(page.text) == wanted:
            break
        await asyncio.sleep(0.5)
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    assert prices(page.text) == wanted
    assert "<script>alert(1)" not in page.text and "<img src=x" not in page.text
    answered = re.findall(r'<span class="badge success bare number">(\d+)</span>', page.text)
    assert answered == ["200"] * 6 or answered == ["200"] * 5 + ["201"], answered
    assert str(product.id) in page.text and ids.encode("prod", product.id) in page.text
    assert "No order to show yet" in page.text and "Place one order" not in page.text
    other = await reader.get("/docs/side-by-side?product=older")
    assert prices(other.text) == ['"5.00"', "5.00", "5.00", "5.00", "5.00"]
    assert (await reader.get("/docs/side-by-side?product=nothing")).status_code == 404
    left, _ = await keys.list_keys(shop.rt, shop.ctx)
    assert [one.name for one in left] == ["Storefront"], "the page's own key is gone when it is done"


async def test_an_order_is_shown_by_those_that_show_orders(site: Settings, shop: Shop, reader: Visitor) -> None:
    product = await shop.product("Lamp", "40.00", stock=4)
    await shop.settings(payment_provider="manual")
    words = await words_of(shop)
    body = {"items": [{"productId": str(product.id), "quantity": 1}], "paymentMethod": "cod",
            "customer": {"email": "jane@example.com", "name": HOSTILE},
            "shippingAddress": {"line1": "1 Main St", "city": "Portland", "postalCode": "97201", "country": "US"}}  # fmt: skip
    answer = await shop.http.post("/commerce/v2/orders", json=body, headers={"X-API-Key": words.secret})
    assert answer.status_code == 201, answer.text
    page = (await reader.get("/docs/side-by-side")).text
    assert page.count("ORD-001") >= 3 and page.count(answer.json()["id"]) >= 4 and "<img src=x" not in page
    row = page[page.index('<th scope="row">Order total</th>') :].partition("</tr>")[0]
    said = [text_of(one).strip('"') for one in re.findall(r"<code>(.*?)</code>", row)]
    assert len(said) == 4 and len(set(said)) == 1
    bare = await reader.bare("/docs/side-by-side", {"product": product.slug})
    assert bare.status_code == 403, "a form without its token"
    await reader.get("/docs/webhooks")
    assert (await reader.post("/docs/side-by-side", {"product": product.slug})).status_code == 404
    assert await shop.value("select count(*) from orders where tenant_id = $1") == 1


async def test_a_stranger_sees_no_shop_that_is_not_the_demo(site: Settings, shop: Shop) -> None:
    async with Visitor(site) as stranger:
        page = await stranger.get(f"/docs/side-by-side?shop={shop.slug}")
        assert page.status_code == 200 and "Sign in to see your own shop" in page.text and shop.slug not in page.text


@pytest.fixture(scope="session")
async def demo(dsn: Dsn) -> AsyncIterator[Settings]:
    """A site with the demo shops, in a database of their own."""
    own = await own_database(dsn, "portal")
    with serving(own) as settings:
        database = await Database.open(own.app, pool_size=2)
        await seed.seed(runtime(settings, database))
        await database.close()
        yield settings


async def test_the_demo_shop_is_there_for_everybody(demo: Settings) -> None:
    async with Visitor(demo) as stranger:
        front = (await stranger.get("/")).text
        assert f"http://tech.{demo.base_domain}/" in front and "/demo/pictures/outdoor/" in front
        page = (await stranger.get("/docs/baas/quick-start")).text
        first = codes(page)[0]["curl"]
        answer = await run_curl(demo, first)
        assert answer.status_code == 200 and answer.json()["count"] > 20
        live = await stranger.get("/docs/side-by-side?product=wireless-headphones")
        assert prices(live.text) == ['"129.99"', "129.99", "129.99", "129.99", "129.99"]
        assert "cart_" in live.text and "docs-" in live.text
        mails = set(re.findall(r"[\w.+-]+@[\w.-]+", text_of(live.text)))
        assert all(one.endswith("@example.com") for one in mails), mails
        made = await stranger.post("/docs/side-by-side", {"product": "wireless-headphones"})
        assert made.status_code == 200, made.text
        order = made.text[made.text.index('id="order"') :]
        assert re.findall(r'bare number">(\d+)</span>', order) == ["200", "200", "200", "201", "200"]
        row = made.text[made.text.index('<th scope="row">Order total</th>') :].partition("</tr>")[0]
        totals = [text_of(one).strip('"') for one in re.findall(r"<code>(.*?)</code>", row)]
        assert len(totals) == 5 and len(set(totals)) == 1
        listed = await stranger.get("/docs/side-by-side")
        assert "cancelled" in listed.text
