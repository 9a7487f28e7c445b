"""What README.md and the pages it leads to say is so."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from merx import asgi, settings
from merx.cli.commands import command
from merx.core.catalog import rows

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the table whose head begins with this cell."""
    lines = text[text.index(f"| {first} |") :].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def read_by_settings() -> dict[str, str]:
    """Every variable with its default, as the code that reads them has it."""
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(settings.load))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "value":
            name, default = (ast.literal_eval(node.args[place]) for place in (0, 3))
            said = {None: "", (): "", False: "0", True: "1"}.get(default, str(default))
            found[f"`MERX_{name}`"] = f"`{said}`" if said else ""
    return found


def test_the_table_of_settings_is_what_is_read() -> None:
    assert {row[0]: row[1] for row in table(README, "variable")} == read_by_settings()
    assert all(row[2] for row in table(README, "variable"))


def test_the_table_of_apis_is_what_is_served() -> None:
    pages = {row[0].strip("`"): row[2].strip("`") for row in table(README, "dialect")}
    assert pages == {dialect.name: f"{dialect.docs}/docs" for dialect in asgi.DIALECTS}


def test_every_command_is_named() -> None:
    said = " ".join(row[0] for row in table(README, "command"))
    for name, one in command().commands.items():
        assert f"`merx {name}" in said
        for below in getattr(one, "commands", {}):
            assert re.search(rf"`(merx {name} )?{below}`", said), f"{name} {below}"


def test_the_columns_of_files_are_what_is_read() -> None:
    page = (ROOT / "docs" / "howto" / "import-export.md").read_text()
    assert tuple(row[0].strip("`") for row in table(page, "column")) == rows.COLUMNS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
