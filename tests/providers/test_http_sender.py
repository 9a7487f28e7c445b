"""Calls to addresses that merchants give: to public machines only, whatever a name says, bounded in time and size."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.http_server import Heard, listener

from merx.ports import Answered, Posting
from merx.providers.http import HttpSender
from merx.providers.http.addresses import is_public

PUBLIC = "93.184.215.14"


class Resolver:
    """Answers from a list, one entry a question; the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return list(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where connections would have gone; none is made. What other tests left running in this process goes on to the
    ports of their own."""
    tried: list[tuple[str, int]] = []
    really = asyncio.BaseEventLoop.create_connection

    async def connect(self: Any, factory: Any, host: str, port: int, **more: Any) -> Any:
        if host == "127.0.0.1" and port > 32_000:
            return await really(self, factory, host, port, **more)
        tried.append((host, port))
        raise OSError("none is made")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    return tried


async def post(sender: HttpSender, url: str, body: bytes = b"{}") -> Answered:
    try:
        return await sender.send(Posting(url, {"content-type": "application/json"}, body))
    finally:
        await sender.close()


PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1",
    "3fff::1", "100::1", "2002:7f00:1::", "2002:5db8:d70e::1", "64:ff9b::7f00:1", "64:ff9b::5db8:d70e", "64:ff9b:1::1",
    "5f00::1", "2001::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "not an address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
async def test_nothing_is_sent_to_an_address_that_is_not_public(address: str, connected: list[tuple[str, int]]) -> None:
    assert not is_public(address)
    answered = await post(HttpSender(resolve=Resolver([address])), "https://hooks.example.com/")
    assert answered.status is None and "not public" in (answered.error or "")
    assert address not in (answered.error or "x") or not address
    assert connected == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])
async def test_public_addresses_are_connected_to(address: str, connected: list[tuple[str, int]]) -> None:
    await post(HttpSender(resolve=Resolver([address])), "https://hooks.example.com:8443/")
    assert connected == [(address, 8443)]


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"]])
async def test_one_private_address_among_several_refuses_them_all(
    addresses: list[str], connected: list[tuple[str, int]]
) -> None:
    answered = await post(HttpSender(resolve=Resolver(addresses)), "http://hooks.example.com/")
    assert "not public" in (answered.error or "") and connected == []


async def test_a_name_that_changes_its_mind_gains_nothing(connected: list[tuple[str, int]]) -> None:
    """Rebinding: public when it is looked at, private a moment later. It is asked once, and what was looked at is what
    is connected to."""
    resolver = Resolver([PUBLIC], ["127.0.0.1"])
    await post(HttpSender(resolve=resolver), "https://rebinding.example.com/")
    assert resolver.asked == 1
    assert connected == [(PUBLIC, 443)]


async def test_an_address_in_place_of_a_name_is_judged_like_one(connected: list[tuple[str, int]]) -> None:
    for url in ("http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://localhost/"):
        answered = await post(HttpSender(), url)
        assert answered.status is None and answered.error, url
    assert connected == []


async def test_at_most_three_addresses_are_tried(connected: list[tuple[str, int]]) -> None:
    several = [f"93.184.215.{number}" for number in range(1, 7)]
    answered = await post(HttpSender(resolve=Resolver(several)), "https://hooks.example.com/")
    assert [host for host, _ in connected] == several[:3]
    assert answered.error == "No connection could be made."


async def test_private_addresses_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no proxy of the environment in any case."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with listener(lambda heard: (202, b"thanks\x00 a lot")) as receiver:
        answered = await post(HttpSender(allow_private=True), f"{receiver.url}/hooks?a=b", b'{"type":"x"}')
    assert (answered.status, answered.error, answered.text) == (202, None, "thanks\N{REPLACEMENT CHARACTER} a lot")
    heard = receiver.heard[0]
    assert (heard.method, heard.path, heard.body) == ("POST", "/hooks?a=b", b'{"type":"x"}')
    assert heard.headers["host"] == receiver.url.removeprefix("http://")
    assert heard.headers["content-length"] == "12"


async def raw_server(reply: bytes | None, hold: float = 0, requests: list[bytes] | None = None) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(head)
        if reply is not None:
            writer.write(reply)
            try:
                await writer.drain()
            except ConnectionError:
                return
        await asyncio.sleep(hold)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_redirects_are_not_followed() -> None:
    async with listener() as elsewhere:
        requests: list[bytes] = []
        moved = f"HTTP/1.1 302 Found\r\nlocation: {elsewhere.url}/\r\ncontent-length: 0\r\n\r\n".encode()
        server, url = await raw_server(moved, requests=requests)
        answered = await post(HttpSender(allow_private=True), url)
        server.close()
    assert answered.status == 302 and len(requests) == 1 and elsewhere.heard == []


@pytest.mark.parametrize("reply", [None, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", b"HTTP/1.1 2"])
async def test_who_never_finishes_answering_is_given_up(reply: bytes | None) -> None:
    server, url = await raw_server(reply, hold=30)
    answered = await post(HttpSender(allow_private=True, total_seconds=0.3), url)
    server.close()
    assert answered.status is None and "within 0.3 seconds" in (answered.error or "")


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * (1 << 20)
    server, url = await raw_server(endless, hold=30)
    answered = await post(HttpSender(allow_private=True, total_seconds=10), url)
    server.close()
    assert answered.status == 200 and answered.text == "x" * 2048


@pytest.mark.parametrize(("reply", "said"), [(b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP answer"), (b"", "no HTTP answer")])
async def test_what_is_no_answer_is_an_error(reply: bytes, said: str) -> None:
    server, url = await raw_server(reply)
    answered = await post(HttpSender(allow_private=True), url)
    server.close()
    assert answered.status is None and said in (answered.error or "")


async def test_nobody_there() -> None:
    async with listener() as receiver:
        url = receiver.url
    answered = await post(HttpSender(allow_private=True), url)
    assert answered.error == "The connection was refused."
    unknown = await post(HttpSender(), "https://no-such-name.invalid/")
    assert unknown.error == "The name no-such-name.invalid can't be resolved."


@pytest.mark.parametrize(("header", "seconds"), [("120", 120), ("soon", None), ("-1", None), ("9" * 30, None)])
async def test_retry_after_is_read_where_it_makes_sense(header: str, seconds: int | None) -> None:
    server, url = await raw_server(f"HTTP/1.1 503 X\r\nRetry-After: {header}\r\ncontent-length: 0\r\n\r\n".encode())
    assert (await post(HttpSender(allow_private=True), url)).retry_after == seconds
    server.close()


async def keeping_server(answers: int) -> Any:
    """Answers so often on a connection and then hangs up. How often it was connected to."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        for _ in range(answers):
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n{}")
                connections[-1] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", connections


async def test_a_connection_is_used_again_and_one_that_was_closed_is_made_anew() -> None:
    server, url, connections = await keeping_server(3)
    sender = HttpSender(allow_private=True)
    for _ in range(7):
        assert (await sender.send(Posting(url, {}, b"{}"))).text == "ok"
    await sender.close()
    server.close()
    assert connections == [3, 3, 1]


async def test_a_request_on_a_kept_connection_that_dies_is_sent_on_a_new_one() -> None:
    """The other side hung up while the request was under way: nothing of an answer came, so it is not held against it."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sender = HttpSender(allow_private=True)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    answers = [await sender.send(Posting(url, {}, b"{}")) for _ in range(3)]
    await sender.close()
    server.close()
    assert [one.status for one in answers] == [200, 200, 200] and connections == 3


async def test_answers_in_chunks_after_news_and_without_a_length() -> None:
    for reply, text in (
        (
            b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "abc",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end"),
    ):
        server, url = await raw_server(reply)
        answered = await post(HttpSender(allow_private=True), url)
        server.close()
        assert (answered.status, answered.text, answered.error) == (200, text, None)


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[int, ssl.SSLContext, list[str | None], list[Heard]]]:
    """A receiver with a certificate for hooks.example.com: its port, who trusts it, the names it was asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "chain.pem").write_bytes(pem + private)
    names: list[str | None] = []
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "chain.pem")
    serving.sni_callback = lambda _, asked, __: names.append(asked)
    trusting = ssl.create_default_context(cadata=pem.decode())
    heard: list[Heard] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        heard.append(Heard("POST", "/", {name.lower(): value for name, _, value in pairs}, b""))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=serving)
    yield server.sockets[0].getsockname()[1], trusting, names, heard
    server.close()


