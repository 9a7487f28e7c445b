"""How text becomes the words a product is found by, its slug, and the key its name is sorted by. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import dropwhile, groupby

MAX_WORD = 40
MAX_WORDS = 400
"""Different words of one product; what comes later in a description is not searched."""
MAX_ASKED = 8
"""Words of one search; further ones are not looked at."""

NAME, SKU, DESCRIPTION = 40, 16, 4
"""What a word counts by where it stands; how well it fits is weighed by the statement. A beginning in the name counts
more than an exact word in the description. The shorter a name, the more each of its words.

A word asked for is worth twice a beginning, and each of these at least twice the next: so of a product's words that
begin as asked the heaviest always fits best, and `searching` looks at no other."""

_SHORTEST_TYPO, _LONGEST_TYPO = 4, 20
_COMPOUND = re.compile(r"[^\W_]+(?:[-'’./+&_][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_OTHER_SCRIPTS = "\u0700"
"""The first letter after Latin, Greek, Cyrillic, Hebrew and Arabic, which can all do without their marks."""
_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def fold(text: str) -> str:
    """Without case, accents and compatibility forms: 'Élan ﬁx' is 'elan fix'."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join([character for character in decomposed if not unicodedata.combining(character)])
    return unicodedata.normalize("NFC", bare).translate(_UNDECOMPOSED)


def sort_key(name: str) -> str:
    return fold(name).strip()


def slugify(text: str, otherwise: str = "item", longest: int = 200) -> str:
    """Letters and digits of any script, lower case, joined by hyphens."""
    parts = _PART.findall if text.isascii() else _spelled
    slug = "-".join(parts(_plain(text).replace("'", "").replace("’", "")))[:longest].strip("-")
    return slug or otherwise


def _plain(text: str) -> str:
    """As `fold`, but a letter loses its marks only in scripts that can do without; in others they are half of it, as in
    プ or दी."""
    if text.isascii():
        return text.lower()
    kept, accented = [], False
    for character in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()):
        if not _is_mark(character):
            accented = character < _OTHER_SCRIPTS
        elif accented:
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_UNDECOMPOSED)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _spelled(text: str) -> list[str]:
    """The runs of letters, digits and the marks on them."""
    runs = groupby(text, lambda one: one.isalnum() or _is_mark(one))
    found = ("".join(dropwhile(_is_mark, run)) for fits, run in runs if fits)
    return [run for run in found if run]


def numbered(slug: str, taken: Iterable[str], longest: int = 200) -> str:
    """`slug`, or the first of slug-2, slug-3, … that is not taken."""
    known = set(taken)
    if slug not in known:
        return slug
    number = 2
    while (tried := f"{slug[: longest - len(str(number)) - 1]}-{number}") in known:
        number += 1
    return tried


def split(text: str) -> Iterator[str]:
    """The words of a text, folded; a compound (t-shirt, WH-001) gives its parts and itself without its joints."""
    for compound in _COMPOUND.findall(fold(text)):
        parts = _PART.findall(compound)
        for part in parts:
            yield part[:MAX_WORD]
        if len(parts) > 1:
            yield "".join(parts)[:MAX_WORD]


def weigh(name: str, skus: Iterable[str], description: str) -> Mapping[str, int]:
    """Every word of a product with what it counts, heaviest first come."""
    named = list(split(name))
    weight = NAME - min(len(named), 8)
    found = dict.fromkeys(named, weight)
    for sku in skus:
        for word in split(sku):
            found.setdefault(word, SKU)
    for word in split(description):
        if len(found) >= MAX_WORDS:
            break
        found.setdefault(word, DESCRIPTION)
    return found


def shared(weights: Mapping[str, int]) -> Mapping[str, int]:
    """Of every word of a product how many letters at its beginning a heavier one has too, or one as heavy that comes
    before it in order."""
    beginnings = set[str]()
    found = dict[str, int]()
    for word in sorted(weights, key=lambda one: (-weights[one], one)):
        letters = len(word)
        while letters and word[:letters] not in beginnings:
            beginnings.add(word[:letters])
            letters -= 1
        found[word] = letters
    return found


def asked(search: str) -> list[str]:
    """The different words that must all be found: the parts of compounds, not the joined forms."""
    return list(dict.fromkeys(part[:MAX_WORD] for part in _PART.findall(fold(search))))[:MAX_ASKED]


def stubs(word: str) -> dict[str, int]:
    """The word and each form of it with one letter left out, with the place of that letter. Two words that share a stub
    are one slip apart (a letter missing, added, replaced or swapped with its neighbour) where one of them is the stub
    or both miss about the same place, and two otherwise. Short words and numbers have none."""
    if not _SHORTEST_TYPO <= len(word) <= _LONGEST_TYPO or not word.isalpha():
        return {}
    found = {word: -1}
    for at in range(len(word)):
        found.setdefault(word[:at] + word[at + 1 :], at)
    return found
