"""A shop with products and shoppers, made through the stores: what the tests of selling stand on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from merx.core.cart import service as cart
from merx.core.cart.model import Cart, Item, Owner
from merx.core.inventory import store as inventory
from merx.core.tenants import opening
from merx.db.database import Database
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx, system
from merx.kernel.errors import Invalid
from merx.kernel.ids import CustomerId, ProductId, TenantId, VariantId
from merx.ports import Account, Charge, Notice, Outcome, Receipt, RefundReceipt, RefundRequest
from merx.providers.payments.manual import Manual
from merx.runtime import Runtime
from merx.settings import Settings
from merx.vault import Vault

SHOPPER = frozenset({"catalog:read", "cart:write", "checkout:write", "orders:own"})

INSERT_PRODUCT = """
insert into products (tenant_id, id, slug, name, price_minor, sku, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
"""
INSERT_VARIANT = "insert into variants (tenant_id, id, product_id, sku, price_minor) values ($1, $2, $3, $4, $5)"
INSERT_CUSTOMER = """
insert into customers (tenant_id, id, email, username, password_hash, created_at, updated_at)
values ($1, $2, $3, $3, 'x', $4, $4)
"""


@dataclass
class FakeProvider:
    """A provider with a ledger of its own, told by the test what to do; it takes once a payment."""

    name: str = "stripe"
    outcome: Outcome = Outcome.PENDING
    ledger: dict[UUID, Receipt] = field(default_factory=dict)
    asked: int = 0
    charges: list[Charge] = field(default_factory=list)
    refunds: dict[UUID, int] = field(default_factory=dict)
    fail: list[Exception] = field(default_factory=list)
    fail_after: list[Exception] = field(default_factory=list)

    async def charge(self, account: Account, charge: Charge) -> Receipt:
        self.asked += 1
        self.charges.append(charge)
        if self.fail:
            raise self.fail.pop()
        known = self.ledger.get(charge.payment_id)
        if known is None:
            captured = charge.amount if self.outcome is Outcome.CAPTURED else None
            reason = "card_declined" if self.outcome is Outcome.DECLINED else None
            known = Receipt(self.outcome, f"ref_{charge.payment_id.hex}", "https://pay.test/", captured, reason)
            self.ledger[charge.payment_id] = known
        if self.fail_after:
            raise self.fail_after.pop()
        return known

    async def find(self, account: Account, payment_id: ids.PaymentId, reference: str | None) -> Receipt:
        return self.ledger.get(payment_id, Receipt(Outcome.UNKNOWN))

    async def cancel(self, account: Account, payment_id: ids.PaymentId, reference: str | None) -> Receipt:
        known = self.ledger.get(payment_id, Receipt(Outcome.UNKNOWN))
        if known.outcome is Outcome.PENDING:
            known = self.ledger[payment_id] = msgspec.structs.replace(known, outcome=Outcome.EXPIRED)
        return known

    async def refund(self, account: Account, request: RefundRequest) -> RefundReceipt:
        if self.fail:
            raise self.fail.pop()
        self.refunds[request.refund_id] = request.amount.minor
        return RefundReceipt(True, reference=f"re_{request.refund_id.hex}")

    def confirm(self, account: Account, reference: str, fields: Any) -> None:
        if fields.get("proof") != reference:
            raise Invalid("The signature does not match.", code="signature_wrong")

    def verify(self, account: Account, headers: Any, body: bytes, now: Any) -> Notice:
        return msgspec.json.decode(body, type=Notice)


@dataclass
class Shop:
    rt: Runtime
    ctx: Ctx  # the merchant
    provider: FakeProvider
    customers: int = 0

    async def product(self, name: str, price_minor: int, stock: int) -> VariantId:
        product, variant = ProductId(ids.new()), VariantId(ids.new())
        sku = f"SKU-{variant.hex[-8:]}"
        async with self.rt.db.begin(self.ctx) as tx:
            await tx.run(INSERT_PRODUCT, product, f"p-{product.hex}", name, price_minor, sku, self.ctx.now)
            await tx.run(INSERT_VARIANT, variant, product, sku, price_minor)
            await inventory.open_stock(tx, [(variant, product, stock)])
        return variant

    async def shopper(self) -> Ctx:
        self.customers += 1
        customer = CustomerId(ids.new())
        async with self.rt.db.begin(self.ctx) as tx:
            email = f"shopper{self.customers}@example.com"
            await tx.run(INSERT_CUSTOMER, customer, email, self.ctx.now)
        # By the shop's clock: what is due so long after an order is so however long the test takes.
        return Ctx(self.ctx.tenant, ActorKind.CUSTOMER, customer, scopes=SHOPPER, source="baas", now=self.ctx.now)

    async def settings(self, **columns: Any) -> None:
        async with self.rt.db.begin(self.ctx) as tx:
            for name, value in columns.items():
                await tx.run(f"update settings set {name} = $2 where tenant_id = $1", value)

    async def put(self, shopper: Ctx, variant: VariantId, quantity: int = 1) -> Cart:
        return await cart.add(self.rt, shopper, owner_of(shopper), Item(None, quantity, variant))

    async def value(self, sql: str, *args: Any) -> Any:
        async with self.rt.db.begin(self.ctx) as tx:
            row = await tx.row(sql, *args)
        return row[0] if row else None

    def later(self, ctx: Ctx, **by: float) -> Ctx:
        from datetime import timedelta

        return msgspec.structs.replace(ctx, now=ctx.now + timedelta(**by))


def owner_of(shopper: Ctx) -> Owner:
    return Owner(customer_id=shopper.customer_id())


def runtime(database: Database, provider: FakeProvider) -> Runtime:
    return Runtime(
        settings=Settings(),
        db=database,
        vault=Vault(b"a secret for tests, and for tests only"),
        payments={"manual": Manual(), "stripe": provider},
        test_account=lambda name, tenant: Account(tenant, {"secret_key": "sk_test_x"}),
    )


async def open_shop(database: Database, **settings: Any) -> Shop:
    provider = FakeProvider()
    rt = runtime(database, provider)
    ctx = system(TenantId(ids.new()), "tests")
    wanted = await opening.draft(rt, ctx.now, f"Shop {os.urandom(6).hex()}")
    ctx = msgspec.structs.replace(ctx, tenant=wanted.id)
    async with database.begin(ctx) as tx:
        assert await opening.open_shop(tx, wanted) is not None
    shop = Shop(rt, ctx, provider)
    await shop.settings(**settings)
    return shop


LEDGER = """
select count(*) from stock s left join (
  select variant_id, sum(on_hand_delta) h, sum(reserved_delta) r from stock_movements where tenant_id = $1 group by 1) m
  using (variant_id)
where s.tenant_id = $1 and (s.on_hand, s.reserved) is distinct from (coalesce(m.h, 0), coalesce(m.r, 0))
"""
UNEVEN = """
select count(*) from orders o where o.tenant_id = $1 and (
  o.number is null
  or o.total_minor <> o.subtotal_minor - o.discount_minor + o.shipping_minor
     + case when o.tax_included then 0 else o.tax_minor end
  or o.subtotal_minor <> (select sum(l.total_minor) from order_lines l where l.tenant_id = $1 and l.order_id = o.id)
  or o.discount_minor <> (select sum(l.discount_minor) from order_lines l where l.tenant_id = $1 and l.order_id = o.id))
"""
HELD = """
select coalesce(sum(l.quantity), 0) - (select coalesce(sum(reserved), 0) from stock where tenant_id = $1)
from orders o join order_lines l on l.tenant_id = $1 and l.order_id = o.id
where o.tenant_id = $1 and o.stock_state = 'held'
"""
LIMBO = """
select count(*) from orders o join payments p on p.tenant_id = $1 and p.order_id = o.id
where o.tenant_id = $1 and o.status = 'cancelled' and p.captured_minor > p.refunded_minor
"""


async def books_are_right(shop: Shop) -> None:
    """The oracles: stock is its ledger, every order adds up, what is reserved is what open orders hold, and no money is
    kept for an order that was let go."""
    assert await shop.value(LEDGER) == 0
    assert await shop.value(UNEVEN) == 0
    assert await shop.value(HELD) == 0
    assert await shop.value(LIMBO) == 0
