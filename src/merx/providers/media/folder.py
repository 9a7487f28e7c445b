"""Pictures below the data folder. A file appears whole or not at all, and what was acknowledged is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from merx.kernel.errors import Busy

_NAME = re.compile(r"[0-9a-z-]{1,64}/[0-9a-z-]{1,64}\.webp", re.ASCII)


class FolderStore:
    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, content: bytes) -> None:
        try:
            await asyncio.to_thread(self._write, self._path(name), content)
        except OSError as full:
            raise Busy("Pictures can't be stored at the moment; try again later.", code="storage_away") from full

    async def get(self, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path(name).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise Busy("Pictures can't be read at the moment; try again later.", code="storage_away") from wrong

    async def delete(self, names: Sequence[str]) -> None:
        """Those that are not there are passed over."""
        await asyncio.to_thread(self._remove, [self._path(name) for name in names])

    async def close(self) -> None:
        return None

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("a picture's name is a folder and a file, of lower-case letters, digits and hyphens")
        return self._root / name

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths}:
            with contextlib.suppress(OSError):  # it has others
                folder.rmdir()


def _sync_folder(folder: Path) -> None:
    """So that the name, too, outlives a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
