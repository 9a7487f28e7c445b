"""Getting in and out: signing in and up, a forgotten password, signing out."""

from __future__ import annotations

from litestar import get, post

from merx.core.auth import browsers
from merx.core.auth import service as auth
from merx.core.recovery import service as recovery
from merx.edge.limits import Limiter
from merx.kernel.errors import Kind, MerxError
from merx.web.face import PUBLIC, SIGNED_IN
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, inside, redirect, render

HOME = "/dashboard"
CURRENCIES = (
    ("USD", "US dollar"), ("EUR", "Euro"), ("GBP", "British pound"), ("INR", "Indian rupee"), ("JPY", "Japanese yen"),
    ("AUD", "Australian dollar"), ("BRL", "Brazilian real"), ("CAD", "Canadian dollar"), ("CHF", "Swiss franc"),
    ("CNY", "Chinese yuan"), ("DKK", "Danish krone"), ("MXN", "Mexican peso"), ("NOK", "Norwegian krone"),
    ("PLN", "Polish złoty"), ("SEK", "Swedish krona"), ("SGD", "Singapore dollar"), ("ZAR", "South African rand"),
)  # fmt: skip


def _limiter(request: PageRequest) -> Limiter:
    limiter = request.visit.limiter
    assert limiter is not None
    return limiter


@get("/sign-in", needs=PUBLIC)
async def sign_in_page(request: PageRequest) -> Page:
    if request.visit.credential is not None:
        return redirect(request, inside(request.query_params.get("next"), HOME))
    return render(request, "session/sign_in.html", form=Form({"next": request.query_params.get("next", "")}))


@post("/sign-in", needs=PUBLIC)
async def sign_in(request: PageRequest) -> Page:
    form = await Form.read(request)
    email = form.text("email")
    try:
        async with _limiter(request).sign_in(email, request.visit.address):
            found = await auth.sign_in(request.rt, email, form.value("password"), source="dashboard")
    except MerxError as wrong:
        if wrong.kind is not Kind.UNAUTHENTICATED:
            return render(request, "session/sign_in.html", form=form.refused(wrong))
        form.summary.append("No account has this e-mail and password.")
        return render(request, "session/sign_in.html", form=form, status=401)
    await request.visitor.sign_in(found.tokens)
    return redirect(request, inside(form.text("next"), HOME))


@get("/sign-up", needs=PUBLIC)
async def sign_up_page(request: PageRequest) -> Page:
    if request.visit.credential is not None:
        return redirect(request, HOME)
    return render(request, "session/sign_up.html", form=Form({"currency": "USD"}), currencies=CURRENCIES)


@post("/sign-up", needs=PUBLIC)
async def sign_up(request: PageRequest) -> Page:
    form = await Form.read(request)
    wanted = auth.Registration(
        form.text("business_name"), form.text("email"), form.value("password"), form.text("first_name"),
        form.text("last_name"), form.text("currency") or "USD",
    )  # fmt: skip
    try:
        await _limiter(request).sign_up(request.visit.address)
        made = await auth.register(request.rt, wanted, source="dashboard")
    except MerxError as wrong:
        return render(request, "session/sign_up.html", form=form.refused(wrong), currencies=CURRENCIES)
    await request.visitor.sign_in(made.tokens)
    return redirect(request, HOME, said=f"{made.tenant.name} is open.")


@post("/sign-out", needs=SIGNED_IN)
async def sign_out(request: PageRequest) -> Page:
    await auth.sign_out(request.rt, request.ctx)
    request.visitor.sign_out()
    return redirect(request, "/dashboard/sign-in", said="You have signed out.")


# ── A forgotten password ─────────────────────────────────────────────────────────────────────────────────────────────
@get("/forgot", needs=PUBLIC)
async def forgot_page(request: PageRequest) -> Page:
    return render(request, "session/forgot.html", form=Form(), asked=False)


@post("/forgot", needs=PUBLIC)
async def forgot(request: PageRequest) -> Page:
    """Says the same whether or not anybody has this e-mail."""
    form = await Form.read(request)
    try:
        await recovery.request_staff_reset(request.rt, form.text("email"), request.visit.address)
    except MerxError as wrong:
        return render(request, "session/forgot.html", form=form.refused(wrong), asked=False)
    return render(request, "session/forgot.html", form=form, asked=True)


@get("/reset", needs=PUBLIC)
async def reset_page(request: PageRequest) -> Page:
    token = request.query_params.get("token", "")
    try:
        await recovery.check_token(request.rt, token)
    except MerxError as wrong:
        return render(request, "session/reset.html", form=Form().refused(wrong), token="")
    return render(request, "session/reset.html", form=Form(), token=token)


@post("/reset", needs=PUBLIC)
async def reset(request: PageRequest) -> Page:
    """Ends every session of this person; they sign in with the new password."""
    form = await Form.read(request)
    try:
        await recovery.reset_password(request.rt, form.text("token"), form.value("password"))
    except MerxError as wrong:
        dead = wrong.kind is not Kind.INVALID
        token = "" if dead else form.text("token")
        return render(request, "session/reset.html", form=form.refused(wrong), token=token)
    request.visitor.sign_out()
    return redirect(request, "/dashboard/sign-in", said="The new password is set. Sign in with it.")


# ── Other shops ──────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/shops", needs=SIGNED_IN)
async def shops(request: PageRequest) -> Page:
    return render(request, "session/shops.html", shops=await browsers.shops(request.rt, request.ctx))


@post("/shops", needs=SIGNED_IN)
async def switch(request: PageRequest) -> Page:
    form = await Form.read(request)
    tokens = await browsers.switch(request.rt, request.ctx, form.text("shop"))
    await request.visitor.sign_in(tokens)
    return redirect(request, HOME)


ROUTES = [
    sign_in_page, sign_in, sign_up_page, sign_up, sign_out, forgot_page, forgot, reset_page, reset, shops, switch,
]  # fmt: skip
