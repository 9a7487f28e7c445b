"""Pictures in a bucket: through the official-looking calls of obstore, checked at the other end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.conftest import OpenShop
from tests.media.pictures import decoded, picture
from tests.media.small_s3 import ACCESS, REGION, SECRET, SmallS3, small_s3

from merx.core.media import service
from merx.core.media.model import SIZES
from merx.kernel.context import system
from merx.kernel.errors import Upstream
from merx.providers import media
from merx.providers.media import FolderStore
from merx.runtime import Runtime
from merx.settings import Settings, WrongSetting, load
from merx.worker.pictures import clear_pictures


def opened(store: SmallS3, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "s3_url": "s3://merx-pictures/shops", "s3_endpoint": store.url, "s3_region": REGION, "s3_access_key": ACCESS,
        "s3_secret_key": SECRET,
    }  # fmt: skip
    return media.open_store(replace(Settings(), **(given | changes)))


async def test_put_get_delete() -> None:
    async with small_s3() as store:
        kept = opened(store)
        await kept.put("a/b.webp", b"one")
        assert store.objects == {"/merx-pictures/shops/a/b.webp": b"one"}
        said = store.headers["/merx-pictures/shops/a/b.webp"]
        assert said["content-type"] == "image/webp" and "immutable" in said["cache-control"]
        assert await kept.get("a/b.webp") == b"one"
        assert await kept.get("a/none.webp") is None
        await kept.delete(["a/b.webp", "a/none.webp"])
        assert store.objects == {}


async def test_a_store_that_refuses_or_is_away_is_an_error_of_ours() -> None:
    async with small_s3() as store:
        wrong = opened(store, s3_secret_key="another")
        for attempt in (wrong.put("a/b.webp", b"one"), wrong.get("a/b.webp"), wrong.delete(["a/b.webp"])):
            with pytest.raises(Upstream) as refused:
                await attempt
            assert refused.value.code == "storage_away" and SECRET not in refused.value.message
        store.fails = 1
        await opened(store).put("a/b.webp", b"one")  # one bad moment is tried again
        assert len(store.objects) == 1


async def test_a_picture_from_upload_to_clearing_away(rt: Runtime, shop: Callable[..., Awaitable[OpenShop]]) -> None:
    ctx = (await shop()).owner
    async with small_s3() as store:
        rt = replace(rt, media=opened(store))
        made = await service.upload_image(rt, ctx, picture(1000, 500))
        assert sorted(store.objects) == sorted(f"/merx-pictures/shops{made.urls[size][6:]}" for size in SIZES)
        content = await service.read_file(rt, ctx.tenant, made.digest, 480)
        assert content is not None and decoded(content).size == (480, 240)
        store.fails = 99
        later = replace(system(ctx.tenant), now=ctx.now + timedelta(hours=25))
        with pytest.raises(Upstream):
            await clear_pictures(rt, later)
        store.fails = 0
        again = replace(later, now=later.now + timedelta(minutes=11))
        assert await clear_pictures(rt, again) == 1
        assert store.objects == {}


def test_the_settings() -> None:
    assert isinstance(media.open_store(Settings()), FolderStore)
    given = {
        "MERX_S3_URL": "s3://bucket/a/b",
        "MERX_S3_REGION": "eu-central-1",
        "MERX_S3_ENDPOINT": "https://s3.example",
    }
    assert load(given).s3_url == "s3://bucket/a/b"
    for wrong in ("bucket", "s3://", "http://bucket", "s3://b", "s3://bucket/../x", "s3://Bucket"):
        with pytest.raises(WrongSetting, match="MERX_S3_URL"):
            load({"MERX_S3_URL": wrong})
    with pytest.raises(WrongSetting, match="go together"):
        load({"MERX_S3_ACCESS_KEY": "a"})
