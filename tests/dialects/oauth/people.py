"""A browser that somebody sits at, and an OAuth client that Merx did not write, for the tests of the OAuth endpoints."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from authlib.integrations.httpx_client import AsyncOAuth2Client
from tests.dialects.site import PASSWORD, Shop

from merx.core.auth import clients
from merx.core.auth.model import NewOauthClient

BACK = "https://app.example.com/back"
SCOPES = ["catalog:read", "orders:read", "orders:write", "users:read"]
TOKEN_FIELD = re.compile(r'name="form_token" value="([^"]+)"')
ACTION = re.compile(r'<form method="post" action="([^"]+)"')


class Browser:
    """Follows nothing by itself; sends forms as a browser does: with its cookies, the form's token, and where from."""

    def __init__(self, base: str) -> None:
        self.http = httpx.AsyncClient(base_url=base, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
        self.page = ""

    async def get(self, url: str) -> httpx.Response:
        answer = await self.http.get(url)
        self.page = answer.text
        return answer

    async def send(self, **fields: str) -> httpx.Response:
        """The form on the page."""
        action, token = ACTION.search(self.page), TOKEN_FIELD.search(self.page)
        assert action is not None and token is not None, self.page
        fields = {"form_token": token[1], **fields}
        answer = await self.http.post(action[1].replace("&amp;", "&"), data=fields)
        self.page = answer.text or self.page
        return answer

    async def sign_in(self, url: str, email: str, password: str = PASSWORD) -> None:
        """As far as the page that asks."""
        await self.get(url)
        if 'name="answer"' in self.page:
            return  # the cookie is known
        answer = await self.send(email=email, password=password)
        assert answer.status_code == 303, answer.text
        await self.get(answer.headers["location"])

    async def allow(self, url: str, email: str) -> str:
        """Where the client's browser comes back with the code."""
        await self.sign_in(url, email)
        answer = await self.send(answer="allow")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


class App:
    """Somebody else's program, built on Authlib's client."""

    def __init__(self, shop: Shop, made: NewOauthClient, method: str, redirect_uri: str = BACK) -> None:
        self.shop, self.made = shop, made
        self.base = shop.rt.settings.public_url
        self.verifier = secrets.token_urlsafe(48)
        self.state = ""
        self.client = AsyncOAuth2Client(
            str(made.client.id),
            made.secret,
            scope="orders:read users:read",
            redirect_uri=redirect_uri,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            timeout=30,
        )

    def url(self, **more: Any) -> str:
        made, self.state = self.client.create_authorization_url(
            f"{self.base}/oauth/authorize", code_verifier=self.verifier, **more
        )
        return str(made)

    async def exchange(self, returned: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.client.fetch_token(
            f"{self.base}/oauth/token",
            authorization_response=returned,
            **{"code_verifier": self.verifier, "state": self.state, **more},
        )
        return found

    async def tokens(self, browser: Browser, **more: Any) -> dict[str, Any]:
        return await self.exchange(await browser.allow(self.url(**more), self.shop.email))

    async def post(self, path: str, auth: bool = True, **fields: str) -> httpx.Response:
        """Past Authlib, for what it would not send."""
        async with httpx.AsyncClient(base_url=self.base, timeout=30) as http:
            given = (str(self.made.client.id), self.made.secret or "") if auth else None
            return await http.post(path, data=fields, auth=given)

    async def orders(self, token: str) -> httpx.Response:
        """Something that orders:read allows, in one of the dialects."""
        async with httpx.AsyncClient(base_url=self.base, timeout=30) as http:
            return await http.get("/api/platform/orders/", headers={"Authorization": f"Bearer {token}"})


async def app_of(shop: Shop, method: str = "client_secret_basic", **how: Any) -> App:
    public = method == "none"
    grants = ["authorization_code", "refresh_token"] + ([] if public else ["client_credentials"])
    how = {"redirect_uris": [BACK], "grant_types": grants, "scopes": SCOPES, "public": public, **how}
    made = await clients.create(shop.rt, shop.ctx, "Reports & <Figures>", **how)
    return App(shop, made, method, how["redirect_uris"][0])


def said(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
