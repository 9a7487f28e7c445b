"""A store that speaks as much of S3 as pictures need, over real HTTP, and checks each call's signature (AWS Signature
Version 4) with code of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

ACCESS, SECRET, REGION = "AKIATESTTESTTEST", "a/secret+key=for/tests", "eu-test-1"
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})")


@dataclass
class SmallS3:
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fails: int = 0  # so many of the next calls are answered with 503

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, content = self.answer(method, target, headers, body)
                length = len(content)
                writer.write(
                    f'HTTP/1.1 {status} X\r\ncontent-length: {length}\r\netag: "{hashlib.md5(content).hexdigest()}"\r\n'
                    "last-modified: Sat, 21 Nov 2026 08:00:00 GMT\r\ncontent-type: image/webp\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        writer.close()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.calls.append(f"{method} {target}")
        if self.fails:
            self.fails -= 1
            return 503, b"<Error><Code>SlowDown</Code></Error>"
        if not signed(method, target, headers, body):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        path, _, query = unquote(target).partition("?")
        if method == "POST" and query == "delete":
            assert headers["content-md5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
            keys = re.findall(r"<Key>([^<]+)</Key>", body.decode())
            for key in keys:
                self.objects.pop(f"{path.rstrip('/')}/{key}", None)
            told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return 200, f"<DeleteResult>{told}</DeleteResult>".encode()
        if not path.startswith("/merx-pictures/"):
            return 404, b"<Error><Code>NoSuchBucket</Code></Error>"
        if method == "PUT":
            self.objects[path], self.headers[path] = body, headers
            return 200, b""
        if path not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        return 200, self.objects[path]


def signed(method: str, target: str, headers: dict[str, str], body: bytes) -> bool:
    found = _SIGNED.fullmatch(headers.get("authorization", ""))
    if found is None or found[1] != ACCESS:
        return False
    scope, names = found[2], found[3].split(";")
    content = headers["x-amz-content-sha256"]
    if content != "UNSIGNED-PAYLOAD" and content != hashlib.sha256(body).hexdigest():
        return False
    path, _, query = target.partition("?")
    pairs = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join(
        [method, path, "&".join(f"{k}={v}" for k, v in pairs), *(f"{name}:{headers[name]}" for name in names), ""]
    )
    canonical += "\n" + ";".join(names) + "\n" + content
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    right = hmac.new(key, text.encode(), "sha256").hexdigest()
    return scope.split("/")[1:] == [REGION, "s3", "aws4_request"] and hmac.compare_digest(right, found[4])


@contextlib.asynccontextmanager
async def small_s3() -> AsyncIterator[SmallS3]:
    store = SmallS3()
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    store.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield store
    finally:
        server.close()
