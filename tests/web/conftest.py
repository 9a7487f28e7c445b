"""The pages are tested at the same served application as the dialects."""

from __future__ import annotations

from tests.dialects.conftest import http, new_shop, shop

__all__ = ["http", "new_shop", "shop"]
