"""What people see: a sign-in for the shop a program asks about, and the page that asks them. The request stays in the
address; the forms carry the visitor's token and the answer. Nobody is sent anywhere that the core has not verified, and
only members of the client's shop are sent there at all: everybody else signs in, or is told what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import get, post

from merx.core.auth import grants
from merx.core.auth import service as auth
from merx.core.auth.model import Asked, AuthorizationRequest, GrantRefused, UnknownTarget
from merx.kernel.errors import Forbidden, Kind, MerxError
from merx.web.face import PUBLIC, Face
from merx.web.forms import Form
from merx.web.oauth import wire
from merx.web.oauth.words import described
from merx.web.pages import Page, PageRequest, redirect, render


@get("/authorize", needs=PUBLIC)
async def show(request: PageRequest) -> Page:
    """Asks whoever has signed in for this shop; whoever has not signs in first."""
    return await _show(request, Form())


@get("/sign-in", needs=PUBLIC)
async def other_account(request: PageRequest) -> Page:
    """The same for somebody who wants to be somebody else."""
    asked = _request(request)
    return _sign_in(request, asked, await grants.begin_authorization(request.rt, None, asked), Form())


@post("/sign-in", needs=PUBLIC, status_code=200)
async def sign_in(request: PageRequest) -> Page:
    form, asked = await Form.read(request), _request(request)
    found = await grants.begin_authorization(request.rt, None, asked)
    email, limiter = form.text("email"), request.visit.limiter
    assert limiter is not None
    try:
        async with limiter.sign_in(email, request.visit.address):
            signed = await auth.sign_in(request.rt, email, form.value("password"), found.shop.id, source="oauth")
    except MerxError as wrong:
        if wrong.kind not in (Kind.UNAUTHENTICATED, Kind.LIMITED, Kind.INVALID):
            raise
        form.summary.append(wrong.message)
        form.status = 429 if wrong.kind is Kind.LIMITED else 422
        return _sign_in(request, asked, found, form)
    await request.visitor.sign_in(signed.tokens)
    return redirect(request, f"/oauth/authorize?{_query(request)}")


@post("/authorize", needs=PUBLIC, status_code=200)
async def answer(request: PageRequest) -> Page:
    """The member's yes or no; both go to the client. Whoever is no member is asked to sign in."""
    form, asked, ctx = await Form.read(request), _request(request), request.visit.ctx
    again = redirect(request, f"/oauth/authorize?{_query(request)}")
    if ctx is None:
        return again
    try:
        if form.value("answer") == "allow":
            return _return(request, asked, {"code": await grants.approve(request.rt, ctx, asked)})
        if (await grants.begin_authorization(request.rt, ctx, asked)).member is None:
            return again
        raise GrantRefused("access_denied", "The member said no.")
    except Forbidden:
        return again
    except GrantRefused as wrong:
        return _return(request, asked, wire.error_body(wrong))


async def _show(request: PageRequest, form: Form) -> Page:
    asked = _request(request)
    try:
        found = await grants.begin_authorization(request.rt, request.visit.ctx, asked)
    except GrantRefused as wrong:
        return _return(request, asked, wire.error_body(wrong))
    if found.member is None:
        if request.visit.ctx is not None:
            form.summary.append(f"You have signed in, but not as somebody of the team of {found.shop.name}.")
        return _sign_in(request, asked, found, form)
    return _page(
        request,
        "consent.html",
        asked,
        found,
        person=found.member.staff.email,
        granted=described(found.granted),
        withheld=described(found.withheld),
    )


def _sign_in(request: PageRequest, asked: AuthorizationRequest, found: Asked, form: Form) -> Page:
    form.set("password", "")
    return _page(request, "sign_in.html", asked, found, form=form)


def _page(request: PageRequest, name: str, asked: AuthorizationRequest, found: Asked, **values: Any) -> Page:
    # Browsers hold a form's redirect to the policy too, so the one verified address is named in it.
    request.visitor.policy = {"form-action": _source(asked.redirect_uri)}
    returns = urlsplit(asked.redirect_uri)
    shown: dict[str, Any] = {
        "client": found.client,
        "shop": found.shop,
        "returns": returns.netloc,
        "params": _query(request),
    }
    return render(request, name, **values, **shown)


def _source(uri: str) -> str:
    """The verified address's origin as a policy may name it; policies know no IPv6 addresses, so there the scheme."""
    parts = urlsplit(uri)
    plain = parts.netloc.isascii() and not set(parts.netloc) & set(";, '\"[]@*")
    return f"{parts.scheme}://{parts.netloc}" if plain else f"{parts.scheme}:"


def _request(request: PageRequest) -> AuthorizationRequest:
    try:
        return wire.authorization_request(request.scope["query_string"])
    except GrantRefused as wrong:
        raise UnknownTarget(
            f"The program that sent you here asks in a way that can't be read. {wrong.message}"
        ) from None


def _query(request: PageRequest) -> str:
    return request.scope["query_string"].decode("latin-1")


def _return(request: PageRequest, asked: AuthorizationRequest, said: Mapping[str, str]) -> Page:
    answer = {**said, "state": asked.state, "iss": request.rt.settings.public_url}
    return Page(
        b"",
        status_code=303,
        headers={"Location": wire.returning(asked.redirect_uri, answer.items()), "Cache-Control": "no-store"},
    )


FACE = Face(name="oauth", prefix="/oauth", routes=[show, other_account, sign_in, answer])
