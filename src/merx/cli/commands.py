"""Every command with its arguments and the help a newcomer reads. What a command does is imported when it runs, so that
none pays for another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from merx import __version__

_PLAIN: dict[str, Any] = {"no_args_is_help": True, "add_completion": False, "pretty_exceptions_enable": False}

app = typer.Typer(
    help="Merx is a self-hosted commerce backend: many shops on one installation, each with its own API.\n\n"
    "New here? `merx demo` starts it with two sample shops and says what to do next.",
    epilog="Settings are environment variables that begin with MERX_; README.md lists them. Commands work on the data "
    "folder MERX_DATA_DIR (.merx by default), also while `merx serve` runs on it, or on the PostgreSQL that "
    "MERX_DATABASE_URL names.",
    rich_markup_mode="markdown",
    **_PLAIN,
)
tenants = typer.Typer(help="The shops of this installation.", **_PLAIN)
keys = typer.Typer(help="The API keys of a shop.", **_PLAIN)
app.add_typer(tenants, name="tenants")
app.add_typer(keys, name="keys")

Host = Annotated[str | None, typer.Option(help="The address to listen on; 0.0.0.0 for all. [MERX_HOST, 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="The port to listen on. [MERX_PORT, 8000]")]
Workers = Annotated[
    int | None, typer.Option(min=1, max=64, help="Server processes, about one a core. [MERX_WORKERS, 1]")
]
Shop = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="The shop, by its slug (see `merx tenants list`).")]


def command() -> Any:
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"merx {__version__}")
        raise typer.Exit


@app.callback()
def merx(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    pass


# ── Running ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@app.command()
def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Start everything: database, migrations, APIs and background work.

    Without MERX_DATABASE_URL it runs a PostgreSQL of its own in the data folder. Ctrl-C stops all of it.
    """
    from merx.cli import running

    running.serve(host, port, workers, demo=False)


@app.command()
def demo(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """The same as serve, with two sample shops to try things on.

    Shows their addresses, sign-ins and keys. Starting it again changes nothing in the shops and shows them again.
    """
    from merx.cli import running

    running.serve(host, port, workers, demo=True)


@app.command()
def worker() -> None:
    """Do the background work in a process of its own.

    Webhooks, payments that have to be asked about, orders that were not paid in time. `merx serve` does this too;
    more processes share the work.
    """
    from merx.cli import running

    running.work()


@app.command()
def migrate() -> None:
    """Bring the database to this version of Merx.

    On a PostgreSQL of yours MERX_MIGRATE_URL names a role that may create roles and tables; this also makes the role
    that MERX_DATABASE_URL names. Safe to run at any time, by any number of machines at once.
    """
    from merx.cli import running

    running.migrate()


# ── Shops ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@tenants.command("list")
def tenants_list() -> None:
    """List all shops, oldest first."""
    from merx.cli import shops

    shops.show_all()


@tenants.command("create")
def tenants_create(
    name: Annotated[str, typer.Argument(help='What the shop is called: "My Store".')],
    slug: Annotated[
        str | None, typer.Option(help="Its short name in addresses; made of the name where it is left out.")
    ] = None,
    plan: Annotated[str, typer.Option(help="free, starter, pro or enterprise: how many requests it may get.")] = "free",
    currency: Annotated[str, typer.Option(help="The currency of its prices, like USD, EUR or JPY.")] = "USD",
    domain: Annotated[str | None, typer.Option(help="A domain of its own, like shop.example.com.")] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Who owns it. A person new to Merx gets a password, shown once."),
    ] = None,
) -> None:
    """Open a shop, with an owner or without."""
    from merx.cli import shops

    shops.create(name, slug, plan, currency, domain, owner)


@tenants.command("set-plan")
def tenants_set_plan(
    slug: Annotated[str, typer.Argument(help="The shop's slug.")],
    plan: Annotated[str, typer.Argument(help="free, starter, pro or enterprise.")],
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="What was agreed with this shop instead of the plan's.")
    ] = None,
) -> None:
    """Change how many requests a shop may get."""
    from merx.cli import shops

    shops.set_plan(slug, plan, requests_per_minute)


@keys.command("list")
def keys_list(tenant: Shop) -> None:
    """List a shop's keys: their ids, names, beginnings and what they may do. The keys themselves are not kept."""
    from merx.cli import shops

    shops.show_keys(tenant)


@keys.command("create")
def keys_create(
    tenant: Shop,
    name: Annotated[str, typer.Option(help="What it is for, so that people know it again.")] = "Command line",
    type_: Annotated[
        str, typer.Option("--type", help="publishable: may stand in a browser; secret: for servers.")
    ] = "secret",
    scopes: Annotated[
        str | None,
        typer.Option(
            help='What it may do, separated by commas: products:read,orders:read, or "*" for everything. Left out: '
            "what a storefront needs."
        ),
    ] = None,
) -> None:
    """Make a key and show it, this once."""
    from merx.cli import shops

    shops.create_key(tenant, name, type_, scopes)


@keys.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="Its id or beginning (see `merx keys list`), or the key itself.")],
    tenant: Shop,
) -> None:
    """Make a key useless, at once and for good."""
    from merx.cli import shops

    shops.revoke_key(tenant, key)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────
_FORMAT = "csv or jsonl; by the file's name where it is left out."


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The file; - reads from standard input.")],
    tenant: Shop,
    format_: Annotated[str | None, typer.Option("--format", help=_FORMAT)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
) -> None:
    """Bring products into a shop: variants, categories, prices and stock.

    Products the shop has already (by slug or SKU) are changed, others are made. The whole file goes in or, with a
    single wrong row, nothing; every wrong row is named with its line. docs/howto/import-export.md has the columns.
    """
    from merx.cli import files

    files.bring_in(file, tenant, format_, dry_run)


@app.command()
def export(
    tenant: Shop,
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="Where to; standard output if left out.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help=_FORMAT + " [csv]")] = None,
) -> None:
    """Write a shop's products to a file that `merx import` reads back."""
    from merx.cli import files

    files.bring_out(file, tenant, format_)
