"""Uploading, storing and clearing away, with a real database and a real folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.conftest import OpenShop
from tests.media.pictures import decoded, picture

from merx.core.catalog import service as catalog
from merx.core.catalog.model import ImageDraft, ProductChanges, ProductDraft
from merx.core.catalog.uploading import upload_product_image
from merx.core.media import service, store, uploading
from merx.core.media.model import SIZES, Leaving, NoPicture, name
from merx.kernel import ids
from merx.kernel.context import Ctx, system
from merx.kernel.errors import Busy, Forbidden, NotFound, Unauthenticated, Upstream
from merx.kernel.ids import ProductId
from merx.providers.media import FolderStore
from merx.runtime import Runtime
from merx.worker.pictures import clear_pictures
from merx.worker.store import stale_rows

Shop = Callable[..., Awaitable[OpenShop]]


@pytest.fixture
def rt(rt: Runtime, tmp_path: Path) -> Runtime:
    return replace(rt, media=FolderStore(tmp_path / "media"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder / "media")) for path in (folder / "media").rglob("*") if path.is_file())


def later(ctx: Ctx, **time: float) -> Ctx:
    return replace(system(ctx.tenant), now=ctx.now + timedelta(**time))


async def lamp(rt: Runtime, ctx: Ctx) -> ProductId:
    return (await catalog.create_product(rt, ctx, ProductDraft("Lamp", "10.00"))).id


async def test_an_upload_is_stored_in_every_size(rt: Runtime, shop: Shop, tmp_path: Path) -> None:
    ctx = (await shop()).owner
    made = await service.upload_image(rt, ctx, picture(2000, 1000))
    assert (made.width, made.height, made.url) == (1600, 800, made.urls[1600])
    assert files(tmp_path) == sorted(name(ctx.tenant, made.digest, size) for size in SIZES)
    for size, url in made.urls.items():
        assert url == f"/media/{ctx.tenant}/{made.digest}-{size}.webp"
        content = await service.read_file(rt, ctx.tenant, made.digest, size)
        assert content is not None and decoded(content).width == size
    assert await service.read_file(rt, ctx.tenant, "0" * 32, 160) is None


async def test_the_same_upload_is_the_same_picture(rt: Runtime, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, data, rendered = (await shop()).owner, picture(), 0
    really = uploading.rules.render

    def render(given: bytes) -> Any:
        nonlocal rendered
        rendered += 1
        return really(given)

    monkeypatch.setattr(uploading.rules, "render", render)
    first = await service.upload_image(rt, ctx, data)
    assert await service.upload_image(rt, ctx, data) == first and rendered == 1
    other = await service.upload_image(rt, (await shop()).owner, data)
    assert other.digest == first.digest and other.url != first.url and rendered == 2


async def test_the_same_picture_uploaded_many_times_at_once(
    rt: Runtime, shop: Shop, tmp_path: Path, owner: Any
) -> None:
    ctx, data = (await shop()).owner, picture(800, 600)
    made = await asyncio.gather(*[service.upload_image(rt, ctx, data) for _ in range(8)])
    assert len(set(made)) == 1 and len(files(tmp_path)) == len(SIZES)
    assert await owner.fetchval("select count(*) from pictures where tenant_id = $1 and ready", ctx.tenant) == 1


async def test_no_more_than_two_are_decoded_at_once_and_a_short_queue_waits(
    rt: Runtime, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    import time

    ctx, lock, now, most = (await shop()).owner, threading.Lock(), 0, 0
    really = uploading.rules.render

    def slow(data: bytes) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return really(data)

    monkeypatch.setattr(uploading.rules, "render", slow)
    pictures = [picture(30, 30) for _ in range(30)]
    made = await asyncio.gather(*[uploading._threads.render(one) for one in pictures], return_exceptions=True)
    assert most == 2
    assert sum(isinstance(one, Busy) for one in made) == 8 and not any(
        isinstance(one, Exception) and not isinstance(one, Busy) for one in made
    )
    assert (await service.upload_image(rt, ctx, pictures[0])).width == 30


async def test_who_may_upload(rt: Runtime, shop: Shop) -> None:
    opened = await shop()
    for ctx in (Ctx(opened.owner.tenant), replace(opened.owner, scopes=frozenset({"products:read"}))):
        with pytest.raises((Forbidden, Unauthenticated)):
            await service.upload_image(rt, ctx, picture())
        with pytest.raises((Forbidden, Unauthenticated)):
            await upload_product_image(rt, ctx, ProductId(ids.new()), picture())


async def test_a_bad_upload_leaves_nothing(rt: Runtime, shop: Shop, tmp_path: Path, owner: Any) -> None:
    ctx = (await shop()).owner
    for data in (b"", b"no picture", picture(400, 300)[:-500]):
        with pytest.raises(NoPicture):
            await service.upload_image(rt, ctx, data)
    with pytest.raises(NotFound):
        await upload_product_image(rt, ctx, ProductId(ids.new()), picture())
    assert files(tmp_path) == []
    assert await owner.fetchval("select count(*) from pictures where tenant_id = $1", ctx.tenant) == 0


async def test_a_store_that_fails_half_way_is_healed_by_the_next_try(rt: Runtime, shop: Shop, tmp_path: Path) -> None:
    class Failing(FolderStore):
        left = 2

        async def put(self, name: str, content: bytes) -> None:
            if self.left == 0:
                raise Upstream("away")
            self.left -= 1
            await super().put(name, content)

    ctx, data = (await shop()).owner, picture()
    with pytest.raises(Upstream):
        await service.upload_image(replace(rt, media=Failing(tmp_path / "media")), ctx, data)
    assert len(files(tmp_path)) == 2
    await service.upload_image(rt, ctx, data)
    assert len(files(tmp_path)) == 4


async def test_a_product_shows_it(rt: Runtime, shop: Shop) -> None:
    ctx = (await shop()).owner
    product = await lamp(rt, ctx)
    await catalog.add_image(rt, ctx, product, ImageDraft("https://cdn.example.com/1.png"))
    after = await upload_product_image(rt, ctx, product, picture(), "A lamp", 0)
    assert [one.alt for one in after.images] == ["A lamp", ""]
    assert after.images[0].url.startswith(f"/media/{ctx.tenant}/")


async def test_another_tenant_sees_no_row(rt: Runtime, shop: Shop) -> None:
    mine, other = (await shop()).owner, (await shop()).owner
    made = await service.upload_image(rt, mine, picture())
    async with rt.db.begin(other) as tx:
        assert not await store.known(tx, made.digest) and await store.picture(tx, made.digest) is None
        assert await tx.platform.rows("select * from pictures where tenant_id = $1", mine.tenant) == []
    async with rt.db.begin(mine) as tx:
        assert await store.picture(tx, made.digest) == made


async def test_what_nothing_shows_is_cleared_away_after_a_day(rt: Runtime, shop: Shop, tmp_path: Path) -> None:
    ctx = (await shop()).owner
    product, gone = await lamp(rt, ctx), await lamp(rt, ctx)
    shown = await service.upload_image(rt, ctx, picture())
    small = await service.upload_image(rt, ctx, picture())
    await upload_product_image(rt, ctx, gone, picture())
    await service.upload_image(rt, ctx, picture())
    images = (ImageDraft(shown.url), ImageDraft(f"http://shop.example.com{small.urls[160]}"))
    await catalog.update_product(rt, ctx, product, ProductChanges(images=images))
    await catalog.delete_product(rt, ctx, gone)
    assert len(files(tmp_path)) == 16
    assert await clear_pictures(rt, later(ctx, hours=23)) == 0
    assert ("pictures", ctx.tenant) in await stale_rows(rt.db, ctx.now + timedelta(days=2))
    assert await clear_pictures(rt, later(ctx, hours=25)) == 4
    assert {one[37:69] for one in files(tmp_path)} == {shown.digest, small.digest}
    assert await clear_pictures(rt, later(ctx, hours=26)) == 0  # those in use were seen a moment ago
    await catalog.update_product(rt, ctx, product, ProductChanges(images=()))
    assert await clear_pictures(rt, later(ctx, hours=60)) == 2
    assert files(tmp_path) == [] and not (tmp_path / "media" / str(ctx.tenant)).exists()


async def test_an_upload_beside_the_clearing_away_is_told_to_come_later(
    rt: Runtime, shop: Shop, tmp_path: Path
) -> None:
    ctx, data = (await shop()).owner, picture()
    made = await service.upload_image(rt, ctx, data)
    sweeping = later(ctx, hours=25)
    async with rt.db.begin(sweeping) as tx:
        assert await store.leave(tx, [made.digest]) == [made.digest]
    with pytest.raises(Leaving):
        await service.upload_image(rt, later_person(ctx, hours=25, minutes=1), data)
    # That sweep died. The upload takes over when it must be over, and the late end of the sweep removes no row of it.
    again = await service.upload_image(rt, later_person(ctx, hours=25, minutes=11), data)
    async with rt.db.begin(sweeping) as tx:
        assert await store.gone(tx, [made.digest]) == 0
    assert again == made and len(files(tmp_path)) == 4


def later_person(ctx: Ctx, **time: float) -> Ctx:
    return replace(ctx, now=ctx.now + timedelta(**time))


async def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret.webp").write_bytes(b"secret")
    kept = FolderStore(tmp_path / "media")
    for wrong in (
        "../secret.webp",
        "a/../../secret.webp",
        "/etc/passwd",
        "a/b/c.webp",
        "a/b.png",
        "a/.webp",
        "a\0/b.webp",
    ):
        for attempt in (kept.get(wrong), kept.put(wrong, b"x"), kept.delete([wrong])):
            with pytest.raises(ValueError):
                await attempt
    await kept.put("a/b.webp", b"one")
    assert await kept.get("a/b.webp") == b"one" and [one.name for one in (tmp_path / "media" / "a").iterdir()] == [
        "b.webp"
    ]
    await kept.delete(["a/b.webp", "a/none.webp"])
    assert await kept.get("a/b.webp") is None
