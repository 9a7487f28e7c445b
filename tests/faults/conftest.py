"""What the tests of selling under faults share. They have a database of their own: where a refund or a payment is due,
the worker of a served application would ask the real provider about it, and these have one of their own making."""

from __future__ import annotations

import pytest
from tests.databases import own_fixtures
from tests.faults import till

dsn, database = own_fixtures("faults")


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs for each provider: one that closes its pages, and one that can't."""
    name: str = request.param
    monkeypatch.setattr(till, "PROVIDER", name)
    return name
