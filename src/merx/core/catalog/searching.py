"""The parts of statements that find products by words; `reading` makes lists of them. Only text is made here.

A product answers a word asked for with one row: the heaviest of its words that begin so. That row is known by itself:
`shared` says how many letters at its beginning it shares with a heavier word of the product, and these are fewer than
were asked for. So nothing is gathered and made unique before it is counted and ranked. The row's fit is the product's,
because a beginning in a heavier word counts no less than a lighter word itself (`words`).

Comparing text is leakproof, so all of this is index scans under row-level security."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from merx.core.catalog.words import MAX_WORD

WHATEVER = MAX_WORD + 1
"""More letters than any word shares: what is asked for as a whole word, whatever else the product has."""

COUNTED = 10_000
"""So many products are counted for shoppers, and no more (docs/adr/0023)."""

FEW, MANY_MORE = 2_000, 12
"""Where a word has fewer products than that and another so many times more, the fewer are looked up one by one."""
MANY, WORDS = 2_000, 200
"""What begins so is read list by list where it has more products than that, but no more lists."""

_SLIP = "max(case when s.place < 0 or t.place < 0 or abs(s.place - t.place) < 2 then 2 else 1 end)"
# Where only some rows of a range are wanted they are asked for in the order of the index: the planner, who takes every
# range for a ninth of all words, would else look for them by product.
_RANGE = "w.tenant_id = $1 and {shown} and w.word >= {of}low and w.word <= {of}high"

# ── Any number of words, everything that matches ─────────────────────────────────────────────────────────────────────
# Words are found as they are, as beginnings and, where a word is found neither way, in the forms of a slip of the hand.
# Every word asked for must be found. Where one of several has few products and another many times more, these few are
# looked up; otherwise the products of all words are counted out, which is less work for each. (None has more words than
# were asked for: with = for >= the planner would expect a single product.)
_FOUND = """,
asked as materialized (
  select a.low, a.high, a.letters, a.n
  from unnest({low}::text[], {high}::text[], {letters}::int[]) with ordinality as a (low, high, letters, n)),
near as materialized (
  select s.n, t.word, {slip} as fit
  from unnest({stubs}::text[], {places}::int[], {of}::bigint[]) as s (stub, place, n)
  join (
    select a.n from asked a
    where (select 1 from search_words w where {range_a} order by {order} limit 1) is null) as missing on missing.n = s.n
  join search_typos t on t.tenant_id = $1 and t.stub = s.stub
  group by s.n, t.word),
parts as materialized (
  select a.n, a.low, a.high, a.letters, 8 as exact, 4 as begun from asked a
  union all
  select s.n, s.word, s.word, {whatever}, s.fit, 0 from near s),
rarest as materialized (
  select r.n, r.products from (
    select p.n, sum(c.products) as products
    from parts p cross join lateral (
      select count(*) as products from (
        select 1 from search_words w where {range_p} order by {order} limit {few}) as w) as c
    where (select count(*) from asked) > 1
    group by p.n) as r
  where r.products < {few} order by r.products, r.n limit 1),
probed as materialized (
  select r.n from rarest r where exists (
    select 1 from parts p cross join lateral (
      select 1 from search_words w where {range_p} order by {order} offset {many_more} * r.products limit 1) as more
    where p.n <> r.n)),
few as materialized (
  select distinct w.product_id
  from probed r join parts p on p.n = r.n
    cross join lateral (
      select w.product_id from search_words w where {range_p} order by {order} limit {few}) as w),
hits as (
  select w.product_id, p.n, {score} as score
  from parts p join search_words w on {range_p} and w.shared < p.letters
  where p.begun > 0 and not exists (select 1 from probed)
  union all
  select w.product_id, p.n, max({score})
  from parts p join search_words w on w.tenant_id = $1 and {shown} and w.word = p.low
  where p.begun = 0 and not exists (select 1 from probed)
  group by w.product_id, p.n
  union all
  select f.product_id, p.n, max({score})
  from few f cross join parts p cross join lateral (
    select w.word, w.weight from search_words w
    where w.product_id = f.product_id and {range_p} and w.shared < p.letters offset 0) as w
  group by f.product_id, p.n),
