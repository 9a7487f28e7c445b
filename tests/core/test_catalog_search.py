"""Searching: words, beginnings, slips of the hand, and what comes first; and the words kept in step with products."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.selling import Shop, open_shop

from merx.core.catalog import service, words
from merx.core.catalog.model import ProductChanges, ProductDraft, ProductQuery, VariantDraft
from merx.db.database import Database

DRAFTS = (
    ProductDraft("Wireless Headphones", 129, "Noise cancellation for long flights", sku="WH-001"),
    ProductDraft("Headphone Stand", 20, "Walnut, for any pair", sku="HS-77"),
    ProductDraft("Bluetooth Speaker", 79, "Waterproof; goes well with wireless headphones", sku="BS-002"),
    ProductDraft("Trail Running T-Shirt", 30, "Dries fast", sku="TRT"),
    ProductDraft("Crème Brûlée Torch", 25, "For the kitchen", sku="CBT-9"),
    ProductDraft("Kettle", 40, "Boils water. Model 9000", sku="HEADPHONES-NOT"),
)


@pytest.fixture
async def shop(database: Database) -> Shop:
    found = await open_shop(database)
    for draft in DRAFTS:
        await service.create_product(found.rt, found.ctx, draft)
    return found


async def search(shop: Shop, text: str, **query: object) -> list[str]:
    asked = ProductQuery(search=text, **query)  # type: ignore[arg-type]
    page = await service.list_products(shop.rt, shop.ctx, asked)
    assert page.total >= len(page.items)
    return [product.name for product in page.items]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("headphones", "Wireless Headphones"),
        ("HEADPHONES", "Wireless Headphones"),
        ("headpho", "Headphone Stand"),  # the shorter name
        ("stand headphone", "Headphone Stand"),
        ("WH-001", "Wireless Headphones"),
        ("wh001", "Wireless Headphones"),
        ("bs-002", "Bluetooth Speaker"),
        ("t-shirt", "Trail Running T-Shirt"),
        ("tshirt", "Trail Running T-Shirt"),
        ("creme brulee", "Crème Brûlée Torch"),
        ("CRÈME", "Crème Brûlée Torch"),
        ("waterproof", "Bluetooth Speaker"),
        ("9000", "Kettle"),
        ("speekar", None),  # two slips are too many
        ("speaker!!", "Bluetooth Speaker"),
        ("bluetooth kettle", None),  # every word must be found
        ("!!!", None),
    ],
)
async def test_what_is_found_first(shop: Shop, text: str, first: str | None) -> None:
    found = await search(shop, text)
    assert (found[0] if found else None) == first


@pytest.mark.parametrize(
    "slip",
    ["headphnes", "haedphones", "headphonez", "heaadphones", "headphonse", "hedphones wireless", "wireles hedphones"],
)
async def test_one_slip_a_word_is_forgiven(shop: Shop, slip: str) -> None:
    assert "Wireless Headphones" in (await search(shop, slip))[:2]  # "headphonez" is as near to "headphone"


async def test_one_slip_is_nearer_than_two(shop: Shop) -> None:
    assert (await search(shop, "headphnes"))[0] == "Wireless Headphones"  # "headphone" is two away


async def test_the_name_counts_before_the_sku_before_the_description(shop: Shop) -> None:
    assert await search(shop, "headphones") == ["Wireless Headphones", "Kettle", "Bluetooth Speaker"]
    assert await search(shop, "wireless") == ["Wireless Headphones", "Bluetooth Speaker"]


async def test_an_exact_word_counts_before_a_beginning(shop: Shop) -> None:
    assert await search(shop, "headphone") == ["Headphone Stand", "Wireless Headphones", "Kettle", "Bluetooth Speaker"]


async def test_search_with_filters_sorts_and_pages(shop: Shop) -> None:
    assert await search(shop, "headphones", max_price=100) == ["Kettle", "Bluetooth Speaker"]
    assert await search(shop, "headphones", limit=1, offset=1) == ["Kettle"]
    page = await service.list_products(shop.rt, shop.ctx, ProductQuery(search="headphones", limit=1))
    assert page.total == 3


async def test_words_follow_their_product(shop: Shop) -> None:
    draft = ProductDraft("Zebra lamp", 5, "Striped glow", sku="ZL-1")
    made = await service.create_product(shop.rt, shop.ctx, draft)
    await service.update_product(shop.rt, shop.ctx, made.id, ProductChanges(name="Quagga lamp", sku=None))
    assert [await search(shop, one) for one in ("zebra", "zl-1", "quagga", "striped", "zebar")] == [
        [], [], ["Quagga lamp"], ["Quagga lamp"], []]  # fmt: skip
    await service.add_variant(shop.rt, shop.ctx, made.id, VariantDraft("QX-5", {"Size": "L"}))
    assert await search(shop, "qx5") == ["Quagga lamp"]
    await service.update_product(shop.rt, shop.ctx, made.id, ProductChanges(active=False))
    assert await search(shop, "quagga") == [] and await search(shop, "quagga", active=False) == ["Quagga lamp"]
    await service.update_product(shop.rt, shop.ctx, made.id, ProductChanges(active=True))
    assert await search(shop, "quagga") == ["Quagga lamp"]
    await service.delete_product(shop.rt, shop.ctx, made.id)
    assert await search(shop, "quagga", active=None) == []
    left = await shop.value("select count(*) from search_words where tenant_id = $1 and product_id = $2", made.id)
    assert left == 0


async def test_search_uses_its_index_under_row_level_security(shop: Shop) -> None:
    """The reason for the tables of words: a comparison that is not leakproof would read every tenant's rows."""
    async with shop.rt.db.begin(shop.ctx) as tx:
        await tx.platform.run("set local enable_seqscan = off")
        plan = "\n".join(
            row[0] for row in await tx.rows("explain select product_id from search_words where tenant_id = $1 "
                                            "and word >= $2 and word <= $3", "head", "head~")
        )  # fmt: skip
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "word >=" in condition and "tenant_id" in condition, plan


