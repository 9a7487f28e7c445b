"""Shoppers of one tenant.

An account has a password and signs in; a guest is known from an order. They are kept apart even where the e-mail is
the same: nobody proves an address when registering, so an account must not show what was ordered under its e-mail by
somebody who was not signed in. Each kind is unique by e-mail within the tenant.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from merx.core.auth.model import Tokens
from merx.kernel.errors import Refused
from merx.kernel.ids import CustomerId


class CustomerStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class Customer(msgspec.Struct, frozen=True):
    id: CustomerId
    email: str
    username: str
    first_name: str
    last_name: str
    phone: str | None
    status: CustomerStatus
    accepts_marketing: bool
    registered: bool  # an account, not a guest
    created_at: datetime
    updated_at: datetime
    erase_at: datetime | None = None  # when asking to erase them becomes final
    erased_at: datetime | None = None  # nothing personal is left, or is about to be

    @property
    def may_sign_in(self) -> bool:
        return self.status is CustomerStatus.ACTIVE and self.erase_at is None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class CustomerPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Only what is set changes. `status` is the merchant's to change, not the shopper's."""

    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    username: str | UnsetType = UNSET
    accepts_marketing: bool | UnsetType = UNSET
    status: CustomerStatus | UnsetType = UNSET


ERASED = "Erased customer"
"""What somebody is called of whom nothing personal is left, here and in their orders."""

COUNTED = 10_000
"""Where counting a list stops for people who look at it."""


class FoundCustomers(msgspec.Struct, frozen=True):
    customers: list[Customer]
    total: int
    more: bool  # `total` is where counting stopped


class BeingErased(Refused):
    code = "being_erased"

    def __init__(self, customer: Customer) -> None:
        if customer.erased_at is not None:
            super().__init__("This customer has been erased for good.", code="erased")
        else:
            super().__init__("This customer is being erased; take that back before changing anything.")


class CustomerSignedIn(msgspec.Struct, frozen=True):
    customer: Customer
    tokens: Tokens
