"""Products in and out as files: an import that is shown before it is done and tells how far it is, and an export."""

from __future__ import annotations

import asyncio
import csv
import itertools
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.response import Stream

from merx.core.catalog import rows, transfer
from merx.core.catalog.model import BadRows, ImportReport
from merx.edge.errors import HttpError
from merx.kernel.errors import Kind, MerxError
from merx.web.dashboard.desk import baas
from merx.web.dashboard.products import LIST
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render

SHOWN_ROWS, SHOWN_FAULTS = 8, 50


class Preview(msgspec.Struct, frozen=True):
    """What a file would do, and how it begins."""

    name: str
    report: ImportReport | None
    header: list[str] = []
    lines: list[list[str]] = []
    faults: list[tuple[int, str, str]] = []
    more_faults: int = 0
    said: str = ""


@get("/products/import", needs="products:write")
async def import_page(request: PageRequest) -> Page:
    call = baas("POST", "/products/", '{"name": "…", "price": "19.90", "stock_quantity": 10}')
    return render(
        request, "products/import.html", area="products", preview=None, form=Form(), columns=rows.COLUMNS, calls=[call]
    )


@post("/products/import/preview", needs="products:write")
async def preview(request: PageRequest) -> Page:
    """Tries all of it and undoes it again."""
    form = await Form.read(request)
    found = await _previewed(request, form)
    template = "products/import_preview.html" if request.partial else "products/import.html"
    return render(request, template, area="products", preview=found, form=form, columns=rows.COLUMNS)


async def _previewed(request: PageRequest, form: Form) -> Preview:
    name, text = await _file(form)
    if text is None:
        return Preview(name, None, said="Choose a CSV or JSON Lines file, saved as UTF-8.")
    header, lines = _beginning(name, text)
    try:
        report = await transfer.import_products(request.rt, request.ctx, _records(name, text), dry_run=True)
    except BadRows as wrong:
        faults = [(row.line, row.field or "", row.message) for row in wrong.rows[:SHOWN_FAULTS]]
        return Preview(name, None, header, lines, faults, max(0, len(wrong.rows) - SHOWN_FAULTS), wrong.message)
    except MerxError as wrong:
        if wrong.kind in (Kind.FORBIDDEN, Kind.UNAUTHENTICATED):
            raise
        return Preview(name, None, header, lines, said=wrong.message)
    return Preview(name, report, header, lines)


async def _file(form: Form) -> tuple[str, str | None]:
    """(name, text); None where there is no file, or one that is no text."""
    files = form.files.get("file", [])
    if not files:
        return "", None
    raw = await files[0].read()
    try:
        return files[0].filename, raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return files[0].filename, None


def _records(name: str, text: str) -> Any:
    lines = text.splitlines(keepends=True)
    return rows.read_json_lines(lines) if name.lower().endswith(("jsonl", "ndjson", "json")) else rows.read_csv(lines)


def _beginning(name: str, text: str) -> tuple[list[str], list[list[str]]]:
    if name.lower().endswith(("jsonl", "ndjson", "json")):
        return [], []
    try:
        begins = list(itertools.islice(csv.reader(text.splitlines()[: SHOWN_ROWS * 20]), SHOWN_ROWS + 1))
    except csv.Error:
        return [], []
    return (begins[0], begins[1:]) if begins else ([], [])


@post("/products/import", needs="products:write")
async def import_file(request: PageRequest) -> Response[Any]:
    """Does it. A script that asks for it (`Accept: application/x-ndjson`) hears how far it is, a line a step."""
    form = await Form.read(request)
    name, text = await _file(form)
    if text is None:
        return render(request, "products/import.html", area="products", form=form, columns=rows.COLUMNS,
                      preview=Preview(name, None, said="Choose a CSV or JSON Lines file, saved as UTF-8."))  # fmt: skip
    if "application/x-ndjson" in request.headers.get("accept", ""):
        steps = _told(request, name, text)
        return Stream(steps, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})
    try:
        report = await transfer.import_products(request.rt, request.ctx, _records(name, text))
    except MerxError:
        found = await _previewed(request, form)
        return render(
            request, "products/import.html", area="products", preview=found, form=form, columns=rows.COLUMNS, status=422
        )
    return redirect(request, LIST, said=_said(report))


async def _told(request: PageRequest, name: str, text: str) -> AsyncIterator[bytes]:
    heard: asyncio.Queue[int] = asyncio.Queue()
    total = max(1, sum(1 for _ in _records(name, text)))
    work = asyncio.create_task(
        transfer.import_products(request.rt, request.ctx, _records(name, text), progress=heard.put_nowait)
    )
    while not work.done():
        try:
            async with asyncio.timeout(0.2):
                read = await heard.get()
        except TimeoutError:
            continue
        yield msgspec.json.encode({"read": min(read, total), "total": total}) + b"\n"
    try:
        report = work.result()
        yield (
            msgspec.json.encode({"done": True, "created": report.created, "updated": report.updated, "to": LIST})
            + b"\n"
        )
    except BadRows as wrong:
        faults = [[row.line, row.field or "", row.message] for row in wrong.rows[:SHOWN_FAULTS]]
        yield msgspec.json.encode({"error": wrong.message, "faults": faults}) + b"\n"
    except MerxError as wrong:
        yield msgspec.json.encode({"error": wrong.message}) + b"\n"


def _said(report: ImportReport) -> str:
    return f"The file is in: {report.created} products made, {report.updated} changed."


@get("/products/export/{name:str}", needs="products:read")
async def export(request: PageRequest, name: str) -> Response[Any]:
    if name not in ("products.csv", "products.jsonl"):
        raise HttpError(404, "not_found", "There is no such file.")
    as_csv = name.endswith("csv")
    media = "text/csv; charset=utf-8" if as_csv else "application/x-ndjson"
    lines = transfer.export_lines(request.rt, request.ctx, as_csv)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(lines, media_type=media, headers=headers)


ROUTES = [import_page, preview, import_file, export]
