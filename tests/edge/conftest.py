"""The fake dialects behind a real server, for each module one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.edge.fake import App, served


@pytest.fixture(scope="module")
def app() -> App:
    return App()


@pytest.fixture(scope="module")
def port(app: App) -> Iterator[int]:
    with served(app) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
