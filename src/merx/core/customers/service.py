"""What a shopper can do with their account, and what a merchant can do with shoppers."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from merx.core.auth import passwords, sessions
from merx.core.auth import rules as auth_rules
from merx.core.auth import store as auth_store
from merx.core.auth.model import STOREFRONT_SCOPES, Tokens, WrongPassword
from merx.core.customers import rules, steps, store
from merx.core.customers.model import BeingErased, Customer, CustomerPatch, CustomerSignedIn, CustomerStatus
from merx.core.tenants import rules as tenant_rules
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, NotFound
from merx.kernel.ids import PLATFORM_TENANT, CustomerId
from merx.runtime import Runtime


class NewCustomer(msgspec.Struct, frozen=True):
    email: str
    password: str
    first_name: str = ""
    last_name: str = ""
    phone: str | None = None
    username: str | None = None  # None: the e-mail up to its @
    accepts_marketing: bool = True


# ── The shopper's side ───────────────────────────────────────────────────────────────────────────────────────────────
async def register(rt: Runtime, ctx: Ctx, wanted: NewCustomer) -> CustomerSignedIn:
    """An account at the shop of `ctx`, signed in. What was ordered under this e-mail without an account stays apart:
    an address is not proved by typing it in."""
    _require_shop(ctx)
    email, wanted = _checked(wanted)
    password_hash = await passwords.hashed(wanted.password)
    async with rt.db.begin(ctx) as tx:
        customer = await store.insert_account(
            tx,
            CustomerId(ids.new()),
            email,
            wanted.username or rules.username(email),
            password_hash,
            wanted.first_name,
            wanted.last_name,
            wanted.phone,
            wanted.accepts_marketing,
        )
        if customer is None:
            raise Invalid("An account with this e-mail exists already.", field="email", code="email_taken")
        tokens = await sessions.open_session(rt, tx, ActorKind.CUSTOMER, customer.id, STOREFRONT_SCOPES)
    return CustomerSignedIn(customer, tokens)


def _checked(wanted: NewCustomer) -> tuple[str, NewCustomer]:
    first, last = wanted.first_name.strip(), wanted.last_name.strip()
    wrong = rules.faults(first, last, wanted.phone)
    email = tenant_rules.email(wanted.email)
    if email is None:
        wrong["email"] = ["Enter a valid email address."]
    if found := auth_rules.password_faults(wanted.password, email or ""):
        wrong["password"] = found
    name = None if wanted.username is None else wanted.username.strip()
    if name is not None and not 1 <= len(name) <= rules.MAX_NAME:
        wrong["username"] = [f"This has 1 to {rules.MAX_NAME} characters."]
    if wrong or email is None:
        raise Invalid("Invalid request data", fields=wrong)
    return email, msgspec.structs.replace(wanted, first_name=first, last_name=last, username=name)


async def sign_in(rt: Runtime, ctx: Ctx, email: str, password: str) -> CustomerSignedIn:
    """At the shop of `ctx`. Unknown, wrong and switched off look the same and take the same."""
    _require_shop(ctx)
    async with rt.db.begin(ctx) as tx:
        found = await store.account_by_email(tx, tenant_rules.email(email) or "")
    customer, stored = found if found is not None else (None, None)
    right = await passwords.verified(stored, password)
    if not right or customer is None or stored is None or not customer.may_sign_in:
        raise WrongPassword
    fresh = await passwords.hashed(password) if passwords.outdated(stored) else None
    async with rt.db.begin(ctx) as tx:
        # Locked, so that it can't be switched off, or given another password, between the look and the session.
        now, current = await store.lock_account(tx, customer.id) or (None, None)
        if now is None or not now.may_sign_in or current != stored:
            raise WrongPassword
        if fresh is not None:
            await store.set_password(tx, customer.id, fresh)
        tokens = await sessions.open_session(rt, tx, ActorKind.CUSTOMER, customer.id, STOREFRONT_SCOPES)
    return CustomerSignedIn(now, tokens)


async def sign_in_anyone(rt: Runtime, ctx: Ctx, email: str, password: str) -> Tokens:
    """At a door that the team and the shoppers of the shop of `ctx` share: a member of the team, or else a shopper.
    Whatever is wrong looks the same and takes the same: two passwords are checked."""
    _require_shop(ctx)
    found = await auth_store.staff_by_email(rt.db, tenant_rules.email(email) or "")
    staff, stored = found if found is not None else (None, None)
    if await passwords.verified(stored, password) and staff is not None and stored is not None and staff.active:
        fresh = await passwords.hashed(password) if passwords.outdated(stored) else None
        async with rt.db.begin(ctx) as tx:
            member, current = await auth_store.lock_member(tx, staff.id) or (None, None)
            if member is not None and current == stored:
                if fresh is not None:
                    await auth_store.set_staff_password(tx, staff.id, fresh)
                return await sessions.open_session(rt, tx, ActorKind.STAFF, staff.id, member.scopes)
    return (await sign_in(rt, ctx, email, password)).tokens


async def me(rt: Runtime, ctx: Ctx) -> Customer:
    """The signed-in shopper."""
    async with rt.db.begin(ctx) as tx:
        return _found(await store.by_id(tx, ctx.customer_id()))


async def update_me(rt: Runtime, ctx: Ctx, patch: CustomerPatch) -> Customer:
    if patch.status is not UNSET:
        raise Forbidden("Only the shop can change an account's status.", code="not_yours_to_change", field="status")
    async with rt.db.begin(ctx) as tx:
        before = _changeable(await store.lock(tx, ctx.customer_id()))
        return _found(await store.update(tx, rules.patched(before, patch, ctx.now)))


async def change_password(rt: Runtime, ctx: Ctx, current: str, wanted: str) -> None:
    """Ends the shopper's other sessions."""
    customer = ctx.customer_id()
    async with rt.db.begin(ctx) as tx:
        found = await store.account(tx, customer)
    if not await passwords.verified(found[1] if found else None, current) or found is None:
        raise Invalid("This is not your current password.", field="current_password")
    if wrong := auth_rules.password_faults(wanted, found[0].email):
        raise Invalid(wrong[0], fields={"password": wrong})
    password_hash = await passwords.hashed(wanted)
    async with rt.db.begin(ctx) as tx:
        await store.set_password(tx, customer, password_hash)
        await sessions.end_all(rt, tx, customer, ctx.session)
    rt.revoked()


# ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────────────
async def list_customers(
    rt: Runtime,
    ctx: Ctx,
    *,
    status: CustomerStatus | None = None,
    search: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> tuple[list[Customer], int]:
    """Newest first, and how many there are. `search`: the beginning of an e-mail or a name."""
    _require_reader(ctx)
    wanted = rules.beginning(search)
    async with rt.db.begin(ctx) as tx:
        found = await steps.find(tx, wanted, status, limit, offset)
        if not found.more:
            return found.customers, found.total
        total = await (store.count(tx, None, status) if wanted is None else store.count_found(tx, wanted, status))
    return found.customers, total


async def get(rt: Runtime, ctx: Ctx, customer: CustomerId) -> Customer:
    _require_reader(ctx)
    async with rt.db.begin(ctx) as tx:
        return _found(await store.by_id(tx, customer))


async def update(rt: Runtime, ctx: Ctx, customer: CustomerId, patch: CustomerPatch) -> Customer:
    """An account that is switched off is signed out everywhere and can't sign in."""
    ctx.require("customers:write")
    async with rt.db.begin(ctx) as tx:
        before = _changeable(await store.lock(tx, customer))
        after = _found(await store.update(tx, rules.patched(before, patch, ctx.now)))
        ended = after.status is CustomerStatus.INACTIVE and before.status is not after.status
        if ended:
            await sessions.end_all(rt, tx, customer)
    if ended:
        rt.revoked()
    return after


async def create(rt: Runtime, ctx: Ctx, email: str, name: str = "", phone: str | None = None) -> Customer:
    """A guest: somebody the merchant knows, without a password. One who is known already is given back as they are."""
    ctx.require("customers:write")
    address = tenant_rules.email(email)
    wrong = rules.faults(name, "", phone)
    if address is None:
        wrong["email"] = ["Enter a valid email address."]
    if wrong or address is None:
        raise Invalid("Invalid request data", fields=wrong)
    async with rt.db.begin(ctx) as tx:
        return await store.upsert_by_email(tx, address, name, phone)


def _require_reader(ctx: Ctx) -> None:
    if not ctx.may("users:read"):
        ctx.require("customers:read")


def _require_shop(ctx: Ctx) -> None:
    if ctx.tenant == PLATFORM_TENANT:
        raise Forbidden("The platform itself has no shop to sign in to.", code="no_shop")


def _found(customer: Customer | None) -> Customer:
    if customer is None:
        raise NotFound("customer")
    return customer


def _changeable(customer: Customer | None) -> Customer:
    found = _found(customer)
    if found.erase_at is not None:
        raise BeingErased(found)
    return found
