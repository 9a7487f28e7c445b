"""The dashboard's areas over real HTTP, without script: what they show, to whom, and what they do."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.dialects.site import PASSWORD, Shop
from tests.web.test_door import signed_in
from tests.web.visitor import Visitor

from merx.core.auth import team
from merx.core.auth.model import Role
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductDraft, VariantDraft
from merx.core.idempotency import service as idempotency
from merx.core.orders import desk
from merx.core.orders.finding import FindOrders
from merx.settings import Settings

NewShop = Callable[..., Awaitable[Shop]]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
ADDRESS = {
    "ship_name": "Mia Müller", "ship_line1": "Weg 1", "ship_city": "Köln", "ship_postal_code": "50667",
    "ship_country": "DE", "same": "on",
}  # fmt: skip


@pytest.fixture
async def owner(site: Settings, shop: Shop) -> Any:
    async with await signed_in(site, shop.email) as visitor:
        yield visitor


async def colleague(site: Settings, shop: Shop, *permissions: str) -> Visitor:
    email = f"staff-{shop.slug}@example.com"
    await team.add(shop.rt, shop.ctx, email, Role.STAFF, password=PASSWORD, permissions=permissions)
    return await signed_in(site, email)


async def ordered(site: Settings, shop: Shop, quantity: int = 1, **more: str) -> str:
    """An order placed by a guest in the shop's own pages; its id."""
    product = await shop.product(f"Lamp {quantity}", "40.00", stock=20)
    async with Visitor(site, shop.slug) as guest:
        await guest.get(f"/products/{product.slug}")
        await guest.post("/cart/items", {"product": str(product.id), "quantity": str(quantity)})
        await guest.get("/checkout")
        fields = {"email": "mia@example.com", "payment_method": "cod", **ADDRESS, **more}
        page = await guest.post("/checkout", fields)
        assert page.status_code == 200, page.text
    found = await desk.find(shop.rt, shop.ctx, FindOrders(limit=1))
    return str(found.orders[0].id)


# ── Who sees what ────────────────────────────────────────────────────────────────────────────────────────────────────
AREAS = {
    "orders:read": ("/dashboard/orders", 'href="/dashboard/orders"'),
    "products:read": ("/dashboard/products", 'href="/dashboard/products"'),
}


@pytest.mark.parametrize("permission", AREAS)
async def test_without_the_permission_there_is_neither_page_nor_entry(
    site: Settings, shop: Shop, permission: str
) -> None:
    others = [one for one in AREAS if one != permission]
    async with await colleague(site, shop, *others) as visitor:
        path, entry = AREAS[permission]
        home = await visitor.get("/dashboard")
        assert entry not in home.text
        assert all(AREAS[one][1] in home.text for one in others)
        assert (await visitor.get(path)).status_code == 403
        assert (await visitor.get(f"{path}?q=x", **{"HX-Request": "true"})).status_code == 403


async def test_home_tells_each_only_what_they_may_know(site: Settings, shop: Shop) -> None:
    await ordered(site, shop)
    async with await colleague(site, shop, "products:read") as visitor:
        page = (await visitor.get("/dashboard")).text
        assert "Sales" not in page and "Best sellers" not in page
        found = (await visitor.get("/dashboard/jump?q=1", **{"HX-Request": "true"})).text
        assert "ORD-001" not in found


