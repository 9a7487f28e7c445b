"""`merx` called as a command is, in this process, on the run's own database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from merx import cli
from merx.db.dsn import Dsn

SECRET = "a secret for tests, and for tests only"  # that of the fixture `rt`


@dataclass(frozen=True)
class Answered:
    code: int
    out: str
    err: str


Merx = Callable[..., Awaitable[Answered]]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own; what these commands say is about none of them."""
    for name in [name for name in os.environ if name.startswith("MERX_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def merx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dsn: Dsn) -> Merx:
    monkeypatch.setenv("MERX_DATABASE_URL", f"postgresql://merx_app@/merx?host={dsn.app['host']}")
    monkeypatch.setenv("MERX_SECRET_KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(cli.__file__).parent.parent.parent)
    )  # for those in a process of their own

    async def run(*arguments: str) -> Answered:
        capsys.readouterr()
        code = await asyncio.to_thread(cli.run, list(arguments))
        out, err = capsys.readouterr()
        return Answered(code, out, err)

    return run