found as materialized (
  select h.product_id, sum(h.score) as rank
  from hits h group by h.product_id having count(*) >= (select count(*) from asked))"""
_FOUND_TAKES = ("low", "high", "letters", "stubs", "places", "of")

Argument = Callable[[str], str]
"""Gives the placeholder of the argument of this name."""


def found(shown: bool, argument: Argument) -> str:
    """Every product that matches with its `rank`, as `found`. `shown`: only what shoppers see."""
    condition = "w.shown" if shown else "w.shown in (true, false)"
    return _FOUND.format(
        shown=condition,
        order="w.word" if shown else "w.shown, w.word",
        slip=_SLIP,
        range_a=_RANGE.format(shown=condition, of="a."),
        range_p=_RANGE.format(shown=condition, of="p."),
        score="w.weight * case when w.word = p.low then p.exact else p.begun end",
        whatever=WHATEVER,
        few=FEW,
        many_more=MANY_MORE,
        **{name: argument(name) for name in _FOUND_TAKES},
    )


# ── One word, what shoppers see, best first ──────────────────────────────────────────────────────────────────────────
# The page is read off the beginnings of lists that an index keeps in order, and what matches is counted in an index, up
# to a bound: a word that every product has costs little more than one that few have.
class Quick(StrEnum):
    """Very many words begin with two or three letters: the products of each three letters are a list of their own."""

    PAIR = "pair"
    TRIPLE = "triple"
    WORD = "word"


_RANKED = "w.weight desc, w.product_id desc"
_BEST = f"order by {_RANKED} limit $2::bigint + $3"
_COUNT = "(select count(*) from (select 1 from search_words w where {condition} order by {order} limit {counted}) as w)"

_TRIPLE = """,
best as materialized (
  select b.product_id, max(b.score) as rank from (
    (select w.product_id, w.weight * 8 as score from search_words w
     where w.tenant_id = $1 and w.shown and w.word = {word} {best})
    union all
    (select w.product_id, w.weight * 4 from search_words w where {condition} {best})) as b
  group by b.product_id order by rank desc, b.product_id desc limit $2 offset $3)"""
_TRIPLE_TAKES = ("word", "counted")

# What begins so is several lists, one for each `key`: for each word, or for each three letters, which are a word where
# they are two. Where it is few products, or too many lists, the range is gone through.
_BEGUN = """,
many as materialized (select 1 from search_words w where {range} order by w.{key} offset {many} limit 1),
begun as materialized (
  with recursive next (key) as (
    (select w.{key} from search_words w where {range} and exists (select 1 from many) order by w.{key} limit 1)
    union all
    select (select w.{key} from search_words w where {range} and w.{key} > n.key order by w.{key} limit 1)
    from next n where n.key is not null)
  select n.key from next n where n.key is not null limit {words}::bigint + 1),
near as materialized (
  select t.word, {slip} as fit
  from unnest({stubs}::text[], {places}::int[]) as s (stub, place)
  join search_typos t on t.tenant_id = $1 and t.stub = s.stub
  where (select 1 from search_words w where {range} order by w.{key} limit 1) is null
  group by t.word),
lists as materialized (
  select b.key, case when b.key = {word} then 8 else 4 end as fit from begun b
  where (select count(*) from begun) <= {words}
  union all
  select s.word, s.fit from near s),
best as materialized (
  select b.product_id, max(b.score) as rank from (
    select w.product_id, w.weight * l.fit as score from lists l cross join lateral (
      select w.product_id, w.weight from search_words w
      where w.tenant_id = $1 and {listed} and w.{key} = l.key {best}) as w
    union all
    (select w.product_id, w.weight * case when w.{key} = {word} then 8 else 4 end as score from search_words w
     where {condition} and (not exists (select 1 from many) or (select count(*) from begun) > {words})
     order by score desc, w.product_id desc limit $2::bigint + $3)) as b
  group by b.product_id order by rank desc, b.product_id desc limit $2 offset $3)"""
_BEGUN_COUNT = """case
  when not exists (select 1 from near) then {begun}
  when (select count(*) from near) = 1 then {alone}
  else (select count(*) from (
    select distinct w.product_id from near s join search_words w on w.tenant_id = $1 and w.shown and w.word = s.word
    limit {counted}) as w) end"""
_BEGUN_TAKES = ("word", "last", "letters_of_word", "stubs", "places", "counted", "many", "words")


def best(quick: Quick, argument: Argument) -> tuple[str, str]:
    """A page of what matches with its `rank`, as `best`; and how many match, up to the argument `counted`."""
    if quick is Quick.WORD:
        return _best_of_lists("word", "w.shown", {name: argument(name) for name in _BEGUN_TAKES})
    if quick is Quick.PAIR:
        return _best_of_lists("triple", "w.shown and w.shared < 3", {name: argument(name) for name in _BEGUN_TAKES})
    takes = {name: argument(name) for name in _TRIPLE_TAKES}
    condition = f"w.tenant_id = $1 and w.shown and w.triple = {takes['word']} and w.shared < 3"
    return (
        _TRIPLE.format(word=takes["word"], best=_BEST, condition=condition),
        _COUNT.format(condition=condition, order=_RANKED, counted=takes["counted"]),
    )


def _best_of_lists(key: str, listed: str, takes: dict[str, str]) -> tuple[str, str]:
    """`listed`: what the index of these lists holds."""
    range_ = f"w.tenant_id = $1 and {listed} and w.{key} >= {takes['word']} and w.{key} <= {takes['last']}"
    condition = f"{range_} and w.shared < {takes['letters_of_word']}"
    alone = "w.tenant_id = $1 and w.shown and w.word = (select s.word from near s)"
    count = _BEGUN_COUNT.format(
        begun=_COUNT.format(condition=condition, order=f"w.{key}", counted=takes["counted"]),
        alone=_COUNT.format(condition=alone, order=_RANKED, counted=takes["counted"]),
        counted=takes["counted"],
    )
    head = _BEGUN.format(key=key, listed=listed, range=range_, condition=condition, slip=_SLIP, best=_BEST, **takes)
    return head, count


def quick(asked: Sequence[str]) -> Quick | None:
    """The quick way to the best of what is asked for, where there is one."""
    if len(asked) != 1:
        return None
    return {2: Quick.PAIR, 3: Quick.TRIPLE}.get(len(asked[0]), Quick.WORD)
