"""Data folders that PostgreSQL's own user can reach, which pytest's own are not."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from merx.db.places import make_data_dir


@contextlib.contextmanager
def new_data_dir() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="merx-test-"))
    home.chmod(0o711)
    try:
        yield make_data_dir(home / "data")
    finally:
        shutil.rmtree(home, ignore_errors=True)