# ── The words themselves ─────────────────────────────────────────────────────────────────────────────────────────────
TEXT = st.text(max_size=80)


@given(TEXT, TEXT)
def test_what_a_name_says_is_what_a_search_asks(name: str, description: str) -> None:
    """Whatever a product's texts are, searching for them finds it."""
    weights = words.weigh(name, (), description)
    for word in [*words.asked(name), *words.asked(description)]:
        assert word in weights
    for word in words.asked(name):
        assert weights[word] > words.SKU > words.DESCRIPTION


@given(TEXT)
def test_folding_settles(text: str) -> None:
    assert words.fold(words.fold(text)) == words.fold(text)
    assert words.slugify(words.slugify(text)) == words.slugify(text)
    assert "\x00" not in "".join(words.split(text))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Élan ﬁx, Tiếng Việt", "elan-fix-tieng-viet"),
        ("Ёлка & Straße", "елка-strasse"),
        ("日本語ランプ", "日本語ランプ"),
        ("दीपक हिन्दी", "दीपक-हिन्दी"),
        ("어린이 옷", "어린이-옷"),
        ("עִבְרִית", "עברית"),
    ],
)
def test_a_slug_is_spelled_as_its_name_is(name: str, slug: str) -> None:
    """A mark is left out where it is an accent, and stays where it is half a letter."""
    assert words.slugify(name) == slug == words.slugify(slug)


@given(st.text("abcdefg", min_size=5, max_size=12), st.data())
def test_a_slip_shares_a_stub(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.sampled_from("abcz"))
    for slip in (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ):
        assert words.stubs(word).keys() & words.stubs(slip).keys()


@given(st.text("ab-", min_size=1, max_size=6), st.sets(st.text("ab-23", max_size=8)))
def test_a_numbered_slug_is_free(slug: str, taken: set[str]) -> None:
    assert words.numbered(slug, taken) not in taken
