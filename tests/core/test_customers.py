"""Shoppers: accounts and guests, each shop's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.conftest import PASSWORD, OpenShop

from merx.core.auth import service as auth
from merx.core.auth.model import STOREFRONT_SCOPES, InvalidToken, WrongPassword
from merx.core.customers import rules, service, store
from merx.core.customers.model import Customer, CustomerPatch, CustomerStatus
from merx.core.customers.service import NewCustomer
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, NotFound, Unauthenticated
from merx.kernel.ids import PLATFORM_TENANT, CustomerId
from merx.runtime import Runtime

Make = Callable[..., Awaitable[OpenShop]]


def visitor(shop: OpenShop) -> Ctx:
    """Somebody at the shop's host, without a credential."""
    return Ctx(shop.owner.tenant, source="tests")


def new_email() -> str:
    return f"s{os.urandom(6).hex()}@example.com"


async def caller(rt: Runtime, text: str) -> Ctx:
    return (await auth.authenticate(rt, text)).ctx(now=datetime.now(UTC), source="tests")


async def guest(rt: Runtime, shop: OpenShop, email: str, name: str = "", phone: str | None = None) -> Customer:
    async with rt.db.begin(msgspec.structs.replace(shop.owner, now=datetime.now(UTC))) as tx:
        return await store.upsert_by_email(tx, email, name, phone)


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Jane van Smith", ("Jane", "van Smith")), (" Jane ", ("Jane", "")), ("", ("", "")), ("x" * 200, ("x" * 150, ""))],
)
def test_a_name_given_whole_is_split(name: str, parts: tuple[str, str]) -> None:
    assert rules.split_name(name) == parts


async def test_a_shopper_registers_and_signs_in(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    email = new_email()
    made = await service.register(rt, visitor(mine), NewCustomer(f" {email.upper()} ", PASSWORD, " Jane ", "Smith"))
    assert (made.customer.email, made.customer.username) == (email, email.partition("@")[0])
    assert (made.customer.name, made.customer.registered) == ("Jane Smith", True)
    ctx = await caller(rt, made.tokens.access)
    assert (ctx.tenant, ctx.actor, ctx.customer_id()) == (mine.owner.tenant, ActorKind.CUSTOMER, made.customer.id)
    assert ctx.scopes == STOREFRONT_SCOPES
    assert await service.me(rt, ctx) == made.customer
    again = await service.sign_in(rt, visitor(mine), email, PASSWORD)
    assert again.customer == made.customer
    refreshed = await auth.refresh(rt, again.tokens.refresh)
    assert (await caller(rt, refreshed.access)).customer_id() == made.customer.id
    await auth.sign_out(rt, await caller(rt, refreshed.access))
    with pytest.raises(InvalidToken):
        await auth.authenticate(rt, again.tokens.access)
    with pytest.raises(Unauthenticated):
        await service.me(rt, visitor(mine))


async def test_one_email_is_another_shopper_in_every_shop(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    email = new_email()
    here = await service.register(rt, visitor(mine), NewCustomer(email, PASSWORD))
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, visitor(other), email, PASSWORD)
    there = await service.register(rt, visitor(other), NewCustomer(email, "another-good-one"))
    assert here.customer.id != there.customer.id
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, visitor(other), email, PASSWORD)
    with pytest.raises(NotFound):
        await service.get(rt, other.owner, here.customer.id)
    with pytest.raises(NotFound):
        await service.update(rt, other.owner, here.customer.id, CustomerPatch(first_name="X"))
    assert [one.id for one in (await service.list_customers(rt, other.owner))[0]] == [there.customer.id]
    # A member of the team is no shopper, and a shopper no member.
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, visitor(mine), mine.email, PASSWORD)
    with pytest.raises(WrongPassword):
        await auth.sign_in(rt, email, PASSWORD)


async def test_an_email_registers_once_a_shop(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), new_email()
    made = await asyncio.gather(
        *(service.register(rt, visitor(mine), NewCustomer(email, PASSWORD)) for _ in range(4)), return_exceptions=True
    )
    refused = [one for one in made if isinstance(one, Invalid)]
    assert len(refused) == 3
    assert {one.field for one in refused} == {"email"}


