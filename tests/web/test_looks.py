"""Pure parts of the pages: colours that can be read, amounts and times as people write them, forms, the chart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merx.core.orders.model import Address
from merx.kernel.errors import Conflict, Forbidden, Invalid
from merx.kernel.money import Currency, Money
from merx.web import formats, theme
from merx.web.dashboard import charts
from merx.web.forms import Form
from merx.web.pages import environment, inside

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@given(st.integers(0, 0xFFFFFF))
def test_text_on_any_accent_and_any_accent_as_text_can_be_read(number: int) -> None:
    sheet = theme.sheet(f"#{number:06x}").decode()
    found = re.search(r"--accent: light-dark\(oklch\((.+?)\), oklch\((.+?)\)\)", sheet)
    text = re.search(r"--on-accent: light-dark\(oklch\((.+?)\), oklch\((.+?)\)\)", sheet)
    assert found is not None and text is not None
    for way, ground in ((1, 1.0), (2, theme._luminance(theme._linear(0.2, 0, 0)))):
        accent = theme._luminance(theme._linear(*map(float, found[way].split())))
        written = theme._luminance(theme._linear(*map(float, text[way].split())))
        assert theme.contrast(accent, ground) >= 4.5
        assert theme.contrast(accent, written) >= 4.5


def test_an_accent_keeps_its_hue() -> None:
    assert theme.oklch("#ff0000")[2] == pytest.approx(29.2, abs=0.3)
    assert theme.address("") is None and theme.address("red") is None
    assert theme.address("#4f46e5") == "/assets/accent/4f46e5.css"


def test_amounts_and_times_follow_the_shops_locale() -> None:
    amount = Money(123456, Currency("EUR"))
    assert formats.money(amount, "de_DE") == "1.234,56\xa0€"
    assert formats.money(amount, "en_US") == "€1,234.56"
    assert formats.money(Money(1234, Currency("JPY")), "ja_JP") in ("¥1,234", "￥1,234")
    assert formats.money(amount, "xx_YY") == "€1,234.56"  # a locale nobody knows is English
    assert formats.relative(NOW - timedelta(seconds=5), NOW) == "just now"
    assert formats.relative(NOW - timedelta(hours=3), NOW) == "3 hours ago"
    assert formats.relative(NOW - timedelta(days=90), NOW) == "10 Dec 2025"
    assert formats.relative(NOW - timedelta(hours=3), NOW, "de") == "vor 3 Stunden"
    tag = formats.time_tag(NOW - timedelta(hours=3), NOW)
    assert tag == '<time datetime="2026-03-10T09:00:00+00:00" title="10 Mar 2026, 09:00 UTC">3 hours ago</time>'


def test_an_address_stands_as_on_an_envelope() -> None:
    there = Address("1 Main St", "", "Austin", "TX", "78701", "US", "Ann")
    assert formats.address_lines(there) == ["Ann", "1 Main St", "Austin, TX 78701", "United States"]
    there = Address("Weg 1", "", "Köln", "", "50667", "de", "Mia")
    assert formats.address_lines(there, "de_DE") == ["Mia", "Weg 1", "50667 Köln", "Deutschland"]
    assert formats.address_lines(Address()) == []


def test_text_of_many_lines_is_escaped() -> None:
    assert formats.lines("<b>\nx & y") == "&lt;b&gt;<br>x &amp; y"


@given(st.integers(0, 10**15), st.integers(0, 10**6))
def test_the_chart_never_leaves_its_frame(amount: int, count: int) -> None:
    made = charts.drawn([0, amount, amount // 2], [count, 0, 1])
    assert made.top >= amount and made.top_bars >= count
    for point in made.line.split():
        assert 0 <= float(point.split(",")[1]) <= charts.HEIGHT
    for bar in made.bars:
        assert bar.y >= 0 and bar.y + bar.height == pytest.approx(charts.HEIGHT, abs=0.2)


def test_a_change_from_nothing_is_no_number() -> None:
    assert charts.change(5, 0) is None and charts.change(150, 100) == 0.5


def test_a_services_words_stand_beside_their_field_or_on_top() -> None:
    form = Form({"name": "x", "price": "y"})
    form.refused(
        Invalid("wrong", fields={"name": ["Too short."], "cost": ["No."], "other": ["Else."]}), {"cost": "price"}
    )
    assert form.faults == {"name": ["Too short."], "price": ["No."]} and form.summary == ["Else."]
    assert form.status == 422 and not form.ok
    assert Form().refused(Conflict("Taken.")).status == 409
    with pytest.raises(Forbidden):
        Form().refused(Forbidden("no"))


@pytest.mark.parametrize(
    "text, way",
    [("/a?b=c", "/a?b=c"), ("//x", "/"), ("/\\x", "/"), ("https://x", "/"), ("", "/"), (None, "/"), ("/a b", "/")],
)
def test_the_way_back_is_a_path(text: str | None, way: str) -> None:
    assert inside(text, "/") == way


def test_every_template_compiles() -> None:
    templates = environment().list_templates(extensions=["html"])
    assert len(templates) > 30
    for name in templates:
        environment().get_template(name)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "yesterday", "2024-13-01T00:00"])
def test_a_moment_past_the_calendar_is_a_fault_of_its_field(text: str) -> None:
    form = Form({"starts": text})
    assert form.moment("starts") is None and form.said_of("starts")


def test_only_plain_numbers_are_numbers() -> None:
    assert Form({"image": ["1", "²", "٣", "-1", "9" * 5000, " 2 "]}).numbers("image") == [1, 2]
