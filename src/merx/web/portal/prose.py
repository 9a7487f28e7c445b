"""What people have written about the APIs: `docs/dialects` and some of `docs/howto`, read as sections.

The files below `prose/` are links into `docs/`, so each sentence stands in one place; a built package holds copies of
them. A section begins at a heading, or at a paragraph whose first words are bold, and where it is shown is decided by
its title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from merx.web.portal import highlight

FOLDER = Path(str(files("merx.web.portal"))) / "prose"
EXAMPLE_HOST = "http://localhost:8000"
EXAMPLE_SHOP = "mystore.localhost:8000"
"""The hosts that the files name; a page says this installation's own, and the reader's."""

GUIDES = {
    "oauth": "OAuth 2.0",
    "payment-simulator": "Trying payments",
    "import-export": "Import and export",
    "images": "Pictures",
    "mail": "Mail and text messages",
}
"""Files that are pages of their own at /docs/guides/…; `webhooks` has its own kind of page."""

AUTHENTICATION = frozenset(
    {"Credentials", "Which shop", "HTTPS", "Orders of others", "Browsers", "Signing in", "Keys", "Auth"}
)
ERRORS, LIMITS, WEBHOOKS = frozenset({"Errors"}), frozenset({"Limits", "Repeating"}), frozenset({"Webhooks"})
CONVENTIONS = frozenset({"Ids", "Amounts", "Times", "Lists", "Collections", "Paths", "Parameters", "Spelling"})
QUICK, FRAME = "Quick start", "What holds for every request"


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    slug: str
    level: int  # 2: under a heading of its own; 3: begun by bold words below one
    body: Markup


@dataclass(frozen=True, slots=True)
class Prose:
    title: str
    lead: Markup
    sections: tuple[Section, ...] = field(default=())

    def named(self, titles: frozenset[str]) -> list[Section]:
        """The sections of these titles, with what stands below them."""
        found, taking = [], False
        for one in self.sections:
            if one.level == 2:
                taking = one.title in titles
            if taking or one.title in titles:
                found.append(one)
        return [one for one in found if one.body or one.level == 2]

    def rest(self) -> list[Section]:
        """What no other page shows: what was decided, route by route."""
        elsewhere = AUTHENTICATION | ERRORS | LIMITS | WEBHOOKS | CONVENTIONS
        below: str = ""
        found = []
        for one in self.sections:
            below = one.title if one.level == 2 else below
            if one.title in elsewhere or below in elsewhere | {QUICK}:
                continue
            if one.title != FRAME or one.body:
                found.append(one)
        return found


@cache
def read(name: str) -> Prose:
    tokens = _markdown().parse((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    parts = list(_parts(tokens))
    title, lead = parts[0][0], parts[0][2]
    made: list[Section] = []
    taken: set[str] = set()
    for said, level, body in parts[1:]:
        slug = slugged(said)
        while slug in taken:
            slug += "-2"
        taken.add(slug)
        made.append(Section(said, slug, level, _html(body)))
    return Prose(title, _html(lead), tuple(made))


def slugged(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def _parts(tokens: Sequence[Token]) -> Iterator[tuple[str, int, list[Token]]]:
    """(title, level, tokens) in their order; the first one has the document's own title."""
    title, level, kept = "", 1, list[Token]()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        heading = token.type == "heading_open" and token.tag in ("h1", "h2")
        bold = _bold_words(tokens[at + 1]) if token.type == "paragraph_open" and token.level == 0 else None
        if heading or bold:
            if title:
                yield title, level, kept
            title, level = bold or tokens[at + 1].content, 3 if bold else int(token.tag[1])
            kept = []
        if heading:
            at += 3
            continue
        kept.append(token)
        at += 1
    yield title, level, kept


def _bold_words(inline: Token) -> str | None:
    """The words that a paragraph begins with, if they are bold; of a route, its method and path."""
    children = [one for one in inline.children or () if one.content or one.nesting]
    if not children or children[0].type != "strong_open":
        return None
    end = next(place for place, one in enumerate(children) if one.type == "strong_close")
    return "".join(one.content for one in children[1:end]).strip(" .:,") or None


# ── Rendering ────────────────────────────────────────────────────────────────────────────────────────────────────────
@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.add_render_rule("fence", _fence)
    made.add_render_rule("code_block", _fence)
    made.add_render_rule("table_open", lambda *_: '<div class="table-frame" tabindex="0"><table class="table">\n')
    made.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return made


def _fence(renderer: object, tokens: Sequence[Token], place: int, *_: object) -> str:
    token = tokens[place]
    language = {"": "bash", "sh": "bash", "python": "python", "json": "json"}.get(token.info.strip(), "text")
    return f'<div class="code"><pre tabindex="0">{highlight.html(token.content.rstrip(), language)}</pre></div>\n'


def _html(tokens: list[Token]) -> Markup:
    for token in tokens:
        _lead_elsewhere(token)
    markdown = _markdown()
    return Markup(markdown.renderer.render(tokens, markdown.options, {}).strip())  # noqa: S704 (our own files; no HTML in them)


def inline(text: str) -> Markup:
    """A sentence with code in it, from a document or a file of ours."""
    return Markup(_markdown().renderInline(text))  # noqa: S704 (HTML in it is escaped)


def table_of(name: str) -> Markup:
    """The table that a file begins with."""
    found = re.search(r'<div class="table-frame".*?</table></div>', read(name).lead, re.DOTALL)
    return Markup(found[0] if found else "")  # noqa: S704 (our own files)


def _lead_elsewhere(token: Token) -> None:
    """Links between the files become links between the pages; those to files that are no page lead nowhere."""
    if not token.children:
        return
    kept, dropped = list[Token](), False
    for child in token.children:
        if child.type == "link_open":
            target = page_of(str(child.attrs.get("href", "")))
            dropped = target is None
            child.attrs["href"] = target or ""
        if dropped and child.type in ("link_open", "link_close"):
            continue
        kept.append(child)
    token.children = kept


def page_of(target: str) -> str | None:
    """The portal's page for a link as it stands in a file."""
    if target.startswith(("https://", "http://", "/")):
        return target
    path, _, anchor = target.partition("#")
    name = Path(path).stem
    if not path.endswith(".md") or "adr" in path:
        return None
    if name == "webhooks":
        return "/docs/webhooks"
    if name in GUIDES:
        return f"/docs/guides/{name}"
    if (FOLDER / f"{name}.md").exists() and name != "side-by-side":
        return f"/docs/{name}/decisions#{anchor}" if anchor else f"/docs/{name}"
    return None
