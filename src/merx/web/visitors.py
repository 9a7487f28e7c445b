"""What a page knows about its visitor beyond the request: the session its cookie stands for, the secret its forms are
signed with, what is to be said once on the next page. One object in the scope, like `Visit`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from merx.core.auth import browsers
from merx.core.auth.model import Credential, Tokens
from merx.edge.visit import Visit
from merx.runtime import Runtime
from merx.web import cookies

SCOPE_KEY = "merx.visitor"
VISITOR_SECONDS = 90 * 86_400
FLASH_SECONDS = 120
Header = tuple[bytes, bytes]


class Said(msgspec.Struct, frozen=True):
    """A flash message: `tone` is 'success', 'warning' or 'danger'."""

    text: str
    tone: str = "success"


_SAID = msgspec.json.Decoder(list[Said])


class Visitor:
    def __init__(self, rt: Runtime, visit: Visit, cookie: str) -> None:
        self._rt, self._visit, self._cookie = rt, visit, cookie
        self.session: str | None = None  # the cookie's token, where it stands for somebody
        self.credential: Credential | None = None
        self.values: dict[str, Any] = {}  # what every template of this face gets
        self.headers: list[Header] = []  # beside those of the answer
        self.policy: Mapping[str, str] = {}  # what this answer adds to its face's Content-Security-Policy
        self._seed: str | None = None
        self._said: list[Said] = []
        self._heard = False

    async def recognise(self) -> None:
        """Who the cookie stands for, asked of the database at every page."""
        token = cookies.read(self._visit.headers, self._cookie, self._visit.https)
        if token is None:
            return
        self.credential = await browsers.recognise(self._rt, token, datetime.now(UTC))
        if self.credential is None:
            self.put_cookie(self._cookie, "", 0)
        else:
            self.session = token

    # ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────
    async def sign_in(self, tokens: Tokens) -> None:
        """The session that a service has just opened becomes this browser's. The cookie is new each time."""
        token = await browsers.keep(self._rt, tokens, datetime.now(UTC))
        self.put_cookie(self._cookie, token, int(browsers.COOKIE_LIFE.total_seconds()))
        self.session = token

    def sign_out(self) -> None:
        """To be called once the service has ended the session."""
        self.put_cookie(self._cookie, "", 0)
        self.session, self.credential = None, None

    # ── Forms ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def form_token(self) -> str:
        """What this visitor's forms carry. Somebody without a session gets a secret of their own first."""
        return cookies.form_token(self._rt, self._secret())

    def knows(self, token: str) -> bool:
        secret = self.session or self._stored_seed()
        return secret is not None and secrets.compare_digest(
            cookies.form_token(self._rt, secret).encode(), token.encode("utf-8", "replace")
        )

    def _secret(self) -> str:
        if self.session is not None:
            return self.session
        found = self._seed or self._stored_seed()
        if found is None:
            found = secrets.token_urlsafe(18)
            self.put_cookie(cookies.VISITOR, found, VISITOR_SECONDS)
        self._seed = found
        return found

    def _stored_seed(self) -> str | None:
        found = cookies.read(self._visit.headers, cookies.VISITOR, self._visit.https)
        return found if found and len(found) == 24 else None

    # ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def say(self, text: str, tone: str = "success") -> None:
        """Shown once, on the next page."""
        self._said.append(Said(text[:500], tone))
        value = cookies.signed(self._rt, "flash", msgspec.json.encode(self._said))
        self.put_cookie(cookies.FLASH, value, FLASH_SECONDS)

    def heard(self) -> Sequence[Said]:
        """What the page before wanted to be said; it is said now and forgotten."""
        text = cookies.read(self._visit.headers, cookies.FLASH, self._visit.https)
        if not text or self._said:
            return ()
        if not self._heard:
            self._heard = True
            self.put_cookie(cookies.FLASH, "", 0)
        value = cookies.verified(self._rt, "flash", text)
        try:
            return () if value is None else _SAID.decode(value)
        except msgspec.DecodeError:
            return ()

    def put_cookie(self, name: str, value: str, max_age: int | None) -> None:
        made = cookies.put(name, value, self._visit.https, max_age)
        begins = made[1].partition(b"=")[0] + b"="
        self.headers = [header for header in self.headers if not header[1].startswith(begins)] + [made]


def visitor_of(scope: Mapping[str, Any]) -> Visitor:
    visitor: Visitor = scope[SCOPE_KEY]
    return visitor
