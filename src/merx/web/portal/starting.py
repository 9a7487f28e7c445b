"""The quick starts: from nothing to an order in a handful of requests. Each step is an operation of the document, so
its address, its headers and its code in three languages are made like everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from merx.web.portal.operations import Api, Operation
from merx.web.portal.reader import Reader
from merx.web.portal.samples import Sample
from merx.web.portal.speaking import sample

Query = tuple[tuple[str, str], ...]
ADDRESS = {"line1": "123 Main St", "city": "Portland", "state": "OR", "postal_code": "97201", "country": "US"}
STREET = {"street": "123 Main St", "city": "Portland", "state": "OR", "postal_code": "97201", "country": "US"}


@dataclass(frozen=True, slots=True)
class Step:
    operation: str  # its id in the document
    title: str
    text: str
    query: Query = ()
    body: Any = None
    inside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    step: Step
    operation: Operation
    sample: Sample


def steps(api: Api, reader: Reader) -> list[Shown]:
    make = STEPS.get(api.name)
    found = []
    for one in make(reader) if make else ():
        operation = api.operations[one.operation]
        given = {"query": one.query, "inside": one.inside} | ({} if one.body is None else {"body": one.body})
        found.append(Shown(one, operation, sample(api, operation, reader, **given)))
    return found


def _baas(_: Reader) -> list[Step]:
    return [
        Step("get_list_products", "See what is for sale",
             "The newest products, two at a time. `count` says how many there are, `next` leads on.",
             (("per_page", "2"),)),
        Step("get_list_categories", "And how it is sorted", "The tree of categories; any slug in it filters products."),
        Step("post_register", "Open a shopper's account",
             "The answer's `access` is the shopper's token for what follows. It lives an hour.",
             body={"email": "jane@example.com", "password": "correct-horse-battery", "first_name": "Jane"}),
        Step("post_add_item", "Fill the cart",
             "Take an `id` from the list of products. Every answer is the whole cart, with its totals.",
             body={"product_id": "PRODUCT_ID", "quantity": 1}),
        Step("post_check_out", "Buy it",
             "The cart becomes an order. If `payment.url` is there, send the shopper to it.",
             body={"shipping_address": STREET, "payment_method": "card"}),
        Step("platform_sign_in", "Now as the merchant",
             "The platform API takes a member's token: this is how to get one.",
             body={"email": "owner@mystore.com", "password": "correct-horse-battery"}),
        Step("platform_list_orders", "And here is the order",
             "What came in through any of the five APIs, the newest first.", (("per_page", "5"),)),
    ]  # fmt: skip


def _commerce(_: Reader) -> list[Step]:
    return [
        Step("listProducts", "Read the catalogue",
             "Cheapest first. `pagination` says how many pages there are; an `ETag` saves asking twice.",
             (("pageSize", "2"), ("sort", "price"), ("order", "asc"))),
        Step("login", "Sign in",
             "For a person. A program sends a key in `X-API-Key` instead, and needs no session.",
             body={"email": "owner@mystore.com", "password": "correct-horse-battery"}),
        Step("createProduct", "Put something on the shelf",
             "It shows in the other four APIs and in the storefront at once.",
             body={"name": "Trail Shoe", "price": 89.5, "stock": 12, "category": "footwear"}),
        Step("createOrder", "Place an order",
             "All of its stock is reserved, or none. `payment.url` is where a shopper pays.",
             body={"items": [{"productId": "PRODUCT_ID", "quantity": 1}]}),
        Step("listOrders", "See the orders", "The newest first; `status`, `from` and `to` narrow it.",
             (("pageSize", "5"),)),
        Step("updateOrderStatus", "Move it on",
             "Only to a status that may follow; 422 `illegal_transition` names those in `legal`.",
             body={"status": "confirmed"}),
    ]  # fmt: skip


def _aerostack(_: Reader) -> list[Step]:
    cart = {"cartId": "my-cart-1"}
    return [
        Step("getConfig", "Ask what the shop is like", "Currency, tax, shipping, provider. It needs no key."),
        Step("listProducts", "Read the catalogue", "Straight from the page: any origin may call.",
             (("sort", "price_asc"), ("limit", "2"))),
        Step("addCartItem", "Fill a cart",
             "Its id is the page's own: make it a UUID and keep it. The first item makes the cart.", inside=cart,
             body={"productId": "PRODUCT_ID", "quantity": 1}),
        Step("getCart", "Look at it", "Every answer is the whole cart; an unknown one is shown empty.", inside=cart),
        Step("checkout", "Check out",
             "Send the shopper to `payment.url`, and keep `orderToken`: it shows the order later on.",
             body={"cartId": "my-cart-1", "email": "jane@example.com", "shippingAddress": ADDRESS}),
        Step("listOrders", "Show what was bought",
             "An e-mail alone proves nothing: with the token of the checkout in `X-Order-Token`, it shows that order.",
             (("email", "jane@example.com"),)),
    ]  # fmt: skip


def _reference(_: Reader) -> list[Step]:
    return [
        Step("listProducts", "Read the catalogue", "A bare array; `X-Total-Count` says how many there are.",
             (("limit", "2"),)),
        Step("listUsers", "Find a user", "Orders are made for users of the shop: customers, not the team.",
             (("limit", "2"), ("status", "active"))),
        Step("createOrder", "Make an order", "It waits half an hour for its payment and holds the stock meanwhile.",
             body={"userId": "USER_ID", "items": [{"productId": "PRODUCT_ID", "quantity": 1}],
                   "shippingAddress": {"street": "123 Main St", "city": "Anytown", "zipCode": "12345",
                                       "country": "USA"}}),
        Step("createPayment", "Pay for it",
             "In test mode the simulator takes `pm_card_visa`, and refuses others on request.",
             body={"orderId": "ORDER_ID", "paymentMethodId": "pm_card_visa", "amount": 97.45, "currency": "USD"}),
        Step("sendNotification", "Tell the user", "By e-mail or text message; the answer's `id` reads its state.",
             body={"userId": "USER_ID", "type": "email", "subject": "Your order has shipped!",
                   "message": "It is expected to arrive in 3-5 business days.", "transactional": True}),
        Step("listLogs", "See what was asked", "Every request to any of the shop's five APIs, two seconds old at most.",
             (("level", "warn"), ("limit", "5"))),
    ]  # fmt: skip


def _pycommerce(reader: Reader) -> list[Step]:
    tenant = ("tenant", reader.slug)
    return [
        Step("get_health", "Is it there?", "No token, no database."),
        Step("post_log_in", "Sign in", "`access_token` lives an hour and is good in all of the person's shops.",
             body={"email": "owner@mystore.com", "password": "correct-horse-battery"}),
        Step("get_list_tenants", "See your shops", "The `slug` of one is the `tenant` of what follows."),
        Step("get_list_products", "Read the catalogue", "A list holds everything; `page` and `limit` cut it.",
             (tenant, ("in_stock", "true"), ("limit", "2"))),
        Step("get_list_categories", "And the categories", "Flat, parents before their children.", (tenant,)),
        Step("get_list_orders", "See the orders", "The newest first.", (tenant, ("limit", "5"))),
    ]  # fmt: skip


STEPS: Mapping[str, Callable[[Reader], list[Step]]] = {
    "aerostack": _aerostack, "baas": _baas, "commerce": _commerce, "pycommerce": _pycommerce, "reference": _reference,
}  # fmt: skip
