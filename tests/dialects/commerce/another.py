"""What a second server process of the tests' installation serves."""

from __future__ import annotations

import os

import msgspec
from tests.dialects.site import settings_for

from merx.asgi import Site
from merx.db.dsn import Dsn


def app() -> Site:
    return Site(settings_for(int(os.environ["TEST_SITE_PORT"])), msgspec.json.decode(os.environ["TEST_DSN"], type=Dsn))