async def test_who_may_only_look_has_no_button_and_is_refused_behind_it(site: Settings, shop: Shop) -> None:
    order = await ordered(site, shop)
    product = await shop.product()
    async with await colleague(site, shop, "orders:read", "products:read") as visitor:
        page = (await visitor.get(f"/dashboard/orders/{order}")).text
        for word in ("Add a shipment", "Mark as paid", "Cancel the order", "Refund"):
            assert word not in page, word
        assert "Add a product" not in (await visitor.get("/dashboard/products")).text
        assert (
            ">Save<"
            not in (await visitor.get(f"/dashboard/products/{product.id}"))
            .text.replace("\n", "")
            .split("<fieldset")[-1]
        )
        refused: dict[str, dict[str, str]] = {
            f"/dashboard/orders/{order}/status": {"status": "cancelled"},
            f"/dashboard/orders/{order}/shipments": {"carrier": "DHL"},
            f"/dashboard/orders/{order}/payments": {},
            f"/dashboard/orders/{order}/refunds": {"amount": "1"},
            "/dashboard/orders/bulk": {"id": order, "action": "shipped"},
            "/dashboard/products/new": {"name": "X", "price": "1"},
            f"/dashboard/products/{product.id}": {"name": "X", "price": "1"},
            f"/dashboard/products/{product.id}/delete": {},
            f"/dashboard/products/{product.id}/stock": {"variant": str(product.variants[0].id), "delta": "1"},
            "/dashboard/products/bulk": {"id": str(product.id), "action": "hide"},
            "/dashboard/products/import": {},
        }
        for path, fields in refused.items():
            await visitor.get("/dashboard")
            assert (await visitor.post(path, fields)).status_code == 403, path
        assert (await visitor.get("/dashboard/products/new")).status_code == 403
        assert (await visitor.get("/dashboard/products/import")).status_code == 403
    after = (await catalog.get_product(shop.rt, shop.ctx, product.id, hidden=True)).product
    assert after == product


async def test_another_shops_things_are_not_there(site: Settings, new_shop: NewShop) -> None:
    mine, other = await new_shop(), await new_shop()
    product, order = await other.product(), await ordered(site, other)
    async with await signed_in(site, mine.email) as visitor:
        for path in (f"/dashboard/products/{product.id}", f"/dashboard/orders/{order}"):
            assert (await visitor.get(path)).status_code == 404
        await visitor.get("/dashboard")
        answer = await visitor.post(f"/dashboard/products/{product.id}/delete", {})
        assert answer.status_code == 404
    assert (await catalog.get_product(other.rt, other.ctx, product.id)).product.name == product.name


# ── Text of others ───────────────────────────────────────────────────────────────────────────────────────────────────
async def test_what_merchants_and_shoppers_wrote_comes_out_as_text(site: Settings, shop: Shop) -> None:
    drafts = (VariantDraft(sku='"><b>', options={"<i>Colour": "<u>Red"}, price="5.00", stock=9),)
    made = await catalog.create_product(
        shop.rt, shop.ctx,
        ProductDraft(name=HOSTILE, description=HOSTILE, variants=drafts, categories=("<s>Cat & Co",)),
    )  # fmt: skip
    more = {"notes": HOSTILE, "ship_name": HOSTILE[:90], "ship_line1": "<b>Weg"}
    async with Visitor(site, shop.slug) as guest:
        await guest.get(f"/products/{made.slug}")
        await guest.post("/cart/items", {"product": str(made.id), "variant": str(made.variants[0].id), "quantity": "1"})
        await guest.get("/checkout")
        await guest.post("/checkout", {"email": "mia@example.com", "payment_method": "cod", **ADDRESS, **more})
    order = (await desk.find(shop.rt, shop.ctx, FindOrders())).orders[0]
    async with await signed_in(site, shop.email) as visitor:
        for path in (
            "/dashboard", "/dashboard/orders", f"/dashboard/orders/{order.id}", f"/dashboard/orders/{order.id}/print",
            "/dashboard/products", f"/dashboard/products/{made.id}", f"/dashboard/products/{made.id}/stock",
            f"/dashboard/products/bulk?id={made.id}", "/dashboard/jump?q=script",
            "/dashboard/orders?q=%3Cscript%3Ealert(1)%3C/script%3E&payment=%22%3E%3Cb%3E",
        ):  # fmt: skip
            text = (await visitor.get(path)).text
            assert "<script>alert" not in text and "<img src=x" not in text, path
            for tag in ("<b>", "<i>Colour", "<u>Red", "<s>Cat"):
                assert tag not in text, (path, tag)
        detail = (await visitor.get(f"/dashboard/products/{made.id}")).text
        assert "&lt;/script&gt;&lt;script&gt;alert(1)" in detail


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_an_order_is_paid_shipped_delivered_and_given_back_in_part(
    site: Settings, shop: Shop, owner: Visitor
) -> None:
    path = f"/dashboard/orders/{await ordered(site, shop, 2)}"
    assert "Mark as paid" in (await owner.get(path)).text
    assert "is paid" in (await owner.post(f"{path}/payments")).text
    page = await owner.post(f"{path}/shipments", {"carrier": "", "tracking_number": "1Z"})
    assert page.status_code == 422 and "A carrier has 1 to 100 characters" in page.text and 'value="1Z"' in page.text
    page = await owner.post(f"{path}/shipments", {"carrier": "DHL", "tracking_number": "1Z"})
    assert "Shipped" in page.text and "1Z" in page.text and "Sent with DHL" in page.text
    assert "Delivered" in (await owner.post(f"{path}/status", {"status": "delivered"})).text
    for amount, said in (("nothing", "Enter an amount"), ("999.00", "more than what is left"), ("0", "more than zero")):
        page = await owner.post(f"{path}/refunds", {"amount": amount})
        assert page.status_code == 422 and said in page.text, amount
    page = await owner.post(f"{path}/refunds", {"amount": "10.00", "reason": "a scratch"})
    assert "$10.00" in page.text and "a scratch" in page.text and "Partially refunded" in page.text


