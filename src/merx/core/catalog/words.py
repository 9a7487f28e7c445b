"""How text becomes the words a product is found by, its slug, and the key its name is sorted by. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

MAX_WORD = 40
MAX_WORDS = 400
"""Different words of one product; what comes later in a description is not searched."""
MAX_ASKED = 8
"""Words of one search; further ones are not looked at."""

NAME, SKU, DESCRIPTION = 40, 16, 4
"""What a word counts by where it stands; how well it fits is weighed by the statement. A beginning in the name counts
more than an exact word in the description. The shorter a name, the more each of its words."""

_SHORTEST_TYPO, _LONGEST_TYPO = 4, 20
_COMPOUND = re.compile(r"[^\W_]+(?:[-'’./+&_][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
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
    slug = "-".join(_PART.findall(fold(text).replace("'", "").replace("’", "")))[:longest].strip("-")
    return slug or otherwise


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
