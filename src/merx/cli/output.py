"""What commands print: tables for people, the same tab-separated for programs; remarks go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer


def say(text: str) -> None:
    """The answer itself."""
    typer.echo(text)


def remark(text: str) -> None:
    """What a person should know and a program should not read."""
    typer.echo(text, err=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            say("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    Console(highlight=False, markup=False).print(shown)
