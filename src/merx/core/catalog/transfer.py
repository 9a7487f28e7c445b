"""Whole files of products, in and out. A file comes in as one transaction: all of it, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

from merx.core.catalog import rows, rules, store, words, writing
from merx.core.catalog.model import BadRow, BadRows, Category, ImportReport, Product, ProductDraft, SkuTaken
from merx.core.catalog.rows import Given, Record
from merx.core.catalog.rules import Edit
from merx.core.catalog.tree import Tree
from merx.core.inventory import store as inventory
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError
from merx.kernel.ids import CategoryId, ProductId, VariantId
from merx.kernel.money import Currency
from merx.runtime import Runtime

T = TypeVar("T")
BATCH = 500
MAX_BAD = 1_000
_FIRST = UUID(int=0)

Progress = Callable[[int], None]


async def import_products(
    rt: Runtime, ctx: Ctx, records: Iterable[Record], progress: Progress | None = None, dry_run: bool = False
) -> ImportReport:
    """Makes the products, or changes those whose slug or SKU the shop has. Raises BadRows, with nothing written, where
    one is wrong. `progress` hears after each batch how many were read. `dry_run`: all of it is tried, and undone."""
    ctx.require("products:write")
    try:
        return await _import(rt, ctx, records, progress, dry_run)
    except _Undone as tried:
        return tried.report


class _Undone(Exception):
    """Ends the transaction of a dry run."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


async def _import(
    rt: Runtime, ctx: Ctx, records: Iterable[Record], progress: Progress | None, dry_run: bool
) -> ImportReport:
    async with rt.db.begin(ctx) as tx:
        loading = await _Loading.begin(tx)
        read = 0
        for batch in _batches(records):
            await loading.take(batch)
            read += len(batch)
            if progress is not None:
                progress(read)
            if len(loading.bad) >= MAX_BAD:
                break
        if loading.bad:
            raise BadRows(sorted(loading.bad, key=lambda row: row.line))
        await loading.finish()
        report = ImportReport(loading.created, loading.updated)
        if dry_run:
            raise _Undone(report)
        return report


async def bulk_load(
    rt: Runtime, ctx: Ctx, drafts: Iterable[ProductDraft], progress: Progress | None = None
) -> list[ProductId]:
    """Makes many new products as fast as it goes: demo shops, measurements. Raises what the first wrong one raises."""
    ctx.require("products:write")
    made: list[ProductId] = []
    async with rt.db.begin(ctx) as tx:
        loading = await _Loading.begin(tx)
        for batch in _batches(drafts):
            made += await loading.make(batch)
            if progress is not None:
                progress(len(made))
        await loading.finish()
    return made


async def export_products(rt: Runtime, ctx: Ctx) -> AsyncIterator[Product]:
    """All that are not deleted, in the order they were made, read in batches: a product that is changed meanwhile comes
    as it was or as it is."""
    ctx.require("products:read")
    after: UUID = _FIRST
    while True:
        async with rt.db.begin(ctx) as tx:
            batch = await store.exported(tx, after, BATCH)
        for product in batch:
            yield product
        if len(batch) < BATCH:
            return
        after = batch[-1].id


async def export_lines(rt: Runtime, ctx: Ctx, as_csv: bool = False) -> AsyncIterator[str]:
    """The lines of a file that `import_products` reads back, each with its line end."""
    ctx.require("products:read")
    async with rt.db.begin(ctx) as tx:
        paths = _spelled((await store.list_categories(tx)).items, ctx.now)
    if as_csv:
        yield rows.csv_header()
    async for product in export_products(rt, ctx):
        if as_csv:
            for line in rows.csv_lines(product, paths):
                yield line
        else:
            yield rows.json_line(product, paths) + "\n"


def _spelled(categories: Sequence[Category], now: datetime) -> dict[CategoryId, str]:
    """Each category's path of names; its slug, where that path is read back as another one."""
    tree, found = Tree(categories, now), rows.paths_of(categories)
    return {one.id: found[one.id] if tree.find(found[one.id]) == one else one.slug for one in categories}


