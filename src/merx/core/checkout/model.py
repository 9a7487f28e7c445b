"""What a checkout asks for, and what comes of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from merx.core.cart.model import Item, Owner
from merx.core.orders.model import Address, Order
from merx.core.payments.model import Payment
from merx.kernel.errors import Refused
from merx.kernel.ids import CustomerId

PAYMENT_METHODS = ("card", "cod", "bank_transfer", "manual")
MAX_NOTES = 2000
MAX_TOKEN = 255


class Buyer(msgspec.Struct, frozen=True):
    """A shopper named in the request instead of signed in."""

    email: str
    name: str = ""
    phone: str | None = None


class CheckoutRequest(msgspec.Struct, frozen=True):
    """Either `owner` (that cart becomes the order) or `items`. With `token`, a payment method of the provider is
    charged at once; without, the shopper is sent to the provider's page."""

    owner: Owner | None = None
    items: tuple[Item, ...] = ()
    customer_id: CustomerId | None = None
    buyer: Buyer | None = None
    payment_method: str = "card"
    shipping_method: str | None = None
    shipping_words: tuple[str, ...] = ()  # methods the API itself names: at the flat rate where the shop has none such
    shipping_address: Address | None = None
    billing_address: Address | None = None
    coupon_code: str | None = None
    notes: str = ""
    token: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    pay_later: bool = False  # a card order that waits for its payment to be sent; no page is opened for it
    lookup_token: bool = False  # whether the buyer gets a secret that shows this order without signing in
    key: str | None = None  # of an order of items, the caller's idempotency key: the same again finds the same order


class Placed(msgspec.Struct, frozen=True):
    """`replayed`: this cart, or this request, had become an order before, and this is that order."""

    order: Order
    payment: Payment
    lookup_token: str | None = None
    replayed: bool = False


class Claimed(msgspec.Struct, frozen=True):
    """An item as the browser tells it. `key` is its product, its variant, its SKU or its line of the order."""

    key: str
    name: str
    price: Decimal
    quantity: int


class PaymentPage(msgspec.Struct, frozen=True):
    url: str
    session: str  # the provider's name for it


class CartEmpty(Refused):
    code = "cart_empty"

    def __init__(self) -> None:
        super().__init__("The cart is empty.")
