"""Pictures in a bucket, through obstore."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from merx.kernel.errors import Upstream

SECONDS = 20
_IMMUTABLE = {"Content-Type": "image/webp", "Cache-Control": "public, max-age=31536000, immutable"}


class BucketStore:
    """`url` is s3://bucket or s3://bucket/folder. Without keys they come from where AWS's own programs find them: the
    environment, a container's or a machine's role."""

    def __init__(
        self,
        url: str,
        *,
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        config: dict[str, Any] = {"region": region}
        if endpoint is not None:
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        if access_key is not None and secret_key is not None:
            config |= {"access_key_id": access_key, "secret_access_key": secret_key}
        plain = endpoint is not None and endpoint.startswith("http://")
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={"timeout": timedelta(seconds=SECONDS), "allow_http": plain},
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=SECONDS)},
            **config,
        )

    async def put(self, name: str, content: bytes) -> None:
        try:
            await self._store.put_async(name, content, attributes=_IMMUTABLE, use_multipart=False)
        except (BaseError, OSError) as wrong:
            raise _away() from wrong

    async def get(self, name: str) -> bytes | None:
        try:
            found = await self._store.get_async(name)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as wrong:
            raise _away() from wrong

    async def delete(self, names: Sequence[str]) -> None:
        """Those that are not there are passed over."""
        try:
            await self._store.delete_async(list(names))
        except (BaseError, OSError) as wrong:
            raise _away() from wrong

    async def close(self) -> None:
        return None


def _away() -> Upstream:
    return Upstream("The store of the pictures does not answer as it should; try again later.", code="storage_away")
