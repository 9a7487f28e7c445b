"""`merx` called as a command is, in this process, on the run's own database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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


@pytest.fixture
def merx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dsn: Dsn) -> Merx:
    monkeypatch.setenv("MERX_DATABASE_URL", f"postgresql://merx_app@/merx?host={dsn.app['host']}")
    monkeypatch.setenv("MERX_SECRET_KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "100")

    async def run(*arguments: str) -> Answered:
        capsys.readouterr()
        code = await asyncio.to_thread(cli.run, list(arguments))
        out, err = capsys.readouterr()
        return Answered(code, out, err)

    return run