async def test_tls_and_host_name_the_name_not_the_address(secure: Any) -> None:
    port, trusting, names, heard = secure
    sender = HttpSender(allow_private=True, resolve=Resolver(["127.0.0.1"]), tls=trusting)
    answered = await post(sender, f"https://hooks.example.com:{port}/")
    assert (answered.status, answered.error) == (200, None)
    assert names == ["hooks.example.com"]
    assert heard[0].headers["host"] == f"hooks.example.com:{port}"


async def test_a_certificate_for_another_name_is_refused(secure: Any) -> None:
    port, trusting, _, heard = secure
    other = HttpSender(allow_private=True, resolve=Resolver(["127.0.0.1"]), tls=trusting)
    answered = await post(other, f"https://other.example.com:{port}/")
    assert "certificate was refused" in (answered.error or "") and heard == []
    stranger = HttpSender(allow_private=True, resolve=Resolver(["127.0.0.1"]))
    answered = await post(stranger, f"https://hooks.example.com:{port}/")
    assert "certificate was refused" in (answered.error or "") and heard == []


def test_every_listed_range_is_refused_at_both_ends() -> None:
    """The ranges by themselves, for when the standard library's opinion of "global" changes."""
    for text in ("192.88.99.0/24", "64:ff9b::/96", "2002::/16", "3fff::/20", "5f00::/16", "2001::/32", "100.64.0.0/10"):
        network = ipaddress.ip_network(text)
        assert not is_public(str(network[0])) and not is_public(str(network[-1])), text
