"""A shopper's account: signing in and out, registering, a forgotten password, past orders, the profile."""

from __future__ import annotations

from litestar import get, post
from litestar.types import ControllerRouterHandler

from merx.core.auth import service as auth
from merx.core.auth.model import WrongPassword
from merx.core.cart import shopping
from merx.core.customers import service as customers
from merx.core.customers.model import CustomerPatch, CustomerSignedIn
from merx.core.customers.service import NewCustomer
from merx.core.orders import own
from merx.core.orders import service as orders
from merx.core.orders.model import OrderQuery
from merx.core.recovery import service as recovery
from merx.kernel import ids
from merx.kernel.context import ActorKind
from merx.kernel.errors import Invalid, MerxError, NotFound
from merx.kernel.ids import OrderId
from merx.web import cookies
from merx.web.face import PUBLIC, SIGNED_IN
from merx.web.forms import Form
from merx.web.pages import Page, PageRequest, inside, redirect, render
from merx.web.storefront.carting import PERSONAL
from merx.web.storefront.visiting import CART, guest_token, order_tokens

ORDERS_A_PAGE = 10


# ── Coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/account/sign-in", opt={"needs": PUBLIC})
async def sign_in_page(request: PageRequest, next: str = "") -> Page:
    if request.ctx.actor is ActorKind.CUSTOMER:
        return redirect(request, inside(next, "/account"))
    return render(request, "account/sign_in.html", form=Form({"next": inside(next, "/account")}))


@post("/account/sign-in", opt={"needs": PUBLIC}, status_code=200)
async def sign_in(request: PageRequest) -> Page:
    form, visit = await Form.read(request), request.visit
    email = form.text("email")
    assert visit.limiter is not None
    try:
        async with visit.limiter.sign_in(f"{request.shop.tenant.hex}/{email}", visit.address):
            found = await customers.sign_in(request.rt, request.shop, email, form.value("password"))
    except MerxError as wrong:
        if wrong.retry_after is None and not isinstance(wrong, WrongPassword):
            raise
        form.summary.append(wrong.message)
        form.status = 429 if wrong.retry_after else 401
        return render(request, "account/sign_in.html", form=form)
    return await _welcome(request, form, found)


@get("/account/register", opt={"needs": PUBLIC})
async def register_page(request: PageRequest, next: str = "") -> Page:
    return render(request, "account/register.html", form=Form({"next": inside(next, "/account")}))


@post("/account/register", opt={"needs": PUBLIC}, status_code=200)
async def register(request: PageRequest) -> Page:
    form, visit = await Form.read(request), request.visit
    assert visit.limiter is not None
    await visit.limiter.sign_up(visit.address)
    wanted = NewCustomer(
        email=form.text("email"),
        password=form.value("password"),
        first_name=form.text("first_name"),
        last_name=form.text("last_name"),
        accepts_marketing=form.flag("accepts_marketing"),
    )
    try:
        found = await customers.register(request.rt, request.shop, wanted)
    except MerxError as wrong:
        return render(request, "account/register.html", form=form.refused(wrong))
    return await _welcome(request, form, found)


async def _welcome(request: PageRequest, form: Form, found: CustomerSignedIn) -> Page:
    """The session is this browser's from now on, and what it put into its cart is the customer's."""
    token = guest_token(request)
    if token is not None:
        await shopping.adopt(request.rt, request.shop, found.customer.id, token)
        request.visitor.headers.append(cookies.drop(CART, request.visit.https))
    await request.visitor.sign_in(found.tokens)
    return redirect(request, inside(form.text("next"), "/account"))


@post("/account/sign-out", opt={"needs": SIGNED_IN}, status_code=200)
async def sign_out(request: PageRequest) -> Page:
    await auth.sign_out(request.rt, request.ctx)
    request.visitor.sign_out()
    return redirect(request, "/", said="You are signed out.")


# ── A forgotten password ─────────────────────────────────────────────────────────────────────────────────────────────
@get("/account/forgotten", opt={"needs": PUBLIC})
async def forgotten_page(request: PageRequest) -> Page:
    return render(request, "account/forgotten.html", form=Form(), sent=False)


