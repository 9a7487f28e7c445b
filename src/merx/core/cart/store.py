"""Writes carts and cart_lines. Reading a basket is one statement, whoever asks: lines, settings, coupon, methods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from merx.core.cart.model import Basket, BasketLine, Item, Owner
from merx.core.coupons.model import Coupon
from merx.core.pricing.model import TaxRules
from merx.core.shipping.model import ShippingMethod, ShippingRules
from merx.db.database import Tx
from merx.db.wire import Sent
from merx.kernel import ids
from merx.kernel.ids import CartId, CustomerId, LineId, OrderId, VariantId

TABLES = ("carts", "cart_lines")

_LEAN = """v.id, p.id, {quantity}, v.sku, p.name, v.title, p.images -> 0 ->> 'url', v.price_minor,
    v.active and v.deleted_at is null and p.active and p.deleted_at is null, k.on_hand - k.reserved"""
_CARD = """json_build_array(p.id, p.slug, p.name, p.description, p.price_minor, p.compare_minor, p.sku, p.images,
      p.created_at,
      (select coalesce(sum(a.on_hand - a.reserved), 0)
        from variants w join stock a on a.tenant_id = $1 and a.variant_id = w.id
        where w.tenant_id = $1 and w.product_id = p.id and w.active and w.deleted_at is null),
      (select coalesce(json_agg(json_build_array(g.id, g.number, g.slug, g.name) order by pc.position, g.number), '[]')
        from product_categories pc join categories g on g.tenant_id = $1 and g.id = pc.category_id
        where pc.tenant_id = $1 and pc.product_id = p.id))"""
_KEPT_LINES = """(
    select json_agg(json_build_array(l.id, {columns}) order by l.id)
    from cart_lines l
    join variants v on v.tenant_id = $1 and v.id = l.variant_id
    join products p on p.tenant_id = $1 and p.id = v.product_id
    join stock k on k.tenant_id = $1 and k.variant_id = l.variant_id
    where l.tenant_id = $1 and l.cart_id = c.id)"""
_LINES = _KEPT_LINES.format(columns=_LEAN.format(quantity="l.quantity"))
_LINES_WITH_CARDS = _KEPT_LINES.format(columns=_LEAN.format(quantity="l.quantity") + ",\n      " + _CARD)
_BASKET = """
select c.id, c.version, c.customer_id, u.email, u.first_name, u.last_name, u.phone, {code} as coupon_code,
  s.currency, s.tax_rate, s.tax_shipping, s.prices_include_tax, s.shipping_enabled, s.flat_shipping_minor,
  s.free_shipping_threshold_minor, s.payment_provider, s.low_stock_threshold, s.allowed_origins,
  s.payment_test_mode, (select t.slug from tenants t where t.id = $1) as slug,
  (select t.domain from tenants t where t.id = $1) as domain,
  (select row_to_json(o) from (select id, code, type, rate, amount_minor, minimum_minor, starts_at, ends_at,
    usage_limit, per_customer_limit, used, active, created_at from coupons
    where tenant_id = $1 and code = {code} and deleted_at is null) o) as coupon,
  (select json_agg(m) from (select code, name, price_minor, free_over_minor, active, position from shipping_methods
    where tenant_id = $1) m) as methods,
  {lines} as lines{more}
"""
_OPEN = "c.tenant_id = $1 and c.{owner} = $2 and c.state = 'open'"


def _for_both(template: str) -> dict[str, str]:
    return {owner: template.replace("{owner}", owner) for owner in ("customer_id", "token")}


READ = _for_both(
    _BASKET.format(code="c.coupon_code", lines=_LINES_WITH_CARDS, more="")
    + f"""from settings s left join carts c on {_OPEN}
left join customers u on u.tenant_id = $1 and u.id = c.customer_id
where s.tenant_id = $1"""
)
CLAIM = _for_both(
    f"""
with c as (
  update carts c set state = 'ordered', order_id = $3, version = c.version + 1, updated_at = $4
  where {_OPEN} returning c.id, c.version, c.customer_id, c.coupon_code,
    c.version - 1 <> (select seen.version from carts seen where seen.tenant_id = $1 and seen.id = c.id) as stale)"""
    + _BASKET.format(code="coalesce($5::text, c.coupon_code)", lines=_LINES, more=", c.stale")
    + """from c join settings s on s.tenant_id = $1
left join customers u on u.tenant_id = $1 and u.id = c.customer_id"""
)
CLAIMED = (
    _BASKET.format(code="coalesce($3::text, c.coupon_code)", lines=_LINES, more="")
    + """from carts c join settings s on s.tenant_id = $1
