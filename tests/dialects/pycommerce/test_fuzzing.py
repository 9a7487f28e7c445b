"""schemathesis against the dialect's own document: no request of its making is answered with a 5xx, with a status or a
type that the document does not name, or with another shape."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.dialects.pycommerce.desk import Desk

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.timeout(240)
async def test_the_server_is_what_the_document_says(desk: Desk, apart: str, tmp_path: Path) -> None:
    await desk.placed((await desk.shop.product("Lamp", "20.00", stock=1_000, categories=("Home > Lamps",))).id)
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\ntenant = "{desk.slug}"\n')
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{apart}/api/openapi.json"]
    command += ["--checks", CHECKS, "--seed", "1", "--max-examples", "15", "--no-color", "--continue-on-failure"]
    command += ["--suppress-health-check", "too_slow"]  # which says how much else this machine does
    command += ["--header", f"Authorization: Bearer {desk.token}", "--phases", "examples,coverage,fuzzing"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=220)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout[-20_000:]
