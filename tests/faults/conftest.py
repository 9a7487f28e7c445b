"""What the tests of selling under faults share."""

from __future__ import annotations

import pytest
from tests.faults import till


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs for each provider: one that closes its pages, and one that can't."""
    name: str = request.param
    monkeypatch.setattr(till, "PROVIDER", name)
    return name
