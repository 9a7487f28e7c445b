"""Products looked at in the same moment are read together, and nobody sees less for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.selling import Shop, open_shop

from merx.core.catalog import service, store
from merx.core.catalog.model import ProductChanges, ProductDraft, ProductQuery, Sort
from merx.db.database import Database
from merx.kernel.errors import Busy, NotFound

pytestmark = pytest.mark.usefixtures("crowd")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many products each statement asked for."""
    seen: list[int] = []
    real = store.shown_products

    async def counted(tx: Any, keys: Any) -> Any:
        seen.append(len(keys))
        return await real(tx, keys)

    monkeypatch.setattr(store, "shown_products", counted)
    return seen


async def filled(database: Database, count: int) -> tuple[Shop, list[Any]]:
    shop = await open_shop(database)
    made = [
        await service.create_product(shop.rt, shop.ctx, ProductDraft(name=f"Lamp {n}", price=n + 1))
        for n in range(count)
    ]
    return shop, made


async def test_a_crowd_is_answered_with_few_statements_and_each_with_their_own(
    database: Database, asked: list[int]
) -> None:
    shop, made = await filled(database, 12)
    wanted = [made[n % 12] for n in range(48)]
    by_slug = [service.get_product_by_slug(shop.rt, shop.ctx, one.slug) for one in wanted]
    by_id = [service.get_product(shop.rt, shop.ctx, one.id) for one in wanted]
    found = await asyncio.gather(*by_slug, *by_id)
    assert [one.product.id for one in found] == [one.id for one in wanted] * 2
    assert len(asked) <= 6 and max(asked) == 12


async def test_one_alone_is_asked_for_at_once(database: Database, asked: list[int]) -> None:
    shop, made = await filled(database, 1)
    assert (await service.get_product(shop.rt, shop.ctx, made[0].id)).product.name == "Lamp 0"
    assert asked == [1]


async def test_what_is_not_there_is_missed_by_its_asker_alone(database: Database) -> None:
    shop, made = await filled(database, 2)
    await service.update_product(shop.rt, shop.ctx, made[1].id, ProductChanges(active=False))
    found = await asyncio.gather(
        *[service.get_product_by_slug(shop.rt, shop.ctx, slug) for slug in (made[0].slug, made[1].slug, "none")],
        return_exceptions=True,
    )
    assert not isinstance(found[0], BaseException)
    assert isinstance(found[1], NotFound) and isinstance(found[2], NotFound)


async def test_who_has_written_reads_what_they_wrote(database: Database) -> None:
    """A statement that was under way before a change never answers who asks after it."""
    shop, made = await filled(database, 6)
    stop = asyncio.Event()

    async def crowd() -> None:
        while not stop.is_set():
            await asyncio.gather(*[service.get_product(shop.rt, shop.ctx, one.id) for one in made])

    reading = asyncio.create_task(crowd())
    for price in range(10, 40):
        await service.update_product(shop.rt, shop.ctx, made[0].id, ProductChanges(price=price))
        seen = (await service.get_product(shop.rt, shop.ctx, made[0].id)).product.price_minor
        assert seen == price * 100
    stop.set()
    await reading


async def test_shops_are_never_read_together(database: Database, asked: list[int]) -> None:
    one, of_one = await filled(database, 2)
    two, _ = await filled(database, 2)
    found = await asyncio.gather(
        service.get_product(one.rt, one.ctx, of_one[0].id),
        service.get_product(two.rt, two.ctx, of_one[0].id),
        return_exceptions=True,
    )
    assert not isinstance(found[0], BaseException) and isinstance(found[1], NotFound)
    assert asked == [1, 1]


async def test_a_failure_reaches_everybody_and_the_next_are_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, made = await filled(database, 3)

    async def broken(tx: Any, keys: Any) -> Any:
        raise Busy("The database is busy.")

    with monkeypatch.context() as patched:
        patched.setattr(store, "shown_products", broken)
        found = await asyncio.gather(
            *[service.get_product(shop.rt, shop.ctx, one.id) for one in made], return_exceptions=True
        )
        assert all(isinstance(one, Busy) for one in found)
    assert (await service.get_product(shop.rt, shop.ctx, made[0].id)).product.id == made[0].id


async def test_one_who_gives_up_takes_nobody_along(database: Database) -> None:
    shop, made = await filled(database, 2)
    first = asyncio.create_task(service.get_product(shop.rt, shop.ctx, made[0].id))
    second = asyncio.create_task(service.get_product(shop.rt, shop.ctx, made[0].id))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).product.id == made[0].id
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_who_asks_in_the_moment_a_reader_ends_is_answered(database: Database) -> None:
    """One after another, each asked for as soon as the one before has been answered."""
    shop, made = await filled(database, 1)

    async def again_and_again() -> None:
        for _ in range(200):
            await service.get_product(shop.rt, shop.ctx, made[0].id)

    await asyncio.wait_for(asyncio.gather(*[again_and_again() for _ in range(5)]), 60)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[ProductQuery]:
    """What each statement asked for."""
    seen: list[ProductQuery] = []
    real = store.list_products

    async def counted(tx: Any, query: ProductQuery) -> Any:
        seen.append(query)
        return await real(tx, query)

    monkeypatch.setattr(store, "list_products", counted)
    return seen


async def test_who_wants_the_same_list_is_answered_by_few_statements(
    database: Database, listed: list[ProductQuery]
) -> None:
    shop, _ = await filled(database, 3)
    other, _ = await filled(database, 1)
    listed.clear()
    same = [service.list_products(shop.rt, shop.ctx, ProductQuery(limit=2)) for _ in range(30)]
    found = await asyncio.gather(
        *same,
        service.list_products(shop.rt, shop.ctx, ProductQuery(limit=1)),
        service.list_products(other.rt, other.ctx, ProductQuery(limit=2)),
    )
    assert [(len(page.items), page.total) for page in found] == [(2, 3)] * 30 + [(1, 3), (1, 1)]
    assert len(listed) <= 6


async def test_a_list_shows_what_its_reader_has_written(database: Database) -> None:
    shop, made = await filled(database, 3)
    stop, query = asyncio.Event(), ProductQuery(sort=Sort.PRICE_DESC, limit=1)

    async def crowd() -> None:
        while not stop.is_set():
            await asyncio.gather(*[service.list_products(shop.rt, shop.ctx, query) for _ in range(6)])

    reading = asyncio.create_task(crowd())
    for price in range(10, 40):
        await service.update_product(shop.rt, shop.ctx, made[0].id, ProductChanges(price=price))
        page = await service.list_products(shop.rt, shop.ctx, query)
        assert page.items[0].price_minor == price * 100
    stop.set()
    await reading
