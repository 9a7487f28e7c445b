"""Stripe, Razorpay and Twilio spoken over HTTP by ourselves, for development, tests and shops in test mode: API,
payment page or window, callbacks.

It shares nothing with the providers it stands opposite but the wire: its own tables, its own idea of amounts, cards and
errors. A further provider adds `<name>_*.py` here and uses the same accounts, store and callbacks.
"""

from __future__ import annotations

from merx.simulator.accounts import account_for, account_maker, razorpay_account_for
from merx.simulator.asgi import app
from merx.simulator.delivery import deliver_due
from merx.simulator.twilio import app as twilio_app

__all__ = ["account_for", "account_maker", "app", "deliver_due", "razorpay_account_for", "twilio_app"]
