"""The pages are tested at the same served application as the dialects."""

from __future__ import annotations

from tests.dialects.conftest import http, new_shop, shop, site, site_rt

__all__ = ["http", "new_shop", "shop", "site", "site_rt"]
