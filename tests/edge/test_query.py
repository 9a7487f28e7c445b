"""Query strings: strict, complete in their faults, and told by their wire names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from litestar import get
from tests.edge.fake import FAKE, Ask

from merx.edge import query
from merx.edge.app import dialect_app
from merx.edge.errors import HttpError
from merx.edge.pagination import Page, page_links
from merx.kernel.errors import Invalid


def test_what_is_not_given_has_its_default() -> None:
    assert query.parse(Ask, b"") == Ask()
    assert query.parse(Ask, b"unknown=1&x&=&&utm=%20") == Ask()


def test_types() -> None:
    found = query.parse(Ask, b"page=3&pageSize=100&sort=price&active=false&min_price=12.50&tag=a&tag=b+c%26")
    assert found == Ask(3, 100, "price", False, Decimal("12.50"), None, ["a", "b c&"])
    when = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    for text in (b"2024-01-15T10:30:00Z", b"2024-01-15T12:30:00+02:00", b"2024-01-15T12:30:00%2B02:00"):
        assert query.parse(Ask, b"since=" + text).since == when


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"page=1.0", "page"), (b"page=1e2", "page"), (b"page=", "page"), (b"page=%201", "page"), (b"page=0", "page"),
        (b"page=101", "page"), (b"page=-1", "page"), (b"page=1_0", "page"), (b"page=\xd9\xa1", "page"),
        (b"page=99999999999999999999999", "page"), (b"pageSize=101", "pageSize"), (b"page=1&page=1", "page"),
        (b"sort=other", "sort"), (b"sort=", "sort"), (b"active=1", "active"), (b"active=True", "active"),
        (b"min_price=NaN", "min_price"), (b"min_price=1e5", "min_price"), (b"min_price=Infinity", "min_price"),
        (b"min_price=1,5", "min_price"), (b"since=yesterday", "since"), (b"since=2024-13-01T00:00:00Z", "since"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(raw: bytes, field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        query.parse(Ask, raw)
    assert list(wrong.value.fields) == [field]


def test_all_faults_at_once() -> None:
    with pytest.raises(Invalid) as wrong:
        query.parse(Ask, b"page=x&pageSize=0&sort=q&min_price=a")
    assert set(wrong.value.fields) == {"page", "pageSize", "sort", "min_price"}


@pytest.mark.parametrize("raw", [b"page=%00", b"tag=a%00", b"tag=%ff", b"tag=\xff"])
def test_what_is_no_text_is_refused(raw: bytes) -> None:
    with pytest.raises(HttpError) as wrong:
        query.parse(Ask, raw)
    assert wrong.value.status == 400


def test_links_keep_what_was_asked() -> None:
    page = Page(2, 20, 150)
    assert page_links("/p/", b"category=a%20b&page=2&x", page) == (
        "/p/?category=a%20b&x&page=3",
        "/p/?category=a%20b&x&page=1",
    )
    assert page_links("/p/", b"p%61ge=8", Page(8, 20, 150)) == (None, "/p/?page=7")
    assert page_links("/p/", b"", Page(1, 20, 0)) == (None, None)
    assert page_links("/p/", b"", Page(99, 20, 150)) == (None, "/p/?page=8")
    assert Page(8, 20, 150).offset == 140 and Page(1, 20, 150).pages == 8


def test_a_shape_nobody_can_read_shows_at_start() -> None:
    class Odd(msgspec.Struct):
        price: Annotated[Decimal, msgspec.Meta(ge=0)] = Decimal(0)

    @get("/", asks=Odd)
    async def odd() -> None: ...

    with pytest.raises(TypeError, match="odd takes what can't be read"):
        dialect_app(replace(FAKE, routes={"/odd": [odd]}))
