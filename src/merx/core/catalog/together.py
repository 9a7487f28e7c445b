"""What is looked at in the same moment is read together: products of one shop in one statement for all who look, and a
list in one for all who want the same. How, and what is promised to them: `db/together.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merx.core.catalog import store
from merx.core.catalog.model import ProductDetail, ProductPage, ProductQuery
from merx.db.together import Crowds
from merx.kernel.context import Ctx, system
from merx.kernel.ids import ProductId
from merx.runtime import Runtime

_by_id: Crowds[Any, ProductDetail] = Crowds()
_by_slug: Crowds[Any, ProductDetail] = Crowds()
_lists: Crowds[None, ProductPage] = Crowds()


async def shown(rt: Runtime, ctx: Ctx, key: ProductId | str) -> ProductDetail | None:
    """What shoppers see of a product, by its id or its slug. The caller has been asked for its right to look."""

    async def read(keys: list[Any]) -> Mapping[Any, ProductDetail]:
        async with rt.db.read(system(ctx.tenant, "catalog")) as tx:
            return await store.shown_products(tx, keys)

    crowds = _by_slug if isinstance(key, str) else _by_id
    return await crowds.at(rt.db, ctx.tenant).ask(key, read)


async def listed(rt: Runtime, ctx: Ctx, query: ProductQuery) -> ProductPage:
    """The same of a list."""

    async def read(_: list[None]) -> Mapping[None, ProductPage]:
        async with rt.db.read(system(ctx.tenant, "catalog")) as tx:
            return {None: await store.list_products(tx, query)}

    found = await _lists.at(rt.db, (ctx.tenant, query)).ask(None, read)
    assert found is not None
    return found
