"""Uploading pictures over real HTTP, and looking at them as anybody may."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.dialects.baas.merchant import BASE, LAMP, Merchant, merchant_of, order
from tests.dialects.baas.shape import refused
from tests.dialects.site import open_shop
from tests.media.pictures import decoded, picture

from merx.kernel.context import system
from merx.providers.media import FolderStore
from merx.runtime import Runtime
from merx.worker.pictures import clear_pictures


async def product(merchant: Merchant) -> str:
    made = await merchant.call("POST", "/products/", LAMP | {"images": []}, 201)
    merchant.ids |= {"product": made["id"], "variant": made["variants"][0]["id"]}
    return f"{BASE}/products/{made['id']}/images/"


async def send(merchant: Merchant, path: str, **how: Any) -> httpx.Response:
    headers = merchant.headers | how.pop("headers", {})
    return await merchant.shop.http.post(path, headers=headers, **how)


async def test_a_form_a_body_and_an_address(merchant: Merchant) -> None:
    path = await product(merchant)
    first = await send(
        merchant, path, files={"image": ("../../x.svg", picture(2000, 1500, "JPEG"), "text/html")}, data={"alt": "One"}
    )
    assert first.status_code == 201, first.text
    second = await send(merchant, path, content=picture(300, 200), headers={"Content-Type": "image/png"})
    assert second.status_code == 201, second.text
    third = await send(
        merchant, path, files={"image": picture(40, 30)}, data={"alt": "Three", "position": "0"},
        headers={"Idempotency-Key": os.urandom(8).hex()},
    )  # fmt: skip
    assert third.status_code == 201, third.text
    fourth = await send(merchant, path, json={"url": "https://cdn.example.com/lamp.png", "alt": "Four"})
    shown = fourth.json()["results"]
    assert [one["alt"] for one in shown] == ["Three", "One", "", "Four"]
    assert shown[3]["sizes"] == {} and list(shown[1]["sizes"]) == ["160", "480", "960", "1600"]
    assert shown[1]["url"] == shown[1]["sizes"]["1600"]
    store = (await merchant.shop.http.get("/api/store/products/", headers={"X-API-Key": merchant.shop.key})).json()
    assert [one["url"] for one in store["results"][0]["images"]] == [one["url"] for one in shown]


async def test_the_same_key_and_file_is_one_upload(merchant: Merchant) -> None:
    path, body = await product(merchant), picture()
    headers = {"Idempotency-Key": os.urandom(8).hex(), "Content-Type": "image/png"}
    first = await send(merchant, path, content=body, headers=headers)
    again = await send(merchant, path, content=body, headers=headers)
    assert again.headers["idempotent-replayed"] == "true" and again.json() == first.json()
    assert first.json()["count"] == 1
    assert refused(await send(merchant, path, content=body, headers={"Content-Type": "image/png"}), 400)


async def test_how_it_is_served(merchant: Merchant) -> None:
    made = (await send(merchant, await product(merchant), files={"image": picture(2000, 1000)})).json()["results"][0]
    async with httpx.AsyncClient() as anybody:
        for width, url in made["sizes"].items():
            got = await anybody.get(url)
            assert got.status_code == 200 and got.headers["content-type"] == "image/webp"
            assert decoded(got.content).size == (int(width), int(width) // 2)
            assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert got.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in got.headers["content-security-policy"]
        head = await anybody.head(url)
        assert (head.status_code, head.content) == (200, b"") and head.headers["content-length"] == str(
            len(got.content)
        )
        same = await anybody.get(url, headers={"If-None-Match": got.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert (await anybody.post(url)).status_code == 405
        tenant, file = url.split("/media/")[1].split("/")
        host = url.split("/media/")[0]
        for wrong in (
            f"/media/{tenant}/{file.replace('1600', '1601')}", f"/media/{tenant}/{file.replace('.webp', '.png')}",
            f"/media/{tenant}/..%2f..%2fsecret.key", "/media/../secret.key", f"/media/{tenant}/{'0' * 32}-160.webp",
            f"/media/{tenant}/{file}%00", f"/media/{tenant}/{file}/", f"/media/{tenant}//{file}", f"/media/{tenant}", "/media",
            f"/media/{tenant.upper()}/{file}", f"/media/%2e%2e/{file}", f"/media/{'0' * 8}-0000-7000-8000-{'0' * 12}/{file}",
        ):  # fmt: skip
            assert (await anybody.get(httpx.URL(host).join(wrong))).status_code == 404, wrong


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 400, "missing_body"),
        ({"content": b"no picture", "headers": {"Content-Type": "image/png"}}, 400, "JPEG, PNG, WebP"),
        ({"content": b"<svg/>", "headers": {"Content-Type": "image/svg+xml"}}, 400, "can hold scripts"),
        ({"content": b"x" * ((10 << 20) + 1), "headers": {"Content-Type": "image/png"}}, 400, "at most 10 MiB"),
        ({"content": b"x" * (12 << 20), "headers": {"Content-Type": "image/png"}}, 413, "payload_too_large"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"content": b"x" * (2 << 20), "headers": {"Content-Type": "application/json"}}, 413, "payload_too_large"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, None),
        ({"content": b"--b\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400, None),
        ({"files": {"file": b"x"}}, 400, "validation_error"),
        ({"files": [("image", b"x"), ("image", b"y")]}, 400, "validation_error"),
        ({"files": {"image": b"x"}, "data": {"position": "-1"}}, 400, "validation_error"),
        ({"files": {"image": b"x"}, "data": {"position": "²"}}, 400, "validation_error"),
        ({"files": {"image": b"x"}, "data": {"other": "1"}}, 400, "validation_error"),
        ({"files": {"image": b"x"}, "data": {"alt": "a\0b"}}, 400, "validation_error"),
        ({"data": {"image": "text"}, "files": {"none": b""}}, 400, "validation_error"),
    ],
)
async def test_what_is_refused(merchant: Merchant, how: dict[str, Any], status: int, said: str | None) -> None:
    path = await product(merchant)
    error = refused(await send(merchant, path, **how), status)
    assert said is None or said == error["code"] or said in str(error["details"].get("image"))
    assert (await merchant.shop.http.get(path, headers=merchant.headers)).json()["count"] == 0


async def test_only_who_may_change_products_and_only_ones_own(merchant: Merchant, site_rt: Runtime) -> None:
    path = await product(merchant)
    nobody = await merchant.shop.http.post(path, content=picture(), headers={"Content-Type": "image/png"})
    assert nobody.status_code == 401
    other = await merchant_of(await open_shop(site_rt))
    foreign = await send(other, path, content=picture(), headers={"Content-Type": "image/png"})
    assert foreign.status_code == 404
    key = {"X-API-Key": merchant.shop.key, "Content-Type": "image/png"}
    assert (await merchant.shop.http.post(path, content=picture(), headers=key)).status_code == 403


async def test_an_order_keeps_the_picture_it_shows(merchant: Merchant) -> None:
    """Also when the product no longer has it."""
    path = await product(merchant)
    await merchant.call("PATCH", "/settings/", {"payment_provider": "manual"})
    made = (await send(merchant, path, files={"image": picture()})).json()["results"][0]
    extra = (await send(merchant, path, files={"image": picture()})).json()["results"][1]
    await order(merchant)
    for one in (made, extra):
        await merchant.call("DELETE", f"{path.removeprefix(BASE)}{one['id']}/", status=204)
    rt = replace(merchant.shop.rt, media=FolderStore(merchant.shop.rt.settings.data_dir / "media"))
    now = datetime.now(UTC) + timedelta(hours=25)
    assert await clear_pictures(rt, replace(system(merchant.shop.ctx.tenant), now=now)) == 2
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(made["url"])).status_code == 200
        assert (await anybody.get(extra["url"])).status_code == 404
