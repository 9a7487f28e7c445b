"""Settings: who works in this shop, and what each of them may do."""

from __future__ import annotations

from litestar import get, post

from merx.core.auth import team
from merx.core.auth.model import EVERYTHING, ROLE_SCOPES, SCOPES, STOREFRONT_SCOPES, Member, Role
from merx.kernel.context import Ctx
from merx.kernel.errors import Invalid, Kind, MerxError, NotFound
from merx.web.dashboard.desk import baas, desk_of
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render
from merx.web.paging import SIZE, asked, paging

LIST = "/dashboard/settings/team"
ROLES = (
    (Role.OWNER, "Owner", "Everything, the team too."),
    (Role.ADMIN, "Admin", "Everything but the team."),
    (Role.STAFF, "Staff", "Products, orders and customers."),
)
PERMISSIONS = {
    "products:read": "See products and categories",
    "products:write": "Change products and categories",
    "orders:read": "See orders",
    "orders:write": "Ship, cancel and move orders",
    "refunds:write": "Give money back",
    "payments:write": "Take payments",
    "customers:read": "See customers",
    "customers:write": "Change customers, switch accounts off",
    "customers:erase": "Erase customers for good",
    "users:read": "Look people up by the Reference API",
    "coupons:read": "See discounts",
    "coupons:write": "Make and change discounts",
    "settings:read": "See settings and the team",
    "settings:write": "Change settings",
    "webhooks:read": "See webhooks and deliveries",
    "webhooks:write": "Change webhooks, send again",
    "notifications:read": "Read the messages that were sent",
    "notifications:send": "Send messages, and send again",
    "logs:read": "Read the request log",
    "keys:write": "Make API keys and OAuth clients",
    "team:write": "Change the team",
}


def _choices(ctx: Ctx) -> list[tuple[str, str, str]]:
    """Nobody can give what they don't have."""
    known = [scope for scope in PERMISSIONS if ctx.may(scope)]
    more = sorted(scope for scope in SCOPES - STOREFRONT_SCOPES - PERMISSIONS.keys() if ctx.may(scope))
    return [(scope, PERMISSIONS.get(scope, scope), scope) for scope in (*known, *more)]


def _roles(ctx: Ctx) -> list[tuple[Role, str, str]]:
    return [one for one in ROLES if all(ctx.may(scope) for scope in ROLE_SCOPES[one[0]])]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("member")
    return int(text)


@get("/settings/team", needs="settings:read")
async def team_list(request: PageRequest) -> Page:
    desk_of(request)
    number, offset = asked(request)
    found, total = await team.list_members(request.rt, request.ctx, SIZE, offset)
    return render(
        request,
        "team/list.html",
        area="settings",
        section="team",
        members=found,
        roles={role: words for role, words, _ in ROLES},
        paging=paging(request, number, total),
        calls=[baas("GET", "/team/")],
    )


@get("/settings/team/new", needs="team:write")
async def new(request: PageRequest) -> Page:
    desk_of(request)
    return _new(request, Form({"role": "staff"}))


def _new(request: PageRequest, form: Form) -> Page:
    call = baas("POST", "/team/", '{"email": "sam@example.com", "role": "staff", "password": "…"}')
    return render(
        request, "team/member.html", area="settings", section="team", member=None, form=form, doing="", own=False,
        roles=_roles(request.ctx), permissions=_choices(request.ctx), calls=[call],
    )  # fmt: skip


@post("/settings/team/new", needs="team:write")
async def add(request: PageRequest) -> Page:
    form = await Form.read(request)
    try:
        made = await team.add(
            request.rt,
            request.ctx,
            form.text("email"),
            _role(form),
            password=form.value("password") or None,
            first_name=form.text("first_name"),
            last_name=form.text("last_name"),
            permissions=_permissions(form),
        )
    except MerxError as wrong:
        return _new(request, form.refused(wrong, {"permissions": "permissions"}))
    return redirect(request, LIST, said=f"{made.staff.email} is in the team.")


def _role(form: Form) -> Role:
    text = form.text("role")
    if text not in list(Role):
        raise Invalid("Choose a role.", field="role")
    return Role(text)


def _permissions(form: Form) -> list[str]:
    """Those of the role where nothing else is chosen; an owner has everything."""
    if form.text("role") == Role.OWNER or not form.flag("own"):
        return []
    chosen = form.all("permissions")
    if not chosen:
        raise Invalid("Choose at least one permission, or those of the role.", field="permissions")
    return chosen


@get("/settings/team/{member:str}", needs="settings:read")
async def member_page(request: PageRequest, member: str) -> Page:
    desk_of(request)
    return _shown(request, await team.find(request.rt, request.ctx, _number(member)), None)


def _shown(request: PageRequest, member: Member, form: Form | None, doing: str | None = None) -> Page:
    begun = Form(
        {
            "role": member.role.value,
            "own": "on" if member.permissions else "",
            "permissions": list(member.permissions or ROLE_SCOPES[member.role] - EVERYTHING),
        }
    )
    return render(
        request,
        "team/member.html",
        area="settings",
        section="team",
        member=member,
        form=form or begun,
        doing=request.query_params.get("do", "") if doing is None else doing,
        own=member.staff.id == request.ctx.actor_id,
        roles=_roles(request.ctx),
        permissions=_choices(request.ctx),
        calls=[
            baas("PATCH", f"/team/{member.number}/", '{"role": "staff", "permissions": ["orders:read"]}'),
            baas("DELETE", f"/team/{member.number}/"),
        ],
    )


@post("/settings/team/{member:str}", needs="team:write")
async def change(request: PageRequest, member: str) -> Page:
    form = await Form.read(request)
    found = await team.find(request.rt, request.ctx, _number(member))
    try:
        await team.change(request.rt, request.ctx, found.staff.id, role=_role(form), permissions=_permissions(form))
    except MerxError as wrong:
        return _shown(request, found, form.refused(wrong, {"permissions": "permissions"}), "")
    return redirect(request, LIST, said=f"What {found.staff.email} may do has been changed.")


@post("/settings/team/{member:str}/remove", needs="team:write")
async def remove(request: PageRequest, member: str) -> Page:
    found = await team.find(request.rt, request.ctx, _number(member))
    try:
        await team.remove(request.rt, request.ctx, found.staff.id)
    except MerxError as wrong:
        if wrong.kind is not Kind.REFUSED:
            raise
        return redirect(request, f"{LIST}/{member}", said=wrong.message, tone="danger")
    return redirect(request, LIST, said=f"{found.staff.email} is not in the team any more, and signed out.")


ROUTES = [team_list, new, add, member_page, change, remove]
