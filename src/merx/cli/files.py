"""The commands that bring products in from files and out to them. What the lines mean is the catalogue's."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO

from merx.cli import output, session
from merx.core.catalog import rows, transfer
from merx.core.catalog.model import BadRow, BadRows
from merx.kernel.errors import Invalid, Refused
from merx.runtime import Runtime

FORMATS = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl"}
_SHOWN = 50
_EVERY = 64 << 10


def bring_in(file: Path, slug: str, format_: str | None, dry_run: bool) -> None:
    _look_at(file)
    read = rows.read_csv if _format(file, format_) == "csv" else rows.read_json_lines

    async def work(rt: Runtime) -> None:
        tenant, ctx = await session.shop(rt, slug)
        with _opened(file) as stream, _progress(file) as moved:
            try:
                report = await transfer.import_products(rt, ctx, read(_lines(stream, moved)), dry_run=dry_run)
            except BadRows as wrong:
                raise Refused(_report(wrong.rows)) from None
        would = "would be " if dry_run else ""
        products = "product" if report.created == 1 else "products"
        output.say(f"{tenant.slug}: {report.created} {products} {would}made, {report.updated} {would}changed.")

    session.run("merx import", work)


def _look_at(file: Path) -> None:
    """Before anything is started for it."""
    if str(file) == "-":
        return
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Invalid(f"There is no file {file}.", field="file") from None
    except OSError as wrong:
        raise Refused(f"{file} can't be read: {wrong.strerror}.") from None
    if stat.S_ISDIR(found.st_mode):
        raise Invalid(f"{file} is a folder: name a file in it.", field="file")


def _report(bad: tuple[BadRow, ...]) -> str:
    """Tells all of it on stderr; gives back the last sentence."""
    for row in bad[:_SHOWN]:
        output.remark(f"line {row.line}: {f'{row.field}: ' if row.field else ''}{row.message}")
    if len(bad) > _SHOWN:
        output.remark(f"… and {len(bad) - _SHOWN} more")
    return f"Nothing was imported: {len(bad)} {'row is' if len(bad) == 1 else 'rows are'} wrong."


def bring_out(file: Path | None, slug: str, format_: str | None) -> None:
    target = None if file is None else file.resolve()  # a link stays one
    as_csv = _format(file, format_ or ("csv" if file is None else None)) == "csv"

    async def work(rt: Runtime) -> None:
        _, ctx = await session.shop(rt, slug)
        lines = transfer.export_lines(rt, ctx, as_csv)
        if target is None:
            if isinstance(sys.stdout, io.TextIOWrapper):  # the file's encoding, not the terminal's
                sys.stdout.reconfigure(encoding="utf-8", errors="strict", newline="")
            await _write(sys.stdout, lines)
            return
        try:
            with _into(target) as stream:
                count = await _write(stream, lines)
        except OSError as wrong:
            raise Refused(f"{file} can't be written: {wrong.strerror}.") from None
        output.remark(f"{file}: {count} lines.")

    session.run("merx export", work)


@contextlib.contextmanager
def _into(file: Path) -> Iterator[IO[str]]:
    """A file is there when it is whole. What is no file, a device or a pipe, is written to and not replaced."""
    if file.exists() and not file.is_file():
        with file.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


async def _write(stream: IO[str], lines: AsyncIterator[str]) -> int:
    count = 0
    async for line in lines:
        stream.write(line)
        count += 1
    return count


def _format(file: Path | None, given: str | None) -> str:
    name = given if given is not None else "" if file is None else file.suffix.lstrip(".")
    found = FORMATS.get(name.lower())
    if found is None:
        raise Invalid(f"The format {name!r} is not known: --format csv or --format jsonl." if name else
                      "Which format is it? --format csv or --format jsonl.", field="format")  # fmt: skip
    return found


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        with _all_of(sys.stdin.buffer) as whole:
            yield whole
        return
    try:
        stream = file.open("rb")
    except OSError as wrong:
        raise Refused(f"{file} can't be read: {wrong.strerror}.") from None
    with stream:
        if file.is_file():
            yield stream
        else:
            with _all_of(stream) as whole:
                yield whole


@contextlib.contextmanager
def _all_of(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Of a pipe all of it first: nobody waits for a slow writer with a transaction open."""
    with tempfile.TemporaryFile() as whole:
        shutil.copyfileobj(stream, whole)
        whole.seek(0)
        yield whole


def _lines(stream: IO[bytes], moved: Callable[[int], None]) -> Iterator[str]:
    """Raises Refused, with the line, where it is not UTF-8."""
    since = 0
    for number, raw in enumerate(stream, 1):
        since += len(raw)
        if since >= _EVERY:
            moved(since)
            since = 0
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Refused(f"Nothing was imported: line {number} is not UTF-8 text; save the file as UTF-8.") from None
    moved(since)


@contextlib.contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """A bar for people, nothing for programs."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        total = file.stat().st_size if file.is_file() else None
        task = progress.add_task("importing", total=total)
        yield lambda count: progress.advance(task, count)
