"""How long a link holds and how often one may ask; what a used one answers."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from merx.kernel.errors import Invalid

LINK_LIFE = timedelta(hours=1)
ASKED_FOR_WITHIN = timedelta(hours=1)
"""A link that could not be sent for so long is not sent any more: whoever asked has asked again."""

WINDOW_SECONDS = 3600
PER_ACCOUNT_AND_ADDRESS = 3
PER_ACCOUNT = 10
PER_ADDRESS = 30
"""Asked for within an hour: of one account from one network address, of one account, from one network address."""


class Audience(StrEnum):
    STAFF = "staff"
    CUSTOMER = "customer"


class DeadLink(Invalid):
    """The same for a link that was used, replaced by a newer one, has run out or never was."""

    code = "invalid_reset_token"

    def __init__(self) -> None:
        super().__init__("This link was used before or has run out; ask for a new one.", field="token")