left join customers u on u.tenant_id = $1 and u.id = c.customer_id
where c.tenant_id = $1 and c.id = $2"""
)
UNKEPT = (
    _BASKET.format(
        more="",
        code="$5::text",
        lines="""(
    select json_agg(json_build_array(null, """
        + _LEAN.format(quantity="w.quantity")
        + """) order by w.place)
    from unnest($2::uuid[], $3::uuid[], $4::int[]) with ordinality as w (product_id, variant_id, quantity, place)
    join lateral (
      select x.* from variants x where x.tenant_id = $1 and x.deleted_at is null
        and (x.id = w.variant_id or (w.variant_id is null and x.product_id = w.product_id))
        and (w.product_id is null or x.product_id = w.product_id)
      order by x.active desc, x.position, x.id limit 1) v on true
    join products p on p.tenant_id = $1 and p.id = v.product_id
    join stock k on k.tenant_id = $1 and k.variant_id = v.id)""",
    ).replace("select c.id, c.version, c.customer_id", "select null::uuid, 0, u.id")
    + """from settings s left join customers u on u.tenant_id = $1 and u.id = $6 and u.erased_at is null
where s.tenant_id = $1"""
)
_ADD = """
with wanted as (
  select v.id from variants v join products p on p.tenant_id = $1 and p.id = v.product_id
  where v.tenant_id = $1 and {which} and v.active and v.deleted_at is null and p.active and p.deleted_at is null
  order by v.position, v.id limit 1),
basket as (
  insert into carts as c (tenant_id, id, {owner}, created_at, updated_at) select $1, $3, $2, $4, $4 from wanted
  on conflict (tenant_id, {owner}) where state = 'open' and {owner} is not null
  do update set version = c.version + 1, updated_at = excluded.updated_at
  returning c.id),
line as (
  insert into cart_lines as l (tenant_id, id, cart_id, variant_id, quantity)
  select $1, $5, b.id, w.id, $6 from basket b, wanted w
  on conflict (tenant_id, cart_id, variant_id) do update set quantity = least(l.quantity + excluded.quantity, 1000000)
  returning l.cart_id, l.variant_id, l.quantity)
select l.variant_id, l.quantity, k.on_hand - k.reserved
from line l join stock k on k.tenant_id = $1 and k.variant_id = l.variant_id
"""
ADD_PRODUCT = _for_both(_ADD.replace("{which}", "v.product_id = $7"))
ADD_VARIANT = _for_both(_ADD.replace("{which}", "v.id = $7 and ($8::uuid is null or v.product_id = $8)"))
_TOUCH = f"""
with basket as (
  update carts c set version = c.version + 1, updated_at = $3 where {_OPEN} returning c.id)"""
SET_QUANTITY = _for_both(
    _TOUCH
    + """
update cart_lines l set quantity = $5
from basket b, stock k
where l.tenant_id = $1 and l.cart_id = b.id and l.id = $4 and k.tenant_id = $1 and k.variant_id = l.variant_id
returning l.variant_id, l.quantity, k.on_hand - k.reserved
"""
)
REMOVE_LINE = _for_both(
    _TOUCH
    + """
delete from cart_lines l using basket b where l.tenant_id = $1 and l.cart_id = b.id and l.id = $4 returning l.id
"""
)
CLEAR = _for_both(
    f"""
with basket as (
  update carts c set version = c.version + 1, coupon_code = null, updated_at = $3 where {_OPEN} returning c.id)
delete from cart_lines l using basket b where l.tenant_id = $1 and l.cart_id = b.id returning l.id
"""
)
SET_COUPON = _for_both(
    f"""
update carts c set coupon_code = $4, version = c.version + 1, updated_at = $3 where {_OPEN} returning c.id
"""
)
LAST_ORDERED = _for_both(
    """
select c.order_id, c.updated_at from carts c where c.tenant_id = $1 and c.{owner} = $2 and c.state = 'ordered'
order by c.updated_at desc limit 1
"""
)
TAKE_PLACE = """
insert into carts (tenant_id, id, customer_id, token, created_at, updated_at)
select $1, $3, c.customer_id, c.token, $4, $4 from carts c
where c.tenant_id = $1 and c.id = $2 and c.state = 'ordered'
  and not exists (select 1 from carts o where o.tenant_id = $1 and o.state = 'open'
    and (o.customer_id = c.customer_id or o.token = c.token))
on conflict do nothing returning id
"""
REOPEN = """
with place as (delete from carts where tenant_id = $1 and id = $3 returning id)
update carts c set state = 'open', order_id = null, version = c.version + 1, updated_at = $4
from place where c.tenant_id = $1 and c.id = $2 and c.state = 'ordered'
returning c.id
"""
COUNT_ITEMS = _for_both(
    f"""
