"""Owns how an order and its story look to the merchant: a shopper's view of it, and what a shopper is not shown."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from merx.core.orders import model as orders
from merx.core.payments.model import Payment, Refund
from merx.dialects.baas import platform_goods_wire as goods
from merx.dialects.baas import translate
from merx.kernel import ids, money

second = translate.second


def order(found: orders.Order, base: str) -> goods.MerchantOrder:
    return goods.MerchantOrder(**_order(found, base))


def order_detail(found: orders.OrderDetail, base: str) -> goods.MerchantOrderDetail:
    return goods.MerchantOrderDetail(
        **_order(found.order, base),
        history=[_change(one) for one in found.history],
        payments=[_payment(one) for one in found.payments],
        refunds=[_refund(one, found.order.currency) for one in found.refunds],
        shipments=[translate.shipment(one) for one in found.shipments],
    )


def _order(found: orders.Order, base: str) -> dict[str, Any]:
    buyer = goods.Buyer(
        None if found.customer_id is None else ids.encode("cus", found.customer_id),
        found.email,
        found.customer_name,
        found.phone,
    )
    more = {"customer": buyer, "source": found.source, "flagged": found.flagged}
    return {**asdict(translate.order(found, base)), **more}


def _change(found: orders.HistoryEntry) -> goods.StatusChanged:
    before = None if found.from_status is None else translate.ORDER_STATUS[found.from_status]
    after = translate.ORDER_STATUS[found.to_status]
    return goods.StatusChanged(before, after, found.actor.partition(":")[0], found.note, second(found.created_at))


def _payment(found: Payment) -> goods.MerchantPayment:
    return goods.MerchantPayment(
        **asdict(translate.payment(found)),
        provider=found.provider,
        captured=money.text(found.captured_minor, found.currency),
        refunded=money.text(found.refunded_minor, found.currency),
        reference=found.reference,
        reason=found.reason,
        created_at=None if found.created_at is None else second(found.created_at),
    )


def _refund(found: Refund, currency: str) -> goods.MerchantRefund:
    return goods.MerchantRefund(
        **asdict(translate.refund(found, currency)),
        payment_id=ids.encode("pay", found.payment_id),
        reference=found.reference,
    )
