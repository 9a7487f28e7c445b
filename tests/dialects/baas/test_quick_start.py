"""The document's quick start as it is typed there, with the host replaced."""

from __future__ import annotations

import os
import re
import shlex

import httpx
from tests.dialects.site import from_elsewhere

from merx.settings import Settings

REGISTER = """
curl -X POST https://api.baasplatform.com/api/platform/register/ \\
-H "Content-Type: application/json" \\
-d '{
"business_name": "My Store",
"email": "owner@mystore.com",
"password": "securepassword123",
"first_name": "John",
"last_name": "Doe"
}'
"""
TOKEN = """
curl -X POST https://api.baasplatform.com/api/platform/token/ \\
-H "Content-Type: application/json" \\
-d '{
"email": "owner@mystore.com",
"password": "securepassword123"
}'
"""
KEY = """
curl -X POST https://api.baasplatform.com/api/platform/api-keys/ \\
-H "Authorization: Bearer YOUR_JWT_TOKEN" \\
-H "Content-Type: application/json" \\
-d '{"name": "Production API Key"}'
"""
PRODUCTS = """
curl https://mystore.baasplatform.com/api/store/products/ \\
-H "X-API-Key: YOUR_API_KEY"
"""


class Terminal:
    """Runs curl commands against this installation; `here` is what stands for the document's own names."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._here = {"https://api.baasplatform.com": f"http://localhost:{port}"}

    def means(self, text: str, here: str) -> None:
        self._here[text] = here

    async def type(self, command: str) -> httpx.Response:
        for text, here in self._here.items():
            command = command.replace(text, here)
        words = shlex.split(command.replace("\\\n", " "))
        assert words.pop(0) == "curl"
        headers, body, method, url = {}, None, None, ""
        while words:
            word = words.pop(0)
            if word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, _, value = words.pop(0).partition(":")
                headers[name] = value.strip()
            elif word == "-d":
                body = words.pop(0).replace("\n", "")  # as curl does
            else:
                url = word
        where = httpx.URL(url)
        headers["Host"] = f"{where.host}:{where.port}"  # every name below .localhost is this machine
        async with httpx.AsyncClient(timeout=30, transport=from_elsewhere()) as client:
            return await client.request(
                method or ("POST" if body else "GET"), where.copy_with(host="127.0.0.1"), headers=headers, content=body
            )


async def test_the_quick_start(site: Settings) -> None:
    terminal = Terminal(site.port)
    # The tests of a run share one installation, where an address belongs to one person.
    terminal.means("owner@mystore.com", f"owner-{os.urandom(5).hex()}@mystore.com")

    registered = await terminal.type(REGISTER)
    assert registered.status_code == 201, registered.text
    assert {"tenant", "user", "access", "refresh"} <= registered.json().keys()
    slug = registered.json()["tenant"]["slug"]
    assert re.fullmatch(r"mystore\d*", slug)
    terminal.means("https://mystore.baasplatform.com", f"http://{slug}.localhost:{site.port}")

    signed_in = await terminal.type(TOKEN)
    assert signed_in.status_code == 200, signed_in.text
    assert list(signed_in.json())[:3] == ["access", "refresh", "user"]
    terminal.means("YOUR_JWT_TOKEN", signed_in.json()["access"])

    made = await terminal.type(KEY)
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert key.startswith("sk_live_")
    terminal.means("YOUR_API_KEY", key)

    products = await terminal.type(PRODUCTS)
    assert products.status_code == 200, products.text
    assert products.json() == {"count": 0, "next": None, "previous": None, "results": []}