select coalesce(sum(l.quantity), 0)::bigint from carts c join cart_lines l on l.tenant_id = $1 and l.cart_id = c.id
where {_OPEN}
"""
)
LOCK_BOTH = """
select c.id, c.token is null as kept from carts c
where c.tenant_id = $1 and c.state = 'open' and (c.customer_id = $2 or c.token = $3) order by c.id for no key update
"""
HAND_OVER = """
update carts set customer_id = $3, token = null, version = version + 1, updated_at = $4 where tenant_id = $1 and id = $2
"""
ADD_TO_EQUAL = """
with gone as (
  delete from cart_lines g using cart_lines m
  where g.tenant_id = $1 and g.cart_id = $2 and m.tenant_id = $1 and m.cart_id = $3 and m.variant_id = g.variant_id
  returning g.variant_id, g.quantity)
update cart_lines l set quantity = least(l.quantity + gone.quantity, 1000000)
from gone where l.tenant_id = $1 and l.cart_id = $3 and l.variant_id = gone.variant_id
"""
MOVE_LINES = "update cart_lines set cart_id = $3 where tenant_id = $1 and cart_id = $2"
JOIN = """
with guest as (delete from carts where tenant_id = $1 and id = $2 returning coupon_code)
update carts c set version = c.version + 1, coupon_code = coalesce(c.coupon_code, guest.coupon_code), updated_at = $4
from guest where c.tenant_id = $1 and c.id = $3
"""
FORGET_LEFT = """
delete from carts where tenant_id = $1 and state = 'open' and updated_at <= $2 and id in
  (select id from carts where tenant_id = $1 and state = 'open' and token is not null and created_at <= $2
    and updated_at <= $2 limit $3)
"""
# The carts that these orders came from, and what was begun since under a guest's same token.
ERASE_OF_ORDERS = """
delete from carts where tenant_id = $1 and (id = any($2::uuid[]) or state = 'open' and token = any(array(
  select c.token from carts c where c.tenant_id = $1 and c.id = any($2::uuid[]) and c.token is not null)))
"""
ERASE = """
delete from carts where tenant_id = $1 and id = any(array(
  (select c.id from carts c where c.tenant_id = $1 and c.customer_id = $2 and c.state = 'open')
  union all
  (select c.id from carts c where c.tenant_id = $1 and c.customer_id = $2 and c.state = 'ordered' limit $3)))
"""

_lines = msgspec.json.Decoder(list[BasketLine])
_methods = msgspec.json.Decoder(list[ShippingMethod])
_coupon = msgspec.json.Decoder(Coupon)


def _basket(row: Any) -> Basket:
    return Basket(
        id=row[0],
        version=row[1] or 0,
        customer_id=row[2],
        email=row[3],
        customer_name=f"{row[4] or ''} {row[5] or ''}".strip(),
        phone=row[6],
        coupon_code=row[7],
        currency=row[8],
        tax=TaxRules(row[9], row[10], row[11]),
        shipping=ShippingRules(row[12], row[13], row[14]),
        payment_provider=row[15],
        low_stock_threshold=row[16],
        allowed_origins=row[17],
        payment_test_mode=row[18],
        slug=row[19],
        domain=row[20],
        coupon=_coupon.decode(row[21]) if row[21] else None,
        methods=_methods.decode(row[22]) if row[22] else [],
        lines=_lines.decode(row[23]) if row[23] else [],
    )


def _key(owner: Owner) -> tuple[str, Any]:
    return ("token", owner.token) if owner.token is not None else ("customer_id", owner.customer_id)


async def read(tx: Tx, owner: Owner) -> Basket:
    """The owner's open cart with everything its answer shows; an empty basket where there is none."""
    which, value = _key(owner)
    return _basket(await tx.row(READ[which], value))


async def claim(tx: Tx, owner: Owner, order_id: OrderId, coupon_code: str | None) -> tuple[Basket, bool] | None:
    """The open cart becomes this order's, and is read. None where there is no open one (any longer). True beside it
    where somebody changed the cart while this waited for it: its lines are then older than it, to be read anew."""
    which, value = _key(owner)
    row = await tx.row(CLAIM[which], value, order_id, tx.ctx.now, coupon_code)
    return (_basket(row), row["stale"]) if row else None


async def claimed(tx: Tx, cart_id: CartId, coupon_code: str | None) -> Basket:
    """A cart that this transaction has claimed."""
    return _basket(await tx.row(CLAIMED, cart_id, coupon_code))


async def unkept(tx: Tx, items: Sequence[Item], coupon_code: str | None, customer_id: Any) -> Basket:
    """A basket of these items that is no cart. Items that name nothing here are missing from its lines."""
    row = await tx.row(
        UNKEPT,
        [item.product_id for item in items],
        [item.variant_id for item in items],
        [item.quantity for item in items],
        coupon_code,
        customer_id,
    )
    return _basket(row)


