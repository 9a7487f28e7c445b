"""Where pictures lie: the data folder, or a bucket of any store that speaks S3."""

from __future__ import annotations

from merx.ports import MediaStore
from merx.providers.media.folder import FolderStore
from merx.settings import Settings

__all__ = ["FolderStore", "open_store"]


def open_store(settings: Settings) -> MediaStore:
    if settings.s3_url is None:
        return FolderStore(settings.data_dir / "media")
    from merx.providers.media.bucket import BucketStore  # its library is loaded only where it is used

    return BucketStore(
        settings.s3_url,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