@post("/account/forgotten", opt={"needs": PUBLIC}, status_code=200)
async def forgotten(request: PageRequest) -> Page:
    """The same answer whether there is such an account or not."""
    form = await Form.read(request)
    try:
        await recovery.request_customer_reset(request.rt, request.shop, form.text("email"))
    except MerxError as wrong:
        return render(request, "account/forgotten.html", form=form.refused(wrong), sent=False)
    return render(request, "account/forgotten.html", form=form, sent=True)


@get("/account/reset", opt={"needs": PUBLIC})
async def reset_page(request: PageRequest, token: str = "") -> Page:
    return render(request, "account/reset.html", form=Form({"token": token[:200]}), headers=PERSONAL)


@post("/account/reset", opt={"needs": PUBLIC}, status_code=200)
async def reset(request: PageRequest) -> Page:
    form = await Form.read(request)
    try:
        shop = request.shop.tenant
        await recovery.reset_password(request.rt, form.text("token"), form.value("password"), shop=shop)
    except MerxError as wrong:
        return render(request, "account/reset.html", form=form.refused(wrong), headers=PERSONAL)
    return redirect(request, "/account/sign-in", said="Your password has been changed. Sign in with the new one.")


# ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@get("/account", opt={"needs": SIGNED_IN})
async def overview(request: PageRequest, page: str = "1") -> Page:
    number = max(1, int(page)) if page.isdecimal() and len(page) < 5 else 1
    query = OrderQuery(limit=ORDERS_A_PAGE, offset=(number - 1) * ORDERS_A_PAGE)
    found = await orders.page(request.rt, request.ctx, query)
    pages = max(1, -(-found.total // ORDERS_A_PAGE))
    return render(request, "account/overview.html", found=found, number=number, pages=pages, headers=PERSONAL)


@get("/account/orders/{order:str}", opt={"needs": PUBLIC})
async def order_page(request: PageRequest, order: str) -> Page:
    """For the shopper, and for the browser the order was placed with."""
    ident = ids.parse_uuid(order)
    if ident is None:
        raise NotFound("order")
    detail = await own.get(request.rt, request.ctx, OrderId(ident), order_tokens(request))
    return render(request, "account/order.html", detail=detail, order=detail.order, headers=PERSONAL)


@get("/account/profile", opt={"needs": SIGNED_IN})
async def profile_page(request: PageRequest) -> Page:
    return _profile(request, _filled(request), Form())


@post("/account/profile", opt={"needs": SIGNED_IN}, status_code=200)
async def profile(request: PageRequest) -> Page:
    form = await Form.read(request)
    changes = CustomerPatch(
        first_name=form.text("first_name"),
        last_name=form.text("last_name"),
        phone=form.optional("phone"),
        accepts_marketing=form.flag("accepts_marketing"),
    )
    try:
        await customers.update_me(request.rt, request.ctx, changes)
    except MerxError as wrong:
        return _profile(request, form.refused(wrong), Form())
    return redirect(request, "/account/profile", said="Saved.")


@post("/account/password", opt={"needs": SIGNED_IN}, status_code=200)
async def password(request: PageRequest) -> Page:
    form, visit = await Form.read(request), request.visit
    assert visit.limiter is not None
    account = f"{request.shop.tenant.hex}/password/{request.ctx.customer_id()}"
    try:
        async with visit.limiter.sign_in(account, visit.address, Invalid):
            await customers.change_password(
                request.rt, request.ctx, form.value("current_password"), form.value("password")
            )
    except MerxError as wrong:
        return _profile(request, _filled(request), form.refused(wrong))
    return redirect(request, "/account/profile", said="Your password has been changed; other devices are signed out.")


def _filled(request: PageRequest) -> Form:
    customer = request.visitor.values["customer"]
    return Form({
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "phone": customer.phone or "",
        "accepts_marketing": "on" if customer.accepts_marketing else "",
    })  # fmt: skip


def _profile(request: PageRequest, form: Form, secret: Form) -> Page:
    status = max(form.status, secret.status)
    return render(request, "account/profile.html", form=form, secret=secret, status=status, headers=PERSONAL)


ROUTES: list[ControllerRouterHandler] = [
    sign_in_page, sign_in, register_page, register, sign_out, forgotten_page, forgotten, reset_page, reset,
    overview, order_page, profile_page, profile, password,
]  # fmt: skip
