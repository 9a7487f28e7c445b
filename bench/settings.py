"""What is measured: sizes, durations, connections."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True):
    products: int = 10_000
    sampled: int = 64  # products that carts and details are about
    shoppers: int = 512  # carts that are added to
    http_carts: int = 30_000  # carts that are checked out over HTTP, one order each
    pgbench_carts: int = 64_000
    connections: int = 16
    seconds: int = 6
    scale_products: tuple[int, int] = (1_000, 100_000)
    port: int = 8899


QUICK = Plan(products=1_000, http_carts=6_000, pgbench_carts=16_000, seconds=2, scale_products=(0, 0))


class WebhookPlan(msgspec.Struct, frozen=True):
    events: int = 10_000
    living: int = 4  # endpoints that answer; one more never does
    kills: int = 0
