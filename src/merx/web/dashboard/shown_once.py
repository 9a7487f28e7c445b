"""The page that shows a secret, once: the answer to the form that made it, kept nowhere. The same form sent again leads
back, because what was shown is not known any more."""

from __future__ import annotations

from dataclasses import dataclass

from merx.web.dashboard.desk import Calls
from merx.web.pages import Page, PageRequest, redirect, render


@dataclass(frozen=True, slots=True)
class Shown:
    """`title` is the page's heading, `what` the secret's name in the middle of a sentence."""

    title: str
    what: str
    secret: str
    facts: tuple[tuple[str, str], ...] = ()  # (words, value) pairs that belong with it
    use: str = ""  # a command or some lines that use it


def shown(request: PageRequest, secret: Shown, back: str, area: str, section: str, calls: Calls = ()) -> Page:
    return render(
        request, "parts/secret.html", area=area, section=section, shown=secret, back=back, calls=calls,
    )  # fmt: skip


def shown_before(request: PageRequest, back: str, what: str) -> Page:
    said = f"This form was sent before, and the {what} was shown then. Make a new one if it was lost."
    return redirect(request, back, said=said, tone="warning")
