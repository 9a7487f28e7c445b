"""Text messages by Twilio's Messages API: one form-encoded POST with the account's SID and token. That API knows no
idempotency key, so a message whose answer was lost is looked for in its list before it is sent again."""

from __future__ import annotations

import asyncio
import re
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from merx.ports import Account, Delivery, Sent, TextMessage

if TYPE_CHECKING:
    import httpx

ENDPOINT = "https://api.twilio.com"
SECONDS = 20.0
LISTED = 50
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.ASCII)
_PASSING = (20429,)  # too many requests


class TwilioSms:
    """Holds connections, and so belongs to one event loop."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def send(self, account: Account, message: TextMessage) -> Sent:
        import httpx

        sender = account.credentials["from"]
        form = {"To": message.recipient, "Body": message.text}
        form["MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From"] = sender
        try:
            answer = await (await self._http()).post(_messages(account), data=form, auth=_auth(account))
        except (httpx.HTTPError, OSError) as lost:
            return Sent(Delivery.LATER, detail=f"Twilio could not be reached ({type(lost).__name__}).")
        said = _json(answer)
        if answer.status_code in (200, 201) and isinstance(said.get("sid"), str):
            return Sent(Delivery.ACCEPTED, reference=said["sid"])
        return _refused(answer.status_code, said)

    async def find(self, account: Account, message: TextMessage) -> list[str] | None:
        import httpx

        # Twilio filters by the day; the rest of the moment is compared here. Its clock may differ from ours a little.
        since = message.written_at - timedelta(seconds=5)
        query = {"To": message.recipient, "DateSent>": since.strftime("%Y-%m-%d"), "PageSize": str(LISTED)}
        try:
            answer = await (await self._http()).get(_messages(account), params=query, auth=_auth(account))
        except (httpx.HTTPError, OSError):
            return None
        listed = _json(answer).get("messages")
        if answer.status_code != 200 or not isinstance(listed, list):
            return None
        return [
            one["sid"] for one in listed
            if one.get("body") == message.text and one.get("to") == message.recipient and _made(one) >= since
        ]  # fmt: skip

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _http(self) -> httpx.AsyncClient:
        import httpx

        async with self._making:
            if self._client is None:
                trust = await asyncio.to_thread(_trust)
                self._client = httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False, verify=trust)
        return self._client


def _trust() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _messages(account: Account) -> str:
    return f"{account.endpoint or ENDPOINT}/2010-04-01/Accounts/{account.credentials['account_sid']}/Messages.json"


def _auth(account: Account) -> tuple[str, str]:
    return account.credentials["account_sid"], account.credentials["auth_token"]


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _made(message: dict[str, Any]) -> datetime:
    try:
        found = parsedate_to_datetime(str(message.get("date_created")))
    except (TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refused(status: int, said: dict[str, Any]) -> Sent:
    """A 4xx is about this message and will not change, but for the account's own troubles, which its owner can mend."""
    code, words = said.get("code"), str(said.get("message", ""))[:200]
    detail = f"Twilio answered {status}" + (f", error {code}: {words}" if code else ".")
    passing = status >= 500 or status in (401, 403, 404, 408, 429) or code in _PASSING
    return Sent(Delivery.LATER if passing else Delivery.REFUSED, detail=detail)
