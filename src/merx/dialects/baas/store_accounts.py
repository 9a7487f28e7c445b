"""Owns a shopper's account in the store API: registering, signing in and out, tokens, their own profile."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.types import ControllerRouterHandler
from msgspec import UNSET, Meta, UnsetType

from merx.core.auth import service as auth
from merx.core.customers import service as customers
from merx.core.customers.model import CustomerPatch, CustomerSignedIn
from merx.core.customers.service import NewCustomer
from merx.core.recovery import service as recovery
from merx.dialects.baas import translate, wire
from merx.dialects.baas.errors import asked_for
from merx.dialects.baas.store_door import shop, shopper, signing_in, signing_up
from merx.edge.app import MerxRequest
from merx.kernel.errors import Invalid

Email = Annotated[str, Meta(max_length=254)]
Password = Annotated[str, Meta(max_length=1000)]
Given = Annotated[str, Meta(min_length=1, max_length=1000)]
Name = Annotated[str, Meta(max_length=150)]
Phone = Annotated[str, Meta(max_length=32)]
Token = Annotated[str, Meta(min_length=1, max_length=4096)]


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`email` and `password` must be there; what is missing is told together with what else is wrong."""

    email: Email = ""
    password: Password = ""
    first_name: Name = ""
    last_name: Name = ""
    phone: Phone | None = None
    accepts_marketing: bool = False


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Given
    password: Given


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh: Token


class ProfileChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays."""

    first_name: Name | UnsetType = UNSET
    last_name: Name | UnsetType = UNSET
    phone: Phone | None | UnsetType = UNSET
    accepts_marketing: bool | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: Password
    password: Password


class Tokens(msgspec.Struct, frozen=True):
    access: str
    refresh: str
    token_type: str
    expires_in: int


class SignedIn(msgspec.Struct, frozen=True):
    """`access` is the customer's JWT."""

    access: str
    refresh: str
    token_type: str
    expires_in: int
    customer: wire.Customer


@post("/auth/register/", guards=[shop], at_host=True, tags=["Accounts"])
async def register(request: MerxRequest, data: Register) -> SignedIn:
    """Opens an account at this shop and signs in."""
    await signing_up(request)
    wanted = NewCustomer(
        email=data.email,
        password=data.password,
        first_name=data.first_name,
        last_name=data.last_name,
        phone=data.phone,
        accepts_marketing=data.accepts_marketing,
    )
    with asked_for(email=data.email, password=data.password):
        return _signed_in(await customers.register(request.rt, request.shop, wanted))


@post("/auth/login/", status_code=200, guards=[shop], at_host=True, tags=["Accounts"])
async def login(request: MerxRequest, data: Login) -> SignedIn:
    """Signs a customer in."""
    async with signing_in(request, data.email):
        return _signed_in(await customers.sign_in(request.rt, request.shop, data.email, data.password))


@post("/auth/token/refresh/", status_code=200, public=True, tags=["Accounts"], errors=(401, 403))
async def refresh(request: MerxRequest, data: Refresh) -> Tokens:
    """New tokens for a refresh token of this shop, which works once."""
    found = await auth.refresh(request.rt, data.refresh, request.door)
    return Tokens(found.access, found.refresh, found.token_type, found.expires_in)


@post("/auth/logout/", status_code=204, guards=[shopper], tags=["Accounts"])
async def logout(request: MerxRequest) -> None:
    """Ends the session: its access and refresh tokens are worth nothing from now on."""
    await auth.sign_out(request.rt, request.ctx)


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Given


class ResetAsked(msgspec.Struct, frozen=True):
    """The same whether or not there is such an account."""

    message: str = "If there is an account with this e-mail, a link to choose a new password is on its way."


class ResetConfirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Token
    password: Password


@post("/auth/password-reset/", status_code=202, guards=[shop], at_host=True, tags=["Accounts"])
async def ask_reset(request: MerxRequest, data: ResetRequest) -> ResetAsked:
    """Sends a link to choose a new password, if the shop has an account with this e-mail.

    The answer does not tell whether it has."""
    await recovery.request_customer_reset(request.rt, request.shop, data.email)
    return ResetAsked()


@post("/auth/password-reset/confirm/", status_code=204, guards=[shop], at_host=True, tags=["Accounts"])
async def confirm_reset(request: MerxRequest, data: ResetConfirm) -> None:
    """Sets the new password with the token of such a link and ends the customer's sessions. The token works once."""
    await recovery.reset_password(request.rt, data.token, data.password, shop=request.shop.tenant)


@get("/me/", guards=[shopper], tags=["Accounts"])
async def me(request: MerxRequest) -> wire.Customer:
    """The signed-in customer."""
    return translate.customer(await customers.me(request.rt, request.ctx))


@patch("/me/", guards=[shopper], tags=["Accounts"])
async def change_me(request: MerxRequest, data: ProfileChanges) -> wire.Customer:
    """Changes the customer's own profile."""
    changes = CustomerPatch(
        first_name=data.first_name,
        last_name=data.last_name,
        phone=data.phone,
        accepts_marketing=data.accepts_marketing,
    )
    return translate.customer(await customers.update_me(request.rt, request.ctx, changes))


@post("/me/password/", status_code=204, guards=[shopper], tags=["Accounts"])
async def change_password(request: MerxRequest, data: PasswordChange) -> None:
    """Changes the password and ends the customer's other sessions."""
    async with signing_in(request, f"password/{request.ctx.customer_id()}", Invalid):
        await customers.change_password(request.rt, request.ctx, data.current_password, data.password)


def _signed_in(found: CustomerSignedIn) -> SignedIn:
    tokens = found.tokens
    return SignedIn(
        tokens.access, tokens.refresh, tokens.token_type, tokens.expires_in, translate.customer(found.customer)
    )


ROUTES: list[ControllerRouterHandler] = [
    register,
    login,
    refresh,
    logout,
    ask_reset,
    confirm_reset,
    me,
    change_me,
    change_password,
]