async def test_every_wrong_field_is_named(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    with pytest.raises(Invalid) as refused:
        await service.register(rt, visitor(mine), NewCustomer("x", "short", "n" * 151, "a\nb", "call me", " "))
    assert set(refused.value.fields) == {"email", "password", "first_name", "last_name", "phone", "username"}
    with pytest.raises(Forbidden):
        await service.register(rt, Ctx(PLATFORM_TENANT), NewCustomer(new_email(), PASSWORD))


async def test_unknown_wrong_guest_and_switched_off_look_the_same(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    email, off, bare = new_email(), new_email(), new_email()
    await service.register(rt, visitor(mine), NewCustomer(email, PASSWORD))
    gone = await service.register(rt, visitor(mine), NewCustomer(off, PASSWORD))
    await service.update(rt, mine.owner, gone.customer.id, CustomerPatch(status=CustomerStatus.INACTIVE))
    await guest(rt, mine, bare)
    said = set()
    for address, password in (
        (email, "wrong-password"),
        (off, PASSWORD),
        (bare, ""),
        (new_email(), PASSWORD),
        ("", ""),
    ):
        with pytest.raises(WrongPassword) as refused:
            await service.sign_in(rt, visitor(mine), address, password)
        said.add((refused.value.message, refused.value.code))
    assert len(said) == 1


async def test_a_guest_is_one_however_often_they_order(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), new_email()
    found = await asyncio.gather(*(guest(rt, mine, email.title(), f"Name {n}") for n in range(6)))
    assert len({one.id for one in found}) == 1
    first = found[0]
    assert not first.registered
    assert first.email == email
    later = await guest(rt, mine, email, "Somebody Else", "+49 30 1234")
    assert later == first  # whoever writes an address into an order changes nothing about its owner


async def test_registering_gives_no_access_to_what_a_guest_ordered(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), new_email()
    before = await guest(rt, mine, email, "Jane Smith", "+1 555 0100")
    made = await service.register(rt, visitor(mine), NewCustomer(email, PASSWORD))
    assert made.customer.id != before.id
    assert (made.customer.name, made.customer.phone) == ("", None)
    after = await guest(rt, mine, email, "Jane Smith")
    assert after.id == before.id  # and what is ordered without signing in later stays apart too
    found, total = await service.list_customers(rt, mine.owner, search=email)
    assert (total, {one.registered for one in found}) == (2, {True, False})


async def test_a_shopper_changes_their_own_profile_only(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await service.register(rt, visitor(mine), NewCustomer(new_email(), PASSWORD, "Jane", phone="+1 555 0100"))
    ctx = await caller(rt, made.tokens.access)
    changed = await service.update_me(rt, ctx, CustomerPatch(last_name=" Smith ", phone=None, accepts_marketing=False))
    assert (changed.name, changed.phone, changed.accepts_marketing) == ("Jane Smith", None, False)
    assert changed.updated_at > made.customer.updated_at
    with pytest.raises(Forbidden):
        await service.update_me(rt, ctx, CustomerPatch(status=CustomerStatus.ACTIVE))
    with pytest.raises(Invalid) as refused:
        await service.update_me(rt, ctx, CustomerPatch(phone="x", username="", first_name="y" * 151))
    assert set(refused.value.fields) == {"phone", "username", "first_name"}
    for call in (
        service.get(rt, ctx, made.customer.id),
        service.list_customers(rt, ctx),
        service.update(rt, ctx, made.customer.id, CustomerPatch(first_name="X")),
        service.create(rt, ctx, new_email()),
    ):
        with pytest.raises(Forbidden):
            await call
    assert await service.me(rt, ctx) == changed


async def test_switching_an_account_off_signs_it_out(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await service.register(rt, visitor(mine), NewCustomer(new_email(), PASSWORD))
    off = await service.update(rt, mine.owner, made.customer.id, CustomerPatch(status=CustomerStatus.INACTIVE))
    assert off.status is CustomerStatus.INACTIVE
    with pytest.raises(InvalidToken):
        await auth.authenticate(rt, made.tokens.access)
    with pytest.raises(InvalidToken):
        await auth.refresh(rt, made.tokens.refresh)
    await service.update(rt, mine.owner, made.customer.id, CustomerPatch(status=CustomerStatus.ACTIVE))
    await service.sign_in(rt, visitor(mine), made.customer.email, PASSWORD)


async def test_a_new_password_ends_the_other_sessions(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), new_email()
    made = await service.register(rt, visitor(mine), NewCustomer(email, PASSWORD))
    second = await service.sign_in(rt, visitor(mine), email, PASSWORD)
    ctx = await caller(rt, second.tokens.access)
    with pytest.raises(Invalid):
        await service.change_password(rt, ctx, "not it at all", "another-good-one")
    await service.change_password(rt, ctx, PASSWORD, "another-good-one")
    await auth.authenticate(rt, second.tokens.access)
    with pytest.raises(InvalidToken):
        await auth.authenticate(rt, made.tokens.access)
    with pytest.raises(WrongPassword):
        await service.sign_in(rt, visitor(mine), email, PASSWORD)
    await service.sign_in(rt, visitor(mine), email, "another-good-one")


async def test_lists_are_filtered_searched_and_paged(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = [await guest(rt, mine, f"{word}@example.com", name) for word, name in (
        ("anna", "Anna Berg"), ("ben", "Ben Anders"), ("cleo", "Cleo 100%"), ("dora", ""), ("ann-marie", "A B"),
    )]  # fmt: skip
    await service.update(rt, mine.owner, made[1].id, CustomerPatch(status=CustomerStatus.INACTIVE))

    async def names(**wanted: Any) -> tuple[list[str], int]:
        found, total = await service.list_customers(rt, mine.owner, **wanted)
        return [one.email.partition("@")[0] for one in found], total

    assert await names() == (["ann-marie", "dora", "cleo", "ben", "anna"], 5)
    assert await names(limit=2, offset=3) == (["ben", "anna"], 5)
    assert await names(limit=2, offset=9) == ([], 5)
    assert await names(search=" AN ") == (["ann-marie", "ben", "anna"], 3)
    assert await names(search="an", status=CustomerStatus.ACTIVE) == (["ann-marie", "anna"], 2)
    assert await names(status=CustomerStatus.INACTIVE) == (["ben"], 1)
    assert await names(search="%") == ([], 0)
    assert await names(search="") == (["ann-marie", "dora", "cleo", "ben", "anna"], 5)
    reader = msgspec.structs.replace(mine.owner, scopes=frozenset({"users:read"}))
    assert (await service.list_customers(rt, reader))[1] == 5
    with pytest.raises(NotFound):
        await service.get(rt, reader, CustomerId(ids.new()))


async def test_a_merchant_writes_down_somebody_they_know(rt: Runtime, shop: Make) -> None:
    mine, email = await shop(), new_email()
    made = await service.create(rt, mine.owner, email, "Jane Smith", "+1 555 0100")
    assert (made.first_name, made.last_name, made.phone, made.registered) == ("Jane", "Smith", "+1 555 0100", False)
    assert (await service.create(rt, mine.owner, email)).id == made.id
    with pytest.raises(Invalid):
        await service.create(rt, mine.owner, "nobody")


async def test_row_level_security_holds_where_a_statement_forgets_the_tenant(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    email = new_email()
    account = (await service.register(rt, visitor(mine), NewCustomer(email, PASSWORD))).customer
    by_email, everybody, password = (
        sql.replace("tenant_id = $1", "$1::uuid is not null")
        for sql in (store.ACCOUNT_BY_EMAIL, store.COUNT_ALL, store.SET_PASSWORD)
    )
    async with rt.db.begin(mine.owner) as tx:
        assert await tx.row(by_email, email) is not None
    async with rt.db.begin(other.owner) as tx:
        assert await tx.row(by_email, email) is None
        assert [row[0] for row in await tx.rows(everybody, None)] == [0]
        assert await tx.run(password, account.id, "x", tx.ctx.now) == 0
