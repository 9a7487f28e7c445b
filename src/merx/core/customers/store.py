"""Writes customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from merx.core.customers import rules
from merx.core.customers.model import ERASED, Customer, CustomerStatus
from merx.core.tenants.rules import NOWHERE
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.ids import CustomerId

TABLES = ("customers",)

_COLUMNS = (
    "id, email, username, first_name, last_name, phone, status, accepts_marketing, password_hash is not null, "
    "created_at, updated_at, erase_at, erased_at"
)
BY_ID = f"select {_COLUMNS} from customers where tenant_id = $1 and id = $2"
ACCOUNT = (
    f"select {_COLUMNS}, password_hash from customers where tenant_id = $1 and id = $2 and password_hash is not null"
)
ACCOUNT_BY_EMAIL = f"""
select {_COLUMNS}, password_hash from customers where tenant_id = $1 and email = $2 and password_hash is not null
"""
INSERT_ACCOUNT = f"""
insert into customers
  (tenant_id, id, email, username, password_hash, first_name, last_name, phone, accepts_marketing, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
on conflict (tenant_id, email) where password_hash is not null do nothing
returning {_COLUMNS}
"""
UPSERT_GUEST = f"""
with known as (
  select {_COLUMNS} from customers where tenant_id = $1 and email = $3 and password_hash is null),
made as (
  insert into customers (tenant_id, id, email, username, first_name, last_name, phone, created_at, updated_at)
  select $1, $2, $3, $4, $5, $6, $7, $8, $8 where not exists (select from known)
  on conflict (tenant_id, email) where password_hash is null do update set email = excluded.email
  returning {_COLUMNS})
select * from known union all select * from made
"""
UPDATE = f"""
update customers set username = $3, first_name = $4, last_name = $5, phone = $6, status = $7, accepts_marketing = $8,
  updated_at = $9
where tenant_id = $1 and id = $2 returning {_COLUMNS}
"""
LOCK = f"{BY_ID} for no key update"
LOCK_ACCOUNT = f"{ACCOUNT} for no key update"
SET_PASSWORD = """
update customers set password_hash = $3, updated_at = $4 where tenant_id = $1 and id = $2 and erase_at is null
"""  # noqa: S105
USERNAMES = "select id, username from customers where tenant_id = $1 and id = any($2::uuid[])"
SET_ERASE_AT = f"update customers set erase_at = $3 where tenant_id = $1 and id = $2 returning {_COLUMNS}"
LOCK_WHOLE = f"{BY_ID} for update"
ERASE = """
update customers set email = $3, username = $4, first_name = $5, last_name = $6, password_hash = null, phone = null,
  status = 'inactive', accepts_marketing = false, erased_at = $7, updated_at = $7
where tenant_id = $1 and id = $2
"""
IDS_BY_EMAIL = "select id from customers where tenant_id = $1 and email = $2 order by id"

# $2 and $3: the beginning of an e-mail or a name, and what comes after all that begin so
_SEARCHED = ('email collate "C"', "first_key", "last_key")
_MATCHES = "(" + " or ".join(f"({one} >= $2 and {one} < $3)" for one in _SEARCHED) + ")"
_BEGINNING = " union ".join(
    f"(select id from customers where tenant_id = $1 and {one} >= $2 and {one} < $3{known} limit $4)"
    for one, known in zip(_SEARCHED, ("", " and first_key <> ''", " and last_key <> ''"), strict=True)
)
_NEWEST = "order by created_at desc, id desc"
ALL = f"select {_COLUMNS} from customers where tenant_id = $1 {_NEWEST} limit $2 offset $3"
BY_STATUS = f"select {_COLUMNS} from customers where tenant_id = $1 and status = $2 {_NEWEST} limit $3 offset $4"
COUNT_ALL = "select count(*) from (select 1 from customers where tenant_id = $1 limit $2::bigint) as counted"
COUNT_BY_STATUS = """
select count(*) from (select 1 from customers where tenant_id = $1 and status = $2 limit $3::bigint) as counted
"""
SEARCH = f"""
select {_COLUMNS} from customers where tenant_id = $1 and {_MATCHES} {_NEWEST} limit $4 offset $5
"""
SEARCH_BY_STATUS = f"""
select {_COLUMNS} from customers where tenant_id = $1 and status = $4 and {_MATCHES} {_NEWEST} limit $5 offset $6
"""
SEARCH_FEW = f"""
select {_COLUMNS} from customers where tenant_id = $1 and id = any(array({_BEGINNING})) {_NEWEST} limit $5 offset $6
"""
SEARCH_FEW_BY_STATUS = f"""
select {_COLUMNS} from customers where tenant_id = $1 and status = $5 and id = any(array({_BEGINNING}))
{_NEWEST} limit $6 offset $7
"""
COUNT_FEW = f"select count(*) from ({_BEGINNING}) as counted"
COUNT_FEW_BY_STATUS = f"""
select count(*) from customers where tenant_id = $1 and status = $5 and id = any(array({_BEGINNING}))
"""
COUNT_SEARCH = f"select count(*) from customers where tenant_id = $1 and {_MATCHES}"
COUNT_SEARCH_BY_STATUS = f"select count(*) from customers where tenant_id = $1 and status = $4 and {_MATCHES}"


async def by_id(tx: Tx, customer: CustomerId) -> Customer | None:
    return _customer(await tx.row(BY_ID, customer))


async def lock(tx: Tx, customer: CustomerId) -> Customer | None:
    return _customer(await tx.row(LOCK, customer))


async def account(tx: Tx, customer: CustomerId) -> tuple[Customer, str] | None:
    """Somebody who signs in, with their password's hash."""
    row = await tx.row(ACCOUNT, customer)
    return None if row is None else (_as_customer(row), row[13])


async def lock_account(tx: Tx, customer: CustomerId) -> tuple[Customer, str] | None:
    """The same, held until the transaction ends."""
    row = await tx.row(LOCK_ACCOUNT, customer)
    return None if row is None else (_as_customer(row), row[13])


async def account_by_email(tx: Tx, email: str) -> tuple[Customer, str] | None:
    row = await tx.row(ACCOUNT_BY_EMAIL, email)
    return None if row is None else (_as_customer(row), row[13])


async def ids_by_email(tx: Tx, email: str) -> list[CustomerId]:
    """The account and the guest of this e-mail: one, both or none."""
    return [CustomerId(row[0]) for row in await tx.rows(IDS_BY_EMAIL, email)]


async def insert_account(
    tx: Tx,
    customer: CustomerId,
    email: str,
    username: str,
    password_hash: str,
    first_name: str = "",
    last_name: str = "",
    phone: str | None = None,
    accepts_marketing: bool = True,
) -> Customer | None:
    """None where this e-mail has an account."""
    return _customer(
        await tx.row(
            INSERT_ACCOUNT,
            customer,
            email,
            username,
            password_hash,
            first_name,
            last_name,
            phone,
            accepts_marketing,
            tx.ctx.now,
        )
    )


async def upsert_by_email(tx: Tx, email: str, name: str = "", phone: str | None = None) -> Customer:
    """The guest with this e-mail, made if need be. One who is known stays as they are: whoever
    writes somebody's address into an order must not change what is known of them."""
    email = email.strip().lower()
    first_name, last_name = rules.split_name(name)
    row = await tx.row(UPSERT_GUEST, ids.new(), email, rules.username(email), first_name, last_name, phone, tx.ctx.now)
    return _as_customer(row)


async def update(tx: Tx, after: Customer) -> Customer | None:
    return _customer(
        await tx.row(
            UPDATE,
            after.id,
            after.username,
            after.first_name,
            after.last_name,
            after.phone,
            after.status.value,
            after.accepts_marketing,
            after.updated_at,
        )
    )


async def usernames(tx: Tx, wanted: Sequence[UUID]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in await tx.rows(USERNAMES, list(wanted))}


async def set_password(tx: Tx, customer: CustomerId, password_hash: str) -> None:
    await tx.run(SET_PASSWORD, customer, password_hash, tx.ctx.now)


async def set_erase_at(tx: Tx, customer: CustomerId, moment: datetime | None) -> Customer | None:
    """When they will be erased; None: not at all."""
    return _customer(await tx.row(SET_ERASE_AT, customer, moment))


async def lock_whole(tx: Tx, customer: CustomerId) -> Customer | None:
    """Held against those too who are about to write an order in this customer's name."""
    return _customer(await tx.row(LOCK_WHOLE, customer))


async def erase(tx: Tx, customer: CustomerId) -> None:
    """The row stays, because orders point to it, and names nobody. Its address is one that nobody can have."""
    named = rules.split_name(ERASED)
    await tx.run(ERASE, customer, f"{customer.hex}@{NOWHERE}", ERASED, *named, tx.ctx.now)


async def page(tx: Tx, limit: int, offset: int, status: CustomerStatus | None = None) -> list[Customer]:
    """Newest first."""
    rows = await (tx.rows(ALL, limit, offset) if status is None else tx.rows(BY_STATUS, status.value, limit, offset))
    return [_as_customer(row) for row in rows]


async def count(tx: Tx, most: int | None = None, status: CustomerStatus | None = None) -> int:
    """`most`: where counting stops."""
    return _number(await (tx.row(COUNT_ALL, most) if status is None else tx.row(COUNT_BY_STATUS, status.value, most)))


async def search(
    tx: Tx, beginning: str, limit: int, offset: int, status: CustomerStatus | None = None, few: int | None = None
) -> list[Customer]:
    """Newest first, by the beginning of an e-mail or a name. `few`: no more than that many match, so they are looked
    up and put in order; otherwise the newest are looked at until there are enough."""
    asked = (*_range(beginning), *(() if few is None else (few,)), *(() if status is None else (status.value,)))
    sql = (SEARCH, SEARCH_BY_STATUS) if few is None else (SEARCH_FEW, SEARCH_FEW_BY_STATUS)
    return [_as_customer(row) for row in await tx.rows(sql[status is not None], *asked, limit, offset)]


async def count_found(tx: Tx, beginning: str, status: CustomerStatus | None = None, most: int | None = None) -> int:
    """How many a search finds; with `most`, of at most that many for each of what is searched."""
    asked = (*_range(beginning), *(() if most is None else (most,)), *(() if status is None else (status.value,)))
    sql = (COUNT_SEARCH, COUNT_SEARCH_BY_STATUS) if most is None else (COUNT_FEW, COUNT_FEW_BY_STATUS)
    return _number(await tx.row(sql[status is not None], *asked))


def _range(beginning: str) -> tuple[str, str]:
    folded = beginning.translate(_FOLDED)
    return folded, folded + "\U0010ffff"


_FOLDED = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""As the database folds what is searched: the same under every locale."""


def _number(row: Any) -> int:
    return int(row[0]) if row else 0


def _customer(row: Any) -> Customer | None:
    return None if row is None else _as_customer(row)


def _as_customer(row: Any) -> Customer:
    return Customer(
        CustomerId(row[0]),
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        CustomerStatus(row[6]),
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
    )
