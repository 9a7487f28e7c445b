"""The table of everything the worker does. A job is due where `work_due` names its kind and a tenant; a sweep where
`stale_rows` does; a chore has nothing to do with tenants and comes round by the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from merx.core.activity import service as activity
from merx.core.auth import service as auth
from merx.core.cart import service as cart
from merx.core.checkout import healing
from merx.core.erasure import service as erasure
from merx.core.idempotency import service as idempotency
from merx.core.notifications import sending
from merx.core.notifications import service as notifications
from merx.core.notifications.model import Kind
from merx.core.orders import service as orders
from merx.core.quotas import service as quotas
from merx.core.recovery import service as recovery
from merx.core.webhooks import service as webhooks
from merx.kernel.context import Ctx
from merx.runtime import Runtime
from merx.simulator import deliver_due
from merx.worker.pictures import clear_pictures
from merx.worker.relay import relay

ForTenant = Callable[[Runtime, Ctx], Awaitable[int]]
ForAll = Callable[[Runtime], Awaitable[int | None]]


class Job(msgspec.Struct, frozen=True):
    """`run` answers how much it did. `at_once`: for how many tenants it may run at the same time."""

    run: ForTenant
    at_once: int


class Chore(msgspec.Struct, frozen=True):
    """`traced`: it is worth a trace each time it comes round."""

    run: ForAll
    every: float  # seconds
    traced: bool = True


DELIVERIES = "deliveries"
"""The one kind that is no job: each tenant with deliveries under way has a task of its own."""

SECRETS: Mapping[str, sending.Secret] = {Kind.PASSWORD_RESET: recovery.write_letter}
"""Letters that are written at the moment they are sent, because what stands in them is stored nowhere."""

JOBS: Mapping[str, Job] = {
    "relay": Job(relay, 2),
    # These wait for payment providers, some of which may be slow: more tenants at once, so that nobody waits for them.
    "holds": Job(healing.expire_holds, 8),
    "payments": Job(healing.resume_payments, 8),
    "refunds": Job(orders.resume_refunds, 8),
    "erasures": Job(erasure.resume, 2),
    "notifications": Job(partial(sending.send_due, secrets=SECRETS), 2),
}
SWEEPS: Mapping[str, ForTenant] = {
    "idempotency": idempotency.forget_old,
    "sessions": auth.sweep,
    "outbox": webhooks.forget_old,
    "deliveries": webhooks.forget_old,
    "notifications": notifications.forget_old,
    "pictures": clear_pictures,
    "carts": cart.forget_left,
    "callbacks": healing.forget_callbacks,
}
CHORES: Mapping[str, Chore] = {
    "simulator callbacks": Chore(deliver_due, 0.25, traced=False),
    "quota windows": Chore(quotas.forget_old, 60),
    "days of the access log": Chore(activity.keep, 3600),
}
SWEEP_EVERY = 60.0
