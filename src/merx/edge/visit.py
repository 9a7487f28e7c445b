"""Owns what is known about one request while it is on its way: a single object in the ASGI scope."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from merx.kernel.context import Ctx
from merx.kernel.errors import MerxError, Unauthenticated

if TYPE_CHECKING:
    from merx.core.auth.model import Credential
    from merx.edge.limits import Limiter
    from merx.runtime import Runtime

SCOPE_KEY = "merx.visit"

_BIRTH = os.urandom(6).hex()
_BIRTH_BYTES = _BIRTH.encode()
_COUNT = itertools.count(1)


class Visit:
    """Filled from the outside in: the gateway knows address and time, the front knows the caller, the handler the
    route. The log and the metrics read it at the end."""

    host_slug: str | None = None  # the shop the address names
    host_domain: str | None = None  # the host, where it is not one of ours: perhaps a shop's own
    dialect = ""
    route = ""
    trace = ""  # its id, where traces are recorded
    status = 0
    answered = 0.0  # when its answer began, in epoch seconds
    rt: Runtime | None = None
    limiter: Limiter | None = None
    credential: Credential | None = None
    ctx: Ctx | None = None
    once: Ctx | None = None  # under an idempotency key the caller whose transactions note that they took effect
    shop: Ctx | None = None  # the shop that host or key name, even where a token beside them is not accepted
    keyed = False  # an API key came along, which names its shop as a host does
    denied: MerxError | None = None  # why the credential was not accepted; raised where one is needed
    rate: tuple[tuple[bytes, bytes], ...] = ()
    extra: tuple[tuple[bytes, bytes], ...] = ()
    error: MerxError | None = None
    replayed = False
    max_body = 1 << 20  # what this address takes

    def __init__(self, headers: Mapping[bytes, bytes], address: str, https: bool, started: float | None = None) -> None:
        self.number = next(_COUNT)
        self.id = f"{_BIRTH}-{self.number:x}"
        self.started = time.perf_counter() if started is None else started
        self.headers = headers
        self.address = address
        self.https = https

    def caller(self) -> Ctx:
        """Who is asking. Raises why not, where a credential was wrong or nothing tells the tenant."""
        if self.denied is not None:
            raise self.denied
        if self.ctx is None:
            raise Unauthenticated("Sign in or send an API key.")
        return self.ctx


def visit_of(scope: Mapping[str, Any]) -> Visit:
    visit: Visit = scope[SCOPE_KEY]
    return visit


def numbered() -> tuple[bytes, int]:
    """What a request's id is spelled from, for one that is answered without a visit."""
    return _BIRTH_BYTES, next(_COUNT)


def birth() -> str:
    """What the ids of this process's requests begin with; then comes `-` and a number in hexadecimal."""
    return _BIRTH


def forked() -> None:
    """A new process must not repeat its parent's request ids."""
    global _BIRTH, _BIRTH_BYTES
    _BIRTH = os.urandom(6).hex()
    _BIRTH_BYTES = _BIRTH.encode()


os.register_at_fork(after_in_child=forked)
