"""What is measured, each over HTTP and as its ceiling: the statements of one such request, run by pgbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from bench import pgbench, recording, wrk
from bench import shop as shops
from bench.settings import Plan
from bench.shop import Shop
from merx.core.auth import service as auth
from merx.core.cart import service as cart
from merx.core.cart.model import Item, Owner
from merx.core.catalog import service as catalog
from merx.core.catalog.model import ProductQuery, Sort
from merx.core.checkout import service as checkout
from merx.core.checkout.model import CheckoutRequest
from merx.core.orders.model import Address
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.runtime import Runtime

ADDERS, BUYERS, CEILING, SPARE = 10, 20, 30, 40
"""Prefixes of numbered ids; each takes three in a row."""


class Measured(msgspec.Struct, frozen=True):
    name: str
    http: wrk.Figures
    ceiling: pgbench.Ceiling
    ratio: float
    wanted: float


class Bench:
    def __init__(self, plan: Plan, rt: Runtime, shop: Shop, connect: Mapping[str, Any], folder: Path, url: str) -> None:
        self.plan, self.rt, self.shop, self.connect, self.folder, self.url = plan, rt, shop, connect, folder, url

    # ── Reads ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, paths: Sequence[str]) -> wrk.Figures:
        file = shops.lines(self.folder / "paths.txt", paths)
        args = (self.shop.key, self.shop.host, file)
        return wrk.run(self.url, "get", self.plan.seconds, self.plan.connections, *args)

    async def reads(self) -> list[Measured]:
        slugs = [product.slug for product in self.shop.products]
        base, done = "/api/store/products/", []
        listing = await self.ceiling_of_list(ProductQuery(sort=Sort.NEWEST, limit=20))
        detail = self.run(
            recording.script(
                await recording.record(self.rt, lambda rt: catalog.get_product_by_slug(rt, self.shop.ctx, slugs[0])), {}
            )
        )
        done.append(_measured("list_from_memory", self.get([f"{base}?per_page=20"]), listing, 3.0))
        done.append(_measured("list_uncached", self.get([f"{base}?per_page=20&n=#"]), listing, 0.35))
        done.append(_measured("detail_from_memory", self.get([f"{base}{slug}/" for slug in slugs]), detail, 3.0))
        done.append(_measured("detail_uncached", self.get([f"{base}{slug}/?n=#" for slug in slugs]), detail, 0.35))
        # Two words that some products have, one that all have, and how the words of many begin.
        for name, words in (("search", "quiet headphones"), ("search_common", "range"), ("search_beginning", "th")):
            searching = await self.ceiling_of_list(ProductQuery(search=words, sort=Sort.RELEVANCE, limit=20))
            found = self.get([f"{base}?search={words.replace(' ', '+')}&per_page=20&n=#"])
            done.append(_measured(f"{name}_uncached", found, searching, 0.0))
        return done

    async def ceiling_of_list(self, query: ProductQuery) -> pgbench.Ceiling:
        sent = await recording.record(self.rt, lambda rt: catalog.list_products(rt, self.shop.ctx, query))
        return self.run(recording.script(sent, {}))

    async def adders(self, conn: asyncpg.Connection) -> list[str]:
        """Signed-in shoppers, with their tokens."""
        return await shops.shoppers(self.rt, conn, self.shop, ADDERS, self.plan.shoppers)

    # ── Writes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_to_cart(self, conn: asyncpg.Connection, tokens: Sequence[str]) -> Measured:
        plan, products = self.plan, self.shop.products
        await shops.customers_only(conn, self.shop, CEILING + 5, plan.shoppers)
        spelt = [ids.encode("prod", product.id) for product in products]
        rows = [
            f'{token}\t{{"product_id":"{spelt[(n + turn) % len(spelt)]}","quantity":1}}'
            for turn in range(3)
            for n, token in enumerate(tokens)
        ]
        file = shops.lines(self.folder / "adds.txt", rows)
        args = (self.shop.host, "/api/store/cart/items/", file)
        http = wrk.run(self.url, "post", plan.seconds, plan.connections, *args)
        buyer = shops.numbered(ADDERS, 0)
        ctx = self._shopper(buyer)

        async def once(rt: Runtime) -> None:
            await auth.authenticate(rt, tokens[0])
            await cart.add(rt, ctx, Owner(ctx.customer_id()), Item(products[0].id, 1))

        known = self._known(0) | {buyer: shops.numbered_sql(CEILING + 5)}
        variables = [f"\\set k random(0, {plan.shoppers - 1})", f"\\set p random(0, {len(products) - 1})"]
        sent = await recording.record(self.rt, once)
        script = recording.script(sent, known, variables, recording.AT_RANDOM)
        return _measured("add_to_cart", http, self.run(script), 0.30)

    async def check_out(self, conn: asyncpg.Connection) -> Measured:
        plan = self.plan
        tokens = await shops.shoppers(self.rt, conn, self.shop, BUYERS, plan.http_carts)
        await shops.carts(conn, self.shop, BUYERS, plan.http_carts)
        await shops.customers_only(conn, self.shop, CEILING, plan.pgbench_carts)
        await shops.carts(conn, self.shop, CEILING, plan.pgbench_carts)
        body = (
            '{"shipping_address":{"street":"123 Main St","city":"New York","state":"NY","postal_code":"10001",'
            '"country":"US"},"payment_method":"cod","notes":"Please leave at door"}'
        )
        file = shops.lines(self.folder / "checkouts.txt", [f"{token}\t{body}" for token in tokens[1:]])
        await shops.analyze(conn)
        args = (self.shop.host, "/api/store/checkout/", file, "once")
        http = wrk.run(self.url, "post", plan.seconds, plan.connections, *args)
        buyer = shops.numbered(BUYERS, 0)
        ctx = self._shopper(buyer)
        address = Address("123 Main St", "", "New York", "NY", "10001", "US")
        request = CheckoutRequest(
            owner=Owner(ctx.customer_id()), payment_method="cod", shipping_address=address, notes="Please leave at door"
        )

        async def once(rt: Runtime) -> None:
            await auth.authenticate(rt, tokens[0])
            await checkout.place(rt, ctx, request)

        sent = await recording.record(self.rt, once)
        rounds = plan.pgbench_carts // plan.connections
        known = self._known(0) | {buyer: shops.numbered_sql(CEILING)} | {
            shops.numbered(BUYERS + 1, 0): shops.numbered_sql(CEILING + 1)
        }  # fmt: skip
        variables = [
            "\\set i :i + 1",
            f"\\set k :client_id * {rounds} + :i - 1",
            f"\\set p :k % {len(self.shop.products)}",
        ]
        script = recording.script(sent, known, variables)
        return _measured("checkout", http, self.run(script, min(rounds, 250 * plan.seconds)), 0.30)

    # ── The Commerce API ─────────────────────────────────────────────────────────────────────────────────────────────

    async def commerce(self, conn: asyncpg.Connection, tokens: Sequence[str]) -> list[Measured]:
        """A list from memory, and an order in one call at 8 connections, by the shoppers of `add_to_cart`."""
        plan, products = self.plan, self.shop.products
        listing = await self.ceiling_of_list(ProductQuery(sort=Sort.NEWEST, limit=20))
        keys = shops.lines(self.folder / "keys.txt", self.shop.keys)
        args = (self.shop.host, "/commerce/v2/products?pageSize=20", keys)
        read = wrk.run(self.url, "keys", plan.seconds, plan.connections, *args)
        rows = [
            f'{token}\t{{"items":[{{"productId":"{products[n % len(products)].id}","quantity":1}}],"paymentMethod":"cod"}}'
            for n, token in enumerate(tokens)
        ]
        file = shops.lines(self.folder / "orders.txt", rows)
        http = wrk.run(self.url, "post", plan.seconds, 8, self.shop.host, "/commerce/v2/orders", file)
        buyer = shops.numbered(ADDERS, 0)
        ctx = self._shopper(buyer)
        request = CheckoutRequest(items=(Item(products[0].id, 1),), customer_id=ctx.customer_id(), payment_method="cod")

        async def once(rt: Runtime) -> None:
            await auth.authenticate(rt, tokens[0])
            await checkout.place(rt, ctx, request)

        known = self._known(0) | {buyer: shops.numbered_sql(CEILING + 5, "c")}
        variables = [
            "\\set i :i + 1", f"\\set k {SPARE}000000000 + :client_id * 1000000 + :i",
            f"\\set c random(0, {plan.shoppers - 1})", f"\\set p random(0, {len(products) - 1})",
        ]  # fmt: skip
        script = recording.script(await recording.record(self.rt, once), known, variables)
        ceiling = self.run(script, clients=8)
        return [_measured("commerce_list", read, listing, 3.0), _measured("commerce_order", http, ceiling, 0.30)]

    def _known(self, recorded: int) -> dict[UUID, str]:
        """The recorded product and variant become those of pgbench's variable p; the tenant stays what it is."""
        products = self.shop.products
        variants = ", ".join(pgbench.quoted(product.variants[0].id) for product in products)
        named = ", ".join(pgbench.quoted(product.id) for product in products)
        return {
            self.shop.ctx.tenant: pgbench.quoted(self.shop.ctx.tenant),
            products[recorded].variants[0].id: f"(array[{variants}])[1 + :p]",
            products[recorded].id: f"(array[{named}])[1 + :p]",
        }

    def _shopper(self, customer: UUID) -> Ctx:
        scopes = frozenset({"catalog:read", "cart:write", "checkout:write", "orders:own"})
        return Ctx(self.shop.ctx.tenant, ActorKind.CUSTOMER, customer, scopes=scopes, source="baas")

    def run(self, script: str, rounds: int | None = None, clients: int | None = None) -> pgbench.Ceiling:
        plan = self.plan
        tenant = self.shop.ctx.tenant
        return pgbench.run(script, self.folder, self.connect, tenant, plan.seconds, clients or plan.connections, rounds)


def _measured(name: str, http: wrk.Figures, ceiling: pgbench.Ceiling, wanted: float) -> Measured:
    ratio = round(http.per_second / ceiling.per_second, 2) if ceiling.per_second else 0.0
    return Measured(name, http, ceiling, ratio, wanted)