# ── Changes. Each travels with the reading of the cart that follows it, and is told what it did after that ─────────────
class Change:
    """What became of a line: (variant, quantity in the cart, available); None where there is nothing of the kind."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    @property
    def done(self) -> bool:
        return self._sent.row is not None

    @property
    def line(self) -> tuple[VariantId, int, int] | None:
        row = self._sent.row
        if row is None:
            return None
        variant, quantity, available = row
        assert variant is not None and quantity is not None and available is not None
        return VariantId(UUID(variant)), int(quantity), int(available)


async def add(tx: Tx, owner: Owner, item: Item) -> Change:
    which, value = _key(owner)
    args = [value, CartId(ids.new()), tx.ctx.now, LineId(ids.new()), item.quantity]
    if item.variant_id is not None:
        return Change(await tx.ahead(ADD_VARIANT[which], *args, item.variant_id, item.product_id))
    return Change(await tx.ahead(ADD_PRODUCT[which], *args, item.product_id))


async def set_quantity(tx: Tx, owner: Owner, line_id: LineId, quantity: int) -> Change:
    which, value = _key(owner)
    return Change(await tx.ahead(SET_QUANTITY[which], value, tx.ctx.now, line_id, quantity))


async def remove_line(tx: Tx, owner: Owner, line_id: LineId) -> Change:
    which, value = _key(owner)
    return Change(await tx.ahead(REMOVE_LINE[which], value, tx.ctx.now, line_id))


async def clear(tx: Tx, owner: Owner) -> None:
    which, value = _key(owner)
    await tx.ahead(CLEAR[which], value, tx.ctx.now)


async def set_coupon(tx: Tx, owner: Owner, code: str | None) -> Change:
    which, value = _key(owner)
    return Change(await tx.ahead(SET_COUPON[which], value, tx.ctx.now, code))


async def last_ordered(tx: Tx, owner: Owner) -> tuple[OrderId, Any] | None:
    """The order that the owner's newest claimed cart became, and when."""
    which, value = _key(owner)
    row = await tx.row(LAST_ORDERED[which], value)
    return (row[0], row[1]) if row else None


async def take_place(tx: Tx, cart_id: CartId) -> CartId | None:
    """An empty open cart for the owner of `cart_id`, or None where they have begun another. An insert, because only an
    insert can give way to another cart that is being begun at this very moment."""
    row = await tx.row(TAKE_PLACE, cart_id, CartId(ids.new()), tx.ctx.now)
    return row[0] if row else None


async def reopen(tx: Tx, cart_id: CartId, place: CartId) -> None:
    """The cart of an order that was never paid is open again, in the place taken for it."""
    await tx.rows(REOPEN, cart_id, place, tx.ctx.now)


async def count_items(tx: Tx, owner: Owner) -> int:
    """How many pieces are in the owner's open cart."""
    which, value = _key(owner)
    row = await tx.row(COUNT_ITEMS[which], value)
    return int(row[0]) if row else 0


async def lock_both(tx: Tx, customer: CustomerId, token: str) -> tuple[CartId | None, CartId | None]:
    """The open carts of a customer and of a guest, locked."""
    rows = await tx.rows(LOCK_BOTH, customer, token)
    return (
        next((row[0] for row in rows if row[1]), None),
        next((row[0] for row in rows if not row[1]), None),
    )


async def hand_over(tx: Tx, guest: CartId, customer: CustomerId) -> None:
    """A guest's cart becomes the customer's, who has none."""
    await tx.run(HAND_OVER, guest, customer, tx.ctx.now)


async def add_to_equal(tx: Tx, guest: CartId, kept: CartId) -> None:
    """What both carts hold is added up in the one that is kept."""
    await tx.run(ADD_TO_EQUAL, guest, kept)


async def move_lines(tx: Tx, guest: CartId, kept: CartId) -> None:
    await tx.run(MOVE_LINES, guest, kept)


async def join(tx: Tx, guest: CartId, kept: CartId) -> None:
    """Ends the guest's cart, whose lines have gone over; its coupon goes over where the other has none."""
    await tx.run(JOIN, guest, kept, tx.ctx.now)


async def forget_left(tx: Tx, before: datetime, limit: int) -> int:
    """Open carts of guests that nobody has touched since, with their lines; a customer's own stays."""
    return await tx.run(FORGET_LEFT, before, limit)


async def erase_of_orders(tx: Tx, carts: Sequence[CartId]) -> None:
    await tx.run(ERASE_OF_ORDERS, list(carts))


async def erase(tx: Tx, customer: CustomerId, limit: int) -> int:
    """The customer's carts, those of their orders too, with what is in them; how many."""
    return await tx.run(ERASE, customer, limit)
