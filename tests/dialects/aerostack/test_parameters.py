"""Every parameter: what it does, where it ends, and what is said beyond."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.aerostack.window import Window

GOOD: dict[str, dict[str, list[str]]] = {
    "/products": {
        "page": ["1", "2", "10000"],
        "limit": ["1", "20", "100"],
        "search": ["lamp", "", "x" * 255, "a+b %26 c", "%C3%BCber"],
        "category": ["home", "Home", "no-such"],
        "minPrice": ["0", "10", "10.50", "99999999999"],
        "maxPrice": ["0", "0.01"],
        "inStock": ["true", "false"],
        "sort": ["newest", "oldest", "price_asc", "price_desc", "name_asc", "name_desc"],
    },
    "/orders?email=a@b.cc": {"page": ["1", "2", "10000"], "limit": ["1", "20", "100"]},
}
BAD: dict[str, dict[str, list[str]]] = {
    "/products": {
        "page": ["0", "-1", "10001", "1.0", "one", "", "9" * 30, "1&page=2"],
        "limit": ["0", "101", "-5", "ten", "", "20&limit=20"],
        "search": ["x" * 256],
        "minPrice": ["-1", "x", "", "1e3", "NaN"],
        "maxPrice": ["-0.01", "free", "1,5"],
        "inStock": ["yes", "1", "TRUE", ""],
        "sort": ["price", "NAME", "-price", ""],
    },
    "/orders?email=a@b.cc": {"page": ["0", "10001", "x"], "limit": ["0", "101", "x"]},
}


def cases(of: dict[str, dict[str, list[str]]]) -> list[Any]:
    return [
        pytest.param(path, name, value, id=f"{path[1:9]}-{name}-{value[:24]}")
        for path, names in of.items()
        for name, values in names.items()
        for value in values
    ]


def joined(path: str, name: str, value: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{name}={value}"


@pytest.mark.parametrize(("path", "name", "value"), cases(GOOD))
async def test_good_and_boundary_values(window: Window, path: str, name: str, value: str) -> None:
    shown = await window.call("GET", joined(path, name, value))
    assert shown["total"] == 0


@pytest.mark.parametrize(("path", "name", "value"), cases(BAD))
async def test_bad_values(window: Window, path: str, name: str, value: str) -> None:
    shown = await window.refused("GET", joined(path, name, value), 400)
    assert list(shown["fields"]) == [name]


async def test_every_wrong_parameter_is_named(window: Window) -> None:
    shown = await window.refused("GET", "/products?page=0&limit=1000&sort=size&inStock=maybe&minPrice=x", 400)
    assert set(shown["fields"]) == {"page", "limit", "sort", "inStock", "minPrice"}
    shown = await window.refused("GET", "/products?minPrice=10&maxPrice=5", 400)
    assert set(shown["fields"]) & {"minPrice", "maxPrice"}


async def names(window: Window, query: str) -> list[str]:
    return [one["name"] for one in (await window.call("GET", f"/products?{query}"))["products"]]


@pytest.fixture
async def stocked(window: Window) -> Window:
    shop = window.shop
    await shop.product(name="Trail Shoe", price="80", stock=5, categories=("Sports",), description="Light and grippy")
    await shop.product(name="anorak", price="120", categories=("Sports > Outdoor",), description="Keeps the rain out")
    await shop.product(name="Lamp", price="20", stock=50, categories=("Home",), description="Light for a desk")
    await shop.product(name="Cap", price="15", stock=7, active=False)
    return window


async def test_what_is_hidden_is_not_there(stocked: Window) -> None:
    assert await names(stocked, "") == ["Lamp", "anorak", "Trail Shoe"]
    await stocked.refused("GET", "/products/cap", 404)
    program = await stocked.secret_key("*")
    assert (await stocked.call("GET", "/products", headers=program))["total"] == 3


async def test_sort(stocked: Window) -> None:
    assert await names(stocked, "sort=newest") == await names(stocked, "")
    assert await names(stocked, "sort=oldest") == ["Trail Shoe", "anorak", "Lamp"]
    assert await names(stocked, "sort=price_asc") == ["Lamp", "Trail Shoe", "anorak"]
    assert await names(stocked, "sort=price_desc") == ["anorak", "Trail Shoe", "Lamp"]
    assert await names(stocked, "sort=name_asc") == ["anorak", "Lamp", "Trail Shoe"]
    assert await names(stocked, "sort=name_desc") == ["Trail Shoe", "Lamp", "anorak"]


async def test_filters(stocked: Window) -> None:
    assert set(await names(stocked, "search=light")) == {"Trail Shoe", "Lamp"}
    assert await names(stocked, "search=trial+shoe") == ["Trail Shoe"]
    assert await names(stocked, "category=sports&sort=name_asc") == ["anorak", "Trail Shoe"]
    assert await names(stocked, "category=outdoor") == ["anorak"]
    assert await names(stocked, "minPrice=20&maxPrice=80&sort=price_asc") == ["Lamp", "Trail Shoe"]
    assert await names(stocked, "maxPrice=79.99") == ["Lamp"]
    assert set(await names(stocked, "inStock=true")) == {"Lamp", "Trail Shoe"}
    assert await names(stocked, "inStock=false") == ["anorak"]
    assert await names(stocked, "search=light&category=sports&maxPrice=100") == ["Trail Shoe"]


async def test_pages(stocked: Window) -> None:
    first = await stocked.call("GET", "/products?limit=2&sort=name_asc")
    assert [one["name"] for one in first["products"]] == ["anorak", "Lamp"]
    assert (first["total"], first["page"], first["limit"]) == (3, 1, 2)
    assert await names(stocked, "limit=2&sort=name_asc&page=2") == ["Trail Shoe"]
    past = await stocked.call("GET", "/products?limit=2&page=9")
    assert past == {"products": [], "total": 3, "page": 9, "limit": 2}
