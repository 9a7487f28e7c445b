"""Settings: a person's own account: their password, and signing out everywhere."""

from __future__ import annotations

from litestar import get, post

from merx.core.auth import leaving
from merx.core.auth import service as auth
from merx.kernel.errors import Invalid, MerxError
from merx.web.dashboard.desk import baas
from merx.web.face import SIGNED_IN
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, redirect, render

PLACE = "/dashboard/settings/account"
FAILED, FAILED_SECONDS = 10, 300


@get("/settings/account", needs=SIGNED_IN)
async def account(request: PageRequest) -> Page:
    return _shown(request, Form())


def _shown(request: PageRequest, form: Form) -> Page:
    return render(
        request,
        "settings/account.html",
        area="settings",
        section="account",
        form=form,
        doing=request.query_params.get("do", ""),
        calls=[
            baas("POST", "/me/password/", '{"current_password": "…", "password": "…"}'),
            baas("POST", "/me/sign-out/", '{"everywhere": true}'),
        ],
    )


@post("/settings/account/password", needs=SIGNED_IN)
async def change_password(request: PageRequest) -> Page:
    form = await Form.read(request)
    limiter, ctx = request.visit.limiter, request.ctx
    assert limiter is not None
    try:
        async with limiter.attempt(f"password:{ctx.actor_id}", FAILED, FAILED_SECONDS, Invalid):
            await auth.change_password(request.rt, ctx, form.value("current_password"), form.value("password"))
    except MerxError as wrong:
        return _shown(request, form.refused(wrong, {"password": "password", "current_password": "current_password"}))
    return redirect(request, PLACE, said="Your password has been changed, and you are signed out everywhere else.")


@post("/settings/account/sign-out", needs=SIGNED_IN)
async def sign_out_everywhere(request: PageRequest) -> Page:
    await leaving.sign_out_everywhere(request.rt, request.ctx)
    request.visitor.sign_out()
    return redirect(request, "/dashboard/sign-in", said="You have signed out everywhere.")


ROUTES = [account, change_password, sign_out_everywhere]
