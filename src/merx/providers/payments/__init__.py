"""Payment providers: one file each, one line here. A provider's own package is imported when it is first called."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from merx.ports import PaymentProvider
from merx.providers.payments.manual import Manual
from merx.providers.payments.razorpay import Razorpay
from merx.providers.payments.stripe import Stripe

PROVIDERS: Mapping[str, Callable[[], PaymentProvider]] = {
    "manual": Manual,
    "stripe": Stripe,
    "razorpay": Razorpay,
}


def build() -> dict[str, PaymentProvider]:
    """One of each, for one event loop: what a Runtime holds."""
    return {name: make() for name, make in PROVIDERS.items()}
