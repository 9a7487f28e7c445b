"""The people of a shop: who they are, what they may do. A change holds from the next request of theirs on."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from merx.core.auth import grant_store, passwords, rules, sessions, store
from merx.core.auth.model import Member, Role, Staff, member_scopes
from merx.core.tenants import rules as tenant_rules
from merx.core.tenants import store as tenants
from merx.db.database import Tx
from merx.kernel import ids
from merx.kernel.context import Ctx
from merx.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from merx.kernel.ids import StaffId
from merx.runtime import Runtime


async def list_members(rt: Runtime, ctx: Ctx, limit: int = 20, offset: int = 0) -> tuple[list[Member], int]:
    ctx.require("settings:read")
    async with rt.db.begin(ctx) as tx:
        return await store.members(tx, limit, offset), await store.count_members(tx)


async def get(rt: Runtime, ctx: Ctx, staff: StaffId) -> Member:
    ctx.require("settings:read")
    async with rt.db.begin(ctx) as tx:
        return await _member(tx, staff)


async def find(rt: Runtime, ctx: Ctx, number: int) -> Member:
    """By the number that they have in this shop."""
    ctx.require("settings:read")
    async with rt.db.begin(ctx) as tx:
        member = await store.member_by_number(tx, number)
    if member is None:
        raise NotFound("member")
    return member


async def add(
    rt: Runtime,
    ctx: Ctx,
    email: str,
    role: Role,
    *,
    password: str | None = None,
    first_name: str = "",
    last_name: str = "",
    permissions: Sequence[str] = (),
) -> Member:
    """A person who works elsewhere on this installation joins with the account they have, and keeps their password; a
    new one gets an account with `password`."""
    rules.require_person(ctx, "team:write")
    allowed = _permissions(ctx, role, permissions)
    address = tenant_rules.email(email)
    if address is None:
        raise Invalid("Enter a valid email address.", field="email")
    if max(len(first_name), len(last_name)) > 150:
        raise Invalid("A name has at most 150 characters.", field="first_name")
    known = await store.staff_by_email(rt.db, address)
    password_hash = await _first_password(address, password) if known is None else None
    async with rt.db.begin(ctx) as tx:
        staff: Staff | None = known[0] if known is not None else None
        if password_hash is not None:
            names = (first_name.strip(), last_name.strip())
            staff = await store.insert_staff(tx, StaffId(ids.new()), address, password_hash, *names)
        if staff is None:
            raise Conflict("Somebody has just registered this e-mail; send the request again.", retry_after=1)
        number = await tenants.next_number(tx, "members")
        member = await store.insert_member(tx, staff, number, role, allowed)
        if member is None:
            raise Conflict("This person is in the team already.", field="email", code="already_member")
    return member


async def _first_password(email: str, password: str | None) -> str:
    if password is None:
        raise Invalid("A new person needs a password to begin with.", field="password")
    if faults := rules.password_faults(password, email):
        raise Invalid(faults[0], fields={"password": faults})
    return await passwords.hashed(password)


async def change(
    rt: Runtime,
    ctx: Ctx,
    staff: StaffId,
    *,
    role: Role | UnsetType = UNSET,
    permissions: Sequence[str] | UnsetType = UNSET,
) -> Member:
    """Only what is given changes; another role without permissions has that role's own."""
    rules.require_person(ctx, "team:write")
    async with rt.db.begin(ctx) as tx:
        before, last = await _lock(ctx, tx, staff)
        wanted = before[0] if role is UNSET else role
        kept: Sequence[str] = before[1] if wanted is before[0] else ()
        allowed = _permissions(ctx, wanted, kept if permissions is UNSET else permissions)
        if last and wanted is not Role.OWNER:
            raise _last_owner()
        await store.set_role(tx, staff, wanted, allowed)
        await store.set_session_scopes(tx, staff, sorted(member_scopes(wanted, allowed)))
        await grant_store.set_scopes(tx, staff, sorted(member_scopes(wanted, allowed)))
        member = await _member(tx, staff)
    rt.revoked()
    return member


async def remove(rt: Runtime, ctx: Ctx, staff: StaffId) -> None:
    """Their sessions in this shop end with it; their account, and their other shops, stay."""
    rules.require_person(ctx, "team:write")
    async with rt.db.begin(ctx) as tx:
        _, last = await _lock(ctx, tx, staff)
        if last:
            raise _last_owner()
        await store.delete_member(tx, staff)
        await sessions.end_all(rt, tx, staff)
        await store.delete_credentials_of(tx, staff)
    rt.revoked()


async def _lock(ctx: Ctx, tx: Tx, staff: StaffId) -> tuple[tuple[Role, tuple[str, ...]], bool]:
    """(role and permissions, whether they are the last owner). Owners are locked first, by everybody, so that two of
    them can't remove each other at the same moment."""
    owners = await store.lock_owners(tx)
    found = await store.lock_membership(tx, staff)
    if found is None:
        raise NotFound("member")
    if rules.exceeds(ctx, member_scopes(*found)):
        raise Forbidden("This person may do more than you; only an owner can change that.", code="outranked")
    return found, owners == [staff]


def _permissions(ctx: Ctx, role: Role, permissions: Sequence[str]) -> tuple[str, ...]:
    if role is Role.OWNER:
        if permissions:
            raise Invalid("An owner may do everything; leave the permissions out.", field="permissions")
    elif "*" in permissions:
        raise Invalid("Only an owner may do everything; name the permissions.", field="permissions")
    allowed = tuple(sorted(rules.granted(ctx, permissions, "permissions"))) if permissions else ()
    if rules.exceeds(ctx, member_scopes(role, allowed)):
        raise Forbidden(f"Nobody can make a member {role} without being allowed as much.", code="scope_not_yours")
    return allowed


async def _member(tx: Tx, staff: StaffId) -> Member:
    member = await store.member(tx, staff)
    if member is None:
        raise NotFound("member")
    return member


def _last_owner() -> Refused:
    return Refused("A shop keeps at least one owner; make somebody else an owner first.", code="last_owner")
