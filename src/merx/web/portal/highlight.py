"""Code with four colours: words of the language, texts, numbers, comments. Everything is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from markupsafe import Markup, escape
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String

_CLASSES = ((Comment, "c"), (Number, "n"), (String, "s"), (Keyword.Constant, "n"), (Keyword, "k"), (Name.Tag, "k"))


def html(code: str, language: str) -> Markup:
    if language == "text":
        return escape(code)
    parts: list[str] = []
    for kind, text in _lexer(language).get_tokens(code):
        mark = next((letter for wanted, letter in _CLASSES if kind in wanted), None)
        parts.append(f'<i class="{mark}">{escape(text)}</i>' if mark and text.strip() else str(escape(text)))
    return Markup("".join(parts).rstrip("\n"))  # noqa: S704 (each part is escaped)


@cache
def _lexer(language: str) -> Any:
    return get_lexer_by_name(language, stripnl=False)