async def test_a_refund_sent_twice_is_one(site: Settings, shop: Shop, owner: Visitor) -> None:
    path = f"/dashboard/orders/{await ordered(site, shop, 2)}"
    await owner.get(path)
    page = await owner.post(f"{path}/payments")
    name = re.search(r'action="[^"]*/refunds">.*?name="once" value="([^"]+)"', page.text, re.DOTALL)
    assert name is not None
    for _ in range(2):
        await owner.get(path)
        await owner.post(f"{path}/refunds", {"amount": "5.00", "once": name[1]})
    assert await shop.value("select sum(amount_minor)::bigint from refunds where tenant_id = $1") == 500


async def test_a_form_that_a_crash_left_without_an_answer_is_not_done_again(
    shop: Shop, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await shop.product()
    path, variant = f"/dashboard/products/{product.id}/stock", str(product.variants[0].id)
    name = re.search(r'name="once" value="([^"]+)"', (await owner.get(path)).text)
    assert name is not None
    form = {"variant": variant, "way": "add", "delta": "6", "reason": "delivery", "once": name[1]}

    async def killed(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(idempotency, "LEASE", timedelta(seconds=0.3))
    with monkeypatch.context() as crash:
        crash.setattr(idempotency, "finish", killed)
        assert (await owner.post(path, form)).status_code == 500
    await asyncio.sleep(0.4)
    await owner.get(path)
    assert "has been changed" in (await owner.post(path, form)).text
    assert await shop.value("select on_hand from stock where tenant_id = $1") == 6


async def test_what_an_order_cant_become_is_refused_in_words(site: Settings, shop: Shop, owner: Visitor) -> None:
    path = f"/dashboard/orders/{await ordered(site, shop)}"
    await owner.get(path)
    page = await owner.post(f"{path}/status", {"status": "delivered"})
    assert page.status_code == 422 and "can&#39;t become delivered" in page.text
    assert (await owner.post(f"{path}/status", {"status": "nonsense"})).status_code == 422
    assert "Cancelled" in (await owner.post(f"{path}/status", {"status": "cancelled", "note": "too late"})).text
    assert "too late" in (await owner.get(path)).text


async def test_the_list_finds_by_number_mail_and_name_and_keeps_its_filters(
    site: Settings, shop: Shop, owner: Visitor
) -> None:
    for quantity in (1, 2, 3):
        await ordered(site, shop, quantity, email=f"mia{quantity}@example.com")
    assert "ORD-003" in (await owner.get("/dashboard/orders")).text
    for asked, found in (("2", "ORD-002"), ("ORD-001", "ORD-001"), ("mia3@example.com", "ORD-003")):
        text = (await owner.get(f"/dashboard/orders?q={asked}")).text
        assert re.findall(r"ORD-00\d", text.split("<tbody>")[1])[:1] == [found]
    assert len(set(re.findall(r"ORD-00\d", (await owner.get("/dashboard/orders?q=Müll")).text))) == 3
    assert "No order fits" in (await owner.get("/dashboard/orders?q=%25")).text
    assert "No order is in this state" in (await owner.get("/dashboard/orders?view=shipped")).text
    rows = await owner.get("/dashboard/orders?sort=oldest", **{"HX-Request": "true"})
    assert "<html" not in rows.text and re.findall(r"ORD-00\d", rows.text.split("<tbody>")[1])[0] == "ORD-001"


async def test_several_orders_are_moved_and_what_is_refused_is_told(site: Settings, shop: Shop, owner: Visitor) -> None:
    first, second = await ordered(site, shop, 1), await ordered(site, shop, 2)
    await owner.get(f"/dashboard/orders/{first}")
    await owner.post(f"/dashboard/orders/{first}/status", {"status": "cancelled"})
    await owner.post(f"/dashboard/orders/{second}/status", {"status": "confirmed"})
    await owner.get("/dashboard/orders")
    fields: dict[str, Any] = {"id": [first, second], "action": "processing", "back": "/dashboard/orders"}
    page = await owner.post("/dashboard/orders/bulk", fields)
    assert "1 moved, 1 could not" in page.text
    assert "Processing" in (await owner.get(f"/dashboard/orders/{second}")).text


async def test_home_shows_what_was_sold(site: Settings, shop: Shop, owner: Visitor) -> None:
    assert "A shop begins with a product" in (await owner.get("/dashboard")).text
    order = await ordered(site, shop, 3)
    await owner.post(f"/dashboard/orders/{order}/status", {"status": "confirmed"})
    text = (await owner.get("/dashboard")).text
    assert "1 order to ship" in text and "Best sellers" in text and "3 sold" in text and "<polyline" in text
    await owner.post(f"/dashboard/orders/{order}/status", {"status": "cancelled"})
    found = await desk.home(shop.rt, msgspec.structs.replace(shop.ctx, now=datetime.now(UTC)))
    assert found.sales is not None and found.sales.period.orders == 1 and found.sales.period.sales_minor == 0


# ── Products ─────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_product_is_made_changed_and_removed(shop: Shop, owner: Visitor) -> None:
    await owner.get("/dashboard/products/new")
    page = await owner.post("/dashboard/products/new", {"name": "", "price": "abc", "active": "active"})
    assert page.status_code == 422 and 'value="abc"' in page.text
    fields = {"name": "Lamp", "price": "39.90", "stock": "12", "sku": "L-1", "active": "active",
              "new_categories": "Home > Light"}  # fmt: skip
    page = await owner.post("/dashboard/products/new", fields)
    assert "Lamp has been added" in page.text and 'value="39.90"' in page.text
    made = (await catalog.get_product_by_slug(shop.rt, shop.ctx, "lamp", hidden=True)).product
    assert made.available == 12 and [one.name for one in made.categories] == ["Light"]
    path = f"/dashboard/products/{made.id}"
    fields |= {"price": "35.00", "compare_price": "39.90", "version": str(made.version), "active": "hidden",
               "stock_was": "12", "slug": "lamp", "category": str(made.categories[0].number), "new_categories": ""}  # fmt: skip
    assert "has been saved" in (await owner.post(path, fields)).text
    after = (await catalog.get_product(shop.rt, shop.ctx, made.id, hidden=True)).product
    assert (after.price_minor, after.compare_minor, after.active, after.available) == (3500, 3990, False, 12)
    stale = await owner.post(path, fields)
    assert stale.status_code == 409 and "Somebody else changed this" in stale.text
    assert "removed" in (await owner.post(f"{path}/delete")).text
    assert (await owner.get(path)).status_code == 404


async def test_variants_are_made_from_options_and_keep_what_they_had(shop: Shop, owner: Visitor) -> None:
    await owner.get("/dashboard/products/new")
    options = {"options.0.name": "Colour", "options.0.values": "Black, Blue",
               "options.1.name": "Size", "options.1.values": "S, M"}  # fmt: skip
    page = await owner.post("/dashboard/products/new", {"name": "Shirt", "price": "20", "do": "variants", **options})
    rows = re.findall(r'name="variants\.(\d)\.options" value="([^"]+)"', page.text)
    assert len(rows) == 4
    fields = {"name": "Shirt", "price": "20", "active": "active", **options}
    for at, text in rows:
        fields |= {f"variants.{at}.options": html.unescape(text), f"variants.{at}.price": f"2{at}.00",
                   f"variants.{at}.stock": at, f"variants.{at}.active": "on", f"variants.{at}.sku": f"S-{at}"}  # fmt: skip
    page = await owner.post("/dashboard/products/new", {**fields, "variants.1.price": "-1"})
    assert page.status_code == 422 and 'id="f-variants.1.price-fault"' in page.text
    await owner.post("/dashboard/products/new", fields)
    made = (await catalog.get_product_by_slug(shop.rt, shop.ctx, "shirt", hidden=True)).product
    assert [one.title for one in made.variants] == ["Black / S", "Black / M", "Blue / S", "Blue / M"]
    assert [one.available for one in made.variants] == [0, 1, 2, 3] and made.price_minor == 2000
    # One colour fewer: what stays keeps its id, SKU and stock.
    page = await owner.get(f"/dashboard/products/{made.id}")
    kept = dict(re.findall(r'name="([^"]+)"[^>]*? value="([^"]*)"', page.text))
    kept = {name: html.unescape(value) for name, value in kept.items() if not name.startswith(("form", "once", "do"))}
    kept |= {f"variants.{at}.active": "on" for at in range(4)} | {"active": "active", "options.0.values": "Blue"}
    page = await owner.post("/dashboard/products/variants", kept, **{"HX-Request": "true"})
    assert 'value="S-2"' in page.text and 'value="S-0"' not in page.text


async def test_a_picture_is_uploaded_with_the_product(shop: Shop, owner: Visitor) -> None:
    from io import BytesIO

    from PIL import Image
    from tests.web.visitor import TOKEN

    drawn = BytesIO()
    Image.new("RGB", (320, 400), "teal").save(drawn, "PNG")
    page = await owner.get("/dashboard/products/new")
    token = TOKEN.search(page.text)
    assert token is not None
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    headers = {"Host": owner.host, "Cookie": cookie, "Origin": f"http://{owner.host}"}
    fields = {"form_token": token[1], "name": "Vase", "price": "12", "active": "active", "stock": "1"}
    bad = await owner.http.post("/dashboard/products/new", data=fields, headers=headers,
                                files={"pictures": ("x.png", b"no picture", "image/png")})  # fmt: skip
    assert bad.status_code == 422 and "x.png" in bad.text
    good = await owner.http.post("/dashboard/products/new", data=fields, headers=headers,
                                 files={"pictures": ("x.png", drawn.getvalue(), "image/png")})  # fmt: skip
    assert good.status_code == 303, good.text
    made = (await catalog.get_product_by_slug(shop.rt, shop.ctx, "vase")).product
    assert len(made.images) == 1 and (await owner.get(made.images[0].url)).status_code == 200


async def test_many_products_are_changed_at_once(shop: Shop, owner: Visitor) -> None:
    made = [await shop.product(f"Thing {at}", "10.00", stock=5) for at in range(3)]
    chosen: dict[str, Any] = {"id": [str(one.id) for one in made]}

    async def now() -> list[Any]:
        return [(await catalog.get_product(shop.rt, shop.ctx, one.id, hidden=True)).product for one in made]

    await owner.get("/dashboard/products")
    assert (
        "3 products have been changed"
        in (await owner.post("/dashboard/products/bulk", {**chosen, "action": "hide"})).text
    )
    assert not any(one.active for one in await now())
    page = await owner.get("/dashboard/products")
    name = re.search(r'name="once" value="([^"]+)"', page.text)
    assert name is not None
    reprice = {**chosen, "action": "reprice", "percent": "-15", "compare": "on", "once": name[1]}
    for _ in range(2):  # a double click takes the percentage off once
        await owner.post("/dashboard/products/bulk", reprice)
    assert {(one.price_minor, one.compare_minor) for one in await now()} == {(850, 1000)}
    await owner.get("/dashboard/products")
    page = await owner.post("/dashboard/products/bulk", {**chosen, "action": "edit"})
    first = made[0]
    cells = {f"{first.id}.name": "Renamed", f"{first.variants[0].id}.price": "7.77",
             f"{first.variants[0].id}.stock": "6", f"{first.id}.active": "on"}  # fmt: skip
    rest = {f"{one.variants[0].id}.{name}": value for one in made[1:]
            for name, value in (("price", "8.50"), ("compare", "10.00"), ("stock", "5"), ("sku", ""))}  # fmt: skip
    rest |= {f"{one.id}.name": one.name for one in made[1:]}
    page = await owner.post("/dashboard/products/sheet", {**chosen, **cells, **rest})
    assert "Saved: 1 changed" in page.text
    after = (await now())[0]
    assert (after.name, after.price_minor, after.available, after.active) == ("Renamed", 777, 6, True)
    await owner.get("/dashboard/products")
    await owner.post("/dashboard/products/bulk", {**chosen, "action": "delete"})
    assert "No products yet" in (await owner.get("/dashboard/products")).text


async def test_stock_is_added_to_counted_and_shown_in_the_ledger(shop: Shop, owner: Visitor) -> None:
    product = await shop.product(stock=4)
    path, variant = f"/dashboard/products/{product.id}/stock", str(product.variants[0].id)
    await owner.get(path)
    await owner.post(path, {"variant": variant, "way": "add", "delta": "6", "reason": "delivery"})
    page = await owner.post(path, {"variant": variant, "way": "set", "delta": "3"})
    assert "delivery" in page.text and "+6" in page.text and "-7" in page.text
    page = await owner.post(path, {"variant": variant, "way": "add", "delta": "-99"})
    assert page.status_code == 422 and "Orders hold more" in page.text


async def test_a_file_is_looked_at_brought_in_and_taken_out_again(shop: Shop, owner: Visitor) -> None:
    from tests.web.visitor import TOKEN

    page = await owner.get("/dashboard/products/import")
    token = TOKEN.search(page.text)
    assert token is not None
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    headers = {"Host": owner.host, "Cookie": cookie, "Origin": f"http://{owner.host}"}

    async def send(path: str, text: str, **more: str) -> Any:
        files = {"file": ("goods.csv", text.encode(), "text/csv")}
        return await owner.http.post(path, data={"form_token": token[1]}, files=files, headers={**headers, **more})

    good = "name,price,stock_quantity\nCup,4.50,10\nPot,19.00,2\n"
    bad = "name,price\nCup,4.50\nPot,much\n"
    looked = await send("/dashboard/products/import/preview", bad, **{"HX-Request": "true"})
    assert "<html" not in looked.text and "price" in looked.text and ">3<" in looked.text
    looked = await send("/dashboard/products/import/preview", good)
    assert "2 products would be made" in looked.text
    assert await shop.value("select count(*) from products where tenant_id = $1") == 0
    refused = await send("/dashboard/products/import", bad)
    assert refused.status_code == 422
    told = await send("/dashboard/products/import", good, Accept="application/x-ndjson")
    assert told.headers["content-type"].startswith("application/x-ndjson") and '"created":2' in told.text
    again = await send("/dashboard/products/import", good.replace("name,", "slug,name,").replace("Cup", "cup,Cup", 1)
                       .replace("Pot", "pot,Pot", 1))  # fmt: skip
    assert again.status_code == 303
    assert await shop.value("select count(*) from products where tenant_id = $1") == 2
    out = await owner.get("/dashboard/products/export/products.csv")
    assert out.text.count("\n") == 3 and "attachment" in out.headers["content-disposition"]
