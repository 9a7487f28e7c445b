"""Text messages: by Twilio's API, or by the simulator that speaks it."""

from __future__ import annotations

from merx.providers.sms.twilio import TwilioSms

__all__ = ["TwilioSms"]
