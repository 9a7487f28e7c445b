"""A visitor of a shop's pages without script: follows links and sends forms as a browser does."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.dialects.site import from_elsewhere

from merx.settings import Settings

TOKEN = re.compile(r'name="form[_-]token" (?:value|content)="([^"]+)"')


class Visitor:
    """Keeps cookies for one host, as a browser would for it."""

    def __init__(self, site: Settings, slug: str | None = None) -> None:
        self.host = f"{slug}.{site.base_domain}" if slug else site.base_domain
        base = f"http://127.0.0.1:{site.port}"
        self.http = httpx.AsyncClient(base_url=base, timeout=30, transport=from_elsewhere())
        self.cookies: dict[str, str] = {}
        self.page: httpx.Response | None = None

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._follow(await self._send("GET", path, headers=headers))

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Sends a form of the page this visitor is on."""
        assert self.page is not None
        found = TOKEN.search(self.page.text)
        sent = {"form_token": html.unescape(found[1])} if found else {}
        headers = {"Origin": f"http://{self.host}", **headers}
        return await self._follow(await self._send("POST", path, data={**sent, **(fields or {})}, headers=headers))

    async def bare(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """A form with exactly these fields and headers, and no redirect followed."""
        return await self._send("POST", path, data=fields, headers=headers)

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {"Host": self.host, **({"Cookie": cookie} if cookie else {}), **headers}
        answer = await self.http.request(method, path, headers=given, **more)
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            if value and "Max-Age=0" not in header:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    async def _follow(self, answer: httpx.Response) -> httpx.Response:
        for _ in range(5):
            where = answer.headers.get("location")
            if answer.status_code not in (302, 303, 307) or where is None:
                break
            parts = urlsplit(where)
            assert parts.netloc in ("", self.host), where
            answer = await self._send("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers={})
        self.page = answer
        return answer
