"""Credentials presented in the same moment are looked up together, and nobody is let in for it or kept out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.conftest import OpenShop

from merx.core.auth import keys, service, store
from merx.core.auth.model import STOREFRONT_SCOPES, InvalidKey, KeyType
from merx.kernel.errors import Busy
from merx.kernel.ids import KeyId
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]
pytestmark = pytest.mark.usefixtures("crowd")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many credentials each statement asked for."""
    seen: list[int] = []
    real = store.credentials

    async def counted(db: Any, digests: Any) -> Any:
        seen.append(len(digests))
        return await real(db, digests)

    monkeypatch.setattr(store, "credentials", counted)
    return seen


async def made(rt: Runtime, shop: OpenShop, count: int) -> list[tuple[KeyId, str]]:
    wanted = [
        await keys.create(rt, shop.owner, f"k{n}", KeyType.SECRET, sorted(STOREFRONT_SCOPES)) for n in range(count)
    ]
    return [(one.key.id, one.secret) for one in wanted]


async def test_a_crowd_is_looked_up_with_few_statements_and_each_as_itself(
    rt: Runtime, shop: Make, asked: list[int]
) -> None:
    one, two = await shop(), await shop()
    texts = [text for _, text in await made(rt, one, 6) + await made(rt, two, 6)]
    strange = "sk_live_" + "A" * 38
    asked.clear()
    wanted = [*texts, one.signed_in.tokens.access, two.signed_in.tokens.access] * 4
    found = await asyncio.gather(*[service.authenticate(rt, text) for text in wanted])
    owners = [one.owner.tenant] * 6 + [two.owner.tenant] * 6 + [one.owner.tenant, two.owner.tenant]
    assert [credential.tenant for credential in found] == owners * 4
    assert len({credential.subject for credential in found}) == 14
    assert len(asked) <= 4 and max(asked) == 14
    with pytest.raises(InvalidKey):
        await service.authenticate(rt, strange)


async def test_what_is_taken_back_is_refused_in_the_middle_of_a_crowd(rt: Runtime, shop: Make) -> None:
    """A statement that was under way before a key was revoked never answers who presents it afterwards."""
    one = await shop()
    gone, kept = await made(rt, one, 20), await made(rt, one, 5)
    stop = asyncio.Event()

    async def crowd() -> None:
        while not stop.is_set():
            await asyncio.gather(*[service.authenticate(rt, text) for _, text in kept])

    async def insist(text: str) -> None:
        while not stop.is_set():
            try:
                await service.authenticate(rt, text)
            except InvalidKey:
                return

    busy = [asyncio.create_task(crowd()), *[asyncio.create_task(insist(text)) for _, text in gone]]
    for ident, text in gone:
        await service.authenticate(rt, text)
        await keys.revoke(rt, one.owner, ident)
        with pytest.raises(InvalidKey):
            await service.authenticate(rt, text)
    stop.set()
    await asyncio.gather(*busy)


async def test_a_failure_reaches_everybody_and_the_next_are_looked_up(
    rt: Runtime, shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for _, text in await made(rt, await shop(), 3)]

    async def broken(db: Any, digests: Any) -> Any:
        raise Busy("The database is busy.")

    with monkeypatch.context() as patched:
        patched.setattr(store, "credentials", broken)
        found = await asyncio.gather(*[service.authenticate(rt, text) for text in texts], return_exceptions=True)
        assert all(isinstance(one, Busy) for one in found)
    assert (await service.authenticate(rt, texts[0])).kind == "api_key"


async def test_one_who_gives_up_takes_nobody_along(rt: Runtime, shop: Make) -> None:
    [(_, text)] = await made(rt, await shop(), 1)
    first = asyncio.create_task(service.authenticate(rt, text))
    second = asyncio.create_task(service.authenticate(rt, text))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).kind == "api_key"
    with pytest.raises(asyncio.CancelledError):
        await first