class _Loading:
    """A file on its way in. What many products share (the category tree, the new words) is kept here and written at
    the end; stock, which others wait for, last of all."""

    def __init__(self, tx: Tx, tree: Tree, currency: Currency) -> None:
        self._tx, self._tree, self._currency = tx, tree, currency
        self._locked = False
        self._vocabulary: set[str] = set()
        self._stock: dict[VariantId, int] = {}
        self._lines: dict[tuple[str, str], int] = {}  # which line a slug or SKU was first on
        self._slugs_given: set[str] = set()
        self.bad: list[BadRow] = []
        self.created = self.updated = 0

    @classmethod
    async def begin(cls, tx: Tx) -> _Loading:
        currency, _, _ = await store.preflight(tx)
        return cls(tx, Tree((await store.list_categories(tx)).items, tx.ctx.now), currency)

    async def take(self, records: Sequence[Record]) -> None:
        """Once something is wrong nothing is written any more, and the rest is read for what else is wrong."""
        given = [(record.line, one) for record in records if (one := self._parsed(record)) is not None]
        owners, known = await self._existing([one for _, one in given])
        edits: list[Edit] = []
        fresh = await self._slugs([one.slug or words.slugify(one.name or "", "product") for _, one in given])
        moments = self._moments(len(given))
        for (line, one), before, free, (moment, new_id) in zip(given, known, fresh, moments, strict=True):
            try:
                if taken := [sku for sku in one.skus() if sku in owners and not (before and owners[sku] == before.id)]:
                    raise SkuTaken(taken)
                if before is not None:
                    edit = rules.change(before, one.changes(before), self._tx.ctx.now)
                else:
                    slug = rules.slug(one.slug) if one.slug else free
                    edit = rules.create(one.draft(), slug, self._currency, moment, new_id)
                if edit.categories:
                    writing.resolve(self._tree, edit.categories)
                edits.append(edit)
            except MerxError as wrong:
                self.bad.append(BadRow(line, wrong.field, wrong.message))
        if not self.bad:
            await self._write(edits)

    def _parsed(self, record: Record) -> Given | None:
        try:
            if record.wrong is not None:
                self.bad.append(BadRow(record.line, None, record.wrong))
                return None
            given = rows.parse(record.values)
        except MerxError as wrong:
            self.bad.append(BadRow(record.line, wrong.field, wrong.message))
            return None
        for name, value in [("slug", given.slug), *(("sku", sku) for sku in given.skus())]:
            if value and (line := self._lines.setdefault((name, value), record.line)) != record.line:
                self.bad.append(BadRow(record.line, name, f"The {name} {value} is on line {line} already."))
                return None
        return given

    async def _existing(self, given: Sequence[Given]) -> tuple[dict[str, ProductId], list[Product | None]]:
        """Whose the SKUs are, and the product that each record means: the one with its slug, or where it has none with
        one of its SKUs."""
        by_slug = await store.products_by_slug(self._tx, [one.slug for one in given if one.slug])
        _, _, by_sku = await store.preflight(self._tx, (), [sku for one in given for sku in one.skus()])
        meant: list[ProductId | None] = []
        for one in given:
            owners = (by_sku[sku] for sku in one.skus() if sku in by_sku)
            meant.append(by_slug.get(one.slug) if one.slug else next(owners, None))
        wanted = sorted({one for one in meant if one is not None})
        found: dict[ProductId, Product] = {}
        if wanted:
            locked = await store.lock_products(self._tx, wanted)
            found = {product.id: product for product in await store.kept_products(self._tx, locked)}
        return by_sku, [found.get(one) if one is not None else None for one in meant]

    async def _slugs(self, bases: Sequence[str]) -> list[str]:
        """A free slug after each of `bases`, none of them twice in this file."""
        _, taken, _ = await store.preflight(self._tx, bases)
        times = Counter(bases)
        doubted = [base for base in times if times[base] > 1 or base in taken or base in self._slugs_given]
        if doubted:
            candidates = [one for base in doubted for one in writing.slug_candidates(base)]
            _, found, _ = await store.preflight(self._tx, candidates)
            taken |= found
        free = []
        for base in bases:
            candidates = writing.slug_candidates(base) if base in doubted else [base]
            free.append(rules.free_slug(candidates, taken | self._slugs_given if base in doubted else ()))
            self._slugs_given.add(free[-1])
        return free

    def _moments(self, count: int) -> list[tuple[datetime, ProductId]]:
        """A moment and an id for each product, so that they stand in the shop in the order of the file."""
        start = self._tx.ctx.now + timedelta(microseconds=self.created)
        fresh = sorted(ProductId(ids.new()) for _ in range(count))
        return [(start + timedelta(microseconds=at), new_id) for at, new_id in enumerate(fresh)]

    async def make(self, drafts: Sequence[ProductDraft]) -> list[ProductId]:
        bases = [rules.slug(one.slug) if one.slug else words.slugify(one.name, "product") for one in drafts]
        made = zip(drafts, await self._slugs(bases), self._moments(len(drafts)), strict=True)
        edits = [rules.create(one, slug, self._currency, moment, new_id) for one, slug, (moment, new_id) in made]
        await self._write(edits)
        return [edit.after.id for edit in edits]

    async def _write(self, edits: Sequence[Edit]) -> None:
        if not edits:
            return
        if not self._locked:  # only a file that makes categories keeps others from making some until it is in
            for edit in edits:
                writing.resolve(self._tree, edit.categories or ())
            if self._tree.made:
                self._tree, self._locked = await writing.locked_tree(self._tx), True
        await writing.write(self._tx, edits, self._tree, self._vocabulary)
        self._stock |= writing.counts(edits)
        changed = sum(1 for edit in edits if edit.before is not None)
        self.updated += changed
        self.created += len(edits) - changed

    async def finish(self) -> None:
        await writing.write_vocabulary(self._tx, self._vocabulary)
        for variants in _batches(sorted(self._stock)):
            await inventory.set_available(self._tx, {one: self._stock[one] for one in variants}, "import")


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
