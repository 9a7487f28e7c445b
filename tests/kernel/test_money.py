"""The one rounding, the one split, and what may become an amount."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merx.kernel import ids
from merx.kernel.money import (
    EXPONENTS,
    MAX_MINOR,
    RATE_UNIT,
    Currency,
    Money,
    allocate,
    parse_minor,
    parse_rate,
    percent,
    rate_share,
    share,
    text,
)

AMOUNTS = st.integers(min_value=0, max_value=10**11)
RATES = st.integers(min_value=0, max_value=RATE_UNIT)


@given(AMOUNTS, st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=100))
def test_a_split_loses_nothing(minor: int, weights: list[int]) -> None:
    parts = allocate(minor, weights)
    assert sum(parts) == minor and min(parts) >= 0 and len(parts) == len(weights)


@given(AMOUNTS, st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=30))
def test_a_split_is_fair_to_a_unit(minor: int, weights: list[int]) -> None:
    for part, weight in zip(allocate(minor, weights), weights, strict=True):
        assert abs(part - Fraction(minor * weight, sum(weights))) < 1


@given(AMOUNTS, RATES)
def test_a_rate_rounds_half_up(minor: int, rate: int) -> None:
    exact = Fraction(minor * rate, RATE_UNIT)
    assert rate_share(minor, rate) == share(minor, Fraction(rate, RATE_UNIT))
    assert -Fraction(1, 2) < rate_share(minor, rate) - exact <= Fraction(1, 2)


@given(AMOUNTS, st.sampled_from(sorted(EXPONENTS)))
def test_text_and_number_say_the_same(minor: int, currency: str) -> None:
    money = Money(minor, Currency(currency))
    assert Decimal(money.text()) == money.number()
    assert parse_minor(money.text(), currency) == minor == parse_minor(money.number(), currency)


@pytest.mark.parametrize(
    ("said", "currency", "minor"),
    [
        ("99.99", "USD", 9999), (Decimal("12.30"), "USD", 1230), (5, "USD", 500), ("5", "JPY", 5), ("1.234", "KWD", 1234),
        ("0", "USD", 0), (Decimal("12.3000"), "USD", 1230), ("1.5", "JPY", None), ("12.345", "USD", None), ("-1", "USD", None),
        ("NaN", "USD", None), (Decimal("NaN"), "USD", None), (Decimal("Infinity"), "USD", None), ("1e3", "USD", None),
        (Decimal("1e999999"), "USD", None), (Decimal("1e-999999"), "USD", None), (Decimal("0e999999"), "USD", 0),
        (Decimal("1." + "0" * 40 + "1"), "USD", None), (Decimal("1." + "0" * 40), "USD", 100),
        (10**40, "USD", None), (True, "USD", None), ("", "USD", None), ("١", "USD", None), (MAX_MINOR, "JPY", MAX_MINOR),
    ],
)  # fmt: skip
def test_what_is_an_amount(said: object, currency: str, minor: int | None) -> None:
    assert parse_minor(said, currency) == minor  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "rate"), [("8", 80_000), (Decimal("8.875"), 88_750), ("0", 0), (100, 1_000_000), ("100.1", None), ("8.88755", None),
     (Decimal("8." + "0" * 40 + "1"), None), (Decimal("1e-999999999"), None)],
)  # fmt: skip
def test_what_is_a_rate(said: object, rate: int | None) -> None:
    assert parse_rate(said) == rate  # type: ignore[arg-type]
    if rate is not None:
        assert parse_rate(percent(rate)) == rate


def test_amounts_as_people_write_them() -> None:
    assert [text(5, "USD"), text(-5, "USD"), text(1230, "JPY"), text(1, "KWD")] == ["0.05", "-0.05", "1230", "0.001"]
    with pytest.raises(AssertionError, match="USD met EUR"):
        Money(1, Currency("USD")) + Money(1, Currency("EUR"))


@given(st.uuids(), st.sampled_from(["prod", "ord", "wh_ep"]))
def test_ids_survive_their_spelling(ident: UUID, prefix: str) -> None:
    spelt = ids.encode(prefix, ident)
    assert ids.decode(prefix, spelt) == ident and len(spelt) == len(prefix) + 27
    assert ids.decode("other", spelt) is None


def test_spelling_is_the_typeid_specifications_own() -> None:
    known = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert ids.encode("prefix", known) == "prefix_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    "said", ["", "prod", "prod_", "prod_zzzzzzzzzzzzzzzzzzzzzzzzzz", "prod_01h455vb4pex5vsknk084sn02Q"]
)
def test_what_is_no_id(said: str) -> None:
    assert ids.decode("prod", said) is None


def test_new_ids_sort_by_time() -> None:
    made = [ids.new() for _ in range(50)]
    assert len(set(made)) == 50 and made[0].version == 7
    assert made == sorted(made)


@pytest.mark.parametrize(
    "said", ["{01890a5d-ac96-774b-bcce-b302099a8057}", "01890a5dac96774bbcceb302099a8057", "x" * 36]
)
def test_only_canonical_uuids_are_read(said: str) -> None:
    assert ids.parse_uuid(said) is None
