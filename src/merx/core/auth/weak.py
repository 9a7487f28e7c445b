"""Passwords that everybody tries first: the commonest ones of eight characters and more, and those made by a rule."""

from __future__ import annotations

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn")
_STEMS = frozenset(
    (
        "password passwort passw0rd p@ssword p@ssw0rd pa55word pass1234 admin administrator root user guest welcome "
        "login letmein changeme change_me default secret master superman batman dragon monkey football baseball "
        "basketball soccer hockey iloveyou loveyou princess sunshine shadow michael jessica jennifer jordan charlie "
        "daniel thomas andrew joshua ashley matthew nicole hannah michelle robert anthony william amanda samantha "
        "qwerty qwertz azerty asdfgh zxcvbn qazwsx trustno1 starwars pokemon liverpool chelsea arsenal barcelona "
        "realmadrid manchester internet computer whatever freedom hello helloworld test testtest tester testing temp "
        "temporary demo demo123 shop store company business summer winter spring autumn january february monday "
        "friday london newyork paris berlin google facebook twitter instagram linkedin samsung apple iphone android "
        "microsoft windows ubuntu linux oracle cisco mustang ferrari porsche mercedes corvette harley killer ninja "
        "hunter ranger phoenix tigger tiger buster cookie pepper ginger chocolate banana orange cheese flower "
        "butterfly rainbow diamond silver golden purple yellow access matrix merlin metallica nirvana naruto blink182 "
        "slipknot minecraft fortnite playstation nintendo zelda mario maverick yankees lakers eagles steelers cowboys "
        "patriots marine corona covid abc abcd a1b2c3 a1b2c3d4 q1w2e3r4 1q2w3e4r 1qaz2wsx zaq12wsx zaq1zaq1 qwe123 "
        "asd123 zxc123 abc123 123abc 1234abcd pass word passpass letmein1 lovelove iloveu babygirl family friends "
        "forever jesus christ angel angels blessed heaven mother father sister brother"
    ).split()
)
_TAILS = frozenset("1 12 123 1234 12345 123456 0 01 007 69 99 00 11 22 111 321".split()) | frozenset(
    str(year) for year in range(1980, 2036)
)
_MARKS = "!.@#$?*"


def is_common(plain: str) -> bool:
    """`plain` in lower case. A common word with a number or a mark behind it is common, and so is one written twice."""
    for text in {plain, plain.rstrip(_MARKS)}:
        half = text[: len(text) // 2]
        if len(set(text)) <= 2 or _is_common(text) or (half * 2 == text and _is_common(half)):
            return True
    return False


def _is_common(text: str) -> bool:
    return text in _STEMS or _walks(text) or any(text[:i] in _STEMS and text[i:] in _TAILS for i in range(3, len(text)))


def _walks(text: str) -> bool:
    """12345678, hgfedcba, qwertyuiop: a walk along a row, forth or back."""
    return len(text) >= 4 and any(text in row * 2 or text in row[::-1] * 2 for row in _ROWS)
